/* SPDX-License-Identifier: Apache-2.0 */
/* One connection of a client's. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "links/http/client_impl.h"
#include "links/http/http_async.h"

#define TEXT(literal)                                                                              \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

/* A server that does not say for how long it keeps an idle connection may be Node.js, with 5 s. */
enum { USUAL_IDLE_MS = 5000, MARGIN_MS = 1000 };
/* A neighbour that is there may be busy for a while. */
enum { SILENCE_MS = 5000 };

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static void on_response(void *owner, uint64_t cookie, const rill_http_message *m)
{
    http_socket *s = owner;
    s->idle_since = uv_now(s->link->link.loop->uv);
    s->link->on->answered(s->link, (http_sending *)(uintptr_t)cookie, m);
}

static void on_failed(void *owner, uint64_t cookie, int error, bool sent)
{
    http_socket *s = owner;
    s->link->on->failed(s->link, (http_sending *)(uintptr_t)cookie, error, sent);
}

void http_socket_retire(http_socket *s, int error)
{
    if (s->over)
        return;
    s->over = true;
    http_due_clear(&s->link->dues, &s->due);
    if (s->http != NULL)
        rill_http_client_lost(s->http, error, rill_tcp_handed(s->tcp));
    rill_tcp_finish(s->tcp);
}

/* ---- writing ---- */

static void on_flush(rill_task *task)
{
    http_socket *s = RILL_CONTAINER(task, http_socket, flush);
    rill_bytes out;
    while (!s->over && s->http != NULL && rill_tcp_backlog(s->tcp) < RILL_TCP_HIGH_WATER) {
        if (rill_http_client_output(s->http, &out) != RILL_OK) {
            http_socket_retire(s, RILL_ERR_NOMEM);
            s->link->on->lost(s->link, true, RILL_ERR_NOMEM, rill_strerror(RILL_ERR_NOMEM));
            return;
        }
        if (out.len == 0)
            break;
        uint8_t *room = rill_tcp_reserve(s->tcp, out.len);
        if (room == NULL)
            return; /* lost follows */
        memcpy(room, out.data, out.len);
        rill_tcp_commit(s->tcp, out.len);
    }
    if (!s->over && s->http != NULL && rill_http_client_is_done(s->http)) {
        http_socket_retire(s, RILL_ERR_NOT_CONNECTED);
        s->link->on->lost(s->link, true, RILL_ERR_NOT_CONNECTED, "the node ended the connection");
    }
}

static void write_soon(http_socket *s)
{
    rill_loop_before_flush(s->link->link.loop, &s->flush);
}

/* ---- requests ---- */

static bool is_stale(const http_socket *s)
{
    uint32_t keeps = rill_http_client_idle_ms(s->http);
    if (s->link->multiplexed || rill_http_client_open_count(s->http) != 0)
        return false;
    if (keeps == UINT32_MAX)
        keeps = USUAL_IDLE_MS;
    uint32_t safe = keeps > 2 * MARGIN_MS ? keeps - MARGIN_MS : keeps / 2;
    return uv_now(s->link->link.loop->uv) - s->idle_since >= safe;
}

bool http_socket_has_room(http_socket *s)
{
    if (s->over || s->http == NULL || rill_tcp_backlog(s->tcp) >= RILL_TCP_HIGH_WATER ||
        rill_http_client_room(s->http) == 0)
        return false;
    if (!is_stale(s))
        return true;
    /* Its end may be on the way to us: nobody could say then what became of a packet. */
    rill_http_client_drain(s->http);
    write_soon(s);
    return false;
}

int http_socket_send(http_socket *s, http_sending *x)
{
    http_link *k = s->link;
    rill_http_field fields[2 + HTTP_ASYNC_FIELDS] = {
        {TEXT("content-type"), TEXT("application/octet-stream")},
        {TEXT("authorization"), {(const uint8_t *)k->authorization, k->authorization_len}},
    };
    bool answers = x->part != NULL && x->part->answer;
    size_t count = k->authorization_len == 0 ? 1 : 2;
    if (x->part != NULL)
        count += http_async_fields(k, x, fields + count);
    const rill_http_request r = {
        .method = TEXT("POST"),
        .scheme = text(k->uri.tls ? "https" : "http"),
        .authority = text(k->uri.host_header),
        .path = text(answers ? k->async->answers_path : k->uri.target),
        .fields = fields,
        .field_count = count,
        .body = {x->packet, x->len},
    };
    int error = rill_http_client_request(s->http, &r, (uint64_t)(uintptr_t)x, &x->handle);
    if (error != RILL_OK)
        return error;
    x->socket = s;
    x->sent_at = uv_now(k->link.loop->uv);
    x->tries++;
    write_soon(s);
    return RILL_OK;
}

void http_socket_cancel(http_socket *s, http_sending *x)
{
    rill_http_client_cancel(s->http, x->handle);
    x->socket = NULL;
    write_soon(s);
}

/*
 * A neighbour that is gone without a word (its machine, or a table of addresses on the way) says
 * nothing at all. The system notices after a quarter of an hour; no packet should go there until
 * then. HTTP/1.1 is over with the request that is given up.
 */
void http_socket_give_up(http_socket *s, http_sending *x)
{
    bool silent =
        s->heard_at < x->sent_at && uv_now(s->link->link.loop->uv) - s->heard_at >= SILENCE_MS;
    if (silent && s->link->multiplexed)
        rill_http_client_drain(s->http);
    http_socket_cancel(s, x);
}

/* ---- the connection ---- */

static void no_more(http_socket *s, int error, const char *detail)
{
    bool opened = s->http != NULL;
    char copy[512]; /* as long as any that is told */
    if (s->over)
        return;
    snprintf(copy, sizeof copy, "%s", detail);
    http_socket_retire(s, error);
    s->link->on->lost(s->link, opened, error, copy);
}

static void on_open(void *owner)
{
    static const rill_http_client_handlers handlers = {on_response, on_failed};
    http_socket *s = owner;
    http_link *k = s->link;
    bool two = k->uri.tls ? strcmp(rill_tcp_alpn(s->tcp), "h2") == 0 : k->prior;
    if (s->over)
        return;
    http_due_clear(&k->dues, &s->due);
    int error = rill_http_client_new(&s->http, &k->blocks, &k->limits,
                                     two ? RILL_HTTP_2 : RILL_HTTP_1, &handlers, s);
    if (error != RILL_OK) {
        s->http = NULL;
        no_more(s, error, rill_strerror(error));
        return;
    }
    s->idle_since = s->heard_at = uv_now(k->link.loop->uv);
    k->connecting--;
    k->multiplexed = two;
    write_soon(s);
    k->on->opened(k);
}

static void on_read(void *owner, uint8_t *data, size_t len)
{
    http_socket *s = owner;
    if (s->over)
        return;
    s->heard_at = uv_now(s->link->link.loop->uv);
    int error = rill_http_client_feed(s->http, data, len);
    if (s->over)
        return;
    if (error == RILL_OK || error == RILL_ERR_CLOSED) {
        write_soon(s);
        s->link->on->room(s->link);
        return;
    }
    no_more(s, error, rill_strerror(error));
}

static void on_lost(void *owner, int error, const char *detail)
{
    http_socket *s = owner;
    if (s->over)
        return;
    if (s->http != NULL && error == RILL_ERR_NOT_CONNECTED)
        rill_http_client_end(s->http);
    no_more(s, error, detail);
}

static void on_drained(void *owner)
{
    http_socket *s = owner;
    write_soon(s);
    s->link->on->room(s->link);
}

static void on_closed(void *owner)
{
    http_socket *s = owner;
    http_link *k = s->link;
    rill_task_cancel(&s->flush);
    if (s->http == NULL)
        k->connecting--;
    rill_http_client_free(s->http);
    rill_list_remove(&s->node);
    k->socket_count--;
    rill_free(rill_allocator_default(), s);
    k->on->closed(k);
}

void http_socket_too_late(http_socket *s)
{
    char detail[512];
    snprintf(detail, sizeof detail, "%s did not answer in time", s->link->uri.host_header);
    no_more(s, RILL_ERR_TIMEOUT, detail);
}

int http_socket_open(http_link *k)
{
    static const rill_tcp_handlers handlers = {
        .open = on_open,
        .read = on_read,
        .lost = on_lost,
        .drained = on_drained,
        .closed = on_closed,
    };
    http_socket *s = rill_calloc(rill_allocator_default(), 1, sizeof *s);
    if (s == NULL)
        return RILL_ERR_NOMEM;
    int error = rill_tcp_new(&s->tcp, k->link.loop, &handlers, s);
    if (error != RILL_OK) {
        rill_free(rill_allocator_default(), s);
        return error;
    }
    s->link = k;
    s->due.kind = DUE_SOCKET;
    rill_task_init(&s->flush, on_flush);
    rill_list_push_back(&k->sockets, &s->node);
    k->socket_count++;
    k->connecting++;
    k->parts++;
    error = http_due_set(&k->dues, &s->due, k->connect_timeout);
    if (error == RILL_OK)
        error = rill_tcp_connect(s->tcp, k->uri.host, k->uri.port, k->tls);
    if (error != RILL_OK)
        http_socket_retire(s, error);
    return error;
}
