/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP exchange that opens a WebSocket (RFC 6455 section 4), either side.
 * Bytes in, verdict and bytes out; no socket. A server that has read the request itself
 * gives its headers instead of bytes: rill_ws_handshake_header, rill_ws_handshake_judge.
 */
#ifndef RILL_WS_WS_HANDSHAKE_H
#define RILL_WS_WS_HANDSHAKE_H

#include <http_parser.h>
#include <rill/error.h>
#include <rill/types.h>

#define RILL_WS_MAX_HEADERS  8192 /* bytes of a request or response */
#define RILL_WS_KEY_CHARS    24
#define RILL_WS_ACCEPT_CHARS 28
#define RILL_WS_HEADER_VALUE 512
#define RILL_WS_ANSWER       256 /* room that an answer of the server's needs */

/* A header that may be there once (RFC 6455 section 11.3): twice is wrong, whatever it says. */
typedef enum rill_ws_once { RILL_WS_ABSENT, RILL_WS_RIGHT, RILL_WS_WRONG } rill_ws_once;

typedef struct rill_ws_handshake {
    http_parser parser;
    const char *const *allow_origins; /* server: NULL-terminated, or NULL; not owned */
    char expected[RILL_WS_ACCEPT_CHARS + 1];
    size_t consumed;
    char field[32];
    char value[RILL_WS_HEADER_VALUE + 1];
    size_t field_len;
    size_t value_len; /* may exceed the room: then the value is not used */
    bool in_value;
    bool upgrade;          /* Upgrade: websocket */
    bool connection;       /* Connection: upgrade */
    rill_ws_once accepted; /* client: Sec-WebSocket-Accept */
    rill_ws_once nonce;    /* server: Sec-WebSocket-Key */
    rill_ws_once version;
    bool origin_refused;
    bool unasked; /* client: an extension or subprotocol that we did not offer */
    bool complete;
    char key[RILL_WS_KEY_CHARS + 1];
} rill_ws_handshake;

/* Sec-WebSocket-Accept for a key. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_ws_accept_of(const char *key, char out[RILL_WS_ACCEPT_CHARS + 1]);

/* nonce: 16 random bytes, for the key. Then write the request and feed the response. */
RILL_MUST_CHECK int rill_ws_handshake_client(rill_ws_handshake *h, const uint8_t nonce[16]);
/* Writes the request; the length, or 0 where cap is too small. */
size_t rill_ws_handshake_request(const rill_ws_handshake *h, const char *host, const char *target,
                                 char *out, size_t cap);
void rill_ws_handshake_server(rill_ws_handshake *h, const char *const *allow_origins);

/*
 * Feeds; *used is how many bytes belonged to it. RILL_ERR_BLOCKED: more must
 * come. RILL_OK: agreed; what follows in the input is WebSocket. Else refused:
 * *problem says why; RILL_ERR_TOO_LARGE, RILL_ERR_MALFORMED, RILL_ERR_REFUSED
 * (the other side is well but does not agree, or may not).
 */
RILL_MUST_CHECK int rill_ws_handshake_feed(rill_ws_handshake *h, const uint8_t *data, size_t len,
                                           size_t *used, const char **problem);
/*
 * Server, instead of rill_ws_handshake_feed: one header of the request. name and value end with a
 * NUL; whole: nothing of the value was cut off.
 */
void rill_ws_handshake_header(rill_ws_handshake *h, const char *name, const char *value,
                              bool whole);
/*
 * After the last header. get: it is a GET of HTTP/1.1 or later. RILL_OK: agreed. RILL_ERR_REFUSED,
 * RILL_ERR_MALFORMED, *problem: as rill_ws_handshake_feed.
 */
RILL_MUST_CHECK int rill_ws_handshake_judge(const rill_ws_handshake *h, bool get,
                                            const char **problem);
/* Server: the response to what was said, agreed or refused. The length. */
size_t rill_ws_handshake_answer(const rill_ws_handshake *h, int verdict, char out[RILL_WS_ANSWER]);

#endif
