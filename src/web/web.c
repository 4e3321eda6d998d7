/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "web/web.h"

#include <string.h>

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

static void on_listener_log(void *user, const char *line)
{
    const rill_web *w = user;
    if (w->on->log != NULL)
        w->on->log(w->owner, line);
}

int rill_web_listen(rill_web *w, const rill_listener_options *port)
{
    rill_protocol protocols[RILL_WEB_PROTOCOLS];
    rill_listener_options o = *port;
    rill_web_protocols(w, protocols);
    o.protocols = protocols;
    o.protocol_count = RILL_WEB_PROTOCOLS;
    o.log = on_listener_log;
    o.user = w;
    int rc = rill_listener_open(&w->listener, w->loop, &o);
    if (rc == RILL_OK)
        rill_web_start(w);
    return rc;
}

uint16_t rill_web_port(const rill_web *w)
{
    return w->listener == NULL ? 0 : rill_listener_port(w->listener);
}

int rill_web_renew_tls(const rill_web *w, const char *cert_file, const char *key_file)
{
    return w->listener == NULL ? RILL_OK
                               : rill_listener_renew_tls(w->listener, cert_file, key_file);
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

static void on_listener_closed(void *user)
{
    rill_web *w = user;
    w->listener = NULL;
    rill_web_one_less(w);
}

void rill_web_close(rill_web *w, void (*closed)(void *owner))
{
    if (w->closing)
        return;
    w->closing = true;
    w->closed = closed;
    rill_task_cancel(&w->relief);
    if (w->listener != NULL)
        rill_listener_close(w->listener, on_listener_closed);
    for (rill_list *n = w->connections.next, *next; n != &w->connections; n = next) {
        next = n->next;
        rill_web_drop(RILL_CONTAINER(n, rill_web_connection, node));
    }
    uv_close((uv_handle_t *)&w->tick, on_tick_closed);
}

rill_http_field rill_web_field(const char *name, const char *value)
{
    return (rill_http_field){{(const uint8_t *)name, strlen(name)},
                             {(const uint8_t *)value, strlen(value)}};
}

void rill_web_give(rill_web_connection *c, uint64_t handle, const rill_http_response *r)
{
    int rc = rill_web_respond(c, handle, r);
    if (rc != RILL_OK && rc != RILL_ERR_NOT_FOUND && !c->over)
        rill_web_drop(c);
}

void rill_web_clear(rill_web *w)
{
    rill_blocks_clear(&w->blocks);
}
