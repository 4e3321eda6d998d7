/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Prepares that wait for an answer: who asked, and until when. Entries are
 * pooled, so that a packet allocates nothing once the pool is as large as the
 * traffic needs; the outgoing_id that a link gives back finds its entry at once.
 */
#ifndef RILL_NODE_PENDING_H
#define RILL_NODE_PENDING_H

#include <rill/types.h>

#include "base/heap.h"
#include "base/list.h"
#include "node/pace.h"
#include "node/terms.h"

struct rill_account;
struct rill_session;

/* How far a packet's way among the sessions of an account is (owners.h). */
typedef struct rill_turn {
    uint64_t destination; /* hash; 0: the account has one session */
    uint64_t done;        /* bits: places of those who have been asked, or are not to be */
    uint32_t first;       /* session that is asked out of order; 0: none */
    bool unsure;          /* which has been asked before, and has not answered */
    uint32_t asked;       /* the last one; 0: nobody yet */
    uint32_t word; /* one that knew the packet's secret, though not its connection; 0: none */
    bool alone;    /* nobody was asked before that one */
} rill_turn;

typedef struct rill_pending {
    rill_timer timer;    /* the expiry of what was forwarded, monotonic */
    rill_list of_source; /* in rill_session.open */
    rill_list of_kept;   /* in rill_pendings.kept, while there is a copy; or in booked */
    struct rill_session *source;
    struct rill_account *from;
    struct rill_account *to;
    uint64_t request; /* the source's, for rill_link_reply; of our own, for rill_talk.answered */
    uint64_t amount;
    rill_money_hold hold; /* where accounts have balances */
    rill_paced paced;     /* of limits on amounts */
    uint64_t group;       /* booked, and waits until this group is kept; 0: not yet */
    uint64_t outgoing_id; /* 0 while the entry is free */
    uint8_t condition[32];
    rill_turn turn;
    bool own;      /* asked by ourselves */
    bool asks;     /* for the owner of the hub to answer: rill_hub_answer */
    uint32_t note; /* by which the log of packets knows it; 0: it does not */
    /* What was sent, for the next session, where there are several. The storage stays. */
    uint8_t *copy;
    size_t copy_len; /* 0: none */
    size_t copy_cap;
} rill_pending;

/* Bytes of such storage in all: what strangers send must not fill the memory. */
#define RILL_PENDINGS_MAX_HELD ((size_t)16 * 1024 * 1024)

typedef struct rill_pendings {
    const rill_allocator *allocator;
    rill_heap timers;
    rill_pending **chunks; /* of CHUNK entries each: entries never move */
    size_t chunk_count;
    rill_list free;
    size_t open;
    size_t max;
    size_t held;      /* sum of copy_cap */
    rill_list kept;   /* entries with a copy, oldest first */
    rill_list booked; /* entries that wait for their group, in its order */
} rill_pendings;

void rill_pendings_init(rill_pendings *p, const rill_allocator *allocator, size_t max);
void rill_pendings_clear(rill_pendings *p);
/*
 * A new entry with its outgoing_id set and all else zero, timed to deadline
 * (monotonic nanoseconds). RILL_ERR_LIMIT, RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_pendings_open(rill_pendings *p, uint64_t deadline, rill_pending **out);
/* NULL where it has ended. */
rill_pending *rill_pendings_find(const rill_pendings *p, uint64_t outgoing_id);
/* Ends an entry: its outgoing_id finds nothing any more. */
void rill_pendings_close(rill_pendings *p, rill_pending *entry);
/* No log knows any of them any more. */
void rill_pendings_forget_notes(rill_pendings *p);
/* Any open entry whose deadline is at or before now; NULL where there is none. It stays open. */
rill_pending *rill_pendings_due(rill_pendings *p, uint64_t now);
/*
 * The entry was fulfilled and booked, and waits until the group is kept: it does not expire any
 * more. What rill_pendings_keep kept since stays its own.
 */
void rill_pendings_book(rill_pendings *p, rill_pending *entry, uint64_t group);
/* The first that was booked in a group up to this one; NULL where there is none. It stays open. */
rill_pending *rill_pendings_booked(const rill_pendings *p, uint64_t group);
/* RILL_NEVER where none is open. */
uint64_t rill_pendings_deadline(const rill_pendings *p);
/*
 * Keeps a copy of a packet in parts. Allocates only what the entry's storage lacks; where all of
 * RILL_PENDINGS_MAX_HELD is taken, the oldest copies make room: who does not answer for long
 * keeps nobody else from the next session.
 * RILL_ERR_NOMEM, RILL_ERR_LIMIT (no room all the same): there is none then.
 */
RILL_MUST_CHECK int rill_pendings_keep(rill_pendings *p, rill_pending *entry,
                                       const rill_bytes *parts, size_t count);

#endif
