/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that come to the server: whose they are, and what they ask. */
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

/* A refusal that is about now, and not about the sender: peers take other statuses for failures. */
static void reject(rill_web_connection *c, uint64_t handle, rill_ilp_code_id code, const char *why)
{
    const rill_reject r = {.code = rill_ilp_code_of(code),
                           .message = {(const uint8_t *)why, strlen(why)}};
    uint8_t packet[256];
    size_t len = 0;
    if (rill_reject_encode(&r, packet, sizeof packet, &len) != RILL_OK ||
        http_request_reply(c, handle, (rill_bytes){packet, len}) != RILL_OK)
        rill_web_drop(c);
}

/* No place now. For who posts a reply, 200 would mean that it was taken. */
static void say_busy(rill_web_connection *c, uint64_t handle, const rill_http_message *m,
                     const char *why)
{
    bool is_reply =
        m->body_len > 0 && (m->body[0] == RILL_ILP_FULFILL || m->body[0] == RILL_ILP_REJECT);
    if (is_reply)
        rill_web_say(c, handle, 503, why);
    else
        reject(c, handle, RILL_ILP_T03_CONNECTOR_BUSY, why);
}

/* Its bearer token is somebody's. */
static int identify(rill_http_link_server *s, rill_web_connection *c, const rill_http_message *m,
                    http_session **session)
{
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

static void on_request(void *owner, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m)
{
    rill_http_link_server *s = owner;
    http_session *session = NULL;
    rill_bytes type;
    rill_prepare prepare;
    if (!rill_http_same(rill_http_text(m, m->method), "POST")) {
        rill_web_say(c, handle, 405, "ILP over HTTP takes POST");
        return;
    }
    int error = identify(s, c, m, &session);
    if (error == RILL_ERR_AUTH) {
        rill_web_log(c, "was refused: wrong token, or none");
        rill_web_say(c, handle, 401, "a bearer token is required");
    } else if (error != RILL_OK) {
        say_busy(c, handle, m, "no room for more");
    } else if (rill_http_find(m, "content-type", &type) != RILL_OK || !is_packet_type(type)) {
        rill_web_say(c, handle, 400, "the content type is not application/octet-stream");
    } else if (http_later_take(session, c, handle, m)) {
        return; /* answered, or to be answered by a request of ours */
    } else if (rill_prepare_decode(&prepare, m->body, m->body_len) != RILL_OK) {
        http_later_stray(session, m);
        rill_web_say(c, handle, 400, "the body is no ILP Prepare");
    } else if (rill_map_count(&s->requests) >= s->options.max_requests ||
               http_request_ask(session, c, handle, (rill_bytes){m->body, m->body_len}) !=
                   RILL_OK) {
        if (!c->over)
            reject(c, handle, RILL_ILP_T03_CONNECTOR_BUSY, "too many requests are open");
    }
}

static void on_gone(void *owner, rill_web_connection *c, uint64_t handle)
{
    (void)owner;
    for (rill_list *n = c->requests.next; n != &c->requests; n = n->next) {
        http_request *r = RILL_CONTAINER(n, http_request, of_connection);
        if (r->handle == handle) {
            http_request_free(r);
            return;
        }
    }
}

/* The headers of a request for WebSocket, as its handshake wants them. */
static bool judge(const rill_http_link_server *s, const rill_http_message *m, rill_ws_handshake *h)
{
    const char *problem = NULL;
    rill_ws_handshake_server(h, s->options.allow_origins);
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

static bool on_upgrade(void *owner, rill_web_connection *c, const rill_http_message *m)
{
    rill_http_link_server *s = owner;
    rill_ws_handshake h;
    return s->options.websocket != NULL && judge(s, m, &h) &&
           s->options.websocket(s->options.owner, c->tcp, &h) == RILL_OK;
}

/* ---- the connection ---- */

/* Nobody waits for what is open here any more. */
static void on_over(void *owner, rill_web_connection *c)
{
    (void)owner;
    while (!rill_list_empty(&c->requests))
        http_request_free(RILL_CONTAINER(c->requests.next, http_request, of_connection));
}

static void on_ended(void *owner, rill_web_connection *c)
{
    rill_http_link_server *s = owner;
    if (c->known)
        s->known_count--;
}

static void on_second(void *owner, uint64_t now)
{
    http_sessions_look(owner, now);
}

static void on_log(void *owner, const char *line)
{
    const rill_http_link_server *s = owner;
    if (s->options.log != NULL)
        s->options.log(s->options.owner, line);
}

const rill_web_handlers http_request_handlers = {
    .request = on_request,
    .gone = on_gone,
    .upgrade = on_upgrade,
    .over = on_over,
    .ended = on_ended,
    .second = on_second,
    .log = on_log,
};
