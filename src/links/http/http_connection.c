/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of the server. */
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include <rill/ilp.h>

#include "base/alloc.h"
#include "links/http/server_impl.h"

#define TEXT(literal)                                                                              \
    (rill_bytes)                                                                                   \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static void log_about(const http_connection *c, const char *what)
{
    const rill_http_link_server_options *o = &c->server->options;
    char line[RILL_TCP_NAME + 160];
    if (o->log == NULL || c->tcp == NULL)
        return;
    snprintf(line, sizeof line, "%s %s", c->tcp->name, what);
    o->log(o->owner, line);
}

/* ---- its end ---- */

static void end(rill_task *task)
{
    http_connection *c = RILL_CONTAINER(task, http_connection, ending);
    rill_http_link_server *s = c->server;
    rill_task_cancel(&c->flush);
    rill_http_server_free(c->http);
    if (c->known)
        s->known_count--;
    rill_list_remove(&c->node);
    rill_free(rill_allocator_default(), c);
    http_server_maybe_free(s);
}

/* Nobody waits for what is open here any more. */
static void forget_requests(http_connection *c)
{
    while (!rill_list_empty(&c->requests))
        http_request_free(RILL_CONTAINER(c->requests.next, http_request, of_connection));
}

static void on_closed(void *owner)
{
    http_connection *c = owner;
    c->tcp = NULL;
    rill_loop_defer(c->server->loop, &c->ending);
}

/* finish: what waits is written first. */
static void shut(http_connection *c, bool finish)
{
    rill_tcp *t = c->tcp;
    if (c->over)
        return;
    c->over = true;
    forget_requests(c);
    if (finish)
        rill_tcp_finish(t);
    else
        rill_tcp_close(t);
}

void http_connection_close(http_connection *c)
{
    shut(c, false);
}

/* ---- writing ---- */

static void write_out(http_connection *c)
{
    rill_bytes out;
    while (!c->over && rill_tcp_backlog(c->tcp) < RILL_TCP_HIGH_WATER) {
        if (rill_http_server_output(c->http, &out) != RILL_OK) {
            shut(c, false);
            return;
        }
        if (out.len == 0)
            break;
        uint8_t *room = rill_tcp_reserve(c->tcp, out.len);
        if (room == NULL)
            return; /* lost follows */
        memcpy(room, out.data, out.len);
        rill_tcp_commit(c->tcp, out.len);
    }
    if (!c->over && rill_http_server_is_done(c->http))
        shut(c, true);
}

/* What was sent ahead is read when what came before it was answered. */
static void on_flush(rill_task *task)
{
    http_connection *c = RILL_CONTAINER(task, http_connection, flush);
    if (c->over)
        return;
    int error = rill_http_server_feed(c->http, NULL, 0);
    (void)error; /* is_done says the same */
    write_out(c);
}

static void write_soon(http_connection *c)
{
    rill_loop_before_flush(c->server->loop, &c->flush);
}

static int respond(http_connection *c, uint64_t handle, unsigned status, rill_bytes type,
                   rill_bytes body)
{
    const rill_http_field field = {TEXT("content-type"), type};
    const rill_http_response r = {
        .status = status, .fields = &field, .field_count = 1, .body = body};
    c->heard_at = uv_now(c->server->loop->uv);
    int error = rill_http_respond(c->http, handle, &r);
    write_soon(c);
    return error;
}

int http_connection_reply(http_connection *c, uint64_t handle, rill_bytes packet)
{
    return respond(c, handle, 200, TEXT("application/octet-stream"), packet);
}

/* ---- requests ---- */

static void refuse(http_connection *c, uint64_t handle, unsigned status, const char *why)
{
    if (respond(c, handle, status, TEXT("text/plain"),
                (rill_bytes){(const uint8_t *)why, strlen(why)}) != RILL_OK)
        shut(c, false);
}

/* A refusal that is about now, and not about the sender: peers take other statuses for failures. */
static void reject(http_connection *c, uint64_t handle, rill_ilp_code_id code, const char *why)
{
    const rill_reject r = {.code = rill_ilp_code_of(code),
                           .message = {(const uint8_t *)why, strlen(why)}};
    uint8_t packet[256];
    size_t len = 0;
    if (rill_reject_encode(&r, packet, sizeof packet, &len) != RILL_OK ||
        http_connection_reply(c, handle, (rill_bytes){packet, len}) != RILL_OK)
        shut(c, false);
}

/* Its bearer token is somebody's. */
static int identify(http_connection *c, const rill_http_message *m, http_session **session)
{
    rill_http_link_server *s = c->server;
    rill_bytes value, token;
    if (rill_http_find(m, "authorization", &value) != RILL_OK ||
        rill_bearer_parse(value, &token) != RILL_OK)
        return RILL_ERR_AUTH;
    if (!c->known && s->known_count >= s->options.max_connections)
        return RILL_ERR_LIMIT;
    int error = http_session_of(s, token, session);
    if (error == RILL_OK && !c->known && !c->over) {
        c->known = true;
        s->known_count++;
        rill_tcp_welcome(c->tcp);
    }
    return error;
}

/* The second is what ilp-plugin-http sends. */
static bool is_packet_type(rill_bytes type)
{
    return rill_http_value_is(type, "application/octet-stream") ||
           rill_http_value_is(type, "application/ilp+octet-stream");
}

static void on_request(void *owner, uint64_t handle, const rill_http_message *m)
{
    http_connection *c = owner;
    rill_http_link_server *s = c->server;
    http_session *session = NULL;
    rill_bytes type;
    rill_prepare prepare;
    if (c->over)
        return;
    c->heard_at = uv_now(s->loop->uv);
    if (!rill_http_same(rill_http_text(m, m->method), "POST")) {
        refuse(c, handle, 405, "ILP over HTTP takes POST");
        return;
    }
    int error = identify(c, m, &session);
    if (error == RILL_ERR_AUTH) {
        log_about(c, "was refused: wrong token, or none");
        refuse(c, handle, 401, "a bearer token is required");
    } else if (error != RILL_OK) {
        reject(c, handle, RILL_ILP_T03_CONNECTOR_BUSY, "no room for more");
    } else if (rill_http_find(m, "content-type", &type) != RILL_OK || !is_packet_type(type)) {
        refuse(c, handle, 400, "the content type is not application/octet-stream");
    } else if (rill_prepare_decode(&prepare, m->body, m->body_len) != RILL_OK) {
        refuse(c, handle, 400, "the body is no ILP Prepare");
    } else if (rill_map_count(&s->requests) >= s->options.max_requests ||
               http_session_ask(session, c, handle, (rill_bytes){m->body, m->body_len}) !=
                   RILL_OK) {
        if (!c->over)
            reject(c, handle, RILL_ILP_T03_CONNECTOR_BUSY, "too many requests are open");
    }
}

static void on_gone(void *owner, uint64_t handle)
{
    http_connection *c = owner;
    for (rill_list *n = c->requests.next; n != &c->requests; n = n->next) {
        http_request *r = RILL_CONTAINER(n, http_request, of_connection);
        if (r->handle == handle) {
            http_request_free(r);
            return;
        }
    }
}

/* The headers of a request for WebSocket, as its handshake wants them. */
static bool judge(const http_connection *c, const rill_http_message *m, rill_ws_handshake *h)
{
    const char *problem = NULL;
    rill_ws_handshake_server(h, c->server->options.allow_origins);
    for (size_t i = 0; i < m->field_count; i++) {
        rill_bytes name = rill_http_text(m, m->fields[i].name);
        rill_bytes value = rill_http_text(m, m->fields[i].value);
        char name_text[64];
        char value_text[RILL_WS_HEADER_VALUE + 1];
        if (name.len >= sizeof name_text)
            continue;
        bool whole = value.len < sizeof value_text;
        snprintf(name_text, sizeof name_text, "%.*s", (int)name.len, (const char *)name.data);
        snprintf(value_text, sizeof value_text, "%.*s", whole ? (int)value.len : 0,
                 value.len == 0 ? "" : (const char *)value.data);
        rill_ws_handshake_header(h, name_text, value_text, whole);
    }
    bool get = rill_http_same(rill_http_text(m, m->method), "GET") && m->version >= 11;
    return rill_ws_handshake_judge(h, get, &problem) == RILL_OK;
}

/* What follows the request in raw is the new owner's. */
static bool on_upgrade(void *owner, const rill_http_message *m, rill_bytes raw)
{
    http_connection *c = owner;
    rill_http_link_server *s = c->server;
    rill_ws_handshake h;
    rill_tcp *t = c->tcp;
    if (c->over || s->options.websocket == NULL || !judge(c, m, &h) ||
        s->options.websocket(s->options.owner, t, &h) != RILL_OK)
        return false;
    c->over = true;
    c->tcp = NULL;
    rill_loop_defer(s->loop, &c->ending);
    uint8_t *end = memmem(raw.data, raw.len, "\r\n\r\n", 4);
    size_t head = end == NULL ? raw.len : (size_t)(end + 4 - raw.data);
    if (head < raw.len)
        t->on->read(t->owner, (uint8_t *)(uintptr_t)raw.data + head, raw.len - head);
    return true;
}

/* ---- the connection ---- */

static void on_open(void *owner)
{
    (void)owner;
}

static void on_read(void *owner, uint8_t *data, size_t len)
{
    http_connection *c = owner;
    if (c->over)
        return;
    c->heard_at = uv_now(c->server->loop->uv);
    int error = rill_http_server_feed(c->http, data, len);
    if (c->over)
        return;
    if (error != RILL_OK && rill_http_server_problem(c->http) != NULL)
        log_about(c, rill_http_server_problem(c->http));
    write_soon(c);
}

static void on_lost(void *owner, int error, const char *detail)
{
    http_connection *c = owner;
    const rill_http_link_server_options *o = &c->server->options;
    if (c->over)
        return;
    if (error != RILL_ERR_NOT_CONNECTED && o->log != NULL)
        o->log(o->owner, detail);
    /* Who has ended its side may still read: what is open is answered. */
    if (error == RILL_ERR_NOT_CONNECTED && !c->tcp->broken)
        rill_http_server_end(c->http);
    shut(c, true);
}

static void on_drained(void *owner)
{
    http_connection *c = owner;
    if (!c->over)
        write_soon(c);
}

static const rill_tcp_handlers tcp_handlers = {
    .open = on_open,
    .read = on_read,
    .lost = on_lost,
    .drained = on_drained,
    .closed = on_closed,
};

int http_connection_take(rill_http_link_server *s, rill_tcp *t, rill_http_protocol protocol)
{
    static const rill_http_server_handlers handlers = {on_request, on_gone, on_upgrade};
    if (s->closing || s->draining)
        return RILL_ERR_CLOSED;
    http_connection *c = rill_calloc(rill_allocator_default(), 1, sizeof *c);
    if (c == NULL)
        return RILL_ERR_NOMEM;
    int error = rill_http_server_new(&c->http, &s->blocks, &s->limits, protocol, &handlers, c);
    if (error != RILL_OK) {
        rill_free(rill_allocator_default(), c);
        return error;
    }
    c->server = s;
    c->tcp = t;
    c->heard_at = uv_now(s->loop->uv);
    rill_list_init(&c->requests);
    rill_task_init(&c->flush, on_flush);
    rill_task_init(&c->ending, end);
    rill_list_push_back(&s->connections, &c->node);
    rill_tcp_give(t, &tcp_handlers, c);
    write_soon(c);
    return RILL_OK;
}

void http_connection_drain(http_connection *c)
{
    if (c->over)
        return;
    rill_http_server_drain(c->http);
    write_soon(c);
}

void http_connection_look(http_connection *c, uint64_t now)
{
    const rill_http_link_server_options *o = &c->server->options;
    uint64_t silent = now - c->heard_at;
    if (c->over)
        return;
    if (rill_http_server_is_amid(c->http) && silent >= o->request_timeout / RILL_MS) {
        log_about(c, "did not finish its request in time");
        shut(c, false);
    } else if (silent >= o->idle_timeout / RILL_MS && rill_list_empty(&c->requests)) {
        http_connection_drain(c);
        shut(c, true);
    }
}
