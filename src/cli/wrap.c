/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/wrap.h"

#include <stdbool.h>
#include <string.h>

static void new_line(FILE *out, size_t indent, size_t *at)
{
    fprintf(out, "\n%*s", (int)indent, "");
    *at = indent;
}

void cli_wrap(FILE *out, const char *text, size_t indent, size_t at, size_t width)
{
    bool first = true; /* word of its line */
    while (*text) {
        size_t spaces = strspn(text, " \n");
        bool paragraph = spaces >= 2 && memcmp(text, "\n\n", 2) == 0;
        bool line = spaces >= 1 && text[spaces - 1] == '\n' && text[spaces] == '{';
        text += spaces;
        size_t len = strcspn(text, " \n");
        if (len == 0)
            break;
        if (paragraph)
            fputc('\n', out);
        if (paragraph || line || (!first && at + 1 + len > width)) {
            new_line(out, indent, &at);
            first = true;
        }
        at += (size_t)fprintf(out, "%s%.*s", first ? "" : " ", (int)len, text);
        first = false;
        text += len;
    }
    fputc('\n', out);
}
