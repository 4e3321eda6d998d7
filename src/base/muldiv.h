/* SPDX-License-Identifier: Apache-2.0 */
/* Exact arithmetic on amounts and rates. Products have 128 bits, and every rounding is named. */
#ifndef RILL_BASE_MULDIV_H
#define RILL_BASE_MULDIV_H

#include <rill/types.h>

/* a + b, a - b; false if the result does not fit. */
RILL_MUST_CHECK static inline bool rill_add_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

RILL_MUST_CHECK static inline bool rill_sub_u64(uint64_t a, uint64_t b, uint64_t *out)
{
    if (b > a)
        return false;
    *out = a - b;
    return true;
}

/* a + b or UINT64_MAX; a - b or 0. */
static inline uint64_t rill_add_sat(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static inline uint64_t rill_sub_sat(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* The greatest common divisor. For a and 0 it is a. */
uint64_t rill_gcd_u64(uint64_t a, uint64_t b);

/* a * b / c. False if c is 0 or the result does not fit. */
RILL_MUST_CHECK bool rill_mul_div_floor(uint64_t a, uint64_t b, uint64_t c, uint64_t *out);
RILL_MUST_CHECK bool rill_mul_div_ceil(uint64_t a, uint64_t b, uint64_t c, uint64_t *out);
/* As above, but UINT64_MAX if it does not fit. c must not be 0. */
uint64_t rill_mul_div_floor_sat(uint64_t a, uint64_t b, uint64_t c);
uint64_t rill_mul_div_ceil_sat(uint64_t a, uint64_t b, uint64_t c);

/* amount * ratio; UINT64_MAX if it does not fit. */
uint64_t rill_ratio_floor(rill_ratio ratio, uint64_t amount);
/*
 * The most source units that deliver at most `amount`: floor(amount / ratio). UINT64_MAX if ratio
 * is 0.
 */
uint64_t rill_ratio_inverse_floor(rill_ratio ratio, uint64_t amount);
/*
 * The fewest source units that deliver at least `amount`: ceil(amount / ratio). UINT64_MAX if ratio
 * is 0.
 */
uint64_t rill_ratio_inverse_ceil(rill_ratio ratio, uint64_t amount);
/* -1, 0 or 1: a is less than, equal to, or greater than b. */
int rill_ratio_compare(rill_ratio a, rill_ratio b);
/*
 * a * b in lowest terms. If two 64-bit numbers cannot express that exactly: the largest ratio below
 * it that they can express.
 */
rill_ratio rill_ratio_multiply_floor(rill_ratio a, rill_ratio b);
/* 1 - ratio; 0 if ratio is more than 1. */
rill_ratio rill_ratio_complement(rill_ratio ratio);
/*
 * The largest ratio that is not above this one and whose denominator is at most `most`, in lowest
 * terms. `most` must not be 0.
 */
rill_ratio rill_ratio_coarser(rill_ratio ratio, uint64_t most);
/*
 * The same, but the smallest ratio that is not below it. den is 0 if two 64-bit numbers cannot
 * express one.
 */
rill_ratio rill_ratio_coarser_above(rill_ratio ratio, uint64_t most);
/*
 * The ratio with the smallest terms that is at least low and below high. low must be below high,
 * and not 0.
 */
rill_ratio rill_ratio_simplest(rill_ratio low, rill_ratio high);

#endif
