/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Round trips, and what they say of a queue on the path.
 *
 * A path that has become slow says so by time before it refuses: where even
 * the quickest packet of a round trip has waited for long, the window becomes
 * what the path holds without a queue. Where that does not help, it is the
 * path that is longer now.
 */
#ifndef RILL_STREAM_CONGESTION_QUEUE_H
#define RILL_STREAM_CONGESTION_QUEUE_H

#include "stream/path/congestion.h"
#include "stream/path/congestion_limit.h"

typedef struct rill_queue {
    uint64_t last_rtt;
    uint64_t jitter;   /* from one packet to the next, mean */
    uint64_t quickest; /* of this round trip */
    uint32_t samples;
    uint64_t samples_from; /* what was sent before is of an earlier round trip, and only slow */
    uint64_t newest;       /* sent last, of those that were measured */
    uint64_t round_at;
    uint64_t min_rtt_at;
    uint64_t cut_rtt; /* at the last cut */
    uint64_t uncut;   /* the window before the first of them */
    uint32_t cuts;    /* in a row, in vain */
} rill_queue;

typedef enum rill_queue_says {
    RILL_QUEUE_NOTHING,
    RILL_QUEUE_NEAR, /* packets wait: the window grows by small steps */
    RILL_QUEUE_SET   /* the window is to be another */
} rill_queue_says;

/* A packet's reply is here: c's times are measured. window, floor: where it says SET. */
rill_queue_says rill_queue_measure(rill_queue *q, rill_congestion *c, const rill_limit *packets,
                                   uint64_t now_ns, uint64_t sent_ns, uint64_t *window,
                                   uint64_t *floor);

#endif
