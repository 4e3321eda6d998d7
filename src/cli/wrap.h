/* SPDX-License-Identifier: Apache-2.0 */
/* Text broken into lines that a terminal has room for. */
#ifndef RILL_CLI_WRAP_H
#define RILL_CLI_WRAP_H

#include <stddef.h>
#include <stdio.h>

/*
 * Prints the words of text, each line indented by `indent` and at most `width` columns wide, but
 * for words that are longer than that. The first line has `at` columns already. One newline in text
 * is a space, two begin a paragraph; a line that begins with "{" stays a line of its own. A newline
 * ends it. Text is ASCII.
 */
void cli_wrap(FILE *out, const char *text, size_t indent, size_t at, size_t width);

#endif
