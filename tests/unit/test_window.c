/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/bytes/window.h"

static void test_a_send_window_only_rises(void **state)
{
    rill_send_window w;

    (void)state;
    rill_send_window_init(&w, 100);
    rill_send_window_use(&w, 60);
    assert_false(rill_send_window_raise(&w, 50));
    assert_false(rill_send_window_raise(&w, 100));
    assert_true(w.limit == 100);
    assert_true(rill_send_window_raise(&w, UINT64_MAX));
    assert_true(w.limit == UINT64_MAX);
    assert_true(w.used == 60);
}

static void test_what_is_used_saturates(void **state)
{
    rill_send_window w;

    (void)state;
    rill_send_window_init(&w, 10);
    rill_send_window_use(&w, 30);
    assert_true(w.used == 30);
    rill_send_window_use(&w, UINT64_MAX);
    assert_true(w.used == UINT64_MAX);
}

static void test_a_receive_window_keeps_its_word(void **state)
{
    rill_receive_window w;

    (void)state;
    rill_receive_window_init(&w, 0, 100);
    assert_true(rill_receive_window_set(&w, 50)); /* not told to the other side yet */
    assert_true(rill_receive_window_advertise(&w) == 50);
    assert_false(rill_receive_window_set(&w, 49));
    assert_true(rill_receive_window_allows(&w, 50));
    assert_false(rill_receive_window_allows(&w, 51));
    assert_true(rill_receive_window_set(&w, 80));
    assert_true(rill_receive_window_set(&w, 60)); /* 80 was not told */
    assert_true(rill_receive_window_advertise(&w) == 60);
}

static void test_used_is_the_highest(void **state)
{
    rill_receive_window w;

    (void)state;
    rill_receive_window_init(&w, 0, 100);
    rill_receive_window_use(&w, 40);
    rill_receive_window_use(&w, 20);
    assert_true(w.used == 40);
}

static void test_worth_telling(void **state)
{
    rill_receive_window w;

    (void)state;
    rill_receive_window_init(&w, 0, 100);
    assert_true(rill_receive_window_worth_telling(&w, 100));
    assert_false(rill_receive_window_worth_telling(&w, 101));
    (void)rill_receive_window_advertise(&w);
    assert_false(rill_receive_window_worth_telling(&w, 0));
    assert_true(rill_receive_window_set(&w, 110));
    assert_true(rill_receive_window_worth_telling(&w, 10));
    assert_false(rill_receive_window_worth_telling(&w, 11));
}

static void test_a_receive_buffer_grows_while_it_holds_back(void **state)
{
    rill_receive_tuning t;

    (void)state;
    rill_receive_tuning_init(&t, 1000, 5);
    assert_true(rill_receive_tune(&t, 499, 6, RILL_MS, 3000) == 1000);
    assert_true(rill_receive_tune(&t, 500, 7, RILL_MS, 3000) == 2000);
    assert_true(rill_receive_tune(&t, 1500, 8, RILL_MS, 3000) == 3000);
    assert_true(rill_receive_tune(&t, 3000, 9, RILL_MS, 3000) == 3000);
    /* Slowly: it is not what holds the sender back. */
    rill_receive_tuning_init(&t, 1000, 5);
    assert_true(rill_receive_tune(&t, 900, 5 * RILL_MS, RILL_MS, 3000) == 1000);
    /* A limit below what it is leaves it alone. */
    assert_true(rill_receive_tune(&t, 1800, 5 * RILL_MS, RILL_MS, 10) == 1000);
    /* Half of an odd number is the larger one. */
    rill_receive_tuning_init(&t, 1001, 5);
    assert_true(rill_receive_tune(&t, 500, 6, RILL_MS, 3000) == 1001);
    assert_true(rill_receive_tune(&t, 501, 7, RILL_MS, 3000) == 2002);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_send_window_only_rises),
        cmocka_unit_test(test_what_is_used_saturates),
        cmocka_unit_test(test_a_receive_window_keeps_its_word),
        cmocka_unit_test(test_used_is_the_highest),
        cmocka_unit_test(test_worth_telling),
        cmocka_unit_test(test_a_receive_buffer_grows_while_it_holds_back),
    };
    return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
