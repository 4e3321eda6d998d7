/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where not even one packet a round trip passes, which no window can say: the
 * time from one packet to the next.
 *
 * A refusal makes the rate a fifth smaller. What passes makes it larger by a sum
 * that depends on time alone, so that all who share a bottleneck come to share it
 * equally; the sum is small after a refusal, and doubles each half second without one.
 */
#ifndef RILL_STREAM_CONGESTION_GAP_H
#define RILL_STREAM_CONGESTION_GAP_H

#include <rill/types.h>

typedef struct rill_gap {
    uint64_t ns;         /* 0: a window is enough */
    uint64_t refused_at; /* monotonic ns: last */
} rill_gap;

/* The only packet was refused. rtt: 0 where unknown. */
void rill_gap_refused(rill_gap *g, uint64_t now_ns, uint64_t rtt);
/* One has passed. */
void rill_gap_passed(rill_gap *g, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt);

#endif
