/* SPDX-License-Identifier: Apache-2.0 */
/* Breaks text into lines that fit a terminal. */
#ifndef RILL_CLI_WRAP_H
#define RILL_CLI_WRAP_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints the words of text. Each line is indented by `indent` and at most `width` columns wide,
 * except for longer words. The first line has `at` columns already. One newline in text is a space,
 * and two begin a paragraph. A line that begins with "{" stays a line of its own. Prints a newline
 * at the end. The text must be ASCII.
 */
void cli_wrap(FILE *out, const char *text, size_t indent, size_t at, size_t width);

#endif
