/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: a binary heap of intrusive nodes, ordered by deadline. */
#ifndef RILL_BASE_HEAP_H
#define RILL_BASE_HEAP_H

#include <rill/types.h>

typedef struct rill_timer {
    uint64_t deadline; /* monotonic nanoseconds */
    size_t index;      /* 1-based place in the heap; 0: not in the heap */
} rill_timer;

typedef struct rill_heap {
    const rill_allocator *allocator;
    rill_timer **items;
    size_t count;
    size_t capacity;
} rill_heap;

void rill_heap_init(rill_heap *h, const rill_allocator *allocator);
void rill_heap_clear(rill_heap *h);
/* Puts in what is not in. With RILL_NEVER it has its place, and is not due. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_heap_add(rill_heap *h, rill_timer *t, uint64_t deadline);
/* Another deadline for what is in: that cannot fail. */
void rill_heap_move(rill_heap *h, rill_timer *t, uint64_t deadline);
void rill_heap_remove(rill_heap *h, rill_timer *t);
/* RILL_NEVER if the heap is empty. */
uint64_t rill_heap_deadline(const rill_heap *h);
/*
 * One whose deadline is at or before now, *was; NULL if there is none. It keeps its place, with
 * RILL_NEVER, so that it can be moved.
 */
rill_timer *rill_heap_due(rill_heap *h, uint64_t now, uint64_t *was);
/* Takes out and returns a timer whose deadline is now or earlier; NULL if there is none. */
rill_timer *rill_heap_pop(rill_heap *h, uint64_t now);

#endif
