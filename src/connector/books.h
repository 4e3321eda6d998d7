/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node's books: double entry, in memory, with no input or output. Whoever owns them carries
 * what changed to a store, in groups, and passes a Fulfill on only when its group is kept there.
 *
 * A balance is what the node owes, in units of the balance's asset: above 0 the node owes its
 * holder, below 0 the holder owes the node. Each entry moves an amount from one balance to another
 * of the same asset, so the balances of an asset always add up to 0. Besides neighbours these
 * have a balance:
 *
 * - the exchange, one for each asset: a packet from A to B takes from A and gives to the exchange
 *   in A's asset, and takes from the exchange and gives to B in B's asset. What the node earns
 *   by spread and by rounding stays there.
 * - the outside, one for each asset: what is settled, deposited or adjusted goes to it or comes
 *   from it.
 *
 * A packet takes two steps. rill_books_hold reserves its amounts when it is forwarded, against the
 * limits of both sides; then either rill_books_commit books them or rill_books_release gives them
 * back.
 */
#ifndef RILL_CONNECTOR_BOOKS_H
#define RILL_CONNECTOR_BOOKS_H

#include <rill/types.h>

#include "base/list.h"
#include "base/map.h"
#include "base/sum.h"
#include "base/wide.h"
#include "store/store.h"

/* A limit that is none. */
#define RILL_NO_LIMIT UINT64_MAX

typedef struct rill_balance {
    rill_i128 booked; /* what the node owes the holder */
    rill_sum held;    /* of packets from the holder that are out: what they take if fulfilled */
    rill_sum coming;  /* of packets to the holder that are out: what they bring if fulfilled */
    uint64_t credit;  /* the holder may owe that much, what is held counted; RILL_NO_LIMIT */
    uint64_t most;    /* the node may owe that much, what is coming counted; RILL_NO_LIMIT */
    rill_balance_id id;
    uint32_t asset;  /* which of the books' assets */
    rill_list dirty; /* linked while it changed since it was last taken to the store */
} rill_balance;

/*
 * From one neighbour to another: what packets between these two book, summed for each minute. The
 * minute is the one in which the group began. It lives until one of the two is forgotten.
 */
typedef struct rill_flow {
    rill_balance *source;
    rill_balance *destination;
    uint64_t minute; /* minutes since 1970; of the four below */
    uint64_t packets;
    rill_sum taken;   /* from the source, in units of its asset */
    rill_sum given;   /* to the destination, in units of its asset */
    uint64_t open;    /* packets that are held and neither committed nor released */
    rill_list dirty;  /* linked while it changed since it was last taken to the store */
    rill_list linked; /* rill_books.flows */
} rill_flow;

typedef enum rill_hold_verdict {
    RILL_HOLD_TAKEN,
    RILL_HOLD_NO_CREDIT, /* the source would owe more than it may */
    RILL_HOLD_NO_ROOM,   /* the node would owe the destination more than it may */
} rill_hold_verdict;

typedef struct rill_asset_books {
    rill_balance exchange;
    rill_balance outside;
} rill_asset_books;

typedef struct rill_books {
    const rill_allocator *allocator;
    rill_asset_books **assets; /* each allocated by itself: balances never move */
    size_t asset_count;
    rill_map by_pair; /* flows, by the ids of source and destination */
    rill_list flows;
    rill_list dirty_balances; /* rill_balance.dirty: of the group that fills */
    rill_list dirty_flows;    /* rill_flow.dirty */
    size_t dirty_count;       /* of both */
    uint64_t minute;          /* in which the group that fills began */
    uint64_t least;           /* minutes of groups that begin from now on are not below */
    uint64_t filling;         /* its number: 1, 2, ... */
    uint64_t kept;            /* all groups up to this one are in the store */
} rill_books;

/* seed: random. Allocates nothing yet. */
void rill_books_init(rill_books *b, const rill_allocator *allocator, uint64_t seed);
/* Balances of neighbours are their owners'. */
void rill_books_clear(rill_books *b);

/*
 * Adds an asset, the next in number, with the ids and balances of its exchange and its outside as
 * the store has them. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_books_add_asset(rill_books *b, rill_balance_id exchange,
                                         rill_i128 exchange_booked, rill_balance_id outside,
                                         rill_i128 outside_booked);
/* A neighbour's balance as the store has it. Its limits are the caller's to set. */
void rill_balance_init(rill_balance *a, rill_balance_id id, uint32_t asset, rill_i128 booked);

/*
 * The flow between two neighbours, made if there is none. RILL_ERR_NOMEM. It is the books', and
 * stays until rill_books_forget of one of the two.
 */
RILL_MUST_CHECK int rill_books_flow(rill_books *b, rill_balance *source, rill_balance *destination,
                                    rill_flow **out);
/*
 * Ends the flows from and to a balance, so that its owner may free it. Nothing may be held for it.
 * Nor may it have changed since the last group was taken, or in this minute, whose sums would begin
 * anew if the two neighbours came back: false, and nothing is done, if so. Where the clock has been
 * set back to an earlier minute that would take long: the next group is of the minute after.
 * wall_ms: now.
 */
RILL_MUST_CHECK bool rill_books_forget(rill_books *b, rill_balance *a, uint64_t wall_ms);

/*
 * The same balance is in another place from now on, with the same id: flows from and to it, what is
 * held, and what was not taken to the store yet are of that one.
 */
void rill_books_replace(rill_books *b, rill_balance *from, rill_balance *to);

/* Reserves what a packet takes and brings; nothing changes if it is not taken. */
RILL_MUST_CHECK rill_hold_verdict rill_books_hold(rill_flow *flow, uint64_t taken, uint64_t given);
/* The same of a packet that was out before, whatever the limits are by now. */
void rill_books_hold_again(rill_flow *flow, uint64_t taken, uint64_t given);
/* The packet was rejected, or has expired. The amounts are those that were held. */
void rill_books_release(rill_flow *flow, uint64_t taken, uint64_t given);
/*
 * The packet was fulfilled: books what was held. Returns the number of the group that it is in.
 * Once rill_books.kept has reached that number, the Fulfill may be passed on. charge false: the
 * source owes nothing of it, and the node bears it. wall_ms: now.
 */
uint64_t rill_books_commit(rill_books *b, rill_flow *flow, uint64_t taken, uint64_t given,
                           bool charge, uint64_t wall_ms);
/*
 * A packet of an earlier run of the node that was fulfilled, and whose booking was not kept: holds
 * it, whatever the limits are, and books it as rill_books_commit does.
 */
uint64_t rill_books_recover(rill_books *b, rill_flow *flow, uint64_t taken, uint64_t given,
                            bool charge, uint64_t wall_ms);
/*
 * Moves an amount from the outside to a neighbour's balance, which raises what the node owes
 * (settled by the neighbour, or deposited), or with `out` the other way (settled by the node, or
 * withdrawn). Limits are not looked at: this has happened. Returns the group, into which the
 * caller's line of the audit belongs, too.
 */
uint64_t rill_books_enter(rill_books *b, rill_balance *a, bool out, uint64_t amount,
                          uint64_t wall_ms);

/*
 * Nothing is booked, but the group that fills goes to the store: what is kept beside it can be
 * waited for. Returns the group; 0: there is no asset yet.
 */
uint64_t rill_books_touch(rill_books *b, uint64_t wall_ms);

/* ---- groups ---- */

/* Storage for what a store is given of a group. All zero: empty. */
typedef struct rill_group {
    uint64_t number;
    rill_store_balance *balances;
    size_t balance_count;
    size_t balance_cap;
    rill_store_flow *flows;
    size_t flow_count;
    size_t flow_cap;
} rill_group;

/*
 * Moves what has changed into an empty group; what changes from now on is in the next one. A group
 * has storage of its own, which is kept for the next use. RILL_ERR_NOMEM: nothing was moved, and
 * all of it stays for the next call. RILL_ERR_BLOCKED: nothing has changed.
 */
RILL_MUST_CHECK int rill_books_take_group(rill_books *b, rill_group *group);
/* The group is in the store, for as long as the operator asked for. In the order of numbers. */
void rill_books_group_kept(rill_books *b, const rill_group *group);
void rill_group_clear(rill_group *group, const rill_allocator *allocator);

/* Do the balances of an asset add up to 0? sum_of_neighbours: of all that have this asset. */
bool rill_books_even(const rill_books *b, uint32_t asset, rill_i128 sum_of_neighbours);

#endif
