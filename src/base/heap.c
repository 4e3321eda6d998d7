/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <assert.h>
#include <rill/error.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 2 };

void rill_heap_init(rill_heap *h, const rill_allocator *allocator)
{
    *h = (rill_heap){.allocator = allocator};
}

void rill_heap_clear(rill_heap *h)
{
    rill_free(h->allocator, h->items);
    h->items = NULL;
    h->count = 0;
    h->capacity = 0;
}

static void place(rill_heap *h, size_t at, rill_timer *t)
{
    h->items[at] = t;
    t->index = at + 1;
}

/* Puts t at `at`, or nearer to the root if its deadline is earlier. */
static void sift_up(rill_heap *h, size_t at, rill_timer *t)
{
    while (at > 0) {
        size_t parent = (at - 1) / 2;
        if (h->items[parent]->deadline <= t->deadline)
            break;
        place(h, at, h->items[parent]);
        at = parent;
    }
    place(h, at, t);
}

/* Puts t at `at`, or farther from the root if its deadline is later. */
static void sift_down(rill_heap *h, size_t at, rill_timer *t)
{
    /* at < count / 2: has a child. Written so that no index overflows. */
    while (at < h->count / 2) {
        size_t child = 2 * at + 1;
        if (child + 1 < h->count && h->items[child + 1]->deadline < h->items[child]->deadline)
            child++;
        if (t->deadline <= h->items[child]->deadline)
            break;
        place(h, at, h->items[child]);
        at = child;
    }
    place(h, at, t);
}

/* Puts t where it belongs. Its deadline has changed, and its place was `at`. */
static void sift(rill_heap *h, size_t at, rill_timer *t)
{
    if (at > 0 && t->deadline < h->items[(at - 1) / 2]->deadline)
        sift_up(h, at, t);
    else
        sift_down(h, at, t);
}

static int reserve_one(rill_heap *h)
{
    if (h->count < h->capacity)
        return RILL_OK;
    size_t capacity = h->capacity == 0 ? FIRST_CAPACITY : 2 * h->capacity;
    if (capacity < h->capacity)
        return RILL_ERR_NOMEM;
    rill_timer **items = rill_realloc_array(h->allocator, h->items, capacity, sizeof(*items));
    if (items == NULL)
        return RILL_ERR_NOMEM;
    h->items = items;
    h->capacity = capacity;
    return RILL_OK;
}

int rill_heap_add(rill_heap *h, rill_timer *t, uint64_t deadline)
{
    assert(t->index == 0);
    int err = reserve_one(h);
    if (err != RILL_OK)
        return err;
    t->deadline = deadline;
    sift_up(h, h->count++, t);
    return RILL_OK;
}

void rill_heap_move(rill_heap *h, rill_timer *t, uint64_t deadline)
{
    assert(t->index != 0 && h->items[t->index - 1] == t);
    t->deadline = deadline;
    sift(h, t->index - 1, t);
}

void rill_heap_remove(rill_heap *h, rill_timer *t)
{
    if (t->index == 0)
        return;
    size_t at = t->index - 1;
    assert(h->items[at] == t);
    rill_timer *last = h->items[--h->count];
    t->index = 0;
    if (last != t)
        sift(h, at, last);
}

uint64_t rill_heap_deadline(const rill_heap *h)
{
    return h->count == 0 ? RILL_NEVER : h->items[0]->deadline;
}

rill_timer *rill_heap_due(rill_heap *h, uint64_t now, uint64_t *was)
{
    if (h->count == 0 || h->items[0]->deadline > now)
        return NULL;
    rill_timer *t = h->items[0];
    *was = t->deadline;
    t->deadline = RILL_NEVER;
    sift_down(h, 0, t);
    return t;
}

rill_timer *rill_heap_pop(rill_heap *h, uint64_t now)
{
    if (h->count == 0 || h->items[0]->deadline > now)
        return NULL;
    rill_timer *t = h->items[0];
    rill_heap_remove(h, t);
    return t;
}
