/* SPDX-License-Identifier: Apache-2.0 */
/* A client's end in HTTP/2. */
#include <string.h>

#include "http/client_impl.h"

static rill_http_exchange *exchange_of(const rill_http_client *c, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(c->h2.session, stream);
}

static bool is_ending(const rill_http_client *c)
{
    return c->h2.failed || nghttp2_session_check_request_allowed(c->h2.session) == 0;
}

static size_t room(const rill_http_client *c)
{
    if (is_ending(c))
        return 0;
    uint32_t most =
        nghttp2_session_get_remote_settings(c->h2.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
    if (most > c->limits->max_streams)
        most = c->limits->max_streams;
    return most > c->table.open ? most - c->table.open : 0;
}

static int request(rill_http_client *c, rill_http_exchange *x, const rill_http_request *r)
{
    nghttp2_nv nva[RILL_HTTP_MAX_SENT + 5];
    char digits[21];
    size_t at = sizeof digits;
    size_t left = r->body.len;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    int error = rill_http_exchange_body(&c->table, x, r->body);
    if (error != RILL_OK)
        return error;
    nva[0] = rill_h2_field(":method", r->method);
    nva[1] = rill_h2_field(":scheme", r->scheme);
    nva[2] = rill_h2_field(":authority", r->authority);
    nva[3] = rill_h2_field(":path", r->path);
    size_t count = rill_h2_fields(nva, 4, r->fields, r->field_count);
    if (r->body.len != 0)
        nva[count++] = rill_h2_field(
            "content-length", (rill_bytes){(const uint8_t *)digits + at, sizeof digits - at});
    nghttp2_data_provider body = {.source.ptr = x, .read_callback = rill_h2_read_body};
    x->stream =
        nghttp2_submit_request(c->h2.session, NULL, nva, count, x->body_len == 0 ? NULL : &body, x);
    if (x->stream == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE)
        return RILL_ERR_CLOSED;
    return x->stream < 0 ? RILL_ERR_NOMEM : RILL_OK;
}

static void cancel(rill_http_client *c, rill_http_exchange *x)
{
    x->doomed = true;
    rill_h2_forget(&c->h2, &x->in);
    if (c->h2.dead)
        return;
    if (nghttp2_submit_rst_stream(c->h2.session, NGHTTP2_FLAG_NONE, x->stream, NGHTTP2_CANCEL) != 0)
        rill_h2_fail(&c->h2, NGHTTP2_INTERNAL_ERROR, "could not be told of a cancelled request");
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    rill_http_client *c = user;
    (void)session;
    rill_h2_count_frame(&c->h2, hd);
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    rill_http_client *c = user;
    rill_http_exchange *x = exchange_of(c, frame->hd.stream_id);
    (void)session;
    (void)flags;
    if (x == NULL || x->doomed || x->answered)
        return 0;
    /* A response before the response, which this one replaces. */
    if (name_len == 7 && memcmp(name, ":status", 7) == 0)
        rill_h2_forget(&c->h2, &x->in);
    int code = rill_h2_take_field(&c->h2, &x->in, (rill_bytes){name, name_len},
                                  (rill_bytes){value, value_len});
    if (c->h2.failed)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return x->in.overflown ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : code;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    rill_http_client *c = user;
    rill_http_exchange *x = exchange_of(c, stream);
    (void)flags;
    if (x == NULL || x->doomed || x->answered)
        return 0;
    int code = rill_h2_take_body(&c->h2, &x->in, data, len);
    bool too_much = x->in.too_large || c->h2.pending > c->limits->max_pending;
    if (code != 0 || !too_much)
        return code;
    rill_h2_forget(&c->h2, &x->in);
    c->problem = "answers with a body that is too large";
    rill_http_client_fail(c, x, RILL_ERR_TOO_LARGE, true);
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    rill_http_client *c = user;
    bool has_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!has_message || (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    rill_http_exchange *x = exchange_of(c, frame->hd.stream_id);
    if (x == NULL || x->doomed || x->answered)
        return 0;
    rill_http_client_succeed(c, x);
    rill_h2_forget(&c->h2, &x->in);
    rill_h2_reward(&c->h2);
    /* Where it did not wait for all of the request the rest of that is not sent. */
    if (nghttp2_session_get_stream_local_close(session, frame->hd.stream_id) == 0 &&
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_NO_ERROR) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int before_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    rill_http_client *c = user;
    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS)
        return 0;
    rill_http_exchange *x = exchange_of(c, frame->hd.stream_id);
    if (x != NULL && !x->begun) {
        x->begun = true;
        x->begins = c->h2.output;
    }
    return 0;
}

/* A request that is not sent after all: its stream is closed next. */
static int on_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int code, void *user)
{
    rill_http_client *c = user;
    (void)session;
    (void)code;
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    rill_http_exchange *x = exchange_of(c, frame->hd.stream_id);
    if (x != NULL && !x->doomed)
        rill_http_client_fail(c, x, RILL_ERR_REFUSED, false);
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    rill_http_client *c = user;
    rill_http_exchange *x = exchange_of(c, stream);
    (void)session;
    if (x == NULL)
        return 0;
    bool refused = code == NGHTTP2_REFUSED_STREAM;
    if (!x->answered && !x->doomed)
        rill_http_client_fail(c, x, refused ? RILL_ERR_REFUSED : RILL_ERR_REMOTE,
                              !refused && x->begun);
    rill_h2_forget(&c->h2, &x->in);
    rill_http_table_close(&c->table, x);
    return 0;
}

static int feed(rill_http_client *c, const uint8_t *data, size_t len)
{
    int error = rill_h2_feed(&c->h2, data, len);
    if (c->problem == NULL)
        c->problem = c->h2.problem;
    return error;
}

static int output(rill_http_client *c, rill_bytes *out)
{
    return rill_h2_output(&c->h2, out);
}

static void end(rill_http_client *c)
{
    c->h2.failed = c->h2.dead = true;
}

/* A response is waited for. */
static bool is_waiting(const rill_http_client *c)
{
    const rill_http_exchange *x;
    for (uint32_t i = 0; (x = rill_http_table_at(&c->table, i)) != NULL; i++)
        if (x->open && !x->doomed && !x->answered)
            return true;
    return false;
}

/* Where nobody waits, what is still to be said is not worth a connection that may take no more. */
static bool is_done(const rill_http_client *c)
{
    return rill_h2_is_done(&c->h2) || (c->draining && !is_waiting(c));
}

static void drain(rill_http_client *c)
{
    if (c->h2.dead)
        return;
    int code =
        nghttp2_submit_goaway(c->h2.session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
    if (code != 0)
        c->h2.failed = c->h2.dead = true;
}

static void free_h2(rill_http_client *c)
{
    rill_h2_end(&c->h2);
}

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *k = NULL;
    if (nghttp2_session_callbacks_new(&k) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(k, on_begin_frame);
    nghttp2_session_callbacks_set_on_header_callback(k, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(k, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(k, on_frame);
    nghttp2_session_callbacks_set_before_frame_send_callback(k, before_frame);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(k, on_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(k, on_close);
    return k;
}

int rill_h2_client_begin(rill_http_client *c)
{
    static const rill_http_client_ops ops = {room, request, cancel, feed,   output,
                                             end,  is_done, drain,  free_h2};
    nghttp2_session_callbacks *callbacks = callbacks_new();
    if (callbacks == NULL)
        return RILL_ERR_NOMEM;
    int error = rill_h2_begin(&c->h2, c->blocks, c->limits, callbacks, false, c);
    nghttp2_session_callbacks_del(callbacks);
    if (error != RILL_OK) {
        rill_h2_end(&c->h2);
        return error;
    }
    c->ops = &ops;
    return RILL_OK;
}
