/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/flight.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/crypto.h"

#define FIRST_CAPACITY 8u
#define MAX_CAPACITY   (1u << 30)

void rill_flight_pool_init(rill_flight_pool *p, const rill_allocator *a)
{
    *p = (rill_flight_pool){.allocator = a};
}

static rill_flight *pop(rill_flight_pool *p)
{
    if (!p->unused)
        return rill_calloc(p->allocator, 1, sizeof(rill_flight));
    rill_flight *f = RILL_CONTAINER(p->unused, rill_flight, node);
    p->unused = f->node.next;
    assert(!f->connection); /* nobody's, or two packets would have one record */
    return f;
}

static void push(rill_flight_pool *p, rill_flight *f)
{
    f->connection = NULL;
    f->node.next = p->unused;
    p->unused = &f->node;
}

void rill_flight_pool_clear(rill_flight_pool *p)
{
    while (p->unused)
        rill_free(p->allocator, pop(p));
}

void rill_flight_table_init(rill_flight_table *t, const rill_allocator *a, rill_flight_pool *pool)
{
    *t = (rill_flight_table){.allocator = a, .pool = pool};
}

void rill_flight_table_clear(rill_flight_table *t)
{
    for (uint32_t i = 0; i < t->capacity; i++)
        assert(!t->slots[i]); /* its connections are gone */
    rill_free(t->allocator, t->slots);
    rill_free(t->allocator, t->generations);
    rill_free(t->allocator, t->unused);
    rill_flight_table_init(t, t->allocator, t->pool);
}

/* The arrays only grow. */
static bool grow(rill_flight_table *t)
{
    uint32_t capacity = t->capacity ? t->capacity * 2 : FIRST_CAPACITY;
    if (capacity > MAX_CAPACITY)
        return false;
    rill_flight **slots =
        rill_realloc_array(t->allocator, t->slots, capacity, sizeof(rill_flight *));
    if (!slots)
        return false;
    t->slots = slots;
    uint32_t *generations =
        rill_realloc_array(t->allocator, t->generations, capacity, sizeof(uint32_t));
    if (!generations)
        return false;
    t->generations = generations;
    uint32_t *unused = rill_realloc_array(t->allocator, t->unused, capacity, sizeof(uint32_t));
    if (!unused)
        return false;
    t->unused = unused;
    for (uint32_t i = capacity; i-- > t->capacity;) {
        t->slots[i] = NULL;
        t->generations[i] = 0;
        t->unused[t->unused_count++] = i;
    }
    t->capacity = capacity;
    return true;
}

rill_flight *rill_flight_open(rill_flight_table *t)
{
    if (t->unused_count == 0 && !grow(t))
        return NULL;
    rill_flight *f = pop(t->pool);
    if (!f)
        return NULL;
    uint32_t slot = t->unused[--t->unused_count];
    t->slots[slot] = f;
    t->generations[slot]++;
    /* The arrays behind the counts need no clearing. The fulfillment was wiped when it was given
     * back. */
    memset(f, 0, offsetof(rill_flight, fulfillment));
    memset(&f->kind, 0, offsetof(rill_flight, money) - offsetof(rill_flight, kind));
    f->request = (uint64_t)t->generations[slot] << 32 | slot;
    rill_list_init(&f->node);
    return f;
}

rill_flight *rill_flight_find(const rill_flight_table *t, uint64_t request)
{
    uint32_t slot = (uint32_t)request;
    if (slot >= t->capacity)
        return NULL;
    rill_flight *f = t->slots[slot];
    if (!f || !f->connection || f->request != request)
        return NULL;
    return f;
}

void rill_flight_close(rill_flight_table *t, rill_flight *f)
{
    uint32_t slot = (uint32_t)f->request;
    /* Closed once, and found by nobody any more: or its slot would be given to two. */
    assert(t->slots[slot] == f && t->unused_count < t->capacity && !rill_list_linked(&f->node));
    rill_wipe(f->fulfillment, sizeof f->fulfillment);
    t->slots[slot] = NULL;
    t->unused[t->unused_count++] = slot;
    push(t->pool, f);
}
