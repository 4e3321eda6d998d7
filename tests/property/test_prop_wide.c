/* SPDX-License-Identifier: Apache-2.0 */
/* Compares numbers of two halves with the compiler's own, for numbers near every power of two. */
#ifndef RILL_WIDE_HALVES
#define RILL_WIDE_HALVES
#endif
#include "base/wide.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../oracle.h"

#define CASES 200000

static uint64_t state = 1;

static uint64_t next_random(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Of any length, and often near a power of two, where carries happen. */
static oracle_u128 draw(void)
{
    oracle_u128 any = (oracle_u128)next_random() << 64 | next_random();
    unsigned length = (unsigned)(next_random() % 129);
    if (length == 0)
        return 0;
    if (next_random() % 2 == 0)
        return any >> (128 - length);
    return ((oracle_u128)1 << (length - 1)) + next_random() % 5 - 2;
}

static rill_u128 halves(oracle_u128 a)
{
    return rill_wide_of((uint64_t)(a >> 64), (uint64_t)a);
}

static oracle_u128 whole(rill_u128 a)
{
    return (oracle_u128)rill_wide_high(a) << 64 | rill_wide_low(a);
}

static void check(bool good, const char *what, oracle_u128 a, oracle_u128 b)
{
    if (good)
        return;
    printf("%s of %016" PRIx64 "%016" PRIx64 " and %016" PRIx64 "%016" PRIx64 "\n", what,
           (uint64_t)(a >> 64), (uint64_t)a, (uint64_t)(b >> 64), (uint64_t)b);
    exit(1);
}

static void check_unsigned(oracle_u128 a, oracle_u128 b)
{
    rill_u128 x = halves(a);
    rill_u128 y = halves(b);
    check(whole(rill_wide_add(x, y)) == a + b, "sum", a, b);
    check(whole(rill_wide_sub(x, y)) == a - b, "difference", a, b);
    check(whole(rill_wide_times(x, y)) == a * b, "product", a, b);
    check(whole(rill_wide_product((uint64_t)a, (uint64_t)b)) ==
              (oracle_u128)(uint64_t)a * (uint64_t)b,
          "product of 64 bits", a, b);
    check(rill_wide_less(x, y) == (a < b), "less", a, b);
    check(b == 0 || whole(rill_wide_div(x, y)) == a / b, "quotient", a, b);
    check(rill_wide_is_zero(x) == (a == 0), "zero", a, b);
    check(rill_wide_sat(x) == (a > UINT64_MAX ? UINT64_MAX : (uint64_t)a), "64 bits", a, b);
}

static void check_signed(oracle_u128 a, oracle_u128 b)
{
    const oracle_u128 flip = (oracle_u128)1 << 127;
    rill_i128 x = rill_wide_signed(halves(a));
    rill_i128 y = rill_wide_signed(halves(b));
    rill_i128 sum;
    oracle_u128 exact = a + b;
    bool fits = rill_wide_sum(x, y, &sum);
    check(whole(rill_wide_bits(sum)) == exact, "signed sum", a, b);
    /* It does not fit if both have one sign, and the sum has the other. */
    check(fits == (((a ^ exact) & (b ^ exact)) >> 127 == 0), "whether a sum fits", a, b);
    check(rill_wide_below(x, y) == ((a ^ flip) < (b ^ flip)), "below", a, b);
    check(rill_wide_negative(x) == (a >> 127 != 0), "sign", a, b);
    check(rill_wide_equal(x, y) == (a == b), "equal", a, b);
    check(whole(rill_wide_bits(rill_wide_negate(x))) == 0 - a, "negative", a, b);
}

int main(void)
{
    for (unsigned i = 0; i < CASES; i++) {
        oracle_u128 a = draw();
        oracle_u128 b = i % 8 == 0 ? a + i % 3 - 1 : draw();
        check_unsigned(a, b);
        check_signed(a, b);
    }
    return 0;
}
