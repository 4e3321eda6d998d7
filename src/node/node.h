/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local node: accounts that connect over links of any kind, and Prepares
 * that it forwards between them. One asset, no balances: every account may
 * spend without limit, as under `moneyd local`. It makes no system call: its
 * owner passes the clocks, a timer, and the links.
 *
 * An account's address is <node address>.<account>. Several sessions of one
 * account may be connected at once. Where ilp-plugin-mini-accounts gives a Prepare
 * to all of them, here one has it at a time, the one whose it probably is, and the
 * next only where that one says that it is not its own: two servers of one secret
 * would else both be paid (owners.h). A Prepare from one session of an account may
 * go to the others, never back to the session that it came from.
 */
#ifndef RILL_NODE_NODE_H
#define RILL_NODE_NODE_H

#include <rill/error.h>
#include <rill/link.h>

#include "node/log.h"

typedef struct rill_node rill_node;

typedef struct rill_node_options {
    const rill_allocator *allocator; /* rill_allocator_default() at first */
    const char *address;             /* private.rill at first; copied */
    const char *asset_code;          /* XRP at first; copied */
    uint8_t asset_scale;             /* 9 at first */
    uint64_t max_packet_amount;      /* units; UINT64_MAX at first, which limits nothing */
    uint64_t rate_limit;             /* packets a second of an account; 0 at first: no limit */
    uint64_t min_message_window;     /* ms taken off each expiry: 1000 at first */
    uint64_t max_hold_time;          /* ms that a Prepare may wait at most: 30000 at first */
    uint32_t max_accounts;           /* 100000 at first */
    uint32_t max_sessions;           /* of one account: 64 at first, and at most */
    uint32_t max_open;               /* requests open of all accounts: 500000 at first */
    uint32_t max_open_from;          /* requests open from one account: 20000 at first */
    /* The clocks of now. */
    rill_now (*now)(void *user);
    /* rill_node_tick is wanted at this time, monotonic nanoseconds, instead of one asked before. */
    void (*wake)(void *user, uint64_t deadline);
    /* After rill_node_drain: no request is open any more. Once; may come from inside any call. */
    void (*drained)(void *user);
    rill_log log;
    void *user;
} rill_node_options;

void rill_node_options_init(rill_node_options *o);
/* NULL where all is well, else what is wrong, static. */
const char *rill_node_options_problem(const rill_node_options *o);

/* RILL_ERR_INVALID (rill_node_options_problem says why), RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_node_new(rill_node **out, const rill_node_options *options);
/* After every link that it admitted has said `closed`. NULL is allowed. */
void rill_node_free(rill_node *n);

/*
 * Takes a link that has authenticated with this name (may be empty) and token
 * as a session of its account: sets what is to be called for the link. When
 * the link goes down for good the node closes it.
 * Both have been logged. RILL_ERR_AUTH: refused. RILL_ERR_LIMIT: too many
 * accounts or sessions, or no memory; it may be otherwise later.
 */
RILL_MUST_CHECK int rill_node_admit(rill_node *n, rill_bytes name, rill_bytes token,
                                    rill_link *link, const rill_link_handlers **handlers,
                                    void **user);

/* Rejects what has expired, and asks for the next tick. */
void rill_node_tick(rill_node *n);
/* From now on every new Prepare is rejected T03; `drained` follows when nothing is open. */
void rill_node_drain(rill_node *n);
/* Rejects all that is open, T03. */
void rill_node_abandon(rill_node *n);
size_t rill_node_open(const rill_node *n);
/* Logs what each connected account sent and got, as RILL_LOG_WARNING so that it shows. */
void rill_node_report(const rill_node *n);

#endif
