/* SPDX-License-Identifier: Apache-2.0 */
/* A Prepare that was asked for over HTTP: its answer, and its end. */
#define _POSIX_C_SOURCE 200809L

#include "links/http/server_impl.h"

#define TEXT(literal)                                                                              \
    (rill_bytes)                                                                                   \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

int http_request_reply(rill_web_connection *c, uint64_t handle, rill_bytes packet)
{
    const rill_http_field field = {TEXT("content-type"), TEXT("application/octet-stream")};
    const rill_http_response r = {
        .status = 200, .fields = &field, .field_count = 1, .body = packet};
    return rill_web_respond(c, handle, &r);
}

void http_request_free(http_request *r)
{
    rill_http_link_server *s = r->session->server;
    rill_list_remove(&r->of_connection);
    rill_list_remove(&r->of_session);
    rill_map_remove(&s->requests, r->id);
    rill_blocks_give(&s->web.blocks, r);
}
