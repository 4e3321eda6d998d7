/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BTP server, links to it, and a raw socket, on one loop over loopback. Everything waits for the
 * event itself. The deadline is only for failures.
 */
#ifndef RILL_TESTS_NET_FIXTURE_H
#define RILL_TESTS_NET_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rill/ilp.h>
#include <rill/link.h>
#include <uv.h>

#include "links/btp/btp_server.h"

#define DEADLINE_MS 30000
#define TOKEN       "secret-token"

/* What one link has reported. */
typedef struct told {
    rill_link *link;
    unsigned ups, downs, prepares, replies, unanswered, unsent, writable, closed;
    int error; /* of the last down or unanswered */
    bool final;
    char detail[512];
    uint64_t request;
    uint64_t outgoing_id;
    uint8_t last[64]; /* beginning of the last packet */
    size_t last_len;
    bool echo;            /* answer requests at once, with their own bytes in a Fulfill */
    bool close_when_down; /* as the owner of a session does */
    bool close_on_reply;
} told;

typedef struct net {
    rill_loop *loop;
    rill_btp_server *server;
    rill_btp_server_options options;
    uv_timer_t deadline;
    uv_check_t check;
    uv_prepare_t prepare; /* libuv closes handles after the check, and then may wait */
    bool (*done)(struct net *n);
    told session; /* of the server: the last authenticated */
    told client;
    unsigned lines; /* logged */
    char line[512];
    bool server_closed;
    bool hush; /* authenticate refuses all */
} net;

static inline void on_up(rill_link *l, void *user)
{
    told *t = user;
    t->link = l;
    t->ups++;
}

static inline void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    told *t = user;
    t->downs++;
    t->error = error;
    t->final = final;
    snprintf(t->detail, sizeof t->detail, "%s", detail);
    assert_null(strstr(detail, TOKEN));
    if (t->close_when_down)
        rill_link_close(l);
}

static inline void keep_packet(told *t, const uint8_t *packet, size_t len)
{
    t->last_len = len;
    if (len != 0)
        memcpy(t->last, packet, len < sizeof t->last ? len : sizeof t->last);
}

static inline void on_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                              void *user)
{
    told *t = user;
    t->prepares++;
    t->request = request;
    keep_packet(t, packet, len);
    if (!t->echo)
        return;
    /* As a Fulfill: a Prepare answers nothing. */
    static uint8_t answer[65536];
    assert_in_range(len, 1, sizeof answer);
    memcpy(answer, packet, len);
    answer[0] = RILL_ILP_FULFILL;
    assert_int_equal(rill_link_reply(l, request, answer, len), RILL_OK);
}

static inline void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                            void *user)
{
    told *t = user;
    t->replies++;
    t->outgoing_id = outgoing_id;
    keep_packet(t, packet, len);
    if (t->close_on_reply)
        rill_link_close(l);
}

static inline void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent,
                                 void *user)
{
    told *t = user;
    (void)l;
    t->unanswered++;
    t->unsent += sent ? 0 : 1;
    t->outgoing_id = outgoing_id;
    t->error = error;
}

static inline void on_writable(rill_link *l, void *user)
{
    told *t = user;
    (void)l;
    t->writable++;
}

static inline void on_closed(rill_link *l, void *user)
{
    told *t = user;
    (void)l;
    t->closed++;
    t->link = NULL;
}

static const rill_link_handlers link_handlers = {
    .size = sizeof(rill_link_handlers),
    .up = on_up,
    .down = on_down,
    .prepare = on_prepare,
    .reply = on_reply,
    .unanswered = on_unanswered,
    .writable = on_writable,
    .closed = on_closed,
};

static inline int authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                               const rill_link_handlers **handlers, void **user)
{
    net *n = owner;
    (void)name;
    if (n->hush || token.len != strlen(TOKEN) || memcmp(token.data, TOKEN, token.len) != 0)
        return RILL_ERR_AUTH;
    n->session.link = session;
    *handlers = &link_handlers;
    *user = &n->session;
    return RILL_OK;
}

static inline void on_line(void *owner, const char *line)
{
    net *n = owner;
    n->lines++;
    snprintf(n->line, sizeof n->line, "%s", line);
    assert_null(strstr(line, TOKEN));
}

static inline void on_server_closed(void *owner)
{
    net *n = owner;
    n->server_closed = true;
}

static inline void on_deadline(uv_timer_t *timer)
{
    net *n = timer->data;
    rill_loop_stop(n->loop);
    fail_msg("nothing happened for %d ms", DEADLINE_MS);
}

static inline void on_net_check(uv_check_t *check)
{
    net *n = check->data;
    if (n->done != NULL && n->done(n))
        rill_loop_stop(n->loop);
}

static inline void on_net_prepare(uv_prepare_t *prepare)
{
    net *n = prepare->data;
    if (n->done != NULL && n->done(n))
        rill_loop_stop(n->loop);
}

/* Runs the loop until it is so. */
static inline void until(net *n, bool (*done)(net *n))
{
    n->done = done;
    if (done(n))
        return;
    uv_timer_start(&n->deadline, on_deadline, DEADLINE_MS, 0);
    assert_int_equal(rill_loop_run(n->loop), RILL_OK);
    uv_timer_stop(&n->deadline);
    assert_true(done(n));
    n->done = NULL;
}

static inline void net_begin(net *n)
{
    memset(n, 0, sizeof *n);
    assert_int_equal(rill_loop_new(&n->loop, NULL), RILL_OK);
    uv_timer_init(rill_loop_uv(n->loop), &n->deadline);
    uv_check_init(rill_loop_uv(n->loop), &n->check);
    n->deadline.data = n;
    n->check.data = n;
    uv_check_start(&n->check, on_net_check);
    uv_unref((uv_handle_t *)&n->check);
    uv_prepare_init(rill_loop_uv(n->loop), &n->prepare);
    n->prepare.data = n;
    uv_prepare_start(&n->prepare, on_net_prepare);
    uv_unref((uv_handle_t *)&n->prepare);
    rill_btp_server_options_init(&n->options);
    n->options.authenticate = authenticate;
    n->options.log = on_line;
    n->options.owner = n;
    n->session.close_when_down = true;
}

static inline void net_serve(net *n)
{
    n->server_closed = false;
    assert_int_equal(rill_btp_server_open(&n->server, n->loop, &n->options), RILL_OK);
    n->options.listen.port = rill_listener_port(
        rill_btp_server_listener(n->server)); /* so that the next one is at the same place */
    assert_int_not_equal(n->options.listen.port, 0);
}

static inline void net_uri(const net *n, char *out, size_t cap, const char *scheme,
                           const char *token, const char *host)
{
    snprintf(out, cap, "%s://:%s@%s:%u/any/path?x=1", scheme, token, host,
             (unsigned)n->options.listen.port);
}

static inline void net_connect(net *n, const char *token, const rill_link_options *options)
{
    char uri[256];
    net_uri(n, uri, sizeof uri, "btp+ws", token, "localhost");
    assert_int_equal(
        rill_link_open(&n->client.link, n->loop, uri, options, &link_handlers, &n->client, NULL),
        RILL_OK);
}

static inline bool both_up(net *n)
{
    return n->client.ups > 0 && n->session.ups > 0;
}

static inline bool server_gone(net *n)
{
    return n->server_closed;
}

static inline void net_stop_server(net *n)
{
    rill_btp_server_close(n->server, on_server_closed);
    n->server = NULL;
    until(n, server_gone);
}

/* Everything must end by itself. */
static inline void net_end(net *n)
{
    rill_link *client = n->client.link;
    unsigned closed = n->client.closed;
    if (client != NULL)
        rill_link_close(client);
    if (n->server != NULL) {
        rill_btp_server_close(n->server, on_server_closed);
        n->server = NULL;
    }
    uv_timer_start(&n->deadline, on_deadline, DEADLINE_MS, 0);
    uv_unref((uv_handle_t *)&n->deadline);
    n->done = NULL;
    assert_int_equal(rill_loop_run(n->loop), RILL_OK);
    if (client != NULL)
        assert_int_equal(n->client.closed, closed + 1);
    uv_close((uv_handle_t *)&n->deadline, NULL);
    uv_close((uv_handle_t *)&n->check, NULL);
    uv_close((uv_handle_t *)&n->prepare, NULL);
    assert_int_equal(rill_loop_run(n->loop), RILL_OK);
    rill_loop_free(n->loop);
}

/* A socket that says what it likes. */
typedef struct raw {
    uv_tcp_t handle;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    bool connected, ended, closed, deaf;
    uint8_t got[4096];
    size_t got_len;
    char buffer[65536];
} raw;

static inline void raw_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    raw *r = handle->data;
    (void)size;
    *buf = uv_buf_init(r->buffer, sizeof r->buffer);
}

static inline void raw_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buf)
{
    raw *r = stream->data;
    if (count < 0) {
        r->ended = true;
        uv_read_stop(stream);
        return;
    }
    size_t room = sizeof r->got - r->got_len;
    size_t take = (size_t)count < room ? (size_t)count : room;
    memcpy(r->got + r->got_len, buf->base, take);
    r->got_len += take;
}

static inline void raw_connected(uv_connect_t *request, int status)
{
    raw *r = request->data;
    assert_int_equal(status, 0);
    r->connected = true;
    if (!r->deaf)
        uv_read_start(request->handle, raw_alloc, raw_read);
}

static inline void raw_open(net *n, raw *r)
{
    struct sockaddr_in address;
    memset(r, 0, sizeof *r);
    uv_ip4_addr("127.0.0.1", n->options.listen.port, &address);
    uv_tcp_init(rill_loop_uv(n->loop), &r->handle);
    r->handle.data = r->connect.data = r->write.data = r;
    uv_tcp_connect(&r->connect, &r->handle, (struct sockaddr *)&address, raw_connected);
}

static inline void raw_written(uv_write_t *request, int status)
{
    (void)status;
    free(request);
}

/* In order; libuv waits for the connection itself. */
static inline void raw_send(raw *r, const void *data, size_t len)
{
    uv_write_t *request = malloc(sizeof *request + len);
    assert_non_null(request);
    memcpy(request + 1, data, len);
    uv_buf_t buf = uv_buf_init((char *)(request + 1), (unsigned)len);
    assert_int_equal(uv_write(request, (uv_stream_t *)&r->handle, &buf, 1, raw_written), 0);
}

static inline void raw_say(raw *r, const char *text)
{
    raw_send(r, text, strlen(text));
}

static inline void raw_shut(uv_shutdown_t *request, int status)
{
    (void)request;
    (void)status;
}

/* Says nothing more, and goes on listening. */
static inline void raw_finish(raw *r)
{
    (void)uv_shutdown(&r->shutdown, (uv_stream_t *)&r->handle, raw_shut);
}

static inline void raw_close(raw *r)
{
    uv_close((uv_handle_t *)&r->handle, NULL);
}

static inline bool raw_has(const raw *r, const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i + len <= r->got_len; i++)
        if (memcmp(r->got + i, text, len) == 0)
            return true;
    return false;
}

#endif
