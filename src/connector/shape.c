/* SPDX-License-Identifier: Apache-2.0 */
/* Over 600 lines: a reader for each kind of value, each short. */
#include "connector/shape.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "connector/yaml_tree.h"

enum { MOST_VALUES = 4000000, MOST_SHARED = 8, PROBLEM = 512, MILLION = 1000000 };

/* ---- memory ---- */

/*
 * Bytes of an arena's blocks. AddressSanitizer sees who writes past a piece only if each is a block
 * of its own.
 */
#if defined(__SANITIZE_ADDRESS__)
enum { FIRST_BLOCK = 0, LARGEST_BLOCK = 0 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { FIRST_BLOCK = 0, LARGEST_BLOCK = 0 };
#else
enum { FIRST_BLOCK = 512, LARGEST_BLOCK = 65536 };
#endif
#else
enum { FIRST_BLOCK = 512, LARGEST_BLOCK = 65536 };
#endif

struct rill_arena_block {
    struct rill_arena_block *before;
    size_t size;
    size_t used;
    _Alignas(max_align_t) uint8_t bytes[];
};

void rill_arena_init(rill_arena *a, const rill_allocator *allocator)
{
    *a = (rill_arena){.allocator = allocator};
}

void rill_arena_clear(rill_arena *a)
{
    while (a->last != NULL) {
        struct rill_arena_block *block = a->last;
        a->last = block->before;
        rill_free(a->allocator, block);
    }
}

/* The first `most` bytes of another block, of which `size` are taken. NULL: no memory. */
static void *begin_block(rill_arena *a, size_t size, size_t most)
{
    struct rill_arena_block *block = NULL;
    if (size <= SIZE_MAX - sizeof *block)
        block = rill_calloc(a->allocator, 1, sizeof *block + (size > most ? size : most));
    if (block == NULL)
        return NULL;
    block->size = size > most ? size : most;
    block->used = size;
    block->before = a->last;
    /* One that is full with a single large piece does not end what is being filled. */
    if (a->last != NULL && size > most) {
        block->before = a->last->before;
        a->last->before = block;
    } else {
        a->last = block;
    }
    return block->bytes;
}

static void *take(rill_arena *a, size_t size, size_t alignment)
{
    struct rill_arena_block *last = a->last;
    size_t next = FIRST_BLOCK;
    if (last != NULL) {
        size_t at = (last->used + alignment - 1) & ~(alignment - 1);
        if (at <= last->size && size <= last->size - at) {
            last->used = at + size;
            return last->bytes + at;
        }
        next = 2 * last->size > LARGEST_BLOCK ? LARGEST_BLOCK : 2 * last->size;
    }
    return begin_block(a, size, next);
}

void *rill_arena_alloc(rill_arena *a, size_t size)
{
    return take(a, size == 0 ? 1 : size, _Alignof(max_align_t));
}

char *rill_arena_text(rill_arena *a, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = take(a, size, 1);
    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

/* ---- reading ---- */

typedef struct reader {
    rill_yaml_tree tree;
    rill_arena *arena;
    rill_shape_report *report;
    void *user;
    unsigned errors;
    unsigned values; /* read so far: aliases must not make many of few */
    struct {
        const rill_shape *of;
        void *all; /* who has none of its own has this one */
    } shared[MOST_SHARED];
    bool no_memory;
} reader;

static rill_place place_of(const rill_yaml_node *node)
{
    return (rill_place){node->line, node->column};
}

__attribute__((format(printf, 3, 4))) static void complain(reader *r, rill_place place,
                                                           const char *format, ...)
{
    char problem[PROBLEM];
    va_list args;
    va_start(args, format);
    vsnprintf(problem, sizeof problem, format, args);
    va_end(args);
    /* Values and keys may have any character; a report is one line. */
    for (char *at = problem; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    }
    r->errors++;
    r->report(r->user, place, problem);
}

static void *allocated(reader *r, size_t size)
{
    void *out = rill_arena_alloc(r->arena, size);
    r->no_memory = r->no_memory || out == NULL;
    return out;
}

static const char *text_of(const reader *r, const rill_yaml_node *scalar)
{
    return rill_yaml_text(&r->tree, scalar);
}

/* As YAML 1.2 writes that there is no value. */
static bool is_null(const char *text)
{
    return strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
           strcmp(text, "NULL") == 0;
}

/* A value of one line that is not empty. NULL: it has been complained about. */
static const char *scalar(reader *r, const rill_yaml_node *node, const char *key)
{
    if (node->kind != RILL_YAML_SCALAR) {
        complain(r, place_of(node), "%s: one value is expected here, not a list or a map", key);
        return NULL;
    }
    const char *text = text_of(r, node);
    if (strlen(text) != node->count || strpbrk(text, "\r\n") != NULL) {
        complain(r, place_of(node), "%s: the value has characters that it cannot have", key);
        return NULL;
    }
    if (text[0] == '\0' || (node->plain && is_null(text))) {
        complain(r, place_of(node), "%s: a value is missing", key);
        return NULL;
    }
    return text;
}

static const char *copied(reader *r, const char *text)
{
    char *copy = rill_arena_text(r->arena, text);
    r->no_memory = r->no_memory || copy == NULL;
    return copy;
}

/* Digits alone, with underscores between them as people write them. */
static bool parse_number(const char *text, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    if (len == 0 || text[0] == '_' || text[len - 1] == '_')
        return false;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '_' && text[i - 1] != '_')
            continue;
        if (text[i] < '0' || text[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static void read_number(reader *r, const rill_yaml_node *node, const rill_field *f, uint64_t *out)
{
    uint64_t value = 0;
    const char *text = scalar(r, node, f->key);
    if (text == NULL)
        return;
    if (f->kind == RILL_KIND_LIMIT && strcmp(text, "none") == 0) {
        *out = UINT64_MAX;
        return;
    }
    if (parse_number(text, strlen(text), &value) && value >= f->min && value <= f->max)
        *out = value;
    else
        complain(r, place_of(node),
                 "%s: a whole number from %" PRIu64 " to %" PRIu64 "%s, not '%s'", f->key, f->min,
                 f->max, f->kind == RILL_KIND_LIMIT ? " or none" : "", text);
}

/* What a number is of, the smallest first; name NULL ends them. */
typedef struct unit {
    const char *name;
    uint64_t count;
} unit;

static const unit times[] = {{"ms", RILL_MS},
                             {"s", RILL_SECOND},
                             {"m", 60 * RILL_SECOND},
                             {"h", 3600 * RILL_SECOND},
                             {"d", 24 * 3600 * RILL_SECOND},
                             {NULL, 0}};
static const unit sizes[] = {{"KiB", UINT64_C(1) << 10},
                             {"MiB", UINT64_C(1) << 20},
                             {"GiB", UINT64_C(1) << 30},
                             {"TiB", UINT64_C(1) << 40},
                             {NULL, 0}};

static bool parse_quantity(const char *text, const unit *units, uint64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    uint64_t count = 0;
    if (!parse_number(text, digits, &count))
        return false;
    for (; units->name != NULL; units++) {
        if (strcmp(text + digits, units->name) == 0)
            return rill_mul_div_floor(count, units->count, 1, out);
    }
    return false;
}

/* For people: the largest unit of which it is a whole number. */
static void quantity_text(uint64_t value, const unit *units, char *out, size_t cap)
{
    size_t best = 0;
    for (size_t i = 1; units[i].name != NULL; i++) {
        if (value >= units[i].count && value % units[i].count == 0)
            best = i;
    }
    snprintf(out, cap, "%" PRIu64 "%s", value / units[best].count, units[best].name);
}

static void read_quantity(reader *r, const rill_yaml_node *node, const rill_field *f, uint64_t *out)
{
    bool time = f->kind == RILL_KIND_DURATION;
    const unit *units = time ? times : sizes;
    uint64_t value = 0;
    const char *text = scalar(r, node, f->key);
    if (text == NULL)
        return;
    if (parse_quantity(text, units, &value) && value >= f->min && value <= f->max) {
        *out = value;
        return;
    }
    char min[32];
    char max[32];
    quantity_text(f->min, units, min, sizeof min);
    quantity_text(f->max, units, max, sizeof max);
    complain(r, place_of(node), "%s: %s, from %s to %s, not '%s'", f->key,
             time ? "a time such as 250ms, 30s, 5m or 2h" : "a size such as 500MiB or 2GiB", min,
             max, text);
}

static void read_ratio(reader *r, const rill_yaml_node *node, const rill_field *f, rill_ratio *out)
{
    const char *text = scalar(r, node, f->key);
    if (text == NULL)
        return;
    if (rill_ratio_parse(text, out) != RILL_OK || out->num == 0)
        complain(r, place_of(node), "%s: a number above 0 such as 1.0842 or 3/4, not '%s'", f->key,
                 text);
}

/* Of 1, to a millionth, or with a percent sign. */
static bool parse_part(const char *text, uint32_t *out)
{
    char number[64];
    rill_ratio ratio;
    uint64_t parts = 0;
    size_t len = strlen(text);
    bool percent = len > 0 && text[len - 1] == '%';
    if (len >= sizeof number)
        return false;
    memcpy(number, text, len + 1);
    if (percent)
        number[len - 1] = '\0';
    if (rill_ratio_parse(number, &ratio) != RILL_OK)
        return false;
    uint64_t scale = percent ? MILLION / 100 : MILLION;
    uint64_t up = 0;
    if (!rill_mul_div_floor(ratio.num, scale, ratio.den, &parts) ||
        !rill_mul_div_ceil(ratio.num, scale, ratio.den, &up) || up != parts || parts > MILLION)
        return false;
    *out = (uint32_t)parts;
    return true;
}

static void read_part(reader *r, const rill_yaml_node *node, const rill_field *f, uint32_t *out)
{
    const char *text = scalar(r, node, f->key);
    if (text != NULL && !parse_part(text, out))
        complain(r, place_of(node),
                 "%s: a part of 1 such as 0.002 or 0.2%%, with at most 6 digits, not '%s'", f->key,
                 text);
}

static void read_bool(reader *r, const rill_yaml_node *node, const rill_field *f, bool *out)
{
    const char *text = scalar(r, node, f->key);
    if (text == NULL)
        return;
    bool yes = strcmp(text, "true") == 0;
    if (yes || strcmp(text, "false") == 0)
        *out = yes;
    else
        complain(r, place_of(node), "%s: true or false, not '%s'", f->key, text);
}

static void read_maybe(reader *r, const rill_yaml_node *node, const rill_field *f, int *out)
{
    bool is = *out != 0;
    size_t before = r->errors;
    read_bool(r, node, f, &is);
    if (r->errors == before)
        *out = is;
}

/* "parent, peer or child" */
static void list_choices(const rill_field *f, char *out, size_t cap)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; f->choices[i] != NULL && len < cap; i++) {
        const char *before = i == 0 ? "" : f->choices[i + 1] == NULL ? " or " : ", ";
        int more = snprintf(out + len, cap - len, "%s%s", before, f->choices[i]);
        len += more > 0 ? (size_t)more : 0;
    }
}

static void read_choice(reader *r, const rill_yaml_node *node, const rill_field *f, int *out)
{
    char all[PROBLEM / 2];
    const char *text = scalar(r, node, f->key);
    if (text == NULL)
        return;
    for (int i = 0; f->choices[i] != NULL; i++) {
        if (strcmp(f->choices[i], text) == 0) {
            *out = i;
            return;
        }
    }
    list_choices(f, all, sizeof all);
    complain(r, place_of(node), "%s: %s, not '%s'", f->key, all, text);
}

static bool take_value(reader *r, const rill_yaml_node *node)
{
    if (r->values++ < MOST_VALUES)
        return true;
    if (r->values == MOST_VALUES + 1)
        complain(r, place_of(node), "the file has more than %d values", MOST_VALUES);
    return false;
}

/* How many there are in a sequence, or one without it. */
static size_t count_of(const rill_yaml_node *node)
{
    return node->kind == RILL_YAML_SEQUENCE ? node->count : 1;
}

/* The first of them, before rill_yaml_value; NULL: there is none. */
static const rill_yaml_node *first_of(const reader *r, const rill_yaml_node *node)
{
    return node->kind == RILL_YAML_SEQUENCE ? rill_yaml_first(&r->tree, node) : node;
}

/* The one after that. */
static const rill_yaml_node *next_of(const reader *r, const rill_yaml_node *node,
                                     const rill_yaml_node *one)
{
    return node->kind == RILL_YAML_SEQUENCE ? rill_yaml_next(&r->tree, one) : NULL;
}

#define EACH_OF(r, node, at)                                                                       \
    for (const rill_yaml_node *at = first_of(r, node); at != NULL; at = next_of(r, node, at))

/* What belongs to a key of a mapping. */
static const rill_yaml_node *value_of(const reader *r, const rill_yaml_node *key)
{
    return rill_yaml_value(&r->tree, rill_yaml_next(&r->tree, key));
}

/* Keys of a mapping, which values follow. */
#define EACH_KEY(r, node, at)                                                                      \
    for (const rill_yaml_node *at = rill_yaml_first(&(r)->tree, node); at != NULL;                 \
         at = rill_yaml_next(&(r)->tree, rill_yaml_next(&(r)->tree, at)))

static void read_choices(reader *r, const rill_yaml_node *node, const rill_field *f, unsigned *out)
{
    *out = 0;
    EACH_OF(r, node, at)
    {
        const rill_yaml_node *one = rill_yaml_value(&r->tree, at);
        int choice = -1;
        if (!take_value(r, one))
            return;
        read_choice(r, one, f, &choice);
        if (choice >= 0)
            *out |= 1u << choice;
    }
    if (count_of(node) == 0)
        complain(r, place_of(node), "%s: at least one is needed", f->key);
}

static void read_asset(reader *r, const rill_yaml_node *node, const rill_field *f,
                       rill_config_asset *out)
{
    uint64_t scale = 0;
    const char *text = scalar(r, node, f->key);
    if (text == NULL)
        return;
    const char *slash = strrchr(text, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - text);
    size_t digits = slash == NULL ? 0 : strspn(slash + 1, "0123456789");
    if (len == 0 || len >= sizeof out->code || strpbrk(text, " \t") != NULL || digits == 0 ||
        digits > 3 || slash[1 + digits] != '\0' || !parse_number(slash + 1, digits, &scale) ||
        scale > UINT8_MAX) {
        complain(r, place_of(node), "%s: a code and a scale such as USD/2 or XRP/9, not '%s'",
                 f->key, text);
        return;
    }
    memset(out, 0, sizeof *out);
    memcpy(out->code, text, len);
    out->scale = (uint8_t)scale;
}

/* What is written is never shown: it may be the secret itself. */
static const char *secret(reader *r, const rill_yaml_node *node, const rill_field *f)
{
    const char *text = scalar(r, node, f->key);
    if (text == NULL)
        return NULL;
    bool file = strncmp(text, "file:", 5) == 0 && text[5] != '\0';
    bool env = strncmp(text, "env:", 4) == 0 && text[4] != '\0';
    /* Of what others show, a hash is enough; what we show we must know. */
    bool hash = f->kind != RILL_KIND_SECRET && strncmp(text, "sha256:", 7) == 0 &&
                strlen(text) == 71 && strspn(text + 7, "0123456789abcdef") == 64;
    if (file || env || hash)
        return copied(r, text);
    complain(r, place_of(node),
             "%s: where the secret is, as file:PATH or env:NAME; not the secret itself", f->key);
    return NULL;
}

static void read_struct(reader *r, const rill_yaml_node *node, const rill_shape *shape, void *out,
                        const char *key);

static void read_texts(reader *r, const rill_yaml_node *node, const rill_field *f, rill_items *out)
{
    const size_t count = count_of(node);
    rill_text *texts = allocated(r, count * sizeof *texts);
    if (texts == NULL)
        return;
    *out = (rill_items){texts, count};
    EACH_OF(r, node, at)
    {
        const rill_yaml_node *one = rill_yaml_value(&r->tree, at);
        if (!take_value(r, one))
            return;
        texts->place = place_of(one);
        if (f->kind == RILL_KIND_SECRETS) {
            texts->text = secret(r, one, f);
        } else {
            const char *text = scalar(r, one, f->key);
            texts->text = text == NULL ? NULL : copied(r, text);
        }
        texts++;
    }
}

static void read_list(reader *r, const rill_yaml_node *node, const rill_field *f, rill_items *out)
{
    if (node->kind != RILL_YAML_SEQUENCE && f->of->alone == NULL) {
        complain(r, place_of(node), "%s: a list is expected here, each item after a '-'", f->key);
        return;
    }
    const size_t count = count_of(node);
    char *items = allocated(r, count * f->of->size);
    if (items == NULL)
        return;
    *out = (rill_items){items, count};
    EACH_OF(r, node, at)
    {
        read_struct(r, rill_yaml_value(&r->tree, at), f->of, items, f->key);
        items += f->of->size;
    }
}

static bool key_is_good(reader *r, const rill_yaml_node *key)
{
    if (key->kind != RILL_YAML_SCALAR || text_of(r, key)[0] == '\0') {
        complain(r, place_of(key), "a name is expected here");
        return false;
    }
    return take_value(r, key);
}

typedef struct named {
    const char *name;
    rill_place place;
} named;

static int by_name(const void *a, const void *b)
{
    const named *x = a;
    const named *y = b;
    int order = strcmp(x->name, y->name);
    if (order == 0)
        order = x->place.line < y->place.line ? -1 : x->place.line > y->place.line;
    return order != 0 ? order : x->place.column < y->place.column ? -1 : 1;
}

/* Sorted, since there may be many. */
static void find_twins(reader *r, const rill_field *f, const rill_items *items)
{
    const rill_allocator *allocator = r->arena->allocator;
    if (items->count == 0)
        return;
    named *all = rill_calloc(allocator, items->count, sizeof *all);
    if (all == NULL) {
        r->no_memory = true;
        return;
    }
    for (size_t i = 0; i < items->count; i++) {
        const char *item = (const char *)items->items + i * f->of->size;
        memcpy(&all[i].name, item + f->of->name_offset, sizeof all[i].name);
        memcpy(&all[i].place, item, sizeof all[i].place);
        if (all[i].name == NULL) { /* no memory */
            rill_free(allocator, all);
            return;
        }
    }
    qsort(all, items->count, sizeof *all, by_name);
    for (size_t i = 1; i < items->count; i++) {
        if (strcmp(all[i].name, all[i - 1].name) == 0)
            complain(r, all[i].place, "%s: '%.64s' is there twice, first in line %" PRIu32, f->key,
                     all[i].name, all[i - 1].place.line);
    }
    rill_free(allocator, all);
}

static void read_map(reader *r, const rill_yaml_node *node, const rill_field *f, rill_items *out)
{
    if (node->kind != RILL_YAML_MAPPING) {
        complain(r, place_of(node), "%s: names are expected here, each with a ':' after it",
                 f->key);
        return;
    }
    char *items = allocated(r, node->count / 2 * f->of->size);
    if (items == NULL)
        return;
    *out = (rill_items){items, 0};
    EACH_KEY(r, node, at)
    {
        const rill_yaml_node *key = rill_yaml_value(&r->tree, at);
        if (!key_is_good(r, key))
            continue;
        void *item = items + out->count++ * f->of->size;
        read_struct(r, value_of(r, at), f->of, item, text_of(r, key));
        *(rill_place *)item = place_of(key);
        const char *name = copied(r, text_of(r, key));
        memcpy((char *)item + f->of->name_offset, &name, sizeof name);
    }
    find_twins(r, f, out);
}

/* Of whatever type it is. */
static void set_pointer(void *at, const void *to)
{
    memcpy(at, &to, sizeof to);
}

/* NULL: no memory. */
static void *shared_of(reader *r, const rill_shape *of)
{
    size_t i = 0;
    while (r->shared[i].of != NULL && r->shared[i].of != of)
        i++;
    assert(i + 1 < MOST_SHARED);
    if (r->shared[i].all == NULL) {
        r->shared[i].of = of;
        r->shared[i].all = allocated(r, of->size);
        if (r->shared[i].all != NULL && of->defaults != NULL)
            of->defaults(r->shared[i].all);
    }
    return r->shared[i].all;
}

static void begin_struct(reader *r, const rill_shape *shape, void *out)
{
    if (shape->defaults != NULL)
        shape->defaults(out);
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        if (f->kind == RILL_KIND_SHARED)
            set_pointer((char *)out + f->offset, shared_of(r, f->of));
    }
}

/* One that is not shared any more. */
static void read_own(reader *r, const rill_yaml_node *node, const rill_field *f, void *at)
{
    void *own = allocated(r, f->of->size);
    if (own == NULL)
        return;
    set_pointer(at, own);
    read_struct(r, node, f->of, own, f->key);
}

static void read_field(reader *r, const rill_yaml_node *node, const rill_field *f, void *at)
{
    const char *text;
    switch (f->kind) {
    case RILL_KIND_TEXT:
        text = scalar(r, node, f->key);
        if (text != NULL)
            *(const char **)at = copied(r, text);
        return;
    case RILL_KIND_SECRET:
    case RILL_KIND_TOKEN:
        text = secret(r, node, f);
        if (text != NULL)
            *(const char **)at = text;
        return;
    case RILL_KIND_NUMBER:
    case RILL_KIND_LIMIT:
        read_number(r, node, f, at);
        return;
    case RILL_KIND_DURATION:
    case RILL_KIND_SIZE:
        read_quantity(r, node, f, at);
        return;
    case RILL_KIND_RATIO:
        read_ratio(r, node, f, at);
        return;
    case RILL_KIND_PART:
        read_part(r, node, f, at);
        return;
    case RILL_KIND_BOOL:
        read_bool(r, node, f, at);
        return;
    case RILL_KIND_MAYBE:
        read_maybe(r, node, f, at);
        return;
    case RILL_KIND_CHOICE:
        read_choice(r, node, f, at);
        return;
    case RILL_KIND_CHOICES:
        read_choices(r, node, f, at);
        return;
    case RILL_KIND_ASSET:
        read_asset(r, node, f, at);
        return;
    case RILL_KIND_STRUCT:
        read_struct(r, node, f->of, at, f->key);
        return;
    case RILL_KIND_SHARED:
        read_own(r, node, f, at);
        return;
    case RILL_KIND_LIST:
        read_list(r, node, f, at);
        return;
    case RILL_KIND_TEXTS:
    case RILL_KIND_SECRETS:
        read_texts(r, node, f, at);
        return;
    case RILL_KIND_MAP:
        read_map(r, node, f, at);
        return;
    }
}

static const rill_field *find_field(const rill_shape *shape, const char *key)
{
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        if (strcmp(f->key, key) == 0)
            return f;
    }
    return NULL;
}

static void complain_of_key(reader *r, const rill_yaml_node *key, const rill_shape *shape)
{
    char all[PROBLEM - 160];
    size_t len = 0;
    all[0] = '\0';
    for (const rill_field *f = shape->fields; f->key != NULL && len < sizeof all; f++) {
        if (f->not_for_files)
            continue;
        int more = snprintf(all + len, sizeof all - len, "%s%s", len == 0 ? "" : ", ", f->key);
        len += more > 0 ? (size_t)more : 0;
    }
    complain(r, place_of(key), "'%.64s' is not known in %s; there are: %s", text_of(r, key),
             shape->name, all);
}

static void read_struct(reader *r, const rill_yaml_node *node, const rill_shape *shape, void *out,
                        const char *key)
{
    begin_struct(r, shape, out);
    *(rill_place *)out = place_of(node);
    if (!take_value(r, node))
        return;
    if (node->kind == RILL_YAML_SCALAR && shape->alone != NULL) {
        const rill_field *f = find_field(shape, shape->alone);
        read_field(r, node, f, (char *)out + f->offset);
        return;
    }
    if (node->kind != RILL_YAML_MAPPING) {
        complain(r, place_of(node), "%s: %s is expected here, keys with a ':' after them", key,
                 shape->name);
        return;
    }
    uint64_t seen = 0;
    EACH_KEY(r, node, at)
    {
        const rill_yaml_node *name = rill_yaml_value(&r->tree, at);
        if (!key_is_good(r, name))
            continue;
        const rill_field *f = find_field(shape, text_of(r, name));
        if (f == NULL) {
            complain_of_key(r, name, shape);
            continue;
        }
        uint64_t bit = UINT64_C(1) << (f - shape->fields);
        if ((seen & bit) != 0)
            complain(r, place_of(name), "%s: is there twice", f->key);
        seen |= bit;
        read_field(r, value_of(r, at), f, (char *)out + f->offset);
    }
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        if (f->required && (seen & UINT64_C(1) << (f - shape->fields)) == 0)
            complain(r, place_of(node), "%s: %s is missing", key, f->key);
    }
}

static int read_root(reader *r, const rill_shape *shape, void *out)
{
    const rill_yaml_node *root = rill_yaml_root(&r->tree);
    if (root == NULL)
        complain(r, (rill_place){1, 1}, "the file is empty");
    else
        read_struct(r, root, shape, out, shape->name);
    if (r->no_memory)
        return RILL_ERR_NOMEM;
    return r->errors > 0 ? RILL_ERR_MALFORMED : RILL_OK;
}

int rill_shape_read(const rill_shape *shape, void *out, rill_arena *arena, const char *text,
                    size_t len, rill_shape_report *report, void *user)
{
    reader r = {.arena = arena, .report = report, .user = user};
    memset(out, 0, shape->size);
    begin_struct(&r, shape, out); /* also of what cannot be read */
    if (r.no_memory)
        return RILL_ERR_NOMEM;
    if (len > RILL_CONFIG_MAX)
        return RILL_ERR_LIMIT;
    rill_yaml_problem problem;
    int rc = rill_yaml_read(&r.tree, arena->allocator, text, len, &problem);
    if (rc == RILL_ERR_MALFORMED)
        complain(&r, (rill_place){problem.line, problem.column}, "not YAML: %s", problem.what);
    if (rc == RILL_OK)
        rc = read_root(&r, shape, out);
    rill_yaml_clear(&r.tree);
    return rc;
}

int rill_shape_read_tree(const rill_shape *shape, void *out, rill_arena *arena,
                         const rill_yaml_tree *tree, rill_shape_report *report, void *user)
{
    reader r = {.arena = arena, .tree = *tree, .report = report, .user = user};
    memset(out, 0, shape->size);
    begin_struct(&r, shape, out);
    return r.no_memory ? RILL_ERR_NOMEM : read_root(&r, shape, out);
}
