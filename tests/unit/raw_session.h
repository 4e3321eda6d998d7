/* SPDX-License-Identifier: Apache-2.0 */
/* A raw socket with an authenticated session at net_fixture's server. Included by its tests. */
#ifndef RILL_TESTS_RAW_SESSION_H
#define RILL_TESTS_RAW_SESSION_H

#include "net_fixture.h"

#define RAW_REQUEST                                                                                \
    "GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                   \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

static raw raw_;

static inline bool raw_upgraded(net *n)
{
    (void)n;
    return raw_has(&raw_, "\r\n\r\n");
}

/* The server's answer to the authentication, whole. */
static inline bool raw_accepted(net *n)
{
    return n->session.ups > 0 && raw_.got_len >= 10;
}

/* Masked with nothing, which is a mask like any other. */
static inline void raw_frame(uint8_t first, const void *payload, size_t len)
{
    static uint8_t frame[8 + 65535];
    size_t header = 2;
    assert_in_range(len, 0, 65535);
    frame[0] = first;
    frame[1] = (uint8_t)(0x80 | (len < 126 ? len : 126));
    if (len >= 126) {
        frame[header++] = (uint8_t)(len >> 8);
        frame[header++] = (uint8_t)len;
    }
    memset(frame + header, 0, 4);
    if (len != 0)
        memcpy(frame + header + 4, payload, len);
    raw_send(&raw_, frame, header + 4 + len);
}

static inline void raw_session_begin(net *n)
{
    static const uint8_t auth[] = "\6\0\0\0\7\x32\1\3\4auth\0\0\x0a"
                                  "auth_token\1\x0csecret-token\x0d"
                                  "auth_username\1";
    net_begin(n);
    net_serve(n);
    raw_open(n, &raw_);
    raw_say(&raw_, RAW_REQUEST);
    until(n, raw_upgraded);
    raw_.got_len = 0;
    raw_frame(0x82, auth, sizeof auth);
    until(n, raw_accepted);
    raw_.got_len = 0;
}

static inline void raw_session_end(net *n)
{
    raw_close(&raw_);
    net_end(n);
}

#endif
