/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <pthread.h>
#include <rill/error.h>

#include "base/alloc.h"
#include "connector/packet_ring.h"

enum { SMALL = 32 * 1024 };

static rill_packet_ring *r;

static int set_up(void **state)
{
    (void)state;
    return rill_packet_ring_new(&r, rill_allocator_default(), SMALL);
}

static int tear_down(void **state)
{
    (void)state;
    rill_packet_ring_free(r);
    return 0;
}

/* A line whose length and texts come from its number. */
static rill_packet_line line_of(uint64_t number, char text[1200])
{
    size_t len = (size_t)(number * 7919 % 1000);
    memset(text, 'a' + (int)(number % 26), 1200);
    rill_bytes bytes = {(const uint8_t *)text, len};
    rill_packet_line line = {
        .at_ms = number,
        .from = {(const uint8_t *)text, len % 200 + 1},
        .to = {(const uint8_t *)text, len % 3},
        .destination = bytes,
        .in = number,
        .out = number * 3,
        .has_id = number % 2 == 0,
        .expires_ms = number * 5,
        .took_us = number * 7,
        .by_node = number % 3 == 0,
        .unseen = number % 5 == 0,
        .triggered_by = {(const uint8_t *)text, len / 2},
        .message = {(const uint8_t *)text, len / 8},
    };
    memset(line.id, (int)(number & 0xff), sizeof line.id);
    snprintf(line.result, sizeof line.result, "%s", number % 2 == 0 ? "" : "T04");
    return line;
}

static void assert_line(const rill_packet_line *got, uint64_t number)
{
    char a[RILL_PACKET_LINE_MAX];
    char b[RILL_PACKET_LINE_MAX];
    char text[1200];
    const rill_packet_line want = line_of(number, text);
    size_t len = rill_packet_line_write(&want, a);
    assert_int_equal(rill_packet_line_write(got, b), len);
    assert_memory_equal(a, b, len);
}

static void put(uint64_t number)
{
    char text[1200];
    const rill_packet_line line = line_of(number, text);
    rill_packet_ring_put(r, &line);
}

static void take(uint64_t number)
{
    rill_packet_line got;
    assert_true(rill_packet_ring_next(r, &got));
    assert_int_equal(got.event, RILL_PACKET_OVER);
    assert_line(&got, number);
    rill_packet_ring_drop(r);
}

/* In order, as they were put, however the end of the ring falls. */
static void test_round_and_round(void **state)
{
    (void)state;
    rill_packet_line got;
    uint64_t out = 1;
    for (uint64_t in = 1; in < 5000; in++) {
        put(in);
        while (in - out > in % 11)
            take(out++);
    }
    while (out < 5000)
        take(out++);
    assert_false(rill_packet_ring_next(r, &got));
    assert_int_equal(rill_packet_ring_used(r), 0);
    assert_int_equal(rill_packet_ring_missing(r), 0);
}

/* A line that is not dropped is given again. */
static void test_given_again(void **state)
{
    (void)state;
    rill_packet_line got;
    put(1);
    assert_true(rill_packet_ring_next(r, &got));
    assert_line(&got, 1);
    take(1);
    assert_false(rill_packet_ring_next(r, &got));
}

/* Takes so many lines; one that is missing is where a gap says so. */
static void take_some(size_t count, uint64_t *next, size_t *gaps)
{
    rill_packet_line got;
    for (size_t i = 0; i < count && rill_packet_ring_next(r, &got); i++) {
        if (got.event == RILL_PACKET_MISSING) {
            assert_int_equal(got.since_ms, *next);
            assert_true(got.packets > 0 && got.at_ms >= *next + got.packets - 1);
            *next += got.packets;
            ++*gaps;
        } else {
            assert_int_equal(got.in, *next);
            assert_line(&got, *next);
            ++*next;
        }
        rill_packet_ring_drop(r);
    }
}

/* What has no room is counted, and said right where it is missing. */
static void test_missing(void **state)
{
    (void)state;
    uint64_t in = 1;
    uint64_t next = 1;
    size_t gaps = 0;
    for (size_t round = 1; round < 200; round++) {
        for (size_t i = 0; i < round % 90; i++)
            put(in++);
        take_some(round % 37, &next, &gaps);
    }
    take_some(SIZE_MAX, &next, &gaps);
    rill_packet_ring_tell(r, in);
    take_some(SIZE_MAX, &next, &gaps);
    assert_int_equal(next, in);
    assert_true(gaps > 10 && rill_packet_ring_missing(r) > 100);
    /* It is told once; and by itself, if nothing follows. */
    rill_packet_ring_tell(r, in);
    assert_int_equal(rill_packet_ring_used(r), 0);
    rill_packet_ring_miss(r, in++);
    rill_packet_ring_tell(r, in);
    take_some(SIZE_MAX, &next, &gaps);
    assert_int_equal(next, in);
}

static void *taking(void *user)
{
    uint64_t *sum = user;
    uint64_t last = 0;
    rill_packet_line got;
    while (last < 50000) {
        if (!rill_packet_ring_next(r, &got))
            continue;
        if (got.event == RILL_PACKET_MISSING) {
            *sum += got.packets;
        } else {
            /* The order is that of putting, and none is torn. */
            if (got.in <= last || got.out != got.in * 3)
                return NULL;
            last = got.in;
            *sum += 1;
        }
        rill_packet_ring_drop(r);
    }
    return NULL;
}

/* Two threads: each line is there, or is counted as missing. */
static void test_two_threads(void **state)
{
    (void)state;
    pthread_t thread;
    uint64_t sum = 0;
    assert_int_equal(pthread_create(&thread, NULL, taking, &sum), 0);
    for (uint64_t i = 1; i < 50000; i++)
        put(i);
    /* The last one has room at some time. */
    uint64_t before;
    uint64_t tries = 0;
    do {
        before = rill_packet_ring_missing(r);
        put(50000);
        tries++;
    } while (rill_packet_ring_missing(r) != before);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(sum, 50000 + tries - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_and_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_given_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_threads, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
