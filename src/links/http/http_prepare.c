/* SPDX-License-Identifier: Apache-2.0 */
/* A Prepare that was asked for over HTTP: its beginning, its answer, and its end. */
#define _POSIX_C_SOURCE 200809L

#include <rill/ilp.h>

#include "links/http/http_async.h"
#include "links/http/http_outbox.h"
#include "links/http/server_impl.h"

#define TEXT(literal)                                                                              \
    (rill_bytes)                                                                                   \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

int http_request_open(http_session *session, rill_web_connection *c, uint64_t handle,
                      const http_later *later, http_request **out)
{
    rill_http_link_server *s = session->server;
    http_request *r = rill_blocks_take(&s->web.blocks, sizeof *r);
    if (r == NULL)
        return RILL_ERR_NOMEM;
    *r = (http_request){
        .id = s->next_request++, .handle = handle, .connection = c, .session = session};
    int error = RILL_OK;
    if (later != NULL) {
        r->later = rill_blocks_take(&s->web.blocks, sizeof *later);
        error = r->later != NULL ? RILL_OK : RILL_ERR_NOMEM;
    }
    if (error == RILL_OK)
        error = rill_map_put(&s->requests, r->id, r);
    if (error != RILL_OK) {
        rill_blocks_give(&s->web.blocks, r->later);
        rill_blocks_give(&s->web.blocks, r);
        return error;
    }
    rill_list_init(&r->of_connection);
    if (later != NULL) {
        *r->later = *later;
        session->later++;
    } else {
        rill_list_push_back(&c->requests, &r->of_connection);
    }
    rill_list_push_back(&session->requests, &r->of_session);
    *out = r;
    return RILL_OK;
}

void http_request_give(const http_request *r, rill_bytes packet)
{
    rill_link *l = &r->session->link;
    l->on.prepare(l, r->id, packet.data, packet.len, l->user);
}

int http_request_ask(http_session *session, rill_web_connection *c, uint64_t handle,
                     rill_bytes packet)
{
    http_request *r = NULL;
    int error = http_request_open(session, c, handle, NULL, &r);
    if (error == RILL_OK)
        http_request_give(r, packet);
    return error;
}

int http_request_reply(rill_web_connection *c, uint64_t handle, rill_bytes packet)
{
    const rill_http_field field = {TEXT("content-type"), TEXT("application/octet-stream")};
    const rill_http_response r = {
        .status = 200, .fields = &field, .field_count = 1, .body = packet};
    return rill_web_respond(c, handle, &r);
}

void http_request_not_posted(const http_request *r)
{
    http_session *session = r->session;
    http_desk *desk = session->server->desk;
    bool closed = http_desk_link_of(desk, session->link.account) == NULL;
    if (session->not_posted)
        return;
    session->not_posted = true;
    http_desk_log(desk, closed ? "a Fulfill could not be posted: the link to its neighbour is "
                                 "closed, and its books may differ from ours (more of this session "
                                 "is not logged)"
                               : "a Fulfill could not be posted: the link to its neighbour did not "
                                 "take it, and its books may differ from ours (more of this "
                                 "session is not logged)");
}

int http_request_post(const http_request *r, rill_bytes packet)
{
    const http_session *session = r->session;
    rill_link *l = http_desk_link_of(session->server->desk, session->link.account);
    if (l != NULL)
        return http_outbox_put(http_async_link(l), r->later->id, r->later->expires_ms, packet);
    if (packet.len > 0 && packet.data[0] == RILL_ILP_FULFILL)
        http_request_not_posted(r);
    return RILL_ERR_NOT_CONNECTED;
}

void http_request_free(http_request *r)
{
    rill_http_link_server *s = r->session->server;
    rill_list_remove(&r->of_connection);
    rill_list_remove(&r->of_session);
    rill_map_remove(&s->requests, r->id);
    if (r->later != NULL)
        r->session->later--;
    rill_blocks_give(&s->web.blocks, r->later);
    rill_blocks_give(&s->web.blocks, r);
}
