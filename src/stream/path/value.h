/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much value may be in flight, and how much of it in one packet. A path limits value (credit,
 * bandwidth in money) independently of packets, and there are three kinds of that:
 *
 * - It takes so much in a round trip, in many packets: a window, steered as that of packets is. T04
 *   takes what was refused off it, and a twentieth once a round trip; its packets are small enough
 *   that it can be spread over the round trip.
 * - It takes little more than a packet at a time: a rate (value_rate.h).
 * - It takes nothing for a while: it is dry (dryness.h), and what was known is kept.
 *
 * While nothing was refused there is no limit. One that has been neither used up nor dry for long
 * is forgotten.
 */
#ifndef RILL_STREAM_VALUE_H
#define RILL_STREAM_VALUE_H

#include <assert.h>

#include "base/sum.h"
#include "stream/path/dryness.h"
#include "stream/path/limit.h"
#include "stream/path/value_rate.h"

/* What is known of packets, whatever is in them. */
typedef struct rill_traffic {
    uint64_t rtt;     /* the round trip, ns; 0: unknown */
    uint64_t packets; /* the window of packets, 1 at least */
} rill_traffic;

/* Amounts in our units. */
typedef struct rill_value {
    rill_limit limit; /* its window UINT64_MAX: none */
    rill_dryness dryness;
    rill_value_rate rate;
    uint64_t passed; /* that was sent after the last decrease, and arrived */
    uint64_t largest_passed;
    uint64_t largest_sent;
    uint64_t probed; /* a test has found that so much passes in one packet; 0: none has */
    bool surveying;  /* what passes is not known yet: nothing leaves before all is answered */
    /* in flight */
    rill_sum exactly;   /* may be more than 64 bits hold: what was late is in flight again */
    uint64_t in_flight; /* the same; UINT64_MAX: that much or more */
    /* what its user says of sizes */
    uint64_t least; /* in one packet: less is worth nothing; 1 at first */
    uint64_t good;  /* rather no less in one packet than this; 1 at first */
    uint64_t most;  /* no packet is larger; UINT64_MAX at first */
    /* what follows from all that */
    uint64_t window;     /* may be in flight; UINT64_MAX: any */
    uint64_t piece;      /* in one packet at most; UINT64_MAX: any */
    uint64_t not_before; /* monotonic ns: no packet with money before; 0 or past where free */
    bool by_pieces;      /* what the window allows beyond whole pieces is of no use */
    bool last_resort;    /* any size is tried: none that is worth something has passed for long */
} rill_value;

void rill_value_init(rill_value *v, rill_traffic traffic);

/* A packet is under way, or not any more: each was added before it is taken away. */
static inline void rill_value_add(rill_value *v, uint64_t amount)
{
    rill_sum_add(&v->exactly, amount);
    v->in_flight = rill_sum_shown(&v->exactly);
}

static inline void rill_value_take(rill_value *v, uint64_t amount)
{
    assert(v->in_flight >= amount); /* each packet has one outcome */
    rill_sum_take(&v->exactly, amount);
    v->in_flight = rill_sum_shown(&v->exactly);
}

/* Packets of money are no smaller and no larger than these, from now on. least is not 0. */
static inline bool rill_value_set_sizes(rill_value *v, uint64_t least, uint64_t most)
{
    bool same = v->least == least && v->most == most;

    v->least = least;
    v->most = most;
    return !same;
}

/* What follows from what is known is found anew: after anything of this has changed. */
void rill_value_update(rill_value *v, rill_traffic traffic);
/* A packet leaves, and was added. amount may be 0. */
void rill_value_sent(rill_value *v, uint64_t now_ns, rill_traffic traffic, uint64_t amount);
/* Money has passed. amount is not 0, here and below. */
void rill_value_passed(rill_value *v, uint64_t now_ns, uint64_t sent_ns, rill_traffic traffic,
                       uint64_t amount);
/* It was refused for want of value. in_flight: what was when it was refused, this packet too. */
void rill_value_refused(rill_value *v, uint64_t now_ns, uint64_t sent_ns, rill_traffic traffic,
                        uint64_t amount, uint64_t in_flight);
/* Nothing at all arrives, for another reason: money waits. */
void rill_value_wait(rill_value *v, uint64_t now_ns, rill_traffic traffic);
/* A packet is not under way any more, whatever has become of it, and was taken away. */
void rill_value_answered(rill_value *v, uint64_t now_ns, rill_traffic traffic);
/* A test has found, before any money has left: so much passes in one packet. */
void rill_value_probed(rill_value *v, uint64_t passes);
/* And so much, which is not more than a few times that, does not. */
void rill_value_tested(rill_value *v, uint64_t now_ns, uint64_t passes, uint64_t refused);
/* Nothing is in flight, and what may be sent is too little to be worth anything: more of it. */
void rill_value_widen(rill_value *v);
/* What may be sent now, in one packet. Never 0 with nothing in flight. */
uint64_t rill_value_allowed(const rill_value *v);

#endif
