/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener for a few short requests. Who connects may be anybody on this machine: connections
 * have a limit, beyond which the oldest goes, and each has a time.
 */
#define _POSIX_C_SOURCE 200809L

#include "clients/redirect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <uv.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/list.h"
#include "crypto/crypto.h"

#define MOST_VISITORS 16
#define VISIT_MS      10000 /* for a request to come, and its answer to leave */
#define LAST_MS       1000  /* the same, once nothing more is waited for */
#define RETRY_MS      100
#define HOST_SIZE     24 /* "127.0.0.1:65535" */

typedef struct visitor {
    rill_list node;
    rill_redirect *redirect;
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shut;
    unsigned handles; /* that have not said that they are closed */
    bool answered;
    bool written; /* all of the answer has left */
    bool closing;
    size_t len;
    char head[RILL_REDIRECT_MAX_HEAD];
    char answer[RILL_REDIRECT_ANSWER_MAX];
} visitor;

struct rill_redirect {
    uv_tcp_t tcp;
    uv_timer_t retry;
    unsigned handles; /* that have not said that they are closed */
    rill_list visitors;
    unsigned count;
    bool closing;
    rill_redirect_page (*came)(const rill_redirect_query *query, void *user);
    void *user;
    char host[HOST_SIZE];
    char path[RILL_INTERACTION_NONCE_LEN + 2];
    char uri[HOST_SIZE + RILL_INTERACTION_NONCE_LEN + 16];
};

static void free_if_over(rill_redirect *r)
{
    if (r->handles == 0 && rill_list_empty(&r->visitors))
        free(r);
}

/* ---- a visitor's end ---- */

static void on_part_closed(uv_handle_t *handle)
{
    visitor *v = handle->data;
    rill_redirect *r = v->redirect;
    if (--v->handles > 0)
        return;
    rill_list_remove(&v->node);
    rill_wipe(v->head, sizeof v->head); /* the reference is in it */
    free(v);
    free_if_over(r);
}

static void close_visitor(visitor *v)
{
    if (v->closing)
        return;
    v->closing = true;
    v->redirect->count--;
    uv_close((uv_handle_t *)&v->tcp, on_part_closed);
    uv_close((uv_handle_t *)&v->timer, on_part_closed);
}

static void on_time(uv_timer_t *timer)
{
    close_visitor(timer->data);
}

/* ---- a visit ---- */

/* Whoever still sends would lose the answer if it were closed now: it ends first. */
static void on_shut(uv_shutdown_t *shut, int status)
{
    visitor *v = shut->data;
    v->written = true;
    if (status < 0 || v->redirect->closing)
        close_visitor(v);
}

static void on_written(uv_write_t *write, int status)
{
    visitor *v = write->data;
    v->shut.data = v;
    if (status != 0 || v->closing || uv_shutdown(&v->shut, (uv_stream_t *)&v->tcp, on_shut) != 0)
        close_visitor(v);
}

static void answer(visitor *v, unsigned status, rill_redirect_page page)
{
    size_t len = rill_redirect_answer(v->answer, sizeof v->answer, status, page);
    uv_buf_t buf = uv_buf_init(v->answer, (unsigned)len);
    v->answered = true;
    v->write.data = v;
    if (uv_write(&v->write, (uv_stream_t *)&v->tcp, &buf, 1, on_written) != 0)
        close_visitor(v);
}

/* All that came so far. */
static void look(visitor *v)
{
    rill_redirect *r = v->redirect;
    rill_redirect_query query;
    unsigned status = rill_redirect_request_read(&query, v->head, v->len, r->host, r->path);
    rill_redirect_page page = RILL_REDIRECT_NOTHING;
    if (status == 0)
        return;
    if (status == 200 && r->closing)
        page = RILL_REDIRECT_AGAIN;
    else if (status == 200)
        page = r->came(&query, r->user);
    if (page == RILL_REDIRECT_WRONG)
        status = 400;
    rill_wipe(&query, sizeof query);
    answer(v, status, page);
}

static void on_room(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
    visitor *v = handle->data;
    (void)suggested;
    /* What comes behind a request is thrown away. */
    *buf = v->answered ? uv_buf_init(v->head, sizeof v->head)
                       : uv_buf_init(v->head + v->len, (unsigned)(sizeof v->head - v->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    visitor *v = stream->data;
    (void)buf;
    if (n < 0)
        close_visitor(v);
    else if (!v->answered) {
        v->len += (size_t)n;
        look(v);
    }
}

/* ---- visitors come ---- */

static void drop_oldest(rill_redirect *r)
{
    for (rill_list *node = r->visitors.next; node != &r->visitors; node = node->next) {
        visitor *v = RILL_CONTAINER(node, visitor, node);
        if (!v->closing) {
            close_visitor(v);
            return;
        }
    }
}

static void on_visitor(uv_stream_t *listener, int status);

static void on_retry(uv_timer_t *retry)
{
    rill_redirect *r = retry->data;
    on_visitor((uv_stream_t *)&r->tcp, 0);
}

static void on_visitor(uv_stream_t *listener, int status)
{
    rill_redirect *r = listener->data;
    if (status != 0)
        return;
    visitor *v = calloc(1, sizeof *v);
    if (!v) { /* libuv takes no other before this one is taken */
        (void)uv_timer_start(&r->retry, on_retry, RETRY_MS, 0);
        return;
    }
    if (r->count == MOST_VISITORS)
        drop_oldest(r);
    v->redirect = r;
    (void)uv_tcp_init(listener->loop, &v->tcp);     /* cannot fail */
    (void)uv_timer_init(listener->loop, &v->timer); /* nor this */
    v->tcp.data = v;
    v->timer.data = v;
    v->handles = 2;
    r->count++;
    rill_list_push_back(&r->visitors, &v->node);
    (void)uv_timer_start(&v->timer, on_time, VISIT_MS, 0);
    if (uv_accept(listener, (uv_stream_t *)&v->tcp) != 0 ||
        uv_read_start((uv_stream_t *)&v->tcp, on_room, on_read) != 0)
        close_visitor(v);
}

/* ---- its life ---- */

static void on_listener_closed(uv_handle_t *handle)
{
    rill_redirect *r = handle->data;
    r->handles--;
    free_if_over(r);
}

static void close_listener(rill_redirect *r)
{
    uv_close((uv_handle_t *)&r->tcp, on_listener_closed);
    uv_close((uv_handle_t *)&r->retry, on_listener_closed);
}

static int listen_here(rill_redirect *r)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int len = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int status = uv_tcp_bind(&r->tcp, (const struct sockaddr *)&address, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&r->tcp, MOST_VISITORS, on_visitor);
    if (status == 0)
        status = uv_tcp_getsockname(&r->tcp, (struct sockaddr *)&address, &len);
    snprintf(r->host, sizeof r->host, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    snprintf(r->uri, sizeof r->uri, "http://%s%s", r->host, r->path);
    return status == 0 ? RILL_OK : status == UV_EMFILE ? RILL_ERR_FILES : RILL_ERR_IO;
}

int rill_redirect_open(rill_redirect **out, rill_loop *loop,
                       rill_redirect_page (*came)(const rill_redirect_query *query, void *user),
                       void *user)
{
    rill_redirect *r = calloc(1, sizeof *r);
    if (!r)
        return RILL_ERR_NOMEM;
    rill_list_init(&r->visitors);
    r->came = came;
    r->user = user;
    *r->path = '/';
    int error = rill_interaction_nonce(r->path + 1);
    if (error != RILL_OK) {
        free(r);
        return error;
    }
    (void)uv_tcp_init(rill_loop_uv(loop), &r->tcp); /* cannot fail */
    (void)uv_timer_init(rill_loop_uv(loop), &r->retry);
    r->tcp.data = r;
    r->retry.data = r;
    r->handles = 2;
    error = listen_here(r);
    if (error != RILL_OK) {
        r->closing = true;
        close_listener(r);
        return error;
    }
    *out = r;
    return RILL_OK;
}

const char *rill_redirect_uri(const rill_redirect *r)
{
    return r->uri;
}

void rill_redirect_close(rill_redirect *r)
{
    if (!r || r->closing)
        return;
    r->closing = true;
    close_listener(r);
    for (rill_list *node = r->visitors.next; node != &r->visitors; node = node->next) {
        visitor *v = RILL_CONTAINER(node, visitor, node);
        if (v->written)
            close_visitor(v);
        else if (!v->closing)
            (void)uv_timer_start(&v->timer, on_time, LAST_MS, 0);
    }
}
