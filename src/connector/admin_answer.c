/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/admin_answer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static const char type_json[] = "application/json";

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_admin_free(rill_admin_answer *answer)
{
    rill_free(memory(), answer->body);
    answer->body = NULL;
}

void rill_admin_text(rill_admin_answer *out, unsigned status, const char *type, const char *text)
{
    size_t size = strlen(text) + 1;
    out->status = status;
    out->type = type;
    out->body = rill_alloc(memory(), size);
    if (out->body == NULL)
        out->status = 503;
    else
        memcpy(out->body, text, size);
}

void rill_admin_json(rill_admin_answer *out, unsigned status, json_t *value)
{
    char *text = value == NULL ? NULL : json_dumps(value, JSON_COMPACT);
    json_decref(value);
    if (text == NULL)
        out->status = 503;
    else
        rill_admin_text(out, status, type_json, text);
    free(text);
}

void rill_admin_refuse(rill_admin_answer *out, unsigned status, const char *format, ...)
{
    char why[700];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(why, sizeof why, format, args);
    va_end(args);
    rill_admin_json(out, status, json_pack("{s:s}", "error", why));
}

/* ---- a text that grows ---- */

void rill_admin_add(rill_admin_lines *l, const char *text, size_t len)
{
    if (l->failed)
        return;
    if (len + 1 > l->cap - l->len) {
        size_t cap = l->cap * 2 + len + 4096;
        char *grown = rill_realloc_array(memory(), l->text, cap, 1);
        if (grown == NULL) {
            l->failed = true;
            return;
        }
        l->text = grown;
        l->cap = cap;
    }
    memcpy(l->text + l->len, text, len);
    l->len += len;
    l->text[l->len] = '\0';
}

void rill_admin_line(rill_admin_lines *l, const char *format, ...)
{
    char one[700];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(one, sizeof one, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= sizeof one)
        l->failed = true;
    else
        rill_admin_add(l, one, (size_t)len);
}

void rill_admin_lines_clear(rill_admin_lines *l)
{
    rill_free(memory(), l->text);
    *l = (rill_admin_lines){.text = NULL};
}

/* ---- queries ---- */

static int hex_of(uint8_t byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* False: malformed, or too long. */
static bool decode(rill_bytes value, char *out, size_t cap)
{
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        int byte = value.data[i] == '+' ? ' ' : value.data[i];
        if (byte == '%') {
            int high = value.len - i > 2 ? hex_of(value.data[i + 1]) : -1;
            int low = value.len - i > 2 ? hex_of(value.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            byte = high << 4 | low;
            i += 2;
        }
        if (byte == 0 || len + 1 >= cap)
            return false;
        out[len++] = (char)byte;
    }
    out[len] = '\0';
    return true;
}

bool rill_admin_query(rill_bytes query, const char *name, char *out, size_t cap)
{
    size_t name_len = strlen(name);
    while (query.len > 0) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t len = end == NULL ? query.len : (size_t)(end - query.data);
        if (len > name_len && query.data[name_len] == '=' &&
            memcmp(query.data, name, name_len) == 0) {
            const rill_bytes value = {query.data + name_len + 1, len - name_len - 1};
            if (!decode(value, out, cap))
                out[0] = '\0';
            return true;
        }
        len += end != NULL;
        query = (rill_bytes){query.data + len, query.len - len};
    }
    return false;
}

void rill_admin_label(const char *text, char *out, size_t cap)
{
    size_t len = 0;
    for (; *text != '\0' && len + 3 < cap; text++) {
        if (*text == '"' || *text == '\\')
            out[len++] = '\\';
        out[len++] = *text;
    }
    out[len] = '\0';
}
