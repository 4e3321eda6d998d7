/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/colour.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The process has one terminal, so one choice is enough. */
static cli_when chosen = CLI_AUTO;

bool cli_when_parse(const char *text, cli_when *out)
{
    static const char *const names[] = {"auto", "always", "never"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (cli_when)i;
            return true;
        }
    }
    return false;
}

void cli_colour_choose(cli_when when)
{
    chosen = when;
}

bool cli_term_is_capable(const char *term)
{
    return term != NULL && *term != '\0' && strcmp(term, "dumb") != 0;
}

bool cli_colour_wanted(cli_when when, bool terminal, const char *no_color, const char *term)
{
    if (when != CLI_AUTO)
        return when == CLI_ALWAYS;
    bool refused = no_color != NULL && *no_color != '\0';
    return terminal && !refused && cli_term_is_capable(term);
}

static bool wanted(FILE *out)
{
    return cli_colour_wanted(chosen, isatty(fileno(out)) != 0, getenv("NO_COLOR"), getenv("TERM"));
}

const char *cli_colour_on(FILE *out, cli_colour colour)
{
    static const char *const codes[] = {
        [CLI_BOLD] = "\x1b[1m", [CLI_RED] = "\x1b[1;31m", [CLI_YELLOW] = "\x1b[1;33m"};
    return wanted(out) ? codes[colour] : "";
}

const char *cli_colour_off(FILE *out)
{
    return wanted(out) ? "\x1b[0m" : "";
}
