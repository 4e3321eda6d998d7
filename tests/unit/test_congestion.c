/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/congestion.h"

#define RTT (100 * RILL_MS)

static rill_congestion *new_congestion(uint32_t max_packets)
{
    rill_congestion *c =
        rill_congestion_new(rill_allocator_default(), &rill_congestion_window, max_packets);

    assert_non_null(c);
    return c;
}

static void end(rill_congestion *c)
{
    rill_congestion_free(rill_allocator_default(), c);
}

static void send(rill_congestion *c, uint64_t now, uint32_t count, uint64_t amount)
{
    for (uint32_t i = 0; i < count; i++)
        c->ops->on_sent(c, now, amount);
}

static void deliver(rill_congestion *c, uint64_t now, uint64_t sent, uint32_t count,
                    uint64_t amount)
{
    for (uint32_t i = 0; i < count; i++)
        c->ops->on_delivered(c, now, sent, amount, false);
}

/* Rounds of full windows. */
static void rounds(rill_congestion *c, uint64_t *now, unsigned count, uint64_t amount)
{
    for (unsigned i = 0; i < count; i++) {
        uint32_t packets = rill_congestion_packets(c);
        send(c, *now, packets, amount);
        assert_int_equal(rill_congestion_packets(c), 0);
        deliver(c, *now + RTT, *now, packets, amount);
        *now += RTT;
    }
}

static void test_slow_start_doubles_up_to_the_maximum(void **state)
{
    rill_congestion *c = new_congestion(300);
    uint64_t now = 0;

    (void)state;
    assert_int_equal(rill_congestion_packets(c), 32);
    assert_true(rill_congestion_value(c) == UINT64_MAX);
    rounds(c, &now, 1, 5);
    assert_int_equal(rill_congestion_packets(c), 64);
    rounds(c, &now, 5, 5);
    assert_int_equal(rill_congestion_packets(c), 300);
    assert_true(c->smoothed_rtt == RTT && c->min_rtt == RTT);
    assert_true(c->value_in_flight == 0 && c->packets_in_flight == 0);
    end(c);
}

static void test_a_window_that_is_not_used_does_not_grow(void **state)
{
    rill_congestion *c = new_congestion(300);

    (void)state;
    for (uint64_t now = 0; now < 100 * RTT; now += RTT) {
        send(c, now, 31, 1);
        deliver(c, now + RTT, now, 31, 1);
    }
    assert_int_equal(rill_congestion_packets(c), 32);
    send(c, 0, 32, 1);
    for (uint32_t i = 0; i < 32; i++)
        c->ops->on_delivered(c, RTT, 0, 1, true);
    assert_int_equal(rill_congestion_packets(c), 32);
    end(c);
}

static void test_one_decrease_a_round_trip(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    send(c, now, 32, 1);
    for (uint32_t i = 0; i < 32; i++)
        c->ops->on_signal(c, now + RTT + i, now, 1, RILL_SIGNAL_PACKETS);
    assert_int_equal(c->packet_window, 22);
    assert_int_equal(c->packets_in_flight, 0);
    assert_true(c->not_before == 0);
    /* From then on it grows by one a round trip. */
    now += 2 * RTT;
    rounds(c, &now, 3, 1);
    assert_int_equal(c->packet_window, 25);
    send(c, now, 1, 1);
    c->ops->on_signal(c, now + RTT, now, 1, RILL_SIGNAL_LOST);
    assert_int_equal(c->packet_window, 17);
    send(c, now + RTT, 1, 1);
    c->ops->on_signal(c, now + 2 * RTT, now + RTT, 1, RILL_SIGNAL_LATE);
    assert_int_equal(c->packet_window, 11);
    end(c);
}

static void test_at_the_smallest_window_money_waits(void **state)
{
    rill_congestion *c = new_congestion(1);
    uint64_t now = RILL_SECOND;
    uint64_t wait = 0;

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(rill_congestion_packets(c), 1);
        send(c, now, 1, 7);
        c->ops->on_signal(c, now, now, 7, RILL_SIGNAL_PACKETS);
        assert_true(c->not_before > now);
        uint64_t next = c->not_before - now;
        assert_true(next == (i == 0                   ? 10 * RILL_MS
                             : wait * 2 < RILL_SECOND ? wait * 2
                                                      : RILL_SECOND));
        wait = next;
        now = c->not_before;
    }
    send(c, now, 1, 7);
    deliver(c, now + RTT, now, 1, 7);
    assert_true(c->not_before == 0);
    send(c, now, 1, 7);
    c->ops->on_signal(c, now, now, 7, RILL_SIGNAL_PACKETS);
    assert_true(c->not_before == now + RTT); /* a round trip, now that it is known */
    end(c);
}

static void test_a_lost_packet_at_the_smallest_window_does_not_wait(void **state)
{
    rill_congestion *c = new_congestion(1);

    (void)state;
    send(c, 0, 1, 7);
    c->ops->on_signal(c, 30 * RILL_SECOND, 0, 7, RILL_SIGNAL_LOST);
    assert_true(c->not_before == 0 && rill_congestion_packets(c) == 1);
    end(c);
}

static void test_value_is_limited_by_what_was_in_flight(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 10, 100);
    assert_true(rill_congestion_value(c) == UINT64_MAX - 1000);
    c->ops->on_signal(c, RTT, 0, 100, RILL_SIGNAL_VALUE);
    assert_true(c->value_window == 700 && c->value_in_flight == 900);
    assert_true(rill_congestion_value(c) == 0);
    assert_int_equal(c->packet_window, 32);
    /* The rest of the same flight: some arrive, some do not. */
    deliver(c, RTT, 0, 4, 100);
    for (unsigned i = 0; i < 5; i++)
        c->ops->on_signal(c, RTT + 1, 0, 100, RILL_SIGNAL_VALUE);
    assert_true(c->value_window == 700 && c->not_before == 0);
    assert_true(rill_congestion_value(c) == 700);
    end(c);
}

static void test_value_grows_in_proportion_and_is_forgotten(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    send(c, 0, 10, 100);
    deliver(c, RTT, 0, 5, 100);
    c->ops->on_signal(c, now, 0, 100, RILL_SIGNAL_VALUE);
    c->ops->on_neutral(c, now, 0, 100);
    c->ops->on_neutral(c, now, 0, 100);
    c->ops->on_neutral(c, now, 0, 100);
    c->ops->on_neutral(c, now, 0, 100);
    assert_true(c->value_window == 350 && c->value_in_flight == 0);
    for (unsigned i = 0; i < 8; i++) {
        uint64_t window = c->value_window;
        uint32_t packets = (uint32_t)(window / 50);
        send(c, now, packets, 50);
        deliver(c, now + RTT, now, packets, 50);
        now += RTT;
        assert_in_range(c->value_window, window + 1, window + window / 8);
    }
    uint64_t window = c->value_window;
    /* Little is sent: for a second the limit stays, later it is no longer believed. */
    send(c, now, 1, 5);
    deliver(c, now + RTT, now, 1, 5);
    assert_true(c->value_window == window);
    now += 2 * RILL_SECOND;
    send(c, now, 1, 5);
    deliver(c, now + RTT, now, 1, 5);
    assert_true(c->value_window == UINT64_MAX);
    end(c);
}

static void test_a_single_packet_that_is_too_much(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RILL_SECOND;
    uint64_t amount = UINT64_MAX;

    (void)state;
    for (unsigned i = 0; i < 80; i++) {
        send(c, now, 1, amount);
        assert_true(rill_congestion_value(c) == 0 || amount <= 1);
        c->ops->on_signal(c, now, now, amount, RILL_SIGNAL_VALUE);
        assert_true(c->not_before > now && c->not_before <= now + RILL_SECOND);
        now = c->not_before;
        uint64_t next = rill_congestion_value(c);
        assert_true(next == (amount / 2 > 0 ? amount / 2 : 1));
        amount = next;
    }
    assert_true(amount == 1);
    /* Money passes again: it grows fast. */
    for (unsigned i = 0; i < 64; i++) {
        amount = rill_congestion_value(c);
        send(c, now, 1, amount);
        deliver(c, now + RTT, now, 1, amount);
        now += RTT;
        assert_true(c->not_before == 0);
    }
    assert_true(rill_congestion_value(c) > 1000000000);
    end(c);
}

static void test_a_whole_flight_that_is_too_much(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 10, 100);
    for (unsigned i = 0; i < 10; i++)
        c->ops->on_signal(c, RTT + i, 0, 100, RILL_SIGNAL_VALUE);
    assert_true(c->value_window == 50);
    assert_true(c->not_before == RTT + 9 + 10 * RILL_MS);
    end(c);
}

static void test_packets_without_money(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 1, 1000);
    c->ops->on_signal(c, RTT, 0, 1000, RILL_SIGNAL_VALUE);
    uint64_t not_before = c->not_before;
    assert_true(not_before > 0);
    send(c, RTT, 2, 0);
    deliver(c, 2 * RTT, RTT, 1, 0);
    assert_true(c->not_before == not_before); /* says nothing about money */
    c->ops->on_signal(c, 2 * RTT, RTT, 0, RILL_SIGNAL_VALUE);
    assert_true(c->value_window == 500 && c->packet_window == 22);
    end(c);
}

static void test_more_value_than_fits_is_never_offered(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 1, UINT64_MAX - 10);
    assert_true(rill_congestion_value(c) == 10);
    send(c, 0, 1, 10);
    assert_true(rill_congestion_value(c) == 0);
    deliver(c, RTT, 0, 1, UINT64_MAX - 10);
    assert_true(c->value_in_flight == 10);
    end(c);
}

/* Whatever the path answers, money may always go after not_before. */
static void test_it_never_stops(void **state)
{
    uint64_t seed = 0x9e3779b97f4a7c15;
    rill_congestion *c = new_congestion(64);
    uint64_t now = 1;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        seed = seed * 6364136223846793005 + 1442695040888963407;
        if (c->not_before > now)
            now = c->not_before;
        uint64_t value = rill_congestion_value(c);
        assert_true(c->packet_window >= 1 && c->packet_window <= 64);
        assert_true(value >= 1 && rill_congestion_packets(c) >= 1);
        uint64_t amount = value >> (seed >> 32) % 64;
        send(c, now, 1, amount);
        uint64_t sent = now;
        now += (seed >> 40) % RILL_MS;
        switch ((seed >> 60) % 6) {
        case 0:
            deliver(c, now, sent, 1, amount);
            break;
        case 1:
            c->ops->on_neutral(c, now, sent, amount);
            break;
        default:
            c->ops->on_signal(c, now, sent, amount, (rill_congestion_signal)((seed >> 60) % 4));
        }
        assert_true(c->packets_in_flight == 0 && c->value_in_flight == 0);
        assert_true(c->not_before <= now + RILL_SECOND);
    }
    end(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_start_doubles_up_to_the_maximum),
        cmocka_unit_test(test_a_window_that_is_not_used_does_not_grow),
        cmocka_unit_test(test_one_decrease_a_round_trip),
        cmocka_unit_test(test_at_the_smallest_window_money_waits),
        cmocka_unit_test(test_a_lost_packet_at_the_smallest_window_does_not_wait),
        cmocka_unit_test(test_value_is_limited_by_what_was_in_flight),
        cmocka_unit_test(test_value_grows_in_proportion_and_is_forgotten),
        cmocka_unit_test(test_a_single_packet_that_is_too_much),
        cmocka_unit_test(test_a_whole_flight_that_is_too_much),
        cmocka_unit_test(test_packets_without_money),
        cmocka_unit_test(test_more_value_than_fits_is_never_offered),
        cmocka_unit_test(test_it_never_stops),
    };
    return cmocka_run_group_tests_name("congestion", tests, NULL, NULL);
}
