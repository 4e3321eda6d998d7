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
    rill_ratio bound; /* the minimum that it is about, of terms below 2^63, as products need them */
    uint64_t largest; /* the most units whose minimum is a number of 64 bits */
    uint32_t era;     /* of that minimum; 0: it has not begun */
} rill_tally;

/* Begins anew with this minimum, whose den is not 0: rill_tally_begin does, where it has changed.
 */
void rill_tally_begin_anew(rill_tally *t, rill_ratio minimum, uint32_t era);
/* Before all that follows. era counts how often the minimum was set, and is not 0. */
static inline void rill_tally_begin(rill_tally *t, rill_ratio minimum, uint32_t era)
{
    if (t->era != era)
        rill_tally_begin_anew(t, minimum, era);
}
/* What amount brings at the minimum, rounded down. */
uint64_t rill_tally_usual(const rill_tally *t, uint64_t amount);
/* The most units whose minimum is a number of 64 bits. */
static inline uint64_t rill_tally_largest(const rill_tally *t)
{
    return t->largest;
}
/*
 * The least that a packet of amount must bring. spare: it is the last, and may use up
 * all that others have earned, and the unit that may be missing in the end. Else it
 * may be rounded down, as far as others have earned that.
 */
uint64_t rill_tally_demand(const rill_tally *t, uint64_t amount, bool spare);
/* So many packets of amount may each bring no more than delivered, and the unit is not used up. */
bool rill_tally_bears(const rill_tally *t, uint64_t amount, uint64_t delivered, uint64_t packets);
/* The most units that may be sent for so much, by what others have earned. */
uint64_t rill_tally_affords(const rill_tally *t, uint64_t delivered);
/* A packet of amount leaves, and brings minimum at least: what it may lose is taken off. */
rill_i128 rill_tally_hold(rill_tally *t, uint64_t amount, uint64_t minimum);
/* It was fulfilled. False where the balance stays as it was. */
bool rill_tally_commit(rill_tally *t, rill_i128 held, uint64_t amount, uint64_t delivered);
/* It was not. */
void rill_tally_release(rill_tally *t, rill_i128 held);

#endif
