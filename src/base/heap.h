/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: a binary heap of intrusive nodes, ordered by deadline. */
#ifndef RILL_BASE_HEAP_H
#define RILL_BASE_HEAP_H

#include <rill/types.h>

typedef struct rill_timer {
    uint64_t deadline; /* monotonic nanoseconds */
    size_t index;      /* 1-based place in the heap; 0: not in it */
} rill_timer;

typedef struct rill_heap {
    const rill_allocator *allocator;
    rill_timer **items;
    size_t count;
    size_t capacity;
} rill_heap;

void rill_heap_init(rill_heap *h, const rill_allocator *allocator);
void rill_heap_free(rill_heap *h);
/* Puts in, or moves, to deadline; RILL_NEVER takes out. RILL_ERR_NOMEM only where it was not in. */
RILL_MUST_CHECK int rill_heap_set(rill_heap *h, rill_timer *t, uint64_t deadline);
void rill_heap_remove(rill_heap *h, rill_timer *t);
/* RILL_NEVER where empty. */
uint64_t rill_heap_deadline(const rill_heap *h);
/* Takes out and returns one whose deadline is at or before now; NULL where there is none. */
rill_timer *rill_heap_pop(rill_heap *h, uint64_t now);

#endif
