/* SPDX-License-Identifier: Apache-2.0 */
/* An allocator that counts: memory is bounded, and must all be given back. */
#ifndef SIM_MEMORY_H
#define SIM_MEMORY_H

#include "rng.h"
#include <rill/types.h>

typedef struct sim_memory {
    rill_allocator allocator; /* for the core; refers to this struct */
    size_t bytes;
    size_t peak;
    size_t blocks;
    uint64_t calls;
    bool overrun;     /* a block was freed with its end mark broken */
    uint32_t fail;    /* permille of calls that fail */
    uint64_t refused; /* so far */
    sim_rng rng;
} sim_memory;

/* m must stay where it is. */
void sim_memory_init(sim_memory *m, uint64_t seed);

#endif
