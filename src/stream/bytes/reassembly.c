/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/bytes/reassembly.h"

#include <assert.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/muldiv.h"

/* The least that the ring is allocated with. */
#define RING_MIN 256
/* What an empty buffer keeps, so that packet after packet taken at once does not allocate. */
#define RING_KEPT 32768
/* The same where others' blocks are shared: nearly as fast as one of its own. */
#define RING_KEPT_SHARED 1024

/* Bytes [first, end) beyond a hole. */
typedef struct range {
    uint64_t first;
    uint64_t end;
} range;

/*
 * A ring holds the bytes from `consumed` to `highest` at their places, holes
 * included; what is known of them is [consumed, contiguous) and the ranges.
 */
struct rill_reassembly {
    const rill_allocator *allocator;
    rill_spares *spares; /* NULL: not shared */
    uint8_t *ring;
    size_t capacity; /* a power of two, or 0 */
    size_t peak;     /* what was needed at most since it was empty */
    size_t usual;    /* the capacity that would have held that, the last time */
    size_t head;     /* where in the ring the byte at `consumed` lies */
    uint64_t consumed;
    uint64_t contiguous;
    uint64_t highest;
    range *ranges; /* ascending, touching neither each other nor `contiguous` */
    size_t range_count;
    size_t range_capacity;
};

int rill_reassembly_new(rill_reassembly **out, const rill_allocator *a)
{
    rill_reassembly *r = rill_calloc(a, 1, sizeof *r);

    *out = r;
    if (r == NULL)
        return RILL_ERR_NOMEM;
    r->allocator = a;
    return RILL_OK;
}

void rill_reassembly_share(rill_reassembly *r, rill_spares *spares)
{
    r->spares = spares;
}

static size_t ring_kept(const rill_reassembly *r)
{
    return r->spares == NULL ? RING_KEPT : RING_KEPT_SHARED;
}

static void drop_ring(rill_reassembly *r)
{
    if (r->spares == NULL)
        rill_free(r->allocator, r->ring);
    else
        rill_spares_give(r->spares, r->ring, r->capacity);
    r->ring = NULL;
    r->capacity = 0;
}

void rill_reassembly_free(rill_reassembly *r)
{
    if (r == NULL)
        return;
    const rill_allocator *a = r->allocator;
    rill_free(a, r->ranges);
    drop_ring(r);
    rill_free(a, r);
}

/* Where in the ring the byte at `offset` lies. */
static size_t place(const rill_reassembly *r, uint64_t offset)
{
    return (r->head + (size_t)(offset - r->consumed)) & (r->capacity - 1);
}

/* Moves all that is buffered to a ring of `capacity`, which holds it. */
static int resize(rill_reassembly *r, size_t capacity)
{
    size_t used = (size_t)(r->highest - r->consumed);
    uint8_t *ring = r->spares == NULL ? rill_alloc(r->allocator, capacity)
                                      : rill_spares_take(r->spares, capacity);

    if (ring == NULL)
        return RILL_ERR_NOMEM;
    assert(used <= capacity);
    if (used > 0) {
        size_t run = r->capacity - r->head;
        if (run > used)
            run = used;
        memcpy(ring, r->ring + r->head, run);
        memcpy(ring + run, r->ring, used - run);
    }
    drop_ring(r);
    r->ring = ring;
    r->capacity = capacity;
    r->head = 0;
    return RILL_OK;
}

static int reserve_bytes(rill_reassembly *r, uint64_t end)
{
    uint64_t needed = end - r->consumed;
    size_t capacity = r->capacity == 0 ? RING_MIN : r->capacity;

    if (needed > r->peak && needed <= SIZE_MAX / 2)
        r->peak = (size_t)needed;
    if (needed <= r->capacity)
        return RILL_OK;
    if (needed > SIZE_MAX / 2)
        return RILL_ERR_NOMEM;
    while (capacity < needed)
        capacity *= 2;
    /* Of those that are shared, at once the one that the last burst needed. */
    if (r->spares != NULL && capacity > RING_KEPT_SHARED && capacity < r->usual)
        capacity = r->usual;
    return resize(r, capacity);
}

static int reserve_range(rill_reassembly *r)
{
    if (r->range_count < r->range_capacity)
        return RILL_OK;
    size_t capacity = r->range_capacity == 0 ? 4 : r->range_capacity * 2;
    range *ranges = rill_realloc_array(r->allocator, r->ranges, capacity, sizeof *ranges);
    if (ranges == NULL)
        return RILL_ERR_NOMEM;
    r->ranges = ranges;
    r->range_capacity = capacity;
    return RILL_OK;
}

static void store(rill_reassembly *r, uint64_t offset, const uint8_t *data, size_t len)
{
    size_t at = place(r, offset);
    size_t run = r->capacity - at;

    if (len <= run) {
        memcpy(r->ring + at, data, len);
        return;
    }
    memcpy(r->ring + at, data, run);
    memcpy(r->ring, data + run, len - run);
}

/* The number of ranges that end before `offset` and do not touch it. */
static size_t ranges_before(const rill_reassembly *r, uint64_t offset)
{
    size_t low = 0;
    size_t high = r->range_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (r->ranges[middle].end < offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Stores what of [first, end) no range from i to before j covers; returns how much that was. */
static uint64_t store_holes(rill_reassembly *r, uint64_t first, uint64_t end, const uint8_t *data,
                            size_t i, size_t j)
{
    uint64_t at = first;
    uint64_t stored = 0;

    for (; i < j; i++) {
        const range *known = &r->ranges[i];
        if (known->first > at) {
            store(r, at, data + (at - first), (size_t)(known->first - at));
            stored += known->first - at;
        }
        if (known->end > at)
            at = known->end;
    }
    if (at < end) {
        store(r, at, data + (at - first), (size_t)(end - at));
        stored += end - at;
    }
    return stored;
}

/* Puts `merged` in the place of the ranges from i to before j, or behind `contiguous`. */
static void replace_ranges(rill_reassembly *r, size_t i, size_t j, range merged)
{
    size_t tail = r->range_count - j;
    size_t to = i;

    if (merged.first > r->contiguous)
        to += 1;
    else
        r->contiguous = merged.end;
    if (tail > 0 && to != j)
        memmove(&r->ranges[to], &r->ranges[j], tail * sizeof *r->ranges);
    if (to > i)
        r->ranges[i] = merged;
    r->range_count = to + tail;
}

int rill_reassembly_insert(rill_reassembly *r, uint64_t offset, rill_bytes bytes, uint64_t *fresh)
{
    const uint8_t *data = bytes.data;
    uint64_t end;

    *fresh = 0;
    if (!rill_add_u64(offset, bytes.len, &end))
        return RILL_ERR_RANGE;
    if (bytes.len == 0 || end <= r->contiguous)
        return RILL_OK;
    if (offset < r->contiguous) {
        data += r->contiguous - offset;
        offset = r->contiguous;
    }
    /* The ranges that touch or overlap [offset, end): i to before j. */
    size_t i = ranges_before(r, offset);
    size_t j = i;
    while (j < r->range_count && r->ranges[j].first <= end)
        j++;
    range merged = {.first = offset, .end = end};
    if (j > i) {
        if (r->ranges[i].first < offset)
            merged.first = r->ranges[i].first;
        if (r->ranges[j - 1].end > end)
            merged.end = r->ranges[j - 1].end;
    }
    bool new_hole = i == j && offset > r->contiguous;
    if (new_hole && r->range_count >= RILL_REASSEMBLY_MAX_GAPS)
        return RILL_ERR_LIMIT;
    int rc = reserve_bytes(r, end);
    if (rc == RILL_OK && new_hole)
        rc = reserve_range(r);
    if (rc != RILL_OK)
        return rc;
    *fresh = store_holes(r, offset, end, data, i, j);
    replace_ranges(r, i, j, merged);
    if (end > r->highest)
        r->highest = end;
    return RILL_OK;
}

uint64_t rill_reassembly_contiguous(const rill_reassembly *r)
{
    return r->contiguous;
}

uint64_t rill_reassembly_highest(const rill_reassembly *r)
{
    return r->highest;
}

uint64_t rill_reassembly_consumed(const rill_reassembly *r)
{
    return r->consumed;
}

rill_bytes rill_reassembly_peek(const rill_reassembly *r)
{
    uint64_t ready = r->contiguous - r->consumed;
    size_t run = r->capacity - r->head;

    if (ready == 0)
        return (rill_bytes){.data = NULL, .len = 0};
    return (rill_bytes){.data = r->ring + r->head, .len = ready < run ? (size_t)ready : run};
}

/* Gives memory back that a burst needed. */
static void shrink(rill_reassembly *r)
{
    uint64_t used = r->highest - r->consumed;

    if (used == 0) {
        r->head = 0;
        r->usual = RING_MIN;
        while (r->usual < r->peak)
            r->usual *= 2;
        r->peak = 0;
        if (r->capacity > ring_kept(r))
            drop_ring(r);
    } else if (r->capacity > RING_KEPT && r->capacity > r->usual && used <= r->capacity / 8) {
        /* At an eighth, so that it pays for its copy; where there is no memory, it stays. */
        (void)resize(r, r->capacity / 2);
    }
    if (r->range_count == 0 && r->ranges != NULL) {
        rill_free(r->allocator, r->ranges);
        r->ranges = NULL;
        r->range_capacity = 0;
    }
}

void rill_reassembly_consume(rill_reassembly *r, uint64_t len)
{
    assert(len <= r->contiguous - r->consumed);
    if (len == 0)
        return;
    r->head = place(r, r->consumed + len);
    r->consumed += len;
    shrink(r);
}
