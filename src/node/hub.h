/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub of a node: accounts that connect over links of any kind, and Prepares that it forwards
 * between them. One asset, no balances: every account may spend without limit, as under
 * `moneyd local`. It makes no system call: its owner passes the clocks, a timer, and the links.
 * rill/node.h says the rest.
 *
 * An account's address is <node address>.<account>. Several sessions of one account may be
 * connected at once. Where ilp-plugin-mini-accounts gives a Prepare to all of them, here one has it
 * at a time, the one whose it probably is, and the next only where that one says that it is not its
 * own: two servers of one secret would else both be paid (owners.h). A Prepare from one session of
 * an account may go to the others, never back to the session that it came from.
 */
#ifndef RILL_NODE_HUB_H
#define RILL_NODE_HUB_H

#include <rill/error.h>
#include <rill/ilp.h>
#include <rill/link.h>

#include "node/log.h"
#include "node/terms.h"

typedef struct rill_hub rill_hub;

/* Those that rill_node_options has too are as there. */
typedef struct rill_hub_options {
    const rill_allocator *allocator; /* Default: rill_allocator_default() */
    const char *address;             /* copied */
    const char *asset_code;          /* copied */
    uint8_t asset_scale;
    uint64_t max_packet_amount;
    uint64_t rate_limit;
    uint64_t min_message_window; /* ms */
    uint64_t max_hold_time;      /* ms */
    uint64_t returning_ns;
    uint32_t max_accounts;
    uint32_t max_sessions;
    uint32_t max_open;
    uint32_t max_open_from;
    /* The clocks of now. */
    rill_now (*now)(void *user);
    /* rill_hub_tick is wanted at this time, monotonic nanoseconds, instead of one asked before. */
    void (*wake)(void *user, uint64_t deadline);
    /* After rill_hub_drain: no request is open any more, and none comes. Once; may come from inside
     * any call. */
    void (*drained)(void *user);
    /*
     * Accounts are the owner's, by rill_hub_add, and have balances in these books; nobody else may
     * come. NULL: whoever comes gets an account, and there is no money.
     */
    const rill_money *money;
    const rill_talk *talk;          /* with money; NULL: what is said of routes has no effect */
    const rill_packet_notes *notes; /* with money: rill_hub_set_notes; NULL: no log of packets */
    rill_log log;
    void *user;
} rill_hub_options;

void rill_hub_options_init(rill_hub_options *o);
/* NULL where all is well, else what is wrong, static. */
const char *rill_hub_options_problem(const rill_hub_options *o);

/* RILL_ERR_INVALID (rill_hub_options_problem says why), RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_hub_new(rill_hub **out, const rill_hub_options *options);
/* After every link that it admitted has said `closed`. NULL is allowed. */
void rill_hub_free(rill_hub *h);

/*
 * Takes a link that has authenticated with this name (may be empty) and token
 * as a session of its account: sets what is to be called for the link. When
 * the link goes down for good the node closes it.
 * Both have been logged. RILL_ERR_AUTH: refused. RILL_ERR_LIMIT: too many
 * accounts or sessions, or no memory; it may be otherwise later.
 */
RILL_MUST_CHECK int rill_hub_admit(const rill_link_handlers **handlers, void **user, rill_hub *h,
                                   rill_link *link, rill_bytes name, rill_bytes token);

/* ---- a node with accounts and routes of its own ---- */

struct rill_account;

/*
 * An account with these terms, by which it is known. Terms and name stay the caller's, and where
 * they are, until rill_hub_remove; a NUL comes after the name. RILL_ERR_EXISTS; RILL_ERR_INVALID
 * (the name cannot be in an address), RILL_ERR_LIMIT, RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_hub_add(rill_hub *h, rill_bytes name, rill_terms *terms);
/*
 * No session, no packet and no route may lead to it: false, and nothing is done, if one does.
 */
bool rill_hub_remove(rill_hub *h, rill_terms *terms);
/* Those of the account of this name; NULL: there is none. */
rill_terms *rill_hub_find_terms(const rill_hub *h, rill_bytes name);
/*
 * What sessions of it need, which is made when it is first asked for, and stays until
 * rill_hub_remove. NULL: no memory.
 */
struct rill_account *rill_hub_open_account(rill_hub *h, rill_terms *terms);
/* Of a node without accounts of its own: the account of this name; NULL: there is none. */
struct rill_account *rill_hub_find(const rill_hub *h, rill_bytes name);
/*
 * In a node without money: an account that nobody can be, since no client may have its name, and
 * that addresses do not name: a parent. It stays. RILL_ERR_NOMEM, RILL_ERR_LIMIT, RILL_ERR_EXISTS.
 */
RILL_MUST_CHECK int rill_hub_add_parent(struct rill_account **out, rill_hub *h);
const char *rill_hub_address(const rill_hub *h);
const char *rill_hub_asset(const rill_hub *h, uint8_t *scale);
/* A link that the owner opened, as a session of its account; as rill_hub_admit. */
RILL_MUST_CHECK int rill_hub_attach(const rill_link_handlers **handlers, void **user, rill_hub *h,
                                    rill_link *link, struct rill_account *account);
/*
 * Another link takes the place of one that was attached; user: as it was given then. It is none of
 * its account's sessions any more, and no packet is sent by it. One that comes by it is rejected
 * with T03, but for what a peer says. What is out is answered as before. The caller closes it.
 * Again: nothing.
 */
void rill_hub_part(const rill_hub *h, void *user);
/*
 * Packets to addresses that begin with this go to the account; an empty prefix is for all others.
 * RILL_ERR_ADDRESS, RILL_ERR_EXISTS, RILL_ERR_LIMIT (32 segments), RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_hub_add_route(rill_hub *h, rill_bytes prefix,
                                       struct rill_account *account);
/* The same to an account of the owner's. */
RILL_MUST_CHECK int rill_hub_add_route_to(rill_hub *h, rill_bytes prefix, rill_terms *terms);
/*
 * The same prefix by another account of the owner's, or one that is new: no packet finds nothing in
 * between. The errors of rill_hub_add_route but RILL_ERR_EXISTS.
 */
RILL_MUST_CHECK int rill_hub_set_route(rill_hub *h, rill_bytes prefix, rill_terms *terms);
/* RILL_ERR_NOT_FOUND. */
RILL_MUST_CHECK int rill_hub_remove_route(rill_hub *h, rill_bytes prefix);
/* Where the route of this very prefix leads; NULL: there is none, or not to one of the owner's. */
rill_terms *rill_hub_route_of(const rill_hub *h, rill_bytes prefix);
/* Closes each session of the account: their `closed` follow. */
void rill_hub_close_sessions(const rill_terms *terms);
/*
 * A Prepare of our own to a neighbour; `answered` of rill_talk follows, once, after at most `wait`
 * nanoseconds. RILL_ERR_NOT_CONNECTED, RILL_ERR_CLOSED (draining), the errors of rill_link_send and
 * rill_prepare_encode: nothing follows.
 */
RILL_MUST_CHECK int rill_hub_ask(rill_hub *h, const rill_terms *terms, const rill_prepare *prepare,
                                 uint64_t wait, uint64_t id);
/*
 * The answer to what rill_talk.settle was told, by its ticket: a Fulfill with this data, or a
 * Reject. Whose time is over is ignored. Not from inside rill_talk.settle.
 */
void rill_hub_answer(rill_hub *h, uint64_t ticket, const rill_talk_answer *answer,
                     const char *message);
/* The books are kept up to this group: what waited for it is passed on. */
void rill_hub_kept(rill_hub *h, uint64_t group);

/* ---- its life ---- */

/* Rejects what has expired, and asks for the next tick. */
void rill_hub_tick(rill_hub *h);
/*
 * From now on every new Prepare is rejected T03. `drained` follows when nothing is open, and no
 * Prepare has come for a tenth of a second: one that comes as its connection ends would be in
 * doubt.
 */
void rill_hub_drain(rill_hub *h);
/* Rejects all that is open, T03. */
void rill_hub_abandon(rill_hub *h);
size_t rill_hub_open(const rill_hub *h);
/*
 * Who keeps a log of packets from now on; NULL: nobody. Of those that are under way nothing is told
 * any more. notes stay the caller's, until it says otherwise.
 */
void rill_hub_set_notes(rill_hub *h, const rill_packet_notes *notes);
/* What it logs from now on. */
void rill_hub_set_log_level(rill_hub *h, rill_log_level level);
/* Accounts that it knows, connected or not. */
size_t rill_hub_accounts(const rill_hub *h);
/* Of the account of this name. RILL_ERR_NOT_FOUND. */
RILL_MUST_CHECK int rill_hub_account(const rill_hub *h, rill_bytes name, rill_node_account *out);
/* As rill_node_next_account. */
bool rill_hub_next_account(const rill_hub *h, size_t *cursor, rill_node_account *out);

#endif
