/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message.h"

#include <string.h>

enum { FIELD_COST = 32, FIRST_TEXT = 480, FIRST_BODY = 992 };

void rill_http_limits_init(rill_http_limits *l)
{
    *l = (rill_http_limits){
        .max_head = 16384,
        .max_body = 65536,
        .max_streams = 1024,
        .max_pending = (size_t)8 * 1024 * 1024,
    };
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

rill_bytes rill_http_text(const rill_http_message *m, rill_http_span span)
{
    return span.len == 0 ? (rill_bytes){0} : (rill_bytes){m->text + span.at, span.len};
}

bool rill_http_same(rill_bytes a, const char *b)
{
    size_t len = strlen(b);
    return a.len == len && (len == 0 || memcmp(a.data, b, len) == 0);
}

bool rill_http_same_nocase(rill_bytes a, const char *b)
{
    if (a.len != strlen(b))
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower((uint8_t)b[i]))
            return false;
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static rill_bytes trimmed(rill_bytes text)
{
    while (text.len > 0 && is_blank(text.data[0])) {
        text.data++;
        text.len--;
    }
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* What stands before the first such byte. */
static rill_bytes before(rill_bytes text, char stop)
{
    const uint8_t *end = text.len == 0 ? NULL : memchr(text.data, stop, text.len);
    return end == NULL ? text : (rill_bytes){text.data, (size_t)(end - text.data)};
}

bool rill_http_value_is(rill_bytes value, const char *word)
{
    return rill_http_same_nocase(trimmed(before(value, ';')), word);
}

bool rill_http_list_has(rill_bytes list, const char *word)
{
    for (;;) {
        rill_bytes item = before(list, ',');
        if (rill_http_same_nocase(trimmed(item), word))
            return true;
        if (item.len == list.len)
            return false;
        list.data += item.len + 1;
        list.len -= item.len + 1;
    }
}

int rill_http_find(const rill_http_message *m, const char *name, rill_bytes *value)
{
    int found = RILL_ERR_NOT_FOUND;
    for (size_t i = 0; i < m->field_count; i++) {
        if (!rill_http_same_nocase(rill_http_text(m, m->fields[i].name), name))
            continue;
        if (found == RILL_OK)
            return RILL_ERR_EXISTS;
        *value = rill_http_text(m, m->fields[i].value);
        found = RILL_OK;
    }
    return found;
}

void rill_http_message_init(rill_http_message *m, rill_blocks *blocks,
                            const rill_http_limits *limits)
{
    /* Not the table of fields: it is a kilobyte, and its count says what of it there is. */
    memset(m, 0, offsetof(rill_http_message, fields));
    m->blocks = blocks;
    m->limits = limits;
}

void rill_http_message_clear(rill_http_message *m)
{
    rill_blocks_give(m->blocks, m->text);
    rill_blocks_give(m->blocks, m->body);
    rill_http_message_init(m, m->blocks, m->limits);
}

size_t rill_http_message_held(const rill_http_message *m)
{
    return (m->text == NULL ? 0 : rill_blocks_size(m->text)) +
           (m->body == NULL ? 0 : rill_blocks_size(m->body));
}

/* Room for more bytes behind the first len ones of a block. */
static int make_room(rill_blocks *blocks, uint8_t **block, size_t len, size_t more, size_t first)
{
    size_t has = *block == NULL ? 0 : rill_blocks_size(*block);
    if (has - len >= more && *block != NULL)
        return RILL_OK;
    size_t want = len + more > first ? len + more : first;
    uint8_t *room = rill_blocks_resize(blocks, *block, want);
    if (room == NULL)
        return RILL_ERR_NOMEM;
    *block = room;
    return RILL_OK;
}

int rill_http_add_text(rill_http_message *m, rill_bytes text, rill_http_span *span)
{
    if (text.len > m->limits->max_head - m->text_len) {
        m->overflown = true;
        return RILL_ERR_TOO_LARGE;
    }
    int error = make_room(m->blocks, &m->text, m->text_len, text.len, FIRST_TEXT);
    if (error != RILL_OK)
        return error;
    if (text.len != 0)
        memcpy(m->text + m->text_len, text.data, text.len);
    *span = (rill_http_span){(uint32_t)m->text_len, (uint32_t)text.len};
    m->text_len += text.len;
    return RILL_OK;
}

int rill_http_add_field(rill_http_message *m, rill_bytes name, rill_bytes value)
{
    m->listed += name.len + value.len + FIELD_COST;
    if (m->field_count == RILL_HTTP_MAX_FIELDS || m->listed > m->limits->max_head) {
        m->overflown = true;
        return RILL_ERR_TOO_LARGE;
    }
    int error = rill_http_add_text(m, name, &m->fields[m->field_count].name);
    if (error == RILL_OK)
        error = rill_http_add_text(m, value, &m->fields[m->field_count].value);
    if (error == RILL_OK)
        m->field_count++;
    return error;
}

int rill_http_add_body(rill_http_message *m, const uint8_t *data, size_t len)
{
    if (len > m->limits->max_body - m->body_len) {
        m->too_large = true;
        return RILL_ERR_TOO_LARGE;
    }
    int error = make_room(m->blocks, &m->body, m->body_len, len, FIRST_BODY);
    if (error != RILL_OK)
        return error;
    if (len != 0)
        memcpy(m->body + m->body_len, data, len);
    m->body_len += len;
    return RILL_OK;
}

int rill_http_expect_body(rill_http_message *m, uint64_t len)
{
    if (len > m->limits->max_body) {
        m->too_large = true;
        return RILL_ERR_TOO_LARGE;
    }
    return len == 0 ? RILL_OK : make_room(m->blocks, &m->body, 0, (size_t)len, FIRST_BODY);
}
