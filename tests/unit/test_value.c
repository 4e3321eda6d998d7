/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Value in a window, and when it has run out. The test reports each packet as the connection does.
 */
#include "congestion_fixture.h"

static void test_value_is_limited_by_what_passed(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 26, 100);
    assert_true(rill_congestion_value(c) == UINT64_MAX - 2600);
    deliver(c, RTT, 0, 10, 100);
    rill_congestion_refused(c, RTT, 0, 100, RILL_SIGNAL_VALUE);
    /* 1,600 were in flight: less a twentieth, and what was refused. */
    assert_true(c->value.window == 1600 - 80 - 100 && c->value.in_flight == 1500);
    assert_true(rill_congestion_value(c) == 0);
    /* The rest of the same flight. */
    for (unsigned i = 0; i < 15; i++)
        rill_congestion_refused(c, RTT + 1, 0, 100, RILL_SIGNAL_VALUE);
    assert_true(c->value.window == 800 && c->value.not_before == 0);
    /* In small pieces, that it can be spread; but none that is worth nothing. */
    assert_true(rill_congestion_value(c) == 800 / 16);
    c->value.least = 70;
    send(c, RTT + 1, 1, 0);
    rill_congestion_neutral(c, 0);
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
    rill_congestion_refused(c, RTT, 0, 100, RILL_SIGNAL_VALUE);
    deliver(c, RTT, 0, 19, 100);
    uint64_t window = c->value.window;
    send(c, now, 1, 5);
    deliver(c, now + RTT, now, 1, 5);
    assert_true(c->value.window == window);
    now += 2 * RILL_SECOND;
    send(c, now, 1, 5);
    deliver(c, now + RTT, now, 1, 5);
    assert_true(c->value.window == UINT64_MAX);
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
        rill_congestion_refused(c, now + RTT, now, amount, RILL_SIGNAL_VALUE);
        now += RTT;
        assert_true(c->value.not_before == 0);
        uint64_t next = rill_congestion_value(c);
        assert_true(next < amount);
        amount = next;
    }
    /* Money passes: it grows fast. */
    for (unsigned i = 0; i < 40; i++) {
        uint64_t amounts[64];
        unsigned count = 0;
        for (; count < 64 && (amount = rill_congestion_value(c)) > 0; count++) {
            amounts[count] = amount;
            send(c, now, 1, amount);
        }
        for (unsigned k = 0; k < count; k++)
            deliver(c, now + RTT, now, 1, amounts[k]);
        now += RTT;
    }
    assert_true(c->value.window > UINT64_C(1000000000));
    end(c);
}

/* A path that took packets of 50, and then no more: asked for long. The window that it had. */
static uint64_t run_dry(rill_congestion *c, uint64_t *now)
{
    *now = 3 * RTT;
    send(c, 0, 20, 1000);
    rill_congestion_refused(c, RTT, 0, 1000, RILL_SIGNAL_VALUE);
    deliver(c, RTT, 0, 19, 1000);
    send(c, 2 * RTT, 8, 50);
    deliver(c, *now, 2 * RTT, 8, 50);
    uint64_t window = c->value.window;
    for (unsigned i = 0; i < 10; i++) {
        uint64_t amount = rill_congestion_value(c);
        send(c, *now, 1, amount);
        rill_congestion_refused(c, *now + RTT / 2, *now, amount, RILL_SIGNAL_VALUE);
        *now += RTT / 2;
        if (c->value.not_before > *now)
            *now = c->value.not_before;
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
    assert_true(c->value.not_before == 0 && c->value.window == large && large > 2 * small);
    assert_int_equal(one_passes(c, &now), large);
    assert_true(c->value.window >= window / 2 && c->value.not_before <= now);
    end(c);
}

/* The rest of a balance opens no window. */
static void test_dust_is_not_the_flow(void **state)
{
    rill_congestion *c = new_congestion(1024);
    uint64_t now, window = run_dry(c, &now);

    (void)state;
    uint64_t small = one_passes(c, &now);
    uint64_t large = rill_congestion_value(c);
    send(c, now, 1, large);
    rill_congestion_refused(c, now + RTT, now, large, RILL_SIGNAL_VALUE);
    now += RTT;
    assert_true(c->value.not_before > now && rill_congestion_value(c) <= small);
    /* Only small ones pass, but so many that it is no dust: the window is for packets of their
     * size. */
    for (uint64_t passed = small; passed < large; passed += small) {
        assert_true(c->value.window <= large);
        send(c, now, 1, small);
        deliver(c, now + RTT, now, 1, small);
        now += RTT;
    }
    assert_true(c->value.window <= window && c->value.window >= 8 * small);
    assert_true(rill_congestion_value(c) <= 2 * small && c->value.not_before == 0);
    end(c);
}

/* Whatever becomes of the large ones that are tried, small ones that pass do not become smaller. */
static void test_small_ones_are_not_halved_away(void **state)
{
    const uint64_t most = 1000;
    rill_congestion *c = new_congestion(1024);
    uint64_t now = RTT, passed = 0;

    (void)state;
    send(c, 0, 100, 1000 * most);
    deliver(c, now, 0, 100, 1000 * most);
    for (unsigned i = 0; i < 400; i++) {
        now = now > c->value.not_before ? now : c->value.not_before;
        uint64_t amount = rill_congestion_value(c) & UINT32_MAX;
        send(c, now, 1, amount);
        if (amount <= most)
            deliver(c, now + RTT, now, 1, amount);
        else
            rill_congestion_refused(c, now + RTT, now, amount, RILL_SIGNAL_VALUE);
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
        uint64_t amounts[100], count = 0;
        for (uint64_t v = rill_congestion_value(c); count < 100 && v > 0; count++) {
            amounts[count] = v < 100 ? v : 100;
            send(c, now, 1, amounts[count]);
            v = rill_congestion_value(c);
        }
        if (round >= 20)
            sent += count;
        for (uint64_t i = 0; i < count; i++) {
            if (count > 25 && i % 4 != 3)
                rill_congestion_refused(c, now + RTT, now, amounts[i], RILL_SIGNAL_VALUE);
            else
                deliver(c, now + RTT, now, 1, amounts[i]);
        }
    }
    assert_true(sent / 20 <= 50);
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
    assert_true(c->value.in_flight == 10);
    end(c);
}

/* What was given up as lost has made room for more. Then both are in flight. */
static void test_what_was_late_counts_exactly(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 1, UINT64_MAX - 10);
    rill_congestion_refused(c, 4 * RTT, 0, UINT64_MAX - 10, RILL_SIGNAL_LOST);
    send(c, 5 * RTT, 1, UINT64_MAX - 3);
    rill_congestion_readmit(c, UINT64_MAX - 10);
    assert_true(c->packets.in_flight == 2 && c->value.in_flight == UINT64_MAX);
    assert_true(rill_congestion_value(c) == 0);
    deliver(c, 6 * RTT, 0, 1, UINT64_MAX - 10);
    assert_true(c->packets.in_flight == 1 && c->value.in_flight == UINT64_MAX - 3);
    deliver(c, 7 * RTT, 5 * RTT, 1, UINT64_MAX - 3);
    assert_true(c->packets.in_flight == 0 && c->value.in_flight == 0);
    end(c);
}

static void window_grows(uint32_t most)
{
    rill_congestion *c = rill_congestion_new(rill_allocator_default(), most);
    uint64_t now = 2 * RTT;

    assert_non_null(c);
    rill_congestion_sent(c, 0, 1000000);
    rill_congestion_delivered(c, RTT, 0, 1000000);
    rill_congestion_sent(c, RTT, 1000000);
    rill_congestion_refused(c, now, RTT, 1000000, RILL_SIGNAL_VALUE);
    assert_true(c->value.not_before > now && rill_congestion_value(c) <= 1000000);
    uint64_t window = 0;
    for (unsigned round = 0; round < 16; round++) {
        uint64_t sent[16];
        uint32_t count = 0;
        now = now > c->value.not_before ? now : c->value.not_before;
        while (rill_congestion_packets(c) > 0 && rill_congestion_value(c) > 0 &&
               c->value.not_before <= now) {
            assert_true(count < most);
            sent[count] = rill_congestion_value(c);
            rill_congestion_sent(c, now, sent[count++]);
        }
        for (uint32_t i = 0; i < count; i++)
            rill_congestion_delivered(c, now + RTT, now, sent[i]);
        now += RTT;
        window = round == 1 ? c->value.window : window;
    }
    assert_true(c->value.window > window);
    rill_congestion_free(rill_allocator_default(), c);
}

/* Where few packets may be in flight, they fill a window of value all the same. */
static void test_few_packets_fill_a_window_of_value(void **state)
{
    (void)state;
    for (uint32_t most = 1; most <= 16; most++)
        window_grows(most);
}

/* Twenty whole packets and the rest of a payment leave at once: so much is refused of them. */
static rill_congestion *first_flight(unsigned refused, uint64_t now)
{
    rill_congestion *c = new_congestion(1024);

    send(c, now, 20, 1000);
    send(c, now, 1, 7);
    for (unsigned i = 0; i < refused; i++) {
        rill_congestion_refused(c, now + RTT / 2, now, 1000, RILL_SIGNAL_VALUE);
        /* What is under way tells first. */
        assert_int_equal(rill_congestion_value(c), 0);
    }
    deliver(c, now + RTT, now, 20 - refused, 1000);
    assert_int_equal(rill_congestion_value(c), 0);
    deliver(c, now + RTT, now, 1, 7);
    return c;
}

static void test_a_first_flight_tells_whether_many_pass(void **state)
{
    rill_congestion *c = first_flight(10, RTT);

    (void)state;
    assert_false(c->value.by_pieces);
    assert_in_range(c->value.window, 10000, 20000);
    end(c);
    /* Five of twenty: they leave at a rate, as large as they were. */
    c = first_flight(15, RTT);
    assert_true(c->value.by_pieces && c->value.not_before > 2 * RTT);
    assert_int_equal(c->value.piece, 1000);
    end(c);
}

/* Nothing passes but the rest of a payment: that is no size. */
static void test_the_rest_of_a_payment_opens_no_window(void **state)
{
    rill_congestion *c = first_flight(20, RTT);
    unsigned packets = 0;

    (void)state;
    for (uint64_t now = 2 * RTT; now < 3 * RILL_SECOND; now += RTT, packets++) {
        now = now > c->value.not_before ? now : c->value.not_before;
        uint64_t amount = rill_congestion_value(c);
        send(c, now, 1, amount);
        assert_int_equal(rill_congestion_value(c), 0);
        rill_congestion_refused(c, now + RTT / 2, now, amount, RILL_SIGNAL_VALUE);
    }
    assert_in_range(packets, 3, 15);
    end(c);
}

/* What probes have found to pass is believed to pass again once value is there. */
static void test_what_was_probed_is_a_size(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    rill_congestion_tested(c, RTT, 900, UINT64_MAX);
    assert_false(rill_congestion_value_is_short(c));
    send(c, RTT, 20, 1000);
    for (unsigned i = 0; i < 20; i++)
        rill_congestion_refused(c, 2 * RTT, RTT, 1000, RILL_SIGNAL_VALUE);
    assert_int_equal(rill_congestion_value(c), 900);
    end(c);
    /* But not where it is nothing beside what leaves. */
    c = new_congestion(1024);
    rill_congestion_tested(c, RTT, 100, UINT64_MAX);
    send(c, RTT, 20, 1000);
    for (unsigned i = 0; i < 20; i++)
        rill_congestion_refused(c, 2 * RTT, RTT, 1000, RILL_SIGNAL_VALUE);
    assert_int_equal(rill_congestion_value(c), 1000 / 8);
    end(c);
}

/* Where many have passed already the first refusal is one as any. */
static void test_what_has_flowed_is_not_surveyed(void **state)
{
    rill_congestion *c = new_congestion(1024);

    (void)state;
    send(c, 0, 20, 1000);
    deliver(c, RTT, 0, 20, 1000);
    send(c, RTT, 40, 1000);
    rill_congestion_refused(c, 2 * RTT, RTT, 1000, RILL_SIGNAL_VALUE);
    assert_true(c->value.window == 40000 - 2000 - 1000 && !c->value.surveying);
    deliver(c, 2 * RTT, RTT, 10, 1000);
    assert_true(rill_congestion_value(c) > 0);
    end(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_is_limited_by_what_passed),
        cmocka_unit_test(test_value_is_forgotten),
        cmocka_unit_test(test_a_single_packet_that_is_too_much),
        cmocka_unit_test(test_what_has_run_dry_is_asked_by_one_packet),
        cmocka_unit_test(test_dust_is_not_the_flow),
        cmocka_unit_test(test_small_ones_are_not_halved_away),
        cmocka_unit_test(test_few_that_pass_are_not_none),
        cmocka_unit_test(test_more_value_than_fits_is_never_offered),
        cmocka_unit_test(test_what_was_late_counts_exactly),
        cmocka_unit_test(test_few_packets_fill_a_window_of_value),
        cmocka_unit_test(test_a_first_flight_tells_whether_many_pass),
        cmocka_unit_test(test_the_rest_of_a_payment_opens_no_window),
        cmocka_unit_test(test_what_was_probed_is_a_size),
        cmocka_unit_test(test_what_has_flowed_is_not_surveyed),
    };
    return cmocka_run_group_tests_name("value", tests, NULL, NULL);
}
