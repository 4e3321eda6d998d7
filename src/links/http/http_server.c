/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/http/http_server.h"

#include "base/alloc.h"
#include "links/http/server_impl.h"
#include "ws/ws_origins.h"

void rill_http_link_server_options_init(rill_http_link_server_options *o)
{
    *o = (rill_http_link_server_options){
        .request_timeout = 10 * RILL_SECOND,
        .idle_timeout = 60 * RILL_SECOND,
        .max_connections = 20000,
        .max_requests = 100000,
    };
}

static int hash_token(void *user, rill_bytes token, uint8_t out[RILL_BEARER_HASH])
{
    rill_http_link_server *s = user;
    return rill_crypto_hmac(s->loop->crypto, s->key, sizeof s->key, token.data, token.len, out);
}

int rill_http_link_server_new(rill_http_link_server **out, rill_loop *loop,
                              const rill_http_link_server_options *o)
{
    uint64_t seeds[2];
    rill_http_link_server *s = rill_calloc(rill_allocator_default(), 1, sizeof *s);
    if (s == NULL)
        return RILL_ERR_NOMEM;
    s->loop = loop;
    s->options = *o;
    int error =
        rill_ws_origins_copy(&s->options.allow_origins, rill_allocator_default(), o->allow_origins);
    if (error == RILL_OK &&
        (rill_crypto_random(loop->crypto, s->key, sizeof s->key) != RILL_OK ||
         rill_crypto_random(loop->crypto, (uint8_t *)seeds, sizeof seeds) != RILL_OK))
        error = RILL_ERR_CRYPTO;
    if (error == RILL_OK)
        error = http_desk_hold(&s->desk, loop);
    if (error != RILL_OK) {
        rill_ws_origins_free(rill_allocator_default(), s->options.allow_origins);
        rill_wipe(s->key, sizeof s->key);
        rill_free(rill_allocator_default(), s);
        return error;
    }
    rill_bearers_init(&s->bearers, rill_allocator_default(), hash_token, s, seeds[0]);
    rill_map_init(&s->requests, rill_allocator_default(), seeds[1]);
    rill_list_init(&s->sessions);
    s->on_desk.log = o->log;
    s->on_desk.owner = o->owner;
    http_desk_add_server(s->desk, &s->on_desk);
    rill_web_init(&s->web, loop, &http_request_handlers, s);
    s->web.request_timeout = o->request_timeout;
    s->web.idle_timeout = o->idle_timeout;
    rill_web_start(&s->web);
    rill_loop_hold(loop);
    *out = s;
    return RILL_OK;
}

void rill_http_link_server_protocols(rill_http_link_server *s,
                                     rill_protocol out[RILL_HTTP_LINK_PROTOCOLS])
{
    rill_web_protocols(&s->web, out);
}

bool rill_http_link_server_takes_replies(const rill_http_link_server *s)
{
    return http_desk_has_link(s->desk);
}

void rill_http_link_server_drain(rill_http_link_server *s)
{
    rill_web_drain(&s->web);
}

static void on_web_closed(void *owner)
{
    rill_http_link_server *s = owner;
    s->web_closed = true;
    http_server_maybe_free(s);
}

void rill_http_link_server_close(rill_http_link_server *s, void (*closed)(void *owner))
{
    if (s->closing)
        return;
    s->closing = true;
    s->closed = closed;
    http_desk_remove_server(&s->on_desk);
    for (rill_list *n = s->sessions.next, *next; n != &s->sessions; n = next) {
        next = n->next;
        http_session_end(RILL_CONTAINER(n, http_session, node), RILL_ERR_CLOSED,
                         "the node is closing");
    }
    rill_web_close(&s->web, on_web_closed);
}
