/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/suggest.h"

#include <string.h>

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t cli_edit_distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    /* rows[i % 3][j]: the distance between the first i letters of a and the first j of b */
    size_t rows[3][CLI_SUGGEST_MAX + 1];
    if (a_len > CLI_SUGGEST_MAX || b_len > CLI_SUGGEST_MAX)
        return CLI_SUGGEST_MAX + 1;
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3];
        const size_t *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t changed = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = least(changed, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[a_len % 3][b_len];
}

static size_t dashes(const char *word, size_t len)
{
    size_t n = 0;
    while (n < len && word[n] == '-')
        n++;
    return n;
}

void cli_suggest_begin(cli_suggestion *s, const char *word, size_t len)
{
    *s = (cli_suggestion){.word = word, .len = len};
}

void cli_suggest_offer(cli_suggestion *s, const char *candidate)
{
    size_t len = strlen(candidate);
    size_t distance = cli_edit_distance(s->word, s->len, candidate, len);
    size_t letters = s->len - dashes(s->word, s->len);
    /* One mistake in three letters; with more it looks like another word. */
    size_t most = letters < 3 ? 1 : letters / 3 + 1;
    bool begins = letters >= 2 && s->len < len && memcmp(s->word, candidate, s->len) == 0;
    /* A word that was not finished is as near as a word with a single mistake. */
    if (begins)
        distance = 1;
    /* If every letter differs, nothing is left that could have been meant. */
    if (distance > most || distance >= letters + (begins ? 2 : 0))
        return;
    if (s->best == NULL || distance < s->distance) {
        s->best = candidate;
        s->distance = distance;
    }
}
