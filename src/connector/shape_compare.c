/* SPDX-License-Identifier: Apache-2.0 */
/* What is different between two texts of shape_text.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "connector/shape_text.h"

typedef struct line {
    rill_bytes path;
    rill_bytes value;
} line;

typedef struct line_list {
    line *all;
    size_t count;
} line_list;

static int compare_bytes(rill_bytes a, rill_bytes b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.data, b.data, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_path(const void *a, const void *b)
{
    const line *x = a;
    const line *y = b;
    int order = compare_bytes(x->path, y->path);
    return order != 0 ? order : compare_bytes(x->value, y->value);
}

static int read_lines(const rill_allocator *allocator, rill_bytes text, line_list *out)
{
    size_t count = 0;
    for (size_t i = 0; i < text.len; i++)
        count += text.data[i] == '\n';
    *out = (line_list){rill_calloc(allocator, count + 1, sizeof(line)), 0};
    if (out->all == NULL)
        return RILL_ERR_NOMEM;
    for (size_t at = 0; at < text.len && out->count < count;) {
        const uint8_t *begin = text.data + at;
        const uint8_t *end = memchr(begin, '\n', text.len - at);
        const uint8_t *tab = end == NULL ? NULL : memchr(begin, '\t', (size_t)(end - begin));
        if (end == NULL)
            break;
        at += (size_t)(end - begin) + 1;
        if (tab != NULL && tab != begin)
            out->all[out->count++] =
                (line){{begin, (size_t)(tab - begin)}, {tab + 1, (size_t)(end - tab - 1)}};
    }
    qsort(out->all, out->count, sizeof *out->all, by_path);
    return RILL_OK;
}

typedef struct comparison {
    line_list before;
    line_list now;
    line_list defaults;
    rill_shape_tell *tell;
    void *user;
} comparison;

static char mark_of(const line *l)
{
    return (char)l->path.data[l->path.len - 1];
}

/* For people: without the hash of what is left out. */
static void show(rill_bytes value, size_t most, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < value.len && len < most; i++) {
        if (value.data[i] == RILL_SHAPE_REST)
            i += RILL_SHAPE_PRINT - 1; /* of what is hidden there; what comes after it is shown */
        else
            out[len++] = (char)value.data[i];
    }
    out[len] = '\0';
}

static rill_bytes default_of(const comparison *c, rill_bytes path)
{
    static const rill_bytes none = {(const uint8_t *)"none", 4};
    size_t low = 0;
    for (size_t high = c->defaults.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (compare_bytes(c->defaults.all[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < c->defaults.count && compare_bytes(c->defaults.all[low].path, path) == 0
               ? c->defaults.all[low].value
               : none;
}

/* One of both may be NULL. */
static void tell_line(const comparison *c, const line *before, const line *now)
{
    const line *one = before != NULL ? before : now;
    const char mark = mark_of(one);
    const bool marked = mark == '+' || mark == '#';
    char path[RILL_SHAPE_PATH + 1];
    char old[RILL_SHAPE_VALUE + 1];
    char fresh[RILL_SHAPE_VALUE + 1];
    show((rill_bytes){one->path.data, one->path.len - marked}, RILL_SHAPE_PATH, path);
    show(before != NULL ? before->value : default_of(c, one->path), RILL_SHAPE_VALUE, old);
    show(now != NULL ? now->value : default_of(c, one->path), RILL_SHAPE_VALUE, fresh);
    if (mark == '#' && before != NULL && now != NULL)
        c->tell(c->user, RILL_OTHER_SECRET, path, NULL, NULL);
    else if (mark == '+')
        c->tell(c->user, before == NULL ? RILL_MORE : RILL_FEWER, path, before == NULL ? NULL : old,
                now == NULL ? NULL : fresh);
    else if (mark != '#')
        c->tell(c->user, RILL_DIFFERENT, path, old, fresh);
}

static void tell_all(const comparison *c)
{
    size_t i = 0;
    size_t k = 0;
    while (i < c->before.count || k < c->now.count) {
        const line *before = i < c->before.count ? &c->before.all[i] : NULL;
        const line *now = k < c->now.count ? &c->now.all[k] : NULL;
        int order = before == NULL ? 1 : now == NULL ? -1 : compare_bytes(before->path, now->path);
        /* Of several things each is for itself. */
        if (order == 0 && mark_of(before) == '+')
            order = compare_bytes(before->value, now->value);
        if (order < 0)
            tell_line(c, before, NULL);
        else if (order > 0)
            tell_line(c, NULL, now);
        else if (compare_bytes(before->value, now->value) != 0)
            tell_line(c, before, now);
        i += order <= 0;
        k += order >= 0;
    }
}

int rill_shape_compare(const rill_allocator *allocator, rill_bytes before, rill_bytes now,
                       rill_bytes defaults, rill_shape_tell *tell, void *user)
{
    comparison c = {.tell = tell, .user = user};
    int rc = read_lines(allocator, before, &c.before);
    if (rc == RILL_OK)
        rc = read_lines(allocator, now, &c.now);
    if (rc == RILL_OK)
        rc = read_lines(allocator, defaults, &c.defaults);
    if (rc == RILL_OK)
        tell_all(&c);
    rill_free(allocator, c.before.all);
    rill_free(allocator, c.now.all);
    rill_free(allocator, c.defaults.all);
    return rc;
}
