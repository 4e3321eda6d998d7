/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rates: what is learnt from a path with a known rate explains what that path does, and no packet
 * ever gets through below the minimum. Packet sizes: any limit is found, also one that changes,
 * whatever the path says about it.
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
#include "base/muldiv.h"
#include "stream/path/packet_size.h"
#include "stream/path/rate.h"

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

#define CASES 20000

static uint64_t path(rill_ratio rate, uint64_t amount)
{
    oracle_u128 product = (oracle_u128)amount * rate.num / rate.den;

    return product > UINT64_MAX ? UINT64_MAX : (uint64_t)product;
}

static rill_ratio random_rate(uint64_t *seed)
{
    uint64_t num = 1 + below(seed, 1000000);
    uint64_t den = 1 + below(seed, 1000000);

    return (rill_ratio){.num = num, .den = den};
}

/* Amounts whose product with the rate stays far below the largest number. */
static uint64_t random_amount(uint64_t *seed)
{
    return (next(seed) >> 22) >> below(seed, 42);
}

static void rate_case(uint64_t case_seed)
{
    uint64_t seed = case_seed;
    rill_ratio truth = random_rate(&seed);
    const rill_ratio slippage = {below(&seed, 100), 100};
    rill_ratio best = {0, 1};
    rill_rate r;

    rill_rate_init(&r, (rill_ratio){0, 1}, slippage);
    for (unsigned i = 0; i < 20; i++) {
        uint64_t sent = random_amount(&seed);
        uint64_t delivered = path(truth, sent);
        if (i < 5)
            rill_rate_probe(&r, sent, delivered);
        else
            rill_rate_learn(&r, sent, delivered);
        rill_ratio reply = {delivered, sent > 0 ? sent : 1};
        if (rill_ratio_compare(reply, best) > 0)
            best = reply;
        /* As exact as the reply that brought the most for its units, whatever came later. */
        CHECK(rill_ratio_compare(r.latest, best) == 0);
        if (best.num == 0)
            continue;
        CHECK(path(truth, r.latest.den) == r.latest.num);
        CHECK(rill_ratio_compare(r.latest, truth) <= 0 && rill_ratio_compare(truth, r.above) < 0);
        CHECK(rill_ratio_compare(r.latest, r.guess) <= 0);
        CHECK(rill_ratio_compare(r.guess, r.above) < 0);
    }
    if (!rill_rate_settle(&r)) {
        CHECK(r.probed.num == 0);
        return;
    }
    for (unsigned i = 0; i < 20; i++) {
        uint64_t amount = random_amount(&seed);
        uint64_t minimum = rill_ratio_floor(r.minimum, amount);
        /* Never above what the path delivers, and not much below what the slippage allows. */
        CHECK(minimum <= path(truth, amount));
        oracle_u128 exact =
            (oracle_u128)r.probed.num * amount / r.probed.den * (100 - slippage.num) / 100;
        CHECK(minimum + 1 >= exact && minimum <= exact + 1);
        /* The guess is never too high, and too low by at most the rounding of its measurement. */
        uint64_t guess = rill_rate_delivers(&r, amount);
        CHECK(guess <= path(truth, amount));
        CHECK(path((rill_ratio){r.latest.num + 1, r.latest.den}, amount) >= path(truth, amount));
        uint64_t wanted = 1 + below(&seed, 1000000);
        uint64_t needed = rill_rate_needed_ceil(&r, wanted);
        CHECK(rill_rate_delivers(&r, needed) >= wanted);
        CHECK(path(truth, needed) >= wanted);
        CHECK(rill_rate_delivers(&r, needed - 1) < wanted);
        uint64_t allowed = rill_rate_needed_floor(&r, wanted);
        CHECK(rill_rate_delivers(&r, allowed) <= wanted);
        CHECK(needed - allowed <= 1);
    }
    /* If the rate is as guessed, no multiple of the grain loses more than the minimum allows. */
    uint64_t grain = rill_rate_grain(&r);
    for (uint64_t i = 1; i < 20 && grain < UINT64_C(1) << 50; i++)
        CHECK(path(r.guess, grain * i) >= rill_ratio_floor(r.minimum, grain * i));
}

/* If a rate has changed by more than rounding explains, a few replies of any size show it. */
static void changing_case(uint64_t case_seed)
{
    uint64_t seed = case_seed;
    rill_rate r;

    rill_rate_init(&r, (rill_ratio){0, 1}, (rill_ratio){1, 100});
    for (unsigned i = 0; i < 20; i++) {
        rill_ratio truth = random_rate(&seed);
        uint64_t sent = 1 + random_amount(&seed);
        uint64_t delivered = path(truth, sent);
        rill_rate_learn(&r, sent, delivered);
        /* A reply to a packet as large as the best shows it at once. */
        oracle_u128 whole = (oracle_u128)(sent / r.latest.den) * r.latest.num;
        CHECK(r.latest.num <= 1 || whole <= (oracle_u128)delivered + 1);
        for (unsigned reply = 1; reply < 8; reply++)
            rill_rate_learn(&r, sent, delivered);
        CHECK(r.latest.den != 0);
        uint64_t guess = rill_rate_delivers(&r, sent);
        /* At most what two units of rounding in each measurement explain. */
        oracle_u128 slack = 1 + (oracle_u128)sent * 2 / r.latest.den;
        if (r.latest.num > 0)
            CHECK(guess <= delivered + r.loss && guess + slack >= delivered);
    }
}

/* However many hops round, no packet as large as the best says that the rate has fallen. */
static void hops_case(uint64_t case_seed)
{
    uint64_t seed = case_seed;
    rill_ratio hops[3];
    rill_rate r;

    for (unsigned i = 0; i < 3; i++)
        hops[i] = (rill_ratio){1 + below(&seed, 1000), 1 + below(&seed, 1000)};
    rill_rate_init(&r, (rill_ratio){0, 1}, (rill_ratio){1, 100});
    for (unsigned i = 0; i < 40; i++) {
        rill_ratio before = r.latest;
        /* Every second one is as large as the best, so that no doubts add up. */
        uint64_t sent = i % 2 == 0 || before.num == 0 ? 1 + below(&seed, 100000) : before.den;
        uint64_t delivered = sent;
        for (unsigned h = 0; h < 3; h++)
            delivered = path(hops[h], delivered);
        rill_rate_learn(&r, sent, delivered);
        CHECK(before.num == 0 || rill_ratio_compare(r.latest, before) >= 0);
    }
}

static void any_numbers_case(uint64_t case_seed)
{
    uint64_t seed = case_seed;
    rill_rate r;

    rill_rate_init(&r, (rill_ratio){of_any_size(&seed), 1 + of_any_size(&seed) / 2},
                   (rill_ratio){1, 100});
    for (unsigned i = 0; i < 20; i++) {
        rill_rate_learn(&r, of_any_size(&seed), of_any_size(&seed));
        rill_rate_probe(&r, of_any_size(&seed), of_any_size(&seed));
        CHECK(rill_rate_settle(&r) == (r.fixed || r.probed.num > 0));
        uint64_t amount = of_any_size(&seed);
        uint64_t minimum = rill_ratio_floor(r.minimum, amount);
        oracle_u128 exact = (oracle_u128)amount * r.minimum.num / r.minimum.den;
        CHECK(minimum == (exact > UINT64_MAX ? UINT64_MAX : (uint64_t)exact));
        (void)rill_rate_delivers(&r, amount);
        (void)rill_rate_needed_ceil(&r, amount);
        (void)rill_rate_needed_floor(&r, amount);
        CHECK(rill_rate_grain(&r) >= 1);
    }
}

/* A connector with a limit. It refuses larger packets, and tells the limit in its own way. */
typedef struct connector {
    uint64_t limit;
    uint64_t habit; /* 0: no data; 1: the truth in its own units; 2: anything; 3: garbage */
    rill_ratio rate;
} connector;

static bool send_one(rill_packet_size *p, const connector *c, uint64_t *seed, uint64_t now)
{
    uint64_t amount = rill_packet_size_next(p, now);
    uint8_t data[16];
    rill_bytes told = {NULL, 0};

    if (amount > 0 && amount <= c->limit) {
        rill_packet_size_passed(p, amount, now);
        return true;
    }
    if (c->habit == 1)
        rill_amount_too_large_encode(
            (rill_amount_too_large){path(c->rate, amount), path(c->rate, c->limit)}, data);
    else
        rill_amount_too_large_encode((rill_amount_too_large){of_any_size(seed), of_any_size(seed)},
                                     data);
    if (c->habit != 0)
        told = (rill_bytes){data, c->habit == 3 ? (size_t)below(seed, 16) : 16};
    rill_packet_size_refused(p, amount, told, now);
    return false;
}

static void size_case(uint64_t case_seed)
{
    uint64_t seed = case_seed;
    uint64_t configured = 1 + of_any_size(&seed) / 2;
    uint64_t now = 1;
    connector c = {.habit = below(&seed, 4), .rate = random_rate(&seed)};
    rill_packet_size p;

    rill_packet_size_init(&p, configured);
    for (unsigned change = 0; change < 4; change++) {
        c.limit = 1 + of_any_size(&seed) % configured;
        /* Long enough for the search, and for every probe that a rising limit needs. */
        for (unsigned i = 0; i < 300; i++, now += RILL_SECOND) {
            uint64_t amount = rill_packet_size_next(&p, now);
            CHECK(amount <= configured);
            (void)send_one(&p, &c, &seed, now);
            CHECK(p.refused > p.passed);
            CHECK(rill_packet_size_next(&p, now) <= configured);
        }
        /* If what is told is not a lie, the limit has been found. */
        if (c.habit == 0 || c.habit == 3) {
            uint64_t found = p.passed;
            CHECK(found <= c.limit && found > 0);
            CHECK(found >= (c.limit < configured ? c.limit : configured) / 2);
        }
    }
}

static void test_rates(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        rate_case(seed);
}

static void test_changing_rates(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        changing_case(seed);
}

static void test_several_hops(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        hops_case(seed);
}

static void test_any_numbers(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES; seed++)
        any_numbers_case(seed);
}

static void test_packet_sizes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= CASES / 4; seed++)
        size_case(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),        cmocka_unit_test(test_changing_rates),
        cmocka_unit_test(test_several_hops), cmocka_unit_test(test_any_numbers),
        cmocka_unit_test(test_packet_sizes),
    };
    return cmocka_run_group_tests_name("rates", tests, NULL, NULL);
}
