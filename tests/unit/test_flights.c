/* SPDX-License-Identifier: Apache-2.0 */
/* The Prepares of a connection: out, aside, lost, and counted once each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/flights.h"

static rill_flights fs;
static rill_flight f[4];

static int setup(void **state)
{
    (void)state;
    memset(f, 0, sizeof f);
    rill_flights_init(&fs);
    for (unsigned i = 0; i < 4; i++) {
        rill_list_init(&f[i].node);
        f[i].sent_ns = i;
        f[i].expires_ns = 100 + i;
        rill_flights_add(&fs, &f[i]);
    }
    return 0;
}

static void counts(uint32_t all, uint32_t awaited, uint32_t doubt, uint32_t lost)
{
    assert_int_equal(fs.count, all);
    assert_int_equal(rill_flights_awaited(&fs), awaited);
    assert_int_equal(fs.doubt_count, doubt);
    assert_int_equal(fs.lost_count, lost);
}

static void test_the_first_is_waited_for_longest(void **state)
{
    (void)state;
    counts(4, 4, 0, 0);
    assert_ptr_equal(rill_flights_first(&fs.out), &f[0]);
    assert_null(rill_flights_first(&fs.aside));
    assert_int_equal(rill_flights_last_expiry(&fs), 103);
    rill_flights_remove(&fs, &f[0]);
    rill_flights_remove(&fs, &f[3]);
    counts(2, 2, 0, 0);
    assert_ptr_equal(rill_flights_first(&fs.out), &f[1]);
    assert_int_equal(rill_flights_last_expiry(&fs), 102);
    rill_flights_remove(&fs, &f[1]);
    rill_flights_remove(&fs, &f[2]);
    assert_int_equal(rill_flights_last_expiry(&fs), RILL_NEVER);
}

static void test_aside_is_by_expiry(void **state)
{
    (void)state;
    rill_flights_overdue(&fs, &f[2]);
    rill_flights_overdue(&fs, &f[0]);
    rill_flights_doubt(&fs, &f[1]);
    counts(4, 1, 1, 0);
    assert_ptr_equal(rill_flights_first(&fs.aside), &f[0]);
    rill_flights_remove(&fs, &f[0]);
    assert_ptr_equal(rill_flights_first(&fs.aside), &f[1]);
    /* It is back among those that are awaited, until its outcome takes it out. */
    assert_true(rill_flights_found(&fs, &f[2]));
    assert_false(rill_flights_found(&fs, &f[2]));
    counts(3, 2, 1, 0);
    rill_flights_remove(&fs, &f[2]);
    counts(2, 1, 1, 0);
}

static void test_what_is_lost_is_neither_late_nor_awaited(void **state)
{
    (void)state;
    rill_flights_overdue(&fs, &f[0]);
    rill_flights_doubt(&fs, &f[0]);
    rill_flights_doubt(&fs, &f[1]);
    rill_flights_lost(&fs, &f[0]);
    assert_false(f[0].overdue);
    counts(4, 2, 2, 1);
    assert_ptr_equal(rill_flights_first(&fs.lost), &f[0]);
    assert_ptr_equal(rill_flights_first(&fs.aside), &f[1]);
    rill_flights_resolve(&fs, &f[0]);
    counts(3, 2, 1, 0);
    assert_null(rill_flights_first(&fs.lost));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_the_first_is_waited_for_longest, setup),
        cmocka_unit_test_setup(test_aside_is_by_expiry, setup),
        cmocka_unit_test_setup(test_what_is_lost_is_neither_late_nor_awaited, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
