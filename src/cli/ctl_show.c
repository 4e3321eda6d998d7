/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for people. */
#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <string.h>

#include "cli/ctl.h"

enum { MAX_COLUMNS = 12 };

struct ctl_table {
    const char *headings[MAX_COLUMNS];
    bool right[MAX_COLUMNS];
    size_t columns;
    char *names; /* what headings point at */
    char **cells;
    size_t count;
    size_t cap;
    bool failed;
};

ctl_table *ctl_table_new(const char *headings)
{
    ctl_table *t = calloc(1, sizeof *t);
    char *at = t == NULL ? NULL : strdup(headings);
    if (at == NULL) {
        free(t);
        return NULL;
    }
    t->names = at;
    while (at != NULL && t->columns < MAX_COLUMNS) {
        char *bar = strchr(at, '|');
        if (bar != NULL)
            *bar++ = '\0';
        t->right[t->columns] = *at == '>';
        t->headings[t->columns++] = at + (*at == '>');
        at = bar;
    }
    return t;
}

void ctl_cell(ctl_table *t, const char *text)
{
    if (t == NULL)
        return;
    if (t->count == t->cap) {
        size_t cap = t->cap * 2 + 64;
        char **cells = realloc(t->cells, cap * sizeof *cells);
        if (cells == NULL) {
            t->failed = true;
            return;
        }
        t->cells = cells;
        t->cap = cap;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        t->failed = true;
        return;
    }
    /* What others wrote must not move the cursor. */
    for (char *c = copy; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    t->cells[t->count++] = copy;
}

void ctl_cell_number(ctl_table *t, json_int_t number)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, number);
    ctl_cell(t, text);
}

void ctl_coins(const char *units, unsigned scale, char *out, size_t cap)
{
    bool negative = units[0] == '-';
    size_t len = strlen(units + negative);
    size_t whole = len > scale ? len - scale : 0;
    int at = snprintf(out, cap, "%s%.*s", negative ? "-" : "", whole > 0 ? (int)whole : 1,
                      whole > 0 ? units + negative : "0");
    if (scale == 0 || at < 0 || (size_t)at + scale + 2 > cap)
        return;
    out[at++] = '.';
    for (size_t i = len + whole; i < scale + whole; i++)
        out[at++] = '0';
    memcpy(out + at, units + negative + whole, len - whole + 1);
}

void ctl_cell_units(ctl_table *t, const json_t *units, unsigned scale)
{
    char text[340];
    if (!json_is_string(units)) {
        ctl_cell(t, "none");
        return;
    }
    ctl_coins(json_string_value(units), scale, text, sizeof text);
    ctl_cell(t, text);
}

static void print_row(const ctl_table *t, const char *const *cells, const size_t *width)
{
    for (size_t i = 0; i < t->columns; i++) {
        int w = (int)width[i];
        if (t->right[i])
            (void)printf("%s%*s", i == 0 ? "" : "  ", w, cells[i]);
        else if (i + 1 == t->columns)
            (void)printf("%s%s", i == 0 ? "" : "  ", cells[i]);
        else
            (void)printf("%s%-*s", i == 0 ? "" : "  ", w, cells[i]);
    }
    (void)fputc('\n', stdout);
}

static void free_table(ctl_table *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t->names);
    free(t);
}

void ctl_table_print(ctl_table *t)
{
    size_t width[MAX_COLUMNS] = {0};
    if (t == NULL || t->failed) {
        ctl_error(NULL, "%s", rill_strerror(RILL_ERR_NOMEM));
    } else {
        for (size_t i = 0; i < t->columns; i++)
            width[i] = strlen(t->headings[i]);
        for (size_t i = 0; i < t->count; i++) {
            size_t len = strlen(t->cells[i]);
            if (len > width[i % t->columns])
                width[i % t->columns] = len;
        }
        print_row(t, t->headings, width);
        for (size_t i = 0; i + t->columns <= t->count; i += t->columns)
            print_row(t, (const char *const *)&t->cells[i], width);
    }
    free_table(t);
}

void ctl_table_print_if_any(ctl_table *t)
{
    if (t != NULL && t->count == 0 && !t->failed)
        free_table(t);
    else
        ctl_table_print(t);
}

const char *ctl_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text == NULL ? "" : text;
}

json_int_t ctl_number(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

int ctl_print_json(const ctl_reply *reply)
{
    (void)fputs(reply->text == NULL ? "" : reply->text, stdout);
    (void)fputc('\n', stdout);
    return CTL_DONE;
}
