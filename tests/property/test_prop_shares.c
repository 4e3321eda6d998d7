/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares shares with a model that gives out the remainder unit by unit, in the order of sorted
 * ids.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "../oracle.h"
#include "stream/money/shares.h"

/* SplitMix64: every case has its own seed, so that a failure names one case. */
static uint64_t next(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15;
    uint64_t z = *seed;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t *seed, uint64_t bound)
{
    return next(seed) % bound;
}

/* A check inside a case: a failure names the seed to look at. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("case seed %llu: %s", (unsigned long long)case_seed, #condition);             \
    } while (0)

/* Any size: few bits as often as many, and the ends of the range. */
static uint64_t of_any_size(uint64_t *seed)
{
    uint64_t v = next(seed) >> below(seed, 64);

    return below(seed, 16) == 0 ? UINT64_MAX - v % 3 : v;
}

#define CASES     20000
#define MAX_PARTS 12

static int by_stream(const void *a, const void *b)
{
    const rill_share *left = *(const rill_share *const *)a;
    const rill_share *right = *(const rill_share *const *)b;

    return left->stream < right->stream ? -1 : left->stream > right->stream;
}

/* False if the amount cannot be divided by the shares. */
static bool model(rill_share *parts, size_t count, uint64_t amount)
{
    rill_share *sorted[MAX_PARTS];
    oracle_u128 total = 0;
    oracle_u128 given = 0;

    for (size_t i = 0; i < count; i++) {
        sorted[i] = &parts[i];
        total += parts[i].shares;
    }
    if (total == 0 || total > UINT64_MAX)
        return false;
    qsort(sorted, count, sizeof sorted[0], by_stream);
    for (size_t i = 0; i < count; i++) {
        parts[i].amount = (uint64_t)((oracle_u128)parts[i].shares * amount / total);
        given += parts[i].amount;
    }
    uint64_t left = (uint64_t)(amount - given);
    for (size_t i = 0; i < count && left > 0; i++) {
        if (sorted[i]->room >= sorted[i]->amount && sorted[i]->room - sorted[i]->amount >= left) {
            sorted[i]->amount += left;
            left = 0;
        }
    }
    for (size_t i = 0; i < count; i++)
        for (; left > 0 && sorted[i]->amount < sorted[i]->room; left--)
            sorted[i]->amount += 1;
    sorted[0]->amount += left;
    return true;
}

static void one_case(uint64_t case_seed)
{
    uint64_t seed = case_seed;
    rill_share parts[MAX_PARTS];
    rill_share expected[MAX_PARTS];
    size_t count = 1 + (size_t)below(&seed, MAX_PARTS);
    bool small = below(&seed, 2) == 0;
    uint64_t amount = small ? below(&seed, 40) : of_any_size(&seed);
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        bool taken = true;
        while (taken) {
            parts[i].stream = small ? below(&seed, 50) : of_any_size(&seed);
            taken = false;
            for (size_t j = 0; j < i; j++)
                taken = taken || parts[j].stream == parts[i].stream;
        }
        parts[i].shares = small ? below(&seed, 4) : of_any_size(&seed) / MAX_PARTS;
        if (below(&seed, 50) == 0)
            parts[i].shares = of_any_size(&seed);
        parts[i].room =
            below(&seed, 3) == 0 ? of_any_size(&seed) : below(&seed, amount / count + 4);
        parts[i].amount = 77;
    }
    memcpy(expected, parts, sizeof expected);
    bool divides = model(expected, count, amount);
    CHECK(rill_shares_divide(parts, count, amount) == (divides ? RILL_OK : RILL_ERR_RANGE));
    for (size_t i = 0; divides && i < count; i++) {
        CHECK(parts[i].stream == expected[i].stream);
        CHECK(parts[i].amount == expected[i].amount);
        sum += parts[i].amount;
    }
    CHECK(!divides || sum == amount);
}

static void test_shares_as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        one_case(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shares_as_the_model)};
    return cmocka_run_group_tests_name("shares", tests, NULL, NULL);
}
