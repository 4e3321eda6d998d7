/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the other side is there: first words, signs of life, and silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/contact.h"

static rill_contact k;
static rill_connection_options o;

static int setup(void **state)
{
    (void)state;
    rill_connection_options_init(&o);
    o.connect_timeout_ns = 30 * RILL_SECOND;
    o.idle_timeout_ns = 60 * RILL_SECOND;
    rill_contact_init(&k, 100 * RILL_SECOND);
    return 0;
}

static void test_nobody_waits_before_the_first_packet(void **state)
{
    (void)state;
    assert_int_equal(rill_contact_connect_deadline(&k, &o), RILL_NEVER);
    assert_int_equal(rill_contact_hello_deadline(&k), RILL_NEVER);
    rill_contact_sent(&k, 101 * RILL_SECOND);
    rill_contact_sent(&k, 105 * RILL_SECOND);
    assert_int_equal(rill_contact_connect_deadline(&k, &o), 131 * RILL_SECOND);
    assert_int_equal(rill_contact_hello_deadline(&k), 108 * RILL_SECOND);
    rill_contact_hello(&k, 108 * RILL_SECOND);
    assert_int_equal(rill_contact_hello_deadline(&k), 109 * RILL_SECOND);
}

static void test_the_first_word_ends_that(void **state)
{
    (void)state;
    rill_contact_sent(&k, 101 * RILL_SECOND);
    assert_true(rill_contact_heard(&k, 102 * RILL_SECOND));
    assert_false(rill_contact_heard(&k, 103 * RILL_SECOND));
    assert_int_equal(rill_contact_connect_deadline(&k, &o), RILL_NEVER);
    assert_int_equal(rill_contact_hello_deadline(&k), RILL_NEVER);
    assert_int_equal(rill_contact_idle_deadline(&k, &o), 163 * RILL_SECOND);
}

static void test_a_payment_has_its_time(void **state)
{
    (void)state;
    rill_contact_spare(&k, 500 * RILL_SECOND);
    rill_contact_spare(&k, 400 * RILL_SECOND);
    assert_int_equal(rill_contact_idle_deadline(&k, &o), 500 * RILL_SECOND);
    o.idle_timeout_ns = 0;
    assert_int_equal(rill_contact_idle_deadline(&k, &o), RILL_NEVER);
}

/* A third of what is silence, but not more often than once a second, nor less than every 15 s. */
static void test_signs_of_life(void **state)
{
    (void)state;
    assert_int_equal(rill_contact_alive_deadline(&k, &o), RILL_NEVER);
    assert_true(rill_contact_heard(&k, 100 * RILL_SECOND));
    assert_int_equal(rill_contact_alive_deadline(&k, &o), 115 * RILL_SECOND);
    o.idle_timeout_ns = 30 * RILL_SECOND;
    assert_int_equal(rill_contact_alive_deadline(&k, &o), 110 * RILL_SECOND);
    o.idle_timeout_ns = RILL_SECOND;
    assert_int_equal(rill_contact_alive_deadline(&k, &o), 101 * RILL_SECOND);
    k.alive_at = 104 * RILL_SECOND;
    assert_int_equal(rill_contact_alive_deadline(&k, &o), 105 * RILL_SECOND);
}

static void test_a_stopped_process_gives_a_moment(void **state)
{
    (void)state;
    rill_contact_sent(&k, 101 * RILL_SECOND);
    rill_contact_look_around(&k, &o, 1000 * RILL_SECOND);
    assert_int_equal(rill_contact_idle_deadline(&k, &o), 1020 * RILL_SECOND);
    assert_int_equal(rill_contact_connect_deadline(&k, &o), 1020 * RILL_SECOND);
    /* Not more than it would have had. */
    setup(state);
    o.idle_timeout_ns = 2 * RILL_SECOND;
    rill_contact_look_around(&k, &o, 1000 * RILL_SECOND);
    assert_int_equal(rill_contact_idle_deadline(&k, &o), 1002 * RILL_SECOND);
}

static void test_final_errors_are_counted(void **state)
{
    (void)state;
    assert_false(rill_contact_final_error(&k, RILL_ERR_PATH));
    assert_false(rill_contact_final_error(&k, RILL_ERR_PATH));
    assert_true(rill_contact_final_error(&k, RILL_ERR_PATH));
    /* A clock may be set right, and a path that worked may work again. */
    setup(state);
    for (int i = 0; i < 7; i++)
        assert_false(rill_contact_final_error(&k, RILL_ERR_CLOCK));
    assert_true(rill_contact_final_error(&k, RILL_ERR_CLOCK));
    setup(state);
    assert_true(rill_contact_heard(&k, 101 * RILL_SECOND));
    for (int i = 0; i < 7; i++)
        assert_false(rill_contact_final_error(&k, RILL_ERR_PATH));
    rill_contact_answered(&k);
    assert_false(rill_contact_final_error(&k, RILL_ERR_PATH));
}

static void test_who_is_forgotten_asks_for_a_while(void **state)
{
    (void)state;
    assert_false(rill_contact_forgotten(&k, 200 * RILL_SECOND));
    assert_false(rill_contact_forgotten(&k, 202 * RILL_SECOND));
    rill_contact_answered(&k);
    assert_false(rill_contact_forgotten(&k, 204 * RILL_SECOND));
    assert_true(rill_contact_forgotten(&k, 207 * RILL_SECOND));
}

static void test_errors_have_words(void **state)
{
    (void)state;
    assert_int_equal(rill_contact_failure(&k), RILL_ERR_TIMEOUT);
    k.last_failure = RILL_ERR_UNREACHABLE;
    assert_int_equal(rill_contact_failure(&k), RILL_ERR_UNREACHABLE);
    assert_string_not_equal(rill_contact_error_text(RILL_ERR_UNREACHABLE),
                            rill_contact_error_text(RILL_ERR_AUTH));
    assert_non_null(strstr(rill_contact_error_text(RILL_ERR_CLOCK), "clock"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_nobody_waits_before_the_first_packet, setup),
        cmocka_unit_test_setup(test_the_first_word_ends_that, setup),
        cmocka_unit_test_setup(test_a_payment_has_its_time, setup),
        cmocka_unit_test_setup(test_signs_of_life, setup),
        cmocka_unit_test_setup(test_a_stopped_process_gives_a_moment, setup),
        cmocka_unit_test_setup(test_final_errors_are_counted, setup),
        cmocka_unit_test_setup(test_who_is_forgotten_asks_for_a_while, setup),
        cmocka_unit_test_setup(test_errors_have_words, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
