/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was refused is not sent again at once: each round of refusals doubles
 * the wait before the next one, whatever the refusals say.
 */
#ifndef RILL_STREAM_HOLD_H
#define RILL_STREAM_HOLD_H

#include <stdbool.h>
#include <stdint.h>

typedef struct rill_hold {
    uint64_t until;   /* monotonic ns; 0 or past: nothing is held */
    uint64_t started; /* monotonic ns: packets that left before belong to the round before */
    uint16_t rounds;  /* in a row */
} rill_hold;

/* A packet that left at sent_ns was refused. False where that belongs to a round that has begun. */
bool rill_hold_refused(rill_hold *h, uint64_t sent_ns, uint64_t now_ns);
/* The next may leave at once: what the refusal said may be all that was needed. */
static inline void rill_hold_waive(rill_hold *h)
{
    h->until = 0;
}
/* The next refusal is the first of its row: something has changed. */
static inline void rill_hold_begin_again(rill_hold *h)
{
    h->rounds = 0;
}
/* One was taken: the next refusal is the first of its row. */
static inline void rill_hold_end(rill_hold *h)
{
    h->until = 0;
    h->rounds = 0;
}

#endif
