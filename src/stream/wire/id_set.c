/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/wire/id_set.h"

#include <assert.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

void rill_id_set_init(rill_id_set *s)
{
    *s = (rill_id_set){.ranges = NULL};
}

void rill_id_set_clear(rill_id_set *s, const rill_allocator *a)
{
    rill_free(a, s->ranges);
    rill_id_set_init(s);
}

/* At two ranges that are next to each other: ascending, and apart, or they would be one. */
static bool apart(const rill_id_set *s, uint32_t at)
{
    const rill_id_range *r = s->ranges;

    return (at == 0 || r[at - 1].last + 1 < r[at].first) && r[at].first <= r[at].last;
}

/* Number of ranges that begin at or before index. */
static uint32_t ranges_until(const rill_id_set *s, uint64_t index)
{
    uint32_t low = 0;
    uint32_t high = s->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (s->ranges[middle].first <= index)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool rill_id_set_has(const rill_id_set *s, uint64_t id)
{
    uint64_t index = id / 2;
    uint32_t after = ranges_until(s, index);

    return after > 0 && index <= s->ranges[after - 1].last;
}

static int reserve_one(rill_id_set *s, const rill_allocator *a)
{
    if (s->count < s->capacity)
        return RILL_OK;
    if (s->capacity > UINT32_MAX / 2)
        return RILL_ERR_NOMEM;
    uint32_t capacity = s->capacity == 0 ? 1 : s->capacity * 2;
    rill_id_range *ranges = rill_realloc_array(a, s->ranges, capacity, sizeof *ranges);
    if (ranges == NULL)
        return RILL_ERR_NOMEM;
    s->ranges = ranges;
    s->capacity = capacity;
    return RILL_OK;
}

int rill_id_set_add(rill_id_set *s, const rill_allocator *a, uint64_t id)
{
    uint64_t index = id / 2;
    uint32_t at = ranges_until(s, index);

    if (at > 0 && index <= s->ranges[at - 1].last)
        return RILL_OK;
    /* Indexes are below 2^63: neither sum overflows. */
    bool joins_left = at > 0 && s->ranges[at - 1].last + 1 == index;
    bool joins_right = at < s->count && index + 1 == s->ranges[at].first;
    if (joins_left && joins_right) {
        s->ranges[at - 1].last = s->ranges[at].last;
        memmove(&s->ranges[at], &s->ranges[at + 1], (s->count - at - 1) * sizeof *s->ranges);
        s->count -= 1;
    } else if (joins_left) {
        s->ranges[at - 1].last = index;
    } else if (joins_right) {
        s->ranges[at].first = index;
    } else {
        int rc = reserve_one(s, a);
        if (rc != RILL_OK)
            return rc;
        memmove(&s->ranges[at + 1], &s->ranges[at], (s->count - at) * sizeof *s->ranges);
        s->ranges[at] = (rill_id_range){.first = index, .last = index};
        s->count += 1;
    }
    assert(s->count > 0 && s->count <= s->capacity && rill_id_set_has(s, id));
    assert((at == 0 || apart(s, at - 1)) && (at >= s->count || apart(s, at)) &&
           (at + 1 >= s->count || apart(s, at + 1)));
    return RILL_OK;
}
