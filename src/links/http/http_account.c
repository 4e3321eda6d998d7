/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accounts that were added: each has any number of tokens to ask with, and a URI at which it is
 * asked by a link of its own. What that link says is said of the session.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "links/http/http_client.h"
#include "links/http/server_impl.h"

/* A neighbour that refused our token is tried again after so long: it may know it by then. */
#define RETRY_MS 5000

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void wipe_text(char *text)
{
    if (text != NULL)
        rill_wipe(text, strlen(text));
    rill_free(memory(), text);
}

void http_account_free(http_account *a)
{
    if (a == NULL)
        return;
    wipe_text(a->uri);
    wipe_text(a->name);
    wipe_text(a->callback_url);
    wipe_text(a->answers_url);
    rill_free(memory(), a);
}

static void log_about(const http_session *session, const char *what, const char *detail)
{
    const rill_http_link_server_options *o = &session->server->options;
    char line[512];
    if (o->log == NULL || session->closing)
        return;
    snprintf(line, sizeof line, "account %.200s: %s%.250s", session->account->name, what, detail);
    o->log(o->owner, line);
}

/* ---- the link to it ---- */

static void on_out_up(rill_link *l, void *user)
{
    http_session *session = user;
    (void)l;
    if (session->account->lost)
        log_about(session, "it can be reached again", "");
    session->account->lost = false;
}

static void on_out_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    http_session *session = user;
    (void)error;
    if (!session->account->lost)
        log_about(session, "it cannot be reached: ", detail);
    session->account->lost = true;
    if (final)
        rill_link_close(l);
}

static void on_out_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                           void *user)
{
    (void)l;
    (void)request;
    (void)packet;
    (void)len;
    (void)user; /* a client of HTTP is asked nothing */
}

static void on_out_reply(rill_link *l, uint64_t cookie, const uint8_t *packet, size_t len,
                         void *user)
{
    http_session *session = user;
    (void)l;
    session->link.on.reply(&session->link, cookie, packet, len, session->link.user);
}

static void on_out_unanswered(rill_link *l, uint64_t cookie, int error, bool sent, void *user)
{
    http_session *session = user;
    (void)l;
    session->link.on.unanswered(&session->link, cookie, error, sent, session->link.user);
}

static void on_out_writable(rill_link *l, void *user)
{
    http_session *session = user;
    (void)l;
    if (session->up)
        session->link.on.writable(&session->link, session->link.user);
}

static void on_out_closed(rill_link *l, void *user)
{
    http_session *session = user;
    (void)l;
    session->account->out = NULL;
    if (session->closing) /* and has waited for this */
        rill_loop_defer(session->server->loop, &session->ending);
}

int http_account_open(http_session *session, const char **problem)
{
    static const rill_link_handlers handlers = {
        .size = sizeof handlers,
        .up = on_out_up,
        .down = on_out_down,
        .prepare = on_out_prepare,
        .reply = on_out_reply,
        .unanswered = on_out_unanswered,
        .writable = on_out_writable,
        .closed = on_out_closed,
    };
    http_account *a = session->account;
    rill_loop *loop = session->server->loop;
    a->tried_at = uv_now(loop->uv);
    int error =
        rill_http_link_open(&a->out, loop, a->uri, &a->options, &handlers, session, problem);
    if (error == RILL_OK)
        a->out->account = session->link.account;
    return error;
}

int http_account_send(http_session *session, uint64_t cookie, const uint8_t *packet, size_t len)
{
    http_account *a = session->account;
    const char *problem;
    if (a->out == NULL && uv_now(session->server->loop->uv) - a->tried_at >= RETRY_MS &&
        http_account_open(session, &problem) != RILL_OK)
        a->out = NULL;
    if (a->out == NULL)
        return RILL_ERR_NOT_CONNECTED;
    session->used_at = uv_now(session->server->loop->uv);
    return rill_link_send(a->out, cookie, packet, len);
}

bool http_account_close(http_session *session)
{
    http_account *a = session->account;
    for (; a->more_count > 0; a->more_count--)
        rill_bearers_drop(&session->server->bearers, a->more[a->more_count - 1]);
    if (a->out != NULL)
        rill_link_close(a->out);
    return a->out != NULL;
}
