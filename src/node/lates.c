/* SPDX-License-Identifier: Apache-2.0 */
#include "node/lates.h"

#include <rill/error.h>

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/names.h"

/*
 * As many chains as places, so that a chain has about one. Who sends chooses the conditions, and
 * may choose one for all: so many are looked at, and no more.
 */
enum { CHAIN_BITS = 15, MOST_LOOKED_AT = 64 };
static_assert(1 << CHAIN_BITS == RILL_LATES_MAX, "a chain for each place");

/* The ids are this node's own: nobody chooses them so that they meet. */
static uint32_t *chain_of(const rill_lates *l, uint64_t outgoing_id)
{
    return &l->chains[outgoing_id * UINT64_C(0x9e3779b97f4a7c15) >> (64 - CHAIN_BITS)];
}

static uint32_t *condition_chain_of(const rill_lates *l, const uint8_t condition[32])
{
    return &l->by_condition[rill_siphash(l->key, condition, 32) >> (64 - CHAIN_BITS)];
}

void rill_lates_init(rill_lates *l, const rill_allocator *allocator, const uint64_t key[2])
{
    *l = (rill_lates){.allocator = allocator, .key = {key[0], key[1]}};
}

int rill_lates_open(rill_lates *l)
{
    /* Not set to zero: what is not used yet costs nothing. */
    l->ring = rill_alloc(l->allocator, RILL_LATES_MAX * sizeof *l->ring);
    l->chains = rill_calloc(l->allocator, RILL_LATES_MAX, sizeof *l->chains);
    l->by_condition = rill_calloc(l->allocator, RILL_LATES_MAX, sizeof *l->by_condition);
    if (l->ring != NULL && l->chains != NULL && l->by_condition != NULL)
        return RILL_OK;
    rill_lates_clear(l);
    return RILL_ERR_NOMEM;
}

void rill_lates_clear(rill_lates *l)
{
    rill_free(l->allocator, l->ring);
    rill_free(l->allocator, l->chains);
    rill_free(l->allocator, l->by_condition);
    *l = (rill_lates){.allocator = l->allocator};
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

const rill_late *rill_lates_find_condition(const rill_lates *l, const struct rill_account *to,
                                           const uint8_t condition[32])
{
    if (l->ring == NULL)
        return NULL;
    uint32_t at = *condition_chain_of(l, condition);
    for (size_t n = 0; at != 0 && n < MOST_LOOKED_AT; n++, at = l->ring[at - 1].older) {
        const rill_late *late = &l->ring[at - 1];
        if (late->to == to && memcmp(late->condition, condition, 32) == 0)
            return late;
    }
    return NULL;
}

static void leave_condition(const rill_lates *l, const rill_late *late)
{
    if (late->older != 0)
        l->ring[late->older - 1].newer = late->newer;
    if (late->newer != 0)
        l->ring[late->newer - 1].older = late->older;
    else
        *condition_chain_of(l, late->condition) = late->older;
}

static void join_condition(const rill_lates *l, rill_late *late, uint32_t place)
{
    uint32_t *chain = condition_chain_of(l, late->condition);
    late->newer = 0;
    late->older = *chain;
    if (*chain != 0)
        l->ring[*chain - 1].newer = place;
    *chain = place;
}

void rill_lates_forget(rill_lates *l, uint64_t outgoing_id)
{
    if (rill_lates_find(l, outgoing_id) == NULL)
        return;
    uint32_t *way = way_to(l, outgoing_id);
    rill_late *late = &l->ring[*way - 1];
    *way = late->next;
    late->outgoing_id = 0;
    leave_condition(l, late);
}

void rill_lates_remember(rill_lates *l, uint64_t outgoing_id, const struct rill_account *to,
                         const uint8_t condition[32], uint64_t given)
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
    late->to = to;
    memcpy(late->condition, condition, sizeof late->condition);
    late->next = *chain;
    *chain = ++l->at;
    join_condition(l, late, l->at);
    l->at %= RILL_LATES_MAX;
}
