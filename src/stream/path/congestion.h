/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much may be in flight: packets and value, since a path limits both, independently of each
 * other. It is told of each packet that leaves and of its outcome, once each, and says what may
 * leave and when. Its parts model one thing each:
 *
 *   packets.h, packet_gap.h                 how many packets may be in flight, or leave in a second
 *   value.h, value_rate.h, dryness.h        the same of value, and how it is asked for where none
 * is limit.h                                 a window that grows and shrinks: of either
 *   round_trip.h, queue.h                   how long packets take, and whether they wait in a queue
 *   failures.h                              packets that fail for no reason that is told
 */
#ifndef RILL_STREAM_CONGESTION_H
#define RILL_STREAM_CONGESTION_H

#include "stream/path/failures.h"
#include "stream/path/packets.h"
#include "stream/path/queue.h"
#include "stream/path/round_trip.h"
#include "stream/path/value.h"

typedef enum rill_congestion_signal {
    RILL_SIGNAL_VALUE,   /* T04: liquidity or bandwidth; less value at a time */
    RILL_SIGNAL_PACKETS, /* T02, T03, T05: fewer packets at a time */
    RILL_SIGNAL_FAILED,  /* T00 and what else is temporary: maybe too many, maybe an accident */
    RILL_SIGNAL_LOST,    /* no reply came: as FAILED */
    RILL_SIGNAL_LATE     /* R-codes: the path is too slow for the expiry */
} rill_congestion_signal;

typedef struct rill_congestion {
    rill_round_trip trip;
    rill_queue queue;
    rill_failures failures;
    rill_packets packets;
    rill_value value;
} rill_congestion;

/* NULL without memory. max_packets: in flight, whatever the path takes. */
rill_congestion *rill_congestion_new(const rill_allocator *a, uint32_t max_packets);
/* c may be NULL. */
void rill_congestion_free(const rill_allocator *a, rill_congestion *c);

/* ---- it is told; all times are monotonic ns, amounts our units, 0 where there is no money ---- */

void rill_congestion_sent(rill_congestion *c, uint64_t now_ns, uint64_t amount);
/* A packet that left at sent_ns got to the receiver, whatever that thought of its money. */
void rill_congestion_delivered(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns,
                               uint64_t amount);
/* It did not, for this reason. */
void rill_congestion_refused(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                             rill_congestion_signal signal);
/* It did not, for a reason that says nothing of how much passes: it was too large, ... */
void rill_congestion_neutral(rill_congestion *c, uint64_t amount);
/* A packet that was given up as LOST is not: its reply is here, and its outcome follows. */
void rill_congestion_readmit(rill_congestion *c, uint64_t amount);
/*
 * What a test has found, before any money has left: so much passes in one packet, and so much,
 * which is not more than a few times that, is more value than the path has (UINT64_MAX: no such).
 */
void rill_congestion_tested(rill_congestion *c, uint64_t now_ns, uint64_t passes,
                            uint64_t too_much);
/* No value is in flight, and what may be sent is too little to be worth anything: more of it. */
void rill_congestion_useless(rill_congestion *c);
/* Packets of money are no smaller (1 at least) and no larger than these, from now on. */
static inline void rill_congestion_set_sizes(rill_congestion *c, uint64_t least, uint64_t most);
/* Rather no less than this in one packet, where value is short. */
static inline void rill_congestion_prefer(rill_congestion *c, uint64_t good)
{
    c->value.good = good;
}

/* ---- it says ---- */

/* Packets that may be sent now (any), and value that may be sent now, in one packet. */
static inline uint32_t rill_congestion_packets(const rill_congestion *c)
{
    uint32_t window = rill_packets_window(&c->packets);

    return window > c->packets.in_flight ? window - c->packets.in_flight : 0;
}
static inline uint64_t rill_congestion_value(const rill_congestion *c)
{
    return rill_value_allowed(&c->value);
}
/* Monotonic ns; 0 or past where it is free: no packet before, and none with money before. */
static inline uint64_t rill_congestion_packets_not_before(const rill_congestion *c)
{
    return c->packets.not_before;
}
static inline uint64_t rill_congestion_money_not_before(const rill_congestion *c)
{
    return c->value.not_before;
}
/* Neither is held back, nor was lately. */
static inline bool rill_congestion_is_free(const rill_congestion *c)
{
    return (c->packets.not_before | c->value.not_before) == 0;
}
/* Value is in flight, of which an answer is to come. */
static inline bool rill_congestion_has_value(const rill_congestion *c)
{
    return c->value.in_flight > 0;
}
/* Value is what is short. */
static inline bool rill_congestion_value_is_short(const rill_congestion *c)
{
    return c->value.window != UINT64_MAX;
}
/* A packet of so much is worth sending: or any is, since no other has passed for long. */
static inline bool rill_congestion_is_worth(const rill_congestion *c, uint64_t amount)
{
    return amount >= c->value.least;
}
static inline bool rill_congestion_is_last_resort(const rill_congestion *c)
{
    return c->value.last_resort;
}
/* Packets that may be in flight at once. */
static inline uint32_t rill_congestion_window(const rill_congestion *c)
{
    return rill_packets_window(&c->packets);
}
/* ns, on average; 0: unknown. */
static inline uint64_t rill_congestion_round_trip(const rill_congestion *c)
{
    return c->trip.smoothed;
}
/* After so long without a reply, in ns, a packet counts as lost. */
static inline uint64_t rill_congestion_patience(const rill_congestion *c)
{
    return rill_round_trip_patience(&c->trip);
}

/* ---- */

/* What value has to know of packets. */
static inline rill_traffic rill_congestion_traffic(const rill_congestion *c)
{
    return (rill_traffic){.rtt = c->trip.smoothed, .packets = c->packets.limit.window};
}

static inline void rill_congestion_set_sizes(rill_congestion *c, uint64_t least, uint64_t most)
{
    if (rill_value_set_sizes(&c->value, least, most))
        rill_value_update(&c->value, rill_congestion_traffic(c));
}

#endif
