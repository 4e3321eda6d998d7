/* SPDX-License-Identifier: Apache-2.0 */
#include <rill/error.h>
#include <rill/types.h>

#include "base/muldiv.h"
#include "base/wide.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The end of the digits at the beginning of text. */
static const char *skip_digits(const char *text)
{
    while (is_digit(*text))
        text++;
    return text;
}

/* The number in [text, end), which may be empty. RILL_ERR_RANGE. */
static int parse_digits(const char *text, const char *end, uint64_t *out)
{
    uint64_t value = 0;
    for (; text != end; text++) {
        if (__builtin_mul_overflow(value, UINT64_C(10), &value) ||
            __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
            return RILL_ERR_RANGE;
    }
    *out = value;
    return RILL_OK;
}

int rill_amount_parse(const char *text, uint64_t *out)
{
    const char *end = skip_digits(text);
    if (end == text || *end != '\0')
        return RILL_ERR_MALFORMED;
    return parse_digits(text, end, out);
}

/*
 * The decimal fraction 0.[text, end) in lowest terms. It is read from its last digit to its first:
 * f becomes (digit + f) / 10. The denominator of a tail divides that of the whole. So if one does
 * not fit, no later one fits.
 */
static int parse_fraction(const char *text, const char *end, rill_ratio *out)
{
    uint64_t num = 0;
    uint64_t den = 1;
    while (end != text) {
        uint64_t digit = (uint64_t)(*--end - '0');
        rill_u128 wide_num = rill_wide_add(rill_wide_product(digit, den), rill_wide(num));
        rill_u128 wide_den = rill_wide_product(den, 10);
        /*
         * num and den have no common factor except 2 and 5, which the last step may have brought
         * in.
         */
        rill_u128 tens = rill_wide_times(rill_wide_div(wide_num, rill_wide(10)), rill_wide(10));
        rill_u128 common =
            rill_wide(rill_gcd_u64(rill_wide_low(rill_wide_sub(wide_num, tens)), 10));
        wide_den = rill_wide_div(wide_den, common);
        if (rill_wide_high(wide_den) != 0)
            return RILL_ERR_RANGE;
        num = rill_wide_low(rill_wide_div(wide_num, common)); /* below den */
        den = rill_wide_low(wide_den);
    }
    *out = (rill_ratio){num, den};
    return RILL_OK;
}

static int parse_quotient(const char *num, const char *num_end, const char *den, rill_ratio *out)
{
    const char *den_end = skip_digits(den);
    if (num == num_end || den == den_end || *den_end != '\0')
        return RILL_ERR_MALFORMED;
    rill_ratio ratio;
    if (parse_digits(num, num_end, &ratio.num) != RILL_OK ||
        parse_digits(den, den_end, &ratio.den) != RILL_OK || ratio.den == 0)
        return RILL_ERR_RANGE;
    uint64_t common = rill_gcd_u64(ratio.num, ratio.den);
    *out = (rill_ratio){ratio.num / common, ratio.den / common};
    return RILL_OK;
}

int rill_ratio_parse(const char *text, rill_ratio *out)
{
    const char *whole_end = skip_digits(text);
    if (*whole_end == '/')
        return parse_quotient(text, whole_end, whole_end + 1, out);
    const char *fraction = whole_end;
    const char *end = whole_end;
    if (*whole_end == '.') {
        fraction = whole_end + 1;
        end = skip_digits(fraction);
        if (end == fraction)
            return RILL_ERR_MALFORMED;
    }
    if (end == text || *end != '\0')
        return RILL_ERR_MALFORMED;

    uint64_t whole;
    rill_ratio ratio;
    if (parse_digits(text, whole_end, &whole) != RILL_OK ||
        parse_fraction(fraction, end, &ratio) != RILL_OK)
        return RILL_ERR_RANGE;
    rill_u128 num = rill_wide_add(rill_wide_product(whole, ratio.den), rill_wide(ratio.num));
    if (rill_wide_high(num) != 0)
        return RILL_ERR_RANGE;
    *out = (rill_ratio){rill_wide_low(num), ratio.den};
    return RILL_OK;
}
