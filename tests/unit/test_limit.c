/* SPDX-License-Identifier: Apache-2.0 */
/* A window by itself: how it grows, how it is set anew, and how it is spread. */
#include "congestion_fixture.h"

#include "stream/path/limit.h"

/* A round trip in which all of the window was sent, at now, and arrived. */
static void full_round(rill_limit *l, uint64_t now, bool of_value)
{
    uint64_t window = l->window;

    rill_limit_sent(l, now, window);
    for (uint64_t i = 0; i < window; i++)
        rill_limit_grow(l, now + RTT, now, 1, of_value);
}

static void test_it_doubles_until_it_is_refused(void **state)
{
    rill_limit l = {.window = 10, .most = 100, .slow_start = true};

    (void)state;
    full_round(&l, RTT, false);
    assert_int_equal(l.window, 20);
    for (unsigned i = 2; i < 8; i++)
        full_round(&l, i * RTT, false);
    assert_int_equal(l.window, 100);
}

static void test_then_its_step_doubles(void **state)
{
    rill_limit l = {.window = 100, .most = 1000, .slow_start = true};
    uint64_t now = RTT;

    (void)state;
    rill_limit_set(&l, now, 100, 50);
    for (uint64_t step = 1; step <= 16; step *= 2) {
        uint64_t before = l.window;
        now += RTT + 1;
        full_round(&l, now, false);
        assert_in_range(l.window, before + step / 2, before + step);
    }
    /* And is a third of it at most. */
    for (unsigned i = 0; i < 20; i++) {
        uint64_t before = l.window;
        now += RTT + 1;
        full_round(&l, now, false);
        assert_true(l.window <= before + before / 3 + 1);
    }
}

static void test_unused_it_does_not_grow(void **state)
{
    rill_limit l = {.window = 100, .most = 1000, .slow_start = true};

    (void)state;
    rill_limit_sent(&l, RTT, 74);
    rill_limit_grow(&l, 2 * RTT, RTT, 74, false);
    assert_int_equal(l.window, 100);
    rill_limit_sent(&l, 3 * RTT, 75);
    rill_limit_grow(&l, 4 * RTT, 3 * RTT, 75, false);
    assert_int_equal(l.window, 175);
    /* What leaves after the window was last used up proves nothing. */
    rill_limit_grow(&l, 5 * RTT, 4 * RTT, 75, false);
    assert_int_equal(l.window, 175);
}

/* What is under way when the window is set anew was sent under the old one. */
static void test_what_is_old_says_nothing(void **state)
{
    rill_limit l = {.window = 100, .most = 1000, .slow_start = true};

    (void)state;
    rill_limit_sent(&l, RTT, 100);
    rill_limit_set(&l, 2 * RTT, 60, 30);
    assert_true(rill_limit_is_old(&l, 2 * RTT - 1) && !rill_limit_is_old(&l, 2 * RTT));
    rill_limit_grow(&l, 2 * RTT, RTT, 100, false);
    assert_true(l.window == 60 && l.floor == 30);
    rill_limit_set(&l, 3 * RTT, 0, 0);
    assert_true(l.window == 1 && l.floor == 1);
}

/* Sums of value: 10^12 units are not one unit a round trip. */
static void test_value_grows_by_a_part(void **state)
{
    rill_limit l = {.window = 1, .most = UINT64_MAX};

    (void)state;
    rill_limit_set(&l, 0, UINT64_C(1000000000000), 1);
    rill_limit_sent(&l, RTT, l.window);
    rill_limit_grow(&l, 2 * RTT, RTT, l.window, true);
    assert_in_range(l.window, UINT64_C(1000000000000) + UINT64_C(100000000),
                    UINT64_C(1000000000000) + UINT64_C(1000000000));
}

static void test_it_is_spread(void **state)
{
    rill_limit l = {.most = 1000};
    uint64_t now = RILL_SECOND, start = now;

    (void)state;
    rill_limit_set(&l, now, 50, 1);
    for (unsigned i = 0; i < 50; i++) {
        uint64_t next = rill_limit_pace(&l, now, RTT, 1);
        now = next > now ? next : now;
    }
    assert_in_range(now - start, RTT * 3 / 4, RTT);
}

/* One late reply makes a round trip of many seconds. Nobody may wait that long. */
static void test_a_turn_comes_within_a_second(void **state)
{
    rill_limit l = {.most = 100};
    (void)state;
    rill_limit_set(&l, 0, 2, 1);
    assert_int_equal(rill_limit_pace(&l, 100 * RILL_SECOND, 8 * RILL_SECOND, 1) - 100 * RILL_SECOND,
                     RILL_SECOND - RILL_LIMIT_QUANTUM);
    rill_limit_set(&l, 0, 80, 1);
    l.pace_at = 0;
    assert_int_equal(rill_limit_pace(&l, 200 * RILL_SECOND, 8 * RILL_SECOND, 1) - 200 * RILL_SECOND,
                     (8 * RILL_SECOND - RILL_SECOND) / 80 - RILL_LIMIT_QUANTUM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_doubles_until_it_is_refused),
        cmocka_unit_test(test_then_its_step_doubles),
        cmocka_unit_test(test_unused_it_does_not_grow),
        cmocka_unit_test(test_what_is_old_says_nothing),
        cmocka_unit_test(test_value_grows_by_a_part),
        cmocka_unit_test(test_it_is_spread),
        cmocka_unit_test(test_a_turn_comes_within_a_second),
    };
    return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
