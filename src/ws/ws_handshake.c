/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "ws/ws_handshake.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "base/base64.h"
#include "ws/ws_origins.h"

static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

int rill_ws_accept_of(const char *key, char out[RILL_WS_ACCEPT_CHARS + 1])
{
    char text[RILL_WS_KEY_CHARS + sizeof guid];
    unsigned char digest[20];
    size_t digest_len = 0;
    int len = snprintf(text, sizeof text, "%.*s%s", RILL_WS_KEY_CHARS, key, guid);
    if (EVP_Q_digest(NULL, "SHA1", NULL, text, (size_t)len, digest, &digest_len) != 1)
        return RILL_ERR_CRYPTO;
    rill_base64_encode(digest, sizeof digest, out);
    return RILL_OK;
}

/* A comma-separated list of tokens holds this one, in any case. */
static bool list_has(const char *list, const char *token)
{
    size_t want = strlen(token);
    for (const char *at = list; *at != '\0';) {
        at += strspn(at, " \t,");
        size_t len = strcspn(at, ",");
        size_t trimmed = len;
        while (trimmed > 0 && (at[trimmed - 1] == ' ' || at[trimmed - 1] == '\t'))
            trimmed--;
        if (trimmed == want && strncasecmp(at, token, want) == 0)
            return true;
        at += len;
    }
    return false;
}

static void take_once(rill_ws_once *seen, bool right)
{
    *seen = *seen == RILL_WS_ABSENT && right ? RILL_WS_RIGHT : RILL_WS_WRONG;
}

static void take_key(rill_ws_handshake *h, const char *value)
{
    uint8_t nonce[16];
    size_t len = 0;
    bool right =
        strlen(value) == RILL_WS_KEY_CHARS &&
        rill_base64_decode(value, RILL_WS_KEY_CHARS, nonce, sizeof nonce, &len) == RILL_OK &&
        len == sizeof nonce;
    take_once(&h->nonce, right);
    if (h->nonce == RILL_WS_RIGHT)
        memcpy(h->key, value, RILL_WS_KEY_CHARS + 1);
}

void rill_ws_handshake_header(rill_ws_handshake *h, const char *name, const char *value, bool whole)
{
    if (strcasecmp(name, "Upgrade") == 0)
        h->upgrade = list_has(value, "websocket");
    else if (strcasecmp(name, "Connection") == 0)
        h->connection = h->connection || list_has(value, "upgrade");
    else if (strcasecmp(name, "Sec-WebSocket-Key") == 0)
        take_key(h, value);
    else if (strcasecmp(name, "Sec-WebSocket-Version") == 0)
        take_once(&h->version, strcmp(value, "13") == 0);
    else if (strcasecmp(name, "Origin") == 0)
        h->origin_refused =
            h->origin_refused || !whole || !rill_ws_origins_have(h->allow_origins, value);
    else if (strcasecmp(name, "Sec-WebSocket-Accept") == 0)
        take_once(&h->accepted, strcmp(value, h->expected) == 0);
    else if (strcasecmp(name, "Sec-WebSocket-Extensions") == 0 ||
             strcasecmp(name, "Sec-WebSocket-Protocol") == 0)
        h->unasked = true;
}

/* A header is complete. */
static void take_header(rill_ws_handshake *h)
{
    bool whole = h->value_len <= RILL_WS_HEADER_VALUE;
    if (!h->in_value || h->field_len >= sizeof h->field)
        return;
    h->field[h->field_len] = '\0';
    h->value[whole ? h->value_len : 0] = '\0';
    rill_ws_handshake_header(h, h->field, h->value, whole);
}

static int on_field(http_parser *parser, const char *at, size_t len)
{
    rill_ws_handshake *h = parser->data;
    if (h->in_value) {
        take_header(h);
        h->in_value = false;
        h->field_len = 0;
        h->value_len = 0;
    }
    if (h->field_len + len < sizeof h->field)
        memcpy(h->field + h->field_len, at, len);
    h->field_len += len;
    return 0;
}

static int on_value(http_parser *parser, const char *at, size_t len)
{
    rill_ws_handshake *h = parser->data;
    h->in_value = true;
    if (h->value_len + len <= RILL_WS_HEADER_VALUE)
        memcpy(h->value + h->value_len, at, len);
    h->value_len += len;
    return 0;
}

static int on_headers_complete(http_parser *parser)
{
    rill_ws_handshake *h = parser->data;
    take_header(h);
    h->complete = true;
    return 2; /* no body, and what follows is not HTTP */
}

static void begin(rill_ws_handshake *h, enum http_parser_type type)
{
    *h = (rill_ws_handshake){0};
    http_parser_init(&h->parser, type);
    h->parser.data = h;
}

int rill_ws_handshake_client(rill_ws_handshake *h, const uint8_t nonce[16])
{
    begin(h, HTTP_RESPONSE);
    rill_base64_encode(nonce, 16, h->key);
    return rill_ws_accept_of(h->key, h->expected);
}

void rill_ws_handshake_server(rill_ws_handshake *h, const char *const *allow_origins)
{
    begin(h, HTTP_REQUEST);
    h->allow_origins = allow_origins;
}

size_t rill_ws_handshake_request(const rill_ws_handshake *h, const char *host, const char *target,
                                 char *out, size_t cap)
{
    int len = snprintf(out, cap,
                       "GET %s HTTP/1.1\r\n"
                       "Host: %s\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Key: %s\r\n"
                       "Sec-WebSocket-Version: 13\r\n\r\n",
                       target, host, h->key);
    return len < 0 || (size_t)len >= cap ? 0 : (size_t)len;
}

static int judge_response(const rill_ws_handshake *h, const char **problem)
{
    if (h->parser.status_code != 101) {
        *problem = "is not a WebSocket server there";
        return RILL_ERR_REFUSED;
    }
    if (!h->upgrade || !h->connection || h->accepted != RILL_WS_RIGHT || h->unasked) {
        *problem = "answered the WebSocket handshake wrongly";
        return RILL_ERR_MALFORMED;
    }
    return RILL_OK;
}

int rill_ws_handshake_judge(const rill_ws_handshake *h, bool get, const char **problem)
{
    if (!h->upgrade || !h->connection || !get || h->version != RILL_WS_RIGHT) {
        *problem = "sent plain HTTP";
        return RILL_ERR_REFUSED;
    }
    if (h->origin_refused) {
        *problem = "comes from an origin that is not allowed";
        return RILL_ERR_REFUSED;
    }
    if (h->nonce != RILL_WS_RIGHT) {
        *problem = "sent a wrong WebSocket key";
        return RILL_ERR_MALFORMED;
    }
    return RILL_OK;
}

static int judge_request(const rill_ws_handshake *h, const char **problem)
{
    bool http11 = h->parser.http_major == 1 && h->parser.http_minor >= 1;
    return rill_ws_handshake_judge(h, h->parser.method == HTTP_GET && http11, problem);
}

/* What came is no HTTP: a first byte of TLS says what it is instead. */
static const char *instead_of_http(const rill_ws_handshake *h, bool first, uint8_t byte)
{
    enum { TLS_ALERT = 0x15, TLS_HANDSHAKE = 0x16 };
    if (first && h->parser.type == HTTP_REQUEST && byte == TLS_HANDSHAKE)
        return "sent TLS, and this address speaks none";
    if (first && h->parser.type == HTTP_RESPONSE && byte == TLS_ALERT)
        return "speaks TLS: the URI of a link to it begins with btp+wss://";
    return "sent malformed HTTP";
}

int rill_ws_handshake_feed(rill_ws_handshake *h, const uint8_t *data, size_t len, size_t *used,
                           const char **problem)
{
    static const http_parser_settings settings = {
        .on_header_field = on_field,
        .on_header_value = on_value,
        .on_headers_complete = on_headers_complete,
    };
    size_t room = RILL_WS_MAX_HEADERS - h->consumed;
    bool first = h->consumed == 0;
    size_t fed = len < room ? len : room;
    size_t parsed = http_parser_execute(&h->parser, &settings, (const char *)data, fed);
    bool failed = HTTP_PARSER_ERRNO(&h->parser) != HPE_OK;
    h->consumed += parsed;
    *used = parsed;
    if (failed) {
        *problem = instead_of_http(h, first, len > 0 ? data[0] : 0);
        return RILL_ERR_MALFORMED;
    }
    if (h->complete)
        return h->parser.type == HTTP_RESPONSE ? judge_response(h, problem)
                                               : judge_request(h, problem);
    if (h->consumed >= RILL_WS_MAX_HEADERS) {
        *problem = "sent too large an HTTP header";
        return RILL_ERR_TOO_LARGE;
    }
    return RILL_ERR_BLOCKED;
}

static const char *refusal(const rill_ws_handshake *h, int verdict)
{
    if (verdict == RILL_ERR_TOO_LARGE)
        return "431 Request Header Fields Too Large\r\n";
    if (verdict == RILL_ERR_REFUSED && h->upgrade && h->version == RILL_WS_RIGHT &&
        h->origin_refused)
        return "403 Forbidden\r\n";
    if (verdict == RILL_ERR_REFUSED)
        return "426 Upgrade Required\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    return "400 Bad Request\r\n";
}

size_t rill_ws_handshake_answer(const rill_ws_handshake *h, int verdict, char out[RILL_WS_ANSWER])
{
    char accept[RILL_WS_ACCEPT_CHARS + 1];
    int len;
    if (verdict == RILL_OK && rill_ws_accept_of(h->key, accept) == RILL_OK)
        len = snprintf(out, RILL_WS_ANSWER,
                       "HTTP/1.1 101 Switching Protocols\r\n"
                       "Upgrade: websocket\r\n"
                       "Connection: Upgrade\r\n"
                       "Sec-WebSocket-Accept: %s\r\n\r\n",
                       accept);
    else
        len = snprintf(out, RILL_WS_ANSWER,
                       "HTTP/1.1 %sConnection: close\r\nContent-Length: 0\r\n\r\n",
                       refusal(h, verdict));
    return (size_t)len;
}
