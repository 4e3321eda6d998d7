/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts as settlement engines say them (RFC 38, "Units and quantities"), exact: whole units of an
 * account, and what is left below one. Nothing is rounded here; what is less than a unit is kept
 * and added to what comes next.
 */
#ifndef RILL_CONNECTOR_QUANTITY_H
#define RILL_CONNECTOR_QUANTITY_H

#include <rill/error.h>
#include <rill/types.h>

#include "base/wide.h"

/* Digits of an amount in a Quantity, and the bytes that they need. */
#define RILL_QUANTITY_DIGITS 400
#define RILL_QUANTITY_TEXT   (RILL_QUANTITY_DIGITS + 1)
/* Digits below a unit of the account: 10^38 has 127 bits. */
#define RILL_EXACT_DIGITS 38

/* A Quantity as it was written: digits, and how many of them are behind the point. */
typedef struct rill_quantity {
    char amount[RILL_QUANTITY_TEXT]; /* without zeros before it; "0" */
    uint8_t scale;
} rill_quantity;

/* An amount of an account: units + part / 10^digits. In its shortest form: all zero is 0. */
typedef struct rill_exact {
    uint64_t units;
    rill_u128 part; /* below 10^digits */
    uint8_t digits; /* at most RILL_EXACT_DIGITS */
} rill_exact;

/*
 * Reads a Quantity in JSON: an object with an amount of digits, as a string, and a scale from 0 to
 * 255; other members are ignored. RILL_ERR_MALFORMED: it is none. RILL_ERR_TOO_LARGE: more digits
 * than anybody needs.
 */
RILL_MUST_CHECK int rill_quantity_read(rill_quantity *out, rill_bytes json);
/* The same of an amount's digits alone. */
RILL_MUST_CHECK int rill_quantity_of(rill_quantity *out, const char *amount, size_t len,
                                     uint64_t scale);
bool rill_quantity_same(const rill_quantity *a, const rill_quantity *b);

#define RILL_QUANTITY_JSON (RILL_QUANTITY_DIGITS + 40)
/* {"amount":"254","scale":2}, NUL-terminated. */
void rill_quantity_json(const rill_quantity *q, char out[RILL_QUANTITY_JSON]);

/*
 * What a Quantity is in an account of this scale. RILL_ERR_RANGE: more units than an amount can
 * have, or more digits below a unit than RILL_EXACT_DIGITS.
 */
RILL_MUST_CHECK int rill_exact_of(rill_exact *out, const rill_quantity *q, uint8_t scale);
/* And back. */
void rill_exact_quantity(const rill_exact *e, uint8_t scale, rill_quantity *out);
static inline rill_exact rill_exact_units(uint64_t units)
{
    return (rill_exact){.units = units};
}
/* RILL_ERR_RANGE: more units than an amount can have. */
RILL_MUST_CHECK int rill_exact_add(rill_exact *out, const rill_exact *a, const rill_exact *b);
/* a - b. RILL_ERR_RANGE: b is more than a. */
RILL_MUST_CHECK int rill_exact_sub(rill_exact *out, const rill_exact *a, const rill_exact *b);
bool rill_exact_is_zero(const rill_exact *e);

#endif
