/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much may be in flight: packets and value, since a path limits both.
 * An interface, so that algorithms can be exchanged.
 */
#ifndef RILL_STREAM_CONGESTION_H
#define RILL_STREAM_CONGESTION_H

#include "base/sum.h"
#include <rill/types.h>

typedef enum rill_congestion_signal {
    RILL_SIGNAL_VALUE,   /* T04: liquidity or bandwidth; less value at a time */
    RILL_SIGNAL_PACKETS, /* T02, T03, T05: fewer packets at a time */
    RILL_SIGNAL_FAILED,  /* T00 and what else is temporary: maybe too many, maybe an accident */
    RILL_SIGNAL_LOST,    /* no reply came: as FAILED */
    RILL_SIGNAL_LATE     /* R-codes: the path is too slow for the expiry */
} rill_congestion_signal;

typedef struct rill_congestion rill_congestion;

typedef struct rill_congestion_ops {
    const char *name;
    size_t size; /* of the algorithm's state, rill_congestion first in it */
    void (*init)(rill_congestion *c, uint32_t max_packets);
    /* amount: source units of the packet; app_limited: the window was not used up */
    void (*on_sent)(rill_congestion *c, uint64_t now_ns, uint64_t amount);
    void (*on_delivered)(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                         bool app_limited);
    void (*on_signal)(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                      rill_congestion_signal signal);
    /* Leaves the windows alone: the receiver refused, the packet was too large, ... */
    void (*on_neutral)(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount);
    /*
     * What a test has found, before any money has left: so much passes in one packet, and so much
     * is more value than the path has.
     */
    void (*on_tested)(rill_congestion *c, uint64_t now_ns, uint64_t passes, uint64_t too_much);
    /* least_piece or most_piece is another. */
    void (*on_sizes)(rill_congestion *c);
    /* No value is in flight, and what may be sent is too little to be worth anything: more of it.
     */
    void (*on_useless)(rill_congestion *c);
} rill_congestion_ops;

struct rill_congestion {
    const rill_congestion_ops *ops;
    uint32_t packets_in_flight;
    uint32_t packet_window;
    uint32_t max_packets;
    uint64_t value_in_flight; /* UINT64_MAX: that much or more */
    rill_sum value;           /* the same, exactly: what was late is in flight again */
    uint64_t value_window;    /* UINT64_MAX: not limited */
    uint64_t value_piece;     /* in one packet at most, while value is limited; UINT64_MAX: any */
    uint64_t least_piece;     /* units: less in one packet is worth nothing; 1 */
    uint64_t good_piece;      /* rather no less in one packet than this. Its user sets it; 1 */
    uint64_t most_piece;      /* no packet is larger; UINT64_MAX */
    bool by_pieces;           /* what the window allows beyond whole pieces is of no use */
    bool last_resort;      /* any size is tried: none that is worth something has passed for long */
    uint64_t not_before;   /* monotonic ns: no packet with money before; 0 where free */
    uint64_t paced_until;  /* monotonic ns: no packet at all before; 0 where free */
    uint64_t smoothed_rtt; /* ns; 0: unknown */
    uint64_t rtt_variance; /* ns: mean deviation */
    uint64_t min_rtt;      /* ns, of the path as it is now; 0: unknown */
};

/* The default: two paced windows, steered by refusals and by the time that packets wait. */
extern const rill_congestion_ops rill_congestion_window;

rill_congestion *rill_congestion_new(const rill_allocator *a, const rill_congestion_ops *ops,
                                     uint32_t max_packets);
void rill_congestion_free(const rill_allocator *a, rill_congestion *c);
/* A packet that was given up as LOST is not: its reply is here, and its outcome follows. */
void rill_congestion_readmit(rill_congestion *c, uint64_t amount);
/* A packet is under way, or not any more: each was added before it is taken away. */
static inline void rill_congestion_add(rill_congestion *c, uint64_t amount)
{
    c->packets_in_flight += 1;
    rill_sum_add(&c->value, amount);
    c->value_in_flight = rill_sum_shown(&c->value);
}

static inline void rill_congestion_take(rill_congestion *c, uint64_t amount)
{
    c->packets_in_flight -= 1;
    rill_sum_take(&c->value, amount);
    c->value_in_flight = rill_sum_shown(&c->value);
}
/* Packets of money are no smaller and no larger than these, from now on. */
static inline void rill_congestion_set_sizes(rill_congestion *c, uint64_t least, uint64_t most)
{
    if (c->least_piece == least && c->most_piece == most)
        return;
    c->least_piece = least;
    c->most_piece = most;
    c->ops->on_sizes(c);
}
/* After so long without a reply a packet counts as lost. */
uint64_t rill_congestion_patience(const rill_congestion *c);
/* Packets that may be sent now (any), and value that may be sent now. */
uint32_t rill_congestion_packets(const rill_congestion *c);
uint64_t rill_congestion_value(const rill_congestion *c);

#endif
