/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the word that a person who mistyped one most likely meant. */
#ifndef RILL_CLI_SUGGEST_H
#define RILL_CLI_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

/* Longer words are not compared, since nobody types those by hand. */
#define CLI_SUGGEST_MAX 40

/*
 * How many keystrokes lie between two words: a letter more, a letter less, another letter, or two
 * letters in the wrong order. More than CLI_SUGGEST_MAX if one of them is longer than that.
 */
size_t cli_edit_distance(const char *a, size_t a_len, const char *b, size_t b_len);

/* Candidates are offered one by one. Of equally near ones the first is kept. */
typedef struct cli_suggestion {
    const char *word;
    size_t len;
    const char *best; /* NULL: none is near enough */
    size_t distance;
} cli_suggestion;

/* word and candidates are borrowed. */
void cli_suggest_begin(cli_suggestion *s, const char *word, size_t len);
void cli_suggest_offer(cli_suggestion *s, const char *candidate);

#endif
