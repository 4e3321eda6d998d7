/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "base/muldiv.h"
#include "stream/path/rate.h"

static const rill_ratio none = {0, 1};
static const rill_ratio one_percent = {1, 100};

static void test_a_given_minimum_needs_no_probe(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, (rill_ratio){98, 100}, one_percent);
    assert_true(r.fixed && rill_rate_ready(&r) && rill_rate_settle(&r));
    assert_true(rill_ratio_floor(r.minimum, 1000) == 980); /* without slippage */
    assert_true(rill_ratio_floor(r.minimum, 1) == 0);
    assert_true(rill_rate_delivers(&r, 1000) == 980);
    rill_rate_probe(&r, 1000, 2000);
    assert_true(rill_ratio_floor(r.minimum, 1000) == 980);
    assert_true(rill_rate_delivers(&r, 1000) == 2000);
}

static void test_probes_find_the_minimum(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    assert_false(rill_rate_ready(&r));
    assert_false(rill_rate_settle(&r));
    rill_rate_probe(&r, 0, 5);
    rill_rate_probe(&r, 1, 0);
    assert_false(rill_rate_settle(&r));
    rill_rate_probe(&r, 1000, 99);
    assert_false(rill_rate_ready(&r));
    rill_rate_probe(&r, 1000000, 99987);
    rill_rate_probe(&r, 1000, 99);
    assert_true(rill_rate_ready(&r) && rill_rate_settle(&r));
    assert_true(rill_ratio_floor(r.minimum, 1000000) == 98987); /* floor(0.99 x 99987) */
    assert_true(rill_rate_delivers(&r, 1000000) == 99987);
}

static void test_what_is_known_may_do(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_probe(&r, 10, 7);
    assert_false(rill_rate_ready(&r));
    assert_true(rill_rate_settle(&r));
    assert_true(rill_ratio_floor(r.minimum, 1000) == 693);
}

static void test_coarse_replies_keep_a_precise_rate(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_learn(&r, 1000000000, 987654321);
    rill_rate_learn(&r, 1, 0);
    rill_rate_learn(&r, 10, 9);
    rill_rate_learn(&r, 10, 8); /* rounded twice */
    rill_rate_learn(&r, 0, 0);
    assert_true(r.latest.num == 987654321 && r.latest.den == 1000000000);
    rill_rate_learn(&r, 2000000000, 1975308643);
    assert_true(r.latest.num == 1975308643);
}

static void test_precise_replies_replace_a_coarse_rate(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_learn(&r, 10, 9);
    assert_true(r.latest.num == 9);
    rill_rate_learn(&r, 1000, 987);
    assert_true(r.latest.num == 987 && r.latest.den == 1000);
}

static void test_a_changed_rate_is_seen_in_any_reply(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_learn(&r, 1000000000, 987654321);
    rill_rate_learn(&r, 1000000000, 500000000);
    assert_true(r.latest.num == 500000000);
    rill_rate_learn(&r, 2500000000, 999999999); /* two of those would bring more */
    assert_true(r.latest.num == 999999999);
    /* With much smaller packets the reason may be their size, but not for long. */
    for (unsigned i = 0; i < 7; i++) {
        rill_rate_learn(&r, 1000, 350);
        assert_true(r.latest.num == 999999999);
    }
    rill_rate_learn(&r, 1000, 350);
    assert_true(r.latest.num == 350 && r.latest.den == 1000);
    rill_rate_learn(&r, 1000, 500);
    assert_true(r.latest.num == 500 && r.latest.den == 1000);
    rill_rate_learn(&r, 1000, 505);
    assert_true(r.latest.num == 505);
    rill_rate_learn(&r, 10, 12);
    assert_true(r.latest.num == 12 && r.latest.den == 10);
    /* Nothing arrives any more: known to be below 1 in 1000, but not 0. */
    rill_rate_learn(&r, 1000, 0);
    assert_true(r.latest.num == 1 && r.latest.den == 1000);
    rill_rate_learn(&r, 1000000, 980000);
    assert_true(r.latest.num == 980000);
}

/* floor(4 / 3 x amount) units in the middle, of which each is worth 90. */
static uint64_t two_hops(uint64_t amount)
{
    return amount * 4 / 3 * 90;
}

static void test_what_is_rounded_twice_is_not_exact(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_probe(&r, 528, 88);
    assert_true(rill_rate_settle(&r));
    /* A sixth, for all that is known: of six each everything would arrive. */
    assert_int_equal(rill_rate_grain(&r), 6);
    rill_rate_learn(&r, 240, 39);
    assert_true(rill_rate_grain(&r) > 240);
}

static void test_what_a_middle_hop_rounds_off_is_no_other_rate(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_probe(&r, 667, two_hops(667));
    assert_true(rill_rate_settle(&r));
    uint64_t before = rill_rate_grain(&r);
    rill_rate_learn(&r, 4, two_hops(4));
    assert_true(r.latest.den == 667);
    assert_false(rill_rate_is_low(&r));
    /* As large as is known to be large enough, until more is known. */
    assert_true(rill_rate_grain(&r) > before && rill_rate_grain(&r) <= 667);
    rill_rate_learn(&r, 5, two_hops(5));
    rill_rate_learn(&r, 500, two_hops(500));
    assert_true(rill_rate_grain(&r) > before && rill_rate_grain(&r) < 100);
    for (uint64_t amount = rill_rate_grain(&r); amount < 200; amount++)
        assert_true(two_hops(amount) >= rill_ratio_floor(r.minimum, amount));
    /* A packet that is no smaller than the best one has no such excuse. */
    rill_rate_learn(&r, 667, two_hops(600));
    assert_true(r.latest.num == two_hops(600));
    assert_true(rill_rate_is_low(&r));
}

static void test_nothing_delivered_at_first_is_not_a_rate(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_learn(&r, 1000, 0);
    assert_true(r.latest.num == 0);
    assert_true(rill_rate_delivers(&r, 1000) == 0);
    assert_true(rill_rate_needed_ceil(&r, 1) == UINT64_MAX);
    assert_true(rill_rate_needed_floor(&r, 1) == UINT64_MAX);
}

static void test_needed(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_learn(&r, 3000000, 2000000);
    assert_true(rill_rate_needed_ceil(&r, 100) == 150);
    assert_true(rill_rate_needed_ceil(&r, 101) == 152);
    assert_true(rill_rate_needed_floor(&r, 101) == 151);
}

static void test_as_large_as_numbers_get(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, (rill_ratio){UINT64_MAX, 1}, one_percent);
    assert_true(rill_ratio_floor(r.minimum, 2) == UINT64_MAX);
    rill_rate_learn(&r, 1, UINT64_MAX);
    rill_rate_learn(&r, UINT64_MAX, 1);
    assert_true(r.latest.num == 1 && r.latest.den == UINT64_MAX);
    rill_rate_learn(&r, UINT64_MAX, UINT64_MAX);
    assert_true(rill_rate_delivers(&r, UINT64_MAX) == UINT64_MAX);
}

static void test_the_best_for_its_units_counts(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_probe(&r, 1999, 1);
    rill_rate_probe(&r, 1000, 1);
    rill_rate_probe(&r, 1500, 1);
    assert_true(r.latest.num == 1 && r.latest.den == 1000);
    assert_true(rill_rate_settle(&r));
    assert_true(r.minimum.num * 100000 == r.minimum.den * 99);
    rill_rate_learn(&r, 7, 0);
    assert_true(r.latest.den == 1000);
}

static void test_a_guess_between_what_arrived_and_what_did_not(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    rill_rate_learn(&r, 1000000, 285714);
    assert_true(r.guess.num == 2 && r.guess.den == 7);
    rill_rate_learn(&r, 7, 1); /* so it is less */
    assert_true(rill_ratio_compare(r.guess, (rill_ratio){2, 7}) < 0);
    assert_true(r.latest.num == 285714);
    /* Two hops round more than a rate explains: that changes nothing. */
    rill_rate_learn(&r, 14, 2);
    assert_true(r.latest.num == 285714);
    assert_true(rill_ratio_compare(r.guess, r.latest) >= 0);
}

static void test_grain(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, none, one_percent);
    assert_true(rill_rate_grain(&r) == 1);
    rill_rate_probe(&r, 1000000, 1000000);
    assert_true(rill_rate_settle(&r));
    assert_true(rill_rate_grain(&r) == 1); /* nothing is rounded */

    rill_rate_init(&r, none, one_percent);
    rill_rate_probe(&r, 1000000, 990000);
    assert_true(rill_rate_settle(&r));
    assert_true(rill_rate_grain(&r) == 100); /* 99 of 100, always */

    rill_rate_init(&r, none, (rill_ratio){1, 10});
    rill_rate_probe(&r, 1000000, 990000);
    assert_true(rill_rate_settle(&r));
    assert_true(rill_rate_grain(&r) == 11); /* 10 of 11: more than 9/10 of 0.99 */

    rill_rate_init(&r, none, one_percent);
    rill_rate_probe(&r, 1000000, 1000);
    assert_true(rill_rate_settle(&r));
    assert_true(rill_rate_grain(&r) == 1000);

    rill_rate_init(&r, (rill_ratio){99, 100}, one_percent);
    rill_rate_learn(&r, 1000000, 990000);
    assert_true(rill_rate_grain(&r) == 100); /* not one unit may be lost */
    rill_rate_learn(&r, 1000000, 1);
    assert_true(rill_rate_grain(&r) >= 1); /* too low in any case */
}

/*
 * What larger packets may lose to rounding does not hide that a packet as large as the best brings
 * less.
 */
static void test_no_rounding_hides_a_fall(void **state)
{
    rill_rate r;

    (void)state;
    rill_rate_init(&r, (rill_ratio){1, 2}, (rill_ratio){1, 100});
    rill_rate_learn(&r, 100000, 100000);
    rill_rate_learn(&r, 200000, 220000);
    rill_rate_learn(&r, 1000, 1111);
    assert_true(r.loss >= 1000);
    rill_rate_learn(&r, 1000, 1000);
    assert_int_equal(rill_rate_delivers(&r, 1000), 1000);
    assert_int_equal(r.loss, 1);
}

/* Also where it is not known any more how high the rate can be. */
static void test_one_packet_is_an_exception_after_all_is_forgotten(void **state)
{
    (void)state;
    rill_rate r;
    rill_rate_init(&r, (rill_ratio){13, 5}, (rill_ratio){0, 1});
    rill_rate_learn(&r, 40, 104);
    rill_rate_forget_bound(&r);
    rill_rate_learn(&r, 1, 3);
    assert_int_equal(r.before.num, 104);
    assert_int_equal(r.before.den, 40);
    /* What the rate before explains as well says nothing; more than that is the rate. */
    rill_rate_learn(&r, 1, 2);
    assert_int_equal(r.before.num, 104);
    rill_rate_learn(&r, 40, 120);
    assert_int_equal(r.before.num, 0);
    /* Rounding alone explains more than was seen. */
    rill_rate_init(&r, (rill_ratio){2, 1}, (rill_ratio){0, 1});
    rill_rate_learn(&r, 4, 10);
    rill_rate_forget_bound(&r);
    rill_rate_learn(&r, 40, 104);
    assert_int_equal(r.before.num, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_rounding_hides_a_fall),
        cmocka_unit_test(test_a_given_minimum_needs_no_probe),
        cmocka_unit_test(test_probes_find_the_minimum),
        cmocka_unit_test(test_what_is_known_may_do),
        cmocka_unit_test(test_coarse_replies_keep_a_precise_rate),
        cmocka_unit_test(test_precise_replies_replace_a_coarse_rate),
        cmocka_unit_test(test_what_is_rounded_twice_is_not_exact),
        cmocka_unit_test(test_what_a_middle_hop_rounds_off_is_no_other_rate),
        cmocka_unit_test(test_a_changed_rate_is_seen_in_any_reply),
        cmocka_unit_test(test_nothing_delivered_at_first_is_not_a_rate),
        cmocka_unit_test(test_needed),
        cmocka_unit_test(test_as_large_as_numbers_get),
        cmocka_unit_test(test_the_best_for_its_units_counts),
        cmocka_unit_test(test_a_guess_between_what_arrived_and_what_did_not),
        cmocka_unit_test(test_grain),
        cmocka_unit_test(test_one_packet_is_an_exception_after_all_is_forgotten),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
