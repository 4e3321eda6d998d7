/* SPDX-License-Identifier: Apache-2.0 */
#include "congestion_fixture.h"

#define FIRST 64u /* packets of the first window */

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
    assert_int_equal(rill_congestion_packets(c), FIRST);
    assert_true(rill_congestion_value(c) == UINT64_MAX);
    rounds(c, &now, 1, 5);
    assert_int_equal(rill_congestion_packets(c), 2 * FIRST);
    rounds(c, &now, 5, 5);
    assert_int_equal(rill_congestion_packets(c), 300);
    assert_true(c->trip.smoothed == RTT && c->trip.least == RTT);
    assert_true(c->value.in_flight == 0 && c->packets.in_flight == 0);
    end(c);
}

static void test_a_window_that_is_not_used_does_not_grow(void **state)
{
    rill_congestion *c = new_congestion(300);

    (void)state;
    for (uint64_t now = 0; now < 100 * RTT; now += RTT) {
        send(c, now, 20, 1);
        deliver(c, now + RTT, now, 20, 1);
    }
    assert_int_equal(rill_congestion_packets(c), FIRST);
    end(c);
}

static void test_refusals_leave_what_passed(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    send(c, now, FIRST, 1);
    deliver(c, now + RTT, now, FIRST - 12, 1);
    for (uint32_t i = 0; i < 12; i++)
        rill_congestion_refused(c, now + RTT + i, now, 1, RILL_SIGNAL_PACKETS);
    /* Its size by then: less a twentieth, and less what was refused. */
    uint32_t grown = 2 * FIRST - 12;
    assert_int_equal(rill_congestion_window(c), grown - grown / 20 - 12);
    assert_int_equal(c->packets.in_flight, 0);
    assert_true(c->value.not_before == 0);
    /* From then on it grows: by one, two, four, ... a round trip. */
    now += 3 * RTT;
    uint32_t window = rill_congestion_window(c);
    for (uint32_t step = 1; step <= 8; step *= 2) {
        send(c, now, rill_congestion_window(c), 1);
        deliver(c, now + RTT, now, c->packets.in_flight, 1);
        now += RTT + 1;
        assert_in_range(rill_congestion_window(c), window + step / 2, window + step);
        window = rill_congestion_window(c);
    }
    end(c);
}

static void test_it_is_paced_once_it_is_limited(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    send(c, now, FIRST, 1);
    assert_true(c->packets.not_before == 0);
    deliver(c, now + RTT, now, FIRST - 1, 1);
    rill_congestion_refused(c, now + RTT, now, 1, RILL_SIGNAL_PACKETS);
    now += 2 * RTT;
    uint64_t start = now;
    for (uint32_t i = 0; i < rill_congestion_window(c); i++) {
        send(c, now, 1, 1);
        if (c->packets.not_before > now)
            now = c->packets.not_before;
    }
    /* A window within a round trip, and not much sooner. */
    assert_in_range(now - start, RTT * 3 / 4, RTT);
    end(c);
}

static void test_accidents_are_borne_and_floods_are_not(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    /* One in ten, always. */
    for (uint32_t round = 0; round < 20; round++) {
        uint32_t packets = rill_congestion_packets(c);
        send(c, now, packets, 1);
        for (uint32_t i = 0; i < packets; i++)
            if (i % 10 == 9)
                rill_congestion_refused(c, now + RTT, now, 1, RILL_SIGNAL_FAILED);
            else
                deliver(c, now + RTT, now, 1, 1);
        now += RTT + 1;
    }
    assert_true(rill_congestion_window(c) > 500);
    /* Half of them, suddenly. */
    uint32_t before = rill_congestion_window(c);
    send(c, now, before, 1);
    for (uint32_t i = 0; i < before; i++)
        if (i % 2 == 0)
            rill_congestion_refused(c, now + RTT, now, 1, RILL_SIGNAL_LOST);
        else
            deliver(c, now + RTT, now, 1, 1);
    assert_true(rill_congestion_window(c) < before * 3 / 4);
    end(c);
}

static void test_a_queue_is_left(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    rounds(c, &now, 2, 1);
    uint32_t before = rill_congestion_window(c);
    uint32_t packets = rill_congestion_packets(c);
    send(c, now, packets, 1);
    deliver(c, now + 2 * RTT, now, packets, 1);
    assert_true(rill_congestion_window(c) <= before && rill_congestion_window(c) >= before / 2);
    assert_true(c->trip.least == RTT);
    end(c);
}

static void test_a_longer_path_is_no_queue(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    rounds(c, &now, 2, 1);
    for (unsigned i = 0; i < 12 && c->trip.least == RTT; i++) {
        uint32_t packets = rill_congestion_packets(c);
        send(c, now, packets, 1);
        deliver(c, now + 3 * RTT, now, packets, 1);
        now += 3 * RTT + 1;
    }
    assert_true(c->trip.least == 3 * RTT);
    assert_true(rill_congestion_window(c) >= 128);
    end(c);
}

static void test_packets_without_money(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, RTT, 2, 0);
    deliver(c, 2 * RTT, RTT, 1, 0);
    rill_congestion_refused(c, 2 * RTT, RTT, 0, RILL_SIGNAL_VALUE);
    assert_true(c->value.window == UINT64_MAX && rill_congestion_window(c) < FIRST);
    end(c);
}

static void test_what_was_lost_may_be_found(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    assert_true(rill_congestion_patience(c) == 3 * RILL_SECOND);
    send(c, 0, 2, 100);
    deliver(c, RTT, 0, 1, 100);
    assert_true(rill_congestion_patience(c) >= RTT + 200 * RILL_MS);
    rill_congestion_refused(c, 4 * RTT, 0, 100, RILL_SIGNAL_LOST);
    assert_true(c->packets.in_flight == 0 && c->value.in_flight == 0);
    rill_congestion_readmit(c, 100);
    assert_true(c->packets.in_flight == 1 && c->value.in_flight == 100);
    deliver(c, 5 * RTT, 0, 1, 100);
    assert_true(c->packets.in_flight == 0 && c->value.in_flight == 0);
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
        if (c->value.not_before > now)
            now = c->value.not_before;
        uint64_t value = rill_congestion_value(c);
        assert_true(rill_congestion_window(c) >= 1 && rill_congestion_window(c) <= 64);
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
            rill_congestion_neutral(c, amount);
            break;
        default:
            rill_congestion_refused(c, now, sent, amount,
                                    (rill_congestion_signal)((seed >> 60) % 5));
        }
        assert_true(c->packets.in_flight == 0 && c->value.in_flight == 0);
        assert_true(c->value.not_before <= now + 5 * RILL_SECOND);
    }
    end(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_start_doubles_up_to_the_maximum),
        cmocka_unit_test(test_a_window_that_is_not_used_does_not_grow),
        cmocka_unit_test(test_refusals_leave_what_passed),
        cmocka_unit_test(test_it_is_paced_once_it_is_limited),
        cmocka_unit_test(test_accidents_are_borne_and_floods_are_not),
        cmocka_unit_test(test_a_queue_is_left),
        cmocka_unit_test(test_a_longer_path_is_no_queue),
        cmocka_unit_test(test_packets_without_money),
        cmocka_unit_test(test_what_was_lost_may_be_found),
        cmocka_unit_test(test_it_never_stops),
    };
    return cmocka_run_group_tests_name("congestion", tests, NULL, NULL);
}
