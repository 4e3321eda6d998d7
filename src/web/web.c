/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "web/web.h"

enum { TICK_MS = 1000, MAX_KEPT = 16 * 1024 * 1024 };

/* Once a second: who is silent for too long. */
static void on_tick(uv_timer_t *timer)
{
    rill_web *w = timer->data;
    uint64_t now = uv_now(w->loop->uv);
    for (rill_list *n = w->connections.next, *next; n != &w->connections; n = next) {
        next = n->next;
        rill_web_look(RILL_CONTAINER(n, rill_web_connection, node), now);
    }
    if (w->on->second != NULL)
        w->on->second(w->owner, now);
}

void rill_web_init(rill_web *w, rill_loop *loop, const rill_web_handlers *on, void *owner)
{
    *w = (rill_web){.loop = loop,
                    .request_timeout = 10 * RILL_SECOND,
                    .idle_timeout = 60 * RILL_SECOND,
                    .on = on,
                    .owner = owner};
    rill_http_limits_init(&w->limits);
    rill_blocks_init(&w->blocks, rill_allocator_default(), MAX_KEPT);
    rill_list_init(&w->connections);
    rill_task_init(&w->relief, rill_web_relieve);
}

void rill_web_start(rill_web *w)
{
    /* Neither can fail. */
    (void)uv_timer_init(w->loop->uv, &w->tick);
    w->tick.data = w;
    w->ticking = true;
    (void)uv_timer_start(&w->tick, on_tick, TICK_MS, TICK_MS);
}

static int take_1(void *user, rill_tcp *t)
{
    return rill_web_take(user, t, RILL_HTTP_1);
}

static int take_2(void *user, rill_tcp *t)
{
    return rill_web_take(user, t, RILL_HTTP_2);
}

void rill_web_protocols(rill_web *w, rill_protocol out[RILL_WEB_PROTOCOLS])
{
    out[0] = (rill_protocol){.alpn = "h2", .sniff = rill_sniff_http2, .take = take_2, .user = w};
    out[1] =
        (rill_protocol){.alpn = "http/1.1", .sniff = rill_sniff_http1, .take = take_1, .user = w};
}

void rill_web_drain(rill_web *w)
{
    if (w->draining)
        return;
    w->draining = true;
    for (rill_list *n = w->connections.next, *next; n != &w->connections; n = next) {
        next = n->next;
        rill_web_drain_connection(RILL_CONTAINER(n, rill_web_connection, node));
    }
}

static void on_tick_closed(uv_handle_t *handle)
{
    rill_web *w = handle->data;
    w->ticking = false;
    rill_web_one_less(w);
}

void rill_web_close(rill_web *w, void (*closed)(void *owner))
{
    if (w->closing)
        return;
    w->closing = true;
    w->closed = closed;
    rill_task_cancel(&w->relief);
    for (rill_list *n = w->connections.next, *next; n != &w->connections; n = next) {
        next = n->next;
        rill_web_drop(RILL_CONTAINER(n, rill_web_connection, node));
    }
    uv_close((uv_handle_t *)&w->tick, on_tick_closed);
}

void rill_web_clear(rill_web *w)
{
    rill_blocks_clear(&w->blocks);
}
