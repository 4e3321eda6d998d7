/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spares.h"

#include "base/alloc.h"

void rill_spares_init(rill_spares *s, const rill_allocator *allocator, size_t max_size)
{
    *s = (rill_spares){.allocator = allocator, .max_size = max_size};
}

void rill_spares_clear(rill_spares *s)
{
    for (unsigned i = 0; i < s->count; i++)
        rill_free(s->allocator, s->blocks[i].block);
    rill_spares_init(s, s->allocator, s->max_size);
}

rill_spares *rill_spares_at(rill_spares **place, const rill_allocator *allocator, size_t max_size)
{
    if (*place != NULL)
        return *place;
    *place = rill_alloc(allocator, sizeof **place);
    if (*place != NULL)
        rill_spares_init(*place, allocator, max_size);
    return *place;
}

void rill_spares_drop(rill_spares **place)
{
    rill_spares *s = *place;
    if (s == NULL)
        return;
    rill_spares_clear(s);
    rill_free(s->allocator, s);
    *place = NULL;
}

void *rill_spares_take(rill_spares *s, size_t size)
{
    for (unsigned i = 0; i < s->count; i++) {
        if (s->blocks[i].size != size)
            continue;
        void *block = s->blocks[i].block;
        s->blocks[i] = s->blocks[--s->count];
        return block;
    }
    return rill_alloc(s->allocator, size);
}

void rill_spares_give(rill_spares *s, void *block, size_t size)
{
    if (block == NULL)
        return;
    if (size > s->max_size) {
        rill_free(s->allocator, block);
        return;
    }
    unsigned at = s->count;
    if (s->count < RILL_SPARES_MAX) {
        s->count++;
    } else {
        at = s->oldest;
        s->oldest = (s->oldest + 1) % RILL_SPARES_MAX;
        rill_free(s->allocator, s->blocks[at].block);
    }
    s->blocks[at].block = block;
    s->blocks[at].size = size;
}
