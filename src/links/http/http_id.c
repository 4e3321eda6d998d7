/* SPDX-License-Identifier: Apache-2.0 */
#include "links/http/http_id.h"

#include <string.h>

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool is_dash(size_t at)
{
    return at == 8 || at == 13 || at == 18 || at == 23;
}

int http_id_parse(http_id *out, rill_bytes text)
{
    http_id id;
    size_t byte = 0;
    if (text.len != HTTP_ID_TEXT)
        return RILL_ERR_MALFORMED;
    for (size_t at = 0; at < HTTP_ID_TEXT;) {
        if (is_dash(at)) {
            if (text.data[at++] != '-')
                return RILL_ERR_MALFORMED;
            continue;
        }
        int high = digit(text.data[at]);
        int low = digit(text.data[at + 1]);
        if (high < 0 || low < 0)
            return RILL_ERR_MALFORMED;
        id.bytes[byte++] = (uint8_t)(high << 4 | low);
        at += 2;
    }
    *out = id;
    return RILL_OK;
}

void http_id_write(const http_id *id, char out[HTTP_ID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    size_t byte = 0;
    for (size_t at = 0; at < HTTP_ID_TEXT;) {
        if (is_dash(at)) {
            out[at++] = '-';
            continue;
        }
        out[at++] = digits[id->bytes[byte] >> 4];
        out[at++] = digits[id->bytes[byte++] & 15];
    }
}

void http_id_make(http_id *id)
{
    id->bytes[6] = (uint8_t)((id->bytes[6] & 0x0f) | 0x40);
    id->bytes[8] = (uint8_t)((id->bytes[8] & 0x3f) | 0x80);
}

bool http_id_same(const http_id *a, const http_id *b)
{
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

uint64_t http_id_key(const http_id *id)
{
    uint64_t a, b;
    memcpy(&a, id->bytes, sizeof a);
    memcpy(&b, id->bytes + sizeof a, sizeof b);
    return a ^ (b << 1 | b >> 63);
}
