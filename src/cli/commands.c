/* SPDX-License-Identifier: Apache-2.0 */
/* The table of commands. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "cli/cli.h"
#include "cli/suggest.h"

const cli_command *const cli_commands[] = {
    &cli_demo,  &cli_pay,     &cli_quote, &cli_receive, &cli_send, &cli_info, &cli_ping,
    &cli_trace, &cli_receipt, &cli_keys,  &cli_op,      &cli_help, NULL};

const cli_command *cli_find_command(const char *name)
{
    for (const cli_command *const *c = cli_commands; *c; c++) {
        if (strcmp((*c)->name, name) == 0)
            return *c;
    }
    return NULL;
}

const char *cli_meant_command(const char *word)
{
    cli_suggestion s;
    cli_suggest_begin(&s, word, strlen(word));
    for (const cli_command *const *c = cli_commands; *c; c++)
        cli_suggest_offer(&s, (*c)->name);
    return s.best;
}
