/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linear probing. A table that is half full, or four fifths where it is dense, gets a successor, in
 * two steps:
 *
 * 1. Each put makes a few slots of the new table free (`next`).
 *
 * 2. When it is complete, insertions go to it (`slots`), and each put moves a few slots of the
 * table before it (`old`) into it.
 *
 * Both steps end long before the successor is half full itself: step 1 takes at most capacity / 16
 * puts, step 2 at most capacity / 8. A table that is dense makes more slots free with each put, so
 * that step 1 ends before it is full: 13/16 and 1/32 are less than 7/8.
 *
 * A removed entry leaves a mark in its slot, unless the next slot is free. So a removal never moves
 * another entry, and is allowed during an iteration. Marks count as used slots; the successor gets
 * none of them.
 */
#include "base/map.h"

#include <assert.h>
#include <rill/error.h>
#include <string.h>

#include "base/alloc.h"
#include "base/prefetch.h"

enum {
    FIRST_CAPACITY = 4,
    CLEAR_SLOTS_A_PUT = 32,
    CLEAR_SLOTS_A_PUT_DENSE = 64,
    MOVE_SLOTS_A_PUT = 8
};

/* The value of a slot whose entry was removed. */
static const char removed_mark;
#define REMOVED ((void *)(uintptr_t)&removed_mark)

/* The finalizer of splitmix64, over the key under the seed. */
static size_t hash_of(const rill_map *m, uint64_t key)
{
    uint64_t x = key ^ m->seed;
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(x ^ (x >> 31));
}

void rill_map_init(rill_map *m, const rill_allocator *allocator, uint64_t seed)
{
    *m = (rill_map){.allocator = allocator, .seed = seed};
}

void rill_map_clear(rill_map *m)
{
    rill_free(m->allocator, m->slots);
    rill_free(m->allocator, m->old);
    rill_free(m->allocator, m->next);
    *m = (rill_map){.allocator = m->allocator, .seed = m->seed, .dense = m->dense};
}

void rill_map_make_dense(rill_map *m)
{
    assert(m->capacity == 0 && m->next == NULL);
    m->dense = true;
}

static rill_map_slot *find_in_slots(const rill_map *m, uint64_t key)
{
    if (m->capacity == 0)
        return NULL;
    size_t mask = m->capacity - 1;
    for (size_t i = hash_of(m, key) & mask;; i = (i + 1) & mask) {
        rill_map_slot *slot = &m->slots[i];
        if (slot->value == NULL)
            return NULL;
        if (slot->key == key && slot->value != REMOVED)
            return slot;
    }
}

/* Slots before old_next have been moved and count as marks: probing passes over them. */
static rill_map_slot *find_in_old(const rill_map *m, uint64_t key)
{
    if (m->old == NULL)
        return NULL;
    size_t i = hash_of(m, key) & (m->old_capacity - 1);
    /* At most one round: all slots that ended the probing may have been moved. */
    for (size_t probed = 0; probed < m->old_capacity; probed++) {
        if (i < m->old_next) {
            probed += m->old_next - i;
            i = m->old_next;
            if (probed >= m->old_capacity)
                return NULL;
        }
        rill_map_slot *slot = &m->old[i];
        if (slot->value == NULL)
            return NULL;
        if (slot->key == key && slot->value != REMOVED)
            return slot;
        i = (i + 1) & (m->old_capacity - 1);
    }
    return NULL;
}

/* Requires that the key is in no table, and that slots has a free slot. */
static void insert(rill_map *m, uint64_t key, void *value)
{
    size_t mask = m->capacity - 1;
    size_t i = hash_of(m, key) & mask;
    while (m->slots[i].value != NULL && m->slots[i].value != REMOVED)
        i = (i + 1) & mask;
    if (m->slots[i].value == NULL)
        m->used++;
    m->slots[i] = (rill_map_slot){key, value};
}

static void move_some(rill_map *m, size_t slots)
{
    for (; slots > 0 && m->old_next < m->old_capacity; slots--) {
        rill_map_slot *slot = &m->old[m->old_next++];
        if (slot->value != NULL && slot->value != REMOVED)
            insert(m, slot->key, slot->value);
    }
    if (m->old_next == m->old_capacity) {
        rill_free(m->allocator, m->old);
        m->old = NULL;
        m->old_capacity = 0;
        m->old_next = 0;
    }
}

static void clear_some(rill_map *m, size_t slots)
{
    size_t left = m->next_capacity - m->next_cleared;
    if (slots > left)
        slots = left;
    memset(&m->next[m->next_cleared], 0, slots * sizeof(*m->next));
    m->next_cleared += slots;
    if (m->next_cleared < m->next_capacity)
        return;
    m->old = m->slots;
    m->old_capacity = m->capacity;
    m->old_next = 0;
    m->slots = m->next;
    m->capacity = m->next_capacity;
    m->used = 0;
    m->next = NULL;
    m->next_capacity = 0;
    m->next_cleared = 0;
    if (m->old == NULL)
        m->old_capacity = 0;
}

/*
 * No error if there is no memory: the table takes more entries for a while, and the next put tries
 * again.
 */
static void start_successor(rill_map *m)
{
    size_t capacity = FIRST_CAPACITY;
    /* As large as now if most of its used slots are marks. */
    if (m->capacity != 0)
        capacity = m->count > m->capacity / 4 ? 2 * m->capacity : m->capacity;
    if (capacity < m->capacity)
        return;
    m->next = rill_realloc_array(m->allocator, NULL, capacity, sizeof(*m->next));
    if (m->next != NULL)
        m->next_capacity = capacity;
}

/* So many are used: then it gets a successor. */
static size_t enough(const rill_map *m)
{
    return m->dense ? m->capacity * 13 / 16 : m->capacity / 2;
}

/* Does a part of the work for this put. Then slots has room, or there is no memory. */
static int make_room(rill_map *m)
{
    if (m->old != NULL)
        move_some(m, MOVE_SLOTS_A_PUT);
    if (m->old == NULL && m->next == NULL && m->used >= enough(m))
        start_successor(m);
    if (m->next != NULL)
        clear_some(m, m->dense ? CLEAR_SLOTS_A_PUT_DENSE : CLEAR_SLOTS_A_PUT);
    if (m->used < m->capacity - (m->capacity + 7) / 8)
        return RILL_OK;
    /* Only if there was no memory for a long time. */
    assert(m->old == NULL);
    if (m->next == NULL)
        return RILL_ERR_NOMEM;
    clear_some(m, m->next_capacity);
    return RILL_OK;
}

int rill_map_put(rill_map *m, uint64_t key, void *value)
{
    assert(value != NULL);
    if (rill_map_get(m, key) != NULL)
        return RILL_ERR_EXISTS;
    int err = make_room(m);
    if (err != RILL_OK)
        return err;
    insert(m, key, value);
    m->count++;
    return RILL_OK;
}

void *rill_map_get(const rill_map *m, uint64_t key)
{
    const rill_map_slot *slot = find_in_slots(m, key);
    if (slot == NULL)
        slot = find_in_old(m, key);
    return slot == NULL ? NULL : slot->value;
}

void rill_map_prefetch(const rill_map *m, uint64_t key)
{
    if (m->capacity != 0)
        rill_prefetch(&m->slots[hash_of(m, key) & (m->capacity - 1)], sizeof *m->slots);
}

bool rill_map_replace(rill_map *m, uint64_t key, void *value)
{
    assert(value != NULL);
    rill_map_slot *slot = find_in_slots(m, key);
    if (slot == NULL)
        slot = find_in_old(m, key);
    if (slot != NULL)
        slot->value = value;
    return slot != NULL;
}

/* If the next slot is free, frees this slot and the marks before it; otherwise marks it. */
static void release(rill_map *m, size_t i)
{
    size_t mask = m->capacity - 1;
    m->slots[i].value = REMOVED;
    if (m->slots[(i + 1) & mask].value != NULL)
        return;
    for (; m->slots[i].value == REMOVED; i = (i - 1) & mask) {
        m->slots[i].value = NULL;
        m->used--;
    }
}

void *rill_map_remove(rill_map *m, uint64_t key)
{
    rill_map_slot *slot = find_in_slots(m, key);
    void *value;
    if (slot != NULL) {
        value = slot->value;
        release(m, (size_t)(slot - m->slots));
    } else {
        slot = find_in_old(m, key);
        if (slot == NULL)
            return NULL;
        value = slot->value;
        slot->value = REMOVED;
    }
    m->count--;
    return value;
}

size_t rill_map_count(const rill_map *m)
{
    return m->count;
}

bool rill_map_next(const rill_map *m, size_t *cursor, uint64_t *key, void **value)
{
    size_t i = *cursor;
    for (; i < m->capacity + m->old_capacity; i++) {
        const rill_map_slot *slot;
        if (i < m->capacity)
            slot = &m->slots[i];
        else if (i - m->capacity >= m->old_next)
            slot = &m->old[i - m->capacity];
        else
            continue;
        if (slot->value == NULL || slot->value == REMOVED)
            continue;
        *key = slot->key;
        *value = slot->value;
        *cursor = i + 1;
        return true;
    }
    *cursor = i;
    return false;
}
