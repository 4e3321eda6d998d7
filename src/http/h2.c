/* SPDX-License-Identifier: Apache-2.0 */
#include "http/h2.h"

#include <assert.h>
#include <string.h>

enum { SMALL_DATA = 16, LISTED_FACTOR = 8 };

/*
 * Before each block of a session's. Where an allocation fails in the middle of something,
 * nghttp2 1.52 may free a block twice when the session is deleted. So a session that was refused
 * memory is never touched again: what it holds is given back from this list.
 */
typedef struct held_block {
    rill_list node;
} held_block;

static void *take(size_t size, void *user)
{
    rill_h2 *h = user;
    held_block *x =
        size > SIZE_MAX - sizeof *x ? NULL : rill_blocks_take(h->blocks, sizeof *x + size);
    if (x == NULL) {
        h->failed = h->dead = true;
        return NULL;
    }
    rill_list_push_back(&h->held, &x->node);
    h->held_bytes += rill_blocks_size(x);
    return x + 1;
}

static void give(void *ptr, void *user)
{
    rill_h2 *h = user;
    if (ptr == NULL || h->dead)
        return;
    held_block *x = (held_block *)ptr - 1;
    rill_list_remove(&x->node);
    h->held_bytes -= rill_blocks_size(x);
    rill_blocks_give(h->blocks, x);
}

static void *take_zeroed(size_t count, size_t size, void *user)
{
    if (size != 0 && count > SIZE_MAX / size)
        return NULL;
    void *ptr = take(count * size, user);
    if (ptr != NULL)
        memset(ptr, 0, count * size);
    return ptr;
}

static void *resize(void *ptr, size_t size, void *user)
{
    size_t had = ptr == NULL ? 0 : rill_blocks_size((held_block *)ptr - 1) - sizeof(held_block);
    if (ptr != NULL && size <= had)
        return ptr;
    void *other = take(size, user);
    if (other == NULL)
        return NULL;
    if (had != 0)
        memcpy(other, ptr, had);
    give(ptr, user);
    return other;
}

/* A whole body fits into a stream's window twice: none is ever opened while one comes. */
static int settle(rill_h2 *h, bool server)
{
    uint32_t window = (uint32_t)(2 * h->limits->max_body);
    if (window < NGHTTP2_INITIAL_WINDOW_SIZE)
        window = NGHTTP2_INITIAL_WINDOW_SIZE;
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)h->limits->max_head},
        {server ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH,
         server ? h->limits->max_streams : 0},
        /* We never look at priorities, and a tree of them would be work for nothing. */
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    int code = nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, settings,
                                       sizeof settings / sizeof settings[0]);
    int32_t whole = (int32_t)h->limits->max_pending;
    if (code == 0 && whole > NGHTTP2_INITIAL_CONNECTION_WINDOW_SIZE)
        code = nghttp2_session_set_local_window_size(h->session, NGHTTP2_FLAG_NONE, 0, whole);
    return code == 0 ? RILL_OK : RILL_ERR_NOMEM;
}

int rill_h2_begin(rill_h2 *h, rill_blocks *blocks, const rill_http_limits *limits,
                  nghttp2_session_callbacks *callbacks, bool server, void *user)
{
    nghttp2_option *option = NULL;
    *h = (rill_h2){.blocks = blocks, .limits = limits, .patience = RILL_H2_PATIENCE};
    rill_list_init(&h->held);
    h->mem = (nghttp2_mem){h, take, give, take_zeroed, resize};
    if (nghttp2_option_new(&option) != 0)
        return RILL_ERR_NOMEM;
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_reserved_remote_streams(option, 0);
    nghttp2_option_set_peer_max_concurrent_streams(option, limits->max_streams);
    int code = server ? nghttp2_session_server_new3(&h->session, callbacks, user, option, &h->mem)
                      : nghttp2_session_client_new3(&h->session, callbacks, user, option, &h->mem);
    nghttp2_option_del(option);
    if (code != 0) {
        h->session = NULL;
        return RILL_ERR_NOMEM;
    }
    return settle(h, server);
}

void rill_h2_end(rill_h2 *h)
{
    if (!h->dead)
        nghttp2_session_del(h->session);
    h->session = NULL;
    while (!rill_list_empty(&h->held))
        rill_blocks_give(h->blocks,
                         RILL_CONTAINER(rill_list_pop_front(&h->held), held_block, node));
}

int rill_h2_feed(rill_h2 *h, const uint8_t *data, size_t len)
{
    if (h->failed)
        return RILL_ERR_CLOSED;
    ssize_t used = nghttp2_session_mem_recv(h->session, data, len);
    if (h->dead)
        return RILL_ERR_NOMEM;
    if (used < 0 && !h->failed)
        rill_h2_fail(h, NGHTTP2_PROTOCOL_ERROR, "broke the rules of HTTP/2");
    return h->failed ? RILL_ERR_CLOSED : RILL_OK;
}

int rill_h2_output(rill_h2 *h, rill_bytes *out)
{
    const uint8_t *data = NULL;
    *out = (rill_bytes){0};
    if (h->dead)
        return RILL_OK;
    ssize_t len = nghttp2_session_mem_send(h->session, &data);
    if (len < 0) {
        h->failed = h->dead = true;
        return RILL_ERR_NOMEM;
    }
    h->output += (uint64_t)len;
    if (len != 0)
        *out = (rill_bytes){data, (size_t)len};
    return RILL_OK;
}

bool rill_h2_is_done(const rill_h2 *h)
{
    if (h->dead)
        return true;
    return nghttp2_session_want_write(h->session) == 0 &&
           (h->failed || nghttp2_session_want_read(h->session) == 0);
}

void rill_h2_fail(rill_h2 *h, uint32_t code, const char *problem)
{
    if (h->problem == NULL)
        h->problem = problem;
    h->failed = true;
    if (h->dead)
        return;
    if (nghttp2_session_terminate_session(h->session, code) != 0)
        h->dead = true;
}

void rill_h2_count_frame(rill_h2 *h, const nghttp2_frame_hd *hd)
{
    unsigned cost = hd->type == NGHTTP2_RST_STREAM ? RILL_H2_RESET_COST : 1;
    if (hd->type == NGHTTP2_DATA && hd->length >= SMALL_DATA)
        return;
    h->patience = h->patience > cost ? h->patience - cost : 0;
    if (h->patience == 0 && !h->failed)
        rill_h2_fail(h, NGHTTP2_ENHANCE_YOUR_CALM, "sends frames that ask for nothing");
}

void rill_h2_reward(rill_h2 *h)
{
    h->patience += RILL_H2_REWARD;
    if (h->patience > RILL_H2_PATIENCE)
        h->patience = RILL_H2_PATIENCE;
}

static int take_pseudo(rill_http_message *m, rill_bytes name, rill_bytes value)
{
    if (rill_http_same(name, ":method"))
        return rill_http_add_text(m, value, &m->method);
    if (rill_http_same(name, ":path"))
        return rill_http_add_text(m, value, &m->path);
    if (rill_http_same(name, ":authority"))
        return rill_http_add_text(m, value, &m->authority);
    if (rill_http_same(name, ":status") && value.len == 3)
        m->status = (unsigned)(value.data[0] - '0') * 100 + (unsigned)(value.data[1] - '0') * 10 +
                    (unsigned)(value.data[2] - '0');
    return RILL_OK;
}

int rill_h2_take_field(rill_h2 *h, rill_http_message *m, rill_bytes name, rill_bytes value)
{
    size_t held = rill_http_message_held(m);
    m->version = 20;
    int error = name.len != 0 && name.data[0] == ':' ? take_pseudo(m, name, value)
                                                     : rill_http_add_field(m, name, value);
    h->pending += rill_http_message_held(m) - held;
    if (error == RILL_ERR_NOMEM)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    /* A few bytes can stand for a long field of before, again and again. */
    if (m->listed > LISTED_FACTOR * h->limits->max_head && !h->failed)
        rill_h2_fail(h, NGHTTP2_ENHANCE_YOUR_CALM, "sends header fields without end");
    return 0;
}

int rill_h2_take_body(rill_h2 *h, rill_http_message *m, const uint8_t *data, size_t len)
{
    size_t held = rill_http_message_held(m);
    int error = rill_http_add_body(m, data, len);
    h->pending += rill_http_message_held(m) - held;
    return error == RILL_ERR_NOMEM ? NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE : 0;
}

void rill_h2_forget(rill_h2 *h, rill_http_message *m)
{
    h->pending -= rill_http_message_held(m);
    rill_http_message_clear(m);
}

nghttp2_nv rill_h2_field(const char *name, rill_bytes value)
{
    static uint8_t nothing[1];
    /* nghttp2 copies, and takes pointers to what may be changed. */
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name,
                        value.len == 0 ? nothing : (uint8_t *)(uintptr_t)value.data, strlen(name),
                        value.len, NGHTTP2_NV_FLAG_NONE};
}

size_t rill_h2_fields(nghttp2_nv *nva, size_t at, const rill_http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        nva[at] = rill_h2_field("", fields[i].value);
        nva[at].name = (uint8_t *)(uintptr_t)fields[i].name.data;
        nva[at].namelen = fields[i].name.len;
        at++;
    }
    return at;
}

ssize_t rill_h2_read_body(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t length,
                          uint32_t *flags, nghttp2_data_source *source, void *user)
{
    rill_http_exchange *x = source->ptr;
    size_t left = x->body_len - x->body_at;
    size_t now = left < length ? left : length;
    (void)session;
    (void)stream;
    (void)user;
    if (now != 0)
        memcpy(buf, x->body + x->body_at, now);
    x->body_at += now;
    if (x->goes_on)
        return now == 0 ? NGHTTP2_ERR_DEFERRED : (ssize_t)now;
    if (x->body_at == x->body_len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)now;
}
