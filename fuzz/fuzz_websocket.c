/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our reader of WebSocket frames against wslay's: the same bytes, cut at other
 * places, give the same messages and control frames, and the same verdict, down to
 * the close code. Where the two may differ:
 *
 * - wslay takes text messages. Ours refuses them with 1003 at their header.
 * - wslay checks the UTF-8 of a close reason as it comes; ours when the frame is
 *   whole, since an answer needs the whole frame anyway.
 * - wslay takes a close frame of one byte for one without a code. Ours answers 1002:
 *   a code has two bytes (RFC 6455 section 5.5.1).
 * - wslay does not know the close codes 1012 to 1014, which IANA registered after RFC 6455.
 * - A close frame with two faults, its code and its reason: either may be answered.
 *   wslay tells its user of well-formed ones only.
 * - What wslay finds at the lowest of its layers (lengths, control frames that are
 *   long or in parts) it answers with a close frame without a code; ours with 1002,
 *   a wrong length only when the masking key, which ends the header, has come.
 */
#include <rill/error.h>
#include <wslay/wslay.h>

#include "fuzz.h"
#include "ws/ws_frame.h"

enum { MAX_INPUT = 1 << 17, LOG_SIZE = 2 * MAX_INPUT, NO_CODE = -1 };

/* The messages that came, one after the other: opcode, length, payload. */
typedef struct record {
    size_t len;
    uint8_t bytes[LOG_SIZE];
} record;

typedef struct theirs {
    const uint8_t *in;
    size_t left;
    record got;
    bool failed; /* by its frame layer */
    size_t sent_len;
    uint8_t sent[LOG_SIZE];
} theirs;

typedef struct ours {
    record got;
    size_t message_len;
    uint8_t message[MAX_INPUT];
    bool refused;
    bool bad_close;   /* a close frame with a fault */
    bool short_close; /* of one byte */
    int code;         /* the code with which it is refused or answered; NO_CODE: reading goes on */
} ours;

static void note(record *r, unsigned opcode, const uint8_t *data, size_t len)
{
    CHECK(r->len + 5 + len <= sizeof r->bytes);
    r->bytes[r->len++] = (uint8_t)opcode;
    for (int i = 0; i < 4; i++)
        r->bytes[r->len++] = (uint8_t)(len >> 8 * i);
    if (len != 0)
        memcpy(r->bytes + r->len, data, len);
    r->len += len;
}

/* ---- wslay ---- */

static ssize_t on_recv(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags, void *user)
{
    theirs *t = user;
    (void)flags;
    if (t->left == 0) {
        wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    if (len > t->left)
        len = t->left;
    memcpy(buf, t->in, len);
    t->in += len;
    t->left -= len;
    return (ssize_t)len;
}

static ssize_t on_send(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
                       void *user)
{
    theirs *t = user;
    (void)ctx;
    (void)flags;
    CHECK(t->sent_len + len <= sizeof t->sent);
    memcpy(t->sent + t->sent_len, data, len);
    t->sent_len += len;
    return (ssize_t)len;
}

static int on_mask(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, void *user)
{
    (void)ctx;
    (void)user;
    memset(buf, 0, len);
    return 0;
}

static void on_message(wslay_event_context_ptr ctx, const struct wslay_event_on_msg_recv_arg *arg,
                       void *user)
{
    theirs *t = user;
    (void)ctx;
    note(&t->got, arg->opcode, arg->msg, arg->msg_length);
}

static void feed_wslay(theirs *t, wslay_event_context_ptr ctx, const uint8_t *data, size_t len)
{
    t->in = data;
    t->left = len;
    if (t->failed)
        return;
    int error = wslay_event_recv(ctx);
    CHECK(error == 0 || error == WSLAY_ERR_CALLBACK_FAILURE);
    t->failed = error != 0;
    CHECK(t->left == 0 || t->failed || !wslay_event_get_read_enabled(ctx));
}

/*
 * The code of the close frame with which it answered; 0: a frame without a code; NO_CODE: no frame.
 */
static int close_code_of(theirs *t, wslay_event_context_ptr ctx)
{
    int code = NO_CODE;
    while (wslay_event_want_write(ctx))
        CHECK(wslay_event_send(ctx) == 0);
    for (size_t at = 0; at < t->sent_len;) {
        size_t len = t->sent[at + 1] & 0x7F;
        size_t body = at + 2 + ((t->sent[at + 1] & 0x80) != 0 ? 4 : 0);
        CHECK(len <= RILL_WS_MAX_CONTROL && body + len <= t->sent_len);
        if ((t->sent[at] & 0xF) == RILL_WS_CLOSE)
            code = len == 0 ? 0 : t->sent[body] << 8 | t->sent[body + 1];
        at = body + len;
    }
    return code;
}

/* ---- ours ---- */

/* For wslay. A well-formed close frame is answered with its own code, whatever that is. */
static bool is_bad_close(const rill_ws_part *part)
{
    uint8_t other[RILL_WS_MAX_CONTROL] = {RILL_WS_NORMAL >> 8, RILL_WS_NORMAL & 0xFF};
    rill_ws_part same_reason = {.data = other, .len = part->len};
    uint16_t code = rill_ws_close_code(part);
    if (rill_ws_close_answer(part) != code || (code >= 1012 && code <= 1014))
        return true;
    if (part->len > 2)
        memcpy(other + 2, part->data + 2, part->len - 2);
    return part->len > 0 && rill_ws_close_answer(&same_reason) != RILL_WS_NORMAL;
}

static void take(ours *o, const rill_ws_part *part)
{
    if (part->opcode != RILL_WS_BINARY) {
        CHECK(part->last && part->len <= RILL_WS_MAX_CONTROL);
        if (part->opcode == RILL_WS_CLOSE) {
            o->code = rill_ws_close_answer(part);
            o->bad_close = is_bad_close(part);
            o->short_close = part->len == 1;
        }
        if (!o->bad_close || o->short_close)
            note(&o->got, part->opcode, part->data, part->len);
        return;
    }
    CHECK(o->message_len + part->len <= sizeof o->message);
    if (part->len != 0)
        memcpy(o->message + o->message_len, part->data, part->len);
    o->message_len += part->len;
    if (part->last) {
        note(&o->got, RILL_WS_BINARY, o->message, o->message_len);
        o->message_len = 0;
    }
}

static void feed_ours(ours *o, rill_ws_reader *r, uint8_t *data, size_t len)
{
    rill_ws_part part;
    int error;
    while ((error = rill_ws_reader_next(r, &data, &len, &part)) == RILL_OK)
        take(o, &part);
    CHECK(error == RILL_ERR_BLOCKED ? len == 0 || r->ended : error == RILL_ERR_PROTOCOL);
    if (error == RILL_ERR_PROTOCOL) {
        CHECK(r->problem != NULL && r->code != 0);
        o->refused = true;
        o->code = r->code;
    }
}

/* In blocks of exactly their length, so that a sanitizer sees a read past the end. */
static void feed_in_pieces(ours *o, rill_ws_reader *r, const uint8_t *data, size_t len,
                           size_t piece)
{
    while (len != 0 && o->code == NO_CODE) {
        size_t now = len < piece ? len : piece;
        uint8_t *copy = malloc(now);
        CHECK(copy != NULL);
        memcpy(copy, data, now);
        feed_ours(o, r, copy, now);
        free(copy);
        data += now;
        len -= now;
    }
}

/* ---- both ---- */

static void compare(const ours *o, const rill_ws_reader *r, const theirs *t, int their_code)
{
    CHECK(t->got.len >= o->got.len && memcmp(t->got.bytes, o->got.bytes, o->got.len) == 0);
    if (o->refused && o->code == RILL_WS_UNSUPPORTED)
        return;
    CHECK(t->got.len == o->got.len);
    if (o->code == their_code && !t->failed)
        return;
    if (t->failed) {
        bool at_mask = o->code == NO_CODE && r->header_len > 2;
        CHECK(at_mask || (o->refused && o->code == RILL_WS_PROTOCOL_ERROR));
        return;
    }
    if (o->short_close) {
        CHECK(o->code == RILL_WS_PROTOCOL_ERROR && their_code == 0);
        return;
    }
    if (o->bad_close) {
        CHECK(their_code == RILL_WS_PROTOCOL_ERROR || their_code == RILL_WS_BAD_PAYLOAD);
        return;
    }
    CHECK(o->code == NO_CODE && r->in_frame && r->opcode == RILL_WS_CLOSE);
    CHECK(their_code == RILL_WS_BAD_PAYLOAD);
}

/*
 * The first byte chooses which side reads, and the largest message. The second is the number of
 * bytes in a read.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct wslay_event_callbacks callbacks = {.recv_callback = on_recv,
                                                           .send_callback = on_send,
                                                           .genmask_callback = on_mask,
                                                           .on_msg_recv_callback = on_message};
    static const uint8_t zeros[RILL_WS_MAX_HEADER];
    static theirs t;
    static ours o;
    wslay_event_context_ptr ctx;
    rill_ws_reader r;
    if (size < 2 || size > MAX_INPUT)
        return 0;
    bool server = (data[0] & 1) != 0;
    size_t max = (size_t)(data[0] >> 1) * 512 + RILL_WS_MAX_CONTROL;
    size_t piece = data[1] == 0 ? size : data[1];
    t.got.len = t.sent_len = 0;
    t.failed = false;
    o.got.len = o.message_len = 0;
    o.refused = o.bad_close = o.short_close = false;
    o.code = NO_CODE;

    rill_ws_reader_init(&r, server, max);
    feed_in_pieces(&o, &r, data + 2, size - 2, piece);
    CHECK((server ? wslay_event_context_server_init
                  : wslay_event_context_client_init)(&ctx, &callbacks, &t) == 0);
    wslay_event_config_set_max_recv_msg_length(ctx, max);
    feed_wslay(&t, ctx, data + 2, size - 2);
    /* wslay waits for the whole header, while our reader sees after two bytes that it is wrong. */
    if (o.refused)
        feed_wslay(&t, ctx, zeros, sizeof zeros);
    compare(&o, &r, &t, close_code_of(&t, ctx));
    wslay_event_context_free(ctx);
    return 0;
}
