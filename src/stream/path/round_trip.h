/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a packet takes from its sending to its reply: on average, how much that varies, and the
 * least, which is what the path takes without a queue. A reply counts whether the packet was
 * fulfilled or refused by the receiver: both have gone all the way.
 */
#ifndef RILL_STREAM_ROUND_TRIP_H
#define RILL_STREAM_ROUND_TRIP_H

#include <rill/types.h>

/* All times in nanoseconds. All zero at first. */
typedef struct rill_round_trip {
    uint64_t smoothed; /* 0: unknown */
    uint64_t variance; /* mean deviation */
    uint64_t least;    /* of the path as it is now; 0: unknown */
    uint64_t least_at; /* monotonic: that was measured last, or nearly */
    uint64_t last;     /* of the packet before */
    uint64_t jitter;   /* from one packet to the next, mean */
} rill_round_trip;

/* The reply to a packet that left at sent_ns is here. Returned: how long it took, 1 at least. */
uint64_t rill_round_trip_measure(rill_round_trip *t, uint64_t now_ns, uint64_t sent_ns);
/* The path is another one than before: it takes so long now, which is not 0. */
void rill_round_trip_renew(rill_round_trip *t, uint64_t now_ns, uint64_t least);
/* A packet that has no reply after so long counts as lost. */
uint64_t rill_round_trip_patience(const rill_round_trip *t);

#endif
