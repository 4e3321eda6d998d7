/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What round trips say of a queue on the path.
 *
 * A path that has become slow says so by time before it refuses: where even
 * the quickest packet of a round trip has waited for long, the window becomes
 * what the path holds without a queue. Where that does not help, it is the
 * path that is longer now.
 *
 * Not all waiting is a queue of ours. A connector that writes to its disk before it answers stands
 * still while it writes, and then answers everything at once. With fewer packets in flight it would
 * take as long. In a queue our packets are served one after the other, and their replies come one
 * after the other. So the time in which no reply came does not count as waiting, where then a good
 * part of all that was in flight came together.
 */
#ifndef RILL_STREAM_QUEUE_H
#define RILL_STREAM_QUEUE_H

#include "stream/path/limit.h"
#include "stream/path/round_trip.h"

/* All zero at first. */
typedef struct rill_queue {
    uint64_t quickest;     /* of this round trip, ns */
    uint32_t samples;      /* packets of this round trip that were measured */
    uint64_t samples_from; /* what was sent before is of an earlier round trip, and only slow */
    uint64_t newest;       /* sent last, of those that were measured */
    uint64_t round_at;     /* what is sent from then on belongs to the next round trip */
    uint64_t heard_at;     /* when the last reply came */
    uint64_t silence;      /* the longest without a reply while a packet of now was out, ns */
    uint64_t silence_end;  /* when it was over */
    uint32_t out;          /* packets in flight just before that */
    uint32_t together;     /* replies in one moment, the most since then; 0 before the first */
    uint32_t count;        /* replies in the moment of now */
    uint64_t moment;       /* when that began */
    uint64_t cut_rtt;      /* the quickest, when the window was cut last */
    uint64_t uncut;        /* the window before the first cut of those in a row */
    uint32_t cuts;         /* in a row that have not helped */
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
} rill_queue_word;

/*
 * A packet that left at sent_ns took rtt ns, as t has measured already. packets: the window of
 * packets, as it is. in_flight: packets that are still out.
 */
rill_queue_word rill_queue_watch(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                 uint32_t in_flight, uint64_t now_ns, uint64_t sent_ns,
                                 uint64_t rtt);

#endif
