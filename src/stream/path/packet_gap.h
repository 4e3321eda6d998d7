/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where few packets a round trip pass, or not even one, which windows say too
 * coarsely: the time from one packet to the next.
 *
 * A refusal makes the rate a sixteenth smaller, more for each that follows with
 * nothing passed between. What passes makes it larger by a sum that depends on
 * time alone, so that all who share a bottleneck come to share it equally; the
 * sum is small after a refusal, and doubles while there is none.
 */
#ifndef RILL_STREAM_PACKET_GAP_H
#define RILL_STREAM_PACKET_GAP_H

#include <rill/types.h>

typedef struct rill_packet_gap {
    uint64_t ns;         /* from one packet to the next; 0: the window is enough */
    uint64_t refused_at; /* monotonic ns: last */
    uint64_t passed_at;  /* the first after it, where one has */
    bool passed;
    unsigned row; /* refusals since something passed, as far as they count */
} rill_packet_gap;

/* Whether a window of so many packets is better said by a gap. rtt: 0 where unknown. */
bool rill_packet_gap_is_finer(uint64_t rtt, uint64_t window);
/* From now on: what a window of so many packets is, which is 1 at least. */
void rill_packet_gap_begin(rill_packet_gap *g, uint64_t now_ns, uint64_t rtt, uint64_t window);
/* One was refused. It has begun. */
void rill_packet_gap_refused(rill_packet_gap *g, uint64_t now_ns);
/*
 * One has passed. used: packets left as fast as they might. It is over, and ns 0, where a window
 * says as much.
 */
void rill_packet_gap_passed(rill_packet_gap *g, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt,
                            bool used);
/* As many times longer as the window has become smaller, for other reasons. */
void rill_packet_gap_scale(rill_packet_gap *g, uint64_t window, uint64_t before);
/* Packets a round trip, 1 at least; where it is over, those of the window that follows. */
uint64_t rill_packet_gap_window(const rill_packet_gap *g, uint64_t rtt);

#endif
