/* SPDX-License-Identifier: Apache-2.0 */
/* A server's end in HTTP/1.1. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "http/server_impl.h"

/* What a client may send ahead in all, whether its connection is still read or not. */
#define MAX_HELD ((size_t)256 * 1024)
/*
 * Where more of answers than this waits to be taken, no further request is begun: who asks and does
 * not read would fill the memory. What waits is at most this and one answer.
 */
#define MAX_WAITING ((size_t)64 * 1024)

static const char *reason_of(unsigned status)
{
    switch (status) {
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 204:
        return "No Content";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 413:
        return "Content Too Large";
    case 415:
        return "Unsupported Media Type";
    case 417:
        return "Expectation Failed";
    case 421:
        return "Misdirected Request";
    case 422:
        return "Unprocessable Content";
    case 426:
        return "Upgrade Required";
    case 431:
        return "Request Header Fields Too Large";
    case 501:
        return "Not Implemented";
    case 503:
        return "Service Unavailable";
    case 505:
        return "HTTP Version Not Supported";
    default:
        return "";
    }
}

/* A part of a body whose length nobody knows (RFC 9112 section 7.1); room has been reserved. */
enum { CHUNK_ROOM = 16 + 4 };

static void put_part(rill_h1_server *h, rill_bytes part)
{
    char digits[17];
    if (part.len == 0)
        return; /* it would be the end */
    if (!h->minor_0) {
        (void)snprintf(digits, sizeof digits, "%zx", part.len);
        rill_http_put_text(&h->out, digits);
        rill_http_put_text(&h->out, "\r\n");
    }
    rill_http_put(&h->out, part.data, part.len);
    if (!h->minor_0)
        rill_http_put_text(&h->out, "\r\n");
}

/* How its reader finds the end of a body; one of HTTP/1.0 by the end of the connection. */
static void put_framing(rill_h1_server *h, const rill_http_response *r)
{
    static const char chunked[] = "transfer-encoding: chunked\r\n";
    if (r->status == 204 || r->status == 304)
        return;
    if (r->goes_on) {
        rill_http_put_text(&h->out, h->minor_0 ? "" : chunked);
        return;
    }
    rill_http_put_text(&h->out, "content-length: ");
    rill_http_put_number(&h->out, r->body.len);
    rill_http_put_text(&h->out, "\r\n");
}

/* Answers, and says whether another request may follow. */
static int write_response(rill_http_server *s, const rill_http_response *r, bool keep_alive)
{
    static const char first[] = "HTTP/1.1 ";
    static const char close[] = "connection: close\r\n";
    static const char stay[] = "connection: keep-alive\r\n";
    enum { NUMBERS = 48, REASON = 40, FRAMING = 40 };
    rill_h1_server *h = &s->h1;
    size_t size = sizeof first + FRAMING + CHUNK_ROOM + sizeof stay + NUMBERS + REASON +
                  rill_http_fields_size(r->fields, r->field_count) + r->body.len;
    int error = rill_http_output_reserve(&h->out, size);
    if (error != RILL_OK)
        return error;
    rill_http_put_text(&h->out, first);
    rill_http_put_number(&h->out, r->status);
    rill_http_put_text(&h->out, " ");
    rill_http_put_text(&h->out, reason_of(r->status));
    rill_http_put_text(&h->out, "\r\n");
    rill_http_put_fields(&h->out, r->fields, r->field_count);
    put_framing(h, r);
    if (!keep_alive)
        rill_http_put_text(&h->out, close);
    else if (h->minor_0)
        rill_http_put_text(&h->out, stay);
    rill_http_put_text(&h->out, "\r\n");
    if (h->current != NULL && h->current->to_head)
        return RILL_OK;
    if (r->goes_on)
        put_part(h, r->body);
    else
        rill_http_put(&h->out, r->body.data, r->body.len);
    return RILL_OK;
}

static void close_current(rill_http_server *s)
{
    rill_http_exchange *x = s->h1.current;
    s->h1.current = NULL;
    if (x != NULL)
        rill_http_server_close_exchange(s, x);
}

static void drop_held(rill_http_server *s)
{
    rill_blocks_give(s->blocks, s->h1.held);
    s->h1.held = NULL;
    s->h1.held_len = 0;
}

static void stop(rill_http_server *s)
{
    s->h1.closed = true;
    drop_held(s);
}

/* What came cannot be taken: says so, and reads no more. */
static int refuse(rill_http_server *s)
{
    static const rill_http_field type[] = {
        {{(const uint8_t *)"content-type", 12}, {(const uint8_t *)"text/plain", 10}}};
    rill_h1_server *h = &s->h1;
    s->problem = h->reader.problem;
    rill_http_response r = {
        .status = h->reader.refusal,
        .fields = type,
        .field_count = 1,
        .body = {(const uint8_t *)h->reader.problem, strlen(h->reader.problem)}};
    int error = write_response(s, &r, false);
    close_current(s);
    stop(s);
    return error == RILL_OK ? RILL_ERR_CLOSED : error;
}

static int go_on(rill_http_server *s)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    rill_h1_server *h = &s->h1;
    if (!rill_h1_reader_has_head(&h->reader) || !h->reader.expect_continue)
        return RILL_OK;
    h->reader.expect_continue = false;
    int error = rill_http_output_reserve(&h->out, sizeof text);
    if (error == RILL_OK)
        rill_http_put_text(&h->out, text);
    return error;
}

/* The message's body is then what came, byte for byte. */
static bool asks_for_another(const rill_h1_server *h)
{
    return h->reader.upgrade && h->reader.framing == RILL_H1_NO_BODY;
}

/* The owner is asked to take the connection over; what came behind the request goes with it. */
static bool hand_over(rill_http_server *s, const uint8_t *rest, size_t len)
{
    rill_h1_server *h = &s->h1;
    rill_http_message *m = &h->current->in;
    if (s->on->upgrade == NULL || !asks_for_another(h) || s->draining)
        return false;
    size_t head = m->body_len;
    rill_bytes raw = {0};
    if (rill_http_add_body(m, rest, len) == RILL_OK)
        raw = (rill_bytes){m->body, m->body_len};
    m->body_len = 0;
    s->telling = h->current;
    bool taken = raw.len >= head && s->on->upgrade(s->owner, m, raw);
    s->telling = NULL;
    return taken;
}

/* The current request is whole. */
static void take_request(rill_http_server *s)
{
    rill_h1_server *h = &s->h1;
    rill_http_exchange *x = h->current;
    h->keep_alive = h->reader.keep_alive;
    h->minor_0 = h->reader.minor == 0;
    if (asks_for_another(h))
        x->in.body_len = 0;
    if (rill_http_server_tell(s, x))
        rill_http_message_clear(&x->in);
    else
        rill_http_table_close(&s->table, x);
}

/* Answers wait that the owner has not taken yet, and enough of them. */
static bool has_enough(const rill_h1_server *h)
{
    return !h->out.taken && h->out.len > MAX_WAITING;
}

/* A request may be begun, or gone on with. */
static bool may_read(const rill_h1_server *h)
{
    return h->current == NULL ? !has_enough(h) : !h->current->asked;
}

/*
 * Reads requests until one waits for its answer, or answers for being taken. RILL_ERR_CLOSED: no
 * more is read.
 */
static int run(rill_http_server *s, const uint8_t *data, size_t len, size_t *used)
{
    rill_h1_server *h = &s->h1;
    while (*used < len && !h->closed && may_read(h)) {
        size_t now = 0;
        if (h->current == NULL && (h->current = rill_http_table_open(&s->table)) == NULL)
            return RILL_ERR_NOMEM;
        int error =
            rill_h1_reader_feed(&h->reader, &h->current->in, data + *used, len - *used, &now);
        *used += now;
        if (error == RILL_OK) {
            if (hand_over(s, data + *used, len - *used)) {
                close_current(s);
                stop(s);
                return RILL_ERR_CLOSED;
            }
            take_request(s);
        } else if (error == RILL_ERR_BLOCKED) {
            error = go_on(s);
            if (error != RILL_OK)
                return error;
        } else {
            return refuse(s);
        }
    }
    return h->closed ? RILL_ERR_CLOSED : RILL_OK;
}

static int hold(rill_http_server *s, const uint8_t *data, size_t len)
{
    rill_h1_server *h = &s->h1;
    if (len == 0)
        return RILL_OK;
    if (len > MAX_HELD - h->held_len) {
        s->problem = "it sends ahead more than it may";
        stop(s);
        return RILL_ERR_CLOSED;
    }
    uint8_t *room = rill_blocks_resize(s->blocks, h->held, h->held_len + len);
    if (room == NULL)
        return RILL_ERR_NOMEM;
    h->held = room;
    memcpy(h->held + h->held_len, data, len);
    h->held_len += len;
    return RILL_OK;
}

/* Goes on with what is held. */
static int run_held(rill_http_server *s)
{
    rill_h1_server *h = &s->h1;
    size_t used = 0;
    uint8_t *held = h->held;
    size_t len = h->held_len;
    /* Out of reach of what the owner does meanwhile. */
    h->held = NULL;
    h->held_len = 0;
    int error = run(s, held, len, &used);
    if (error == RILL_OK && used != len) {
        memmove(held, held + used, len - used);
        h->held = held;
        h->held_len = len - used;
        return RILL_OK;
    }
    rill_blocks_give(s->blocks, held);
    return error;
}

/* Without memory. What waits for its answer may still get it. */
static void give_up(rill_http_server *s)
{
    if (s->h1.current != NULL && !s->h1.current->asked)
        close_current(s);
    stop(s);
}

static int feed(rill_http_server *s, const uint8_t *data, size_t len)
{
    rill_h1_server *h = &s->h1;
    size_t used = 0;
    int error = RILL_OK;
    if (h->closed)
        return RILL_ERR_CLOSED;
    if (h->held_len != 0) {
        error = hold(s, data, len);
        if (error == RILL_OK)
            error = run_held(s);
    } else {
        error = run(s, data, len, &used);
        if (error == RILL_OK && used != len)
            error = hold(s, data + used, len - used);
    }
    if (error != RILL_OK && !h->closed)
        give_up(s);
    return error;
}

/* Nothing is open, and nothing more is to be read: that is the end. */
static void close_if_idle(rill_http_server *s)
{
    rill_h1_server *h = &s->h1;
    bool busy = h->current != NULL && (h->current->asked || rill_h1_reader_is_amid(&h->reader));
    if (busy && !s->ended)
        return;
    if (h->current != NULL && h->current->asked)
        return;
    close_current(s);
    stop(s);
}

/* The current request is answered: the next one may come. */
static void answered(rill_http_server *s, rill_http_exchange *x, bool keep_alive)
{
    x->answered = true;
    x->goes_on = false;
    s->asked--;
    close_current(s);
    if (!keep_alive)
        stop(s);
}

static int respond(rill_http_server *s, rill_http_exchange *x, const rill_http_response *r)
{
    rill_h1_server *h = &s->h1;
    bool without_end = r->goes_on && h->minor_0;
    bool keep_alive = h->keep_alive && !s->draining && !s->ended && !without_end;
    int error = write_response(s, r, keep_alive);
    if (error != RILL_OK)
        return error;
    if (r->goes_on && !x->to_head) {
        x->goes_on = true;
        h->keep_alive = keep_alive;
    } else {
        answered(s, x, keep_alive);
    }
    return RILL_OK;
}

static int go_on_with(rill_http_server *s, rill_http_exchange *x, rill_bytes more)
{
    rill_h1_server *h = &s->h1;
    (void)x;
    if (more.len > SIZE_MAX - CHUNK_ROOM)
        return RILL_ERR_NOMEM;
    int error = rill_http_output_reserve(&h->out, more.len + CHUNK_ROOM);
    if (error == RILL_OK)
        put_part(h, more);
    return error;
}

static int go_no_further(rill_http_server *s, rill_http_exchange *x)
{
    static const char last[] = "0\r\n\r\n";
    rill_h1_server *h = &s->h1;
    int error = h->minor_0 ? RILL_OK : rill_http_output_reserve(&h->out, sizeof last);
    if (error != RILL_OK)
        return error;
    if (!h->minor_0)
        rill_http_put_text(&h->out, last);
    answered(s, x, h->keep_alive && !s->draining && !s->ended);
    return RILL_OK;
}

static size_t behind(const rill_http_server *s, const rill_http_exchange *x)
{
    (void)x;
    return s->h1.out.taken ? 0 : s->h1.out.len;
}

static void end(rill_http_server *s)
{
    /* What is held of complete requests is not served any more: nobody sends ahead and leaves. */
    close_if_idle(s);
}

static void drain(rill_http_server *s)
{
    close_if_idle(s);
}

static int output(rill_http_server *s, rill_bytes *out)
{
    *out = rill_http_output_take(&s->h1.out);
    return RILL_OK;
}

static bool waits_for_room(const rill_http_server *s)
{
    return s->h1.held_len != 0 && s->h1.current == NULL && has_enough(&s->h1);
}

static bool is_done(const rill_http_server *s)
{
    return s->h1.closed && s->h1.current == NULL && (s->h1.out.taken || s->h1.out.len == 0);
}

static bool is_amid(const rill_http_server *s)
{
    return rill_h1_reader_is_amid(&s->h1.reader);
}

static size_t held(const rill_http_server *s)
{
    const rill_h1_server *h = &s->h1;
    return (h->held == NULL ? 0 : rill_blocks_size(h->held)) +
           (h->out.data == NULL ? 0 : rill_blocks_size(h->out.data)) +
           (h->current == NULL ? 0 : rill_http_message_held(&h->current->in));
}

static void free_h1(rill_http_server *s)
{
    drop_held(s);
    rill_h1_reader_clear(&s->h1.reader);
    rill_http_output_clear(&s->h1.out);
}

void rill_h1_server_begin(rill_http_server *s)
{
    static const rill_http_server_ops ops = {
        .feed = feed,
        .end = end,
        .output = output,
        .is_done = is_done,
        .is_amid = is_amid,
        .waits_for_room = waits_for_room,
        .respond = respond,
        .go_on = go_on_with,
        .go_no_further = go_no_further,
        .behind = behind,
        .held = held,
        .drain = drain,
        .free = free_h1,
    };
    s->ops = &ops;
    s->h1 = (rill_h1_server){0};
    rill_h1_reader_init(&s->h1.reader, &rill_h1_llhttp, s->blocks, s->limits, false);
    s->h1.reader.keep_raw = s->on->upgrade != NULL;
    rill_http_output_init(&s->h1.out, s->blocks);
    if (s->draining)
        drain(s);
}
