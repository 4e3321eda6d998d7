/* SPDX-License-Identifier: Apache-2.0 */
/* Compares the windows of sequence numbers, and the sets of ids, with plain arrays of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/wire/id_set.h"
#include "stream/wire/sequence_window.h"

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

#define CASES 3000
#define SPAN  6000
#define A     rill_allocator_default()

/*
 * All numbers are base plus a number below SPAN. The window always tells these apart, once base is
 * out of reach behind it, or 0.
 */
static void sequence_case(uint64_t case_seed)
{
    static bool seen[SPAN];
    uint64_t seed = case_seed;
    uint64_t highest = 0;
    uint64_t jump = 1 + below(&seed, below(&seed, 4) == 0 ? 900 : 5);
    uint64_t base = below(&seed, 3) == 0 ? UINT64_MAX - SPAN + 1 : 0;
    rill_sequence_window w;

    memset(seen, 0, sizeof seen);
    rill_sequence_window_init(&w);
    for (unsigned step = 0; step < 600; step++) {
        uint64_t number;
        if (below(&seed, 3) == 0)
            number = below(&seed, highest + 1);
        else if (below(&seed, 2) == 0)
            number = highest < 100 ? below(&seed, highest + 1) : highest - below(&seed, 100);
        else
            number = highest + 1 + below(&seed, jump);
        if (number >= SPAN)
            continue;
        CHECK(rill_sequence_window_seen(&w, base + number) == seen[number]);
        int rc = rill_sequence_window_mark(&w, A, base + number);
        CHECK(rc == (seen[number] ? RILL_ERR_EXISTS : RILL_OK));
        CHECK(rill_sequence_window_seen(&w, base + number));
        seen[number] = true;
        if (number > highest)
            highest = number;
        if (step % 50 == 0)
            for (uint64_t i = 0; i < SPAN; i++)
                CHECK(rill_sequence_window_seen(&w, base + i) == seen[i]);
    }
    rill_sequence_window_clear(&w, A);
}

/*
 * Numbers over far more than the window: none is ever taken twice, and recent ones are told apart.
 */
static void far_case(uint64_t case_seed)
{
    enum { SPAN_FAR = 3 * RILL_SEQUENCE_WINDOW_MAX };
    static bool seen[SPAN_FAR];
    uint64_t seed = case_seed;
    uint64_t highest = 0;
    uint64_t jump = 1 + below(&seed, RILL_SEQUENCE_WINDOW_MAX);
    rill_sequence_window w;

    memset(seen, 0, sizeof seen);
    rill_sequence_window_init(&w);
    for (unsigned step = 0; step < 3000; step++) {
        uint64_t number = below(&seed, highest + 1);
        if (below(&seed, 20) == 0)
            number = highest + 1 + below(&seed, jump);
        if (number >= SPAN_FAR)
            continue;
        bool behind = number + RILL_SEQUENCE_WINDOW_MAX <= highest;
        int rc = rill_sequence_window_mark(&w, A, number);
        CHECK(rc == (seen[number] || behind ? RILL_ERR_EXISTS : RILL_OK));
        seen[number] = true;
        if (number > highest)
            highest = number;
    }
    rill_sequence_window_clear(&w, A);
}

static void id_set_case(uint64_t case_seed)
{
    enum { IDS = 300 };
    bool has[IDS] = {false};
    uint64_t seed = case_seed;
    uint64_t parity = below(&seed, 2);
    uint64_t base = below(&seed, 2) == 0 ? 0 : UINT64_MAX - 2 * IDS + 1;
    uint64_t sequential = below(&seed, 4);
    uint64_t index = 0;
    rill_id_set s;

    rill_id_set_init(&s);
    for (unsigned step = 0; step < 2 * IDS; step++) {
        index = below(&seed, 4) < sequential ? (index + 1) % IDS : below(&seed, IDS);
        uint64_t id = base + 2 * index + parity;
        CHECK(rill_id_set_has(&s, id) == has[index]);
        CHECK(rill_id_set_add(&s, A, id) == RILL_OK);
        has[index] = true;
        uint32_t ranges = 0;
        for (size_t i = 0; i < IDS; i++)
            if (has[i] && (i == 0 || !has[i - 1]))
                ranges++;
        CHECK(s.count == ranges);
    }
    for (uint64_t i = 0; i < IDS; i++)
        CHECK(rill_id_set_has(&s, base + 2 * i + parity) == has[i]);
    rill_id_set_clear(&s, A);
}

static void test_sequence_window_as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        sequence_case(seed);
    for (uint64_t seed = 1; seed <= CASES / 30; seed++)
        far_case(seed);
}

static void test_id_set_as_the_model(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        id_set_case(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sequence_window_as_the_model),
        cmocka_unit_test(test_id_set_as_the_model),
    };
    return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}
