/* SPDX-License-Identifier: Apache-2.0 */
#include "congestion_fixture.h"

#include "stream/path/dryness.h"

#define WHOLE 1024

/* Refused so often, each as soon as it might be asked. Returned: the time after the last wait. */
static uint64_t dry_out(rill_dryness *d, uint64_t now, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        rill_dryness_refused(d, now);
        rill_dryness_wait(d, now, RTT);
        now = d->wait_until;
    }
    return now;
}

/* First a quarter of a round trip each; then they double, up to a second. */
static void test_waits_become_longer(void **state)
{
    rill_dryness d = {0};
    uint64_t now = RILL_SECOND;

    (void)state;
    for (unsigned i = 0; i < 32; i++, now = d.wait_until) {
        rill_dryness_wait(&d, now, RTT);
        assert_int_equal(d.wait_until, now + RTT / 4);
    }
    for (uint64_t wait = RTT / 2; wait < RILL_SECOND; wait *= 2, now = d.wait_until) {
        rill_dryness_wait(&d, now, RTT);
        assert_int_equal(d.wait_until, now + wait);
    }
    rill_dryness_wait(&d, now, RTT);
    assert_int_equal(d.wait_until, now + RILL_SECOND);
    assert_false(rill_dryness_is_long(&d));
    (void)dry_out(&d, now, 64);
    assert_true(rill_dryness_is_long(&d));
}

static void test_what_asks_becomes_smaller(void **state)
{
    rill_dryness d = {0};

    (void)state;
    (void)dry_out(&d, RILL_SECOND, 3);
    assert_int_equal(rill_dryness_asks(&d, WHOLE), WHOLE);
    (void)dry_out(&d, RILL_SECOND, 1);
    assert_int_equal(rill_dryness_asks(&d, WHOLE), WHOLE / 2);
    (void)dry_out(&d, RILL_SECOND, 12);
    assert_int_equal(rill_dryness_asks(&d, WHOLE), WHOLE / 16);
    (void)dry_out(&d, RILL_SECOND, 1000);
    assert_int_equal(rill_dryness_asks(&d, WHOLE), 1);
    /* Unless that is worth nothing. */
    d.widened = true;
    assert_int_equal(rill_dryness_asks(&d, WHOLE), WHOLE);
}

static void test_a_whole_packet_ends_it(void **state)
{
    rill_dryness d = {0};
    uint64_t asks;
    uint64_t now = dry_out(&d, RILL_SECOND, 8);

    (void)state;
    assert_int_equal(rill_dryness_passed(&d, WHOLE, WHOLE, &asks), RILL_DRYNESS_OVER);
    rill_dryness_end(&d, now);
    assert_true(!d.dry && d.waits == 0 && d.wait_until == 0 && d.dry_at == now);
    /* One refusal is no dryness that is worth remembering. */
    (void)dry_out(&d, now + RTT, 1);
    rill_dryness_end(&d, now + 3 * RTT);
    assert_int_equal(d.dry_at, now);
}

/* A balance is settled again and again: nobody asks more often than that is worth. */
static void test_what_was_dry_for_long_is_asked_less_often(void **state)
{
    rill_dryness d = {0};
    uint64_t start = RILL_SECOND;
    uint64_t now = dry_out(&d, start, 30);

    (void)state;
    rill_dryness_end(&d, now);
    assert_int_equal(d.lasted, now - start);
    uint64_t again = dry_out(&d, now + RTT, 1);
    assert_int_equal(again, now + RTT + (now - start) / 16);
    /* An accident in between is not what is remembered. */
    rill_dryness_end(&d, again);
    assert_int_equal(d.lasted, now - start);
}

/* A small one that passes is followed by a whole one, which may be refused. */
static void test_what_is_left_of_a_balance_is_not_the_flow(void **state)
{
    rill_dryness d = {0};
    uint64_t asks = 0;
    uint64_t now = dry_out(&d, RILL_SECOND, 16);
    uint64_t small = rill_dryness_asks(&d, WHOLE);

    (void)state;
    assert_int_equal(rill_dryness_passed(&d, WHOLE, small, &asks), RILL_DRYNESS_TRICKLES);
    assert_true(d.wait_until == 0 && rill_dryness_asks(&d, WHOLE) == WHOLE);
    (void)dry_out(&d, now, 1);
    assert_int_equal(rill_dryness_asks(&d, WHOLE), small);
}

static void test_small_ones_that_pass_again_and_again_are(void **state)
{
    rill_dryness d = {0};
    uint64_t asks = 0;
    unsigned trickles = 0;

    (void)state;
    (void)dry_out(&d, RILL_SECOND, 16);
    uint64_t small = rill_dryness_asks(&d, WHOLE);
    while (rill_dryness_passed(&d, WHOLE, small, &asks) == RILL_DRYNESS_TRICKLES)
        trickles++;
    assert_int_equal(trickles, 3);
    assert_int_equal(asks, small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_become_longer),
        cmocka_unit_test(test_what_asks_becomes_smaller),
        cmocka_unit_test(test_a_whole_packet_ends_it),
        cmocka_unit_test(test_what_was_dry_for_long_is_asked_less_often),
        cmocka_unit_test(test_what_is_left_of_a_balance_is_not_the_flow),
        cmocka_unit_test(test_small_ones_that_pass_again_and_again_are),
    };
    return cmocka_run_group_tests_name("dryness", tests, NULL, NULL);
}
