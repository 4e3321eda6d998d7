/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The exchange rate of the path: probed, then learnt from every authentic
 * reply; and the minimum below which no money leaves.
 */
#ifndef RILL_STREAM_RATE_H
#define RILL_STREAM_RATE_H

#include <rill/types.h>

#define RILL_RATE_DIGITS 3 /* of a probe's delivered amount that make its rate precise enough */

typedef struct rill_rate {
    rill_ratio minimum; /* num 0, den 1: not known yet */
    uint32_t era;       /* counts how often it was set */
    /* delivered / sent of the reply that brought the most for its units since the rate last fell:
     * connectors round down, so that the rate is this or better; num 0: not known yet */
    rill_ratio latest;
    /* the same before one packet brought more than replies had said it could; num 0: no such, or
     * another has brought as much */
    rill_ratio before;
    rill_ratio above; /* replies say that the rate is below it; den 0: nothing known */
    rill_ratio guess; /* of the smallest terms between the two: what the rate may well be */
    rill_ratio slippage;
    uint64_t grain;   /* see rill_rate_grain */
    uint64_t loss;    /* other side's units that rounding takes of a packet, at most; 1 at first */
    uint64_t missing; /* the most that a packet brought less than that explains; 0: nothing */
    uint64_t missing_of; /* the largest such packet */
    uint8_t doubts;      /* such packets, since one brought what it should */
    bool fixed;          /* the application gave the minimum */
    bool near;           /* above is no more than a small part better than latest */
    rill_ratio probed;   /* the most precise probe so far */
} rill_rate;

/* The minimum below which no money leaves; num 0: not known yet. */
static inline rill_ratio rill_rate_minimum(const rill_rate *r)
{
    return r->minimum;
}
static inline bool rill_rate_has_minimum(const rill_rate *r)
{
    return r->minimum.num != 0;
}
/* How often that was set; never 0. */
static inline uint32_t rill_rate_era(const rill_rate *r)
{
    return r->era;
}
/* What packets have brought: num 0 where nothing has arrived yet. */
static inline rill_ratio rill_rate_latest(const rill_rate *r)
{
    return r->latest;
}
static inline bool rill_rate_is_known(const rill_rate *r)
{
    return r->latest.num != 0;
}
/* It is less than this: den 0 where nothing says so. */
static inline rill_ratio rill_rate_below(const rill_rate *r)
{
    return r->above;
}
/* Some probe has arrived as something. */
static inline bool rill_rate_was_probed(const rill_rate *r)
{
    return r->probed.num > 0;
}
/* What packets may bring, by all that is known; before anything is, the minimum. */
static inline rill_ratio rill_rate_guess(const rill_rate *r)
{
    return r->latest.num != 0 ? r->guess : r->minimum;
}
/* rate is better than what packets have brought, and may be that of the path all the same. */
bool rill_rate_may_be(const rill_rate *r, rill_ratio rate);

/* minimum.num 0: to be probed. */
void rill_rate_init(rill_rate *r, rill_ratio minimum, rill_ratio slippage);
/* Another one, from the application. */
void rill_rate_set_minimum(rill_rate *r, rill_ratio minimum);
/* A probe of `sent` arrived as `delivered`. */
void rill_rate_probe(rill_rate *r, uint64_t sent, uint64_t delivered);
/* The most precise probe has enough digits, or the minimum is fixed. */
bool rill_rate_ready(const rill_rate *r);
/* Ends probing with what is known: minimum = probed x (1 - slippage). False where no probe
 * delivered anything. */
RILL_MUST_CHECK bool rill_rate_settle(rill_rate *r);
/* An authentic reply said that `sent` arrived as `delivered`. */
void rill_rate_learn(rill_rate *r, uint64_t sent, uint64_t delivered);
/* The rate may be any again that is no worse than what was seen last. */
void rill_rate_forget_bound(rill_rate *r);
/* Where several hops round, no packet may reach a rate that is lower than that of the path. */
void rill_rate_not_reached(rill_rate *r, rill_ratio rate);
/* No size of packet can bring the minimum: what is known of the rate is below it. */
bool rill_rate_is_low(const rill_rate *r);
/* The best guess at what `amount` delivers, and at the fewest units that deliver `amount`. */
uint64_t rill_rate_delivers(const rill_rate *r, uint64_t amount);
uint64_t rill_rate_needed_ceil(const rill_rate *r, uint64_t delivered);
uint64_t rill_rate_needed_floor(const rill_rate *r, uint64_t delivered);
/*
 * The smallest amount worth a packet of its own: what rounding takes of one of
 * that size, or of its multiples, is no more than lies between the rate and the
 * minimum. 1 where the rate is not known, and where nothing is ever rounded. Never more than
 * what has brought the rate that is known.
 */
static inline uint64_t rill_rate_grain(const rill_rate *r)
{
    return r->grain;
}

#endif
