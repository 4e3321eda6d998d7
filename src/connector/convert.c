/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/convert.h"

#include <assert.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/wide.h"

/*
 * A whole number, least significant part first. The largest that comes up is in
 * rill_conversion_gains: eight numbers of 64 bits, two of 20, and 10^800 (2,658 bits).
 */
enum { LIMBS = 52 };

typedef struct number {
    uint64_t limb[LIMBS];
    size_t count; /* the limbs above are 0 */
} number;

static number number_of(uint64_t value)
{
    number n = {.count = value == 0 ? 0 : 1};
    n.limb[0] = value;
    return n;
}

static void times(number *n, uint64_t factor)
{
    uint64_t carry = 0;
    for (size_t i = 0; i < n->count; i++) {
        rill_u128 product = rill_wide_add(rill_wide_product(n->limb[i], factor), rill_wide(carry));
        n->limb[i] = rill_wide_low(product);
        carry = rill_wide_high(product);
    }
    if (carry != 0) {
        assert(n->count < LIMBS);
        n->limb[n->count++] = carry;
    }
    while (n->count > 0 && n->limb[n->count - 1] == 0)
        n->count--;
}

/* floor(n / divisor). Floors one after the other are the floor of the whole. */
static void divide(number *n, uint64_t divisor)
{
    uint64_t rest = 0;
    assert(divisor != 0);
    for (size_t i = n->count; i-- > 0;) {
        rill_u128 part = rill_wide_of(rest, n->limb[i]);
        rill_u128 quotient = rill_wide_div(part, rill_wide(divisor));
        /* rest is below the divisor, so the quotient is below 2^64. */
        n->limb[i] = rill_wide_low(quotient);
        rest = rill_wide_low(rill_wide_sub(part, rill_wide_product(n->limb[i], divisor)));
    }
    while (n->count > 0 && n->limb[n->count - 1] == 0)
        n->count--;
}

/* The largest power of ten in 64 bits is 10^19. */
static uint64_t next_power(unsigned *digits)
{
    uint64_t power = 1;
    unsigned step = *digits < 19 ? *digits : 19;
    for (unsigned i = 0; i < step; i++)
        power *= 10;
    *digits -= step;
    return power;
}

static void times_ten_to(number *n, unsigned digits)
{
    while (digits > 0)
        times(n, next_power(&digits));
}

static void divide_by_ten_to(number *n, unsigned digits)
{
    while (digits > 0 && n->count > 0)
        divide(n, next_power(&digits));
}

static int compare(const number *a, const number *b)
{
    if (a->count != b->count)
        return a->count < b->count ? -1 : 1;
    for (size_t i = a->count; i-- > 0;) {
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    }
    return 0;
}

/* ---- conversions ---- */

/* The numbers above and below the line but for what 10^shift adds. */
typedef struct factors {
    uint64_t up[3];
    uint64_t down[3];
} factors;

static factors factors_of(const rill_conversion *c)
{
    return (factors){
        .up = {c->up[0], c->up[1], RILL_SPREAD_ONE - c->spread},
        .down = {c->down[0], c->down[1], RILL_SPREAD_ONE},
    };
}

static unsigned digits_up(const rill_conversion *c)
{
    return c->shift > 0 ? (unsigned)c->shift : 0;
}

static unsigned digits_down(const rill_conversion *c)
{
    return c->shift < 0 ? (unsigned)-c->shift : 0;
}

/* Multiplies into *product; false if it does not fit. */
static bool product_fits(uint64_t *product, uint64_t factor)
{
    rill_u128 wide = rill_wide_product(*product, factor);
    *product = rill_wide_low(wide);
    return rill_wide_high(wide) == 0;
}

/* {0, 0} if two 64-bit numbers cannot express it. */
static rill_ratio lowest_terms(const rill_conversion *c)
{
    enum { MOST = 3 + (RILL_MAX_SHIFT + 18) / 19 };
    uint64_t up[MOST];
    uint64_t down[MOST];
    size_t ups = 3;
    size_t downs = 3;
    factors f = factors_of(c);
    memcpy(up, f.up, sizeof f.up);
    memcpy(down, f.down, sizeof f.down);
    for (unsigned left = digits_up(c); left > 0;)
        up[ups++] = next_power(&left);
    for (unsigned left = digits_down(c); left > 0;)
        down[downs++] = next_power(&left);
    for (size_t i = 0; i < ups; i++) {
        for (size_t k = 0; k < downs; k++) {
            uint64_t common = rill_gcd_u64(up[i], down[k]);
            up[i] /= common;
            down[k] /= common;
        }
    }
    rill_ratio out = {1, 1};
    bool fits = true;
    for (size_t i = 0; i < ups; i++)
        fits = product_fits(&out.num, up[i]) && fits;
    for (size_t k = 0; k < downs; k++)
        fits = product_fits(&out.den, down[k]) && fits;
    return fits ? out : (rill_ratio){0, 0};
}

rill_conversion rill_conversion_of(rill_ratio source_price, uint8_t source_scale,
                                   rill_ratio destination_price, uint8_t destination_scale,
                                   uint32_t spread)
{
    return rill_conversion_shifted(source_price, destination_price,
                                   destination_scale - source_scale, spread);
}

rill_conversion rill_conversion_shifted(rill_ratio source_price, rill_ratio destination_price,
                                        int shift, uint32_t spread)
{
    assert(source_price.den != 0 && destination_price.den != 0 && destination_price.num != 0);
    assert(spread <= RILL_SPREAD_ONE && shift >= -RILL_MAX_SHIFT && shift <= RILL_MAX_SHIFT);
    rill_conversion c = {
        .up = {source_price.num, destination_price.den},
        .down = {source_price.den, destination_price.num},
        .shift = (int16_t)shift,
        .spread = spread,
    };
    c.exact = lowest_terms(&c);
    return c;
}

bool rill_convert(const rill_conversion *c, uint64_t source, uint64_t *out)
{
    if (c->exact.den != 0)
        return rill_mul_div_floor(source, c->exact.num, c->exact.den, out);
    factors f = factors_of(c);
    number n = number_of(source);
    for (size_t i = 0; i < 3; i++)
        times(&n, f.up[i]);
    times_ten_to(&n, digits_up(c));
    for (size_t i = 0; i < 3; i++)
        divide(&n, f.down[i]);
    divide_by_ten_to(&n, digits_down(c));
    if (n.count > 1)
        return false;
    *out = n.limb[0];
    return true;
}

/*
 * floor(source * r) <= d exactly if source * r < d + 1, so the most is the largest whole number
 * below (d + 1) / r: ceil((d + 1) / r) - 1.
 */
uint64_t rill_convert_inverse(const rill_conversion *c, uint64_t destination)
{
    factors f = factors_of(c);
    number n = number_of(destination);
    /* (d + 1) * down - 1, all divided by up and rounded down, is that number. */
    if (destination == UINT64_MAX)
        n = (number){.limb = {0, 1}, .count = 2};
    else
        n = number_of(destination + 1);
    if (f.up[0] == 0 || f.up[1] == 0 || f.up[2] == 0)
        return UINT64_MAX;
    for (size_t i = 0; i < 3; i++)
        times(&n, f.down[i]);
    times_ten_to(&n, digits_down(c));
    for (size_t i = 0; i < n.count; i++) {
        if (n.limb[i]-- != 0)
            break;
    }
    while (n.count > 0 && n.limb[n.count - 1] == 0)
        n.count--;
    for (size_t i = 0; i < 3; i++)
        divide(&n, f.up[i]);
    divide_by_ten_to(&n, digits_up(c));
    return n.count > 1 ? UINT64_MAX : n.limb[0];
}

bool rill_conversion_gains(const rill_conversion *there, const rill_conversion *back)
{
    const rill_conversion *both[2] = {there, back};
    number up = number_of(1);
    number down = number_of(1);
    for (size_t k = 0; k < 2; k++) {
        factors f = factors_of(both[k]);
        for (size_t i = 0; i < 3; i++) {
            times(&up, f.up[i]);
            times(&down, f.down[i]);
        }
        times_ten_to(&up, digits_up(both[k]));
        times_ten_to(&down, digits_down(both[k]));
    }
    return compare(&up, &down) > 0;
}
