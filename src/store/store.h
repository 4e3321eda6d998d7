/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a node keeps its books: the interface of stores, and what they keep. The packet path never
 * waits for a store. It decides in memory, and hands over what has changed in batches; a store
 * writes a batch whole or not at all, in its own time, and says when it is kept.
 *
 * Values in a batch are whole, not changes: balances and flows replace what was there. So a batch
 * of which nobody knows if it was written may be written again.
 */
#ifndef RILL_STORE_STORE_H
#define RILL_STORE_STORE_H

#include <rill/types.h>

#include "base/sum.h"
#include "base/wide.h"

/* Which balance, for good. 0 is none. */
typedef uint32_t rill_balance_id;

typedef enum rill_holder {
    RILL_HOLDER_NEIGHBOUR = 1, /* an account of the configuration or of the API */
    RILL_HOLDER_EXCHANGE,      /* the node's own, one for each asset */
    RILL_HOLDER_OUTSIDE,       /* what was settled, deposited or adjusted, one for each asset */
    RILL_HOLDER_NODE,          /* the node itself: changes that are of no account; always 0 */
} rill_holder;

#define RILL_STORE_NAME_MAX  255
#define RILL_STORE_ASSET_MAX 63

/* Whose balance an id is. Written once, before anything else of the same id. */
typedef struct rill_store_account {
    rill_balance_id id;
    rill_holder holder;
    const char *name;  /* the account's id; empty for the node's own */
    const char *asset; /* its code */
    uint8_t scale;
    uint64_t created_ms;
} rill_store_account;

typedef struct rill_store_balance {
    rill_balance_id id;
    rill_i128 booked; /* what the node owes the holder */
} rill_store_balance;

/* What packets from one to the other booked in a minute, of this run of the node. */
typedef struct rill_store_flow {
    uint64_t minute; /* since 1970 */
    rill_balance_id source;
    rill_balance_id destination;
    uint64_t packets;
    rill_sum taken; /* in the source's asset */
    rill_sum given; /* in the destination's asset */
} rill_store_flow;

/* What moves money other than a packet does. The numbers are in files: they stay. */
typedef enum rill_entry_kind {
    RILL_ENTRY_SETTLED_IN = 1,   /* the holder paid outside: the node owes more */
    RILL_ENTRY_SETTLED_OUT = 2,  /* the node paid outside: it owes less */
    RILL_ENTRY_DEPOSIT = 3,      /* the operator gave: the node owes more */
    RILL_ENTRY_WITHDRAWAL = 4,   /* the operator took: it owes less */
    RILL_ENTRY_CHANGE = 5,       /* no money: somebody changed how the node runs; amount is 0 */
    RILL_ENTRY_SETTLED_BACK = 6, /* a RILL_ENTRY_SETTLED_OUT was not paid: the node owes it again */
} rill_entry_kind;

/* One line of the audit. It is never changed, and never taken out. */
typedef struct rill_store_entry {
    uint64_t at_ms;
    rill_balance_id account;
    rill_entry_kind kind;
    uint64_t amount;  /* units */
    const char *who;  /* did it: "api", "engine", a person's name; not empty */
    const char *note; /* may be empty */
    const char *key;  /* what makes it unique, however often it is asked for; empty: nothing does */
    /* As whom the node knows who did it: where a token is from, the user of the socket. NULL or
     * empty: nobody asked, or nothing is known. */
    const char *person;
} rill_store_entry;

/*
 * What a node knows of a route: whose it is, to which prefix, and all else, which is the node's own
 * business. An empty value: it knows it no longer.
 */
typedef struct rill_store_route {
    const char *account;
    rill_bytes prefix;
    rill_bytes value;
} rill_store_route;

/* What a node knows of settlements by an engine (RFC 38). The numbers are in files: they stay. */
typedef enum rill_settlement_kind {
    /* The engine was asked for it, or will be, and has not said yes. Its amount is booked. */
    RILL_SETTLEMENT_OUT = 1,
    RILL_SETTLEMENT_IN = 2,       /* the engine told it, and it is booked; kept for its key */
    RILL_SETTLEMENT_LEFT_OUT = 3, /* booked, and no engine has taken it; no key */
    RILL_SETTLEMENT_LEFT_IN = 4,  /* told by an engine, less than a unit, not booked; no key */
    RILL_SETTLEMENT_ENGINE = 5,   /* an engine that knows the account; no key, amount 0 */
} rill_settlement_kind;

typedef struct rill_store_settlement {
    rill_balance_id account;
    rill_settlement_kind kind;
    const char *key;    /* its idempotency key; with account and kind it says which one it is */
    const char *engine; /* its URL; may be empty */
    const char *amount; /* digits */
    uint8_t scale;      /* of the amount */
    uint64_t at_ms;     /* when it began; of IN: when its key was last used */
    bool gone;          /* it is not known any more: the members above but key are of no use */
} rill_store_settlement;

/*
 * What somebody has changed while the node runs, and stands beside its configuration: of a kind
 * ("route"), by its name. An empty value: it is not there any more.
 */
typedef struct rill_store_setting {
    const char *kind;
    const char *name;
    const char *value;
} rill_store_setting;

/* Everything that is to be kept at once. It stays the caller's, unchanged, until it is answered. */
typedef struct rill_store_batch {
    const rill_store_account *accounts;
    size_t account_count;
    const rill_store_balance *balances;
    size_t balance_count;
    const rill_store_flow *flows;
    size_t flow_count;
    const rill_store_entry *entries;
    size_t entry_count;
    const rill_store_route *routes; /* in their order: the same one may come again */
    size_t route_count;
    const rill_store_settlement *settlements; /* in their order: the same one may come again */
    size_t settlement_count;
    const rill_store_setting *settings; /* in their order: the same one may come again */
    size_t setting_count;
    uint64_t group; /* that the store has once this is kept; 0: as before */
} rill_store_batch;

/* When is a batch kept? */
typedef enum rill_durability {
    RILL_DURABILITY_FULL,   /* once it is on the disk: nothing is lost when the power goes */
    RILL_DURABILITY_NORMAL, /* once the system has it: nothing is lost when the process dies */
    RILL_DURABILITY_NONE,   /* at once, and it is written in the node's own time */
} rill_durability;

/*
 * What a store has, when a node starts. Called in this order; another value than 0 ends it. A
 * function may be NULL.
 */
typedef struct rill_store_reader {
    int (*account)(void *user, const rill_store_account *account, rill_i128 booked);
    /* Of each entry that has one. */
    int (*key)(void *user, const rill_store_entry *entry);
    int (*route)(void *user, const rill_store_route *route);
    int (*settlement)(void *user, const rill_store_settlement *settlement);
    int (*setting)(void *user, const rill_store_setting *setting);
    /*
     * Each run of the node before this one, in order, with the last group of it that was kept.
     * UINT64_MAX: all that is left of it has been dealt with.
     */
    int (*run)(void *user, uint64_t run, uint64_t kept);
    void *user;
} rill_store_reader;

typedef struct rill_store rill_store;
typedef struct rill_store_look rill_store_look; /* store/look.h */

typedef struct rill_store_ops {
    /*
     * Writes a batch in the background. Returns at once; written follows, from the thread of
     * rill_store_collect. One batch at a time.
     */
    void (*write)(rill_store *s, const rill_store_batch *batch);
    /* Tells what has been written since, by `written`. */
    void (*collect)(rill_store *s);
    /* Waits for what is being written, then ends. All looks are done when it returns. */
    void (*close)(rill_store *s);
    /* Looks into it in the background; `done` of the look follows, always. NULL: it cannot. */
    void (*look)(rill_store *s, rill_store_look *look);
} rill_store_ops;

/* rc: RILL_OK, or RILL_ERR_IO and others of the store: nothing of the batch was kept. */
typedef void (*rill_store_written)(void *user, const rill_store_batch *batch, int rc,
                                   const char *problem);

struct rill_store {
    const rill_store_ops *ops;
};

static inline void rill_store_write(rill_store *s, const rill_store_batch *batch)
{
    s->ops->write(s, batch);
}

static inline void rill_store_collect(rill_store *s)
{
    s->ops->collect(s);
}

static inline void rill_store_look_into(rill_store *s, rill_store_look *look)
{
    s->ops->look(s, look);
}

static inline void rill_store_close(rill_store *s)
{
    if (s != NULL)
        s->ops->close(s);
}

#endif
