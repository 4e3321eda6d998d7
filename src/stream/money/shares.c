/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/money/shares.h"

#include <assert.h>

#include <rill/error.h>

#include "base/muldiv.h"

static uint64_t room_left(const rill_share *part)
{
    return rill_sub_sat(part->room, part->amount);
}

/* The first of the lowest-numbered streams that can take `amount` more; NULL where none can. */
static rill_share *lowest_with_room(rill_share *parts, size_t count, uint64_t amount)
{
    rill_share *found = NULL;

    for (size_t i = 0; i < count; i++)
        if (room_left(&parts[i]) >= amount && (found == NULL || parts[i].stream < found->stream))
            found = &parts[i];
    return found;
}

/* Whether the streams numbered up to `id` can together take `amount` more. */
static bool room_up_to(const rill_share *parts, size_t count, uint64_t id, uint64_t amount)
{
    uint64_t room = 0;

    for (size_t i = 0; i < count; i++)
        if (parts[i].stream <= id)
            room = rill_add_sat(room, room_left(&parts[i]));
    return room >= amount;
}

static uint64_t give(rill_share *part, uint64_t amount)
{
    uint64_t room = room_left(part);
    uint64_t taken = room < amount ? room : amount;

    part->amount += taken;
    return amount - taken;
}

/*
 * As much as has room to each in ascending order; returns what nobody has room
 * for. Parts come in any order and are the caller's to index, so that instead of
 * sorting them we search, in 64 passes at most, the id up to which all fill up.
 * A peer chooses the number of parts: this bounds what a packet costs.
 */
static uint64_t give_ascending(rill_share *parts, size_t count, uint64_t amount)
{
    uint64_t low = 0;
    uint64_t high = UINT64_MAX;

    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (room_up_to(parts, count, middle, amount))
            high = middle;
        else
            low = middle + 1;
    }
    for (size_t i = 0; i < count; i++)
        if (parts[i].stream < high)
            amount = give(&parts[i], amount);
    for (size_t i = 0; i < count; i++)
        if (parts[i].stream == high)
            amount = give(&parts[i], amount);
    return amount;
}

int rill_shares_divide(rill_share *parts, size_t count, uint64_t amount)
{
    uint64_t total = 0;
    uint64_t left = amount;

    for (size_t i = 0; i < count; i++)
        if (!rill_add_u64(total, parts[i].shares, &total))
            return RILL_ERR_RANGE;
    if (total == 0)
        return RILL_ERR_RANGE;
    if (count == 1) {
        parts[0].amount = amount;
        return RILL_OK;
    }
    for (size_t i = 0; i < count; i++) {
        /* Fits: shares are at most the total. */
        parts[i].amount = rill_mul_div_floor_sat(amount, parts[i].shares, total);
        left -= parts[i].amount;
    }
    assert(left < count);
    if (left == 0)
        return RILL_OK;
    rill_share *taker = lowest_with_room(parts, count, left);
    if (taker == NULL) {
        left = give_ascending(parts, count, left);
        taker = lowest_with_room(parts, count, 0);
    }
    taker->amount += left;
    return RILL_OK;
}
