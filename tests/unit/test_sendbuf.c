/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/bytes/sendbuf.h"

/* Counts; refuses after `allowed` more allocations. */
typedef struct counting {
    unsigned allowed;
    unsigned calls;
    unsigned live;
} counting;

static void *count_realloc(void *user, void *ptr, size_t size)
{
    counting *c = user;

    if (c->allowed == 0)
        return NULL;
    c->allowed -= 1;
    c->calls += 1;
    if (ptr == NULL)
        c->live += 1;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr)
{
    counting *c = user;

    if (ptr != NULL)
        c->live -= 1;
    free(ptr);
}

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 7 + offset / 251);
}

static size_t write_some(rill_sendbuf *b, size_t len)
{
    uint8_t data[4096];
    size_t accepted;

    assert_true(len <= sizeof data);
    for (size_t i = 0; i < len; i++)
        data[i] = byte_at(rill_sendbuf_written(b) + i);
    assert_int_equal(rill_sendbuf_write(b, data, len, &accepted), RILL_OK);
    return accepted;
}

static void check_piece(const rill_sendbuf *b, const rill_send_piece *piece)
{
    uint8_t out[4096];

    assert_true(piece->len <= sizeof out);
    rill_sendbuf_copy(b, piece, out);
    for (uint32_t i = 0; i < piece->len; i++)
        assert_int_equal(out[i], byte_at(piece->offset + i));
}

static rill_sendbuf *new_buffer(uint32_t limit)
{
    rill_sendbuf *b;

    assert_int_equal(rill_sendbuf_new(&b, rill_allocator_default(), limit), RILL_OK);
    return b;
}

static void test_accepts_up_to_its_limit(void **state)
{
    rill_sendbuf *b = new_buffer(3000);

    (void)state;
    assert_int_equal(rill_sendbuf_room(b), 3000);
    assert_int_equal(write_some(b, 0), 0);
    assert_int_equal(write_some(b, 2000), 2000);
    assert_int_equal(write_some(b, 2000), 1000);
    assert_int_equal(write_some(b, 1), 0);
    assert_int_equal(rill_sendbuf_room(b), 0);
    assert_true(rill_sendbuf_written(b) == 3000 && rill_sendbuf_sent(b) == 0);
    rill_sendbuf_free(b);
}

static void test_pieces_keep_their_boundaries(void **state)
{
    rill_sendbuf *b = new_buffer(4096);

    (void)state;
    assert_null(rill_sendbuf_take_new(b, 10));
    assert_null(rill_sendbuf_take_lost(b));
    assert_int_equal(write_some(b, 250), 250);
    rill_send_piece *first = rill_sendbuf_take_new(b, 100);
    rill_send_piece *second = rill_sendbuf_take_new(b, 100);
    rill_send_piece *third = rill_sendbuf_take_new(b, 100);
    assert_true(first->offset == 0 && first->len == 100);
    assert_true(second->offset == 100 && second->len == 100);
    assert_true(third->offset == 200 && third->len == 50);
    assert_false(rill_sendbuf_has_new(b));
    assert_false(rill_sendbuf_has_lost(b));

    /* Lost in another order than given out: the lowest comes first. */
    rill_sendbuf_lose(b, third);
    rill_sendbuf_lose(b, first);
    assert_true(rill_sendbuf_has_lost(b));
    assert_int_equal(rill_sendbuf_lost_len(b), 100);
    assert_int_equal(write_some(b, 70), 70);
    assert_ptr_equal(rill_sendbuf_take_lost(b), first);
    assert_int_equal(rill_sendbuf_lost_len(b), 50);
    assert_ptr_equal(rill_sendbuf_take_lost(b), third);
    assert_true(third->offset == 200 && third->len == 50);
    assert_int_equal(rill_sendbuf_lost_len(b), 0);
    check_piece(b, first);
    check_piece(b, second);
    check_piece(b, third);
    rill_sendbuf_free(b);
}

static void test_acknowledged_in_any_order(void **state)
{
    rill_sendbuf *b = new_buffer(1000);
    rill_send_piece *pieces[10];

    (void)state;
    assert_int_equal(write_some(b, 1000), 1000);
    for (size_t i = 0; i < 10; i++)
        pieces[i] = rill_sendbuf_take_new(b, 100);
    for (size_t i = 9; i > 0; i--) {
        rill_sendbuf_ack(b, pieces[i]);
        assert_true(rill_sendbuf_acknowledged(b) == 0);
        assert_int_equal(rill_sendbuf_room(b), 0);
    }
    check_piece(b, pieces[0]);
    rill_sendbuf_ack(b, pieces[0]);
    assert_true(rill_sendbuf_acknowledged(b) == 1000);
    assert_int_equal(rill_sendbuf_room(b), 1000);
    rill_sendbuf_free(b);
}

static void test_a_late_acknowledgement_of_a_lost_piece(void **state)
{
    rill_sendbuf *b = new_buffer(1000);

    (void)state;
    assert_int_equal(write_some(b, 10), 10);
    rill_send_piece *piece = rill_sendbuf_take_new(b, 10);
    rill_sendbuf_lose(b, piece);
    rill_sendbuf_ack(b, piece);
    assert_false(rill_sendbuf_has_lost(b));
    assert_true(rill_sendbuf_acknowledged(b) == 10);
    rill_sendbuf_free(b);
}

static void test_the_ring_wraps_and_grows(void **state)
{
    rill_sendbuf *b = new_buffer(100000);
    rill_send_piece *queue[64];
    size_t first = 0;
    size_t last = 0;

    (void)state;
    /* Always some pieces out, of changing sizes, while more and more is kept. */
    for (uint32_t i = 0; i < 5000; i++) {
        (void)write_some(b, i * 37 % 2000);
        if (last - first < 60 && rill_sendbuf_has_new(b))
            queue[last++ % 64] = rill_sendbuf_take_new(b, 1 + i * 91 % 3000);
        if (last > first && (last - first > i * 59 / 5000 || !rill_sendbuf_has_new(b))) {
            check_piece(b, queue[first % 64]);
            rill_sendbuf_ack(b, queue[first++ % 64]);
        }
    }
    for (; first < last; first++) {
        check_piece(b, queue[first % 64]);
        rill_sendbuf_ack(b, queue[first % 64]);
    }
    assert_true(rill_sendbuf_acknowledged(b) == rill_sendbuf_sent(b));
    rill_sendbuf_free(b);
}

static void test_no_allocation_in_steady_state(void **state)
{
    counting c = {.allowed = UINT32_MAX};
    const rill_allocator a = {count_realloc, count_free, &c};
    rill_send_piece *pieces[8];
    rill_sendbuf *b;

    (void)state;
    assert_int_equal(rill_sendbuf_new(&b, &a, 200000), RILL_OK);
    unsigned before = 0;
    for (size_t round = 0; round < 100; round++) {
        assert_int_equal(write_some(b, 4000), 4000);
        for (size_t i = 0; i < 8; i++)
            pieces[i] = rill_sendbuf_take_new(b, 500);
        for (size_t i = 0; i < 8; i++)
            rill_sendbuf_ack(b, pieces[i]);
        if (round == 0)
            before = c.calls;
    }
    assert_int_equal(c.calls, before);
    rill_sendbuf_free(b);
    assert_int_equal(c.live, 0);
}

static void test_gives_memory_back(void **state)
{
    counting c = {.allowed = UINT32_MAX};
    const rill_allocator a = {count_realloc, count_free, &c};
    rill_send_piece *pieces[1000];
    rill_sendbuf *b;

    (void)state;
    assert_int_equal(rill_sendbuf_new(&b, &a, 200000), RILL_OK);
    assert_int_equal(c.live, 1);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(write_some(b, 100), 100);
        pieces[i] = rill_sendbuf_take_new(b, 100);
    }
    for (size_t i = 0; i < 1000; i++)
        rill_sendbuf_ack(b, pieces[i]);
    assert_in_range(c.live, 1, 17);
    rill_sendbuf_free(b);
    assert_int_equal(c.live, 0);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    for (unsigned allowed = 0;; allowed++) {
        counting c = {.allowed = allowed};
        const rill_allocator a = {count_realloc, count_free, &c};
        rill_sendbuf *b;
        uint8_t data[1500] = {0};
        size_t accepted;
        bool done = false;

        if (rill_sendbuf_new(&b, &a, 4000) != RILL_OK) {
            assert_null(b);
            assert_int_equal(c.live, 0);
            continue;
        }
        if (rill_sendbuf_write(b, data, 1000, &accepted) == RILL_OK) {
            int rc = rill_sendbuf_write(b, data, 1500, &accepted);
            assert_int_equal(accepted, rc == RILL_OK ? 1500 : 0);
            assert_int_equal(rill_sendbuf_room(b), rc == RILL_OK ? 1500 : 3000);
            rill_send_piece *piece = rill_sendbuf_take_new(b, 10);
            if (piece != NULL)
                rill_sendbuf_ack(b, piece);
            assert_true(rill_sendbuf_sent(b) == (piece != NULL ? 10 : 0));
            done = rc == RILL_OK && piece != NULL;
        }
        rill_sendbuf_free(b);
        assert_int_equal(c.live, 0);
        if (done)
            break;
    }
}

/* Pieces that may have arrived are kept, until it is known of each. */
static void test_unsure(void **state)
{
    const rill_allocator *a = rill_allocator_default();
    rill_sendbuf *b;
    rill_send_piece *p[5];
    uint64_t first = 0;
    (void)state;
    assert_int_equal(rill_sendbuf_new(&b, a, 10000), RILL_OK);
    write_some(b, 500);
    for (unsigned i = 0; i < 5; i++)
        p[i] = rill_sendbuf_take_new(b, 100);
    assert_false(rill_sendbuf_unsure(b, &first));
    rill_sendbuf_doubt(b, p[3]);
    rill_sendbuf_doubt(b, p[1]);
    rill_sendbuf_doubt(b, p[2]);
    rill_sendbuf_ack(b, p[0]);
    assert_true(rill_sendbuf_unsure(b, &first));
    assert_int_equal(first, 100);
    assert_false(rill_sendbuf_has_lost(b));
    /* Where a piece begins nothing of it has been read; one byte further it has arrived. */
    assert_false(rill_sendbuf_arrived_below(b, 100));
    assert_int_equal(rill_sendbuf_acknowledged(b), 100);
    assert_true(rill_sendbuf_arrived_below(b, 101));
    assert_int_equal(rill_sendbuf_acknowledged(b), 200);
    assert_true(rill_sendbuf_unsure(b, &first));
    assert_int_equal(first, 200);
    rill_sendbuf_lose_unsure(b);
    assert_true(rill_sendbuf_has_lost(b));
    assert_ptr_equal(rill_sendbuf_take_lost(b), p[2]);
    assert_true(rill_sendbuf_unsure(b, &first));
    assert_int_equal(first, 300);
    /* One that waits may still be acknowledged by itself. */
    rill_sendbuf_ack(b, p[3]);
    assert_false(rill_sendbuf_unsure(b, &first));
    rill_sendbuf_ack(b, p[2]);
    rill_sendbuf_ack(b, p[4]);
    assert_int_equal(rill_sendbuf_acknowledged(b), 500);
    rill_sendbuf_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unsure),
        cmocka_unit_test(test_accepts_up_to_its_limit),
        cmocka_unit_test(test_pieces_keep_their_boundaries),
        cmocka_unit_test(test_acknowledged_in_any_order),
        cmocka_unit_test(test_a_late_acknowledgement_of_a_lost_piece),
        cmocka_unit_test(test_the_ring_wraps_and_grows),
        cmocka_unit_test(test_no_allocation_in_steady_state),
        cmocka_unit_test(test_gives_memory_back),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("sendbuf", tests, NULL, NULL);
}
