/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/packet_ring.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"

enum { TEXTS = 5, CACHE_LINE = 64, NOTHING = 255 };

/* The first 8 bytes of a record; all there is of one that fills the end of the ring. */
typedef struct head {
    uint32_t size; /* of the record, a multiple of 8 */
    uint8_t event; /* rill_packet_event, or NOTHING */
    bool has_id;
    bool by_node;
    bool unseen;
} head;

typedef struct record {
    head head;
    uint64_t at_ms;
    uint64_t in;  /* or since_ms */
    uint64_t out; /* or packets */
    uint64_t expires_ms;
    uint64_t took_us;
    uint8_t id[RILL_PACKET_ID];
    uint16_t lens[TEXTS];
    char result[4];
    uint16_t zero;
} record;

_Static_assert(sizeof(record) % 8 == 0, "records are next to each other");

struct rill_packet_ring {
    const rill_allocator *allocator;
    uint8_t *bytes; /* [size] */
    size_t size;
    uint8_t apart_1[CACHE_LINE];
    /* Of who forwards. */
    _Atomic size_t end; /* counts bytes that were put, and never goes back */
    size_t seen;        /* `begin` when it was looked at last */
    uint64_t missing;
    uint64_t told; /* of them: the log has a line of these */
    uint64_t missing_since_ms;
    uint8_t apart_2[CACHE_LINE];
    /* Of who writes. */
    _Atomic size_t begin;
    size_t taken; /* bytes of the record that `next` gave */
};

int rill_packet_ring_new(rill_packet_ring **out, const rill_allocator *allocator, size_t size)
{
    rill_packet_ring *r = rill_calloc(allocator, 1, sizeof *r);
    assert((size & (size - 1)) == 0 && size >= 4 * RILL_PACKET_LINE_MAX);
    if (r != NULL)
        r->bytes = rill_alloc(allocator, size);
    if (r == NULL || r->bytes == NULL) {
        rill_free(allocator, r);
        return RILL_ERR_NOMEM;
    }
    r->allocator = allocator;
    r->size = size;
    *out = r;
    return RILL_OK;
}

void rill_packet_ring_free(rill_packet_ring *r)
{
    if (r == NULL)
        return;
    rill_free(r->allocator, r->bytes);
    rill_free(r->allocator, r);
}

size_t rill_packet_ring_used(const rill_packet_ring *r)
{
    /* In this order: what is taken meanwhile makes it less, and never more than there is. */
    size_t begin = atomic_load_explicit(&r->begin, memory_order_acquire);
    return atomic_load_explicit(&r->end, memory_order_acquire) - begin;
}

/* ---- the thread that forwards ---- */

static bool has_room(rill_packet_ring *r, size_t end, size_t need)
{
    if (r->size - (end - r->seen) >= need)
        return true;
    r->seen = atomic_load_explicit(&r->begin, memory_order_acquire);
    return r->size - (end - r->seen) >= need;
}

/* Room for a record, in one piece; NULL: there is none. */
static uint8_t *reserve(rill_packet_ring *r, size_t need, size_t *end)
{
    *end = atomic_load_explicit(&r->end, memory_order_relaxed);
    size_t at = *end & (r->size - 1);
    size_t left = r->size - at;
    if (left >= need)
        return has_room(r, *end, need) ? r->bytes + at : NULL;
    if (!has_room(r, *end, left + need))
        return NULL;
    const head filler = {.size = (uint32_t)left, .event = NOTHING};
    memcpy(r->bytes + at, &filler, sizeof filler);
    *end += left;
    return r->bytes;
}

static rill_bytes text_of(rill_packet_line *line, size_t i, rill_bytes **place)
{
    rill_bytes *const texts[TEXTS] = {&line->from, &line->to, &line->destination,
                                      &line->triggered_by, &line->message};
    *place = texts[i];
    return *texts[i];
}

static bool put(rill_packet_ring *r, const rill_packet_line *line)
{
    rill_packet_line l = *line;
    rill_bytes *place;
    bool missing = l.event == RILL_PACKET_MISSING;
    record rec = {
        .head = {0, (uint8_t)l.event, l.has_id, l.by_node, l.unseen},
        .at_ms = l.at_ms,
        .in = missing ? l.since_ms : l.in,
        .out = missing ? l.packets : l.out,
        .expires_ms = l.expires_ms,
        .took_us = l.took_us,
    };
    size_t end;
    size_t len = sizeof rec;
    memcpy(rec.id, l.id, sizeof rec.id);
    memcpy(rec.result, l.result, sizeof rec.result);
    if (l.message.len > RILL_PACKET_MESSAGE)
        l.message.len = RILL_PACKET_MESSAGE;
    for (size_t i = 0; i < TEXTS; i++) {
        size_t more = text_of(&l, i, &place).len;
        assert(more < RILL_PACKET_LINE_MAX / 2);
        rec.lens[i] = (uint16_t)more;
        len += more;
    }
    size_t need = (len + 7) & ~(size_t)7;
    uint8_t *at = reserve(r, need, &end);
    if (at == NULL)
        return false;
    rec.head.size = (uint32_t)need;
    memcpy(at, &rec, sizeof rec);
    at += sizeof rec;
    for (size_t i = 0; i < TEXTS; i++) {
        const rill_bytes text = text_of(&l, i, &place);
        if (text.len > 0)
            memcpy(at, text.data, text.len);
        at += text.len;
    }
    atomic_store_explicit(&r->end, end + need, memory_order_release);
    return true;
}

void rill_packet_ring_miss(rill_packet_ring *r, uint64_t at_ms)
{
    if (r->missing == r->told)
        r->missing_since_ms = at_ms;
    r->missing++;
}

void rill_packet_ring_tell(rill_packet_ring *r, uint64_t now_ms)
{
    const rill_packet_line line = {
        .event = RILL_PACKET_MISSING,
        .at_ms = now_ms,
        .since_ms = r->missing_since_ms,
        .packets = r->missing - r->told,
    };
    if (line.packets > 0 && put(r, &line))
        r->told = r->missing;
}

void rill_packet_ring_put(rill_packet_ring *r, const rill_packet_line *line)
{
    rill_packet_ring_tell(r, line->at_ms);
    if (r->missing != r->told || !put(r, line))
        rill_packet_ring_miss(r, line->at_ms);
}

uint64_t rill_packet_ring_missing(const rill_packet_ring *r)
{
    return r->missing;
}

/* ---- the thread that writes ---- */

static void give_back(rill_packet_ring *r, size_t size)
{
    size_t begin = atomic_load_explicit(&r->begin, memory_order_relaxed);
    atomic_store_explicit(&r->begin, begin + size, memory_order_release);
}

bool rill_packet_ring_next(rill_packet_ring *r, rill_packet_line *out)
{
    for (;;) {
        record rec;
        rill_bytes *place;
        size_t begin = atomic_load_explicit(&r->begin, memory_order_relaxed);
        if (begin == atomic_load_explicit(&r->end, memory_order_acquire))
            return false;
        const uint8_t *at = r->bytes + (begin & (r->size - 1));
        memcpy(&rec.head, at, sizeof rec.head);
        r->taken = rec.head.size;
        if (rec.head.event == NOTHING) {
            give_back(r, r->taken);
            continue;
        }
        memcpy(&rec, at, sizeof rec);
        *out = (rill_packet_line){
            .event = (rill_packet_event)rec.head.event,
            .at_ms = rec.at_ms,
            .in = rec.in,
            .out = rec.out,
            .since_ms = rec.in,
            .packets = rec.out,
            .has_id = rec.head.has_id,
            .expires_ms = rec.expires_ms,
            .took_us = rec.took_us,
            .by_node = rec.head.by_node,
            .unseen = rec.head.unseen,
        };
        memcpy(out->id, rec.id, sizeof out->id);
        memcpy(out->result, rec.result, sizeof out->result);
        at += sizeof rec;
        for (size_t i = 0; i < TEXTS; i++) {
            (void)text_of(out, i, &place);
            *place = (rill_bytes){at, rec.lens[i]};
            at += rec.lens[i];
        }
        return true;
    }
}

void rill_packet_ring_drop(rill_packet_ring *r)
{
    give_back(r, r->taken);
}
