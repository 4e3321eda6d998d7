/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator that refuses what a test says, and watches what it gives out. Each block must be
 * freed once and written only within its bounds, and it moves whenever it is resized. A mistake
 * ends the program at once, with a line that names it.
 */
#ifndef RILL_TESTS_FAILING_MEMORY_H
#define RILL_TESTS_FAILING_MEMORY_H

#include <rill/types.h>

#define FAILING_MEMORY_KEPT 64
#define FAILING_FOR_EVER    (~0ul)

typedef struct failing_memory {
    rill_allocator allocator;
    unsigned long asked;    /* allocations and resizes so far */
    unsigned long fail_at;  /* number of the one that is refused, from 1; 0: none */
    unsigned long fail_for; /* number of refusals from that one on */
    unsigned long refused;
    size_t blocks; /* blocks in use */
    /*
     * The blocks that were freed last. A program that writes to one, or frees it again, is found
     * out.
     */
    struct failing_block *freed[FAILING_MEMORY_KEPT];
    unsigned next_freed;
} failing_memory;

/* *m must stay where it is, since the allocator points to it. */
void failing_memory_init(failing_memory *m, unsigned long fail_at, unsigned long fail_for);
/* Checks the blocks that were freed last, and lets them go. Blocks in use stay in use. */
void failing_memory_end(failing_memory *m);

/* From now on all but the next n are refused; or none is. */
static inline void failing_memory_after(failing_memory *m, unsigned long n)
{
    m->fail_at = m->asked + n + 1;
    m->fail_for = FAILING_FOR_EVER;
}
static inline void failing_memory_well(failing_memory *m)
{
    m->fail_at = 0;
}

/* What the allocator does, for other interfaces: here size 0 is allowed, and ptr may be NULL. */
void *failing_memory_realloc(failing_memory *m, void *ptr, size_t size);
void failing_memory_free(failing_memory *m, void *ptr);

#endif
