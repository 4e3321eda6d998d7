/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts as people write them. "1500" is units; "1.5XRP" or "1.5 XRP" is so much of the account's
 * asset, which becomes units once its code and scale are known. All of it exact: no floating point.
 */
#ifndef RILL_CLI_AMOUNT_TEXT_H
#define RILL_CLI_AMOUNT_TEXT_H

#include <rill/error.h>
#include <rill/types.h>

#define CLI_MAX_ASSET_CODE 64
/* Digits and a point, at the largest scale of 255. */
#define CLI_DECIMAL_SIZE 264

/* An amount that was written. */
typedef struct cli_amount_text {
    bool given;
    uint64_t whole;                    /* digits without the point: 15 of "1.5" */
    unsigned places;                   /* digits after the point: 1 of "1.5" */
    char code[CLI_MAX_ASSET_CODE + 1]; /* "": whole is units */
} cli_amount_text;

/*
 * RILL_ERR_MALFORMED: it is neither "1500" nor "1.5XRP" nor "1.5 XRP". Without a space the code is
 * letters only, so that "1e3" and "0x10" are what they look like: mistakes. RILL_ERR_RANGE: more
 * than 2^64 - 1, or than 255 digits after the point.
 */
RILL_MUST_CHECK int cli_amount_text_parse(const char *text, cli_amount_text *out);
/*
 * Units of an account. RILL_ERR_INVALID: it is not the account's asset. RILL_ERR_RANGE: more than
 * 2^64 - 1 units. RILL_ERR_MALFORMED: digits that the scale has no place for.
 */
RILL_MUST_CHECK int cli_amount_text_units(const cli_amount_text *text, const char *code,
                                          uint8_t scale, uint64_t *units);
/* The other way round: 1500000000 at scale 9 is "1.5". Exact, without zeros at the end. */
void cli_decimal_text(uint64_t units, uint8_t scale, char out[CLI_DECIMAL_SIZE]);

#endif
