/* SPDX-License-Identifier: Apache-2.0 */
/* Exact arithmetic on amounts and rates: 128-bit products, every rounding named. */
#ifndef RILL_BASE_MULDIV_H
#define RILL_BASE_MULDIV_H

#include <rill/types.h>

/* a + b, a - b; false where the result does not fit. */
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

/* The greatest common divisor; that of a and 0 is a. */
uint64_t rill_gcd_u64(uint64_t a, uint64_t b);

/* a * b / c. False where c is 0 or the result does not fit. */
RILL_MUST_CHECK bool rill_mul_div_floor(uint64_t a, uint64_t b, uint64_t c, uint64_t *out);
RILL_MUST_CHECK bool rill_mul_div_ceil(uint64_t a, uint64_t b, uint64_t c, uint64_t *out);
/* As above, UINT64_MAX where it does not fit. c is not 0. */
uint64_t rill_mul_div_floor_sat(uint64_t a, uint64_t b, uint64_t c);
uint64_t rill_mul_div_ceil_sat(uint64_t a, uint64_t b, uint64_t c);

/* amount * ratio; UINT64_MAX where it does not fit. */
uint64_t rill_ratio_floor(rill_ratio ratio, uint64_t amount);
/* The most source units that deliver at most `amount`: floor(amount / ratio); UINT64_MAX where
 * ratio is 0. */
uint64_t rill_ratio_inverse_floor(rill_ratio ratio, uint64_t amount);
/* The fewest source units that deliver at least `amount`: ceil(amount / ratio); UINT64_MAX where
 * ratio is 0. */
uint64_t rill_ratio_inverse_ceil(rill_ratio ratio, uint64_t amount);
/* -1, 0, 1 as a is less than, equal to, greater than b. */
int rill_ratio_compare(rill_ratio a, rill_ratio b);
/* a * b in lowest terms; where that is not exact in two uint64, the largest ratio below it that is.
 */
rill_ratio rill_ratio_multiply_floor(rill_ratio a, rill_ratio b);
/* 1 - ratio. ratio is at most 1; 0 where it is more. */
rill_ratio rill_ratio_complement(rill_ratio ratio);
/* The largest ratio that is not above this one and whose denominator is at most `most`, which is
 * not 0: in lowest terms. */
rill_ratio rill_ratio_coarser(rill_ratio ratio, uint64_t most);
/* The same, the smallest that is not below it; den 0 where there is none of two uint64. */
rill_ratio rill_ratio_coarser_above(rill_ratio ratio, uint64_t most);
/* The ratio of the smallest terms from low on and below high. low is below high, and not 0. */
rill_ratio rill_ratio_simplest(rill_ratio low, rill_ratio high);

#endif
