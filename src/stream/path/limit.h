/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A window that limits what is in flight, packets or value: how it grows, is
 * set anew, and is spread over the round trip.
 *
 * Growth is slow start until the first refusal, then by a step a round
 * trip, which begins small and doubles each time: near the limit that
 * was just found it is careful, and capacity that has come since is found in
 * a few round trips. The step does not depend on the window, so that
 * connections that share a bottleneck come to share it equally.
 */
#ifndef RILL_STREAM_LIMIT_H
#define RILL_STREAM_LIMIT_H

#include <rill/types.h>

/* Sent at once at most, while spread: timers are no finer. */
#define RILL_LIMIT_QUANTUM RILL_MS

typedef struct rill_limit {
    uint64_t window; /* UINT64_MAX: none */
    uint64_t most;
    uint64_t step;         /* that it grows by in this round trip */
    uint64_t floor;        /* what one round trip's refusals leave at least */
    uint64_t credit;       /* of growth, in units of 1 / window */
    uint64_t round_at;     /* what is sent from then on belongs to the next round trip */
    uint64_t decreased_at; /* what was sent before says nothing about the window since */
    uint64_t filled_at;    /* it was last used up, nearly */
    uint64_t pace_at;      /* when what has been sent should have been sent */
    bool decreased;        /* decreased_at is valid */
    bool filled;           /* filled_at is valid */
    bool slow_start;
} rill_limit;

static inline uint64_t at_least(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the next may follow, time after what is sent now; 0: at once. */
uint64_t rill_limit_follow(rill_limit *l, uint64_t now_ns, uint64_t time);
/* The same, after amount, of a window a round trip (slightly faster). */
uint64_t rill_limit_pace(rill_limit *l, uint64_t now_ns, uint64_t rtt, uint64_t amount);
/* Notes whether the window is used up. */
void rill_limit_sent(rill_limit *l, uint64_t now_ns, uint64_t in_flight);
/* amount was sent, and is delivered: the window may be larger. */
void rill_limit_grow(rill_limit *l, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                     bool of_value);
/* From here on the window is new; what is under way was sent under the old one. */
void rill_limit_set(rill_limit *l, uint64_t now_ns, uint64_t window, uint64_t floor);

/* Says nothing about the window as it is now. */
static inline bool rill_limit_is_old(const rill_limit *l, uint64_t sent_ns)
{
    return l->decreased && sent_ns < l->decreased_at;
}

/* Growth needs the evidence of a window that was used up after this packet left. */
static inline bool rill_limit_was_filled(const rill_limit *l, uint64_t sent_ns)
{
    return l->filled && sent_ns <= l->filled_at;
}

#endif
