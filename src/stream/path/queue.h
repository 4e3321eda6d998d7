/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What round trips say of a queue on the path.
 *
 * A path that has become slow says so by time before it refuses: where even
 * the quickest packet of a round trip has waited for long, the window becomes
 * what the path holds without a queue. Where that does not help, it is the
 * path that is longer now.
 *
 * Not all waiting is a queue of ours. A connector that writes to its disk before it answers takes
 * as long with fewer packets in flight, now and then. So each cut of the window is a trial. A queue
 * of ours passes as many packets a second with less in flight. Where about in proportion fewer
 * pass, it was none, and the window comes back. Where then packets are quick again after slow ones,
 * with as much in flight, such waiting is the path's own for some seconds, and is no queue.
 */
#ifndef RILL_STREAM_QUEUE_H
#define RILL_STREAM_QUEUE_H

#include "stream/path/limit.h"
#include "stream/path/round_trip.h"

/* What came back in a while. */
typedef struct rill_queue_flow {
    uint64_t since; /* monotonic ns; 0: nothing has come yet */
    uint64_t until; /* where it is over */
    uint64_t count; /* packets */
    uint64_t took;  /* their round trips together, ns: over the time, that is what was in flight */
} rill_queue_flow;

typedef enum rill_queue_trial {
    RILL_QUEUE_NO_TRIAL,
    RILL_QUEUE_CUT,     /* the window was cut: do as many pass? */
    RILL_QUEUE_RESTORED /* fewer did, and it came back: do more pass? It is not cut meanwhile. */
} rill_queue_trial;

/* All zero at first. */
typedef struct rill_queue {
    uint64_t quickest;     /* of this round trip, ns */
    uint32_t samples;      /* packets of this round trip that were measured */
    uint64_t samples_from; /* what was sent before is of an earlier round trip, and only slow */
    uint64_t newest;       /* sent last, of those that were measured */
    uint64_t round_at;     /* what is sent from then on belongs to the next round trip */
    uint64_t cut_rtt;      /* the quickest, when the window was cut last */
    uint32_t cuts;         /* in a row that have not helped */

    rill_queue_trial trial;
    rill_queue_flow now;    /* what comes back now */
    rill_queue_flow before; /* and before that, to compare; since 0: not known */
    uint64_t trial_at;      /* what was sent before the trial is not of the flow of now */
    uint64_t set_at;        /* when the window was set last */
    uint64_t uncut;         /* the window before the trial */
    uint64_t full;          /* the largest such of the last trials */
    bool held;              /* the last one has found a queue */
    uint64_t cut_to;        /* what that had become when it was restored */
    uint64_t slowest;       /* the quickest of the slowest round trip since then, ns */
    bool slow;              /* there was one that waited too long */
    bool quick;             /* and then one that did not */
    uint64_t own;           /* the quickest may take so long on this path, ns */
    uint64_t own_at;        /* when that was found */
} rill_queue;

typedef enum rill_queue_says {
    RILL_QUEUE_NOTHING,
    RILL_QUEUE_NEAR, /* packets wait: the window grows by small steps */
    RILL_QUEUE_SET   /* the window is to be another */
} rill_queue_says;

typedef struct rill_queue_word {
    rill_queue_says says;
    uint64_t window; /* packets, 1 at least, where it says SET */
    uint64_t floor;  /* what refusals of the same round trip leave of that at least */
    bool slow_start; /* what was found was no limit: on with slow start */
} rill_queue_word;

/*
 * A packet that left at sent_ns took rtt ns, as t has measured already. packets: the window of
 * packets, as it is.
 */
rill_queue_word rill_queue_watch(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                 uint64_t now_ns, uint64_t sent_ns, uint64_t rtt);

#endif
