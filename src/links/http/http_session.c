/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts that ask over HTTP, as links. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include <rill/ilp.h>

#include "base/alloc.h"
#include "links/http/server_impl.h"

static http_session *session_of(rill_link *l)
{
    return RILL_CONTAINER(l, http_session, link);
}

static bool is_up(const rill_link *l)
{
    return RILL_CONTAINER(l, const http_session, link)->up;
}

static int reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len)
{
    http_session *session = session_of(l);
    http_request *r = rill_map_get(&session->server->requests, id);
    if (r == NULL || r->session != session)
        return RILL_ERR_NOT_CONNECTED;
    rill_bytes bytes = {packet, len};
    session->used_at = uv_now(session->server->loop->uv);
    int error = r->later != NULL ? http_request_post(r, bytes)
                                 : http_request_reply(r->connection, r->handle, bytes);
    if (error == RILL_OK || error == RILL_ERR_NOT_FOUND || error == RILL_ERR_NOT_CONNECTED)
        http_request_free(r);
    return error == RILL_ERR_NOT_FOUND ? RILL_ERR_NOT_CONNECTED : error;
}

/*
 * Who asked in a request that was cut or given up does not. Numbers are never used again. Of one
 * whose reply is posted only the way there counts.
 */
static bool waits(const rill_link *l, uint64_t id)
{
    const http_session *session = RILL_CONTAINER(l, const http_session, link);
    const http_request *r = rill_map_get(&session->server->requests, id);
    if (r == NULL || r->session != session)
        return false;
    return r->later == NULL ||
           http_desk_link_of(session->server->desk, session->link.account) != NULL;
}

/* Only one whose reply is posted is still there when nobody waits for it. */
static void forget(rill_link *l, uint64_t id, bool fulfilled)
{
    http_session *session = session_of(l);
    http_request *r = rill_map_get(&session->server->requests, id);
    if (r == NULL || r->session != session)
        return;
    rill_web_connection *c = r->connection;
    if (r->later != NULL && fulfilled)
        http_request_not_posted(r);
    http_request_free(r);
    if (c != NULL)
        rill_web_drop(c);
}

/* Another session of the account may take it: F02 lets the node ask that. */
static void reject_unwanted(rill_task *task)
{
    static const char why[] = "the destination only sends, over HTTP";
    http_session *session = RILL_CONTAINER(task, http_session, rejecting);
    rill_link *l = &session->link;
    rill_reject reject = {.code = rill_ilp_code_of(RILL_ILP_F02_UNREACHABLE),
                          .message = {(const uint8_t *)why, sizeof why - 1}};
    uint8_t packet[128];
    size_t len = 0;
    int error = rill_reject_encode(&reject, packet, sizeof packet, &len);
    while (!rill_list_empty(&session->unwanted)) {
        http_unwanted *u =
            RILL_CONTAINER(rill_list_pop_front(&session->unwanted), http_unwanted, node);
        uint64_t cookie = u->cookie;
        rill_blocks_give(&session->server->web.blocks, u);
        if (session->closing || error != RILL_OK)
            l->on.unanswered(l, cookie, RILL_ERR_CLOSED, false, l->user);
        else
            l->on.reply(l, cookie, packet, len, l->user);
    }
}

static int send_packet(rill_link *l, uint64_t cookie, const uint8_t *packet, size_t len)
{
    http_session *session = session_of(l);
    if (!session->up)
        return RILL_ERR_NOT_CONNECTED;
    if (session->account != NULL && session->account->uri != NULL)
        return http_account_send(session, cookie, packet, len);
    http_unwanted *u = rill_blocks_take(&session->server->web.blocks, sizeof *u);
    if (u == NULL)
        return RILL_ERR_NOMEM;
    u->cookie = cookie;
    rill_list_push_back(&session->unwanted, &u->node);
    rill_loop_defer(session->server->loop, &session->rejecting);
    return RILL_OK;
}

static void end(rill_task *task)
{
    http_session *session = RILL_CONTAINER(task, http_session, ending);
    rill_http_link_server *s = session->server;
    rill_link *l = &session->link;
    rill_task_cancel(&session->rejecting);
    reject_unwanted(&session->rejecting);
    rill_task_cancel(&session->rejecting);
    if (session->account != NULL && http_account_close(session))
        return; /* its link comes back to this when it has closed */
    http_account_free(session->account);
    if (session->owned)
        l->on.closed(l, l->user);
    rill_list_remove(&session->node);
    rill_free(rill_allocator_default(), session);
    http_server_maybe_free(s);
}

static void begin_end(http_session *session)
{
    if (session->closing)
        return;
    session->closing = true;
    session->over = true;
    session->up = false;
    if (session->has_token)
        rill_bearers_drop(&session->server->bearers, session->token);
    /* Who asked is not kept waiting for an answer that nobody will give any more. */
    while (!rill_list_empty(&session->requests)) {
        http_request *r = RILL_CONTAINER(session->requests.next, http_request, of_session);
        rill_web_connection *c = r->connection;
        http_request_free(r);
        if (c != NULL)
            rill_web_drop(c);
    }
    rill_loop_defer(session->server->loop, &session->ending);
}

void http_session_close(http_session *session)
{
    begin_end(session);
}

static void close_link(rill_link *l)
{
    begin_end(session_of(l));
}

void http_session_end(http_session *session, int error, const char *why)
{
    rill_link *l = &session->link;
    if (session->over)
        return;
    session->over = true;
    session->up = false;
    if (session->owned)
        l->on.down(l, error, why, true, l->user);
    else
        begin_end(session);
}

void http_sessions_look(rill_http_link_server *s, uint64_t now)
{
    for (rill_list *n = s->sessions.next, *next; n != &s->sessions; n = next) {
        next = n->next;
        http_session *session = RILL_CONTAINER(n, http_session, node);
        if (session->account == NULL && rill_list_empty(&session->requests) &&
            now - session->used_at >= s->options.idle_timeout / RILL_MS)
            http_session_end(session, RILL_ERR_IDLE, "asked nothing for too long");
    }
}

static const rill_link_ops session_ops = {
    .is_up = is_up,
    .send = send_packet,
    .reply = reply,
    .close = close_link,
    .waits = waits,
    .forget = forget,
};

int http_session_make(rill_http_link_server *s, rill_bytes token, http_session **out)
{
    http_session *session = rill_calloc(rill_allocator_default(), 1, sizeof *session);
    if (session == NULL)
        return RILL_ERR_NOMEM;
    session->server = s;
    session->link.ops = &session_ops;
    session->link.loop = s->loop;
    session->link.only_asks = true;
    rill_list_init(&session->requests);
    rill_list_init(&session->unwanted);
    rill_task_init(&session->rejecting, reject_unwanted);
    rill_task_init(&session->ending, end);
    int error = rill_bearers_add(&s->bearers, token, (uint64_t)(uintptr_t)session, session->token);
    if (error != RILL_OK) {
        rill_free(rill_allocator_default(), session);
        return error;
    }
    session->has_token = true;
    rill_list_push_back(&s->sessions, &session->node);
    *out = session;
    return RILL_OK;
}

int http_session_admit(http_session *session, rill_bytes name, rill_bytes token)
{
    const rill_http_link_server_options *o = &session->server->options;
    const rill_link_handlers *handlers = NULL;
    int error =
        o->authenticate(o->owner, name, token, &session->link, &handlers, &session->link.user);
    if (error != RILL_OK) {
        begin_end(session);
        return error;
    }
    session->link.on = *handlers;
    if (session->account != NULL && session->account->out != NULL)
        session->account->out->account = session->link.account;
    session->owned = true;
    session->up = true;
    session->link.on.up(&session->link, session->link.user);
    return RILL_OK;
}

static int session_new(rill_http_link_server *s, rill_bytes token, http_session **out)
{
    int error = http_session_make(s, token, out);
    return error == RILL_OK ? http_session_admit(*out, (rill_bytes){0}, token) : error;
}

int http_session_of(rill_http_link_server *s, rill_bytes token, http_session **out)
{
    uint64_t account = 0;
    int error = rill_bearers_find(&s->bearers, token, &account);
    if (error == RILL_OK)
        *out = (http_session *)(uintptr_t)account;
    else if (error == RILL_ERR_AUTH && !s->closing)
        error = session_new(s, token, out);
    if (error != RILL_OK)
        return error;
    http_session *session = *out;
    session->used_at = uv_now(s->loop->uv);
    return session->up ? RILL_OK : RILL_ERR_LIMIT;
}
