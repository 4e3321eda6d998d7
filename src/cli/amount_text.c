/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/amount_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/muldiv.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Takes the digits at *at; false if the value does not fit. */
static bool take_digits(const char **at, uint64_t *value, size_t *count)
{
    for (*count = 0; is_digit(**at); (*at)++, (*count)++) {
        if (__builtin_mul_overflow(*value, UINT64_C(10), value) ||
            __builtin_add_overflow(*value, (uint64_t)(**at - '0'), value))
            return false;
    }
    return true;
}

/*
 * The name of an asset, up to the end. Unlike a code directly behind a number, it may have any
 * character of a code.
 */
static bool take_code(const char *at, cli_amount_text *out)
{
    bool apart = *at == ' ';
    while (*at == ' ')
        at++;
    size_t len = strlen(at);
    if (len == 0 || len > CLI_MAX_ASSET_CODE)
        return false;
    for (size_t i = 0; i < len; i++) {
        bool good = apart ? at[i] > ' ' && at[i] < 0x7f : is_letter(at[i]);
        if (!good)
            return false;
    }
    memcpy(out->code, at, len + 1);
    return true;
}

/* "1.50" is 15 and one place: zeros at the end mean nothing. */
static void trim(cli_amount_text *a)
{
    while (a->places > 0 && a->whole % 10 == 0) {
        a->whole /= 10;
        a->places--;
    }
}

/* bare: digits after a point need no code behind them. */
static int parse(const char *text, bool bare, cli_amount_text *out)
{
    cli_amount_text a = {.given = true};
    const char *at = text;
    size_t before = 0;
    size_t after = 0;
    bool fits = take_digits(&at, &a.whole, &before);
    bool point = fits && *at == '.';
    if (point) {
        at++;
        fits = take_digits(&at, &a.whole, &after);
    }
    if (before == 0 || (point && fits && after == 0))
        return RILL_ERR_MALFORMED;
    if (!fits || after > UINT8_MAX)
        return RILL_ERR_RANGE;
    a.places = (unsigned)after;
    if ((*at != '\0' || (point && !bare)) && !take_code(at, &a))
        return RILL_ERR_MALFORMED;
    trim(&a);
    *out = a;
    return RILL_OK;
}

int cli_amount_text_parse(const char *text, cli_amount_text *out)
{
    return parse(text, false, out);
}

int cli_amount_text_parse_whole(const char *text, cli_amount_text *out)
{
    return parse(text, true, out);
}

int cli_amount_text_units(const cli_amount_text *text, const char *code, uint8_t scale,
                          uint64_t *units)
{
    uint64_t value = text->whole;
    if (text->code[0] != '\0') {
        if (strcmp(text->code, code) != 0)
            return RILL_ERR_INVALID;
        if (text->places > scale)
            return RILL_ERR_MALFORMED;
        for (unsigned i = text->places; i < scale && value > 0; i++) {
            if (__builtin_mul_overflow(value, UINT64_C(10), &value))
                return RILL_ERR_RANGE;
        }
    }
    *units = value;
    return RILL_OK;
}

void cli_decimal_text(uint64_t units, uint8_t scale, char out[CLI_DECIMAL_SIZE])
{
    char digits[24];
    unsigned places = units == 0 ? 0 : scale;
    while (places > 0 && units % 10 == 0) {
        units /= 10;
        places--;
    }
    unsigned len = (unsigned)snprintf(digits, sizeof digits, "%" PRIu64, units);
    char *to = out;
    /* Digits before the point, zeros between the point and the first digit, then the rest. */
    unsigned whole = len > places ? len - places : 0;
    if (whole == 0)
        *to++ = '0';
    memcpy(to, digits, whole);
    to += whole;
    if (places > 0)
        *to++ = '.';
    for (unsigned i = len; i < places; i++)
        *to++ = '0';
    memcpy(to, digits + whole, len - whole);
    to[len - whole] = '\0';
}
