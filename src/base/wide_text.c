/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wide_text.h"

#include <string.h>

#include <rill/error.h>

static size_t digits_of(rill_u128 value, char *out)
{
    char reversed[RILL_WIDE_TEXT];
    size_t count = 0;
    const rill_u128 ten = rill_wide(10);
    do {
        rill_u128 rest = rill_wide_div(value, ten);
        reversed[count++] =
            (char)('0' + rill_wide_low(rill_wide_sub(value, rill_wide_times(rest, ten))));
        value = rest;
    } while (!rill_wide_is_zero(value));
    for (size_t i = 0; i < count; i++)
        out[i] = reversed[count - 1 - i];
    out[count] = '\0';
    return count;
}

void rill_wide_text(rill_u128 value, char out[RILL_WIDE_TEXT])
{
    digits_of(value, out);
}

void rill_wide_signed_text(rill_i128 value, char out[RILL_WIDE_TEXT])
{
    bool negative = rill_wide_negative(value);
    if (negative) {
        *out++ = '-';
        value = rill_wide_negate(value); /* the lowest stays, and is right when read unsigned */
    }
    digits_of(rill_wide_bits(value), out);
}

int rill_wide_signed_parse(const char *text, size_t len, rill_i128 *out)
{
    const rill_u128 limit = rill_wide_of(UINT64_C(1) << 63, 0); /* 2^127 */
    bool negative = len > 0 && text[0] == '-';
    size_t at = negative ? 1 : 0;
    if (at == len || (text[at] == '0' && (negative || len > 1)))
        return RILL_ERR_INVALID;
    rill_u128 value = rill_wide(0);
    bool fits = true;
    for (; at < len; at++) {
        if (text[at] < '0' || text[at] > '9')
            return RILL_ERR_INVALID;
        /* 2^127 has 39 digits: at 10^37 and more, one digit more could pass 2^128 after ten. */
        rill_u128 next = rill_wide_add(rill_wide_times(value, rill_wide(10)),
                                       rill_wide((uint64_t)(text[at] - '0')));
        fits = fits && !rill_wide_less(limit, next) &&
               !rill_wide_less(rill_wide_div(limit, rill_wide(10)), value);
        value = next;
    }
    if (!fits || (!negative && !rill_wide_less(value, limit)))
        return RILL_ERR_RANGE;
    *out = rill_wide_signed(value);
    if (negative)
        *out = rill_wide_negate(*out);
    return RILL_OK;
}
