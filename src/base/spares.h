/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Large blocks that one owner after another needs for a short time. A few are kept for the next
 * owner, whoever that is. So no owner keeps a block for itself, and none asks the system each time.
 */
#ifndef RILL_BASE_SPARES_H
#define RILL_BASE_SPARES_H

#include <rill/types.h>

#define RILL_SPARES_MAX 16

typedef struct rill_spares {
    const rill_allocator *allocator;
    size_t max_size; /* larger ones are not kept */
    unsigned count;
    unsigned oldest; /* the spare that the next one replaces once all places are taken */
    struct {
        void *block;
        size_t size;
    } blocks[RILL_SPARES_MAX];
} rill_spares;

void rill_spares_init(rill_spares *s, const rill_allocator *allocator, size_t max_size);
void rill_spares_clear(rill_spares *s);
/* Those at *place, made now if it is NULL, from the allocator; NULL without memory. */
rill_spares *rill_spares_at(rill_spares **place, const rill_allocator *allocator, size_t max_size);
/* Frees them, and *place becomes NULL. It may be so already. */
void rill_spares_drop(rill_spares **place);
/* A block of exactly size bytes, with any contents; NULL without memory. */
void *rill_spares_take(rill_spares *s, size_t size);
/* Gives back a block of the same allocator. NULL is allowed. */
void rill_spares_give(rill_spares *s, void *block, size_t size);

#endif
