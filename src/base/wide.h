/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole numbers of 128 bits: products of two amounts, and sums of products. Every operation is
 * modulo 2^128 unless its comment says otherwise. Signed numbers are the same bits, read as two's
 * complement.
 *
 * If the compiler has such numbers (on every 64-bit machine), these are used. Otherwise the same
 * functions work on two halves. With RILL_WIDE_HALVES defined they always do; the tests compare
 * both in this way.
 */
#ifndef RILL_BASE_WIDE_H
#define RILL_BASE_WIDE_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#if defined(__SIZEOF_INT128__) && !defined(RILL_WIDE_HALVES)

__extension__ typedef unsigned __int128 rill_u128;
__extension__ typedef __int128 rill_i128;

#define RILL_WIDE_OP(name, operator)                                                               \
    static inline rill_u128 rill_wide_##name(rill_u128 a, rill_u128 b)                             \
    {                                                                                              \
        return a operator b;                                                                       \
    }
RILL_WIDE_OP(add, +)
RILL_WIDE_OP(sub, -)
RILL_WIDE_OP(times, *)
#undef RILL_WIDE_OP

static inline rill_u128 rill_wide_of(uint64_t high, uint64_t low)
{
    return (rill_u128)high << 64 | low;
}

static inline uint64_t rill_wide_high(rill_u128 a)
{
    return (uint64_t)(a >> 64);
}

static inline uint64_t rill_wide_low(rill_u128 a)
{
    return (uint64_t)a;
}

/* a * b: exact. */
static inline rill_u128 rill_wide_product(uint64_t a, uint64_t b)
{
    return (rill_u128)a * b;
}

static inline bool rill_wide_less(rill_u128 a, rill_u128 b)
{
    return a < b;
}

/* a / b; b is not 0. */
static inline rill_u128 rill_wide_div(rill_u128 a, rill_u128 b)
{
    if ((a | b) >> 64 == 0) /* the common case, which is several times as fast */
        return (uint64_t)a / (uint64_t)b;
    return a / b;
}

static inline rill_i128 rill_wide_signed(rill_u128 a)
{
    return (rill_i128)a;
}

static inline rill_u128 rill_wide_bits(rill_i128 a)
{
    return (rill_u128)a;
}

#else

typedef struct rill_u128 {
    uint64_t high;
    uint64_t low;
} rill_u128;

typedef struct rill_i128 {
    rill_u128 bits;
} rill_i128;

static inline rill_u128 rill_wide_of(uint64_t high, uint64_t low)
{
    return (rill_u128){high, low};
}

static inline uint64_t rill_wide_high(rill_u128 a)
{
    return a.high;
}

static inline uint64_t rill_wide_low(rill_u128 a)
{
    return a.low;
}

static inline rill_u128 rill_wide_add(rill_u128 a, rill_u128 b)
{
    uint64_t low = a.low + b.low;
    return rill_wide_of(a.high + b.high + (low < a.low ? 1 : 0), low);
}

static inline rill_u128 rill_wide_sub(rill_u128 a, rill_u128 b)
{
    return rill_wide_of(a.high - b.high - (a.low < b.low ? 1 : 0), a.low - b.low);
}

static inline rill_u128 rill_wide_product(uint64_t a, uint64_t b)
{
    const uint64_t half = UINT32_MAX;
    uint64_t low = (a & half) * (b & half);
    /* (2^32 - 1)^2 leaves room for two more halves: none of these sums passes 2^64. */
    uint64_t middle = (a >> 32) * (b & half) + (low >> 32);
    uint64_t other = (a & half) * (b >> 32) + (middle & half);
    return rill_wide_of((a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32),
                        other << 32 | (low & half));
}

static inline rill_u128 rill_wide_times(rill_u128 a, rill_u128 b)
{
    rill_u128 product = rill_wide_product(a.low, b.low);
    product.high += a.high * b.low + a.low * b.high;
    return product;
}

static inline bool rill_wide_less(rill_u128 a, rill_u128 b)
{
    return a.high != b.high ? a.high < b.high : a.low < b.low;
}

/* Digit by digit, from the highest digit that can be one. */
static inline rill_u128 rill_wide_div(rill_u128 a, rill_u128 b)
{
    rill_u128 quotient = {0, 0};
    rill_u128 rest = {0, 0};
    assert((b.high | b.low) != 0);
    if ((a.high | b.high) == 0)
        return rill_wide_of(0, a.low / b.low);
    for (int digit = 127; digit >= 0; digit--) {
        /* Nothing is lost on the left, since rest is at most a / 2. */
        uint64_t next = digit < 64 ? a.low >> digit : a.high >> (digit - 64);
        rest = rill_wide_of(rest.high << 1 | rest.low >> 63, rest.low << 1 | (next & 1));
        if (rill_wide_less(rest, b))
            continue;
        rest = rill_wide_sub(rest, b);
        if (digit < 64)
            quotient.low |= UINT64_C(1) << digit;
        else
            quotient.high |= UINT64_C(1) << (digit - 64);
    }
    return quotient;
}

static inline rill_i128 rill_wide_signed(rill_u128 a)
{
    return (rill_i128){a};
}

static inline rill_u128 rill_wide_bits(rill_i128 a)
{
    return a.bits;
}

#endif

/* ---- the same for both kinds ---- */

static inline rill_u128 rill_wide(uint64_t a)
{
    return rill_wide_of(0, a);
}

static inline bool rill_wide_is_zero(rill_u128 a)
{
    return (rill_wide_high(a) | rill_wide_low(a)) == 0;
}

/* UINT64_MAX if it does not fit. */
static inline uint64_t rill_wide_sat(rill_u128 a)
{
    return rill_wide_high(a) != 0 ? UINT64_MAX : rill_wide_low(a);
}

static inline bool rill_wide_negative(rill_i128 a)
{
    return rill_wide_high(rill_wide_bits(a)) >> 63 != 0;
}

static inline rill_i128 rill_wide_negate(rill_i128 a)
{
    return rill_wide_signed(rill_wide_sub(rill_wide(0), rill_wide_bits(a)));
}

/* a + b; false if a signed number of 128 bits cannot hold it. */
static inline bool rill_wide_sum(rill_i128 a, rill_i128 b, rill_i128 *out)
{
    *out = rill_wide_signed(rill_wide_add(rill_wide_bits(a), rill_wide_bits(b)));
    return rill_wide_negative(a) != rill_wide_negative(b) ||
           rill_wide_negative(*out) == rill_wide_negative(a);
}

static inline bool rill_wide_equal(rill_i128 a, rill_i128 b)
{
    return rill_wide_is_zero(rill_wide_sub(rill_wide_bits(a), rill_wide_bits(b)));
}

/* a < b, for signed numbers. */
static inline bool rill_wide_below(rill_i128 a, rill_i128 b)
{
    const rill_u128 flip = rill_wide_of(UINT64_C(1) << 63, 0);
    return rill_wide_less(rill_wide_add(rill_wide_bits(a), flip),
                          rill_wide_add(rill_wide_bits(b), flip));
}

#endif
