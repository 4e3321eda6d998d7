/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of what was lost must have been sent, and how much may have been: by hand, and compared
 * with all subsets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "share.h"
#include "stream/path/lost.h"

#define MAX_PARTS 10u

typedef struct part {
    uint64_t amount;
    uint64_t least;
    uint64_t most;
} part;

static rill_arrived exactly(uint64_t arrived)
{
    return (rill_arrived){arrived, arrived};
}

static rill_lost sum_of(const part *parts, unsigned count)
{
    rill_lost l = {0};
    for (unsigned i = 0; i < count; i++)
        rill_lost_add(&l, parts[i].amount, parts[i].least, parts[i].most);
    return l;
}

static void bounds_are(const rill_lost *l, uint64_t arrived, uint64_t least, uint64_t most)
{
    uint64_t low = 1, high = 2;
    assert_true(rill_lost_bounds(l, exactly(arrived), &low, &high));
    assert_int_equal(low, least);
    assert_int_equal(high, most);
}

static void test_one_size_counts_packets(void **state)
{
    (void)state;
    uint64_t low, high;
    rill_lost l = {0};
    for (unsigned i = 0; i < 1000; i++)
        rill_lost_add(&l, 1000, 500, 500);
    bounds_are(&l, 0, 0, 0);
    bounds_are(&l, 500, 1000, 1000);
    bounds_are(&l, 250000, 500000, 500000);
    bounds_are(&l, 500000, 1000000, 1000000);
    assert_false(rill_lost_bounds(&l, exactly(499), &low, &high));
    assert_false(rill_lost_bounds(&l, exactly(250001), &low, &high));
    bounds_are(&l, 500001, 1000000, 1000000); /* a better rate */
}

static void test_a_size_and_a_last_one(void **state)
{
    (void)state;
    uint64_t low, high;
    rill_lost l = {0};
    for (unsigned i = 0; i < 63; i++)
        rill_lost_add(&l, 10, 10, 10);
    rill_lost_add(&l, 3, 3, 3);
    bounds_are(&l, 300, 300, 300);
    bounds_are(&l, 303, 303, 303);
    bounds_are(&l, 633, 633, 633);
    assert_false(rill_lost_bounds(&l, exactly(304), &low, &high));
}

static void test_what_may_arrive_as_nothing_is_never_known(void **state)
{
    (void)state;
    rill_lost l = {0};
    rill_lost_add(&l, 1, 0, 1);
    bounds_are(&l, 0, 0, 1);
    bounds_are(&l, 1, 0, 1);
    rill_lost_add(&l, 100, 50, 50);
    bounds_are(&l, 0, 0, 1);
    bounds_are(&l, 50, 100, 101);
    bounds_are(&l, 51, 100, 101);
    bounds_are(&l, 52, 101, 101);
}

static void test_huge_numbers_saturate(void **state)
{
    (void)state;
    uint64_t low, high;
    rill_lost l = {0};
    rill_lost_add(&l, UINT64_MAX / 4, UINT64_MAX / 2, UINT64_MAX);
    rill_lost_add(&l, UINT64_MAX / 4, UINT64_MAX / 2, UINT64_MAX);
    rill_lost_add(&l, UINT64_MAX / 8, UINT64_MAX - 1, UINT64_MAX);
    assert_true(rill_lost_bounds(&l, exactly(UINT64_MAX), &low, &high));
    assert_true(low <= high && high <= l.amount);
    rill_lost_add(&l, 7, 1, 3);
    assert_true(rill_lost_bounds(&l, exactly(UINT64_MAX), &low, &high));
    assert_true(low <= high && high <= l.amount);
    bounds_are(&l, 0, 0, 0);
}

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

/* The true bounds, by trying every choice of parts. */
static bool by_trying(const part *parts, unsigned count, uint64_t arrived, uint64_t *least,
                      uint64_t *most)
{
    bool any = false;
    for (uint32_t choice = 0; choice < 1u << count; choice++) {
        uint64_t amount = 0, low = 0, high = 0;
        for (unsigned i = 0; i < count; i++) {
            if (!(choice >> i & 1))
                continue;
            amount += parts[i].amount;
            low += parts[i].least;
            high += parts[i].most;
        }
        if (arrived < low || arrived > high)
            continue;
        *least = any && *least < amount ? *least : amount;
        *most = any && *most > amount ? *most : amount;
        any = true;
    }
    return any;
}

static void draw(uint64_t *seed, part *p)
{
    uint64_t rate = 1 + next_random(seed) % 40; /* tenths */
    p->amount = 1 + next_random(seed) % 12;
    uint64_t brings = p->amount * rate / 10;
    p->least = brings > 0 ? brings - next_random(seed) % 2 : 0;
    p->most = brings + next_random(seed) % 3;
}

static void against_all_subsets(uint64_t *seed, unsigned sizes)
{
    part parts[MAX_PARTS];
    part kinds[6];
    unsigned count = 1 + (unsigned)(next_random(seed) % MAX_PARTS);
    uint64_t all = 0;
    for (unsigned i = 0; i < 6; i++)
        draw(seed, &kinds[i]);
    for (unsigned i = 0; i < count; i++) {
        parts[i] = kinds[next_random(seed) % sizes];
        all += parts[i].most;
    }
    rill_lost l = sum_of(parts, count);
    for (uint64_t arrived = 0; arrived <= all; arrived++) {
        uint64_t least, most, low, high;
        bool possible = by_trying(parts, count, arrived, &least, &most);
        bool explained = rill_lost_bounds(&l, exactly(arrived), &low, &high);
        assert_true(explained || !possible);
        if (!possible)
            continue;
        assert_true(low <= least && high >= most && low <= high && high <= l.amount);
        /* As exact as possible, if all sizes are known and none may vanish. */
        if (!l.many && l.vanishing == 0) {
            assert_int_equal(low, least);
            assert_int_equal(high, most);
        }
    }
}

/* What is known only to lie between two numbers leaves as much open as all of them do. */
static void against_each_number(uint64_t *seed)
{
    part parts[4];
    unsigned count = 1 + (unsigned)(next_random(seed) % 4);
    uint64_t all = 0;
    for (unsigned i = 0; i < count; i++) {
        draw(seed, &parts[i]);
        all += parts[i].most;
    }
    rill_lost l = sum_of(parts, count);
    for (uint64_t from = 0; from <= all; from++)
        for (uint64_t to = from; to <= all; to++) {
            uint64_t low = UINT64_MAX, high = 0, least, most;
            bool any = false;
            for (uint64_t arrived = from; arrived <= to; arrived++)
                if (by_trying(parts, count, arrived, &least, &most)) {
                    low = least < low ? least : low;
                    high = most > high ? most : high;
                    any = true;
                }
            if (!any)
                continue;
            assert_true(rill_lost_bounds(&l, (rill_arrived){from, to}, &least, &most));
            assert_true(least <= low && most >= high && most <= l.amount);
            if (!l.many && l.vanishing == 0) {
                assert_int_equal(least, low);
                assert_int_equal(most, high);
            }
        }
}

static void test_what_is_between_two_numbers(void **state)
{
    (void)state;
    uint64_t seed = 2;
    for (unsigned i = 0; i < test_some_of(20); i++)
        against_each_number(&seed);
}

static void test_against_every_choice_of_parts(void **state)
{
    (void)state;
    uint64_t seed = 1;
    for (unsigned i = 0; i < test_some_of(600); i++)
        against_all_subsets(&seed, 1 + i % 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_size_counts_packets),
        cmocka_unit_test(test_a_size_and_a_last_one),
        cmocka_unit_test(test_what_may_arrive_as_nothing_is_never_known),
        cmocka_unit_test(test_huge_numbers_saturate),
        cmocka_unit_test(test_against_every_choice_of_parts),
        cmocka_unit_test(test_what_is_between_two_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
