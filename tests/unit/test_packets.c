/* SPDX-License-Identifier: Apache-2.0 */
/* If few packets pass in a round trip, or less than one, they leave one by one. */
#include "congestion_fixture.h"

static void test_the_only_packet_waits_if_it_is_refused(void **state)
{
    rill_congestion *c = new_congestion(1);
    uint64_t now = RILL_SECOND, before = 0;

    (void)state;
    for (unsigned i = 0; i < 60; i++) {
        assert_int_equal(rill_congestion_packets(c), 1);
        send(c, now, 1, 7);
        rill_congestion_refused(c, now, now, 7, RILL_SIGNAL_PACKETS);
        uint64_t wait = c->packets.not_before - now;
        assert_true(wait >= RILL_MS && wait <= RILL_SECOND && wait >= before);
        assert_true(i < 40 || wait == RILL_SECOND);
        before = wait;
        now = c->packets.not_before;
    }
    send(c, now, 1, 7);
    deliver(c, now + RTT, now, 1, 7);
    assert_true(c->packets.not_before <= now + RILL_SECOND && c->value.not_before == 0);
    end(c);
}

/* One packet in 3.5 round trips passes: they leave so, and few are refused. */
static void test_less_than_a_packet_a_round_trip(void **state)
{
    const uint64_t slot = 7 * RTT / 2;
    rill_congestion *c = new_congestion(1024);
    uint64_t now = 0, full_at = 0;
    unsigned passed = 0, refused = 0;

    (void)state;
    send(c, now, 1, 7);
    deliver(c, now + RTT, now, 1, 7);
    while (now < 1000 * slot) {
        bool counted = now > 500 * slot;
        now = (now > c->packets.not_before ? now : c->packets.not_before) + 1;
        send(c, now, 1, 7);
        if (now + 2 * slot >= full_at) { /* a bucket of three */
            full_at = (now > full_at ? now : full_at) + slot;
            passed += counted;
            deliver(c, now + RTT, now, 1, 7);
        } else {
            refused += counted;
            rill_congestion_refused(c, now + RTT, now, 7, RILL_SIGNAL_PACKETS);
        }
        now += RTT;
    }
    assert_true(passed > 475 && refused < passed / 2);
    end(c);
}

/* Nothing passes for ten seconds, and then anything does: that was no slow path. */
static void test_a_failure_of_everything_is_over_soon(void **state)
{
    const uint64_t over = 10 * RILL_SECOND;
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT;

    (void)state;
    send(c, 0, 4, 7);
    deliver(c, now, 0, 4, 7);
    while (now < over + 3 * RILL_SECOND) {
        now = now > c->packets.not_before ? now : c->packets.not_before;
        uint64_t sent = now;
        uint32_t packets = rill_congestion_packets(c);
        assert_true(packets > 0);
        send(c, sent, packets, 7);
        now += RTT;
        if (sent >= over)
            deliver(c, now, sent, packets, 7);
        for (; c->packets.in_flight > 0; now++)
            rill_congestion_refused(c, now, sent, 7, RILL_SIGNAL_PACKETS);
    }
    assert_true(rill_congestion_window(c) > 16);
    end(c);
}

/* A packet that left before the refused one ends no wait. */
static void test_an_earlier_packet_ends_no_wait(void **state)
{
    rill_congestion *c = new_congestion(1);
    uint64_t now = RILL_SECOND;

    (void)state;
    for (unsigned i = 0; i < 3; i++, now = c->packets.not_before) {
        send(c, now, 1, 7);
        rill_congestion_refused(c, now + RTT, now, 7, RILL_SIGNAL_PACKETS);
    }
    uint64_t until = c->packets.not_before;
    rill_congestion_readmit(c, 7);
    deliver(c, now, RTT, 1, 7);
    assert_true(c->packets.not_before == until);
    end(c);
}

/* Ten a round trip, one of which is refused: nine, one by one. */
static rill_congestion *nine_a_round_trip(void)
{
    rill_congestion *c = new_congestion(10);

    send(c, 0, 10, 7);
    deliver(c, RTT, 0, 10, 7);
    send(c, RTT, 10, 7);
    rill_congestion_refused(c, 2 * RTT, RTT, 7, RILL_SIGNAL_PACKETS);
    deliver(c, 2 * RTT, RTT, 9, 7);
    return c;
}

/* Sends one at the time, which takes rtt; how long the next has to wait. */
static uint64_t wait_after(rill_congestion *c, uint64_t now, uint64_t rtt)
{
    send(c, now, 1, 7);
    uint64_t wait = c->packets.not_before - now;
    deliver(c, now + rtt, now, 1, 7);
    return wait;
}

static void test_few_packets_leave_one_by_one(void **state)
{
    rill_congestion *c = nine_a_round_trip();

    (void)state;
    assert_int_equal(c->packets.not_before, 2 * RTT + RTT / 9);
    uint64_t now = c->packets.not_before;
    send(c, now, 1, 7);
    assert_true(c->packets.not_before > now + RTT / 9 - 2 * RILL_MS);
    assert_true(c->packets.not_before <= now + RTT / 9);
    /* A sixteenth less, not a ninth. */
    rill_congestion_refused(c, now + RTT, now, 7, RILL_SIGNAL_PACKETS);
    assert_int_equal(c->packets.not_before, now + RTT + RTT / 9 + RTT / 9 / 16);
    end(c);
}

static void test_a_rate_that_is_not_used_stays(void **state)
{
    rill_congestion *c = nine_a_round_trip();
    uint64_t first = wait_after(c, RILL_SECOND, RTT);

    (void)state;
    for (unsigned i = 2; i < 20; i++)
        assert_int_equal(wait_after(c, i * RILL_SECOND, RTT), first);
    end(c);
}

static void test_a_queue_makes_the_rate_less(void **state)
{
    rill_congestion *c = nine_a_round_trip();
    uint64_t first = wait_after(c, RILL_SECOND, RTT);

    (void)state;
    for (unsigned i = 2; i < 6; i++)
        (void)wait_after(c, i * RILL_SECOND, 2 * RTT);
    assert_true(wait_after(c, 6 * RILL_SECOND, 2 * RTT) > first + first / 4);
    end(c);
}

/* Where few may be in flight, and a round trip is long, they leave as often all the same. */
static void test_the_window_is_never_more_than_was_asked_for(void **state)
{
    rill_packets p;
    uint64_t now = RILL_SECOND;

    (void)state;
    rill_packets_init(&p, 3);
    rill_packets_refused(&p, now, now - RTT, RTT);
    assert_true(p.gap.ns != 0);
    for (unsigned i = 0; i < 50; i++) {
        now = now > p.not_before ? now : p.not_before;
        rill_packets_sent(&p, now, 100 * RTT);
        now += RTT;
        rill_packets_refused(&p, now, now - RTT, 100 * RTT);
        assert_in_range(p.limit.window, 1, 3);
        assert_in_range(rill_packets_window(&p), 1, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_few_packets_leave_one_by_one),
        cmocka_unit_test(test_a_rate_that_is_not_used_stays),
        cmocka_unit_test(test_a_queue_makes_the_rate_less),
        cmocka_unit_test(test_the_only_packet_waits_if_it_is_refused),
        cmocka_unit_test(test_less_than_a_packet_a_round_trip),
        cmocka_unit_test(test_a_failure_of_everything_is_over_soon),
        cmocka_unit_test(test_an_earlier_packet_ends_no_wait),
        cmocka_unit_test(test_the_window_is_never_more_than_was_asked_for),
    };
    return cmocka_run_group_tests_name("packets", tests, NULL, NULL);
}
