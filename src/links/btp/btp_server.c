/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/btp/btp_server.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <rill/btp.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "links/btp/btp_auth.h"
#include "links/btp/btp_session.h"
#include "ws/ws_origins.h"

struct rill_btp_server {
    rill_loop *loop;
    rill_btp_server_options options; /* its pointers are not ours to use after opening */
    const char *const *origins;      /* a copy */
    rill_listener *listener;         /* NULL: none of its own, or it is gone */
    rill_list sessions;
    uint32_t session_count; /* of these, the ones that have authenticated */
    bool closing;
    bool given; /* opening succeeded: the owner knows of us */
    void (*closed)(void *owner);
    rill_task ending;
};

typedef struct server_session {
    rill_btp_session session; /* first */
    rill_btp_server *server;
    rill_list node;
    rill_ws *ws;          /* NULL once it is being closed */
    uint64_t accepted_at; /* uv_now() */
    uv_timer_t timer;     /* until authenticated, then of silence */
    unsigned parts;       /* WebSocket and timers that still point here */
    bool owned;           /* has handlers: somebody was told of it */
    bool over;            /* lost; only its end is to come */
    bool closing;         /* the end was begun */
    rill_task ending;
} server_session;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static server_session *session_of(rill_link *l)
{
    return RILL_CONTAINER(l, server_session, session.link);
}

static void log_line(const rill_btp_server *server, const char *line)
{
    if (server->options.log != NULL)
        server->options.log(server->options.owner, line);
}

static void on_session_log(rill_btp_session *s, const char *what)
{
    const server_session *session = session_of(&s->link);
    char line[512];
    snprintf(line, sizeof line, "%s %s", rill_ws_name(session->ws), what);
    log_line(session->server, line);
}

static void maybe_free(rill_btp_server *server)
{
    if (!server->closing || server->listener != NULL || !rill_list_empty(&server->sessions) ||
        rill_list_linked(&server->ending.node))
        return;
    rill_ws_origins_free(memory(), server->origins);
    if (server->given && server->closed != NULL)
        server->closed(server->options.owner);
    rill_free(memory(), server);
}

/* The end of a session */

static void part_closed(server_session *session)
{
    rill_btp_server *server = session->server;
    rill_link *l = &session->session.link;
    assert(session->parts > 0);
    if (--session->parts != 0)
        return;
    if (session->owned) {
        l->on.closed(l, l->user);
        server->session_count--;
    }
    rill_list_remove(&session->node);
    rill_free(memory(), session);
    maybe_free(server);
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void on_session_closed(uv_handle_t *handle)
{
    rill_btp_session *s = handle->data;
    part_closed(session_of(&s->link));
}

static void end(rill_task *task)
{
    server_session *session = RILL_CONTAINER(task, server_session, ending);
    rill_ws *ws = session->ws;
    session->ws = NULL;
    if (ws != NULL)
        rill_ws_close(ws, RILL_WS_NORMAL);
    rill_btp_session_stop(&session->session, RILL_ERR_CLOSED);
    rill_btp_session_close(&session->session, on_session_closed);
    uv_close((uv_handle_t *)&session->timer, on_timer_closed);
}

static void begin_end(server_session *session)
{
    if (session->closing)
        return;
    session->closing = true;
    session->over = true;
    session->session.up = false;
    uv_timer_stop(&session->timer);
    rill_loop_defer(session->server->loop, &session->ending);
}

static void session_close(rill_link *l)
{
    begin_end(session_of(l));
}

/* Tells the owner; without one, the session just ends. */
static void lost(server_session *session, int error, const char *detail, uint16_t code)
{
    rill_link *l = &session->session.link;
    rill_ws *ws = session->ws;
    char text[512];
    if (session->over)
        return;
    session->over = true;
    snprintf(text, sizeof text, "%s", detail);
    uv_timer_stop(&session->timer);
    session->ws = NULL;
    if (ws != NULL)
        rill_ws_close(ws, code);
    rill_btp_session_stop(&session->session, error);
    if (!session->owned)
        begin_end(session);
    else if (!session->closing)
        l->on.down(l, error, text, true, l->user);
}

static void fail(server_session *session, int error, const char *what, uint16_t code)
{
    char line[512];
    snprintf(line, sizeof line, "%s %s", rill_ws_name(session->ws), what);
    log_line(session->server, line);
    lost(session, error, line, code);
}

/* The life of a session */

/* Monotonic nanoseconds. */
static uint64_t due_at(const server_session *session)
{
    const rill_btp_server_options *o = &session->server->options;
    uint64_t from = session->accepted_at;
    if (session->session.up)
        from = rill_ws_last_heard(session->ws);
    return rill_add_sat(rill_mul_div_floor_sat(from, RILL_MS, 1),
                        session->session.up ? o->idle_timeout : o->auth_timeout);
}

static void on_timer(uv_timer_t *timer)
{
    server_session *session = timer->data;
    rill_btp_server *server = session->server;
    if (rill_loop_is_behind(server->loop, due_at(session))) {
        uv_timer_start(timer, on_timer, 1, 0);
        return;
    }
    if (!session->session.up) {
        fail(session, RILL_ERR_TIMEOUT, "did not authenticate in time", RILL_WS_POLICY);
        return;
    }
    uint64_t silent = uv_now(server->loop->uv) - rill_ws_last_heard(session->ws);
    uint64_t limit = server->options.idle_timeout / RILL_MS;
    if (silent >= limit)
        fail(session, RILL_ERR_IDLE, "was silent for too long", RILL_WS_POLICY);
    else
        uv_timer_start(timer, on_timer, limit - silent, 0);
}

static void refuse(server_session *session, uint32_t id, int error, const char *what)
{
    uint64_t wall_ms = rill_loop_now(session->server->loop).wall_ms;
    rill_btp_send_not_accepted(session->ws, wall_ms, id, "not authenticated");
    fail(session, error, what, RILL_WS_POLICY);
}

static void welcome(server_session *session, uint32_t id)
{
    rill_link *l = &session->session.link;
    const rill_btp_frame accepted = {.type = RILL_BTP_RESPONSE, .request_id = id};
    if (!rill_btp_send_frame(session->ws, &accepted))
        return; /* lost follows */
    /* No more tokens. */
    rill_ws_wipe_read(session->ws, false);
    rill_btp_session_start(&session->session, session->ws);
    uv_timer_start(&session->timer, on_timer, session->server->options.idle_timeout / RILL_MS, 0);
    l->on.up(l, l->user);
}

static void on_first_frame(server_session *session, const uint8_t *data, size_t len)
{
    const rill_btp_server_options *o = &session->server->options;
    rill_link *l = &session->session.link;
    rill_btp_frame frame;
    rill_bytes name, token;
    int error = rill_btp_decode(&frame, data, len);
    if (error != RILL_OK && error != RILL_ERR_UNSUPPORTED) {
        fail(session, RILL_ERR_PROTOCOL, "sent a malformed BTP frame", RILL_WS_PROTOCOL_ERROR);
        return;
    }
    if (error == RILL_OK)
        error = rill_btp_read_auth(&frame, &name, &token);
    if (error != RILL_OK) {
        refuse(session, frame.request_id, RILL_ERR_AUTH, "did not authenticate first");
        return;
    }
    const rill_link_handlers *handlers = NULL;
    void *user = NULL;
    /* Not an ERROR: clients take that as the last word, and this passes. */
    error = session->server->session_count < o->max_sessions
                ? o->authenticate(o->owner, name, token, l, &handlers, &user)
                : RILL_ERR_LIMIT;
    if (error == RILL_ERR_LIMIT) {
        fail(session, error, "was turned away: no room for more", RILL_WS_TRY_LATER);
        return;
    }
    if (error == RILL_ERR_CLOSED) {
        fail(session, error, "was turned away: the node is stopping", RILL_WS_TRY_LATER);
        return;
    }
    if (error != RILL_OK) {
        refuse(session, frame.request_id, RILL_ERR_AUTH, "was refused: wrong account or token");
        return;
    }
    l->on = *handlers;
    l->user = user;
    session->owned = true;
    session->server->session_count++;
    rill_ws_welcome(session->ws);
    if (!session->closing)
        welcome(session, frame.request_id);
}

static void on_message(void *owner, const uint8_t *data, size_t len)
{
    server_session *session = owner;
    if (session->over)
        return;
    if (!session->owned)
        on_first_frame(session, data, len);
    else if (rill_btp_session_frame(&session->session, data, len) != RILL_OK && !session->over)
        lost(session, RILL_ERR_PROTOCOL, "malformed BTP frame", RILL_WS_PROTOCOL_ERROR);
}

static void on_lost(void *owner, int error, const char *detail)
{
    server_session *session = owner;
    /* Coming and going is nobody's business; breaking rules is the operator's. */
    if (!session->over && error != RILL_ERR_NOT_CONNECTED)
        log_line(session->server, detail);
    lost(session, error, detail, RILL_WS_NORMAL);
}

static void on_open(void *owner)
{
    (void)owner;
}

static void on_drained(void *owner)
{
    server_session *session = owner;
    rill_btp_session_drained(&session->session);
}

static void on_ws_closed(void *owner, rill_ws *ws)
{
    server_session *session = owner;
    (void)ws;
    part_closed(session);
}

static const rill_ws_handlers ws_handlers = {
    .open = on_open,
    .message = on_message,
    .lost = on_lost,
    .drained = on_drained,
    .closed = on_ws_closed,
};

static const rill_link_ops session_ops = {
    .is_up = rill_btp_session_is_up,
    .send = rill_btp_session_send,
    .reply = rill_btp_session_reply,
    .close = session_close,
    .send_parts = rill_btp_session_send_parts,
    .send_message = rill_btp_session_send_message,
    .reply_message = rill_btp_session_reply_message,
    .waits = rill_btp_session_waits,
};

/* Taking connections */

static server_session *session_new(rill_btp_server *server)
{
    server_session *session = rill_calloc(memory(), 1, sizeof *session);
    if (session == NULL)
        return NULL;
    if (rill_btp_session_init(&session->session, server->loop, server->options.max_requests) !=
        RILL_OK) {
        rill_free(memory(), session);
        return NULL;
    }
    session->session.link.ops = &session_ops;
    session->session.log = on_session_log;
    session->server = server;
    session->parts = 2;
    rill_task_init(&session->ending, end);
    uv_timer_init(server->loop->uv, &session->timer);
    session->timer.data = session;
    rill_list_push_back(&server->sessions, &session->node);
    return session;
}

/* agreed: NULL where the request is still to be read. */
static int take(rill_btp_server *server, rill_tcp *t, const rill_ws_handshake *agreed)
{
    const rill_ws_server_options options = {
        .allow_origins = server->origins,
        .max_message = RILL_BTP_MAX_FRAME,
        .max_backlog = server->options.max_backlog,
    };
    if (server->closing)
        return RILL_ERR_CLOSED;
    server_session *session = session_new(server);
    if (session == NULL)
        return RILL_ERR_NOMEM;
    session->accepted_at = t->accepted_at;
    int error = agreed == NULL
                    ? rill_ws_take(&session->ws, t, &options, &ws_handlers, session)
                    : rill_ws_upgrade(&session->ws, t, agreed, &options, &ws_handlers, session);
    if (error != RILL_OK) {
        begin_end(session);
        return error;
    }
    session->parts++;
    /* What TLS took of the time is gone. */
    uint64_t age = uv_now(server->loop->uv) - session->accepted_at;
    uint64_t limit = server->options.auth_timeout / RILL_MS;
    uv_timer_start(&session->timer, on_timer, age < limit ? limit - age : 0, 0);
    return RILL_OK;
}

static int take_unread(void *user, rill_tcp *t)
{
    return take(user, t, NULL);
}

rill_protocol rill_btp_server_protocol(rill_btp_server *s)
{
    return (rill_protocol){
        .alpn = "http/1.1",
        .sniff = rill_sniff_http1,
        .take = take_unread,
        .user = s,
    };
}

int rill_btp_server_upgrade(rill_btp_server *s, rill_tcp *t, const rill_ws_handshake *agreed)
{
    return take(s, t, agreed);
}

static void on_listener_log(void *user, const char *line)
{
    log_line(user, line);
}

static void on_listener_closed(void *user)
{
    rill_btp_server *server = user;
    server->listener = NULL;
    maybe_free(server);
}

/* The server */

void rill_btp_server_options_init(rill_btp_server_options *o)
{
    *o = (rill_btp_server_options){
        .auth_timeout = 5 * RILL_SECOND,
        .idle_timeout = 60 * RILL_SECOND,
        .max_sessions = 20000,
        .max_requests = RILL_BTP_MAX_REQUESTS,
        .max_backlog = (size_t)16 * 1024 * 1024,
    };
    rill_listener_options_init(&o->listen);
}

static void end_server(rill_task *task)
{
    rill_btp_server *server = RILL_CONTAINER(task, rill_btp_server, ending);
    /* Sessions leave the list later, from their handles' last calls. */
    for (rill_list *node = server->sessions.next; node != &server->sessions; node = node->next) {
        server_session *session = RILL_CONTAINER(node, server_session, node);
        lost(session, RILL_ERR_CLOSED, "the node is stopping", RILL_WS_GOING_AWAY);
        begin_end(session);
    }
    maybe_free(server);
}

static int open_listener(rill_btp_server *server, const rill_listener_options *o)
{
    rill_protocol btp = rill_btp_server_protocol(server);
    rill_listener_options own = *o;
    /* Who speaks something else is told so: a WebSocket answers whatever comes. */
    btp.sniff = NULL;
    own.protocols = &btp;
    own.protocol_count = 1;
    own.hello_timeout = server->options.auth_timeout;
    own.log = on_listener_log;
    own.user = server;
    return rill_listener_open(&server->listener, server->loop, &own);
}

int rill_btp_server_open(rill_btp_server **out, rill_loop *loop, const rill_btp_server_options *o)
{
    rill_btp_server *server = rill_calloc(memory(), 1, sizeof *server);
    if (server == NULL)
        return RILL_ERR_NOMEM;
    server->loop = loop;
    server->options = *o;
    rill_list_init(&server->sessions);
    rill_task_init(&server->ending, end_server);
    int error = rill_ws_origins_copy(&server->origins, memory(), o->allow_origins);
    if (error == RILL_OK && o->listen.host != NULL)
        error = open_listener(server, &o->listen);
    if (error != RILL_OK) {
        server->closing = true;
        maybe_free(server);
        return error;
    }
    server->given = true;
    *out = server;
    return RILL_OK;
}

rill_listener *rill_btp_server_listener(const rill_btp_server *s)
{
    return s->listener;
}

void rill_btp_server_stop(rill_btp_server *s)
{
    if (s->listener != NULL)
        rill_listener_stop(s->listener);
}

void rill_btp_server_close(rill_btp_server *s, void (*closed)(void *owner))
{
    if (s->closing)
        return;
    s->closing = true;
    s->closed = closed;
    if (s->listener != NULL)
        rill_listener_close(s->listener, on_listener_closed);
    rill_loop_defer(s->loop, &s->ending);
}
