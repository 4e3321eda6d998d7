/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Colours, and other things that are printed only if a person looks: only on a terminal, unless
 * asked for.
 */
#ifndef RILL_CLI_COLOUR_H
#define RILL_CLI_COLOUR_H

#include <stdbool.h>
#include <stdio.h>

typedef enum cli_when { CLI_AUTO, CLI_ALWAYS, CLI_NEVER } cli_when;
typedef enum cli_colour { CLI_BOLD, CLI_RED, CLI_YELLOW } cli_colour;

/* Reads "auto", "always" or "never". False: it is none of them. */
bool cli_when_parse(const char *text, cli_when *out);
/* Sets what --color says, for everything that is printed from now on. Default: CLI_AUTO. */
void cli_colour_choose(cli_when when);
/*
 * Whether to use colours. AUTO: if the stream is a terminal, NO_COLOR is not set (empty counts as
 * not set, see no-color.org), and TERM names a terminal that has colours.
 */
bool cli_colour_wanted(cli_when when, bool terminal, const char *no_color, const char *term);
/* Whether TERM names a terminal that knows escape sequences: not "dumb", and not empty. */
bool cli_term_is_capable(const char *term);
/* The text that begins or ends a colour on this stream; "" if it has no colours. */
const char *cli_colour_on(FILE *out, cli_colour colour);
const char *cli_colour_off(FILE *out);

#endif
