/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connector without input or output: the hub with accounts of the configuration, the books that
 * keep their money, prices between their assets, and the clerk that carries the books to a store.
 * Its owner passes clocks, links, and the store.
 */
#ifndef RILL_CONNECTOR_CORE_H
#define RILL_CONNECTOR_CORE_H

#include <rill/error.h>
#include <rill/link.h>

#include "base/map.h"
#include "connector/books.h"
#include "connector/clerk.h"
#include "connector/config.h"
#include "connector/histogram.h"
#include "connector/outcomes.h"
#include "connector/packet_desk.h"
#include "connector/packet_live.h"
#include "connector/rates.h"
#include "connector/rejects.h"
#include "connector/routing.h"
#include "connector/settler.h"
#include "crypto/crypto.h"
#include "node/hub.h"
#include "node/pace.h"
#include "store/flights.h"

typedef struct rill_core rill_core;

/*
 * Packets of an account that were fulfilled after its connection was lost, or the request over HTTP
 * by which it sent them. It has not seen that they were, so its own books may lack them. Since the
 * node began.
 */
typedef struct rill_unseen {
    uint64_t packets;
    uint64_t amount;      /* units */
    uint64_t told_ms;     /* when the audit was told last; 0: not yet */
    uint64_t new_packets; /* that the audit was not told of */
    uint64_t new_amount;
} rill_unseen;

/* Do a parent and this node hold the account in the same asset and scale? */
typedef enum rill_agreement {
    RILL_AGREED, /* or nobody has said otherwise */
    RILL_AGREEMENT_ASKED,
    RILL_NOT_AGREED
} rill_agreement;

/* A neighbour. There may be 100,000, most of them idle: what few need is allocated when they do. */
typedef struct rill_holder_account {
    rill_terms terms; /* first: what the hub knows it by */
    rill_balance balance;
    rill_settling *settling; /* NULL: it never had an engine */
    const rill_config_account *config;
    rill_flow *last;         /* the flow of its last packet; NULL: none yet */
    rill_rejects *rejects;   /* NULL: none of its packets was rejected yet */
    rill_outcomes *outcomes; /* NULL: nothing is in them yet */
    uint64_t fulfilled_to;   /* packets to it that it fulfilled, since the node began */
    rill_unseen *unseen;     /* NULL: it has not sent a packet yet */
    rill_pace *pace;         /* NULL: it never had such limits; terms.pace, while it has them */
    struct rill_holder_account *next_leaving;
    uint64_t leave_at; /* monotonic nanoseconds: until then its open packets are waited for */
    uint32_t comings;  /* how often it had its first session; it wraps */
    rill_agreement agreement; /* with a parent, of the asset */
    bool charge_unseen;       /* it owes what it has not seen; false: the node bears that */
    bool routed;              /* packets to its address go to it */
    bool leaving;             /* it is not in the configuration any more */
    bool parted;              /* its sessions were closed */
    bool fresh;               /* of a change that is not applied yet */
    bool listed;              /* the new configuration has it */
    bool lost_token;        /* a token is not good any more: its sessions may have shown that one */
    rill_speaker_peer peer; /* what is said of routes */
} rill_holder_account;

/* What it has not seen. */
static inline rill_unseen rill_core_unseen(const rill_holder_account *a)
{
    return a->unseen != NULL ? *a->unseen : (rill_unseen){0};
}

typedef struct rill_core_options {
    const rill_allocator *allocator;
    const rill_config *config; /* borrowed */
    rill_crypto *crypto;       /* borrowed */
    /* As of rill_hub_options. */
    rill_now (*now)(void *user);
    void (*wake)(void *user, uint64_t deadline);
    void (*drained)(void *user);
    rill_log log;
    /* rill_core_turn is wanted at the end of this turn of the loop: something was booked. */
    void (*soon)(void *user);
    /* The books are kept up to this group. May be NULL. */
    void (*kept)(void *user, uint64_t group);
    /*
     * Asks a settlement engine; rill_core_engine_answered follows, later, if this returns RILL_OK.
     * NULL: none can be asked.
     */
    int (*engine)(void *user, const rill_engine_call *call);
    /*
     * What a neighbour has answered to an engine's message (rill_engine_reply.message), as a status
     * of HTTP. data is good until this returns. May be NULL.
     */
    void (*messaged)(void *user, uint64_t message, unsigned status, rill_bytes data);
    /* A settlement or the like is booked; its group is not kept yet. May be NULL. */
    void (*entered)(void *user, const rill_holder_account *a, const rill_store_entry *entry,
                    uint64_t group);
    /* The value of a secret of the configuration, as rill_config_secret. */
    int (*secret)(void *user, const char *where, char *out, size_t cap);
    void *user;
} rill_core_options;

/*
 * A connector without accounts yet. *problem says what is wrong, static. RILL_ERR_INVALID,
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_core_new(rill_core **out, const rill_core_options *options,
                                  const char **problem);
/* After every link has said `closed`, and after the store is closed. NULL is allowed. */
void rill_core_free(rill_core *c);

/* What the store has: to be told before rill_core_begin. RILL_ERR_NOMEM, RILL_ERR_MALFORMED. */
RILL_MUST_CHECK int rill_core_know(rill_core *c, const rill_store_account *account,
                                   rill_i128 booked);
/* What the store has of a route: to be told before rill_core_begin. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_core_know_route(rill_core *c, const rill_store_route *route);
/* What the store has of a settlement: the same. RILL_ERR_NOMEM, RILL_ERR_MALFORMED. */
RILL_MUST_CHECK int rill_core_know_settlement(rill_core *c,
                                              const rill_store_settlement *settlement);
/*
 * What the store has of a price that was entered: the same. One that cannot be read, or is in
 * another base, is left out. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_know_price(rill_core *c, const rill_store_setting *setting);
/*
 * After rill_core_begin: those that were entered in another base than the configuration's are taken
 * away, for good.
 */
void rill_core_forget_old_prices(rill_core *c);
/*
 * Keeps what somebody has changed. *group is when it is kept. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_put_setting(rill_core *c, const rill_store_setting *setting,
                                          uint64_t *group);
/* A key that an entry of the store has: what is asked for with it again is not booked again. */
RILL_MUST_CHECK int rill_core_know_key(rill_core *c, const rill_store_entry *entry);
/*
 * Where packets are listed while they are out, borrowed; what is in it is of earlier runs. To be
 * told before rill_core_know_run. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_list_flights(rill_core *c, rill_flights *file);
/* A run of the node before this one, as of rill_store_reader. */
void rill_core_know_run(rill_core *c, uint64_t run, uint64_t kept);
/*
 * Opens the accounts of the configuration; what is new goes to the store, which is borrowed. report
 * says what is wrong, each with its place. RILL_ERR_INVALID: something is. RILL_ERR_NOMEM,
 * RILL_ERR_CRYPTO.
 */
RILL_MUST_CHECK int rill_core_begin(rill_core *c, rill_store *store, rill_shape_report *report,
                                    void *report_user);

/* ---- links ---- */

/* A neighbour that has shown this token: as rill_hub_admit. */
RILL_MUST_CHECK int rill_core_admit(const rill_link_handlers **handlers, void **user, rill_core *c,
                                    rill_link *link, rill_bytes name, rill_bytes token);
size_t rill_core_accounts(const rill_core *c);
rill_holder_account *rill_core_account(const rill_core *c, size_t index);
rill_hub *rill_core_hub(const rill_core *c);

/* NULL: there is no account of this name. */
rill_holder_account *rill_core_find(const rill_core *c, rill_bytes name);
/*
 * Books what was settled, deposited or withdrawn: the errors of rill_clerk_enter. *group is when it
 * is kept.
 */
RILL_MUST_CHECK int rill_core_enter(rill_core *c, rill_holder_account *a,
                                    const rill_store_entry *entry, uint64_t *group);
/*
 * Writes into the audit that somebody changed something of an account, or of the node (a is NULL).
 * A text that is too long is cut. RILL_ERR_INVALID (who is empty or too long), RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_note(rill_core *c, const rill_holder_account *a, const char *who,
                                   const char *what);
/*
 * Lines of the audit from now on are of what this one asks for, as the node knows him: where his
 * token is from, or the user of the socket. The text stays the caller's. NULL: nobody asks any
 * more.
 */
void rill_core_ask_as(rill_core *c, const char *person);
/* NULL: nobody asks. */
const char *rill_core_asker(const rill_core *c);
/* A token of 256 random bits in digits, and "sha256:" with its hash. RILL_ERR_CRYPTO. */
#define RILL_CORE_TOKEN 65
#define RILL_CORE_HASH  72
RILL_MUST_CHECK int rill_core_new_token(const rill_core *c, char token[RILL_CORE_TOKEN],
                                        char hash[RILL_CORE_HASH]);
/* As rill_hub_drain. */
void rill_core_drain(rill_core *c);
bool rill_core_is_draining(const rill_core *c);
/*
 * The audit is told of what was counted of late and unseen Fulfills and is not told yet. Once no
 * link is open any more, and before the books are written for the last time.
 */
void rill_core_tell_rest(rill_core *c);
/* What is logged of packets and sessions from now on. */
void rill_core_set_log_level(rill_core *c, rill_log_level level);
const rill_config *rill_core_config(const rill_core *c);

/* ---- another configuration ---- */

/* What becomes different. */
typedef struct rill_core_change rill_core_change;

/*
 * Looks what another configuration changes, and gets everything ready, so that
 * rill_core_apply cannot fail. What is wrong is reported. RILL_ERR_INVALID: something is.
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO. Then nothing has changed. fresh is borrowed.
 */
RILL_MUST_CHECK int rill_core_prepare(rill_core_change **out, rill_core *c,
                                      const rill_config *fresh, rill_shape_report *report,
                                      void *report_user);
/* Nothing of it is wanted. */
void rill_core_forget_change(rill_core_change *change);
/*
 * The configuration of the options is the new one from now on: the caller puts it there when this
 * returns; what accounts pointed at in the old one may still be needed while rill_core_is_leaving.
 * Each difference is told, logged, and written into the audit. tell may be NULL.
 */
void rill_core_apply(rill_core_change *change, const char *who,
                     void (*tell)(void *user, const char *line), void *user);
/* The account of this name, as the new configuration has it: for who attaches links. */
rill_holder_account *rill_core_change_account(const rill_core_change *change, size_t index);
/* Goes on parting with accounts that were taken out. To be called again while some are leaving. */
void rill_core_part(rill_core *c);
bool rill_core_is_leaving(const rill_core *c);
/* Whether an account of that name is among them. */
bool rill_core_leaves(const rill_core *c, const char *name);
/* Whether nothing of it is waited for any more. It goes when its last link is closed. */
bool rill_core_has_parted(const rill_core *c, const char *name);

/* ---- balances of accounts that are not in the configuration ---- */

typedef struct rill_core_closed {
    const char *name;
    const char *asset;
    uint8_t scale;
    rill_balance_id id;
    rill_i128 booked;
} rill_core_closed;

/*
 * Those that the store has, or is about to have, of 0 units also: *cursor is 0 at first. False: no
 * more.
 */
bool rill_core_next_closed(const rill_core *c, size_t *cursor, rill_core_closed *out);
/* The node's own in an asset that no account is held in now; 0: it has none. */
rill_i128 rill_core_closed_own(const rill_core *c, rill_holder holder, const char *asset,
                               uint8_t scale);

/* ---- packets that were out when the node was killed ---- */

typedef struct rill_core_flight {
    const rill_flight *flight;
    uint32_t slot;                     /* with the run it says which one it is */
    const rill_holder_account *source; /* NULL: it is not in the configuration any more */
    const rill_holder_account *destination;
} rill_core_flight;

/* Those of which nobody knows yet how they ended: *cursor is 0 at first. False: no more. */
bool rill_core_next_flight(const rill_core *c, size_t *cursor, rill_core_flight *out);
/* How many had been fulfilled, and were booked at this start. */
uint64_t rill_core_recovered(const rill_core *c);
/* Ends those that have expired, and says when to look again; RILL_NEVER. */
uint64_t rill_core_expire_flights(rill_core *c);

/* ---- what is outstanding at engines ---- */

/* The next account that has something outstanding; NULL at first. False: there is none. */
bool rill_core_next_outstanding(const rill_core *c, const rill_settling **cursor);

typedef struct rill_core_holding {
    const char *code; /* of its asset */
    uint8_t scale;
    rill_i128 booked; /* what the node owes it */
} rill_core_holding;

/* Its asset and balance, whether it is open or not. False: the store does not have it. */
bool rill_core_asset_of(const rill_core *c, const rill_settling *a, rill_core_holding *out);
/* The same of what no engine has taken, of at least a unit, and is owed beside the balance. */
bool rill_core_next_left_out(const rill_core *c, const rill_settling **cursor);
/*
 * As rill_settler_end, for the account of this name that has it, open or not. *of: the account,
 * unless it is RILL_ERR_NOT_FOUND.
 */
RILL_MUST_CHECK int rill_core_end_outstanding(rill_core *c, rill_bytes name,
                                              const rill_settler_word *word,
                                              const rill_settling **of, uint64_t *group);
/*
 * Where the store says that tokens of engines are: to be told before rill_core_begin, after
 * settlements. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_know_engine_tokens(rill_core *c, const rill_store_setting *setting);
/* What was agreed with an account's engine: RILL_SETTING_ENGINE_TERMS. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_core_know_engine_terms(rill_core *c, const rill_store_setting *setting);

/* ---- time ---- */

rill_now rill_core_now(const rill_core *c);
/* The books cannot be written at the moment. */
bool rill_core_is_failing(const rill_core *c);
/*
 * What a parent says of the account that it has with this node. Until it is agreed on, nothing is
 * forwarded from it or to it.
 */
void rill_core_set_agreement(rill_core *c, rill_holder_account *a, rill_agreement agreement);
/* False: a parent holds its account in another asset or scale than this node does. */
bool rill_core_is_agreed(const rill_core *c);
/* "ready", or what keeps packets from being forwarded: for people, static. */
const char *rill_core_state(const rill_core *c);
/* Is what was booked in this group in the store? */
bool rill_core_has_kept(const rill_core *c, uint64_t group);

/* At the end of a turn of the loop, and at rill_core_deadline. */
void rill_core_turn(rill_core *c);
/* When rill_core_turn is wanted though nothing happens; RILL_NEVER. */
uint64_t rill_core_deadline(const rill_core *c);
/* What an engine has answered to this call. One that nobody waits for is ignored. */
void rill_core_engine_answered(rill_core *c, uint64_t id, const rill_engine_answer *answer);
/* The same, for what is to be said of routes and to engines; 0: at once. */
uint64_t rill_core_routes_deadline(const rill_core *c);
/* What the store says of the batch that it had. */
void rill_core_written(rill_core *c, int rc, const char *problem);
/* Is everything in the store? */
bool rill_core_is_kept(const rill_core *c);
/* Are all accounts in the store? Packets of those that are not are refused. */
bool rill_core_accounts_are_kept(const rill_core *c);

/* ---- the log of packets ---- */

/*
 * Packets are noted there from now on, borrowed; NULL: nowhere. Of those that are under way no line
 * is written. After rill_core_begin.
 */
void rill_core_log_packets(rill_core *c, rill_packet_desk *desk);
/* NULL: there is none. */
rill_packet_desk *rill_core_packet_log(const rill_core *c);

/* ---- packets as they pass ---- */

/*
 * One more watches: *watch is its number, for rill_live_next. While somebody does, a packet costs
 * more. RILL_ERR_LIMIT: RILL_LIVE_WATCHES do already; RILL_ERR_NOMEM. After rill_core_begin.
 */
RILL_MUST_CHECK int rill_core_watch_packets(rill_core *c, const rill_live_filter *filter,
                                            unsigned *watch);
void rill_core_unwatch_packets(rill_core *c, unsigned watch);
/* NULL: nobody watches. */
rill_live *rill_core_live_packets(const rill_core *c);

/* ---- what one operator proposes, and another one confirms ---- */

/* At once. */
#define RILL_PROPOSALS_MAX 100

/*
 * What the store has of a proposal: to be told before rill_core_begin. One that cannot be read is
 * left out, with a line in the log. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_core_know_proposal(rill_core *c, const rill_store_setting *setting);
/* By their names, with what is proposed: admin_proposals.c. */
rill_overlay *rill_core_proposals(rill_core *c);
const rill_overlay *rill_core_all_proposals(const rill_core *c);

/* ---- who asks to be a peer ---- */

struct rill_peering *rill_core_peering(rill_core *c);
const struct rill_peering *rill_core_peering_state(const rill_core *c);

/* ---- who is told of lines of the audit ---- */

/* A setting: how far it has come. */
#define RILL_SETTING_WEBHOOK "webhook"

struct rill_webhook *rill_core_webhook(rill_core *c);
const struct rill_webhook *rill_core_webhook_state(const rill_core *c);
/* How many lines of the audit the store has got since this node began. */
uint64_t rill_core_lines_kept(const rill_core *c);
/* The number of the newest line that the store had: to be told before rill_core_begin. */
void rill_core_know_lines(rill_core *c, uint64_t last);
uint64_t rill_core_lines_before(const rill_core *c);
/* The number of the newest line by now, which the store may not have yet. */
uint64_t rill_core_last_line(const rill_core *c);

/* ---- looking ---- */

/* How long things took. */
typedef struct rill_waits {
    rill_histogram
        packets; /* from a Prepare until its Fulfill came, of packets that were fulfilled */
    rill_histogram books; /* from the first booking of a group until it was kept */
} rill_waits;

const rill_waits *rill_core_waits(const rill_core *c);
const rill_rates *rill_core_rates(const rill_core *c);
const rill_books *rill_core_books(const rill_core *c);
/* For rill_routing_next. */
const rill_routing *rill_core_routing(const rill_core *c);
/* Do all balances add up to 0, in each asset? */
bool rill_core_is_even(const rill_core *c);

#endif
