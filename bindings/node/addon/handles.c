/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "addon.h"

#define SLOT_BITS 22
#define SLOTS     (UINT64_C(1) << SLOT_BITS)
/* A name is less than 2^53. */
#define GENERATIONS (UINT32_C(1) << 30)
#define NONE        UINT32_MAX

static uint32_t take_slot(handles *h)
{
    if (h->count > 0 && h->first_free != NONE) {
        uint32_t slot = h->first_free;
        h->first_free = h->entries[slot].next_free;
        return slot;
    }
    if (h->count == h->room) {
        uint32_t room = h->room ? 2 * h->room : 2;
        handle_entry *grown = room <= SLOTS ? realloc(h->entries, room * sizeof *grown) : NULL;
        if (!grown)
            return NONE;
        h->entries = grown;
        h->room = room;
    }
    if (h->count == 0)
        h->first_free = NONE;
    h->entries[h->count] = (handle_entry){.generation = 0};
    return h->count++;
}

uint64_t handles_add(handles *h, void *object, bool stream)
{
    uint32_t slot = take_slot(h);
    if (slot == NONE)
        return 0;
    handle_entry *entry = &h->entries[slot];
    entry->object = object;
    entry->stream = stream;
    h->live++;
    entry->generation = entry->generation % GENERATIONS + 1;
    return ((uint64_t)entry->generation << SLOT_BITS) | slot;
}

static handle_entry *find(const handles *h, uint64_t handle)
{
    uint64_t slot = handle & (SLOTS - 1);
    if (slot >= h->count)
        return NULL;
    handle_entry *entry = &h->entries[slot];
    return entry->object && entry->generation == handle >> SLOT_BITS ? entry : NULL;
}

void handles_remove(handles *h, uint64_t handle)
{
    handle_entry *entry = find(h, handle);
    if (!entry)
        return;
    entry->object = NULL;
    h->live--;
    entry->next_free = h->first_free;
    h->first_free = (uint32_t)(handle & (SLOTS - 1));
}

void *handles_find(const handles *h, uint64_t handle, bool stream)
{
    const handle_entry *entry = find(h, handle);
    return entry && entry->stream == stream ? entry->object : NULL;
}

void handles_free(handles *h)
{
    free(h->entries);
    *h = (handles){.entries = NULL};
}
