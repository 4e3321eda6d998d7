/* SPDX-License-Identifier: Apache-2.0 */
/* Answers that wait: in their order, and no longer than their connection. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "web/waiting.h"
#include <cmocka.h>

static rill_web_connection one, other;
static rill_list line;

static int set_up(void **state)
{
    (void)state;
    rill_list_init(&one.requests);
    rill_list_init(&other.requests);
    rill_list_init(&line);
    return 0;
}

static void test_in_order(void **state)
{
    (void)state;
    static const uint64_t orders[] = {5, 3, 5, 9, 3, 1};
    static const uint64_t handles[] = {5, 1, 4, 0, 2, 3}; /* as they are due */
    rill_web_waiting w[6];
    for (size_t i = 0; i < 6; i++)
        rill_web_wait(&w[i], i % 2 == 0 ? &one : &other, i, &line, orders[i]);
    assert_null(rill_web_first_waiting(&line, 0));
    for (size_t i = 0; i < 6; i++) {
        rill_web_waiting *first = rill_web_first_waiting(&line, UINT64_MAX);
        assert_int_equal(first->handle, handles[i]);
        assert_ptr_equal(first, rill_web_first_waiting(&line, first->order));
        assert_null(rill_web_first_waiting(&line, first->order - 1));
        rill_web_stop_waiting(first);
    }
    assert_null(rill_web_first_waiting(&line, UINT64_MAX));
    assert_null(rill_web_any_waiting(&one));
    assert_null(rill_web_any_waiting(&other));
}

static void test_on_its_connection(void **state)
{
    (void)state;
    rill_web_waiting w[3];
    rill_web_wait(&w[0], &one, 7, &line, 1);
    rill_web_wait(&w[1], &one, 8, NULL, 0); /* in no line */
    rill_web_wait(&w[2], &other, 7, &line, 1);
    assert_ptr_equal(rill_web_find_waiting(&one, 8), &w[1]);
    assert_ptr_equal(rill_web_find_waiting(&other, 7), &w[2]);
    assert_null(rill_web_find_waiting(&other, 8));
    unsigned count = 0;
    for (rill_web_waiting *any; (any = rill_web_any_waiting(&one)) != NULL; count++)
        rill_web_stop_waiting(any);
    assert_int_equal(count, 2);
    assert_ptr_equal(rill_web_first_waiting(&line, 1), &w[2]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_in_order, set_up),
        cmocka_unit_test_setup(test_on_its_connection, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
