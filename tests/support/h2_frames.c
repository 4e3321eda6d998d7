/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_frames.h"

#include <stdlib.h>
#include <string.h>

static void put(h2_bytes *b, const void *data, size_t len)
{
    if (len > sizeof b->data - b->len)
        abort();
    if (len != 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
}

void h2_begin(h2_bytes *b)
{
    b->len = 0;
}

void h2_preface(h2_bytes *b)
{
    static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    put(b, magic, sizeof magic - 1);
    h2_frame(b, H2_SETTINGS, 0, 0, NULL, 0);
}

void h2_frame(h2_bytes *b, unsigned type, unsigned flags, uint32_t stream, const void *payload,
              size_t len)
{
    uint8_t head[9] = {(uint8_t)(len >> 16),    (uint8_t)(len >> 8),    (uint8_t)len,
                       (uint8_t)type,           (uint8_t)flags,         (uint8_t)(stream >> 24),
                       (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    put(b, head, sizeof head);
    put(b, payload, len);
}

static void put_string(h2_bytes *block, const char *text)
{
    size_t len = strlen(text);
    uint8_t digits[4];
    size_t count = 0;
    if (len < 127) {
        digits[count++] = (uint8_t)len;
    } else {
        digits[count++] = 127;
        for (len -= 127; len >= 128; len >>= 7)
            digits[count++] = (uint8_t)(len % 128 + 128);
        digits[count++] = (uint8_t)len;
    }
    put(block, digits, count);
    put(block, text, strlen(text));
}

void h2_field(h2_bytes *block, const char *name, const char *value)
{
    put(block, "", 1);
    put_string(block, name);
    put_string(block, value);
}

void h2_post_fields(h2_bytes *block)
{
    h2_field(block, ":method", "POST");
    h2_field(block, ":scheme", "http");
    h2_field(block, ":authority", "localhost");
    h2_field(block, ":path", "/packet");
}

void h2_post(h2_bytes *b, uint32_t stream, size_t body, bool end)
{
    static h2_bytes block;
    static const uint8_t zeros[16384];
    block.len = 0;
    h2_post_fields(&block);
    h2_frame(b, H2_HEADERS, H2_END_HEADERS | (end && body == 0 ? H2_END_STREAM : 0), stream,
             block.data, block.len);
    while (body != 0) {
        size_t now = body < sizeof zeros ? body : sizeof zeros;
        body -= now;
        h2_frame(b, H2_DATA, end && body == 0 ? H2_END_STREAM : 0, stream, zeros, now);
    }
}

size_t h2_count(const uint8_t *data, size_t len, unsigned type, uint32_t *code)
{
    size_t count = 0;
    for (size_t at = 0; at + 9 <= len;) {
        size_t size = (size_t)data[at] << 16 | (size_t)data[at + 1] << 8 | data[at + 2];
        const uint8_t *payload = data + at + 9;
        if (data[at + 3] == type) {
            count++;
            if (type == H2_GOAWAY)
                payload += 4;
            if (code != NULL && size >= 4)
                *code = (uint32_t)payload[0] << 24 | (uint32_t)payload[1] << 16 |
                        (uint32_t)payload[2] << 8 | payload[3];
        }
        at += 9 + size;
    }
    return count;
}
