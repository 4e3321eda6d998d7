/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames are read by wslay. They are written here: a header of at most 14
 * bytes straight into the output, so that a packet is copied once, and masked
 * in place.
 */
#define _POSIX_C_SOURCE 200809L

#include "net/websocket.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/alloc.h"
#include "net/tcp.h"
#include "net/ws_handshake.h"

#define MAX_HEADER  14
#define MAX_CONTROL 125

struct rill_ws {
    rill_tcp tcp;
    const rill_ws_handlers *on;
    void *owner;
    rill_ws_handshake *handshake; /* until it is over */
    char *request;                /* client: until it is sent */
    size_t request_len;
    wslay_frame_context_ptr frames;
    const uint8_t *in; /* what wslay has not taken of this read */
    size_t in_len;
    rill_buffer message; /* a message or control payload that came in parts */
    uint8_t control[MAX_CONTROL];
    size_t control_len;
    size_t max_message;
    uint64_t last_heard;
    uint8_t *payload; /* between begin and end */
    size_t payload_len;
    size_t header_len;
    uint8_t mask[4];
    bool client;
    bool open;
    uint64_t frame_read; /* payload of the current frame so far */
    bool in_frame;       /* it was judged, and goes on */
    bool in_message;     /* fragments of a message are awaited */
    bool closing;        /* by the owner */
    bool close_sent;
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static ssize_t on_wslay_recv(uint8_t *buf, size_t len, int flags, void *user)
{
    rill_ws *ws = user;
    (void)flags;
    size_t take = len < ws->in_len ? len : ws->in_len;
    if (take == 0)
        return -1;
    memcpy(buf, ws->in, take);
    ws->in += take;
    ws->in_len -= take;
    return (ssize_t)take;
}

static void end_handshake(rill_ws *ws)
{
    rill_free(memory(), ws->handshake);
    rill_free(memory(), ws->request);
    ws->handshake = NULL;
    ws->request = NULL;
}

static void mask(uint8_t *data, size_t len, const uint8_t key[4])
{
    uint8_t wide[8];
    uint64_t word, piece;
    memcpy(wide, key, 4);
    memcpy(wide + 4, key, 4);
    memcpy(&word, wide, 8);
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        memcpy(&piece, data + i, 8);
        piece ^= word;
        memcpy(data + i, &piece, 8);
    }
    for (; i < len; i++)
        data[i] ^= key[i % 4];
}

/* The place of the payload in the output, after its header; NULL: no room. */
static uint8_t *frame_begin(rill_ws *ws, uint8_t opcode, size_t len)
{
    uint8_t *start = rill_tcp_reserve(&ws->tcp, MAX_HEADER + len);
    if (start == NULL)
        return NULL;
    uint8_t *at = start;
    uint8_t masked = ws->client ? 0x80 : 0;
    *at++ = (uint8_t)(0x80 | opcode);
    if (len < 126) {
        *at++ = (uint8_t)(masked | len);
    } else if (len <= UINT16_MAX) {
        *at++ = (uint8_t)(masked | 126);
        *at++ = (uint8_t)(len >> 8);
        *at++ = (uint8_t)len;
    } else {
        *at++ = (uint8_t)(masked | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            *at++ = (uint8_t)((uint64_t)len >> shift);
    }
    if (ws->client) {
        if (rill_crypto_random(ws->tcp.loop->crypto, ws->mask, sizeof ws->mask) != RILL_OK)
            return NULL;
        memcpy(at, ws->mask, sizeof ws->mask);
        at += sizeof ws->mask;
    }
    ws->header_len = (size_t)(at - start);
    ws->payload = at;
    ws->payload_len = len;
    return at;
}

static void frame_end(rill_ws *ws)
{
    assert(ws->payload != NULL);
    if (ws->client)
        mask(ws->payload, ws->payload_len, ws->mask);
    ws->payload = NULL;
    rill_tcp_commit(&ws->tcp, ws->header_len + ws->payload_len);
}

static void control(rill_ws *ws, uint8_t opcode, const uint8_t *data, size_t len)
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
    control(ws, WSLAY_CONNECTION_CLOSE, body, code != 0 ? sizeof body : 0);
}

static void lose(rill_ws *ws, int error, const char *what)
{
    snprintf(ws->tcp.detail, sizeof ws->tcp.detail, "%s %s", ws->tcp.name, what);
    rill_tcp_lose(&ws->tcp, error);
}

static void violated(rill_ws *ws, uint16_t code, const char *what)
{
    send_close(ws, code);
    lose(ws, RILL_ERR_PROTOCOL, what);
}

static void on_close_frame(rill_ws *ws)
{
    uint16_t code = 0;
    char what[64] = "closed the connection";
    if (ws->control_len >= 2) {
        code = (uint16_t)(ws->control[0] << 8 | ws->control[1]);
        if (code != RILL_WS_NORMAL && code != RILL_WS_GOING_AWAY)
            snprintf(what, sizeof what, "closed the connection with code %u", (unsigned)code);
    }
    /* RFC 6455 section 7.4: the others never travel, and so are not sent back either. */
    bool known = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                 (code >= 3000 && code < 5000);
    send_close(ws, known || ws->control_len == 0 ? code : RILL_WS_PROTOCOL_ERROR);
    lose(ws, RILL_ERR_NOT_CONNECTED, what);
}

static bool usable(const rill_ws *ws)
{
    return !ws->closing && !ws->tcp.reported;
}

static void on_control(rill_ws *ws, uint8_t opcode)
{
    if (opcode == WSLAY_PING)
        control(ws, WSLAY_PONG, ws->control, ws->control_len);
    else if (opcode == WSLAY_CONNECTION_CLOSE)
        on_close_frame(ws);
    ws->control_len = 0;
}

/* The start of a frame is known: may it come? */
static bool judge(rill_ws *ws, const struct wslay_frame_iocb *f)
{
    bool is_control = wslay_is_ctrl_frame(f->opcode);
    bool known = f->opcode <= WSLAY_BINARY_FRAME ||
                 (f->opcode >= WSLAY_CONNECTION_CLOSE && f->opcode <= WSLAY_PONG);
    if (!known || f->rsv != WSLAY_RSV_NONE || (f->mask != 0) == ws->client)
        violated(ws, RILL_WS_PROTOCOL_ERROR, "sent a malformed WebSocket frame");
    else if (is_control)
        return true;
    else if ((f->opcode == WSLAY_CONTINUATION_FRAME) != ws->in_message)
        violated(ws, RILL_WS_PROTOCOL_ERROR, "sent WebSocket fragments out of order");
    else if (f->opcode == WSLAY_TEXT_FRAME)
        violated(ws, RILL_WS_UNSUPPORTED, "sent a text message");
    else if (f->payload_length > ws->max_message ||
             f->payload_length + rill_buffer_len(&ws->message) > ws->max_message)
        violated(ws, RILL_WS_TOO_BIG, "sent too large a message");
    else
        return true;
    return false;
}

static void keep(rill_ws *ws, const struct wslay_frame_iocb *f)
{
    if (f->data_length == 0)
        return;
    uint8_t *room = rill_buffer_reserve(ws->tcp.loop, &ws->message, f->data_length);
    if (room == NULL) {
        lose(ws, RILL_ERR_NOMEM, "cannot be read from: out of memory");
        return;
    }
    memcpy(room, f->data, f->data_length);
    rill_buffer_commit(&ws->message, f->data_length);
}

static void deliver(rill_ws *ws)
{
    /* The handler may write, and take from the pool: the message is not the socket's any more. */
    rill_buffer whole = ws->message;
    ws->message = (rill_buffer){0};
    ws->on->message(ws->owner, whole.data + whole.start, rill_buffer_len(&whole));
    rill_buffer_clear(ws->tcp.loop, &whole);
}

/* Some payload of one frame. last: the frame ends with it. */
static void take(rill_ws *ws, const struct wslay_frame_iocb *f, bool last)
{
    if (wslay_is_ctrl_frame(f->opcode)) {
        memcpy(ws->control + ws->control_len, f->data, f->data_length);
        ws->control_len += f->data_length;
        if (last)
            on_control(ws, f->opcode);
        return;
    }
    if (last && f->fin && rill_buffer_len(&ws->message) == 0) {
        ws->in_message = false;
        ws->on->message(ws->owner, f->data, f->data_length);
        return;
    }
    keep(ws, f);
    if (last && usable(ws)) {
        ws->in_message = !f->fin;
        if (f->fin)
            deliver(ws);
    }
}

static void read_frames(rill_ws *ws, const uint8_t *data, size_t len)
{
    ws->in = data;
    ws->in_len = len;
    while (usable(ws)) {
        struct wslay_frame_iocb frame;
        memset(&frame, 0, sizeof frame);
        ssize_t count = wslay_frame_recv(ws->frames, &frame);
        if (count == WSLAY_ERR_WANT_READ)
            return;
        if (count < 0) {
            violated(ws, RILL_WS_PROTOCOL_ERROR, "sent a malformed WebSocket frame");
            return;
        }
        if (!ws->in_frame && !judge(ws, &frame))
            return;
        ws->frame_read += frame.data_length;
        ws->in_frame = ws->frame_read < frame.payload_length;
        if (!ws->in_frame)
            ws->frame_read = 0;
        take(ws, &frame, !ws->in_frame);
    }
}

static void handshake_failed(rill_ws *ws, int verdict, const char *problem)
{
    char answer[RILL_WS_ANSWER];
    if (!ws->client) {
        size_t len = rill_ws_handshake_answer(ws->handshake, verdict, answer);
        uint8_t *room = rill_tcp_reserve(&ws->tcp, len);
        if (room != NULL) {
            memcpy(room, answer, len);
            rill_tcp_commit(&ws->tcp, len);
        }
    }
    lose(ws, verdict == RILL_ERR_REFUSED ? RILL_ERR_REFUSED : RILL_ERR_PROTOCOL, problem);
}

static bool handshake_done(rill_ws *ws)
{
    if (!ws->client) {
        char answer[RILL_WS_ANSWER];
        size_t len = rill_ws_handshake_answer(ws->handshake, RILL_OK, answer);
        uint8_t *room = rill_tcp_reserve(&ws->tcp, len);
        if (room == NULL)
            return false;
        memcpy(room, answer, len);
        rill_tcp_commit(&ws->tcp, len);
    }
    end_handshake(ws);
    ws->open = true;
    ws->on->open(ws->owner);
    return usable(ws);
}

static void on_tcp_read(void *owner, const uint8_t *data, size_t len)
{
    rill_ws *ws = owner;
    ws->last_heard = uv_now(ws->tcp.loop->uv);
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

static void on_tcp_open(void *owner)
{
    rill_ws *ws = owner;
    ws->last_heard = uv_now(ws->tcp.loop->uv);
    if (!ws->client)
        return;
    uint8_t *room = rill_tcp_reserve(&ws->tcp, ws->request_len);
    if (room == NULL)
        return;
    memcpy(room, ws->request, ws->request_len);
    rill_tcp_commit(&ws->tcp, ws->request_len);
}

static void on_tcp_lost(void *owner, int error, const char *detail)
{
    rill_ws *ws = owner;
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
    if (ws->frames != NULL)
        wslay_frame_context_free(ws->frames);
    rill_buffer_clear(ws->tcp.loop, &ws->message);
    if (ws->on != NULL)
        ws->on->closed(ws->owner, ws);
    rill_free(memory(), ws);
}

static const rill_tcp_handlers tcp_handlers = {
    .open = on_tcp_open,
    .read = on_tcp_read,
    .lost = on_tcp_lost,
    .drained = on_tcp_drained,
    .closed = on_tcp_closed,
};

/* Gives up what was never given out. */
static int abandon(rill_ws *ws, int error)
{
    ws->on = NULL;
    ws->closing = true;
    rill_tcp_close(&ws->tcp);
    return error;
}

static rill_ws *ws_new(rill_loop *loop, const rill_ws_handlers *on, void *owner)
{
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = on_wslay_recv};
    rill_ws *ws = rill_calloc(memory(), 1, sizeof *ws);
    if (ws == NULL)
        return NULL;
    rill_tcp_init(&ws->tcp, loop, &tcp_handlers, ws);
    ws->on = on;
    ws->owner = owner;
    ws->handshake = rill_alloc(memory(), sizeof *ws->handshake);
    if (ws->handshake == NULL || wslay_frame_context_init(&ws->frames, &callbacks, ws) != 0) {
        (void)abandon(ws, RILL_ERR_NOMEM);
        return NULL;
    }
    return ws;
}

static int prepare_request(rill_ws *ws, const rill_ws_client_options *options)
{
    uint8_t nonce[16];
    size_t cap = strlen(options->target) + strlen(options->host_header) + 256;
    int error = rill_crypto_random(ws->tcp.loop->crypto, nonce, sizeof nonce);
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
    rill_ws *ws = ws_new(loop, on, owner);
    if (ws == NULL)
        return RILL_ERR_NOMEM;
    ws->client = true;
    ws->max_message = options->max_message;
    int error = prepare_request(ws, options);
    if (error == RILL_OK)
        error = rill_tcp_connect(&ws->tcp, options->host, options->port, options->tls);
    if (error != RILL_OK)
        return abandon(ws, error);
    *out = ws;
    return RILL_OK;
}

int rill_ws_accept(rill_ws **out, rill_loop *loop, uv_stream_t *listener,
                   const rill_ws_server_options *options, const rill_ws_handlers *on, void *owner)
{
    rill_ws *ws = ws_new(loop, on, owner);
    if (ws == NULL)
        return RILL_ERR_NOMEM;
    ws->max_message = options->max_message;
    rill_tcp_limit(&ws->tcp, options->max_backlog);
    rill_ws_handshake_server(ws->handshake, options->allow_origins);
    int error = rill_tcp_accept(&ws->tcp, listener, options->tls);
    if (error != RILL_OK)
        return abandon(ws, error);
    *out = ws;
    return RILL_OK;
}

uint8_t *rill_ws_begin(rill_ws *ws, size_t len)
{
    if (!ws->open || ws->close_sent)
        return NULL;
    return frame_begin(ws, WSLAY_BINARY_FRAME, len);
}

void rill_ws_end(rill_ws *ws)
{
    frame_end(ws);
}

void rill_ws_ping(rill_ws *ws)
{
    if (ws->open && !ws->close_sent)
        control(ws, WSLAY_PING, NULL, 0);
}

bool rill_ws_is_full(const rill_ws *ws)
{
    return ws->tcp.above;
}

uint64_t rill_ws_written(const rill_ws *ws)
{
    return ws->tcp.appended;
}

uint64_t rill_ws_handed(const rill_ws *ws)
{
    return rill_tcp_handed(&ws->tcp);
}

uint64_t rill_ws_last_heard(const rill_ws *ws)
{
    return ws->last_heard;
}

const char *rill_ws_name(const rill_ws *ws)
{
    return ws->tcp.name;
}

void rill_ws_close(rill_ws *ws, uint16_t code)
{
    if (ws->closing)
        return;
    ws->closing = true;
    send_close(ws, code);
    rill_tcp_finish(&ws->tcp);
}
