/* SPDX-License-Identifier: Apache-2.0 */
/*
 * These characters often stand for secrets (shared secrets, tokens). So characters and values are
 * converted by arithmetic, and not by tables: the cache would show which entry of a table was read.
 */
#include "base/base64.h"

#include <rill/error.h>

enum { STANDARD_62 = '+', STANDARD_63 = '/', URL_62 = '-', URL_63 = '_' };

/* All ones where low <= c <= high, else 0. All three are below 2^31. */
static uint32_t in_range(uint32_t c, uint32_t low, uint32_t high)
{
    return ~((0U - ((c - low) >> 31)) | (0U - ((high - c) >> 31)));
}

static char digit_of(uint32_t value, uint32_t char62, uint32_t char63)
{
    uint32_t c = (in_range(value, 0, 25) & (value + 'A')) |
                 (in_range(value, 26, 51) & (value - 26 + 'a')) |
                 (in_range(value, 52, 61) & (value - 52 + '0')) |
                 (in_range(value, 62, 62) & char62) | (in_range(value, 63, 63) & char63);
    return (char)c;
}

/*
 * *bad, *standard and *url collect whether c is in no alphabet, only in the standard one, or only
 * in the other.
 */
static uint32_t value_of(uint32_t c, uint32_t *bad, uint32_t *standard, uint32_t *url)
{
    uint32_t upper = in_range(c, 'A', 'Z');
    uint32_t lower = in_range(c, 'a', 'z');
    uint32_t number = in_range(c, '0', '9');
    uint32_t is62 = in_range(c, STANDARD_62, STANDARD_62);
    uint32_t is63 = in_range(c, STANDARD_63, STANDARD_63);
    uint32_t is62_url = in_range(c, URL_62, URL_62);
    uint32_t is63_url = in_range(c, URL_63, URL_63);
    *standard |= is62 | is63;
    *url |= is62_url | is63_url;
    *bad |= ~(upper | lower | number | is62 | is63 | is62_url | is63_url);
    return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (number & (c - '0' + 52)) |
           ((is62 | is62_url) & 62) | ((is63 | is63_url) & 63);
}

static size_t encode(const uint8_t *data, size_t len, char *out, bool url)
{
    const uint32_t char62 = url ? URL_62 : STANDARD_62;
    const uint32_t char63 = url ? URL_63 : STANDARD_63;
    size_t n = 0;
    for (size_t i = 0; i < len; i += 3) {
        size_t have = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)data[i] << 16;
        if (have > 1)
            group |= (uint32_t)data[i + 1] << 8;
        if (have > 2)
            group |= data[i + 2];
        for (size_t digit = 0; digit < 4; digit++) {
            if (digit <= have)
                out[n++] = digit_of(group >> (18 - 6 * digit) & 63, char62, char63);
            else if (!url)
                out[n++] = '=';
        }
    }
    out[n] = '\0';
    return n;
}

size_t rill_base64_encode(const uint8_t *data, size_t len, char *out)
{
    return encode(data, len, out, false);
}

size_t rill_base64url_encode(const uint8_t *data, size_t len, char *out)
{
    return encode(data, len, out, true);
}

/* The length without padding. Padding is valid only if it completes four characters. */
static int strip_padding(const char *text, size_t len, size_t *digits)
{
    size_t padding = 0;
    while (padding < 2 && padding < len && text[len - 1 - padding] == '=')
        padding++;
    if (padding != 0 && len % 4 != 0)
        return RILL_ERR_MALFORMED;
    *digits = len - padding;
    return *digits % 4 == 1 ? RILL_ERR_MALFORMED : RILL_OK;
}

int rill_base64_decode(const char *text, size_t text_len, uint8_t *out, size_t cap, size_t *len)
{
    size_t digits;
    int err = strip_padding(text, text_len, &digits);
    if (err != RILL_OK)
        return err;
    size_t bytes = digits / 4 * 3 + digits % 4 * 3 / 4;
    if (bytes > cap)
        return RILL_ERR_BUFFER;

    uint32_t bad = 0;
    uint32_t standard = 0;
    uint32_t url = 0;
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t n = 0;
    for (size_t i = 0; i < digits; i++) {
        bits = bits << 6 | value_of((uint8_t)text[i], &bad, &standard, &url);
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            out[n++] = (uint8_t)(bits >> bit_count);
        }
    }
    uint32_t left_over = bits & ((1U << bit_count) - 1);
    if (bad != 0 || (standard != 0 && url != 0) || left_over != 0)
        return RILL_ERR_MALFORMED;
    *len = n;
    return RILL_OK;
}
