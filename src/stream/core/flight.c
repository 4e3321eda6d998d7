/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/flight.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "crypto/crypto.h"

#define FIRST_CAPACITY 64u
#define MAX_CAPACITY   (1u << 30)

void rill_flight_table_init(rill_flight_table *t, const rill_allocator *a)
{
    *t = (rill_flight_table){.allocator = a};
}

void rill_flight_table_clear(rill_flight_table *t)
{
    for (uint32_t i = 0; i < t->capacity; i++)
        rill_free(t->allocator, t->slots[i]);
    rill_free(t->allocator, t->slots);
    rill_free(t->allocator, t->generations);
    rill_free(t->allocator, t->unused);
    rill_flight_table_init(t, t->allocator);
}

/* Records are allocated when first used and kept; the arrays only grow. */
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
    uint32_t slot = t->unused[t->unused_count - 1];
    rill_flight *f = t->slots[slot];
    if (!f) {
        f = rill_alloc(t->allocator, sizeof *f);
        if (!f)
            return NULL;
        f->connection = NULL;
        t->slots[slot] = f;
    }
    assert(!f->connection); /* nobody's, or two packets would have one record */
    t->unused_count--;
    t->generations[slot]++;
    /* The arrays behind the counts need no clearing. */
    memset(f, 0, offsetof(rill_flight, money));
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
    f->connection = NULL;
    rill_wipe(f->fulfillment, sizeof f->fulfillment);
    t->unused[t->unused_count++] = slot;
}
