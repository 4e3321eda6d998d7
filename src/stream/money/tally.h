/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What arrived against the minimum times what was sent, exactly, over all that
 * a stream or a connection sends. A packet's own minimum is chosen so that the
 * sum never falls short by a whole unit, whichever of the packets under way are
 * fulfilled: each may bring its minimum, and no more.
 */
#ifndef RILL_STREAM_TALLY_H
#define RILL_STREAM_TALLY_H

#include "base/wide.h"
#include <rill/types.h>

typedef struct rill_tally {
    /* den x delivered - num x sent, of what was fulfilled, less what packets under way may lose:
     * above -den, always */
    rill_i128 balance;
    uint32_t era; /* of the minimum that it is about */
} rill_tally;

/* A minimum rate of terms below 2^63, as products need them: at most that ratio, den not 0. */
rill_ratio rill_tally_bound(rill_ratio minimum);
/* Begins anew where the minimum has changed. */
static inline void rill_tally_begin(rill_tally *t, uint32_t era)
{
    if (t->era != era)
        *t = (rill_tally){.era = era};
}
/*
 * The least that a packet of amount must bring. spare: it is the last, and may use up
 * all that others have earned, and the unit that may be missing in the end. Else it
 * may be rounded down, as far as others have earned that.
 */
uint64_t rill_tally_demand(const rill_tally *t, rill_ratio bound, uint64_t amount, bool spare);
/* So many packets of amount may each bring no more than delivered, and the unit is not used up. */
bool rill_tally_bears(const rill_tally *t, rill_ratio bound, uint64_t amount, uint64_t delivered,
                      uint64_t packets);
/* The most units that may be sent for so much, by what others have earned. */
uint64_t rill_tally_affords(const rill_tally *t, rill_ratio bound, uint64_t delivered);
/* A packet of amount leaves, and brings minimum at least: what it may lose is taken off. */
rill_i128 rill_tally_hold(rill_tally *t, rill_ratio bound, uint64_t amount, uint64_t minimum);
/* It was fulfilled. False where the balance stays as it was. */
bool rill_tally_commit(rill_tally *t, rill_ratio bound, rill_i128 held, uint64_t amount,
                       uint64_t delivered);
/* It was not. */
void rill_tally_release(rill_tally *t, rill_i128 held);

#endif
