/* SPDX-License-Identifier: Apache-2.0 */
#include "http/output.h"

#include <assert.h>
#include <string.h>

void rill_http_output_init(rill_http_output *o, rill_blocks *blocks)
{
    *o = (rill_http_output){.blocks = blocks};
}

void rill_http_output_clear(rill_http_output *o)
{
    rill_blocks_give(o->blocks, o->data);
    rill_http_output_init(o, o->blocks);
}

/* What was given to the reader is used up when anything is called again. */
static void drop_taken(rill_http_output *o)
{
    if (o->taken)
        rill_http_output_clear(o);
}

int rill_http_output_reserve(rill_http_output *o, size_t more)
{
    drop_taken(o);
    if (more > SIZE_MAX - o->len)
        return RILL_ERR_NOMEM;
    uint8_t *room = rill_blocks_resize(o->blocks, o->data, o->len + more);
    if (room == NULL)
        return RILL_ERR_NOMEM;
    o->data = room;
    return RILL_OK;
}

void rill_http_put(rill_http_output *o, const void *data, size_t len)
{
    assert(!o->taken && o->data != NULL && len <= rill_blocks_size(o->data) - o->len);
    if (len != 0)
        memcpy(o->data + o->len, data, len);
    o->len += len;
}

void rill_http_put_text(rill_http_output *o, const char *text)
{
    rill_http_put(o, text, strlen(text));
}

void rill_http_put_number(rill_http_output *o, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    rill_http_put(o, digits + at, sizeof digits - at);
}

rill_bytes rill_http_output_take(rill_http_output *o)
{
    drop_taken(o);
    if (o->len == 0)
        return (rill_bytes){0};
    o->taken = true;
    return (rill_bytes){o->data, o->len};
}

static bool is_name_char(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

bool rill_http_field_is_sendable(const rill_http_field *f)
{
    static const char *const ours[] = {"content-length", "transfer-encoding", "connection",
                                       "host",           "upgrade",           "keep-alive"};
    for (size_t i = 0; i < f->name.len; i++)
        if (!is_name_char(f->name.data[i]))
            return false;
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (rill_http_same(f->name, ours[i]))
            return false;
    for (size_t i = 0; i < f->value.len; i++)
        if (f->value.data[i] < ' ' || f->value.data[i] == 0x7f)
            return false;
    return f->name.len != 0;
}

size_t rill_http_fields_size(const rill_http_field *fields, size_t count)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += fields[i].name.len + fields[i].value.len + strlen(": \r\n");
    return size;
}

void rill_http_put_fields(rill_http_output *o, const rill_http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        rill_http_put(o, fields[i].name.data, fields[i].name.len);
        rill_http_put(o, ": ", 2);
        rill_http_put(o, fields[i].value.data, fields[i].value.len);
        rill_http_put(o, "\r\n", 2);
    }
}
