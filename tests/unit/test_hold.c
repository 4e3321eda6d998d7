/* SPDX-License-Identifier: Apache-2.0 */
/* Waits between rounds of refusals. They double, up to a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rill/types.h>

#include "stream/path/hold.h"

static void test_each_round_waits_twice_as_long(void **state)
{
    static const uint64_t ms[] = {10, 20, 40, 80, 160, 320, 640, 1000, 1000};
    rill_hold h = {0};
    uint64_t now = RILL_SECOND;
    (void)state;
    for (unsigned i = 0; i < sizeof ms / sizeof *ms; i++) {
        assert_true(rill_hold_refused(&h, now, now));
        assert_int_equal(h.until - now, ms[i] * RILL_MS);
        assert_int_equal(h.rounds, i + 1);
        now = h.until;
    }
    rill_hold_end(&h);
    assert_int_equal(h.until, 0);
    assert_true(rill_hold_refused(&h, now, now));
    assert_int_equal(h.until - now, 10 * RILL_MS);
}

/* Many packets that left together are all refused: that is one round. */
static void test_packets_of_one_round_count_once(void **state)
{
    rill_hold h = {0};
    (void)state;
    assert_true(rill_hold_refused(&h, 1000, 5000));
    uint64_t until = h.until;
    assert_false(rill_hold_refused(&h, 1001, 6000));
    assert_false(rill_hold_refused(&h, 5000, 7000));
    assert_int_equal(h.until, until);
    assert_int_equal(h.rounds, 1);
    assert_true(rill_hold_refused(&h, 5001, 8000));
}

static void test_rounds_without_end(void **state)
{
    rill_hold h = {.rounds = UINT16_MAX};
    (void)state;
    assert_true(rill_hold_refused(&h, 0, 0));
    assert_int_equal(h.rounds, UINT16_MAX);
    assert_int_equal(h.until, RILL_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_round_waits_twice_as_long),
        cmocka_unit_test(test_packets_of_one_round_count_once),
        cmocka_unit_test(test_rounds_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
