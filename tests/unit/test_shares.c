/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/money/shares.h"

#define ANY UINT64_MAX

static void test_the_example_of_the_rfc(void **state)
{
    rill_share parts[] = {{2, 5, ANY, 0}, {4, 15, ANY, 0}, {6, 30, ANY, 0}};

    (void)state;
    assert_int_equal(rill_shares_divide(parts, 3, 100), RILL_OK);
    assert_true(parts[0].amount == 10 && parts[1].amount == 30 && parts[2].amount == 60);
}

static void test_the_remainder_goes_to_the_lowest_with_room(void **state)
{
    rill_share parts[] = {{9, 1, ANY, 0}, {5, 1, ANY, 0}, {7, 1, ANY, 0}};

    (void)state;
    assert_int_equal(rill_shares_divide(parts, 3, 11), RILL_OK);
    assert_true(parts[0].amount == 3 && parts[1].amount == 5 && parts[2].amount == 3);
    parts[1].room = 4; /* of its 5 */
    assert_int_equal(rill_shares_divide(parts, 3, 11), RILL_OK);
    assert_true(parts[0].amount == 3 && parts[1].amount == 3 && parts[2].amount == 5);
}

static void test_where_nobody_has_room_for_all_it_is_spread(void **state)
{
    rill_share parts[] = {{8, 1, 4, 0}, {2, 1, 3, 0}, {4, 1, 4, 0}, {6, 1, 4, 0}};

    (void)state;
    assert_int_equal(rill_shares_divide(parts, 4, 15), RILL_OK); /* 3 each, 3 left */
    assert_true(parts[0].amount == 4 && parts[1].amount == 3);
    assert_true(parts[2].amount == 4 && parts[3].amount == 4);
    assert_int_equal(rill_shares_divide(parts, 4, 14), RILL_OK); /* 3 each, 2 left */
    assert_true(parts[0].amount == 3 && parts[1].amount == 3);
    assert_true(parts[2].amount == 4 && parts[3].amount == 4);
}

static void test_what_nobody_has_room_for_goes_to_the_lowest(void **state)
{
    rill_share parts[] = {{8, 1, 0, 0}, {2, 1, 0, 0}, {4, 1, 4, 0}, {6, 1, 0, 0}};

    (void)state;
    assert_int_equal(rill_shares_divide(parts, 4, 15), RILL_OK);
    assert_true(parts[0].amount == 3 && parts[1].amount == 5);
    assert_true(parts[2].amount == 4 && parts[3].amount == 3);
}

static void test_amounts_as_large_as_they_get(void **state)
{
    rill_share one[] = {{1, UINT64_MAX, ANY, 0}};
    rill_share two[] = {{1, UINT64_MAX - 1, ANY, 0}, {3, 1, ANY, 0}};

    (void)state;
    assert_int_equal(rill_shares_divide(one, 1, UINT64_MAX), RILL_OK);
    assert_true(one[0].amount == UINT64_MAX);
    assert_int_equal(rill_shares_divide(two, 2, UINT64_MAX), RILL_OK);
    assert_true(two[0].amount == UINT64_MAX - 1 && two[1].amount == 1);
    assert_int_equal(rill_shares_divide(two, 2, UINT64_MAX - 1), RILL_OK);
    assert_true(two[0].amount == UINT64_MAX - 1 && two[1].amount == 0);
}

static void test_impossible_sums_are_refused(void **state)
{
    rill_share zero[] = {{1, 0, ANY, 0}, {3, 0, ANY, 0}};
    rill_share over[] = {{1, UINT64_MAX, ANY, 0}, {3, 1, ANY, 0}};

    (void)state;
    assert_int_equal(rill_shares_divide(zero, 2, 5), RILL_ERR_RANGE);
    assert_int_equal(rill_shares_divide(zero, 0, 5), RILL_ERR_RANGE);
    assert_int_equal(rill_shares_divide(over, 2, 5), RILL_ERR_RANGE);
}

static void test_no_shares_get_nothing_but_the_remainder(void **state)
{
    rill_share parts[] = {{1, 0, ANY, 0}, {3, 2, ANY, 0}, {5, 1, ANY, 0}};

    (void)state;
    assert_int_equal(rill_shares_divide(parts, 3, 9), RILL_OK);
    assert_true(parts[0].amount == 0 && parts[1].amount == 6 && parts[2].amount == 3);
    assert_int_equal(rill_shares_divide(parts, 3, 10), RILL_OK);
    assert_true(parts[0].amount == 1 && parts[1].amount == 6 && parts[2].amount == 3);
}

static void test_nothing_divides_into_nothing(void **state)
{
    rill_share parts[] = {{1, 1, 0, 77}, {3, 2, 0, 77}};

    (void)state;
    assert_int_equal(rill_shares_divide(parts, 2, 0), RILL_OK);
    assert_true(parts[0].amount == 0 && parts[1].amount == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_the_rfc),
        cmocka_unit_test(test_the_remainder_goes_to_the_lowest_with_room),
        cmocka_unit_test(test_where_nobody_has_room_for_all_it_is_spread),
        cmocka_unit_test(test_what_nobody_has_room_for_goes_to_the_lowest),
        cmocka_unit_test(test_amounts_as_large_as_they_get),
        cmocka_unit_test(test_impossible_sums_are_refused),
        cmocka_unit_test(test_no_shares_get_nothing_but_the_remainder),
        cmocka_unit_test(test_nothing_divides_into_nothing),
    };
    return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
