/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP exchange that opens a WebSocket, both sides. The first byte chooses
 * the side and the origins, the second the size of the pieces. Oracles:
 *
 * - whole and in pieces give the same verdict, key and end;
 * - what is agreed on is judged again by a reader of lines that has nothing in
 *   common with http-parser; and a head that this reader finds right in every
 *   strict detail is agreed on;
 * - each side takes what the other one of ours writes: the answer to a request
 *   is fed to a client with its key, a client's request to a server.
 */
#define _POSIX_C_SOURCE 200809L

#include <strings.h>

#include "fuzz.h"
#include "ws/ws_handshake.h"

enum { HEADERS = RILL_WS_MAX_HEADERS / 3 }; /* as many as fit: "a:" and a line feed */

/* A head as another reader sees it: lines, colons, white space around values. */
typedef struct lines {
    char text[RILL_WS_MAX_HEADERS + 1];
    const char *first;
    const char *name[HEADERS];
    const char *value[HEADERS];
    size_t count;
    bool strict; /* every byte is as RFC 7230 demands */
} lines;

static const char *const good[] = {"http://good.example", NULL};
static const char *const any[] = {"*", NULL};

static bool is_token(const char *s)
{
    return *s != '\0' && strspn(s, "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz") == strlen(s);
}

static bool is_visible(const char *s)
{
    for (; *s != '\0'; s++)
        if ((*s < ' ' || *s > '~') && *s != '\t')
            return false;
    return true;
}

/* Takes a line off; NULL if there is no whole line. */
static char *next_line(char **at, bool *strict)
{
    char *line = *at, *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *at = end + 1;
    *strict = *strict && end > line && end[-1] == '\r';
    *end = '\0';
    if (end > line && end[-1] == '\r')
        end[-1] = '\0';
    return line;
}

static void add_line(lines *l, char *line)
{
    char *colon = strchr(line, ':');
    if (colon == NULL || l->count == HEADERS || *line == ' ' || *line == '\t') {
        l->strict = false;
        return;
    }
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    for (size_t len = strlen(value); len > 0 && strchr(" \t", value[len - 1]) != NULL; len--)
        value[len - 1] = '\0';
    l->strict = l->strict && is_token(line) && is_visible(value) &&
                strlen(value) <= RILL_WS_HEADER_VALUE && strlen(line) < 31;
    /* A body or another protocol, which our reader need not judge. */
    if (strcasecmp(line, "Content-Length") == 0 || strcasecmp(line, "Transfer-Encoding") == 0)
        l->strict = false;
    l->name[l->count] = line;
    l->value[l->count++] = value;
}

/* Reads the whole head; false if it does not end. */
static bool read_lines(lines *l, const uint8_t *data, size_t len)
{
    char *at = l->text, *line;
    *l = (lines){.strict = true};
    if (len > RILL_WS_MAX_HEADERS)
        len = RILL_WS_MAX_HEADERS;
    if (len != 0)
        memcpy(l->text, data, len);
    l->text[len] = '\0';
    for (size_t i = 0; i < len; i++)
        if (l->text[i] == '\0') {
            l->text[i] = ' ';
            l->strict = false;
        }
    if ((l->first = next_line(&at, &l->strict)) == NULL)
        return false;
    while ((line = next_line(&at, &l->strict)) != NULL) {
        if (*line == '\0') {
            l->strict = l->strict && at == l->text + len;
            return true;
        }
        add_line(l, line);
    }
    return false;
}

static const char *find(const lines *l, const char *name, size_t *times)
{
    const char *value = NULL;
    *times = 0;
    for (size_t i = 0; i < l->count; i++)
        if (strcasecmp(l->name[i], name) == 0) {
            value = l->value[i];
            ++*times;
        }
    return value;
}

static bool once(const lines *l, const char *name, const char *value)
{
    size_t times;
    const char *found = find(l, name, &times);
    return times == 1 && strcasecmp(found, value) == 0;
}

static bool mentions(const lines *l, const char *name, const char *word)
{
    for (size_t i = 0; i < l->count; i++)
        for (const char *at = l->value[i]; strcasecmp(l->name[i], name) == 0 && *at != '\0'; at++)
            if (strncasecmp(at, word, strlen(word)) == 0)
                return true;
    return false;
}

static bool is_key(const char *key)
{
    return strlen(key) == RILL_WS_KEY_CHARS &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_") >=
               RILL_WS_KEY_CHARS - 2;
}

/*
 * The agreed head, up to its end. Debian's http-parser is not built to be strict: it takes any byte
 * for the line feed after a carriage return. A line that begins with white space continues the line
 * before it (RFC 7230 section 3.2.4).
 */
static void read_agreed(lines *l, const uint8_t *data, size_t used)
{
    static uint8_t head[RILL_WS_MAX_HEADERS];
    CHECK(used >= 2 && used <= sizeof head);
    memcpy(head, data, used);
    for (size_t i = 0; i + 1 < used; i++)
        if (head[i] == '\r')
            head[i + 1] = '\n';
    for (size_t i = 1; i + 1 < used; i++)
        if (head[i] == '\n' && (head[i + 1] == ' ' || head[i + 1] == '\t')) {
            head[i] = ' ';
            if (head[i - 1] == '\r')
                head[i - 1] = ' ';
        }
    CHECK(read_lines(l, head, used));
}

/* ---- feeding ---- */

typedef struct outcome {
    int verdict;
    size_t used;
} outcome;

static outcome feed(rill_ws_handshake *h, const uint8_t *data, size_t len, size_t piece)
{
    outcome o = {RILL_ERR_BLOCKED, 0};
    while (o.used < len && o.verdict == RILL_ERR_BLOCKED) {
        size_t now = len - o.used < piece ? len - o.used : piece, used = 0;
        const char *problem = NULL;
        /* In a block of its own length, so that a read past the end is seen. */
        uint8_t *copy = malloc(now);
        CHECK(copy != NULL);
        memcpy(copy, data + o.used, now);
        o.verdict = rill_ws_handshake_feed(h, copy, now, &used, &problem);
        free(copy);
        CHECK(used <= now && (o.verdict != RILL_ERR_BLOCKED || used == now));
        CHECK((o.verdict == RILL_OK || o.verdict == RILL_ERR_BLOCKED) == (problem == NULL));
        o.used += used;
    }
    CHECK(o.verdict == RILL_OK || o.verdict == RILL_ERR_BLOCKED || o.verdict == RILL_ERR_REFUSED ||
          o.verdict == RILL_ERR_MALFORMED || o.verdict == RILL_ERR_TOO_LARGE);
    CHECK(o.verdict != RILL_ERR_BLOCKED || o.used < RILL_WS_MAX_HEADERS);
    return o;
}

static void compare(const rill_ws_handshake *a, const rill_ws_handshake *b, outcome x, outcome y)
{
    CHECK(x.verdict == y.verdict);
    if (x.verdict == RILL_OK)
        CHECK(x.used == y.used && strcmp(a->key, b->key) == 0);
}

/* ---- the server's side ---- */

/* A client of ours must accept what it answers. */
static void check_answer(const rill_ws_handshake *h, int verdict)
{
    rill_ws_handshake client;
    const uint8_t nonce[16] = {0};
    char answer[RILL_WS_ANSWER];
    size_t len = rill_ws_handshake_answer(h, verdict, answer);
    CHECK(len > 0 && len < sizeof answer && strlen(answer) == len);
    CHECK(rill_ws_handshake_client(&client, nonce) == RILL_OK);
    if (verdict == RILL_OK) {
        memcpy(client.key, h->key, sizeof client.key);
        CHECK(rill_ws_accept_of(client.key, client.expected) == RILL_OK);
    }
    outcome o = feed(&client, (const uint8_t *)answer, len, len);
    CHECK(o.used == len);
    CHECK(o.verdict == (verdict == RILL_OK ? RILL_OK : RILL_ERR_REFUSED));
}

static bool origin_is(const lines *l, const char *const *allowed)
{
    size_t times;
    const char *origin = find(l, "Origin", &times);
    if (times == 0)
        return true;
    return allowed != NULL &&
           (strcmp(allowed[0], "*") == 0 || (times == 1 && strcasecmp(origin, allowed[0]) == 0));
}

static void judge_request(const lines *l, const rill_ws_handshake *h, const char *const *allowed)
{
    size_t times;
    const char *key = find(l, "Sec-WebSocket-Key", &times);
    CHECK(strncmp(l->first, "GET ", 4) == 0);
    CHECK(mentions(l, "Upgrade", "websocket") && mentions(l, "Connection", "upgrade"));
    CHECK(times == 1 && strcmp(key, h->key) == 0 && is_key(key));
    CHECK(find(l, "Sec-WebSocket-Version", &times) != NULL && times == 1);
    CHECK(origin_is(l, allowed));
}

static bool right_request(const lines *l, const char *const *allowed)
{
    size_t times;
    const char *key = find(l, "Sec-WebSocket-Key", &times);
    const char *path_end = strchr(l->first, ' ') == NULL ? NULL : strrchr(l->first, ' ');
    if (!l->strict || strncmp(l->first, "GET /", 5) != 0 || strcmp(path_end, " HTTP/1.1") != 0)
        return false;
    size_t path = strspn(l->first + 4, "/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                       "0123456789-._~");
    return l->first + 4 + path == path_end && times == 1 && strlen(key) == RILL_WS_KEY_CHARS &&
           strcmp(key + 21, "Q==") == 0 &&
           strspn(key, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == 22 &&
           once(l, "Upgrade", "websocket") && once(l, "Connection", "Upgrade") &&
           once(l, "Sec-WebSocket-Version", "13") && once(l, "Host", "h") && origin_is(l, allowed);
}

static void fuzz_server(const uint8_t *data, size_t size, size_t piece, const char *const *allowed)
{
    static lines l;
    rill_ws_handshake whole, parts;
    rill_ws_handshake_server(&whole, allowed);
    rill_ws_handshake_server(&parts, allowed);
    outcome o = feed(&whole, data, size, SIZE_MAX);
    compare(&whole, &parts, o, feed(&parts, data, size, piece));
    if (o.verdict != RILL_ERR_BLOCKED)
        check_answer(&whole, o.verdict);
    if (o.verdict == RILL_OK) {
        read_agreed(&l, data, o.used);
        judge_request(&l, &whole, allowed);
    } else if (read_lines(&l, data, size)) {
        CHECK(!right_request(&l, allowed));
    }
}

/* ---- the client's side ---- */

static void check_request(const rill_ws_handshake *h)
{
    rill_ws_handshake server;
    char request[512];
    size_t len = rill_ws_handshake_request(h, "host:1", "/path?query", request, sizeof request);
    CHECK(len > 0 && rill_ws_handshake_request(h, "host:1", "/path?query", request, len) == 0);
    rill_ws_handshake_server(&server, NULL);
    len = rill_ws_handshake_request(h, "host:1", "/path?query", request, sizeof request);
    outcome o = feed(&server, (const uint8_t *)request, len, SIZE_MAX);
    CHECK(o.verdict == RILL_OK && o.used == len && strcmp(server.key, h->key) == 0);
}

static bool right_response(const lines *l, const rill_ws_handshake *h)
{
    size_t unasked, protocol;
    (void)find(l, "Sec-WebSocket-Extensions", &unasked);
    (void)find(l, "Sec-WebSocket-Protocol", &protocol);
    size_t accept;
    const char *value = find(l, "Sec-WebSocket-Accept", &accept);
    return l->strict && strcmp(l->first, "HTTP/1.1 101 Switching Protocols") == 0 &&
           once(l, "Upgrade", "websocket") && once(l, "Connection", "Upgrade") && accept == 1 &&
           strcmp(value, h->expected) == 0 && unasked == 0 && protocol == 0;
}

static void fuzz_client(const uint8_t *data, size_t size, size_t piece)
{
    static lines l;
    rill_ws_handshake whole, parts;
    const uint8_t nonce[16] = {1, 2, 3};
    size_t times;
    CHECK(rill_ws_handshake_client(&whole, nonce) == RILL_OK);
    CHECK(rill_ws_handshake_client(&parts, nonce) == RILL_OK);
    check_request(&whole);
    outcome o = feed(&whole, data, size, SIZE_MAX);
    compare(&whole, &parts, o, feed(&parts, data, size, piece));
    if (o.verdict == RILL_OK) {
        read_agreed(&l, data, o.used);
        const char *accept = find(&l, "Sec-WebSocket-Accept", &times);
        CHECK(times == 1 && strcmp(accept, whole.expected) == 0);
        CHECK(mentions(&l, "Upgrade", "websocket") && mentions(&l, "Connection", "upgrade"));
        /* It is not strict: of "HTTP/" it looks only at the H, and a line may end there. */
        CHECK(l.first[0] == 'H' && whole.parser.status_code == 101);
        CHECK(find(&l, "Sec-WebSocket-Extensions", &times) == NULL &&
              find(&l, "Sec-WebSocket-Protocol", &times) == NULL);
    } else if (read_lines(&l, data, size)) {
        CHECK(!right_response(&l, &whole));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const *const origins[] = {NULL, good, any};
    if (size < 2)
        return 0;
    size_t piece = data[1] == 0 ? 1 : data[1];
    if ((data[0] & 1) != 0)
        fuzz_client(data + 2, size - 2, piece);
    else
        fuzz_server(data + 2, size - 2, piece, origins[(data[0] >> 1) % 3]);
    return 0;
}
