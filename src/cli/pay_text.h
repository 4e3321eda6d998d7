/* SPDX-License-Identifier: Apache-2.0 */
/* Quotes for people and for scripts. */
#ifndef RILL_CLI_PAY_TEXT_H
#define RILL_CLI_PAY_TEXT_H

#include <jansson.h>

#include <rill/quote.h>

#define CLI_MONEY_SIZE 600

/* "5 XRP (5000000000 units)"; "5000000000 units" where the asset is not known. */
void cli_money_text(uint64_t units, const char *asset_code, uint8_t asset_scale, char *out,
                    size_t cap);
/*
 * units for units, as whole units of the receiver's asset for one whole one of ours: 0.92 EUR for
 * 1 USD.
 */
rill_ratio cli_whole_rate(rill_ratio rate, const rill_quote_path *path);
/* Prints the terms, for a person who decides. price: as of rill_quote_options. */
void cli_terms_print(FILE *out, const rill_quote_path *path, const rill_quote_terms *terms,
                     rill_ratio price);
/* The event "quote". */
json_t *cli_terms_json(const rill_quote_path *path, const rill_quote_terms *terms);

#endif
