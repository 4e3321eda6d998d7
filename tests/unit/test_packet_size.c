/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/path/packet_size.h"

static const rill_bytes no_data = {NULL, 0};

static void refuse_with_data(rill_packet_size *p, uint64_t amount, uint64_t received,
                             uint64_t maximum, uint64_t now)
{
    uint8_t data[16];

    rill_amount_too_large_encode((rill_amount_too_large){.received = received, .maximum = maximum},
                                 data);
    rill_packet_size_refused(p, amount, (rill_bytes){data, sizeof data}, now);
}

static void test_the_configured_maximum_at_first(void **state)
{
    rill_packet_size p;

    (void)state;
    rill_packet_size_init(&p, 1000);
    assert_true(rill_packet_size_next(&p, 0) == 1000);
    assert_true(rill_packet_size_known(&p));
    rill_packet_size_passed(&p, 1000, 5);
    rill_packet_size_passed(&p, 5000, 5);
    assert_true(rill_packet_size_next(&p, 0) == 1000);
}

static void test_what_is_told_is_the_next_amount(void **state)
{
    rill_packet_size p;

    (void)state;
    rill_packet_size_init(&p, UINT64_MAX);
    refuse_with_data(&p, 1000000, 500000, 3333, 1);
    assert_true(p.exact && rill_packet_size_known(&p));
    assert_true(rill_packet_size_next(&p, 2) == 6666);
    /* As many packets as had left before: the same amount, another one, one that rounds lower. */
    refuse_with_data(&p, 1000000, 500000, 3333, 2);
    refuse_with_data(&p, 2000000, 1000000, 3400, 2);
    assert_true(rill_packet_size_next(&p, 2) == 6666);
    refuse_with_data(&p, 2000000, 1000000, 3332, 2);
    assert_true(rill_packet_size_next(&p, 2) == 6664);
}

static void test_lies_are_bounded(void **state)
{
    rill_packet_size p;

    (void)state;
    rill_packet_size_init(&p, 1000);
    refuse_with_data(&p, 1000, 10, 2000, 1); /* more than was refused: as without data */
    assert_true(!p.exact && rill_packet_size_next(&p, 2) == 500);
    rill_packet_size_init(&p, 1000);
    refuse_with_data(&p, 1000, 1, UINT64_MAX, 1); /* does not fit */
    assert_true(!p.exact && rill_packet_size_next(&p, 2) == 500);
    rill_packet_size_init(&p, 1000);
    refuse_with_data(&p, 1, 5, 1, 1); /* less than one of ours */
    assert_true(rill_packet_size_next(&p, 2) == 0);
    rill_packet_size_init(&p, 1000);
    refuse_with_data(&p, 1000, UINT64_MAX, 1, 1); /* rounds to nothing */
    assert_true(rill_packet_size_next(&p, 2) == 1);
    rill_packet_size_init(&p, 1000);
    refuse_with_data(&p, 1000, 0, 10, 1); /* makes no sense: as without data */
    assert_true(!p.exact && rill_packet_size_next(&p, 2) == 500);
    rill_packet_size_init(&p, 1000);
    rill_packet_size_refused(&p, 1000, (rill_bytes){(const uint8_t *)"short", 5}, 1);
    assert_true(!p.exact && rill_packet_size_next(&p, 2) == 500);
    rill_packet_size_init(&p, 1000);
    refuse_with_data(&p, 0, 5, 1, 1); /* no money is never too much */
    assert_true(rill_packet_size_next(&p, 2) == 1000);
}

static void test_a_path_that_takes_nothing(void **state)
{
    rill_packet_size p;

    (void)state;
    rill_packet_size_init(&p, 1000);
    refuse_with_data(&p, 1000, 1000, 0, 1);
    assert_true(rill_packet_size_known(&p));
    assert_true(rill_packet_size_next(&p, 2) == 0);
    /* It is asked again, with a little, after a while. */
    uint64_t later = 1 + 5 * RILL_SECOND;
    assert_true(rill_packet_size_next(&p, later) == 1);
    rill_packet_size_refused(&p, 1, no_data, later);
    assert_true(rill_packet_size_next(&p, later + 1) == 0);
    later += 5 * RILL_SECOND;
    rill_packet_size_passed(&p, 1, later);
    assert_true(rill_packet_size_next(&p, later) == 1000);
}

/* Plays a path with a limit and no data; returns the number of packets until it is found. */
static unsigned search(rill_packet_size *p, uint64_t limit, uint64_t now)
{
    unsigned packets = 0;

    do {
        uint64_t amount = rill_packet_size_next(p, now);
        assert_in_range(amount, 1, p->configured);
        if (amount <= limit)
            rill_packet_size_passed(p, amount, now);
        else
            rill_packet_size_refused(p, amount, no_data, now);
        packets++;
    } while (!rill_packet_size_known(p));
    return packets;
}

static void test_without_data_it_is_searched(void **state)
{
    static const uint64_t limits[] = {
        1, 2, 3, 63, 64, 65, 1000, 12345, 99999, 1000000000, UINT64_MAX / 3, UINT64_MAX - 2};

    (void)state;
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        rill_packet_size p;
        rill_packet_size_init(&p, UINT64_MAX);
        assert_in_range(search(&p, limits[i], 1), 2, 64 + 8);
        uint64_t found = rill_packet_size_next(&p, 2);
        assert_true(found <= limits[i]);
        assert_true(found >= limits[i] - limits[i] / 64);
    }
}

static void test_it_ends_whatever_is_refused(void **state)
{
    rill_packet_size p;
    unsigned packets = 0;

    (void)state;
    /* Tells each time that one unit less would pass, and refuses that too. */
    rill_packet_size_init(&p, UINT64_MAX);
    while (rill_packet_size_next(&p, 1) > 0) {
        uint64_t amount = rill_packet_size_next(&p, 1);
        refuse_with_data(&p, amount, amount, amount - 1, 1);
        assert_in_range(++packets, 1, 80);
    }
    /* And the same without data. */
    packets = 0;
    rill_packet_size_init(&p, UINT64_MAX);
    while (rill_packet_size_next(&p, 1) > 0) {
        rill_packet_size_refused(&p, rill_packet_size_next(&p, 1), no_data, 1);
        assert_in_range(++packets, 1, 80);
    }
}

static void test_it_is_found_again_when_it_falls(void **state)
{
    rill_packet_size p;

    (void)state;
    rill_packet_size_init(&p, 1000000);
    refuse_with_data(&p, 1000000, 1000000, 5000, 1);
    rill_packet_size_passed(&p, 5000, 2);
    rill_packet_size_refused(&p, 5000, no_data, 3);
    assert_true(rill_packet_size_next(&p, 4) == 2500);
    rill_packet_size_refused(&p, 5000, no_data, 4); /* had left before */
    assert_true(rill_packet_size_next(&p, 4) == 2500);
    assert_in_range(search(&p, 40, 5), 2, 20);
    assert_true(rill_packet_size_next(&p, 6) == 40);
}

static void test_it_is_found_again_when_it_rises(void **state)
{
    rill_packet_size p;
    uint64_t later = 1 + 5 * RILL_SECOND;

    (void)state;
    rill_packet_size_init(&p, 1000000);
    refuse_with_data(&p, 1000000, 1000000, 5000, 1);
    assert_true(rill_packet_size_next(&p, later - 1) == 5000);
    assert_true(rill_packet_size_next(&p, later) == 10000);
    refuse_with_data(&p, 10000, 10000, 7000, later); /* risen a little */
    assert_true(rill_packet_size_next(&p, later) == 7000);
    later += 5 * RILL_SECOND;
    assert_true(rill_packet_size_next(&p, later) == 14000);
    rill_packet_size_passed(&p, 14000, later);
    assert_true(rill_packet_size_next(&p, later) == 1000000);
    rill_packet_size_refused(&p, 1000000, no_data, later);
    assert_in_range(search(&p, 50000, later), 2, 20);
    assert_in_range(rill_packet_size_next(&p, later), 50000 - 50000 / 64, 50000);
}

static void test_a_refused_probe_changes_nothing(void **state)
{
    rill_packet_size p;
    uint64_t later = 1 + 5 * RILL_SECOND;

    (void)state;
    rill_packet_size_init(&p, 1000000);
    refuse_with_data(&p, 1000000, 1000000, 5000, 1);
    refuse_with_data(&p, 10000, 10000, 5000, later);
    assert_true(rill_packet_size_next(&p, later) == 5000);
    assert_true(rill_packet_size_next(&p, later + 4 * RILL_SECOND) == 5000);
}

static void test_one_packet_tries_a_larger_size(void **state)
{
    rill_packet_size p;
    uint64_t later = 1 + 5 * RILL_SECOND;

    (void)state;
    rill_packet_size_init(&p, 1000000);
    refuse_with_data(&p, 1000000, 1000000, 5000, 1);
    assert_true(rill_packet_size_next(&p, later) == 10000);
    rill_packet_size_sent(&p, 10000, later);
    assert_true(rill_packet_size_next(&p, later) == 5000);
    /* Refused without a word on the limit: what was known still holds, and less is tried next. */
    rill_packet_size_refused(&p, 10000, no_data, later);
    assert_true(rill_packet_size_known(&p) && rill_packet_size_next(&p, later) == 5000);
    later += 5 * RILL_SECOND;
    assert_true(rill_packet_size_next(&p, later) == 5000 + 5000 / 8 + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_configured_maximum_at_first),
        cmocka_unit_test(test_what_is_told_is_the_next_amount),
        cmocka_unit_test(test_lies_are_bounded),
        cmocka_unit_test(test_a_path_that_takes_nothing),
        cmocka_unit_test(test_without_data_it_is_searched),
        cmocka_unit_test(test_it_ends_whatever_is_refused),
        cmocka_unit_test(test_it_is_found_again_when_it_falls),
        cmocka_unit_test(test_it_is_found_again_when_it_rises),
        cmocka_unit_test(test_a_refused_probe_changes_nothing),
        cmocka_unit_test(test_one_packet_tries_a_larger_size),
    };
    return cmocka_run_group_tests_name("packet_size", tests, NULL, NULL);
}
