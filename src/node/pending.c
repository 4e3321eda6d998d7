/* SPDX-License-Identifier: Apache-2.0 */
#include "node/pending.h"

#include <rill/error.h>

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

/*
 * A outgoing_id is an entry's index below and a count of its uses above, so that an
 * answer that comes too late never finds the entry's next user.
 */
enum { CHUNK = 256, INDEX_BITS = 32 };
/* For storage that an entry does not need: a packet does not wait for more. */
enum { MAX_LOOKS = 64 };

void rill_pendings_init(rill_pendings *p, const rill_allocator *allocator, size_t max)
{
    memset(p, 0, sizeof *p);
    p->allocator = allocator;
    p->max = max;
    rill_heap_init(&p->timers, allocator);
    rill_list_init(&p->free);
    rill_list_init(&p->kept);
    rill_list_init(&p->booked);
}

void rill_pendings_clear(rill_pendings *p)
{
    for (size_t i = 0; i < p->chunk_count; i++) {
        for (size_t k = 0; k < CHUNK; k++)
            rill_free(p->allocator, p->chunks[i][k].copy);
        rill_free(p->allocator, p->chunks[i]);
    }
    rill_free(p->allocator, p->chunks);
    rill_heap_clear(&p->timers);
}

/* A free entry keeps the next outgoing_id that it will have in `request`. */
static int grow(rill_pendings *p)
{
    rill_pending **chunks =
        rill_realloc_array(p->allocator, p->chunks, p->chunk_count + 1, sizeof *p->chunks);
    if (chunks == NULL)
        return RILL_ERR_NOMEM;
    p->chunks = chunks;
    rill_pending *chunk = rill_calloc(p->allocator, CHUNK, sizeof *chunk);
    if (chunk == NULL)
        return RILL_ERR_NOMEM;
    for (size_t k = 0; k < CHUNK; k++) {
        /* The count of uses starts at 1: no outgoing_id is 0. */
        chunk[k].request = (UINT64_C(1) << INDEX_BITS) | (p->chunk_count * CHUNK + k);
        rill_list_init(&chunk[k].of_kept);
        rill_list_push_back(&p->free, &chunk[k].of_source);
    }
    p->chunks[p->chunk_count++] = chunk;
    return RILL_OK;
}

int rill_pendings_open(rill_pendings *p, uint64_t deadline, rill_pending **out)
{
    if (p->open >= p->max)
        return RILL_ERR_LIMIT;
    if (rill_list_empty(&p->free)) {
        int rc = grow(p);
        if (rc != RILL_OK)
            return rc;
    }
    rill_pending *entry = RILL_CONTAINER(p->free.next, rill_pending, of_source);
    int rc = rill_heap_add(&p->timers, &entry->timer, deadline);
    if (rc != RILL_OK)
        return rc;
    rill_list_remove(&entry->of_source);
    entry->outgoing_id = entry->request;
    entry->request = 0;
    p->open++;
    *out = entry;
    return RILL_OK;
}

rill_pending *rill_pendings_find(const rill_pendings *p, uint64_t outgoing_id)
{
    size_t index = (size_t)(outgoing_id & UINT32_MAX);
    if (outgoing_id == 0 || index / CHUNK >= p->chunk_count)
        return NULL;
    rill_pending *entry = &p->chunks[index / CHUNK][index % CHUNK];
    return entry->outgoing_id == outgoing_id ? entry : NULL;
}

void rill_pendings_close(rill_pendings *p, rill_pending *entry)
{
    assert(entry->outgoing_id != 0);
    if (entry->group == 0)
        rill_heap_remove(&p->timers, &entry->timer);
    rill_list_remove(&entry->of_source);
    rill_list_remove(&entry->of_kept);
    uint8_t *copy = entry->copy;
    size_t cap = entry->copy_cap;
    uint64_t uses = (entry->outgoing_id >> INDEX_BITS) + 1;
    if (uses > UINT32_MAX)
        uses = 1;
    uint64_t index = entry->outgoing_id & UINT32_MAX;
    memset(entry, 0, sizeof *entry);
    rill_list_init(&entry->of_kept);
    entry->request = (uses << INDEX_BITS) | index;
    entry->copy = copy;
    entry->copy_cap = cap;
    /* The entry that was used last is in the cache. */
    rill_list_push_front(&p->free, &entry->of_source);
    p->open--;
}

void rill_pendings_forget_notes(rill_pendings *p)
{
    for (size_t i = 0; i < p->chunk_count; i++) {
        for (size_t k = 0; k < CHUNK; k++)
            p->chunks[i][k].note = 0;
    }
}

rill_pending *rill_pendings_due(rill_pendings *p, uint64_t now)
{
    if (p->timers.count == 0 || rill_heap_deadline(&p->timers) > now)
        return NULL;
    return RILL_CONTAINER(p->timers.items[0], rill_pending, timer);
}

void rill_pendings_book(rill_pendings *p, rill_pending *entry, uint64_t group)
{
    assert(entry->group == 0 && group != 0);
    rill_heap_remove(&p->timers, &entry->timer);
    rill_list_remove(&entry->of_kept);
    rill_list_push_back(&p->booked, &entry->of_kept);
    entry->group = group;
}

rill_pending *rill_pendings_booked(const rill_pendings *p, uint64_t group)
{
    if (rill_list_empty(&p->booked))
        return NULL;
    rill_pending *first = RILL_CONTAINER(p->booked.next, rill_pending, of_kept);
    return first->group <= group ? first : NULL;
}

uint64_t rill_pendings_deadline(const rill_pendings *p)
{
    return rill_heap_deadline(&p->timers);
}

static void drop_copy(rill_pendings *p, rill_pending *entry)
{
    rill_list_remove(&entry->of_kept);
    rill_free(p->allocator, entry->copy);
    p->held -= entry->copy_cap;
    entry->copy = NULL;
    entry->copy_cap = 0;
    entry->copy_len = 0;
}

/*
 * Takes the storage of entries that are free: those that were used last have some. Then that of
 * those that have waited longest.
 */
static bool make_room(rill_pendings *p, size_t need)
{
    unsigned looks = 0;
    for (rill_list *at = p->free.next; at != &p->free && looks < MAX_LOOKS; at = at->next) {
        if (need <= RILL_PENDINGS_MAX_HELD - p->held)
            return true;
        drop_copy(p, RILL_CONTAINER(at, rill_pending, of_source));
        looks++;
    }
    while (need > RILL_PENDINGS_MAX_HELD - p->held && looks < 2 * MAX_LOOKS) {
        if (rill_list_empty(&p->kept))
            return false;
        drop_copy(p, RILL_CONTAINER(p->kept.next, rill_pending, of_kept));
        looks++;
    }
    return need <= RILL_PENDINGS_MAX_HELD - p->held;
}

int rill_pendings_keep(rill_pendings *p, rill_pending *entry, const rill_bytes *parts, size_t count)
{
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    entry->copy_len = 0;
    rill_list_remove(&entry->of_kept);
    if (len > entry->copy_cap) {
        if (!make_room(p, len - entry->copy_cap))
            return RILL_ERR_LIMIT;
        uint8_t *copy = rill_alloc(p->allocator, len);
        if (copy == NULL)
            return RILL_ERR_NOMEM;
        rill_free(p->allocator, entry->copy);
        p->held += len - entry->copy_cap;
        entry->copy = copy;
        entry->copy_cap = len;
    }
    for (size_t i = 0; i < count; i++) {
        if (parts[i].len != 0)
            memcpy(entry->copy + entry->copy_len, parts[i].data, parts[i].len);
        entry->copy_len += parts[i].len;
    }
    rill_list_push_back(&p->kept, &entry->of_kept);
    return RILL_OK;
}
