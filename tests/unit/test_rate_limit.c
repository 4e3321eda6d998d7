/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/rate_limit.h"
#include <cmocka.h>

/* How many of `tries` packets pass at one moment. */
static unsigned take(rill_bucket *b, rill_rate_limit limit, uint64_t now, unsigned tries)
{
    unsigned passed = 0;
    for (unsigned i = 0; i < tries; i++)
        passed += rill_bucket_take(b, limit, now);
    return passed;
}

static void test_no_limit(void **state)
{
    (void)state;
    rill_bucket b = {0};
    assert_int_equal(take(&b, rill_rate_limit_of(0), 0, 1000), 1000);
}

static void test_burst_then_rate(void **state)
{
    (void)state;
    rill_bucket b = {0};
    rill_rate_limit limit = rill_rate_limit_of(10);
    uint64_t now = 5 * RILL_SECOND;
    assert_int_equal(take(&b, limit, now, 100), 10);
    /* A tenth of a second for one packet, to the nanosecond. */
    now += RILL_SECOND / 10 - 1;
    assert_int_equal(take(&b, limit, now, 100), 0);
    now += 1;
    assert_int_equal(take(&b, limit, now, 100), 1);
    now += RILL_SECOND;
    assert_int_equal(take(&b, limit, now, 100), 10);
}

static void test_nothing_is_lost_in_small_steps(void **state)
{
    (void)state;
    /* 7 a second looked at every 3 ns would lose everything to rounding. */
    rill_bucket b = {0};
    rill_rate_limit limit = {.per_second = 7, .burst = 1};
    uint64_t now = 0;
    unsigned passed = 0;
    for (; now <= RILL_SECOND; now += 999983)
        passed += rill_bucket_take(&b, limit, now);
    assert_in_range(passed, 6, 8);
    rill_bucket fine = {0};
    assert_true(rill_bucket_take(&fine, limit, 0));
    for (now = 3; now < 3000; now += 3)
        assert_false(rill_bucket_take(&fine, limit, now));
    assert_false(rill_bucket_take(&fine, limit, RILL_SECOND / 7));
    assert_true(rill_bucket_take(&fine, limit, RILL_SECOND / 7 + 1));
}

static void test_extremes(void **state)
{
    (void)state;
    rill_bucket b = {0};
    rill_rate_limit limit = rill_rate_limit_of(RILL_MAX_RATE_LIMIT);
    assert_true(rill_bucket_take(&b, limit, 0));
    b.used = RILL_MAX_RATE_LIMIT * RILL_SECOND;
    assert_false(rill_bucket_take(&b, limit, 0));
    assert_true(rill_bucket_take(&b, limit, UINT64_MAX));
    /* A clock that stands still or goes back gives nothing. */
    rill_bucket back = {0};
    limit = rill_rate_limit_of(1);
    assert_true(rill_bucket_take(&back, limit, 10 * RILL_SECOND));
    assert_false(rill_bucket_take(&back, limit, 5 * RILL_SECOND));
    assert_false(rill_bucket_take(&back, limit, 10 * RILL_SECOND));
    assert_true(rill_bucket_take(&back, limit, 11 * RILL_SECOND));
}

/* Who is limited more strictly waits no longer than from an empty bucket. */
static void test_a_lower_limit(void **state)
{
    (void)state;
    rill_bucket b = {0};
    assert_int_equal(take(&b, rill_rate_limit_of(1000000), 0, 1000000), 1000000);
    assert_int_equal(take(&b, rill_rate_limit_of(10), 0, 1), 0);
    assert_int_equal(take(&b, rill_rate_limit_of(10), RILL_SECOND / 10 - 1, 1), 0);
    assert_int_equal(take(&b, rill_rate_limit_of(10), RILL_SECOND / 10, 2), 1);
    assert_int_equal(take(&b, rill_rate_limit_of(10), 2 * RILL_SECOND, 20), 10);
}

/* ---- amounts ---- */

/* All zero: there was not enough. */
static rill_value_mark take_value(rill_value_bucket *b, uint64_t per_second, uint64_t amount,
                                  uint64_t now)
{
    if (!rill_value_bucket_has(b, per_second, amount, now))
        return (rill_value_mark){0, 0};
    return rill_value_bucket_take(b, amount);
}

static bool takes(rill_value_bucket *b, uint64_t per_second, uint64_t amount, uint64_t now)
{
    rill_value_mark mark = take_value(b, per_second, amount, now);
    return (mark.high | mark.low) != 0;
}

static void test_an_amount_a_second(void **state)
{
    (void)state;
    rill_value_bucket b = {0};
    uint64_t now = 5 * RILL_SECOND;
    assert_true(rill_value_bucket_has(&b, 0, UINT64_MAX, now));
    assert_false(takes(&b, 1000, 1001, now));
    assert_true(takes(&b, 1000, 1000, now));
    assert_true(rill_value_bucket_has(&b, 1000, 0, now)); /* nothing always passes */
    /* 3 units take 3 ms, to the nanosecond; what flows in between is kept. */
    assert_false(takes(&b, 1000, 3, now + 1));
    assert_false(takes(&b, 1000, 3, now + 3 * RILL_MS - 1));
    assert_true(takes(&b, 1000, 3, now + 3 * RILL_MS));
    assert_false(takes(&b, 1000, 1, now + 3 * RILL_MS));
    now += 10 * RILL_SECOND;
    assert_false(takes(&b, 1000, 1001, now));
    assert_true(takes(&b, 1000, 1000, now));
    /* Twice as much since now, and then less: no debt is left from before. */
    assert_true(takes(&b, 2000, 1000, now));
    assert_false(takes(&b, 10, 1, now));
    assert_true(takes(&b, 10, 1, now + RILL_SECOND / 10));
}

static void test_amounts_at_the_ends(void **state)
{
    (void)state;
    rill_value_bucket b = {0};
    assert_true(takes(&b, UINT64_MAX, UINT64_MAX, 1));
    assert_false(takes(&b, UINT64_MAX, 1, 1));
    assert_true(takes(&b, UINT64_MAX, UINT64_MAX / RILL_SECOND, 2)); /* of one nanosecond */
    assert_false(takes(&b, UINT64_MAX, 1, 2));
    assert_false(takes(&b, UINT64_MAX, 1, 1)); /* a clock that goes back */
    assert_true(takes(&b, UINT64_MAX, UINT64_MAX, UINT64_MAX));
    assert_false(takes(&b, UINT64_MAX, 1, UINT64_MAX));
    rill_value_bucket slow = {0};
    assert_true(takes(&slow, 1, 1, 0));
    assert_false(takes(&slow, 1, 1, RILL_SECOND - 1));
    assert_true(takes(&slow, 1, 1, RILL_SECOND));
    /* More than 64 bits have been taken in all, in which a mark is still found. */
    rill_value_bucket many = {.taken = rill_wide_of(0, UINT64_MAX - 1)};
    rill_value_mark mark = take_value(&many, 100, 100, 0);
    assert_int_equal(mark.high, 1);
    rill_value_bucket_give_back(&many, 100, 100, mark, 0);
    assert_true(takes(&many, 100, 100, 0));
    /* So much was taken since that none of it can be given back. */
    many.taken = rill_wide_of(2, 99);
    rill_value_bucket_give_back(&many, 100, 100, mark, 0);
    assert_false(takes(&many, 100, 1, 0));
}

static void test_what_is_given_back(void **state)
{
    (void)state;
    rill_value_bucket b = {0};
    rill_value_mark first = take_value(&b, 10, 6, 0);
    rill_value_mark second = take_value(&b, 10, 4, 0);
    assert_false(takes(&b, 10, 1, 0));
    rill_value_bucket_give_back(&b, 10, 4, second, 0);
    assert_false(takes(&b, 10, 5, 0));
    assert_true(takes(&b, 10, 4, 0));
    rill_value_bucket_give_back(&b, 10, 6, first, 0);
    assert_false(takes(&b, 10, 7, 0));
    /* No mark: there was no limit when it passed. */
    rill_value_bucket_give_back(&b, 10, 4, (rill_value_mark){0, 0}, 0);
    /* Nor is there one now. */
    rill_value_bucket_give_back(&b, 0, 4, second, 0);
    assert_false(takes(&b, 10, 7, 0));
    /* The second time it is full already, and never more than that. */
    rill_value_mark third = take_value(&b, 10, 6, 0);
    rill_value_bucket_give_back(&b, 10, 6, third, 9 * RILL_SECOND);
    assert_false(takes(&b, 10, 11, 9 * RILL_SECOND));
    assert_true(takes(&b, 10, 10, 9 * RILL_SECOND));
}

/* Half of it has flowed back by then, into what was taken since. */
static void test_time_gave_it_back(void **state)
{
    (void)state;
    rill_value_bucket b = {0};
    rill_value_mark first = take_value(&b, 10, 10, 0);
    assert_true(takes(&b, 10, 5, RILL_SECOND / 2));
    rill_value_bucket_give_back(&b, 10, 10, first, RILL_SECOND / 2);
    assert_true(takes(&b, 10, 5, RILL_SECOND / 2));
    assert_false(takes(&b, 10, 1, RILL_SECOND / 2));
}

/* Packets that are held, and rejected just before the next: no second is saved up. */
static void test_nothing_is_saved_up(void **state)
{
    (void)state;
    rill_value_bucket b = {0};
    rill_value_mark held[20];
    uint64_t now = 0;
    for (size_t i = 0; i < 20; i++, now += RILL_SECOND)
        held[i] = take_value(&b, 10, 10, now);
    unsigned passed = 0;
    for (size_t i = 0; i < 20; i++) {
        passed += takes(&b, 10, 10, now);
        rill_value_bucket_give_back(&b, 10, 10, held[i], now);
    }
    assert_int_equal(passed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_nothing_is_lost_in_small_steps),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_a_lower_limit),
        cmocka_unit_test(test_an_amount_a_second),
        cmocka_unit_test(test_amounts_at_the_ends),
        cmocka_unit_test(test_what_is_given_back),
        cmocka_unit_test(test_time_gave_it_back),
        cmocka_unit_test(test_nothing_is_saved_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
