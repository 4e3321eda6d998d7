/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asynchronous replies (RFC 35), at the port: Prepares whose reply is posted to the neighbour by
 * the account's link, and replies to Prepares that left by it. Only an account that has such a link
 * has this, so that nobody can name a URL of their own to which this node would send requests.
 */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include <rill/ilp.h>

#include "links/http/http_async.h"
#include "links/http/http_client.h"
#include "links/http/http_outbox.h"
#include "links/http/server_impl.h"

/* The longest time in which a Request-Id is remembered, ms: no node holds a packet for longer. */
#define MOST_SEEN_MS UINT64_C(3600000)

static void say(rill_web_connection *c, uint64_t handle, unsigned status)
{
    const rill_http_response r = {.status = status};
    if (rill_web_respond(c, handle, &r) != RILL_OK)
        rill_web_drop(c);
}

static void refuse(rill_web_connection *c, uint64_t handle, const char *why)
{
    rill_web_say(c, handle, 400, why);
}

/* ---- replies to ours ---- */

/* Its Prepare may have left by a link that is closed by now, or have been too late. */
void http_later_stray(http_session *session, const rill_http_message *m)
{
    rill_link *l = &session->link;
    if (l->stray != NULL && m->body_len > 0 && m->body[0] == RILL_ILP_FULFILL)
        l->stray(l, m->body, m->body_len, l->stray_user);
}

static void take_reply(http_session *session, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m, rill_bytes field)
{
    http_id id;
    http_awaited *w = NULL;
    /* Whoever sent the Prepare looks at the rest, as at what comes in a response. */
    if (m->body_len == 0 || (m->body[0] != RILL_ILP_FULFILL && m->body[0] != RILL_ILP_REJECT)) {
        refuse(c, handle, "the body is no ILP packet");
        return;
    }
    if (http_id_parse(&id, field) == RILL_OK)
        w = http_desk_find(session->server->desk, &id, session->link.account);
    if (w == NULL) {
        http_later_stray(session, m);
        refuse(c, handle, "nothing waits for a reply with this Request-Id");
        return;
    }
    say(c, handle, 200);
    http_link_take_reply(w, (rill_bytes){m->body, m->body_len});
}

/* ---- Prepares of theirs ---- */

/* RILL_ERR_MALFORMED: it has been answered. */
static int check(const http_link *k, rill_web_connection *c, uint64_t handle,
                 const rill_http_message *m, rill_bytes field, http_id *id)
{
    rill_bytes url;
    int error = rill_http_find(m, "callback-url", &url);
    if (http_id_parse(id, field) != RILL_OK) {
        refuse(c, handle, "the Request-Id is no UUID");
        return RILL_ERR_MALFORMED;
    }
    if (error == RILL_ERR_NOT_FOUND || (error == RILL_OK && http_async_is_answers_url(k, url)))
        return RILL_OK;
    rill_web_log(c, "was refused: its Callback-Url is not the URL where its account is answered");
    refuse(c, handle, "the Callback-Url is not the one that was agreed");
    return RILL_ERR_MALFORMED;
}

/* It will be answered, or has not begun. The 202 leaves before anything that follows from it. */
static int begin(http_session *session, rill_web_connection *c, uint64_t handle,
                 const http_later *later, http_request **out)
{
    static const rill_http_response accepted = {.status = 202};
    int error = http_request_open(session, NULL, 0, later, out);
    if (error != RILL_OK)
        return error;
    error = rill_web_respond(c, handle, &accepted);
    if (error == RILL_OK)
        return RILL_OK;
    http_request_free(*out);
    rill_web_drop(c);
    return error;
}

static void take_prepare(http_session *session, http_link *k, rill_web_connection *c,
                         uint64_t handle, const rill_http_message *m, rill_bytes field)
{
    const rill_http_link_server *s = session->server;
    rill_prepare prepare;
    http_request *r = NULL;
    http_id id;
    uint64_t now = rill_loop_now(s->loop).wall_ms;
    if (rill_prepare_decode(&prepare, m->body, m->body_len) != RILL_OK) {
        refuse(c, handle, "the body is no ILP Prepare");
        return;
    }
    if (check(k, c, handle, m, field, &id) != RILL_OK)
        return;
    uint64_t until = prepare.expires_at_ms;
    if (until > now + MOST_SEEN_MS)
        until = now + MOST_SEEN_MS;
    int error = RILL_ERR_LIMIT;
    if (rill_map_count(&s->requests) < s->options.max_requests &&
        http_outbox_has_room(k, session->later))
        error = http_seen_add(&k->async->seen, &id, now, until);
    if (error == RILL_ERR_EXISTS) {
        say(c, handle, 202); /* it has been, and its reply comes, or has come */
        return;
    }
    if (error != RILL_OK) {
        rill_web_say(c, handle, 503, "too many requests are open");
        return;
    }
    http_later later = {.expires_ms = prepare.expires_at_ms};
    memcpy(later.id, field.data, sizeof later.id);
    error = begin(session, c, handle, &later, &r);
    if (error == RILL_OK) {
        http_request_give(r, (rill_bytes){m->body, m->body_len});
        return;
    }
    http_seen_remove(&k->async->seen, &id);
    if (!c->over)
        rill_web_say(c, handle, 503, "out of memory");
}

/* ---- both ---- */

bool http_later_take(http_session *session, rill_web_connection *c, uint64_t handle,
                     const rill_http_message *m)
{
    rill_bytes field;
    rill_link *l = NULL;
    if (http_desk_has_link(session->server->desk))
        l = http_desk_link_of(session->server->desk, session->link.account);
    if (l == NULL)
        return false;
    int error = rill_http_find(m, "request-id", &field);
    if (error == RILL_ERR_NOT_FOUND)
        return false;
    if (error != RILL_OK)
        refuse(c, handle, "there is more than one Request-Id");
    else if (m->body_len > 0 && m->body[0] == RILL_ILP_PREPARE)
        take_prepare(session, http_async_link(l), c, handle, m, field);
    else
        take_reply(session, c, handle, m, field);
    return true;
}
