/* SPDX-License-Identifier: Apache-2.0 */
/* What sequence numbers say, and what stands behind the frames of a packet. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/wire/numbers.h"

#define NOW UINT64_C(1790000000000)

static void test_later_lives_are_larger(void **state)
{
    (void)state;
    assert_true(rill_life_of(NOW + 1, 0) > rill_life_of(NOW, UINT32_MAX));
    assert_true(rill_life_of(NOW, 1) != rill_life_of(NOW, 2));
    assert_true(rill_life_of(0, 0) != 0);
}

/* Finer than the milliseconds, and in one range with lives that know no more than those. */
static void test_lives_of_one_millisecond_are_in_order(void **state)
{
    const uint64_t now_ns = NOW * RILL_MS;
    (void)state;
    for (uint64_t us = 1; us < 1000; us++)
        assert_true(rill_life_at(now_ns + us * 1000, 0) >
                    rill_life_at(now_ns + us * 1000 - 1, UINT32_MAX));
    assert_true(rill_life_at(now_ns, 1) != rill_life_at(now_ns, 2));
    assert_true(rill_life_at(now_ns + RILL_MS - 1, UINT32_MAX) < rill_life_of(NOW + 1, 0));
    assert_true(rill_life_at(now_ns, 0) >= rill_life_of(NOW, 0));
    assert_true(rill_life_at(0, 0) != 0);
}

static void test_whose_life_it_is_decides_between_two_of_one_moment(void **state)
{
    (void)state;
    assert_true(rill_life_is_later(5, 1, 4, 2));
    assert_false(rill_life_is_later(4, 2, 5, 1));
    assert_true(rill_life_is_later(5, 2, 5, 1));
    assert_false(rill_life_is_later(5, 1, 5, 2));
    assert_false(rill_life_is_later(5, 1, 5, 1));
}

static void test_a_life_says_whose_it_is(void **state)
{
    uint8_t bytes[RILL_LIFE_SIZE + 20] = {0};
    uint64_t life = 0;
    uint32_t who = 7;
    (void)state;
    assert_int_equal(rill_life_write(bytes, 99, UINT32_C(0xfedcba98)), RILL_LIFE_SIZE);
    assert_true(rill_life_read((rill_bytes){bytes, sizeof bytes}, &life, &who));
    assert_true(life == 99 && who == UINT32_C(0xfedcba98));
    /* Who looks no further sees what it always saw. */
    assert_int_equal(rill_trailer_read((rill_bytes){bytes, sizeof bytes}, &life),
                     RILL_TRAILER_LIFE);
    assert_int_equal(life, 99);
    /* Earlier clients say no more than that, with padding or without. */
    assert_true(rill_life_read((rill_bytes){bytes, RILL_LIFE_SIZE - 1}, &life, &who));
    assert_int_equal(who, 0);
    memset(bytes + RILL_TRAILER_SIZE, 0, 20);
    who = 7;
    assert_true(rill_life_read((rill_bytes){bytes, sizeof bytes}, &life, &who));
    assert_int_equal(who, 0);
    rill_trailer_write(bytes, RILL_TRAILER_MARK, 5);
    assert_false(rill_life_read((rill_bytes){bytes, sizeof bytes}, &life, &who));
    assert_int_equal(life, 99);
}

/* Below the limit that some peers set, above what counts from 0; lives do not share theirs. */
static void test_first_numbers_are_in_a_range_of_their_own(void **state)
{
    enum { LIVES = 300 };
    uint64_t first[LIVES];
    (void)state;
    for (unsigned i = 0; i < LIVES; i++) {
        first[i] = rill_life_first_number(rill_life_of(NOW + i / 3, 1000 * (i % 3)));
        assert_true(first[i] >= RILL_NUMBER_CLIENT);
        assert_true(first[i] < RILL_NUMBER_LIMIT - (UINT64_C(1) << 28));
        assert_true(rill_number_is_of_client(first[i]));
        for (unsigned k = 0; k < i; k++)
            assert_true(first[i] > first[k] + 1000 || first[k] > first[i] + 1000);
    }
}

static void test_marked_numbers_tell_the_mark(void **state)
{
    const uint32_t largest = (UINT32_C(1) << RILL_MARK_BITS) - 1;
    (void)state;
    for (uint32_t mark = 0; mark <= largest - 12345; mark += 12345) {
        uint64_t number = rill_number_marked(mark, 77);
        assert_true(rill_number_is_marked(number));
        assert_true(rill_number_is_of_client(number));
        assert_true(number >> 32 == rill_number_prefix(mark));
        assert_true(number >> 32 != rill_number_prefix(mark + 1));
        assert_true((uint32_t)number == 77);
    }
    assert_true(rill_number_is_marked(rill_number_marked(largest, RILL_MAX_PACKETS)));
    assert_false(rill_number_is_marked(RILL_NUMBER_SERVER));
    assert_false(rill_number_is_marked(RILL_NUMBER_MARKED - 1));
}

static void test_ours_are_told_from_others(void **state)
{
    (void)state;
    assert_false(rill_number_is_of_client(0));
    assert_false(rill_number_is_of_client(RILL_NUMBER_CLIENT - 1));
    assert_true(rill_number_is_of_client(RILL_NUMBER_LIMIT - 1));
    assert_false(rill_number_is_of_client(RILL_NUMBER_LIMIT));
    assert_true(rill_number_is_of_client(RILL_NUMBER_CLOCK));
    assert_false(rill_number_is_of_client(RILL_NUMBER_SERVER));
}

static void test_trailers(void **state)
{
    uint8_t bytes[RILL_TRAILER_SIZE + 20] = {0};
    uint64_t value = 0;
    (void)state;
    assert_int_equal(rill_trailer_write(bytes, RILL_TRAILER_MARK, UINT64_C(0x1122334455667788)),
                     RILL_TRAILER_SIZE);
    /* Padding may follow. */
    assert_int_equal(rill_trailer_read((rill_bytes){bytes, sizeof bytes}, &value),
                     RILL_TRAILER_MARK);
    assert_true(value == UINT64_C(0x1122334455667788));
    assert_int_equal(rill_trailer_read((rill_bytes){bytes, RILL_TRAILER_SIZE - 1}, &value),
                     RILL_TRAILER_NONE);
    bytes[4] = 'X';
    assert_int_equal(rill_trailer_read((rill_bytes){bytes, sizeof bytes}, &value),
                     RILL_TRAILER_NONE);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(rill_trailer_read((rill_bytes){bytes, sizeof bytes}, &value),
                     RILL_TRAILER_NONE);
    assert_int_equal(rill_trailer_read((rill_bytes){NULL, 0}, &value), RILL_TRAILER_NONE);
}

/* The mark is what it was to who looks no further. */
static void test_that_another_was_ended_stands_behind_the_mark(void **state)
{
    uint8_t bytes[RILL_TRAILER_SIZE + 20] = {0};
    uint64_t value = 0;
    (void)state;
    size_t len = rill_trailer_write(bytes, RILL_TRAILER_MARK, 5);
    assert_false(rill_trailer_ended((rill_bytes){bytes, len}));
    assert_false(rill_trailer_ended((rill_bytes){bytes, sizeof bytes})); /* padding */
    bytes[len] = RILL_TRAILER_ENDED;
    assert_false(rill_trailer_ended((rill_bytes){bytes, len}));
    assert_true(rill_trailer_ended((rill_bytes){bytes, len + 1}));
    assert_true(rill_trailer_ended((rill_bytes){bytes, sizeof bytes}));
    assert_false(rill_trailer_ended((rill_bytes){NULL, 0}));
    assert_int_equal(rill_trailer_read((rill_bytes){bytes, len + 1}, &value), RILL_TRAILER_MARK);
    assert_int_equal(value, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_later_lives_are_larger),
        cmocka_unit_test(test_lives_of_one_millisecond_are_in_order),
        cmocka_unit_test(test_whose_life_it_is_decides_between_two_of_one_moment),
        cmocka_unit_test(test_a_life_says_whose_it_is),
        cmocka_unit_test(test_first_numbers_are_in_a_range_of_their_own),
        cmocka_unit_test(test_marked_numbers_tell_the_mark),
        cmocka_unit_test(test_ours_are_told_from_others),
        cmocka_unit_test(test_trailers),
        cmocka_unit_test(test_that_another_was_ended_stands_behind_the_mark),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
