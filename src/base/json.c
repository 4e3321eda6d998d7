/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <string.h>

typedef struct reader {
    const uint8_t *at;
    const uint8_t *end;
    unsigned depth;
} reader;

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

/* The next character that is no space, or 0 at the end. */
static uint8_t peek(reader *r)
{
    skip_space(r);
    return r->at < r->end ? *r->at : 0;
}

static bool take(reader *r, char c)
{
    if (peek(r) != (uint8_t)c)
        return false;
    r->at++;
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After \u: the number, or -1. */
static int take_hex(reader *r)
{
    int value = 0;
    if (r->end - r->at < 4)
        return -1;
    for (unsigned i = 0; i < 4; i++) {
        int digit = hex_digit(*r->at++);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* One character of a string, as a number; more than 127 for all that are not ASCII; -1. */
static int take_character(reader *r)
{
    uint8_t c = *r->at++;
    if (c != '\\')
        return c < 0x20 ? -1 : c;
    if (r->at == r->end)
        return -1;
    switch (*r->at++) {
    case '"':
        return '"';
    case '\\':
        return '\\';
    case '/':
        return '/';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'u':
        return take_hex(r);
    default:
        return -1;
    }
}

static int skip_string(reader *r)
{
    if (!take(r, '"'))
        return RILL_ERR_MALFORMED;
    while (r->at < r->end && *r->at != '"') {
        if (take_character(r) < 0)
            return RILL_ERR_MALFORMED;
    }
    return take(r, '"') ? RILL_OK : RILL_ERR_MALFORMED;
}

static bool skip_digits(reader *r)
{
    const uint8_t *first = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return r->at > first;
}

static int skip_number(reader *r)
{
    if (r->at < r->end && *r->at == '-')
        r->at++;
    bool zero = r->at < r->end && *r->at == '0';
    const uint8_t *first = r->at;
    if (!skip_digits(r) || (zero && r->at > first + 1))
        return RILL_ERR_MALFORMED;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!skip_digits(r))
            return RILL_ERR_MALFORMED;
    }
    if (r->at < r->end && (*r->at | 0x20) == 'e') {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (!skip_digits(r))
            return RILL_ERR_MALFORMED;
    }
    return RILL_OK;
}

static int skip_word(reader *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return RILL_ERR_MALFORMED;
    r->at += len;
    return RILL_OK;
}

static int skip_value(reader *r);

/* Notes the value of a member that is looked for. */
static int note(rill_json_member *members, size_t count, rill_bytes name, rill_bytes value)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(members[i].name) != name.len ||
            memcmp(members[i].name, name.data, name.len) != 0)
            continue;
        if (members[i].value.data != NULL)
            return RILL_ERR_MALFORMED;
        members[i].value = value;
    }
    return RILL_OK;
}

static int read_member(reader *r, rill_json_member *members, size_t count)
{
    (void)peek(r);
    const uint8_t *name = r->at;
    int err = skip_string(r);
    if (err != RILL_OK)
        return err;
    const uint8_t *name_end = r->at;
    if (!take(r, ':'))
        return RILL_ERR_MALFORMED;
    (void)peek(r);
    const uint8_t *value = r->at;
    err = skip_value(r);
    if (err != RILL_OK)
        return err;
    /* Without the quotes. */
    return note(members, count, (rill_bytes){name + 1, (size_t)(name_end - name) - 2},
                (rill_bytes){value, (size_t)(r->at - value)});
}

static int read_object(reader *r, rill_json_member *members, size_t count)
{
    int err = RILL_OK;
    if (!take(r, '{'))
        return RILL_ERR_MALFORMED;
    if (take(r, '}'))
        return RILL_OK;
    do
        err = read_member(r, members, count);
    while (err == RILL_OK && take(r, ','));
    if (err == RILL_OK && !take(r, '}'))
        err = RILL_ERR_MALFORMED;
    return err;
}

static int skip_array(reader *r)
{
    int err = RILL_OK;
    if (!take(r, '['))
        return RILL_ERR_MALFORMED;
    if (take(r, ']'))
        return RILL_OK;
    do
        err = skip_value(r);
    while (err == RILL_OK && take(r, ','));
    if (err == RILL_OK && !take(r, ']'))
        err = RILL_ERR_MALFORMED;
    return err;
}

static int skip_deep(reader *r)
{
    if (r->depth == RILL_JSON_DEPTH)
        return RILL_ERR_TOO_LARGE;
    r->depth++;
    int err = peek(r) == '{' ? read_object(r, NULL, 0) : skip_array(r);
    r->depth--;
    return err;
}

static int skip_value(reader *r)
{
    switch (peek(r)) {
    case '{':
    case '[':
        return skip_deep(r);
    case '"':
        return skip_string(r);
    case 't':
        return skip_word(r, "true");
    case 'f':
        return skip_word(r, "false");
    case 'n':
        return skip_word(r, "null");
    default:
        return skip_number(r);
    }
}

int rill_json_find(const char *text, size_t len, rill_json_member *members, size_t count)
{
    reader r = {.at = (const uint8_t *)text, .end = (const uint8_t *)text + len, .depth = 1};
    for (size_t i = 0; i < count; i++)
        members[i].value = (rill_bytes){0};
    int err = read_object(&r, members, count);
    skip_space(&r);
    return err == RILL_OK && r.at != r.end ? RILL_ERR_MALFORMED : err;
}

int rill_json_ascii(rill_bytes value, char *out, size_t cap)
{
    if (value.len < 2 || value.data[0] != '"')
        return RILL_ERR_MALFORMED;
    /* Without the quotes. */
    reader r = {.at = value.data + 1, .end = value.data + value.len - 1};
    size_t len = 0;
    while (r.at < r.end) {
        int c = take_character(&r);
        if (c <= 0 || c > 127)
            return RILL_ERR_MALFORMED;
        if (len + 1 >= cap)
            return RILL_ERR_BUFFER;
        out[len++] = (char)c;
    }
    if (len >= cap)
        return RILL_ERR_BUFFER;
    out[len] = '\0';
    return RILL_OK;
}
