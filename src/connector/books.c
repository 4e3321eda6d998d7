/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/books.h"

#include <assert.h>

#include <rill/error.h>

#include "base/alloc.h"

enum { MS_A_MINUTE = 60000 };

void rill_books_init(rill_books *b, const rill_allocator *allocator, uint64_t seed)
{
    *b = (rill_books){.allocator = allocator, .filling = 1};
    rill_map_init(&b->by_pair, allocator, seed);
    rill_list_init(&b->flows);
    rill_list_init(&b->dirty_balances);
    rill_list_init(&b->dirty_flows);
}

void rill_books_clear(rill_books *b)
{
    while (!rill_list_empty(&b->flows)) {
        rill_flow *flow = RILL_CONTAINER(b->flows.next, rill_flow, linked);
        rill_list_remove(&flow->linked);
        rill_free(b->allocator, flow);
    }
    rill_map_clear(&b->by_pair);
    for (size_t i = 0; i < b->asset_count; i++)
        rill_free(b->allocator, b->assets[i]);
    rill_free(b->allocator, b->assets);
    b->assets = NULL;
    b->asset_count = 0;
}

void rill_balance_init(rill_balance *a, rill_balance_id id, uint32_t asset, rill_i128 booked)
{
    *a = (rill_balance){
        .booked = booked,
        .credit = 0,
        .most = RILL_NO_LIMIT,
        .id = id,
        .asset = asset,
    };
    rill_list_init(&a->dirty);
}

int rill_books_add_asset(rill_books *b, rill_balance_id exchange, rill_i128 exchange_booked,
                         rill_balance_id outside, rill_i128 outside_booked)
{
    rill_asset_books **assets =
        rill_realloc_array(b->allocator, b->assets, b->asset_count + 1, sizeof *assets);
    if (assets == NULL)
        return RILL_ERR_NOMEM;
    b->assets = assets;
    rill_asset_books *asset = rill_alloc(b->allocator, sizeof *asset);
    if (asset == NULL)
        return RILL_ERR_NOMEM;
    rill_balance_init(&asset->exchange, exchange, (uint32_t)b->asset_count, exchange_booked);
    rill_balance_init(&asset->outside, outside, (uint32_t)b->asset_count, outside_booked);
    b->assets[b->asset_count++] = asset;
    return RILL_OK;
}

/* ---- flows ---- */

static uint64_t pair_of(const rill_balance *source, const rill_balance *destination)
{
    return (uint64_t)source->id << 32 | destination->id;
}

int rill_books_flow(rill_books *b, rill_balance *source, rill_balance *destination, rill_flow **out)
{
    uint64_t pair = pair_of(source, destination);
    *out = rill_map_get(&b->by_pair, pair);
    if (*out != NULL)
        return RILL_OK;
    rill_flow *flow = rill_calloc(b->allocator, 1, sizeof *flow);
    if (flow == NULL)
        return RILL_ERR_NOMEM;
    int rc = rill_map_put(&b->by_pair, pair, flow);
    if (rc != RILL_OK) {
        rill_free(b->allocator, flow);
        return rc;
    }
    flow->source = source;
    flow->destination = destination;
    rill_list_init(&flow->dirty);
    rill_list_push_back(&b->flows, &flow->linked);
    *out = flow;
    return RILL_OK;
}

static bool touches(const rill_flow *flow, const rill_balance *a)
{
    return flow->source == a || flow->destination == a;
}

/*
 * The first change of a group says in which minute it is. Minutes never go back: a clock that was
 * set back must not write over what a minute has in the store.
 */
static void begin_change(rill_books *b, uint64_t wall_ms)
{
    const uint64_t minute = wall_ms / MS_A_MINUTE;
    if (b->dirty_count > 0)
        return;
    if (b->minute < minute)
        b->minute = minute;
    if (b->minute < b->least)
        b->minute = b->least;
}

/* Has one of its flows changed in the minute that is now? */
static bool is_of_minute(const rill_books *b, const rill_balance *a)
{
    for (const rill_list *at = b->flows.next; at != &b->flows; at = at->next) {
        const rill_flow *flow = RILL_CONTAINER(at, rill_flow, linked);
        if (touches(flow, a) && flow->minute >= b->minute)
            return true;
    }
    return false;
}

bool rill_books_forget(rill_books *b, rill_balance *a, uint64_t wall_ms)
{
    if (rill_list_linked(&a->dirty))
        return false;
    /* It would take as long to get there as the clock was ahead. */
    if (b->minute > wall_ms / MS_A_MINUTE && is_of_minute(b, a))
        b->least = b->minute + 1;
    begin_change(b, wall_ms);
    for (rill_list *at = b->flows.next; at != &b->flows; at = at->next) {
        rill_flow *flow = RILL_CONTAINER(at, rill_flow, linked);
        if (touches(flow, a) &&
            (flow->open > 0 || rill_list_linked(&flow->dirty) || flow->minute >= b->minute))
            return false;
    }
    for (rill_list *at = b->flows.next, *next; at != &b->flows; at = next) {
        rill_flow *flow = RILL_CONTAINER(at, rill_flow, linked);
        next = at->next;
        if (!touches(flow, a))
            continue;
        rill_map_remove(&b->by_pair, pair_of(flow->source, flow->destination));
        rill_list_remove(&flow->linked);
        rill_free(b->allocator, flow);
    }
    return true;
}

void rill_books_replace(rill_books *b, rill_balance *from, rill_balance *to)
{
    assert(from->id == to->id && from->asset == to->asset && !rill_list_linked(&to->dirty));
    to->booked = from->booked;
    to->held = from->held;
    to->coming = from->coming;
    if (rill_list_linked(&from->dirty)) {
        rill_list_push_back(&from->dirty, &to->dirty);
        rill_list_remove(&from->dirty);
    }
    for (rill_list *at = b->flows.next; at != &b->flows; at = at->next) {
        rill_flow *flow = RILL_CONTAINER(at, rill_flow, linked);
        if (flow->source == from)
            flow->source = to;
        if (flow->destination == from)
            flow->destination = to;
    }
}

/* ---- a packet ---- */

/* booked + credit - held - taken >= 0, each exact. */
static bool has_credit(const rill_balance *source, uint64_t taken)
{
    if (source->credit == RILL_NO_LIMIT)
        return true;
    rill_u128 room = rill_wide_add(rill_wide_bits(source->booked), rill_wide(source->credit));
    room = rill_wide_sub(room, rill_wide_of(source->held.high, source->held.low));
    room = rill_wide_sub(room, rill_wide(taken));
    return !rill_wide_negative(rill_wide_signed(room));
}

/* most - booked - coming - given >= 0. */
static bool has_room(const rill_balance *destination, uint64_t given)
{
    if (destination->most == RILL_NO_LIMIT)
        return true;
    const rill_sum *coming = &destination->coming;
    rill_u128 room =
        rill_wide_sub(rill_wide(destination->most), rill_wide_bits(destination->booked));
    room = rill_wide_sub(room, rill_wide_of(coming->high, coming->low));
    room = rill_wide_sub(room, rill_wide(given));
    return !rill_wide_negative(rill_wide_signed(room));
}

void rill_books_hold_again(rill_flow *flow, uint64_t taken, uint64_t given)
{
    rill_sum_add(&flow->source->held, taken);
    rill_sum_add(&flow->destination->coming, given);
    flow->open++;
}

rill_hold_verdict rill_books_hold(rill_flow *flow, uint64_t taken, uint64_t given)
{
    if (taken > 0 && !has_credit(flow->source, taken))
        return RILL_HOLD_NO_CREDIT;
    if (given > 0 && !has_room(flow->destination, given))
        return RILL_HOLD_NO_ROOM;
    rill_books_hold_again(flow, taken, given);
    return RILL_HOLD_TAKEN;
}

void rill_books_release(rill_flow *flow, uint64_t taken, uint64_t given)
{
    assert(flow->open > 0);
    rill_sum_take(&flow->source->held, taken);
    rill_sum_take(&flow->destination->coming, given);
    flow->open--;
}

static void mark(rill_books *b, rill_list *of, rill_list *link)
{
    if (rill_list_linked(link))
        return;
    rill_list_push_back(of, link);
    b->dirty_count++;
}

/*
 * amount is below 2^64. A balance that far out would take 2^63 packets of the largest size, which
 * no node lives to see.
 */
static void move(rill_books *b, rill_balance *from, rill_balance *to, uint64_t amount)
{
    rill_i128 wide = rill_wide_signed(rill_wide(amount));
    bool fits = rill_wide_sum(from->booked, rill_wide_negate(wide), &from->booked);
    fits = rill_wide_sum(to->booked, wide, &to->booked) && fits;
    assert(fits);
    (void)fits;
    assert(from->asset == to->asset);
    mark(b, &b->dirty_balances, &from->dirty);
    mark(b, &b->dirty_balances, &to->dirty);
}

uint64_t rill_books_commit(rill_books *b, rill_flow *flow, uint64_t taken, uint64_t given,
                           bool charge, uint64_t wall_ms)
{
    rill_balance *source = flow->source;
    rill_balance *destination = flow->destination;
    rill_books_release(flow, taken, given);
    if (!charge)
        taken = 0;
    begin_change(b, wall_ms);
    move(b, source, &b->assets[source->asset]->exchange, taken);
    move(b, &b->assets[destination->asset]->exchange, destination, given);
    /* A flow that is of another minute has gone to the store with that. */
    if (flow->minute != b->minute) {
        assert(!rill_list_linked(&flow->dirty));
        flow->minute = b->minute;
        flow->packets = 0;
        flow->taken = (rill_sum){0, 0};
        flow->given = (rill_sum){0, 0};
    }
    flow->packets++;
    rill_sum_add(&flow->taken, taken);
    rill_sum_add(&flow->given, given);
    mark(b, &b->dirty_flows, &flow->dirty);
    return b->filling;
}

uint64_t rill_books_recover(rill_books *b, rill_flow *flow, uint64_t taken, uint64_t given,
                            bool charge, uint64_t wall_ms)
{
    rill_books_hold_again(flow, taken, given);
    return rill_books_commit(b, flow, taken, given, charge, wall_ms);
}

uint64_t rill_books_enter(rill_books *b, rill_balance *a, bool out, uint64_t amount,
                          uint64_t wall_ms)
{
    rill_balance *outside = &b->assets[a->asset]->outside;
    begin_change(b, wall_ms);
    if (out)
        move(b, a, outside, amount);
    else
        move(b, outside, a, amount);
    return b->filling;
}

uint64_t rill_books_touch(rill_books *b, uint64_t wall_ms)
{
    if (b->asset_count == 0)
        return 0;
    begin_change(b, wall_ms);
    move(b, &b->assets[0]->outside, &b->assets[0]->exchange, 0);
    return b->filling;
}

/* ---- groups ---- */

/* Room for count items of that size; false: no memory, and the array is as it was. */
static bool reserve(const rill_allocator *allocator, void **array, size_t *cap, size_t count,
                    size_t size)
{
    if (count <= *cap)
        return true;
    size_t larger = count < SIZE_MAX / 2 ? count + count / 2 + 16 : count;
    void *grown = rill_realloc_array(allocator, *array, larger, size);
    if (grown == NULL)
        return false;
    *array = grown;
    *cap = larger;
    return true;
}

static size_t length(const rill_list *list)
{
    size_t count = 0;
    for (const rill_list *at = list->next; at != list; at = at->next)
        count++;
    return count;
}

int rill_books_take_group(rill_books *b, rill_group *group)
{
    if (b->dirty_count == 0)
        return RILL_ERR_BLOCKED;
    size_t balances = length(&b->dirty_balances);
    assert(balances <= b->dirty_count);
    void *rows = group->balances;
    bool room =
        reserve(b->allocator, &rows, &group->balance_cap, balances, sizeof *group->balances);
    group->balances = rows;
    rows = group->flows;
    room = room && reserve(b->allocator, &rows, &group->flow_cap, b->dirty_count - balances,
                           sizeof *group->flows);
    group->flows = rows;
    if (!room)
        return RILL_ERR_NOMEM;
    group->balance_count = 0;
    group->flow_count = 0;
    while (!rill_list_empty(&b->dirty_balances)) {
        rill_balance *a = RILL_CONTAINER(b->dirty_balances.next, rill_balance, dirty);
        rill_list_remove(&a->dirty);
        group->balances[group->balance_count++] = (rill_store_balance){a->id, a->booked};
    }
    while (!rill_list_empty(&b->dirty_flows)) {
        rill_flow *flow = RILL_CONTAINER(b->dirty_flows.next, rill_flow, dirty);
        rill_list_remove(&flow->dirty);
        group->flows[group->flow_count++] = (rill_store_flow){
            flow->minute,  flow->source->id, flow->destination->id,
            flow->packets, flow->taken,      flow->given,
        };
    }
    b->dirty_count = 0;
    group->number = b->filling++;
    return RILL_OK;
}

void rill_books_group_kept(rill_books *b, const rill_group *group)
{
    assert(group->number == b->kept + 1 && group->number < b->filling);
    b->kept = group->number;
}

void rill_group_clear(rill_group *group, const rill_allocator *allocator)
{
    rill_free(allocator, group->balances);
    rill_free(allocator, group->flows);
    *group = (rill_group){0};
}

bool rill_books_even(const rill_books *b, uint32_t asset, rill_i128 sum_of_neighbours)
{
    rill_i128 sum;
    const rill_asset_books *own = b->assets[asset];
    return rill_wide_sum(own->exchange.booked, own->outside.booked, &sum) &&
           rill_wide_sum(sum, sum_of_neighbours, &sum) && rill_wide_is_zero(rill_wide_bits(sum));
}
