/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares amounts and ratios with an independent reference: integers of 320 bits, multiplied by
 * shifting and adding, and divided bit by bit. They share no code with what is tested. Prints its
 * seed; give another one as the argument.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oracle.h"
#include "base/muldiv.h"

enum { WORDS = 10, CASES = 100000 };

typedef oracle_i128 wide;

/* The low end is first. */
typedef struct big {
    uint32_t word[WORDS];
} big;

static big big_of(uint64_t v)
{
    return (big){{(uint32_t)v, (uint32_t)(v >> 32)}};
}

static big big_add(big a, big b)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < WORDS; i++) {
        carry += (uint64_t)a.word[i] + b.word[i];
        a.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return a;
}

static big big_double(big a)
{
    return big_add(a, a);
}

static int big_compare(big a, big b)
{
    for (size_t i = WORDS; i-- > 0;) {
        if (a.word[i] != b.word[i])
            return a.word[i] < b.word[i] ? -1 : 1;
    }
    return 0;
}

static big big_sub(big a, big b)
{
    uint64_t borrow = 0;
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t take = (uint64_t)b.word[i] + borrow;
        borrow = a.word[i] < take;
        a.word[i] = (uint32_t)(a.word[i] - take);
    }
    return a;
}

static big big_multiply(big a, uint64_t b)
{
    big sum = big_of(0);
    for (int bit = 63; bit >= 0; bit--) {
        sum = big_double(sum);
        if (b >> bit & 1)
            sum = big_add(sum, a);
    }
    return sum;
}

/* c must not be 0. */
static big big_divide(big a, big c, big *rest)
{
    big quotient = big_of(0);
    *rest = big_of(0);
    for (size_t bit = WORDS * 32; bit-- > 0;) {
        *rest = big_double(*rest);
        rest->word[0] |= a.word[bit / 32] >> (bit % 32) & 1;
        quotient = big_double(quotient);
        if (big_compare(*rest, c) >= 0) {
            *rest = big_sub(*rest, c);
            quotient.word[0] |= 1;
        }
    }
    return quotient;
}

/* False if it does not fit. */
static bool big_to_u64(big a, uint64_t *out)
{
    if (big_compare(a, big_of(UINT64_MAX)) > 0)
        return false;
    *out = (uint64_t)a.word[1] << 32 | a.word[0];
    return true;
}

static uint64_t random_state;

/* splitmix64 */
static uint64_t next_random(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static const uint64_t edges[] = {0,
                                 1,
                                 2,
                                 3,
                                 10,
                                 UINT32_MAX - 1,
                                 UINT32_MAX,
                                 UINT64_C(1) << 32,
                                 (UINT64_C(1) << 32) + 1,
                                 UINT64_C(1) << 63,
                                 (UINT64_C(1) << 63) - 1,
                                 UINT64_C(1000000000000000000),
                                 UINT64_MAX - 1,
                                 UINT64_MAX};
enum { EDGES = sizeof(edges) / sizeof(edges[0]) };

/* Every magnitude is equally likely, and often it is an edge or next to one. */
static uint64_t random_value(void)
{
    uint64_t r = next_random();
    if (r % 8 == 0)
        return edges[next_random() % EDGES] + (r >> 8) % 3 - 1;
    return next_random() >> (r >> 8) % 64;
}

static void fail(const char *what, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    fprintf(stderr, "%s: %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", what, a, b, c, d);
    exit(1);
}

static void check_mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t floor = 0, ceil = 0, got_floor = 0, got_ceil = 0;
    bool floor_fits = false, ceil_fits = false;
    if (c != 0) {
        big rest;
        big quotient = big_divide(big_multiply(big_of(a), b), big_of(c), &rest);
        floor_fits = big_to_u64(quotient, &floor);
        if (big_compare(rest, big_of(0)) != 0)
            quotient = big_add(quotient, big_of(1));
        ceil_fits = big_to_u64(quotient, &ceil);
    }
    if (rill_mul_div_floor(a, b, c, &got_floor) != floor_fits || got_floor != floor)
        fail("mul_div_floor", a, b, c, got_floor);
    if (rill_mul_div_ceil(a, b, c, &got_ceil) != ceil_fits || got_ceil != ceil)
        fail("mul_div_ceil", a, b, c, got_ceil);
    if (c == 0)
        return;
    uint64_t floor_sat = floor_fits ? floor : UINT64_MAX;
    uint64_t ceil_sat = ceil_fits ? ceil : UINT64_MAX;
    if (rill_mul_div_floor_sat(a, b, c) != floor_sat)
        fail("mul_div_floor_sat", a, b, c, floor_sat);
    if (rill_mul_div_ceil_sat(a, b, c) != ceil_sat)
        fail("mul_div_ceil_sat", a, b, c, ceil_sat);
    rill_ratio ratio = {b, c};
    if (rill_ratio_floor(ratio, a) != floor_sat)
        fail("ratio", a, b, c, floor_sat);
    rill_ratio inverse = {c, b};
    if (rill_ratio_inverse_floor(inverse, a) != floor_sat ||
        rill_ratio_inverse_ceil(inverse, a) != ceil_sat)
        fail("ratio_inverse", a, b, c, floor_sat);
}

/* -1, 0, 1 as n / d is below, equal to, above num / den. */
static int compare(uint64_t n, uint64_t d, big num, big den)
{
    return big_compare(big_multiply(den, n), big_multiply(num, d));
}

static uint64_t gcd(uint64_t a, uint64_t b)
{
    return b == 0 ? a : gcd(b, a % b);
}

/*
 * p is the product a * b if that fits in lowest terms. Otherwise p is below it, and no ratio that
 * fits lies between: the next ratio above p, among those that fit, is above the product.
 */
static void check_multiply(rill_ratio a, rill_ratio b)
{
    big num = big_multiply(big_of(a.num), b.num);
    big den = big_multiply(big_of(a.den), b.den);
    rill_ratio p = rill_ratio_multiply_floor(a, b);
    int order = p.den == 0 ? 1 : compare(p.num, p.den, num, den);
    if (order > 0 || gcd(p.num, p.den) != 1)
        fail("multiply is above or not in lowest terms", a.num, a.den, b.num, b.den);
    if (order == 0)
        return;
    if (p.den == 1 && p.num == UINT64_MAX)
        return;
    /*
     * The neighbour n/d has n * p.den - d * p.num = 1. Extended Euclid gives one, and adding p to
     * it as often as it fits gives the nearest.
     */
    wide r0 = (wide)p.den, r1 = (wide)p.num, x0 = 1, x1 = 0, y0 = 0, y1 = 1;
    while (r1 != 0) {
        wide q = r0 / r1, t;
        t = r0 - q * r1, r0 = r1, r1 = t;
        t = x0 - q * x1, x0 = x1, x1 = t;
        t = y0 - q * y1, y0 = y1, y1 = t;
    }
    wide n = x0, d = -y0;
    while (n < 1 || d < 0)
        n += (wide)p.num, d += (wide)p.den;
    wide times = ((wide)UINT64_MAX - d) / (wide)p.den;
    if (p.num != 0 && ((wide)UINT64_MAX - n) / (wide)p.num < times)
        times = ((wide)UINT64_MAX - n) / (wide)p.num;
    n += times * (wide)p.num;
    d += times * (wide)p.den;
    if (n > (wide)UINT64_MAX || d > (wide)UINT64_MAX)
        return;
    if (compare((uint64_t)n, (uint64_t)d, num, den) <= 0)
        fail("multiply leaves out a nearer ratio", a.num, a.den, b.num, b.den);
}

static void check_ratios(rill_ratio a, rill_ratio b)
{
    int order = compare(a.num, a.den, big_of(b.num), big_of(b.den));
    if (rill_ratio_compare(a, b) != order || rill_ratio_compare(b, a) != -order)
        fail("ratio_compare", a.num, a.den, b.num, b.den);
    check_multiply(a, b);
    if (a.num <= a.den) {
        rill_ratio c = rill_ratio_complement(a);
        if (c.den != a.den || c.num + a.num != a.den)
            fail("complement", a.num, a.den, c.num, c.den);
    }
}

static void check_sums(uint64_t a, uint64_t b)
{
    uint64_t sum = 0, got = 0;
    bool fits = big_to_u64(big_add(big_of(a), big_of(b)), &sum);
    if (rill_add_u64(a, b, &got) != fits || got != sum ||
        rill_add_sat(a, b) != (fits ? sum : UINT64_MAX))
        fail("add", a, b, got, sum);
    got = 0;
    uint64_t difference = a < b ? 0 : a - b;
    if (rill_sub_u64(a, b, &got) != (a >= b) || got != difference ||
        rill_sub_sat(a, b) != difference)
        fail("sub", a, b, got, difference);
}

static uint64_t not_zero(uint64_t v)
{
    return v == 0 ? 1 : v;
}

int main(int argc, char **argv)
{
    random_state = argc > 1 ? strtoull(argv[1], NULL, 0) : UINT64_C(20171223012140549);
    printf("seed %" PRIu64 "\n", random_state);
    for (size_t i = 0; i < EDGES; i++) {
        for (size_t j = 0; j < EDGES; j++) {
            check_sums(edges[i], edges[j]);
            for (size_t k = 0; k < EDGES; k++) {
                check_mul_div(edges[i], edges[j], edges[k]);
                check_ratios((rill_ratio){edges[i], not_zero(edges[j])},
                             (rill_ratio){edges[k], not_zero(edges[(i + j + k) % EDGES])});
            }
        }
    }
    for (int i = 0; i < CASES; i++) {
        uint64_t a = random_value(), b = random_value(), c = random_value(), d = random_value();
        check_sums(a, b);
        if (i % 4 == 0)
            check_mul_div(a, b, c);
        check_ratios((rill_ratio){a, not_zero(b)}, (rill_ratio){c, not_zero(d)});
    }
    return 0;
}
