/* SPDX-License-Identifier: Apache-2.0 */
/* Where few packets may be in flight, they fill a window of value all the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/path/congestion.h"

#define RTT (100 * RILL_MS)

static void window_grows(uint32_t most)
{
    rill_congestion *c =
        rill_congestion_new(rill_allocator_default(), &rill_congestion_window, most);
    uint64_t now = 2 * RTT;

    assert_non_null(c);
    c->ops->on_sent(c, 0, 1000000);
    c->ops->on_delivered(c, RTT, 0, 1000000, false);
    c->ops->on_sent(c, RTT, 1000000);
    c->ops->on_signal(c, now, RTT, 1000000, RILL_SIGNAL_VALUE);
    assert_true(c->not_before > now && rill_congestion_value(c) <= 1000000);
    uint64_t window = 0;
    for (unsigned round = 0; round < 16; round++) {
        uint64_t sent[16];
        uint32_t count = 0;
        now = now > c->not_before ? now : c->not_before;
        while (rill_congestion_packets(c) > 0 && rill_congestion_value(c) > 0 &&
               c->not_before <= now) {
            assert_true(count < most);
            sent[count] = rill_congestion_value(c);
            c->ops->on_sent(c, now, sent[count++]);
        }
        for (uint32_t i = 0; i < count; i++)
            c->ops->on_delivered(c, now + RTT, now, sent[i], false);
        now += RTT;
        window = round == 1 ? c->value_window : window;
    }
    assert_true(c->value_window > window);
    rill_congestion_free(rill_allocator_default(), c);
}

static void test_few_packets_fill_a_window_of_value(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 16; most++)
        window_grows(most);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_packets_fill_a_window_of_value),
    };
    return cmocka_run_group_tests_name("congestion, few packets", tests, NULL, NULL);
}
