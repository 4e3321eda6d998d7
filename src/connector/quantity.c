/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/quantity.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/muldiv.h"
#include "base/wide_text.h"

/* ---- as it is written ---- */

int rill_quantity_of(rill_quantity *out, const char *amount, size_t len, uint64_t scale)
{
    if (len == 0 || scale > UINT8_MAX)
        return RILL_ERR_MALFORMED;
    for (size_t i = 0; i < len; i++) {
        if (amount[i] < '0' || amount[i] > '9')
            return RILL_ERR_MALFORMED;
    }
    while (len > 1 && amount[0] == '0') {
        amount++;
        len--;
    }
    if (len > RILL_QUANTITY_DIGITS)
        return RILL_ERR_TOO_LARGE;
    memcpy(out->amount, amount, len);
    out->amount[len] = '\0';
    out->scale = (uint8_t)scale;
    return RILL_OK;
}

/* 0 to 255, in digits alone: no sign, no point, no exponent. */
static int read_scale(rill_bytes value, uint64_t *out)
{
    *out = 0;
    if (value.len == 0 || value.len > 3 || (value.len > 1 && value.data[0] == '0'))
        return RILL_ERR_MALFORMED;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9')
            return RILL_ERR_MALFORMED;
        *out = *out * 10 + (uint64_t)(value.data[i] - '0');
    }
    return RILL_OK;
}

int rill_quantity_read(rill_quantity *out, rill_bytes json)
{
    rill_json_member members[] = {{.name = "amount"}, {.name = "scale"}};
    char amount[2 * RILL_QUANTITY_TEXT];
    uint64_t scale = 0;
    int rc = json.len == 0 ? RILL_ERR_MALFORMED
                           : rill_json_find((const char *)json.data, json.len, members, 2);
    if (rc == RILL_OK && (members[0].value.data == NULL || members[1].value.data == NULL))
        rc = RILL_ERR_MALFORMED;
    if (rc == RILL_OK)
        rc = read_scale(members[1].value, &scale);
    /* Digits need no escape, and one could hide a NUL. */
    if (rc == RILL_OK && memchr(members[0].value.data, '\\', members[0].value.len) != NULL)
        rc = RILL_ERR_MALFORMED;
    if (rc == RILL_OK)
        rc = rill_json_ascii(members[0].value, amount, sizeof amount);
    if (rc == RILL_ERR_BUFFER)
        rc = RILL_ERR_TOO_LARGE;
    return rc == RILL_OK ? rill_quantity_of(out, amount, strlen(amount), scale) : rc;
}

bool rill_quantity_same(const rill_quantity *a, const rill_quantity *b)
{
    return a->scale == b->scale && strcmp(a->amount, b->amount) == 0;
}

void rill_quantity_json(const rill_quantity *q, char out[RILL_QUANTITY_JSON])
{
    (void)snprintf(out, RILL_QUANTITY_JSON, "{\"amount\":\"%s\",\"scale\":%u}", q->amount,
                   (unsigned)q->scale);
}

/* ---- as an account has it ---- */

static rill_u128 power(unsigned digits)
{
    rill_u128 all = rill_wide(1);
    for (unsigned i = 0; i < digits; i++)
        all = rill_wide_times(all, rill_wide(10));
    return all;
}

/* Without zeros at the end. */
static void shorten(rill_exact *e)
{
    while (e->digits > 0) {
        rill_u128 tenth = rill_wide_div(e->part, rill_wide(10));
        if (!rill_wide_is_zero(rill_wide_sub(e->part, rill_wide_times(tenth, rill_wide(10)))))
            return;
        e->part = tenth;
        e->digits--;
    }
}

/* Digits as units; false: more than an amount can have. */
static bool read_units(const char *digits, size_t len, size_t zeros, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < len + zeros; i++) {
        uint64_t digit = i < len ? (uint64_t)(digits[i] - '0') : 0;
        if (*out == 0 && digit == 0)
            continue;
        if (*out > (UINT64_MAX - digit) / 10)
            return false;
        *out = *out * 10 + digit;
    }
    return true;
}

int rill_exact_of(rill_exact *out, const rill_quantity *q, uint8_t scale)
{
    size_t len = strlen(q->amount);
    unsigned below = q->scale > scale ? (unsigned)(q->scale - scale) : 0;
    unsigned zeros = q->scale < scale ? (unsigned)(scale - q->scale) : 0;
    *out = (rill_exact){.units = 0};
    /* Zeros at the end say nothing below a unit. */
    while (below > 0 && len > 0 && q->amount[len - 1] == '0') {
        len--;
        below--;
    }
    size_t whole = len > below ? len - below : 0;
    if (len == 0)
        return RILL_OK;
    if (below > RILL_EXACT_DIGITS)
        return RILL_ERR_RANGE;
    if (!read_units(q->amount, whole, zeros, &out->units))
        return RILL_ERR_RANGE;
    for (size_t i = whole; i < len; i++)
        out->part = rill_wide_add(rill_wide_times(out->part, rill_wide(10)),
                                  rill_wide((uint64_t)(q->amount[i] - '0')));
    out->digits = (uint8_t)below;
    shorten(out);
    return RILL_OK;
}

void rill_exact_quantity(const rill_exact *e, uint8_t scale, rill_quantity *out)
{
    static const char zeros[] = "00000000000000000000000000000000000000";
    char part[RILL_WIDE_TEXT] = "";
    char all[RILL_WIDE_TEXT * 2];
    /* What was read had a scale, and nothing has more digits than what was read. */
    assert(e->digits <= UINT8_MAX - scale);
    if (e->digits > 0)
        rill_wide_text(e->part, part);
    (void)snprintf(all, sizeof all, "%" PRIu64 "%.*s%s", e->units, (int)(e->digits - strlen(part)),
                   zeros, part);
    int rc = rill_quantity_of(out, all, strlen(all), (uint64_t)scale + e->digits);
    assert(rc == RILL_OK);
    (void)rc;
}

/* Both parts in the longer of the two forms. */
static void align(const rill_exact *a, const rill_exact *b, rill_u128 *x, rill_u128 *y,
                  unsigned *digits)
{
    *digits = a->digits > b->digits ? a->digits : b->digits;
    *x = rill_wide_times(a->part, power(*digits - a->digits));
    *y = rill_wide_times(b->part, power(*digits - b->digits));
}

int rill_exact_add(rill_exact *out, const rill_exact *a, const rill_exact *b)
{
    rill_u128 x;
    rill_u128 y;
    unsigned digits;
    align(a, b, &x, &y, &digits);
    /* Each is below 10^38, so that the sum fits. */
    rill_exact sum = {.part = rill_wide_add(x, y), .digits = (uint8_t)digits};
    bool carry = !rill_wide_less(sum.part, power(digits));
    if (carry)
        sum.part = rill_wide_sub(sum.part, power(digits));
    if (!rill_add_u64(a->units, b->units, &sum.units) ||
        !rill_add_u64(sum.units, carry ? 1 : 0, &sum.units))
        return RILL_ERR_RANGE;
    shorten(&sum);
    *out = sum;
    return RILL_OK;
}

int rill_exact_sub(rill_exact *out, const rill_exact *a, const rill_exact *b)
{
    rill_u128 x;
    rill_u128 y;
    unsigned digits;
    align(a, b, &x, &y, &digits);
    rill_exact rest = {.digits = (uint8_t)digits};
    bool borrow = rill_wide_less(x, y);
    rest.part = rill_wide_sub(borrow ? rill_wide_add(x, power(digits)) : x, y);
    if (!rill_sub_u64(a->units, b->units, &rest.units) ||
        !rill_sub_u64(rest.units, borrow ? 1 : 0, &rest.units))
        return RILL_ERR_RANGE;
    shorten(&rest);
    *out = rest;
    return RILL_OK;
}

bool rill_exact_is_zero(const rill_exact *e)
{
    return e->units == 0 && rill_wide_is_zero(e->part);
}
