/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON schema of a shape. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "connector/shape.h"

/* Written twice: once to find out how long it is, once into memory. */
typedef struct output {
    char *text; /* NULL: count alone */
    size_t len;
    size_t cap;
} output;

__attribute__((format(printf, 2, 3))) static void put(output *o, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool counts = o->text == NULL;
    int len =
        vsnprintf(counts ? NULL : o->text + o->len, counts ? 0 : o->cap - o->len, format, args);
    o->len += len > 0 ? (size_t)len : 0;
    va_end(args);
}

/* Helps have no control characters. */
static void put_string(output *o, const char *text)
{
    put(o, "\"");
    for (; *text != '\0'; text++)
        put(o, "%s%c", *text == '"' || *text == '\\' ? "\\" : "", *text);
    put(o, "\"");
}

static void put_shape(output *o, const rill_shape *shape);

static void put_choices(output *o, const rill_field *f)
{
    put(o, "\"enum\":[");
    for (size_t i = 0; f->choices[i] != NULL; i++) {
        put(o, "%s", i == 0 ? "" : ",");
        put_string(o, f->choices[i]);
    }
    put(o, "]");
}

/* Patterns within JSON. A text has one line and is not empty, as rill_shape_read wants it. */
#define LINE   "[^\\r\\n]+"
#define NUMBER "([0-9]+([.][0-9]+)?|[.][0-9]+|[0-9]+/0*[1-9][0-9]*)"

static const char text_schema[] =
    "\"type\":[\"string\",\"number\",\"boolean\"],\"pattern\":\"^" LINE "$\"";
static const char secret_schema[] = "\"type\":\"string\",\"pattern\":\"^(file|env):" LINE "$\"";
static const char token_schema[] =
    "\"type\":\"string\",\"pattern\":\"^((file|env):" LINE "|sha256:[0-9a-f]{64})$\"";
static const char asset_schema[] = "\"type\":\"string\",\"pattern\":\"^[^ \\t\\r\\n]{1,31}/"
                                   "([0-9]{1,2}|[01][0-9]{2}|2[0-4][0-9]|25[0-5])$\"";
static const char ratio_schema[] =
    "\"anyOf\":[{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":18446744073709551615},"
    "{\"type\":\"string\",\"pattern\":\"^(?=[^/]*[1-9])" NUMBER "$\"}]";
static const char part_schema[] = "\"anyOf\":[{\"type\":\"number\",\"minimum\":0,\"maximum\":1},"
                                  "{\"type\":\"string\",\"pattern\":\"^" NUMBER "%?$\"}]";
static const char number_pattern[] = "^[0-9]+(_[0-9]+)*$";

/* What people write without quotes is a number to YAML: both are taken. */
static void put_number(output *o, const rill_field *f)
{
    put(o, "\"anyOf\":[{\"type\":\"integer\",\"minimum\":%" PRIu64 ",\"maximum\":%" PRIu64 "},",
        f->min, f->max);
    put(o, "{\"type\":\"string\",\"pattern\":\"%s\"}", number_pattern);
    if (f->kind == RILL_KIND_LIMIT)
        put(o, ",{\"const\":\"none\"}");
    put(o, "]");
}

static void put_texts(output *o, const char *one)
{
    put(o, "\"anyOf\":[{%s},{\"type\":\"array\",\"items\":{%s}}]", one, one);
}

static void put_some(output *o, const rill_field *f)
{
    put(o, "\"anyOf\":[{");
    put_choices(o, f);
    put(o, "},{\"type\":\"array\",\"minItems\":1,\"items\":{");
    put_choices(o, f);
    put(o, "}}]");
}

static void put_kind(output *o, const rill_field *f);

/* One of them, or the text that stands for it. */
static void put_item(output *o, const rill_shape *shape)
{
    const rill_field *f = shape->fields;
    while (strcmp(f->key, shape->alone) != 0)
        f++;
    put(o, "{");
    put_kind(o, f);
    put(o, "},{");
    put_shape(o, shape);
    put(o, "}");
}

static void put_list(output *o, const rill_shape *shape)
{
    if (shape->alone != NULL) {
        put(o, "\"anyOf\":[");
        put_item(o, shape);
        put(o, ",{\"type\":\"array\",\"items\":{\"anyOf\":[");
        put_item(o, shape);
        put(o, "]}}]");
        return;
    }
    put(o, "\"type\":\"array\",\"items\":{");
    put_shape(o, shape);
    put(o, "}");
}

static void put_kind(output *o, const rill_field *f)
{
    switch (f->kind) {
    case RILL_KIND_TEXT:
        put(o, "%s", text_schema);
        return;
    case RILL_KIND_NUMBER:
    case RILL_KIND_LIMIT:
        put_number(o, f);
        return;
    case RILL_KIND_DURATION:
        put(o, "\"type\":\"string\",\"pattern\":\"^[0-9]+(ms|s|m|h|d)$\"");
        return;
    case RILL_KIND_SIZE:
        put(o, "\"type\":\"string\",\"pattern\":\"^[0-9]+(KiB|MiB|GiB|TiB)$\"");
        return;
    case RILL_KIND_RATIO:
        put(o, "%s", ratio_schema);
        return;
    case RILL_KIND_PART:
        put(o, "%s", part_schema);
        return;
    case RILL_KIND_BOOL:
    case RILL_KIND_MAYBE:
        put(o, "\"enum\":[true,false,\"true\",\"false\"]");
        return;
    case RILL_KIND_CHOICE:
        put_choices(o, f);
        return;
    case RILL_KIND_CHOICES:
        put_some(o, f);
        return;
    case RILL_KIND_ASSET:
        put(o, "%s", asset_schema);
        return;
    case RILL_KIND_SECRET:
        put(o, "%s", secret_schema);
        return;
    case RILL_KIND_TOKEN:
        put(o, "%s", token_schema);
        return;
    case RILL_KIND_STRUCT:
    case RILL_KIND_SHARED:
        put_shape(o, f->of);
        return;
    case RILL_KIND_LIST:
        put_list(o, f->of);
        return;
    case RILL_KIND_TEXTS:
        put_texts(o, text_schema);
        return;
    case RILL_KIND_SECRETS:
        put_texts(o, token_schema);
        return;
    case RILL_KIND_MAP:
        put(o, "\"type\":\"object\",\"propertyNames\":{\"minLength\":1},"
               "\"additionalProperties\":{");
        put_shape(o, f->of);
        put(o, "}");
        return;
    }
}

static void put_shape(output *o, const rill_shape *shape)
{
    bool some = false;
    bool some_required = false;
    put(o, "\"type\":\"object\",\"additionalProperties\":false,\"properties\":{");
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        if (f->not_for_files)
            continue;
        put(o, "%s", some ? "," : "");
        some = true;
        put_string(o, f->key);
        put(o, ":{\"description\":");
        put_string(o, f->help);
        put(o, ",");
        put_kind(o, f);
        put(o, "}");
    }
    put(o, "}");
    for (const rill_field *f = shape->fields; f->key != NULL; f++) {
        if (!f->required)
            continue;
        put(o, "%s", some_required ? "," : ",\"required\":[");
        put_string(o, f->key);
        some_required = true;
    }
    put(o, "%s", some_required ? "]" : "");
}

static void put_schema(output *o, const rill_shape *shape, const char *title)
{
    put(o, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"title\":");
    put_string(o, title);
    put(o, ",");
    put_shape(o, shape);
    put(o, "}\n");
}

const char *rill_shape_schema(const rill_shape *shape, const char *title, rill_arena *arena)
{
    output measured = {NULL, 0, 0};
    put_schema(&measured, shape, title);
    output written = {rill_arena_alloc(arena, measured.len + 1), 0, measured.len + 1};
    if (written.text != NULL)
        put_schema(&written, shape, title);
    return written.text;
}
