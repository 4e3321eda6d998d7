/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many packets may be in flight, whatever is in them: a window, and, where only a few of them
 * pass in a round trip, or not even one, the time from one to the next (packet_gap.h).
 *
 * A refusal that names congestion takes one packet off the window, and a twentieth of it once a
 * round trip. So a window that was far too large becomes what passed, in one round trip, and one
 * that was slightly too large loses little. A refusal costs less in Interledger than waiting in a
 * queue does, and is work for others all the same.
 *
 * Once limited, packets are spread over the round trip, as a limit with a small burst would refuse
 * most of a window sent at once.
 */
#ifndef RILL_STREAM_PACKETS_H
#define RILL_STREAM_PACKETS_H

#include <assert.h>

#include "stream/path/limit.h"
#include "stream/path/packet_gap.h"

typedef struct rill_packets {
    rill_limit limit; /* its window is 1 at least */
    rill_packet_gap gap;
    uint64_t not_before; /* monotonic ns: no packet before; 0 or past where free */
    uint32_t in_flight;
} rill_packets;

/* most: at once, 1 at least. */
void rill_packets_init(rill_packets *p, uint32_t most);
/* So many may be in flight. */
uint32_t rill_packets_window(const rill_packets *p);

/* One is under way, or not any more: each was added before it is taken away. */
static inline void rill_packets_add(rill_packets *p)
{
    p->in_flight += 1;
}

static inline void rill_packets_take(rill_packets *p)
{
    assert(p->in_flight > 0); /* each packet has one outcome */
    p->in_flight -= 1;
}

/* rtt, in all of these: the round trip in ns; 0 where it is unknown. */
/* One leaves, and was added. */
void rill_packets_sent(rill_packets *p, uint64_t now_ns, uint64_t rtt);
/* One has passed that left at sent_ns: the window may be larger. */
void rill_packets_passed(rill_packets *p, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt);
/* It was refused for being one too many. */
void rill_packets_refused(rill_packets *p, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt);
/* For another reason than a refusal: this window, and so much of it at least after refusals of
 * packets that are under way. */
void rill_packets_set(rill_packets *p, uint64_t now_ns, uint64_t window, uint64_t floor);

#endif
