/* SPDX-License-Identifier: Apache-2.0 */
/* A server's end in HTTP/2. */
#include <assert.h>
#include <string.h>

#include "http/server_impl.h"

/*
 * Where answers of a connection hold more bytes than this, because the client makes no room for
 * them, its further requests are refused: it could have a thousand answered and read none. What is
 * answered at once holds at most this and one answer.
 */
#define MAX_UNSENT ((size_t)1024 * 1024)
/*
 * Requests that came before may be answered later. All that are open may be, with as much as an ILP
 * packet has, 1024 times 32 KiB, and no more: then the client has had its time to read.
 */
#define MAX_LATE ((size_t)32 * 1024 * 1024)

static rill_http_exchange *exchange_of(const rill_http_server *s, int32_t stream)
{
    return nghttp2_session_get_stream_user_data(s->h2.session, stream);
}

static int submit(rill_http_server *s, rill_http_exchange *x, const rill_http_response *r)
{
    nghttp2_nv nva[RILL_HTTP_MAX_SENT + 2];
    char status[4] = {(char)('0' + r->status / 100), (char)('0' + r->status / 10 % 10),
                      (char)('0' + r->status % 10), '\0'};
    char digits[21];
    size_t at = sizeof digits;
    size_t left = r->body.len;
    do {
        digits[--at] = (char)('0' + left % 10);
        left /= 10;
    } while (left != 0);
    nva[0] = rill_h2_field(":status", (rill_bytes){(const uint8_t *)status, 3});
    size_t count = rill_h2_fields(nva, 1, r->fields, r->field_count);
    if (r->status != 204 && r->status != 304 && !r->goes_on)
        nva[count++] = rill_h2_field(
            "content-length", (rill_bytes){(const uint8_t *)digits + at, sizeof digits - at});
    nghttp2_data_provider body = {.source.ptr = x, .read_callback = rill_h2_read_body};
    int code = nghttp2_submit_response(s->h2.session, x->stream, nva, count,
                                       x->body_len == 0 && !x->goes_on ? NULL : &body);
    return code == 0 ? RILL_OK : RILL_ERR_NOMEM;
}

/* So many bytes of its answer are held now. */
static void count_unsent(rill_http_server *s, rill_http_exchange *x, size_t bytes)
{
    s->h2.unsent = s->h2.unsent - x->unsent + bytes;
    x->unsent = bytes;
}

static int respond(rill_http_server *s, rill_http_exchange *x, const rill_http_response *r)
{
    if (s->h2.dead)
        return RILL_ERR_NOT_FOUND;
    if (s->h2.unsent > MAX_LATE)
        return RILL_ERR_LIMIT;
    int error = x->to_head ? RILL_OK : rill_http_exchange_body(&s->table, x, r->body);
    x->goes_on = r->goes_on && !x->to_head;
    if (error == RILL_OK)
        error = submit(s, x, r);
    if (error != RILL_OK) {
        x->goes_on = false;
        rill_blocks_give(s->blocks, x->body);
        x->body = NULL;
        x->body_len = 0;
        return error;
    }
    count_unsent(s, x, x->body_len + rill_http_fields_size(r->fields, r->field_count));
    if (!x->goes_on) {
        x->answered = true;
        if (x->asked)
            s->asked--;
    }
    if (s->telling != x)
        rill_h2_forget(&s->h2, &x->in);
    return RILL_OK;
}

/* What waits for more goes on. */
static int resume(rill_http_server *s, const rill_http_exchange *x)
{
    int code = nghttp2_session_resume_data(s->h2.session, x->stream);
    return nghttp2_is_fatal(code) != 0 ? RILL_ERR_NOMEM : RILL_OK;
}

static int go_on(rill_http_server *s, rill_http_exchange *x, rill_bytes more)
{
    if (s->h2.dead)
        return RILL_ERR_NOT_FOUND;
    int error = rill_http_exchange_more(&s->table, x, more);
    if (error != RILL_OK)
        return error;
    count_unsent(s, x, x->body_len);
    return resume(s, x);
}

static int go_no_further(rill_http_server *s, rill_http_exchange *x)
{
    if (s->h2.dead)
        return RILL_ERR_NOT_FOUND;
    x->goes_on = false;
    x->answered = true;
    s->asked--;
    return resume(s, x);
}

static size_t behind(const rill_http_server *s, const rill_http_exchange *x)
{
    (void)s;
    return x->body_len - x->body_at;
}

static bool waits_for_reader(const rill_http_server *s)
{
    const rill_http_exchange *x;
    for (uint32_t i = 0; (x = rill_http_table_at(&s->table, i)) != NULL; i++)
        if (x->open && x->body_at < x->body_len)
            return true;
    return false;
}

/* ---- who stands still ---- */

/* Its client has a part to do. */
static rill_http_wait waits_for(const rill_http_exchange *x)
{
    if (!x->open || x->doomed)
        return RILL_HTTP_WAITS_FOR_NOTHING;
    if (!x->asked && !x->answered)
        return RILL_HTTP_WAITS_FOR_REQUEST;
    return x->body_at < x->body_len ? RILL_HTTP_WAITS_FOR_ROOM : RILL_HTTP_WAITS_FOR_NOTHING;
}

/*
 * Its answer has got on since it was looked at last. Where its own window is open, and it is the
 * connection's that is shut, it has its turn among the others: any answer that gets on counts. But
 * where its own is shut, what others read is no excuse.
 */
static bool gets_on(const rill_http_server *s, const rill_http_exchange *x)
{
    bool open = nghttp2_session_get_stream_remote_window_size(s->h2.session, x->stream) > 0;
    return x->body_at != x->still.body_at || (open && s->h2.bodies != x->still.bodies);
}

/* Looks at it. How long it has stood still by now; 0: it does not, or was not seen to before. */
static uint64_t still_for(const rill_http_server *s, rill_http_exchange *x, uint64_t now)
{
    rill_http_wait wait = waits_for(x);
    bool same = wait == x->still.wait;
    if (same && (wait == RILL_HTTP_WAITS_FOR_REQUEST ||
                 (wait == RILL_HTTP_WAITS_FOR_ROOM && !gets_on(s, x))))
        return now - x->still.since;
    x->still = (rill_http_still){
        .wait = wait, .since = now, .body_at = x->body_at, .bodies = s->h2.bodies};
    return 0;
}

/* False: the connection has failed. */
static bool end_one(rill_http_server *s, rill_http_exchange *x)
{
    static const char slow[] = "did not finish the head of a request in time";
    /* No other frame may come before the rest of the head does (RFC 9113 section 6.10). */
    if (!x->headed) {
        rill_h2_fail(&s->h2, NGHTTP2_ENHANCE_YOUR_CALM, slow);
        s->problem = s->problem == NULL ? slow : s->problem;
        return false;
    }
    /* Nobody has looked at a request that is not whole: it may be sent again. */
    uint32_t code = x->asked || x->answered ? NGHTTP2_CANCEL : NGHTTP2_REFUSED_STREAM;
    x->doomed = true;
    rill_h2_forget(&s->h2, &x->in);
    if (nghttp2_submit_rst_stream(s->h2.session, NGHTTP2_FLAG_NONE, x->stream, code) == 0)
        return true;
    s->h2.failed = s->h2.dead = true;
    return false;
}

static size_t end_late(rill_http_server *s, uint64_t now, uint64_t request_ms, uint64_t reader_ms)
{
    rill_http_exchange *x;
    size_t count = 0;
    for (uint32_t i = 0; (x = rill_http_table_at(&s->table, i)) != NULL && !s->h2.dead; i++) {
        uint64_t still = still_for(s, x, now);
        bool reads = x->still.wait == RILL_HTTP_WAITS_FOR_ROOM;
        if (x->still.wait == RILL_HTTP_WAITS_FOR_NOTHING ||
            still < (reads ? reader_ms : request_ms))
            continue;
        count++;
        if (!end_one(s, x))
            break;
    }
    return count;
}

static size_t held(const rill_http_server *s)
{
    return s->h2.held_bytes + s->h2.pending + s->h2.unsent;
}

/* ---- what comes ---- */

/* Without the owner: the request cannot be taken. */
static int refuse(rill_http_server *s, rill_http_exchange *x, unsigned status)
{
    rill_http_response r = {.status = status};
    return respond(s, x, &r) == RILL_OK ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

/* Nothing was done with it: the client may ask elsewhere, or later. An error of nghttp2's, or 0. */
static int turn_away(rill_http_server *s, rill_http_exchange *x)
{
    x->doomed = true;
    rill_h2_forget(&s->h2, &x->in);
    return nghttp2_submit_rst_stream(s->h2.session, NGHTTP2_FLAG_NONE, x->stream,
                                     NGHTTP2_REFUSED_STREAM) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *user)
{
    rill_http_server *s = user;
    (void)session;
    rill_h2_count_frame(&s->h2, hd);
    return 0;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    rill_http_server *s = user;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    /* The client will be told that nothing was done with it, and may ask elsewhere. */
    if (s->draining && frame->hd.stream_id > s->last)
        return 0;
    rill_http_exchange *x = rill_http_table_open(&s->table);
    if (x == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    x->stream = frame->hd.stream_id;
    if (nghttp2_session_set_stream_user_data(session, x->stream, x) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user)
{
    rill_http_server *s = user;
    rill_http_exchange *x = exchange_of(s, frame->hd.stream_id);
    (void)session;
    (void)flags;
    /* Trailers count, and are not kept. */
    if (x == NULL)
        return 0;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) {
        x->in.listed += name_len + value_len + 32;
        return x->in.listed > s->limits->max_head ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
    }
    int code = rill_h2_take_field(&s->h2, &x->in, (rill_bytes){name, name_len},
                                  (rill_bytes){value, value_len});
    return s->h2.failed ? NGHTTP2_ERR_CALLBACK_FAILURE : code;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t len, void *user)
{
    rill_http_server *s = user;
    rill_http_exchange *x = exchange_of(s, stream);
    (void)session;
    (void)flags;
    if (x == NULL || x->answered || x->doomed)
        return 0;
    int code = rill_h2_take_body(&s->h2, &x->in, data, len);
    if (code != 0)
        return code;
    if (x->in.too_large)
        return refuse(s, x, 413);
    return s->h2.pending > s->limits->max_pending ? turn_away(s, x) : 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    rill_http_server *s = user;
    bool has_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    (void)session;
    if (!has_message)
        return 0;
    rill_http_exchange *x = exchange_of(s, frame->hd.stream_id);
    if (x == NULL || x->answered || x->doomed)
        return 0;
    x->headed = true;
    if (x->in.overflown)
        return refuse(s, x, 431);
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0)
        return 0;
    if (s->h2.unsent > MAX_UNSENT)
        return turn_away(s, x);
    rill_http_server_tell(s, x);
    rill_h2_forget(&s->h2, &x->in);
    return 0;
}

/* The answer came before the end of the question: the rest of that is not wanted. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    rill_http_server *s = user;
    const rill_http_exchange *x;
    bool has_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (!has_message)
        return 0;
    if (frame->hd.type == NGHTTP2_DATA)
        s->h2.bodies += frame->hd.length;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) {
        /* Who reads what goes on for days makes room for it all the time. */
        if (frame->hd.type == NGHTTP2_DATA && (x = exchange_of(s, frame->hd.stream_id)) != NULL &&
            x->goes_on)
            rill_h2_reward(&s->h2);
        return 0;
    }
    /* Not when it was answered: who resets each request before that gets no patience back. */
    rill_h2_reward(&s->h2);
    if (nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) != 0)
        return 0;
    return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                     NGHTTP2_NO_ERROR) == 0
               ? 0
               : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user)
{
    rill_http_server *s = user;
    rill_http_exchange *x = exchange_of(s, stream);
    (void)session;
    (void)code;
    if (x == NULL)
        return 0;
    bool waited = x->asked && !x->answered;
    uint64_t handle = rill_http_handle(x);
    rill_h2_forget(&s->h2, &x->in);
    count_unsent(s, x, 0);
    rill_http_table_close(&s->table, x);
    if (waited) {
        s->asked--;
        s->on->gone(s->owner, handle);
    }
    return 0;
}

static int feed(rill_http_server *s, const uint8_t *data, size_t len)
{
    int error = rill_h2_feed(&s->h2, data, len);
    if (s->problem == NULL)
        s->problem = s->h2.problem;
    return error;
}

static void end(rill_http_server *s)
{
    /* A client of HTTP/2 that writes nothing more cannot even acknowledge what it gets. */
    s->h2.failed = s->h2.dead = true;
}

static int output(rill_http_server *s, rill_bytes *out)
{
    return rill_h2_output(&s->h2, out);
}

static bool is_done(const rill_http_server *s)
{
    return rill_h2_is_done(&s->h2);
}

static bool is_amid(const rill_http_server *s)
{
    const rill_http_exchange *x;
    for (uint32_t i = 0; (x = rill_http_table_at(&s->table, i)) != NULL; i++)
        if (x->open && !x->asked && !x->answered)
            return true;
    return false;
}

static void drain(rill_http_server *s)
{
    if (s->h2.dead)
        return;
    s->last = nghttp2_session_get_last_proc_stream_id(s->h2.session);
    if (nghttp2_submit_goaway(s->h2.session, NGHTTP2_FLAG_NONE, s->last, NGHTTP2_NO_ERROR, NULL,
                              0) != 0)
        s->h2.dead = true;
}

static void free_h2(rill_http_server *s)
{
    rill_h2_end(&s->h2);
}

static nghttp2_session_callbacks *callbacks_new(void)
{
    nghttp2_session_callbacks *c = NULL;
    if (nghttp2_session_callbacks_new(&c) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_close);
    return c;
}

int rill_h2_server_begin(rill_http_server *s)
{
    static const rill_http_server_ops ops = {
        .feed = feed,
        .end = end,
        .output = output,
        .is_done = is_done,
        .is_amid = is_amid,
        .respond = respond,
        .go_on = go_on,
        .go_no_further = go_no_further,
        .behind = behind,
        .waits_for_reader = waits_for_reader,
        .end_late = end_late,
        .held = held,
        .drain = drain,
        .free = free_h2,
    };
    nghttp2_session_callbacks *callbacks = callbacks_new();
    if (callbacks == NULL)
        return RILL_ERR_NOMEM;
    int error = rill_h2_begin(&s->h2, s->blocks, s->limits, callbacks, true, s);
    nghttp2_session_callbacks_del(callbacks);
    if (error != RILL_OK) {
        rill_h2_end(&s->h2);
        return error;
    }
    s->ops = &ops;
    if (s->draining)
        drain(s);
    return RILL_OK;
}
