/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/shape_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/ratio_text.h"

enum { WORD = 2048 };

/* ---- lines ---- */

void rill_lines_clear(rill_lines *l)
{
    rill_free(l->allocator, l->text);
    l->text = NULL;
    l->len = l->cap = 0;
    l->no_memory = false;
}

void rill_lines_append(rill_lines *l, const char *text, size_t len)
{
    if (l->cap - l->len <= len) {
        size_t cap = l->cap + len + l->cap / 2 + 256;
        char *grown = rill_realloc_array(l->allocator, l->text, cap, 1);
        if (grown == NULL) {
            l->no_memory = true;
            return;
        }
        l->text = grown;
        l->cap = cap;
    }
    memcpy(l->text + l->len, text, len);
    l->len += len;
    l->text[l->len] = '\0';
}

static void append(rill_lines *l, const char *text)
{
    rill_lines_append(l, text, strlen(text));
}

void rill_lines_add(rill_lines *l, const char *path, const char *value)
{
    append(l, path);
    append(l, "\t");
    append(l, value);
    append(l, "\n");
}

/* Lines and their parts end where they should. */
static void clean(char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    }
}

/* ---- defaults ---- */

static void *pointer_at(const void *at)
{
    void *out;
    memcpy(&out, at, sizeof out);
    return out;
}

void *rill_shape_defaults(const rill_shape *shape, rill_arena *arena)
{
    char *out = rill_arena_alloc(arena, shape->size);
    if (out == NULL)
        return NULL;
    if (shape->defaults != NULL)
        shape->defaults(out);
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        if (f->kind != RILL_KIND_SHARED)
            continue;
        const void *shared = rill_shape_defaults(f->of, arena);
        if (shared == NULL)
            return NULL;
        memcpy(out + f->offset, &shared, sizeof shared);
    }
    return out;
}

/* ---- are they the same? ---- */

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool same_texts(const rill_items *a, const rill_items *b)
{
    const rill_text *x = a->items;
    const rill_text *y = b->items;
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = same_text(x[i].text, y[i].text);
    return same;
}

static const char *name_of(const rill_field *f, const char *item)
{
    return pointer_at(item + f->of->name_offset);
}

static bool same_items(const rill_field *f, const rill_items *a, const rill_items *b)
{
    const char *x = a->items;
    const char *y = b->items;
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++, x += f->of->size, y += f->of->size)
        same = (f->kind != RILL_KIND_MAP || same_text(name_of(f, x), name_of(f, y))) &&
               rill_shape_same(f->of, x, y);
    return same;
}

static bool same_value(const rill_field *f, const void *a, const void *b)
{
    switch (f->kind) {
    case RILL_KIND_TEXT:
    case RILL_KIND_SECRET:
    case RILL_KIND_TOKEN:
        return same_text(pointer_at(a), pointer_at(b));
    case RILL_KIND_NUMBER:
    case RILL_KIND_LIMIT:
    case RILL_KIND_DURATION:
    case RILL_KIND_SIZE:
        return *(const uint64_t *)a == *(const uint64_t *)b;
    case RILL_KIND_RATIO:
        return ((const rill_ratio *)a)->num == ((const rill_ratio *)b)->num &&
               ((const rill_ratio *)a)->den == ((const rill_ratio *)b)->den;
    case RILL_KIND_PART:
        return *(const uint32_t *)a == *(const uint32_t *)b;
    case RILL_KIND_BOOL:
        return *(const bool *)a == *(const bool *)b;
    case RILL_KIND_MAYBE:
    case RILL_KIND_CHOICE:
        return *(const int *)a == *(const int *)b;
    case RILL_KIND_CHOICES:
        return *(const unsigned *)a == *(const unsigned *)b;
    case RILL_KIND_ASSET:
        return strcmp(((const rill_config_asset *)a)->code, ((const rill_config_asset *)b)->code) ==
                   0 &&
               ((const rill_config_asset *)a)->scale == ((const rill_config_asset *)b)->scale;
    case RILL_KIND_STRUCT:
        return rill_shape_same(f->of, a, b);
    case RILL_KIND_SHARED:
        return pointer_at(a) == pointer_at(b) ||
               rill_shape_same(f->of, pointer_at(a), pointer_at(b));
    case RILL_KIND_LIST:
    case RILL_KIND_MAP:
        return same_items(f, a, b);
    case RILL_KIND_TEXTS:
    case RILL_KIND_SECRETS:
        return same_texts(a, b);
    }
    return false;
}

bool rill_shape_same(const rill_shape *shape, const void *a, const void *b)
{
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        if (!same_value(f, (const char *)a + f->offset, (const char *)b + f->offset))
            return false;
    }
    return true;
}

/* ---- values as text ---- */

/* Without what may stand before an @, and in a line: somebody may have put a secret there. */
static void url_text(const rill_lines *l, const char *url, char out[WORD])
{
    const char *host = strstr(url, "://") + 3;
    const char *end = host + strcspn(host, "/?#");
    const char *from = host;
    char print[RILL_SHAPE_PRINT];
    for (const char *at = host; at < end; at++)
        from = *at == '@' ? at + 1 : from;
    size_t rest = strcspn(end, "?#");
    (void)snprintf(out, WORD, "%.*s%.*s", (int)(host - url < 40 ? host - url : 40), url,
                   (int)((size_t)(end - from) + rest), from);
    clean(out);
    size_t len = strlen(out);
    if ((from != host || end[rest] != '\0') && l->hash != NULL && len < WORD - 20 &&
        l->hash(l->user, url, print))
        (void)snprintf(out + len, WORD - len, "%c%s", RILL_SHAPE_REST, print);
}

static void text_of(const rill_lines *l, const char *text, char out[WORD])
{
    if (text != NULL && strstr(text, "://") != NULL) {
        url_text(l, text, out);
        return;
    }
    (void)snprintf(out, WORD, "%s", text == NULL ? "none" : text);
    clean(out);
}

/* What cannot be written stands for none. */
static void number_text(const rill_field *f, uint64_t value, char out[WORD])
{
    static const struct {
        const char *name;
        uint64_t count;
    } times[] = {{"d", 24 * 3600 * RILL_SECOND},
                 {"h", 3600 * RILL_SECOND},
                 {"m", 60 * RILL_SECOND},
                 {"s", RILL_SECOND},
                 {"ms", RILL_MS},
                 {"ns", 1}},
      sizes[] = {{"TiB", UINT64_C(1) << 40},
                 {"GiB", UINT64_C(1) << 30},
                 {"MiB", 1 << 20},
                 {"KiB", 1 << 10},
                 {"B", 1},
                 {"B", 1}};
    size_t i = 0;
    if (value < f->min || value > f->max) {
        (void)snprintf(out, WORD, "none");
    } else if (f->kind == RILL_KIND_DURATION || f->kind == RILL_KIND_SIZE) {
        bool time = f->kind == RILL_KIND_DURATION;
        while ((time ? times[i] : sizes[i]).count > 1 &&
               value % (time ? times[i] : sizes[i]).count != 0)
            i++;
        (void)snprintf(out, WORD, "%" PRIu64 "%s", value / (time ? times[i] : sizes[i]).count,
                       (time ? times[i] : sizes[i]).name);
    } else {
        (void)snprintf(out, WORD, "%" PRIu64, value);
    }
}

/* Exactly, as a decimal where six digits are enough. */
static void ratio_of(rill_ratio ratio, char out[WORD])
{
    char text[RILL_RATIO_TEXT];
    uint64_t whole = ratio.den == 0 ? 0 : ratio.num / ratio.den;
    uint64_t rest = ratio.den == 0 ? 0 : ratio.num % ratio.den;
    bool six = whole < UINT64_MAX / 1000000 && ratio.den < UINT64_MAX / 1000000 &&
               (ratio.den == 0 || rest * 1000000 % ratio.den == 0);
    if (six)
        rill_ratio_text(ratio, text);
    else
        (void)snprintf(text, sizeof text, "%" PRIu64 "/%" PRIu64, ratio.num, ratio.den);
    (void)snprintf(out, WORD, "%s", text);
}

static void choices_text(const rill_field *f, unsigned bits, char out[WORD])
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; f->choices[i] != NULL; i++) {
        if ((bits & 1u << i) != 0)
            len +=
                (size_t)snprintf(out + len, WORD - len, "%s%s", len == 0 ? "" : " ", f->choices[i]);
    }
    if (len == 0)
        (void)snprintf(out, WORD, "none");
}

static void value_text(const rill_lines *l, const rill_field *f, const void *at, char out[WORD])
{
    const rill_config_asset *asset = at;
    const int *number = at;
    switch (f->kind) {
    case RILL_KIND_TEXT:
    case RILL_KIND_SECRET:
    case RILL_KIND_TOKEN:
        text_of(l, pointer_at(at), out);
        return;
    case RILL_KIND_RATIO:
        ratio_of(*(const rill_ratio *)at, out);
        return;
    case RILL_KIND_PART:
        ratio_of((rill_ratio){*(const uint32_t *)at, 1000000}, out);
        return;
    case RILL_KIND_BOOL:
        (void)snprintf(out, WORD, "%s", *(const bool *)at ? "true" : "false");
        return;
    case RILL_KIND_MAYBE:
        (void)snprintf(out, WORD, "%s",
                       *number == 1   ? "true"
                       : *number == 0 ? "false"
                                      : "by default");
        return;
    case RILL_KIND_CHOICE:
        (void)snprintf(out, WORD, "%s", f->choices[*number]);
        return;
    case RILL_KIND_CHOICES:
        choices_text(f, *(const unsigned *)at, out);
        return;
    case RILL_KIND_ASSET:
        (void)snprintf(out, WORD, "%s/%u", asset->code, (unsigned)asset->scale);
        clean(out);
        return;
    default:
        number_text(f, *(const uint64_t *)at, out);
        return;
    }
}

/* ---- writing ---- */

static void write_struct(rill_lines *out, const rill_shape *shape, const char *value,
                         const char *defaults, const char *prefix, const char *const *skip);

/* As much of it as there is room for, but for a mark. */
static size_t put(char out[WORD], size_t at, const char *text)
{
    const size_t room = WORD - 2 - at;
    const size_t len = strlen(text) < room ? strlen(text) : room;
    memcpy(out + at, text, len);
    return at + len;
}

/* mark: a character at its end, or none. */
static void path_of(const char *prefix, const char *key, const char *mark, char out[WORD])
{
    size_t len = put(out, 0, prefix);
    len = put(out, len, prefix[0] == '\0' ? "" : " ");
    len = put(out, len, key);
    out[len] = mark[0];
    out[len + 1] = '\0';
    clean(out);
}

/* prefix: of its key, or of several of which it is one. */
static void write_print(rill_lines *out, const rill_field *f, const char *prefix, const char *where)
{
    char path[WORD];
    char print[RILL_SHAPE_PRINT];
    bool several = f->kind == RILL_KIND_SECRETS;
    path_of(prefix, several ? where : f->key, "#", path);
    if (out->print == NULL || where == NULL ||
        !out->print(out->user, several ? prefix : path, where, print))
        return;
    rill_lines_add(out, path, print);
}

static void write_texts(rill_lines *out, const rill_field *f, const rill_items *all,
                        const char *prefix)
{
    const rill_text *texts = all->items;
    char path[WORD];
    char value[WORD];
    for (size_t i = 0; i < all->count; i++) {
        path_of(prefix, f->key, "+", path);
        text_of(out, texts[i].text, value);
        rill_lines_add(out, path, value);
        path[strlen(path) - 1] = '\0';
        if (f->kind == RILL_KIND_SECRETS)
            write_print(out, f, path, texts[i].text);
    }
}

/* The lines of one of several, as a single one. */
static void write_item(rill_lines *out, const rill_field *f, const char *item, const void *defaults,
                       const char *path)
{
    rill_lines inner = {.allocator = out->allocator, .hash = out->hash, .user = out->user};
    char marked[WORD];
    write_struct(&inner, f->of, item, defaults, "", NULL);
    for (size_t i = 0; i < inner.len; i++) {
        if (inner.text[i] == '\t')
            inner.text[i] = ' ';
    }
    path_of("", path, "+", marked);
    append(out, marked);
    for (char *at = inner.text; at != NULL && *at != '\0';) {
        char *end = strchr(at, '\n');
        rill_lines_append(out, at == inner.text ? "\t" : ", ", at == inner.text ? 1 : 2);
        rill_lines_append(out, at, (size_t)(end - at));
        at = end + 1;
    }
    append(out, inner.len == 0 ? "\t\n" : "\n");
    out->no_memory = out->no_memory || inner.no_memory;
    rill_lines_clear(&inner);
    for (const rill_field *of = f->of->fields; of->key != NULL; of++) {
        const char *where = of->kind == RILL_KIND_SECRET || of->kind == RILL_KIND_TOKEN
                                ? pointer_at(item + of->offset)
                                : NULL;
        if (where == NULL)
            continue;
        path_of(path, where, "", marked);
        write_print(out, of, marked, where);
    }
}

static void write_items(rill_lines *out, const rill_field *f, const rill_items *all,
                        const char *prefix)
{
    rill_arena arena;
    char path[WORD];
    char named[WORD];
    rill_arena_init(&arena, out->allocator);
    const void *defaults = rill_shape_defaults(f->of, &arena);
    const char *item = all->items;
    path_of(prefix, f->key, "", path);
    out->no_memory = out->no_memory || defaults == NULL;
    for (size_t i = 0; defaults != NULL && i < all->count; i++, item += f->of->size) {
        if (f->kind == RILL_KIND_LIST) {
            write_item(out, f, item, defaults, path);
            continue;
        }
        path_of(path, name_of(f, item), "", named);
        write_struct(out, f->of, item, defaults, named, NULL);
    }
    rill_arena_clear(&arena);
}

static void write_field(rill_lines *out, const rill_field *f, const char *at, const char *defaults,
                        const char *prefix)
{
    char path[WORD];
    char value[WORD];
    path_of(prefix, f->key, "", path);
    switch (f->kind) {
    case RILL_KIND_STRUCT:
        write_struct(out, f->of, at, defaults, path, NULL);
        return;
    case RILL_KIND_SHARED:
        write_struct(out, f->of, pointer_at(at), defaults == NULL ? NULL : pointer_at(defaults),
                     path, NULL);
        return;
    case RILL_KIND_LIST:
    case RILL_KIND_MAP:
        write_items(out, f, (const void *)at, prefix);
        return;
    case RILL_KIND_TEXTS:
    case RILL_KIND_SECRETS:
        write_texts(out, f, (const void *)at, prefix);
        return;
    case RILL_KIND_SECRET:
    case RILL_KIND_TOKEN:
        write_print(out, f, prefix, pointer_at(at));
        break;
    default:
        break;
    }
    value_text(out, f, at, value);
    rill_lines_add(out, path, value);
}

static bool is_skipped(const char *const *skip, const char *key)
{
    for (; skip != NULL && *skip != NULL; skip++) {
        if (strcmp(*skip, key) == 0)
            return true;
    }
    return false;
}

static void write_struct(rill_lines *out, const rill_shape *shape, const char *value,
                         const char *defaults, const char *prefix, const char *const *skip)
{
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        const char *usual = defaults == NULL ? NULL : defaults + f->offset;
        if (is_skipped(skip, f->key) || (usual != NULL && same_value(f, value + f->offset, usual)))
            continue;
        write_field(out, f, value + f->offset, usual, prefix);
    }
}

void rill_shape_write(rill_lines *out, const rill_shape *shape, const void *value,
                      const void *defaults, const char *const *skip)
{
    write_struct(out, shape, value, defaults, "", skip);
}
