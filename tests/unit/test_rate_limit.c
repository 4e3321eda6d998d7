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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_limit),
        cmocka_unit_test(test_burst_then_rate),
        cmocka_unit_test(test_nothing_is_lost_in_small_steps),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_a_lower_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
