/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message is handed on where it lies in what was read. One is written
 * straight into the output, after its header, so that a packet is copied once,
 * and masked in place.
 */
#define _POSIX_C_SOURCE 200809L

#include "ws/websocket.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* A message that came in parts starts with so much. */
#define PARTIAL_MIN 1024

struct rill_ws {
    rill_tcp *tcp;
    const rill_ws_handlers *on;
    void *owner;
    rill_ws_handshake *handshake; /* until it is over */
    char *request;                /* client: until it is sent */
    size_t request_len;
    rill_ws_reader reader;
    uint8_t *message; /* the beginning of one that comes in parts; NULL */
    size_t message_len;
    size_t message_cap;
    rill_list partial; /* in loop->partials while message is there */
    uint64_t last_heard;
    uint8_t *payload; /* between begin and end */
    size_t payload_len;
    size_t header_len;
    uint8_t mask[4];
    bool client;
    bool wipe_read; /* what comes may hold a token */
    bool asked;     /* a client: its request is on the way */
    bool open;
    bool closing; /* by the owner */
    bool close_sent;
    bool close_came;
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void end_handshake(rill_ws *ws)
{
    rill_free(memory(), ws->handshake);
    rill_free(memory(), ws->request);
    ws->handshake = NULL;
    ws->request = NULL;
}

/* The place of the payload in the output, after its header; NULL: no room. */
static uint8_t *frame_begin(rill_ws *ws, rill_ws_opcode opcode, size_t len)
{
    assert(ws->payload == NULL); /* one at a time: the room of the other would be lost */
    uint8_t *start = rill_tcp_reserve(ws->tcp, RILL_WS_MAX_HEADER + len);
    if (start == NULL)
        return NULL;
    if (ws->client &&
        rill_crypto_random(ws->tcp->loop->crypto, ws->mask, sizeof ws->mask) != RILL_OK)
        return NULL;
    ws->header_len = rill_ws_header(start, opcode, len, ws->client ? ws->mask : NULL);
    ws->payload = start + ws->header_len;
    ws->payload_len = len;
    return ws->payload;
}

static void frame_end(rill_ws *ws)
{
    assert(ws->payload != NULL);
    if (ws->client)
        rill_ws_mask(ws->payload, ws->payload_len, ws->mask);
    ws->payload = NULL;
    rill_tcp_commit(ws->tcp, ws->header_len + ws->payload_len);
}

static void control(rill_ws *ws, rill_ws_opcode opcode, const uint8_t *data, size_t len)
{
    uint8_t *room = frame_begin(ws, opcode, len);
    if (room == NULL)
        return;
    if (len != 0)
        memcpy(room, data, len);
    frame_end(ws);
}

static void send_close(rill_ws *ws, uint16_t code)
{
    const uint8_t body[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    if (!ws->open || ws->close_sent)
        return;
    ws->close_sent = true;
    control(ws, RILL_WS_CLOSE, body, code != 0 ? sizeof body : 0);
}

static void lose(rill_ws *ws, int error, const char *what)
{
    snprintf(ws->tcp->detail, sizeof ws->tcp->detail, "%s %s", ws->tcp->name, what);
    rill_tcp_lose(ws->tcp, error);
}

static void violated(rill_ws *ws, uint16_t code, const char *what)
{
    send_close(ws, code);
    lose(ws, RILL_ERR_PROTOCOL, what);
}

static void on_close_frame(rill_ws *ws, const rill_ws_part *part)
{
    uint16_t code = rill_ws_close_code(part);
    char what[64] = "closed the connection";
    ws->close_came = true;
    if (part->len >= 2 && code != RILL_WS_NORMAL && code != RILL_WS_GOING_AWAY)
        snprintf(what, sizeof what, "closed the connection with code %u", (unsigned)code);
    send_close(ws, rill_ws_close_answer(part));
    lose(ws, RILL_ERR_NOT_CONNECTED, what);
}

static bool usable(const rill_ws *ws)
{
    return !ws->closing && !ws->tcp->reported && ws->tcp->error == RILL_OK;
}

/* A client that sends a byte now and then has not been heard. */
static void heard(rill_ws *ws)
{
    ws->last_heard = uv_now(ws->tcp->loop->uv);
}

static void release_message(rill_ws *ws)
{
    assert(ws->message != NULL && ws->tcp->loop->partial >= ws->message_cap);
    ws->tcp->loop->partial -= ws->message_cap;
    rill_list_remove(&ws->partial);
    if (ws->wipe_read)
        rill_wipe(ws->message, ws->message_len);
    rill_free(memory(), ws->message);
    ws->message = NULL;
    ws->message_len = ws->message_cap = 0;
}

static bool grow_message(rill_ws *ws, size_t len)
{
    size_t cap = ws->message_cap != 0 ? ws->message_cap : PARTIAL_MIN;
    /* The reader has a limit for messages: this ends. */
    while (cap < len)
        cap *= 2;
    if (cap == ws->message_cap)
        return true;
    uint8_t *grown = ws->wipe_read ? rill_alloc(memory(), cap)
                                   : rill_realloc_array(memory(), ws->message, cap, 1);
    if (grown == NULL)
        return false;
    if (ws->wipe_read && ws->message != NULL) {
        memcpy(grown, ws->message, ws->message_len);
        rill_wipe(ws->message, ws->message_len);
        rill_free(memory(), ws->message);
    }
    if (ws->message == NULL)
        rill_list_push_back(&ws->tcp->loop->partials, &ws->partial);
    ws->tcp->loop->partial += cap - ws->message_cap;
    ws->message = grown;
    ws->message_cap = cap;
    return true;
}

/* Unfinished messages fill the memory: disconnects the peer whose message has been unfinished for
 * longest. */
static void relieve(rill_loop *loop)
{
    while (loop->partial > loop->max_storage / 4) {
        rill_ws *slowest = RILL_CONTAINER(loop->partials.next, rill_ws, partial);
        release_message(slowest);
        rill_tcp_fail(slowest->tcp, RILL_ERR_LIMIT, "is too slow with a message");
    }
}

static void keep(rill_ws *ws, const rill_ws_part *part)
{
    if (part->len == 0)
        return;
    if (!grow_message(ws, ws->message_len + part->len)) {
        lose(ws, RILL_ERR_NOMEM, "cannot be read from: out of memory");
        return;
    }
    memcpy(ws->message + ws->message_len, part->data, part->len);
    ws->message_len += part->len;
    relieve(ws->tcp->loop);
}

static void deliver(rill_ws *ws)
{
    bool wipe = ws->wipe_read;
    ws->on->message(ws->owner, ws->message, ws->message_len);
    if (ws->message != NULL && wipe)
        rill_wipe(ws->message, ws->message_len);
    if (ws->message != NULL)
        release_message(ws);
}

static void take(rill_ws *ws, const rill_ws_part *part)
{
    switch (part->opcode) {
    case RILL_WS_PING:
        heard(ws);
        control(ws, RILL_WS_PONG, part->data, part->len);
        return;
    case RILL_WS_CLOSE:
        on_close_frame(ws, part);
        return;
    case RILL_WS_BINARY:
        break;
    default:
        heard(ws);
        return;
    }
    if (part->last)
        heard(ws);
    if (part->last && ws->message_len == 0) {
        ws->on->message(ws->owner, part->data, part->len);
        return;
    }
    keep(ws, part);
    if (part->last && ws->message != NULL && usable(ws))
        deliver(ws);
}

static void read_frames(rill_ws *ws, uint8_t *data, size_t len)
{
    while (usable(ws)) {
        rill_ws_part part;
        int error = rill_ws_reader_next(&ws->reader, &data, &len, &part);
        if (error == RILL_ERR_BLOCKED)
            return;
        if (error != RILL_OK) {
            violated(ws, ws->reader.code, ws->reader.problem);
            return;
        }
        take(ws, &part);
    }
}

/* After our Close: only the peer's matters. */
static void on_tcp_late(void *owner, uint8_t *data, size_t len)
{
    rill_ws *ws = owner;
    rill_ws_part part;
    while (ws->open && !ws->close_came &&
           rill_ws_reader_next(&ws->reader, &data, &len, &part) == RILL_OK) {
        if (part.opcode != RILL_WS_CLOSE)
            continue;
        ws->close_came = true;
        rill_tcp_nothing_follows(ws->tcp);
    }
}

static void handshake_failed(rill_ws *ws, int verdict, const char *problem)
{
    char answer[RILL_WS_ANSWER];
    if (!ws->client) {
        size_t len = rill_ws_handshake_answer(ws->handshake, verdict, answer);
        uint8_t *room = rill_tcp_reserve(ws->tcp, len);
        if (room != NULL) {
            memcpy(room, answer, len);
            rill_tcp_commit(ws->tcp, len);
        }
    }
    lose(ws, verdict == RILL_ERR_REFUSED ? RILL_ERR_REFUSED : RILL_ERR_PROTOCOL, problem);
}

static bool handshake_done(rill_ws *ws)
{
    if (!ws->client) {
        char answer[RILL_WS_ANSWER];
        size_t len = rill_ws_handshake_answer(ws->handshake, RILL_OK, answer);
        uint8_t *room = rill_tcp_reserve(ws->tcp, len);
        if (room == NULL)
            return false;
        memcpy(room, answer, len);
        rill_tcp_commit(ws->tcp, len);
    }
    end_handshake(ws);
    ws->open = true;
    heard(ws);
    ws->on->open(ws->owner);
    return usable(ws);
}

static void take_bytes(rill_ws *ws, uint8_t *data, size_t len)
{
    if (ws->handshake != NULL) {
        const char *problem = "";
        size_t used = 0;
        int verdict = rill_ws_handshake_feed(ws->handshake, data, len, &used, &problem);
        if (verdict == RILL_ERR_BLOCKED)
            return;
        if (verdict != RILL_OK) {
            handshake_failed(ws, verdict, problem);
            return;
        }
        if (!handshake_done(ws))
            return;
        data += used;
        len -= used;
    }
    if (len != 0)
        read_frames(ws, data, len);
}

static void on_tcp_read(void *owner, uint8_t *data, size_t len)
{
    rill_ws *ws = owner;
    bool wipe = ws->wipe_read;
    take_bytes(ws, data, len);
    if (wipe)
        rill_wipe(data, len);
}

static void on_tcp_open(void *owner)
{
    rill_ws *ws = owner;
    if (!ws->client)
        return;
    uint8_t *room = rill_tcp_reserve(ws->tcp, ws->request_len);
    if (room == NULL)
        return;
    memcpy(room, ws->request, ws->request_len);
    rill_tcp_commit(ws->tcp, ws->request_len);
    ws->asked = true;
}

/* A server that speaks TLS closes without a word when HTTP comes. */
static bool may_speak_tls(const rill_ws *ws, int error)
{
    return error == RILL_ERR_NOT_CONNECTED && ws->client && ws->asked && ws->handshake != NULL &&
           ws->handshake->consumed == 0 && ws->tcp->tls == NULL;
}

static void on_tcp_lost(void *owner, int error, const char *detail)
{
    rill_ws *ws = owner;
    char text[512];
    if (may_speak_tls(ws, error)) {
        snprintf(text, sizeof text,
                 "%s closed the connection and said nothing; where it speaks TLS, the URI of the "
                 "link begins with btp+wss://",
                 rill_ws_name(ws));
        detail = text;
    }
    if (ws->on != NULL)
        ws->on->lost(ws->owner, error, detail);
}

static void on_tcp_drained(void *owner)
{
    rill_ws *ws = owner;
    if (ws->open && usable(ws))
        ws->on->drained(ws->owner);
}

static void on_tcp_closed(void *owner)
{
    rill_ws *ws = owner;
    end_handshake(ws);
    if (ws->message != NULL)
        release_message(ws);
    if (ws->on != NULL)
        ws->on->closed(ws->owner, ws);
    rill_free(memory(), ws);
}

static const rill_tcp_handlers tcp_handlers = {
    .open = on_tcp_open,
    .read = on_tcp_read,
    .late = on_tcp_late,
    .lost = on_tcp_lost,
    .drained = on_tcp_drained,
    .closed = on_tcp_closed,
};

/* What was never given out, and has no connection. */
static void discard(rill_ws *ws)
{
    end_handshake(ws);
    rill_free(memory(), ws);
}

/* Without a connection yet. */
static rill_ws *ws_new(const rill_ws_handlers *on, void *owner)
{
    rill_ws *ws = rill_calloc(memory(), 1, sizeof *ws);
    if (ws == NULL)
        return NULL;
    ws->on = on;
    ws->owner = owner;
    rill_list_init(&ws->partial);
    ws->handshake = rill_alloc(memory(), sizeof *ws->handshake);
    if (ws->handshake == NULL) {
        discard(ws);
        return NULL;
    }
    return ws;
}

static int prepare_request(rill_ws *ws, rill_loop *loop, const rill_ws_client_options *options)
{
    uint8_t nonce[16];
    size_t cap = strlen(options->target) + strlen(options->host_header) + 256;
    int error = rill_crypto_random(loop->crypto, nonce, sizeof nonce);
    if (error == RILL_OK)
        error = rill_ws_handshake_client(ws->handshake, nonce);
    if (error != RILL_OK)
        return error;
    ws->request = rill_alloc(memory(), cap);
    if (ws->request == NULL)
        return RILL_ERR_NOMEM;
    ws->request_len = rill_ws_handshake_request(ws->handshake, options->host_header,
                                                options->target, ws->request, cap);
    return ws->request_len != 0 ? RILL_OK : RILL_ERR_TOO_LARGE;
}

int rill_ws_connect(rill_ws **out, rill_loop *loop, const rill_ws_client_options *options,
                    const rill_ws_handlers *on, void *owner)
{
    rill_ws *ws = ws_new(on, owner);
    if (ws == NULL)
        return RILL_ERR_NOMEM;
    ws->client = true;
    rill_ws_reader_init(&ws->reader, false, options->max_message);
    int error = prepare_request(ws, loop, options);
    if (error == RILL_OK)
        error = rill_tcp_new(&ws->tcp, loop, &tcp_handlers, ws);
    if (error != RILL_OK) {
        discard(ws);
        return error;
    }
    error = rill_tcp_connect(ws->tcp, options->host, options->port, options->tls);
    if (error != RILL_OK) {
        /* It goes with its connection. */
        ws->on = NULL;
        ws->closing = true;
        rill_tcp_close(ws->tcp);
        return error;
    }
    *out = ws;
    return RILL_OK;
}

/* The server's side of t; the connection is the WebSocket's from here on. */
static void take_over(rill_ws *ws, rill_tcp *t, const rill_ws_server_options *options)
{
    ws->tcp = t;
    ws->wipe_read = true;
    rill_ws_reader_init(&ws->reader, true, options->max_message);
    rill_tcp_limit(t, options->max_backlog);
    rill_tcp_give(t, &tcp_handlers, ws);
}

int rill_ws_take(rill_ws **out, rill_tcp *t, const rill_ws_server_options *options,
                 const rill_ws_handlers *on, void *owner)
{
    rill_ws *ws = ws_new(on, owner);
    if (ws == NULL)
        return RILL_ERR_NOMEM;
    rill_ws_handshake_server(ws->handshake, options->allow_origins);
    take_over(ws, t, options);
    *out = ws;
    return RILL_OK;
}

int rill_ws_upgrade(rill_ws **out, rill_tcp *t, const rill_ws_handshake *agreed,
                    const rill_ws_server_options *options, const rill_ws_handlers *on, void *owner)
{
    assert(t->state == RILL_TCP_OPEN);
    rill_ws *ws = ws_new(on, owner);
    if (ws == NULL)
        return RILL_ERR_NOMEM;
    *ws->handshake = *agreed;
    take_over(ws, t, options);
    *out = ws;
    (void)handshake_done(ws); /* where there is no room for the answer, lost follows */
    return RILL_OK;
}

uint8_t *rill_ws_begin(rill_ws *ws, size_t len)
{
    if (!ws->open || ws->close_sent)
        return NULL;
    return frame_begin(ws, RILL_WS_BINARY, len);
}

void rill_ws_end(rill_ws *ws)
{
    frame_end(ws);
}

void rill_ws_ping(rill_ws *ws)
{
    if (ws->open && !ws->close_sent)
        control(ws, RILL_WS_PING, NULL, 0);
}

bool rill_ws_is_full(const rill_ws *ws)
{
    return ws->tcp->above;
}

uint64_t rill_ws_written(const rill_ws *ws)
{
    return ws->tcp->appended;
}

uint64_t rill_ws_handed(const rill_ws *ws)
{
    return rill_tcp_handed(ws->tcp);
}

uint64_t rill_ws_last_heard(const rill_ws *ws)
{
    return ws->last_heard;
}

rill_wait rill_ws_wait(const rill_ws *ws)
{
    switch (ws->tcp->state) {
    case RILL_TCP_CONNECTING:
        return rill_tcp_is_resolving(ws->tcp) ? RILL_WAIT_RESOLVE : RILL_WAIT_CONNECT;
    case RILL_TCP_HANDSHAKE:
        return RILL_WAIT_TLS;
    case RILL_TCP_OPEN:
        return ws->open ? RILL_WAIT_NOTHING : RILL_WAIT_HANDSHAKE;
    default:
        return RILL_WAIT_NOTHING;
    }
}

const char *rill_ws_name(const rill_ws *ws)
{
    return ws->tcp->name;
}

void rill_ws_wipe_written(rill_ws *ws)
{
    rill_tcp_wipe_written(ws->tcp);
}

void rill_ws_wipe_read(rill_ws *ws, bool wipe)
{
    ws->wipe_read = wipe;
}

void rill_ws_close(rill_ws *ws, uint16_t code)
{
    if (ws->closing)
        return;
    ws->closing = true;
    send_close(ws, code);
    rill_tcp_finish(ws->tcp);
    if (ws->close_came)
        rill_tcp_nothing_follows(ws->tcp);
}

void rill_ws_welcome(rill_ws *ws)
{
    rill_tcp_welcome(ws->tcp);
}

uint64_t rill_ws_accepted_at(const rill_ws *ws)
{
    return ws->tcp->accepted_at;
}
