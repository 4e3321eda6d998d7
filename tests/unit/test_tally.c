/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/money/tally.h"

static rill_tally new_tally(uint64_t num, uint64_t den)
{
    rill_tally t = {.era = 0};

    rill_tally_begin(&t, (rill_ratio){num, den}, 1);
    return t;
}

/* Sends a packet of amount that brings what it must, or more. Returned: what it had to bring. */
static uint64_t pay(rill_tally *t, uint64_t amount, bool last, uint64_t more)
{
    uint64_t minimum = rill_tally_demand(t, amount, last);
    rill_i128 held = rill_tally_hold(t, amount, minimum);

    (void)rill_tally_commit(t, held, amount, minimum + more);
    return minimum;
}

/* 3 units in each packet, at 1/2: each rounds up, until others have earned a unit. */
static void test_packets_together_keep_the_minimum(void **state)
{
    rill_tally t = new_tally(1, 2);
    uint64_t brought = 0;

    (void)state;
    for (unsigned i = 1; i <= 100; i++) {
        brought += pay(&t, 3, false, 0);
        assert_true(2 * brought + 1 >= 3 * i);
    }
    assert_int_equal(brought, 150);
}

static void test_the_last_may_lose_a_unit(void **state)
{
    rill_tally t = new_tally(99, 100);

    (void)state;
    assert_int_equal(rill_tally_demand(&t, 50, false), 50);
    assert_int_equal(rill_tally_demand(&t, 50, true), 49);
    /* And uses up what others have earned. */
    (void)pay(&t, 1000, false, 10);
    assert_int_equal(rill_tally_demand(&t, 50, true), 39);
    assert_int_equal(rill_tally_demand(&t, 50, false), 49);
}

/* What is under way may bring only its minimum. */
static void test_what_is_under_way_counts(void **state)
{
    rill_tally t = new_tally(1, 2);
    rill_i128 held;

    (void)state;
    assert_int_equal(pay(&t, 3, false, 0), 2);
    held = rill_tally_hold(&t, 3, 1);
    assert_int_equal(rill_tally_demand(&t, 3, false), 2);
    rill_tally_release(&t, held);
    assert_int_equal(rill_tally_demand(&t, 3, false), 1);
}

static void test_another_minimum_begins_anew(void **state)
{
    rill_tally t = new_tally(1, 2);

    (void)state;
    (void)pay(&t, 1000, false, 400);
    assert_int_equal(rill_tally_demand(&t, 100, true), 0);
    rill_tally_begin(&t, (rill_ratio){1, 2}, 1);
    assert_int_equal(rill_tally_demand(&t, 100, true), 0);
    rill_tally_begin(&t, (rill_ratio){1, 3}, 2);
    assert_int_equal(rill_tally_demand(&t, 99, false), 33);
    assert_int_equal(rill_tally_usual(&t, 100), 33);
}

static void test_it_says_what_it_bears(void **state)
{
    rill_tally t = new_tally(1, 2);

    (void)state;
    assert_true(rill_tally_bears(&t, 3, 1, 1));
    assert_false(rill_tally_bears(&t, 3, 1, 2));
    assert_true(rill_tally_bears(&t, 3, 2, 1000));
    (void)pay(&t, 2, false, 10);
    assert_true(rill_tally_bears(&t, 3, 1, 21) && !rill_tally_bears(&t, 3, 1, 22));
    assert_int_equal(rill_tally_affords(&t, 5), 10 + 20);
}

/* Rates of terms of 64 bits: what is promised is never more than was asked for. */
static void test_the_ends_of_the_numbers(void **state)
{
    rill_tally t = new_tally(UINT64_MAX, UINT64_MAX - 1);

    (void)state;
    assert_true(t.bound.num <= INT64_MAX && t.bound.den <= INT64_MAX);
    assert_in_range(rill_tally_demand(&t, 1000000, false), 1000000, 1000001);
    t = new_tally(UINT64_MAX, 1);
    assert_int_equal(rill_tally_largest(&t), 2);
    t = new_tally(1, UINT64_MAX);
    assert_true(rill_tally_demand(&t, UINT64_MAX, true) <= 2);
    t = new_tally(0, 1);
    assert_int_equal(rill_tally_demand(&t, UINT64_MAX, false), 0);
    assert_true(rill_tally_affords(&t, 0) == UINT64_MAX && rill_tally_largest(&t) == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets_together_keep_the_minimum),
        cmocka_unit_test(test_the_last_may_lose_a_unit),
        cmocka_unit_test(test_what_is_under_way_counts),
        cmocka_unit_test(test_another_minimum_begins_anew),
        cmocka_unit_test(test_it_says_what_it_bears),
        cmocka_unit_test(test_the_ends_of_the_numbers),
    };
    return cmocka_run_group_tests_name("tally", tests, NULL, NULL);
}
