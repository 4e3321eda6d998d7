/* SPDX-License-Identifier: Apache-2.0 */
#include "base/muldiv.h"

#include "base/wide.h"

uint64_t rill_gcd_u64(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Computes a * b = *quotient * c + *rest. False if c is 0 or the quotient does not fit. */
static bool mul_div(uint64_t a, uint64_t b, uint64_t c, uint64_t *quotient, uint64_t *rest)
{
    rill_u128 product = rill_wide_product(a, b);
    /* The quotient is below 2^64 exactly if the high half is below c. This also refuses c = 0. */
    if (rill_wide_high(product) >= c)
        return false;
    *quotient = rill_wide_low(rill_wide_div(product, rill_wide(c)));
    *rest = rill_wide_low(product) - *quotient * c;
    return true;
}

bool rill_mul_div_floor(uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    uint64_t quotient;
    uint64_t rest;
    if (!mul_div(a, b, c, &quotient, &rest))
        return false;
    *out = quotient;
    return true;
}

bool rill_mul_div_ceil(uint64_t a, uint64_t b, uint64_t c, uint64_t *out)
{
    uint64_t quotient;
    uint64_t rest;
    if (!mul_div(a, b, c, &quotient, &rest))
        return false;
    return rill_add_u64(quotient, rest != 0 ? 1 : 0, out);
}

uint64_t rill_mul_div_floor_sat(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t result;
    return rill_mul_div_floor(a, b, c, &result) ? result : UINT64_MAX;
}

uint64_t rill_mul_div_ceil_sat(uint64_t a, uint64_t b, uint64_t c)
{
    uint64_t result;
    return rill_mul_div_ceil(a, b, c, &result) ? result : UINT64_MAX;
}

uint64_t rill_ratio_floor(rill_ratio ratio, uint64_t amount)
{
    uint64_t product;
    if (!__builtin_mul_overflow(amount, ratio.num, &product) && ratio.den != 0)
        return product / ratio.den;
    return rill_mul_div_floor_sat(amount, ratio.num, ratio.den);
}

uint64_t rill_ratio_inverse_floor(rill_ratio ratio, uint64_t amount)
{
    return rill_mul_div_floor_sat(amount, ratio.den, ratio.num);
}

uint64_t rill_ratio_inverse_ceil(rill_ratio ratio, uint64_t amount)
{
    uint64_t product;
    if (!__builtin_mul_overflow(amount, ratio.den, &product) && ratio.num != 0)
        return product / ratio.num + (product % ratio.num != 0 ? 1 : 0);
    return rill_mul_div_ceil_sat(amount, ratio.den, ratio.num);
}

int rill_ratio_compare(rill_ratio a, rill_ratio b)
{
    rill_u128 left = rill_wide_product(a.num, b.den);
    rill_u128 right = rill_wide_product(b.num, a.den);
    return rill_wide_less(left, right) ? -1 : rill_wide_less(right, left) ? 1 : 0;
}

/*
 * How often step can be added to from before a numerator passes 2^64 - 1 or a denominator passes
 * most.
 */
static uint64_t room_for(rill_ratio from, rill_ratio step, uint64_t most)
{
    uint64_t num = step.num == 0 ? UINT64_MAX : (UINT64_MAX - from.num) / step.num;
    uint64_t den = step.den == 0 ? UINT64_MAX : (most - from.den) / step.den;
    return num < den ? num : den;
}

static rill_ratio add_times(rill_ratio from, rill_ratio step, uint64_t times)
{
    return (rill_ratio){from.num + times * step.num, from.den + times * step.den};
}

/*
 * Finds the two ratios of 64-bit numbers, with denominators up to most (at least 1), that are next
 * to num / den: the largest that is not above it, and the smallest that is not below it.
 *
 * This walks down the Stern-Brocot tree, and takes a whole run of equal turns in one step (which is
 * Euclid's algorithm). low <= num / den < high always holds. Every ratio between low and high has a
 * numerator and a denominator at least as large as those of their mediant. So once the next mediant
 * does not fit, nothing between them fits.
 */
static rill_ratio walk(rill_u128 num, rill_u128 den, uint64_t most, rill_ratio *above)
{
    rill_ratio low = {0, 1};
    rill_ratio high = {1, 0};
    for (;;) {
        rill_u128 run = rill_wide_div(num, den);
        uint64_t room = room_for(low, high, most);
        *above = high;
        if (rill_wide_less(rill_wide(room), run))
            return add_times(low, high, room);
        low = add_times(low, high, rill_wide_low(run));
        num = rill_wide_sub(num, rill_wide_times(run, den));
        if (rill_wide_is_zero(num)) {
            *above = low;
            return low;
        }
        /* One less, so that high stays above: an exact result is reached from below. */
        run = rill_wide_div(rill_wide_sub(den, rill_wide(1)), num);
        room = room_for(high, low, most);
        bool ends = rill_wide_less(rill_wide(room), run);
        high = add_times(high, low, ends ? room : rill_wide_low(run));
        *above = high;
        if (ends)
            return low;
        den = rill_wide_sub(den, rill_wide_times(run, num));
    }
}

static rill_ratio round_down(rill_u128 num, rill_u128 den, uint64_t most)
{
    rill_ratio above;
    return walk(num, den, most, &above);
}

rill_ratio rill_ratio_multiply_floor(rill_ratio a, rill_ratio b)
{
    return round_down(rill_wide_product(a.num, b.num), rill_wide_product(a.den, b.den), UINT64_MAX);
}

rill_ratio rill_ratio_complement(rill_ratio ratio)
{
    return (rill_ratio){rill_sub_sat(ratio.den, ratio.num), ratio.den};
}

rill_ratio rill_ratio_coarser(rill_ratio ratio, uint64_t most)
{
    if (ratio.den == 1) /* nothing has a smaller denominator */
        return ratio;
    return round_down(rill_wide(ratio.num), rill_wide(ratio.den), most);
}

rill_ratio rill_ratio_coarser_above(rill_ratio ratio, uint64_t most)
{
    rill_ratio above;
    (void)walk(rill_wide(ratio.num), rill_wide(ratio.den), most, &above);
    return above;
}

/*
 * Both ratios as continued fractions. As long as their terms agree, so do those of every ratio
 * between them. At the first difference the smallest integer between them ends the fraction. After
 * each step the reciprocal of the rest is taken. So low and high change places, and with them which
 * of the two belongs to the range.
 */
rill_ratio rill_ratio_simplest(rill_ratio low, rill_ratio high)
{
    rill_ratio last = {1, 0}; /* convergents */
    rill_ratio before = {0, 1};
    bool with_low = true;
    for (;;) {
        uint64_t whole = low.num / low.den;
        uint64_t rest = low.num % low.den;
        bool ends = with_low && rest == 0;
        if (!ends) {
            /* whole + 1 is inside, or high is at most that. */
            uint64_t over = high.den == 0 ? 0 : high.num / high.den;
            bool exact = high.den != 0 && high.num % high.den == 0;
            bool inside =
                high.den == 0 || over > whole + 1 || (over == whole + 1 && (!exact || !with_low));
            whole += inside ? 1 : 0;
            ends = inside;
        }
        rill_ratio next = {whole * last.num + before.num, whole * last.den + before.den};
        if (ends)
            return next;
        before = last;
        last = next;
        rill_ratio swap = {low.den, rest};
        low = (rill_ratio){high.den, high.num - whole * high.den};
        high = swap;
        with_low = !with_low;
    }
}
