/* SPDX-License-Identifier: Apache-2.0 */
#include "congestion_fixture.h"

#include "stream/path/congestion_limit.h"

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
    assert_true(c->smoothed_rtt == RTT && c->min_rtt == RTT);
    assert_true(c->value_in_flight == 0 && c->packets_in_flight == 0);
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
        c->ops->on_signal(c, now + RTT + i, now, 1, RILL_SIGNAL_PACKETS);
    /* What it had become by then: less a twentieth, and what was refused. */
    uint32_t grown = 2 * FIRST - 12;
    assert_int_equal(c->packet_window, grown - grown / 20 - 12);
    assert_int_equal(c->packets_in_flight, 0);
    assert_true(c->not_before == 0);
    /* From then on it grows: by one, two, four, ... a round trip. */
    now += 3 * RTT;
    uint32_t window = c->packet_window;
    for (uint32_t step = 1; step <= 8; step *= 2) {
        send(c, now, c->packet_window, 1);
        deliver(c, now + RTT, now, c->packets_in_flight, 1);
        now += RTT + 1;
        assert_in_range(c->packet_window, window + step / 2, window + step);
        window = c->packet_window;
    }
    end(c);
}

static void test_it_is_paced_once_it_is_limited(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    send(c, now, FIRST, 1);
    assert_true(c->paced_until == 0);
    deliver(c, now + RTT, now, FIRST - 1, 1);
    c->ops->on_signal(c, now + RTT, now, 1, RILL_SIGNAL_PACKETS);
    now += 2 * RTT;
    uint64_t start = now;
    for (uint32_t i = 0; i < c->packet_window; i++) {
        send(c, now, 1, 1);
        if (c->paced_until > now)
            now = c->paced_until;
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
                c->ops->on_signal(c, now + RTT, now, 1, RILL_SIGNAL_FAILED);
            else
                deliver(c, now + RTT, now, 1, 1);
        now += RTT + 1;
    }
    assert_true(c->packet_window > 500);
    /* Half of them, suddenly. */
    uint32_t before = c->packet_window;
    send(c, now, before, 1);
    for (uint32_t i = 0; i < before; i++)
        if (i % 2 == 0)
            c->ops->on_signal(c, now + RTT, now, 1, RILL_SIGNAL_LOST);
        else
            deliver(c, now + RTT, now, 1, 1);
    assert_true(c->packet_window < before * 3 / 4);
    end(c);
}

static void test_a_queue_is_left(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    rounds(c, &now, 2, 1);
    uint32_t before = c->packet_window;
    uint32_t packets = rill_congestion_packets(c);
    send(c, now, packets, 1);
    deliver(c, now + 2 * RTT, now, packets, 1);
    assert_true(c->packet_window <= before && c->packet_window >= before / 2);
    assert_true(c->min_rtt == RTT);
    end(c);
}

static void test_a_longer_path_is_no_queue(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    rounds(c, &now, 2, 1);
    for (unsigned i = 0; i < 12 && c->min_rtt == RTT; i++) {
        uint32_t packets = rill_congestion_packets(c);
        send(c, now, packets, 1);
        deliver(c, now + 3 * RTT, now, packets, 1);
        now += 3 * RTT + 1;
    }
    assert_true(c->min_rtt == 3 * RTT);
    assert_true(c->packet_window >= 128);
    end(c);
}

static void test_value_is_limited_by_what_passed(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 20, 100);
    assert_true(rill_congestion_value(c) == UINT64_MAX - 2000);
    deliver(c, RTT, 0, 4, 100);
    c->ops->on_signal(c, RTT, 0, 100, RILL_SIGNAL_VALUE);
    /* 1,600 were in flight: less a twentieth, and what was refused. */
    assert_true(c->value_window == 1600 - 80 - 100 && c->value_in_flight == 1500);
    assert_true(rill_congestion_value(c) == 0);
    /* The rest of the same flight. */
    for (unsigned i = 0; i < 15; i++)
        c->ops->on_signal(c, RTT + 1, 0, 100, RILL_SIGNAL_VALUE);
    assert_true(c->value_window == 800 && c->not_before == 0);
    /* In small pieces, that it can be spread; but none that is worth nothing. */
    assert_true(rill_congestion_value(c) == 800 / 16);
    c->least_piece = 70;
    c->ops->on_neutral(c, RTT + 2, RTT + 1, 0);
    send(c, RTT + 2, 1, 50);
    deliver(c, 2 * RTT, RTT + 2, 1, 50);
    assert_true(rill_congestion_value(c) == 70);
    end(c);
}

static void test_value_is_forgotten(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = 2 * RTT;

    (void)state;
    send(c, 0, 20, 100);
    c->ops->on_signal(c, RTT, 0, 100, RILL_SIGNAL_VALUE);
    deliver(c, RTT, 0, 19, 100);
    uint64_t window = c->value_window;
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
    /* The size is searched without waiting. */
    for (unsigned i = 0; i < 8; i++) {
        send(c, now, 1, amount);
        c->ops->on_signal(c, now + RTT, now, amount, RILL_SIGNAL_VALUE);
        now += RTT;
        assert_true(c->not_before == 0);
        uint64_t next = rill_congestion_value(c);
        assert_true(next < amount);
        amount = next;
    }
    /* Money passes: it grows fast. */
    for (unsigned i = 0; i < 40; i++) {
        amount = rill_congestion_value(c);
        for (uint64_t v = amount; v > 0; v = rill_congestion_value(c))
            send(c, now, 1, v);
        deliver(c, now + RTT, now, c->packets_in_flight, amount);
        now += RTT;
    }
    assert_true(c->value_window > UINT64_C(1000000000));
    end(c);
}

/* A path that took packets of 50, and then no more: asked for long. The window that it had. */
static uint64_t run_dry(rill_congestion *c, uint64_t *now)
{
    *now = 3 * RTT;
    send(c, 0, 20, 1000);
    c->ops->on_signal(c, RTT, 0, 1000, RILL_SIGNAL_VALUE);
    deliver(c, RTT, 0, 19, 1000);
    send(c, 2 * RTT, 8, 50);
    deliver(c, *now, 2 * RTT, 8, 50);
    uint64_t window = c->value_window;
    for (unsigned i = 0; i < 10; i++) {
        uint64_t amount = rill_congestion_value(c);
        send(c, *now, 1, amount);
        c->ops->on_signal(c, *now + RTT / 2, *now, amount, RILL_SIGNAL_VALUE);
        *now += RTT / 2;
        if (c->not_before > *now)
            *now = c->not_before;
    }
    assert_true(rill_congestion_value(c) <= window / 16);
    return window;
}

/* One packet, which the path takes: how much it was. */
static uint64_t one_passes(rill_congestion *c, uint64_t *now)
{
    uint64_t amount = rill_congestion_value(c);
    send(c, *now, 1, amount);
    deliver(c, *now + RTT, *now, 1, amount);
    *now += RTT;
    return amount;
}

static void test_what_has_run_dry_is_asked_by_one_packet(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now, window = run_dry(c, &now);

    (void)state;
    /* A small one passes: a large one is next, at once; then it flows as before. */
    uint64_t small = one_passes(c, &now);
    uint64_t large = rill_congestion_value(c);
    assert_true(c->not_before == 0 && c->value_window == large && large > 2 * small);
    assert_int_equal(one_passes(c, &now), large);
    assert_true(c->value_window >= window / 2 && c->not_before <= now);
    end(c);
}

/* What is left of a balance opens no window. */
static void test_dust_is_not_the_flow(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now, window = run_dry(c, &now);

    (void)state;
    uint64_t small = one_passes(c, &now);
    uint64_t large = rill_congestion_value(c);
    send(c, now, 1, large);
    c->ops->on_signal(c, now + RTT, now, large, RILL_SIGNAL_VALUE);
    now += RTT;
    assert_true(c->not_before > now && rill_congestion_value(c) <= small);
    /* Only small ones pass, but so many that it is no dust: the window is for packets of their
     * size. */
    for (uint64_t passed = small; passed < large; passed += small) {
        assert_true(c->value_window <= large);
        send(c, now, 1, small);
        deliver(c, now + RTT, now, 1, small);
        now += RTT;
    }
    assert_true(c->value_window <= window && c->value_window >= 8 * small);
    assert_true(rill_congestion_value(c) <= 2 * small && c->not_before == 0);
    end(c);
}

/* Whatever becomes of the large ones that are tried: small ones that pass do not become smaller. */
static void test_small_ones_are_not_halved_away(void **state)
{
    const uint64_t most = 1000;
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT, passed = 0;

    (void)state;
    send(c, 0, 100, 1000 * most);
    deliver(c, now, 0, 100, 1000 * most);
    for (unsigned i = 0; i < 400; i++) {
        now = now > c->not_before ? now : c->not_before;
        uint64_t amount = rill_congestion_value(c) & UINT32_MAX;
        send(c, now, 1, amount);
        if (amount <= most)
            deliver(c, now + RTT, now, 1, amount);
        else
            c->ops->on_signal(c, now + RTT, now, amount, RILL_SIGNAL_VALUE);
        now += RTT + 1;
        passed += i >= 200 && amount <= most ? amount : 0;
    }
    assert_true(passed > 50 * most);
    end(c);
}

/* A quarter passes of what did, a packet here and there: the window becomes that quarter. */
static void test_few_that_pass_are_not_none(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT, sent = 0;

    (void)state;
    send(c, 0, 100, 100);
    deliver(c, now, 0, 100, 100);
    for (unsigned round = 0; round < 40; round++, now += RTT) {
        uint64_t amount = rill_congestion_value(c), count = 0;
        for (; count < 100 && amount > 0; count++) {
            amount = amount < 100 ? amount : 100;
            send(c, now, 1, amount);
            amount = rill_congestion_value(c);
        }
        if (round >= 20)
            sent += count;
        for (uint64_t i = 0; i < count; i++) {
            if (i % 4 == 3 && i < 100)
                deliver(c, now + RTT, now, 1, 100);
            else if (count > 25)
                c->ops->on_signal(c, now + RTT, now, 100, RILL_SIGNAL_VALUE);
            else
                deliver(c, now + RTT, now, 1, 100);
        }
    }
    assert_true(sent / 20 <= 50);
    end(c);
}

static void test_packets_without_money(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, RTT, 2, 0);
    deliver(c, 2 * RTT, RTT, 1, 0);
    c->ops->on_signal(c, 2 * RTT, RTT, 0, RILL_SIGNAL_VALUE);
    assert_true(c->value_window == UINT64_MAX && c->packet_window < FIRST);
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
    c->ops->on_signal(c, 4 * RTT, 0, 100, RILL_SIGNAL_LOST);
    assert_true(c->packets_in_flight == 0 && c->value_in_flight == 0);
    rill_congestion_readmit(c, 100);
    assert_true(c->packets_in_flight == 1 && c->value_in_flight == 100);
    deliver(c, 5 * RTT, 0, 1, 100);
    assert_true(c->packets_in_flight == 0 && c->value_in_flight == 0);
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

/* What was given up as lost has left room for more: then both are in flight. */
static void test_what_was_late_counts_exactly(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 1, UINT64_MAX - 10);
    c->ops->on_signal(c, 4 * RTT, 0, UINT64_MAX - 10, RILL_SIGNAL_LOST);
    send(c, 5 * RTT, 1, UINT64_MAX - 3);
    rill_congestion_readmit(c, UINT64_MAX - 10);
    assert_true(c->packets_in_flight == 2 && c->value_in_flight == UINT64_MAX);
    assert_true(rill_congestion_value(c) == 0);
    deliver(c, 6 * RTT, 0, 1, UINT64_MAX - 10);
    assert_true(c->packets_in_flight == 1 && c->value_in_flight == UINT64_MAX - 3);
    deliver(c, 7 * RTT, 5 * RTT, 1, UINT64_MAX - 3);
    assert_true(c->packets_in_flight == 0 && c->value_in_flight == 0);
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
            c->ops->on_signal(c, now, sent, amount, (rill_congestion_signal)((seed >> 60) % 5));
        }
        assert_true(c->packets_in_flight == 0 && c->value_in_flight == 0);
        assert_true(c->not_before <= now + 5 * RILL_SECOND);
    }
    end(c);
}

/* One late reply makes a round trip of many seconds: nobody waits that long for his turn. */
static void test_a_turn_comes_within_a_second(void **state)
{
    rill_limit l = {.most = 100};
    (void)state;
    rill_limit_set(&l, 0, 2, 1);
    assert_int_equal(rill_limit_pace(&l, 100 * RILL_SECOND, 8 * RILL_SECOND, 1) - 100 * RILL_SECOND,
                     RILL_SECOND - RILL_LIMIT_QUANTUM);
    rill_limit_set(&l, 0, 80, 1);
    l.pace_at = 0;
    assert_int_equal(rill_limit_pace(&l, 200 * RILL_SECOND, 8 * RILL_SECOND, 1) - 200 * RILL_SECOND,
                     (8 * RILL_SECOND - RILL_SECOND) / 80 - RILL_LIMIT_QUANTUM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_start_doubles_up_to_the_maximum),
        cmocka_unit_test(test_a_window_that_is_not_used_does_not_grow),
        cmocka_unit_test(test_refusals_leave_what_passed),
        cmocka_unit_test(test_it_is_paced_once_it_is_limited),
        cmocka_unit_test(test_a_turn_comes_within_a_second),
        cmocka_unit_test(test_accidents_are_borne_and_floods_are_not),
        cmocka_unit_test(test_a_queue_is_left),
        cmocka_unit_test(test_a_longer_path_is_no_queue),
        cmocka_unit_test(test_value_is_limited_by_what_passed),
        cmocka_unit_test(test_value_is_forgotten),
        cmocka_unit_test(test_a_single_packet_that_is_too_much),
        cmocka_unit_test(test_what_has_run_dry_is_asked_by_one_packet),
        cmocka_unit_test(test_dust_is_not_the_flow),
        cmocka_unit_test(test_small_ones_are_not_halved_away),
        cmocka_unit_test(test_few_that_pass_are_not_none),
        cmocka_unit_test(test_packets_without_money),
        cmocka_unit_test(test_what_was_lost_may_be_found),
        cmocka_unit_test(test_more_value_than_fits_is_never_offered),
        cmocka_unit_test(test_what_was_late_counts_exactly),
        cmocka_unit_test(test_it_never_stops),
    };
    return cmocka_run_group_tests_name("congestion", tests, NULL, NULL);
}
