/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Carries the books to the store, group by group: one is written while the next fills. Whoever
 * waits for a group (a Fulfill that is to be passed on) is told when it is kept. When a store
 * cannot write, the same group is tried again, and again, and nobody is told: nothing is passed on
 * that is not in the books.
 */
#ifndef RILL_CONNECTOR_CLERK_H
#define RILL_CONNECTOR_CLERK_H

#include <rill/types.h>

#include "base/map.h"
#include "connector/books.h"
#include "store/store.h"

/* How long after a failed write the next is tried: doubled each time. */
#define RILL_CLERK_FIRST_WAIT   (100 * RILL_MS)
#define RILL_CLERK_LONGEST_WAIT (5 * RILL_SECOND)
/* Bytes of routes that wait for the next group. */
#define RILL_CLERK_ROUTE_BYTES (64 * 1024 * 1024)
/* Bytes of who, note and key of an entry, each. */
#define RILL_ENTRY_TEXT_MAX 255

typedef struct rill_clerk_options {
    const rill_allocator *allocator;
    rill_durability durability;
    /* All groups up to this one are kept. From rill_clerk_written. */
    void (*kept)(void *user, uint64_t group);
    /*
     * The store fails (problem: one line), or works again (NULL). While it fails the node should
     * refuse packets: what is fulfilled cannot be passed on.
     */
    void (*failing)(void *user, const char *problem);
    /* rill_clerk_enter has booked this, in a group that is not kept yet. May be NULL. */
    void (*entered)(void *user, const rill_balance *a, const rill_store_entry *entry,
                    uint64_t group);
    void *user;
    uint64_t seed; /* random */
} rill_clerk_options;

/* What is on its way to the store beside what the books have. */
typedef struct rill_clerk_page {
    rill_group group;
    rill_store_account *accounts;
    size_t account_count;
    size_t account_cap;
    rill_store_entry *entries;
    size_t entry_count;
    size_t entry_cap;
    rill_store_route *routes;
    size_t route_count;
    size_t route_cap;
    size_t route_bytes; /* of what they point at, and of themselves */
    rill_store_settlement *settlements;
    size_t settlement_count;
    size_t settlement_cap;
    rill_store_setting *settings;
    size_t setting_count;
    size_t setting_cap;
    char **texts; /* what all of these but the group point at */
    size_t text_count;
    size_t text_cap;
    rill_store_batch batch;
} rill_clerk_page;

typedef struct rill_clerk {
    rill_clerk_options options;
    rill_books *books;
    rill_store *store;
    rill_clerk_page pages[2];
    unsigned filling;  /* which of the two */
    bool writing;      /* the other is at the store */
    bool failed;       /* and the store could not write it */
    uint64_t retry_at; /* monotonic nanoseconds, if failed */
    uint64_t wait;
    uint64_t lines_kept;       /* of the audit, since this node began */
    const char *person;        /* whose lines follow (rill_store_entry.person): set by who asks */
    rill_balance_id kept_last; /* the store has all balances up to this one */
    rill_list keys;            /* of entries that had one, which are never forgotten */
    rill_map by_key;
} rill_clerk;

/* The store is set by rill_clerk_begin. Allocates nothing yet. */
void rill_clerk_init(rill_clerk *c, rill_books *books, const rill_clerk_options *options);
/* last: the balances up to this one are in the store. */
void rill_clerk_begin(rill_clerk *c, rill_store *store, rill_balance_id last);
/* The store is closed first. */
void rill_clerk_clear(rill_clerk *c);

/* ---- what is written with the next group ---- */

/* A new balance; the strings are copied. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_clerk_open_account(rill_clerk *c, const rill_store_account *account);
/*
 * What is known of a route; all of it is copied. RILL_ERR_NOMEM. RILL_ERR_LIMIT: it is one that a
 * neighbour told, and the store fails, or RILL_CLERK_ROUTE_BYTES wait already. Neighbours could
 * else fill the memory while nothing can be written.
 */
RILL_MUST_CHECK int rill_clerk_put_route(rill_clerk *c, const rill_store_route *route);
/* What is known of a settlement; texts are copied. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_clerk_put_settlement(rill_clerk *c,
                                              const rill_store_settlement *settlement);
/* To take back what rill_clerk_put_settlement has put since, if nothing else was put. */
typedef struct rill_clerk_mark {
    size_t settlements;
    size_t texts;
} rill_clerk_mark;
rill_clerk_mark rill_clerk_mark_settlements(const rill_clerk *c);
void rill_clerk_unput_settlements(rill_clerk *c, rill_clerk_mark to);
/* What somebody has changed, or an empty value: it is not there any more. Texts are copied.
 * *group is the one that it is kept with. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_clerk_put_setting(rill_clerk *c, const rill_store_setting *setting,
                                           uint64_t wall_ms, uint64_t *group);
/* A key that the store has already, when a node starts. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_clerk_know_key(rill_clerk *c, rill_balance_id account, const char *key,
                                        rill_entry_kind kind, uint64_t amount);
/* What was booked with this key, and in which group. False: nothing was. */
bool rill_clerk_find_key(const rill_clerk *c, rill_balance_id account, const char *key,
                         rill_entry_kind *kind, uint64_t *amount, uint64_t *group);
/*
 * Books what was settled, deposited or withdrawn, with its line of the audit; texts are copied.
 * Where the entry has no person, it has that of the clerk. *group is the one that it is in.
 * RILL_ERR_EXISTS: the same key came before with the same kind and amount, and nothing is booked
 * again; *group is the one that it is in since (0: an earlier run of the node kept it).
 * RILL_ERR_STATE: it came with others. RILL_ERR_INVALID: a text is too long, or nobody did it.
 * RILL_ERR_NOMEM. Then nothing changed.
 */
RILL_MUST_CHECK int rill_clerk_enter(rill_clerk *c, rill_balance *a, const rill_store_entry *entry,
                                     uint64_t *group);

/*
 * A line of the audit without money: somebody changed how the node runs. RILL_ERR_INVALID,
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_clerk_note(rill_clerk *c, rill_balance_id account, uint64_t at_ms,
                                    const char *who, const char *what);

/* Lines of the audit since this node began, those on their way to the store among them. */
uint64_t rill_clerk_lines(const rill_clerk *c);

/* ---- the way to the store ---- */

/* At the end of a turn of the loop: gives the store what has changed, if it is not writing. */
void rill_clerk_turn(rill_clerk *c, uint64_t mono_ns);
/* rill_store_written: what the store says. */
void rill_clerk_written(rill_clerk *c, int rc, const char *problem, uint64_t mono_ns);
/* When rill_clerk_turn is wanted even if nothing changes; RILL_NEVER. */
uint64_t rill_clerk_deadline(const rill_clerk *c);
/* Is all that was booked in the store? */
bool rill_clerk_is_done(const rill_clerk *c);

/*
 * May a Fulfill of this group be passed on? With RILL_DURABILITY_NONE always, unless the store
 * fails.
 */
static inline bool rill_clerk_has_kept(const rill_clerk *c, uint64_t group)
{
    return c->books->kept >= group || (c->options.durability == RILL_DURABILITY_NONE && !c->failed);
}

#endif
