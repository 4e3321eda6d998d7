/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a service of prices answers, in the form that Rafiki asks for:
 * {"base":"USD","rates":{"EUR":0.9223,...}}, how many coins of each asset one coin of the base
 * buys. Numbers are read as they are written, and never as floating point.
 */
#ifndef RILL_CONNECTOR_RATE_ANSWER_H
#define RILL_CONNECTOR_RATE_ANSWER_H

#include <rill/types.h>

#include "connector/rates.h"

/* Prices in one answer; more are refused. */
#define RILL_RATE_ANSWER_MAX 1024

/* What it says of one asset: one coin of the base is digits * 10^tens coins of it. */
typedef struct rill_rate_line {
    char code[RILL_ASSET_CODE_MAX + 1];
    uint64_t digits; /* not 0, and no multiple of 10 */
    int16_t tens;    /* RILL_PRICE_TENS at most, and not less than -RILL_PRICE_TENS */
    /* Why there is no price to be had of this line, a static text; NULL: there is. */
    const char *problem;
} rill_rate_line;

typedef struct rill_rate_answer {
    const rill_allocator *allocator;
    rill_rate_line *lines;
    size_t count;
} rill_rate_answer;

/*
 * Reads an answer to who asked for this base. A code that no asset can have is left out. A number
 * has 19 digits; those behind them are left out. What is wrong with one price concerns that line
 * alone. RILL_ERR_MALFORMED: it is no such answer, and *problem, a static text, says why.
 * RILL_ERR_NOMEM, which jansson may take for the former. Then *out is empty.
 */
RILL_MUST_CHECK int rill_rate_answer_read(rill_rate_answer *out, const rill_allocator *allocator,
                                          const char *body, size_t len, const char *base,
                                          const char **problem);
void rill_rate_answer_clear(rill_rate_answer *a);

/*
 * A number of JSON, exactly as it is written; RFC 8259, section 6. Writes digits and tens, or why
 * it cannot be a price. False: it is no number of JSON.
 */
RILL_MUST_CHECK bool rill_rate_number(const char *text, size_t len, rill_rate_line *out);

#endif
