/* SPDX-License-Identifier: Apache-2.0 */
/* Colours, and what else depends on whether somebody looks: on a terminal only, unless asked for.
 */
#ifndef RILL_CLI_COLOUR_H
#define RILL_CLI_COLOUR_H

#include <stdbool.h>
#include <stdio.h>

typedef enum cli_when { CLI_AUTO, CLI_ALWAYS, CLI_NEVER } cli_when;
typedef enum cli_colour { CLI_BOLD, CLI_RED, CLI_YELLOW } cli_colour;

/* "auto", "always", "never"; false: none of them. */
bool cli_when_parse(const char *text, cli_when *out);
/* What --color says, for all that is printed from now on; CLI_AUTO at first. */
void cli_colour_choose(cli_when when);
/*
 * Whether to colour. AUTO: where it is a terminal, NO_COLOR is not set (no-color.org: empty is not
 * set), and TERM names a terminal that knows how.
 */
bool cli_colour_wanted(cli_when when, bool terminal, const char *no_color, const char *term);
/* A terminal that knows escape sequences, going by TERM: not "dumb", and not nothing. */
bool cli_term_is_capable(const char *term);
/* What begins and ends a piece of text in a colour on this stream; "" where there are none. */
const char *cli_colour_on(FILE *out, cli_colour colour);
const char *cli_colour_off(FILE *out);

#endif
