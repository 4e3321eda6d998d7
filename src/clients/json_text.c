/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as JSON.stringify writes it. Servers of Open Payments compute the digest of a body not from
 * its bytes but from what their parser made of them, written again: bytes that are the same in both
 * have the same digest.
 */
#include <rill/http_signature.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <rill/error.h>

/* What is being written; grows. failed: out of memory, and nothing more is written. */
typedef struct text {
    char *at;
    size_t len;
    size_t cap;
    bool failed;
} text;

static void put(text *t, const char *bytes, size_t len)
{
    if (t->failed)
        return;
    if (len >= t->cap - t->len) {
        size_t cap = (t->cap + len + 64) * 2;
        char *grown = realloc(t->at, cap);
        if (!grown) {
            t->failed = true;
            return;
        }
        t->at = grown;
        t->cap = cap;
    }
    memcpy(t->at + t->len, bytes, len);
    t->len += len;
    t->at[t->len] = '\0';
}

static void put_text(text *t, const char *words)
{
    put(t, words, strlen(words));
}

static void put_string(text *t, const char *bytes, size_t len)
{
    put(t, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        static const char short_ones[] = "btn\vfr"; /* 8 to 13, of which 11 has none */
        unsigned char c = (unsigned char)bytes[i];
        char escaped[8] = {(char)c};
        if (c == '"' || c == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c >= 8 && c <= 13 && c != 11)
            snprintf(escaped, sizeof escaped, "\\%c", short_ones[c - 8]);
        else if (c < 32)
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
        put_text(t, escaped);
    }
    put(t, "\"", 1);
}

/* The fewest digits that say which number it is, and where the point is: 0.DIGITS * 10^exponent. */
static void shortest(double value, char digits[24], int *exponent)
{
    char written[40];
    for (int precision = 0; precision < 17; precision++) {
        snprintf(written, sizeof written, "%.*e", precision, value);
        if (strtod(written, NULL) == value)
            break;
    }
    /* One digit, the locale's point and more digits where there are some, "e", the exponent. */
    size_t count = 0;
    const char *at = written;
    for (; *at && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9')
            digits[count++] = *at;
    }
    while (count > 1 && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';
    *exponent = atoi(at + 1) + 1;
}

/* Number::toString of ECMAScript. */
static void put_number(text *t, double value)
{
    char digits[24];
    char exponent_text[16];
    int exponent;
    if (value == 0) { /* minus nothing, too */
        put_text(t, "0");
        return;
    }
    if (value < 0)
        put_text(t, "-");
    shortest(fabs(value), digits, &exponent);
    int count = (int)strlen(digits);
    if (exponent >= count && exponent <= 21) {
        put_text(t, digits);
        for (int i = count; i < exponent; i++)
            put_text(t, "0");
    } else if (exponent > 0 && exponent <= 21) {
        put(t, digits, (size_t)exponent);
        put_text(t, ".");
        put_text(t, digits + exponent);
    } else if (exponent > -6 && exponent <= 0) {
        put_text(t, "0.");
        for (int i = exponent; i < 0; i++)
            put_text(t, "0");
        put_text(t, digits);
    } else {
        put(t, digits, 1);
        if (count > 1) {
            put_text(t, ".");
            put_text(t, digits + 1);
        }
        snprintf(exponent_text, sizeof exponent_text, "e%+d", exponent - 1);
        put_text(t, exponent_text);
    }
}

/* A key that JavaScript takes for an array's index: these come first, in their order. */
static bool is_index(const char *key, uint32_t *index)
{
    uint64_t value = 0;
    if (*key == '\0' || (*key == '0' && key[1] != '\0'))
        return false;
    for (; *key; key++) {
        if (*key < '0' || *key > '9')
            return false;
        value = value * 10 + (uint64_t)(*key - '0');
        if (value >= UINT32_MAX)
            return false;
    }
    *index = (uint32_t)value;
    return true;
}

static void put_value(text *t, json_t *value);

static void put_member(text *t, bool *first, const char *key, json_t *value)
{
    if (!*first)
        put(t, ",", 1);
    *first = false;
    put_string(t, key, strlen(key));
    put(t, ":", 1);
    put_value(t, value);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* The members whose keys are indices, smallest first. */
static void put_indexed(text *t, bool *first, json_t *object)
{
    const char *key;
    json_t *value;
    size_t count = 0;
    uint32_t index;
    json_object_foreach(object, key, value) count += is_index(key, &index);
    if (count == 0)
        return;
    uint32_t *indices = calloc(count, sizeof *indices);
    if (!indices) {
        t->failed = true;
        return;
    }
    count = 0;
    json_object_foreach(object, key, value)
    {
        if (is_index(key, &index))
            indices[count++] = index;
    }
    qsort(indices, count, sizeof *indices, by_size);
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%lu", (unsigned long)indices[i]);
        put_member(t, first, name, json_object_get(object, name));
    }
    free(indices);
}

static void put_object(text *t, json_t *object)
{
    const char *key;
    json_t *value;
    uint32_t index;
    bool first = true;
    put(t, "{", 1);
    put_indexed(t, &first, object);
    json_object_foreach(object, key, value)
    {
        if (!is_index(key, &index))
            put_member(t, &first, key, value);
    }
    put(t, "}", 1);
}

static void put_array(text *t, json_t *array)
{
    put(t, "[", 1);
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            put(t, ",", 1);
        put_value(t, json_array_get(array, i));
    }
    put(t, "]", 1);
}

static void put_value(text *t, json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        put_object(t, value);
        break;
    case JSON_ARRAY:
        put_array(t, value);
        break;
    case JSON_STRING:
        put_string(t, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
    case JSON_REAL:
        put_number(t, json_number_value(value));
        break;
    case JSON_TRUE:
        put_text(t, "true");
        break;
    case JSON_FALSE:
        put_text(t, "false");
        break;
    case JSON_NULL:
        put_text(t, "null");
        break;
    }
}

int rill_json_rewrite(const char *in, size_t len, char **out, size_t *out_len)
{
    json_t *value = json_loadb(
        in, len,
        JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    if (!value)
        return RILL_ERR_MALFORMED;
    text t = {0};
    put(&t, "", 0);
    put_value(&t, value);
    json_decref(value);
    if (t.failed) {
        free(t.at);
        return RILL_ERR_NOMEM;
    }
    *out = t.at;
    *out_len = t.len;
    return RILL_OK;
}
