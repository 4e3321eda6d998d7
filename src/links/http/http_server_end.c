/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "base/alloc.h"
#include "links/http/server_impl.h"
#include "ws/ws_origins.h"

void http_server_maybe_free(rill_http_link_server *s)
{
    if (!s->web_closed || !rill_list_empty(&s->sessions))
        return;
    void (*closed)(void *owner) = s->closed;
    void *owner = s->options.owner;
    rill_loop *loop = s->loop;
    http_desk_drop(s->desk);
    rill_bearers_clear(&s->bearers);
    rill_map_clear(&s->requests);
    rill_web_clear(&s->web);
    rill_wipe(s->key, sizeof s->key);
    rill_ws_origins_free(rill_allocator_default(), s->options.allow_origins);
    rill_free(rill_allocator_default(), s);
    if (closed != NULL)
        closed(owner);
    rill_loop_drop(loop);
}
