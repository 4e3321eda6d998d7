/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of the money that a stream has lost sight of must have been sent,
 * and may have been, for so much of it to have arrived.
 */
#ifndef RILL_STREAM_LOST_H
#define RILL_STREAM_LOST_H

#include <rill/types.h>

#define RILL_LOST_SIZES 4

/* Parts that are alike. */
typedef struct rill_lost_size {
    uint64_t amount; /* our units, of each */
    uint64_t least;  /* the other side's units: each that arrives brings so much, */
    uint64_t most;   /* and no more than this */
    uint64_t count;
} rill_lost_size;

/* All zero at first. */
typedef struct rill_lost {
    rill_lost_size sizes[RILL_LOST_SIZES];
    bool many;           /* there are more sizes: only the sums below are kept */
    uint64_t amount;     /* of all that is added, our units; never UINT64_MAX */
    uint64_t least;      /* what they bring together; saturates */
    uint64_t most;       /* so too */
    uint64_t vanishing;  /* of amount: may have arrived as nothing */
    uint64_t unseen;     /* the most that those may have brought */
    rill_ratio dearest;  /* of the others: the most of our units for the least that arrives */
    rill_ratio cheapest; /* the fewest for the most */
} rill_lost;

/* One part of amount, which brings from least to most where it arrives. */
void rill_lost_add(rill_lost *l, uint64_t amount, uint64_t least, uint64_t most);

/* How much came of all parts together, in the other side's units: from least to most. */
typedef struct rill_arrived {
    uint64_t least;
    uint64_t most;
} rill_arrived;

/*
 * Where so much arrived: how many of our units were in the parts that arrived at
 * least, and at most. False where no choice of parts brings so much.
 */
RILL_MUST_CHECK bool rill_lost_bounds(const rill_lost *l, rill_arrived arrived, uint64_t *least,
                                      uint64_t *most);

#endif
