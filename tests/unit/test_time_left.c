/* SPDX-License-Identifier: Apache-2.0 */
/* What is left of the time for all of a command. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>

#include "cli/time_left.h"

static void test_it_is_for_all_steps_together(void **state)
{
    time_left t;
    uint64_t left;
    (void)state;
    time_left_begin(&t, 100, 1000);
    assert_true(time_left_get(&t, 1000, &left));
    assert_int_equal(left, 100);
    assert_true(time_left_get(&t, 1099, &left));
    assert_int_equal(left, 1);
    assert_false(time_left_get(&t, 1100, &left));
    assert_false(time_left_get(&t, 5000, &left));
}

static void test_while_a_person_is_asked_it_does_not_count(void **state)
{
    time_left t;
    uint64_t left;
    (void)state;
    time_left_begin(&t, 100, 1000);
    time_left_go_on(&t, 1010); /* it counts already */
    time_left_stop(&t, 1040);
    time_left_stop(&t, 1500); /* once more changes nothing */
    time_left_go_on(&t, 9040);
    assert_true(time_left_get(&t, 9040, &left));
    assert_int_equal(left, 60);
    time_left_go_on(&t, 9050);
    assert_true(time_left_get(&t, 9050, &left));
    assert_int_equal(left, 50);
}

static void test_no_limit(void **state)
{
    time_left t;
    uint64_t left = 7;
    (void)state;
    time_left_begin(&t, 0, 1000);
    time_left_stop(&t, 2000);
    time_left_go_on(&t, 3000);
    assert_true(time_left_get(&t, UINT64_MAX - 1, &left));
    assert_int_equal(left, 0);
    time_left_begin(&t, UINT64_MAX, 1000); /* longer than any */
    assert_true(time_left_get(&t, 5000, &left));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_for_all_steps_together),
        cmocka_unit_test(test_while_a_person_is_asked_it_does_not_count),
        cmocka_unit_test(test_no_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
