/* SPDX-License-Identifier: Apache-2.0 */
#include "congestion_fixture.h"

#include "stream/path/round_trip.h"

static void test_the_first_is_believed(void **state)
{
    rill_round_trip t = {0};

    (void)state;
    assert_int_equal(rill_round_trip_patience(&t), 3 * RILL_SECOND);
    assert_int_equal(rill_round_trip_measure(&t, RILL_SECOND + RTT, RILL_SECOND), RTT);
    assert_true(t.smoothed == RTT && t.least == RTT && t.variance == RTT / 2 && t.jitter == 0);
    assert_int_equal(rill_round_trip_patience(&t), RTT + 2 * RTT);
}

static void test_what_follows_moves_the_mean(void **state)
{
    rill_round_trip t = {0};

    (void)state;
    (void)rill_round_trip_measure(&t, RTT, 0);
    (void)rill_round_trip_measure(&t, 3 * RTT, RTT);
    assert_int_equal(t.smoothed, RTT + RTT / 8);
    assert_int_equal(t.variance, RTT / 2 - RTT / 8 + RTT / 4);
    assert_int_equal(t.jitter, RTT / 16);
    assert_int_equal(t.least, RTT);
    for (unsigned i = 0; i < 300; i++)
        (void)rill_round_trip_measure(&t, 2 * RTT, 0);
    assert_in_range(t.smoothed, 2 * RTT - 100, 2 * RTT);
    assert_true(t.variance < RTT / 100 && t.jitter < RTT / 100);
    /* As long again, though nothing varies: applications may take a moment. */
    assert_in_range(rill_round_trip_patience(&t), 4 * RTT - 300, 4 * RTT);
}

/* On a short path a moment is longer than a round trip. */
static void test_patience_is_a_moment_at_least(void **state)
{
    rill_round_trip t = {0};

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        (void)rill_round_trip_measure(&t, RILL_MS, 0);
    assert_in_range(rill_round_trip_patience(&t), 200 * RILL_MS, 202 * RILL_MS);
}

static void test_no_time_at_all_is_not_unknown(void **state)
{
    rill_round_trip t = {0};

    (void)state;
    assert_int_equal(rill_round_trip_measure(&t, RTT, RTT), 1);
    assert_int_equal(rill_round_trip_measure(&t, RTT, 2 * RTT), 1);
    assert_true(t.smoothed == 1 && t.least == 1);
}

/* The least time is remembered with its moment, also if it is only nearly reached again. */
static void test_the_least_has_a_time(void **state)
{
    rill_round_trip t = {0};

    (void)state;
    (void)rill_round_trip_measure(&t, RTT, 0);
    (void)rill_round_trip_measure(&t, 3 * RTT, 2 * RTT - RTT / 16);
    assert_true(t.least == RTT && t.least_at == 3 * RTT);
    (void)rill_round_trip_measure(&t, 5 * RTT, 3 * RTT);
    assert_true(t.least == RTT && t.least_at == 3 * RTT);
    rill_round_trip_renew(&t, 6 * RTT, 2 * RTT);
    assert_true(t.least == 2 * RTT && t.least_at == 6 * RTT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_is_believed),
        cmocka_unit_test(test_what_follows_moves_the_mean),
        cmocka_unit_test(test_patience_is_a_moment_at_least),
        cmocka_unit_test(test_no_time_at_all_is_not_unknown),
        cmocka_unit_test(test_the_least_has_a_time),
    };
    return cmocka_run_group_tests_name("round trip", tests, NULL, NULL);
}
