/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares reassembly with an array that has a flag for every byte, and the send buffer with a
 * string. Writes, reads, losses and acknowledgements come in any order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/bytes/reassembly.h"
#include "stream/bytes/sendbuf.h"

/* SplitMix64: every case has its own seed, so that a failure names one case. */
static uint64_t next(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *seed, uint64_t bound)
{
    return next(seed) % bound;
}

/* A check inside a case: a failure names the seed to look at. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("case seed %llu: %s", (unsigned long long)case_seed, #condition);             \
    } while (0)

#define CASES 2000
#define SIZE  5000u

typedef struct model {
    uint8_t bytes[SIZE];
    bool known[SIZE];
    uint64_t consumed;
    uint64_t highest;
} model;

static uint64_t model_insert(model *m, uint64_t offset, const uint8_t *data, size_t len)
{
    uint64_t fresh = 0;

    for (size_t i = 0; i < len; i++) {
        if (m->known[offset + i])
            continue;
        m->known[offset + i] = true;
        m->bytes[offset + i] = data[i];
        fresh++;
    }
    if (len > 0 && offset + len > m->highest)
        m->highest = offset + len;
    return fresh;
}

static uint64_t model_contiguous(const model *m)
{
    uint64_t end = m->consumed;

    while (end < SIZE && m->known[end])
        end++;
    return end;
}

static void reassembly_case(uint64_t case_seed)
{
    static model m;
    uint8_t data[400];
    uint64_t seed = case_seed;
    uint64_t spread = 1 + below(&seed, 1000);
    uint64_t longest = 1 + below(&seed, sizeof data);
    rill_reassembly *r;

    memset(&m, 0, sizeof m);
    CHECK(rill_reassembly_new(&r, rill_allocator_default()) == RILL_OK);
    for (unsigned step = 0; step < 300; step++) {
        uint64_t contiguous = model_contiguous(&m);
        uint64_t from = contiguous > spread / 2 ? contiguous - spread / 2 : 0;
        uint64_t offset = below(&seed, 3) == 0 ? contiguous : from + below(&seed, spread);
        size_t len = (size_t)below(&seed, longest + 1);
        uint64_t fresh;
        if (offset > SIZE)
            offset = SIZE;
        if (len > SIZE - offset)
            len = (size_t)(SIZE - offset);
        /* Other bytes each time: those that came first must stay. */
        for (size_t i = 0; i < len; i++)
            data[i] = (uint8_t)next(&seed);
        CHECK(rill_reassembly_insert(r, offset, (rill_bytes){data, len}, &fresh) == RILL_OK);
        CHECK(fresh == model_insert(&m, offset, data, len));
        CHECK(rill_reassembly_contiguous(r) == model_contiguous(&m));
        CHECK(rill_reassembly_highest(r) == m.highest);
        rill_bytes ready = rill_reassembly_peek(r);
        CHECK(ready.len <= model_contiguous(&m) - m.consumed);
        CHECK((ready.len == 0) == (model_contiguous(&m) == m.consumed));
        CHECK(ready.len == 0 || memcmp(ready.data, m.bytes + m.consumed, ready.len) == 0);
        uint64_t taken = below(&seed, model_contiguous(&m) - m.consumed + 1);
        if (below(&seed, 2) == 0)
            taken = ready.len;
        rill_reassembly_consume(r, taken);
        m.consumed += taken;
        CHECK(rill_reassembly_consumed(r) == m.consumed);
    }
    rill_reassembly_free(r);
}

#define MAX_OUT 64

/* What the pieces that are under way must still be. */
typedef struct out {
    rill_send_piece *piece;
    uint64_t offset;
    uint32_t len;
    bool lost;
} out;

typedef struct send_model {
    rill_sendbuf *buffer;
    uint8_t bytes[SIZE];
    out outs[MAX_OUT];
    size_t count;
    uint64_t written;
    uint64_t sent;
} send_model;

static uint64_t model_acknowledged(const send_model *m)
{
    uint64_t lowest = m->sent;

    for (size_t i = 0; i < m->count; i++)
        if (m->outs[i].offset < lowest)
            lowest = m->outs[i].offset;
    return lowest;
}

/* The lowest that is lost, or `count`. */
static size_t model_lost(const send_model *m)
{
    size_t found = m->count;

    for (size_t i = 0; i < m->count; i++)
        if (m->outs[i].lost && (found == m->count || m->outs[i].offset < m->outs[found].offset))
            found = i;
    return found;
}

static void check_bytes(const send_model *m, const out *o, uint64_t case_seed)
{
    uint8_t copy[SIZE];

    CHECK(o->piece->offset == o->offset && o->piece->len == o->len);
    rill_sendbuf_copy(m->buffer, o->piece, copy);
    CHECK(memcmp(copy, m->bytes + o->offset, o->len) == 0);
}

static void take_new(send_model *m, uint64_t *seed, uint64_t case_seed)
{
    uint32_t max = 1 + (uint32_t)below(seed, 300);

    if (m->count == MAX_OUT)
        return;
    rill_send_piece *piece = rill_sendbuf_take_new(m->buffer, max);
    CHECK((piece == NULL) == (m->sent == m->written));
    if (piece == NULL)
        return;
    uint64_t left = m->written - m->sent;
    uint32_t len = left < max ? (uint32_t)left : max;
    m->outs[m->count] = (out){.piece = piece, .offset = m->sent, .len = len};
    check_bytes(m, &m->outs[m->count], case_seed);
    m->count += 1;
    m->sent += len;
}

static void take_lost(send_model *m, uint64_t case_seed)
{
    size_t lost = model_lost(m);

    CHECK(rill_sendbuf_has_lost(m->buffer) == (lost < m->count));
    CHECK(rill_sendbuf_lost_len(m->buffer) == (lost < m->count ? m->outs[lost].len : 0));
    rill_send_piece *piece = rill_sendbuf_take_lost(m->buffer);
    CHECK(piece == (lost < m->count ? m->outs[lost].piece : NULL));
    if (piece == NULL)
        return;
    m->outs[lost].lost = false;
    check_bytes(m, &m->outs[lost], case_seed);
}

static void acknowledge_or_lose(send_model *m, uint64_t *seed)
{
    if (m->count == 0)
        return;
    size_t i = (size_t)below(seed, m->count);
    if (below(seed, 3) == 0 && !m->outs[i].lost) {
        rill_sendbuf_lose(m->buffer, m->outs[i].piece);
        m->outs[i].lost = true;
        return;
    }
    rill_sendbuf_ack(m->buffer, m->outs[i].piece);
    m->outs[i] = m->outs[--m->count];
}

static void sendbuf_case(uint64_t case_seed)
{
    static send_model m;
    uint64_t seed = case_seed;
    uint32_t limit = 1 + (uint32_t)below(&seed, 3000);

    memset(&m, 0, sizeof m);
    for (size_t i = 0; i < SIZE; i++)
        m.bytes[i] = (uint8_t)next(&seed);
    CHECK(rill_sendbuf_new(&m.buffer, rill_allocator_default(), limit) == RILL_OK);
    for (unsigned step = 0; step < 300; step++) {
        size_t len = (size_t)below(&seed, 200);
        size_t room = limit - (size_t)(m.written - model_acknowledged(&m));
        size_t accepted;
        if (len > SIZE - m.written)
            len = SIZE - (size_t)m.written;
        CHECK(rill_sendbuf_room(m.buffer) == room);
        CHECK(rill_sendbuf_write(m.buffer, m.bytes + m.written, len, &accepted) == RILL_OK);
        CHECK(accepted == (len < room ? len : room));
        m.written += accepted;
        take_new(&m, &seed, case_seed);
        if (below(&seed, 3) == 0)
            take_lost(&m, case_seed);
        acknowledge_or_lose(&m, &seed);
        CHECK(rill_sendbuf_written(m.buffer) == m.written);
        CHECK(rill_sendbuf_sent(m.buffer) == m.sent);
        CHECK(rill_sendbuf_acknowledged(m.buffer) == model_acknowledged(&m));
        CHECK(rill_sendbuf_has_new(m.buffer) == (m.sent < m.written));
    }
    rill_sendbuf_free(m.buffer);
}

static void test_reassembly_as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        reassembly_case(seed);
}

static void test_sendbuf_as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        sendbuf_case(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reassembly_as_the_model),
        cmocka_unit_test(test_sendbuf_as_the_model),
    };
    return cmocka_run_group_tests_name("reassembly", tests, NULL, NULL);
}
