/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts of the arguments in whole units of an asset, or in units where --units says so. */
#ifndef RILL_CLI_MONEY_OPTION_H
#define RILL_CLI_MONEY_OPTION_H

#include "cli/cli.h"

/* Both: CLI_DONE, or CLI_USAGE with a line. name: how the amount is called. */

/* As it was written, above 0. units: it is a number of the smallest unit. */
int cli_money_option(const cli_args *args, bool units, const char *name, const char *text,
                     cli_amount_text *out);
/* In units of an asset; code "": it is not known. Where no amount was given it is 0. */
int cli_money_option_units(const cli_args *args, bool units, const char *name,
                           const cli_amount_text *text, const char *code, uint8_t scale,
                           uint64_t *out);

#endif
