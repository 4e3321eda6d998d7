/* SPDX-License-Identifier: Apache-2.0 */
/* The time from one packet to the next, where a window of packets is too coarse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/path/packet_gap.h"

#define RTT (100 * RILL_MS)

static void test_a_gap_is_for_few_packets(void **state)
{
    (void)state;
    assert_true(rill_packet_gap_is_finer(RTT, 1));
    assert_true(rill_packet_gap_is_finer(0, 1)); /* a packet at a time, whatever the path */
    assert_true(rill_packet_gap_is_finer(RTT, 11));
    assert_false(rill_packet_gap_is_finer(RTT, 12));
    assert_false(rill_packet_gap_is_finer(RTT, 4096));
    /* Nobody waits for so short a time. */
    assert_false(rill_packet_gap_is_finer(RILL_MS / 100, 2));
}

static void test_it_begins_as_the_window_was(void **state)
{
    rill_packet_gap g = {0};
    (void)state;
    rill_packet_gap_begin(&g, 5, RTT, 4);
    assert_true(g.ns == RTT / 4);
    assert_int_equal(rill_packet_gap_window(&g, RTT), 4);
    assert_int_equal(rill_packet_gap_window(&g, RTT / 10), 1); /* one at least */
    rill_packet_gap_begin(&g, 5, 1, 1);
    assert_true(g.ns == RILL_MS / 100);
    rill_packet_gap_begin(&g, 5, 100 * RILL_SECOND, 1);
    assert_true(g.ns == RILL_SECOND);
}

/* A sixteenth, then an eighth, a quarter, and a half as long as nothing passes. */
static void test_refusals_in_a_row_count_more(void **state)
{
    rill_packet_gap g = {0};
    (void)state;
    rill_packet_gap_begin(&g, 0, 16 * RILL_MS, 1);
    static const unsigned part[] = {16, 8, 4, 2, 2, 2};
    for (unsigned i = 0; i < sizeof part / sizeof *part; i++) {
        uint64_t before = g.ns;
        rill_packet_gap_refused(&g, i);
        assert_true(g.ns == before + before / part[i]);
        assert_true(g.refused_at == i);
    }
    rill_packet_gap_passed(&g, 100, 99, RTT, false);
    uint64_t before = g.ns;
    rill_packet_gap_refused(&g, 100);
    assert_true(g.ns == before + before / 16);
    for (unsigned i = 0; i < 100; i++)
        rill_packet_gap_refused(&g, 100);
    assert_true(g.ns == RILL_SECOND); /* and no longer */
}

/* A rate grows by one packet a second for each second, at first, whatever it is. */
static void test_what_passes_makes_it_shorter(void **state)
{
    rill_packet_gap g = {0};
    uint64_t now = RILL_SECOND;
    (void)state;
    rill_packet_gap_begin(&g, now, RTT, 1);
    rill_packet_gap_passed(&g, now, now, RTT, true);
    /* 10 a second, and a tenth of a second later 10.1 */
    assert_true(g.ns > RTT - RTT / 90 && g.ns < RTT - RTT / 110);
    uint64_t before = g.ns;
    rill_packet_gap_passed(&g, now, now - 1, RTT, true); /* it left before one was refused */
    assert_true(g.ns == before);
    rill_packet_gap_passed(&g, now, now, RTT, false); /* it could have left sooner */
    assert_true(g.ns == before);
    /* The step doubles with each tenth of a second without a refusal. */
    now += 300 * RILL_MS;
    rill_packet_gap_passed(&g, now, now, RTT, true);
    uint64_t step = RTT / 100; /* one a second more of ten: a hundredth, in a tenth of a second */
    assert_true(before - g.ns > 6 * step && before - g.ns < 9 * step);
}

static void test_it_ends_where_a_window_says_as_much(void **state)
{
    rill_packet_gap g = {0};
    uint64_t now = RILL_SECOND;
    unsigned steps = 0;
    (void)state;
    rill_packet_gap_begin(&g, now, RTT, 8);
    for (; g.ns != 0 && steps < 100; steps++) {
        assert_true(rill_packet_gap_window(&g, RTT) < 16);
        now += g.ns;
        rill_packet_gap_passed(&g, now, now, RTT, true);
    }
    assert_true(steps > 5 && steps < 100);
    assert_int_equal(rill_packet_gap_window(&g, RTT), 16);
    rill_packet_gap_passed(&g, now, now, RTT, true); /* it is over */
    assert_true(g.ns == 0);
}

static void test_another_window_is_another_gap(void **state)
{
    rill_packet_gap g = {0};
    (void)state;
    rill_packet_gap_scale(&g, 1, 2); /* there is none */
    assert_true(g.ns == 0);
    rill_packet_gap_begin(&g, 0, RTT, 4);
    rill_packet_gap_scale(&g, 2, 4);
    assert_true(g.ns == RTT / 2);
    rill_packet_gap_scale(&g, 1, 1000);
    assert_true(g.ns == RILL_SECOND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_gap_is_for_few_packets),
        cmocka_unit_test(test_it_begins_as_the_window_was),
        cmocka_unit_test(test_refusals_in_a_row_count_more),
        cmocka_unit_test(test_what_passes_makes_it_shorter),
        cmocka_unit_test(test_it_ends_where_a_window_says_as_much),
        cmocka_unit_test(test_another_window_is_another_gap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
