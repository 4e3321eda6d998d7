/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts as people write them. "1500" is units. "1.5XRP" or "1.5 XRP" is an amount of the
 * account's asset, which is converted to units once the asset's code and scale are known.
 * Everything is exact: no floating point.
 */
#ifndef RILL_CLI_AMOUNT_TEXT_H
#define RILL_CLI_AMOUNT_TEXT_H

#include <rill/error.h>
#include <rill/types.h>

#define CLI_MAX_ASSET_CODE 64
/* Room for digits and a point, at the largest scale of 255. */
#define CLI_DECIMAL_SIZE 264

/* An amount as it was written. */
typedef struct cli_amount_text {
    bool given;
    uint64_t whole;                    /* digits without the point: 15 of "1.5" */
    unsigned places;                   /* digits after the point: 1 of "1.5" */
    char code[CLI_MAX_ASSET_CODE + 1]; /* "": whole is a number of units */
} cli_amount_text;

/*
 * RILL_ERR_MALFORMED: the text is neither "1500" nor "1.5XRP" nor "1.5 XRP". Without a space a code
 * has only letters, so that "1e3" and "0x10" are refused as the mistakes that they are.
 * RILL_ERR_RANGE: more than 2^64 - 1, or more than 255 digits after the point.
 */
RILL_MUST_CHECK int cli_amount_text_parse(const char *text, cli_amount_text *out);
/*
 * The same where numbers are of whole units of an asset, also without its code: "5", "0.25",
 * "1.5 XRP". The code is "" where none is written.
 */
RILL_MUST_CHECK int cli_amount_text_parse_whole(const char *text, cli_amount_text *out);
/*
 * Converts to units of an account. RILL_ERR_INVALID: the account has another asset. RILL_ERR_RANGE:
 * more than 2^64 - 1 units. RILL_ERR_MALFORMED: more digits than the scale has.
 */
RILL_MUST_CHECK int cli_amount_text_units(const cli_amount_text *text, const char *code,
                                          uint8_t scale, uint64_t *units);
/* The other direction: 1500000000 at scale 9 is "1.5". Exact, without zeros at the end. */
void cli_decimal_text(uint64_t units, uint8_t scale, char out[CLI_DECIMAL_SIZE]);

#endif
