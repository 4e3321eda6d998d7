/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "wire.h"

#include <stdio.h>

#include "ws/ws_frame.h"
#include "ws/ws_handshake.h"

void wire_open(wire *w, bool client)
{
    *w = (wire){.client = client, .data = malloc(WIRE_FRAME)};
    CHECK(w->data != NULL);
}

void wire_close(wire *w)
{
    free(w->data);
    w->data = NULL;
}

/* ---- the head ---- */

static bool has_line(const char *head, const char *line)
{
    const char *at = strstr(head, line);
    return at != NULL && at[-1] == '\n' && memcmp(at + strlen(line), "\r\n", 2) == 0;
}

static void judge_response(wire *w, const char *head)
{
    static const char *const refusals[] = {"400 Bad Request", "403 Forbidden",
                                           "426 Upgrade Required",
                                           "431 Request Header Fields Too Large"};
    CHECK(memcmp(head, "HTTP/1.1 ", 9) == 0);
    if (memcmp(head + 9, "101 Switching Protocols\r\n", 25) == 0) {
        char accept[RILL_WS_ACCEPT_CHARS + 1], line[80];
        CHECK(has_line(head, "Upgrade: websocket") && has_line(head, "Connection: Upgrade"));
        CHECK(strstr(head, "\nSec-WebSocket-Accept: ") != NULL);
        if (w->key[0] != '\0') {
            CHECK(rill_ws_accept_of(w->key, accept) == RILL_OK);
            (void)snprintf(line, sizeof line, "Sec-WebSocket-Accept: %s", accept);
            CHECK(has_line(head, line));
        }
        w->open = true;
        return;
    }
    bool known = false;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        known = known || memcmp(head + 9, refusals[i], strlen(refusals[i])) == 0;
    CHECK(known && has_line(head, "Connection: close") && has_line(head, "Content-Length: 0"));
    w->refused = true;
}

static void judge_request(wire *w, const char *head)
{
    CHECK(memcmp(head, "GET /", 5) == 0 && strstr(head, " HTTP/1.1\r\n") != NULL);
    CHECK(has_line(head, "Upgrade: websocket") && has_line(head, "Connection: Upgrade"));
    CHECK(has_line(head, "Sec-WebSocket-Version: 13") && strstr(head, "\nHost: ") != NULL);
    const char *key = strstr(head, "\nSec-WebSocket-Key: ");
    CHECK(key != NULL && key[20 + 24] == '\r');
    memcpy(w->key, key + 20, 24);
    w->key[24] = '\0';
    w->open = true;
}

static size_t take_head(wire *w)
{
    for (size_t i = 0; i + 4 <= w->len; i++)
        if (memcmp(w->data + i, "\r\n\r\n", 4) == 0) {
            char head[WIRE_HEAD + 1];
            CHECK(i + 4 <= WIRE_HEAD);
            memcpy(head, w->data, i + 4);
            head[i + 4] = '\0';
            CHECK(strlen(head) == i + 4);
            if (w->client)
                judge_request(w, head);
            else
                judge_response(w, head);
            return i + 4;
        }
    CHECK(w->len <= WIRE_HEAD);
    return 0;
}

/* ---- frames ---- */

static void judge_frame(wire *w, unsigned opcode, const uint8_t *data, size_t len)
{
    switch (opcode) {
    case RILL_WS_BINARY:
        w->message(w->user, data, len);
        break;
    case RILL_WS_CLOSE:
        CHECK(len != 1 && len <= RILL_WS_MAX_CONTROL);
        if (len >= 2) {
            unsigned code = (unsigned)(data[0] << 8 | data[1]);
            CHECK(code >= 1000 && code < 5000 && code != 1004 && code != 1005 && code != 1006 &&
                  code != 1015);
        }
        w->closed = true;
        break;
    default:
        CHECK((opcode == RILL_WS_PING || opcode == RILL_WS_PONG) && len <= RILL_WS_MAX_CONTROL);
    }
}

static size_t take_frame(wire *w)
{
    const uint8_t *p = w->data;
    if (w->len < 2)
        return 0;
    size_t len = p[1] & 0x7F, at = 2;
    CHECK((p[0] & 0xF0) == 0x80 && ((p[1] & 0x80) != 0) == w->client);
    if (len == 126) {
        if (w->len < 4)
            return 0;
        len = (size_t)p[2] << 8 | p[3];
        at = 4;
        CHECK(len >= 126);
    }
    CHECK((p[1] & 0x7F) != 127); /* none of our frames is that long */
    size_t mask = at;
    at += w->client ? 4 : 0;
    if (w->len < at + len)
        return 0;
    for (size_t i = 0; w->client && i < len; i++)
        w->data[at + i] ^= w->data[mask + i % 4];
    judge_frame(w, p[0] & 0xF, p + at, len);
    return at + len;
}

static void drain(wire *w)
{
    for (size_t used; (used = w->open ? take_frame(w) : take_head(w)) != 0;) {
        w->len -= used;
        memmove(w->data, w->data + used, w->len);
        CHECK(w->len == 0 || (!w->closed && !w->refused));
        if (w->closed || w->refused)
            return;
    }
}

void wire_take(wire *w, rill_bytes bytes)
{
    while (bytes.len > 0) {
        CHECK(!w->closed && !w->refused);
        size_t len = bytes.len < WIRE_FRAME - w->len ? bytes.len : WIRE_FRAME - w->len;
        CHECK(len != 0); /* otherwise the frame is larger than any of ours */
        memcpy(w->data + w->len, bytes.data, len);
        w->len += len;
        bytes.data += len;
        bytes.len -= len;
        drain(w);
    }
}

/* ---- the other direction ---- */

size_t wire_frame(uint8_t *out, bool to_server, unsigned opcode, bool fin, const uint8_t *data,
                  size_t len)
{
    uint8_t key[4] = {0x37, 0xfa, 0x21, 0x3d};
    size_t header = rill_ws_header(out, (rill_ws_opcode)opcode, len, to_server ? key : NULL);
    if (!fin)
        out[0] &= 0x7F;
    if (len != 0)
        memcpy(out + header, data, len);
    if (to_server)
        rill_ws_mask(out + header, len, key);
    return header + len;
}

size_t wire_request(char *out, size_t cap, const char *key, const char *more)
{
    int len = snprintf(out, cap,
                       "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: %s\r\n%s\r\n",
                       key, more);
    CHECK(len > 0 && (size_t)len < cap);
    return (size_t)len;
}
