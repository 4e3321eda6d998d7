/* SPDX-License-Identifier: Apache-2.0 */
#include "node/lates.h"

#include <rill/error.h>

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

/* As many chains as places, so that a chain has about one. */
enum { CHAIN_BITS = 15 };
static_assert(1 << CHAIN_BITS == RILL_LATES_MAX, "a chain for each place");

/* The ids are this node's own: nobody chooses them so that they meet. */
static uint32_t *chain_of(const rill_lates *l, uint64_t outgoing_id)
{
    return &l->chains[outgoing_id * UINT64_C(0x9e3779b97f4a7c15) >> (64 - CHAIN_BITS)];
}

void rill_lates_init(rill_lates *l, const rill_allocator *allocator)
{
    *l = (rill_lates){.allocator = allocator};
}

int rill_lates_open(rill_lates *l)
{
    /* Not set to zero: what is not used yet costs nothing. */
    l->ring = rill_alloc(l->allocator, RILL_LATES_MAX * sizeof *l->ring);
    l->chains = rill_calloc(l->allocator, RILL_LATES_MAX, sizeof *l->chains);
    if (l->ring != NULL && l->chains != NULL)
        return RILL_OK;
    rill_lates_clear(l);
    return RILL_ERR_NOMEM;
}

void rill_lates_clear(rill_lates *l)
{
    rill_free(l->allocator, l->ring);
    rill_free(l->allocator, l->chains);
    rill_lates_init(l, l->allocator);
}

/* What leads to the place of an id: in its chain; at the end of that where there is none. */
static uint32_t *way_to(const rill_lates *l, uint64_t outgoing_id)
{
    uint32_t *way = chain_of(l, outgoing_id);
    while (*way != 0 && l->ring[*way - 1].outgoing_id != outgoing_id)
        way = &l->ring[*way - 1].next;
    return way;
}

const rill_late *rill_lates_find(const rill_lates *l, uint64_t outgoing_id)
{
    if (l->ring == NULL || outgoing_id == 0)
        return NULL;
    const uint32_t *way = way_to(l, outgoing_id);
    return *way == 0 ? NULL : &l->ring[*way - 1];
}

void rill_lates_forget(rill_lates *l, uint64_t outgoing_id)
{
    if (rill_lates_find(l, outgoing_id) == NULL)
        return;
    uint32_t *way = way_to(l, outgoing_id);
    rill_late *late = &l->ring[*way - 1];
    *way = late->next;
    late->outgoing_id = 0;
}

void rill_lates_remember(rill_lates *l, uint64_t outgoing_id, const uint8_t condition[32],
                         uint64_t given)
{
    if (l->ring == NULL)
        return;
    rill_late *late = &l->ring[l->at];
    if (l->at < l->used)
        rill_lates_forget(l, late->outgoing_id);
    else
        l->used = l->at + 1;
    uint32_t *chain = chain_of(l, outgoing_id);
    late->outgoing_id = outgoing_id;
    late->given = given;
    memcpy(late->condition, condition, sizeof late->condition);
    late->next = *chain;
    *chain = ++l->at;
    l->at %= RILL_LATES_MAX;
}
