/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/demo_node.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "io/loop.h"
#include "links/btp/btp_server.h"
#include "node/node.h"

struct demo_node {
    rill_loop *loop;
    rill_node *node;
    rill_btp_server *server;
    uv_timer_t timer;
};

static rill_now on_now(void *user)
{
    demo_node *n = user;
    return rill_loop_clock(n->loop);
}

static void on_timer(uv_timer_t *timer)
{
    demo_node *n = timer->data;
    rill_node_tick(n->node);
}

static void on_wake(void *user, uint64_t deadline)
{
    demo_node *n = user;
    if (uv_is_closing((uv_handle_t *)&n->timer))
        return;
    if (deadline == RILL_NEVER) {
        uv_timer_stop(&n->timer);
        return;
    }
    uint64_t now = rill_loop_now(n->loop).mono_ns;
    uint64_t wait = deadline > now ? (deadline - now) / RILL_MS + 1 : 1;
    uv_timer_start(&n->timer, on_timer, wait, 0);
    /* The server's handles keep the loop running while there is something to do. */
    uv_unref((uv_handle_t *)&n->timer);
}

static int on_authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                           const rill_link_handlers **handlers, void **user)
{
    demo_node *n = owner;
    return rill_node_admit(n->node, name, token, session, handlers, user);
}

static int open_node(demo_node *n)
{
    rill_node_options node;
    rill_node_options_init(&node);
    node.now = on_now;
    node.wake = on_wake;
    node.user = n;
    int rc = rill_node_new(&n->node, &node);
    if (rc != RILL_OK)
        return rc;
    rill_btp_server_options server;
    rill_btp_server_options_init(&server);
    server.listen.host = "127.0.0.1";
    server.listen.port = 0;
    server.authenticate = on_authenticate;
    server.owner = n;
    return rill_btp_server_open(&n->server, n->loop, &server);
}

int demo_node_open(demo_node **out, rill_loop *loop, char *uri, size_t cap)
{
    demo_node *n = calloc(1, sizeof *n);
    if (!n)
        return RILL_ERR_NOMEM;
    n->loop = loop;
    uv_timer_init(rill_loop_uv(loop), &n->timer);
    n->timer.data = n;
    int rc = open_node(n);
    if (rc != RILL_OK) {
        demo_node_close(n);
        return rc;
    }
    snprintf(uri, cap, "btp+ws://127.0.0.1:%d",
             rill_listener_port(rill_btp_server_listener(n->server)));
    *out = n;
    return RILL_OK;
}

static void on_timer_closed(uv_handle_t *timer)
{
    demo_node *n = timer->data;
    rill_node_free(n->node);
    free(n);
}

static void on_server_closed(void *owner)
{
    demo_node *n = owner;
    uv_close((uv_handle_t *)&n->timer, on_timer_closed);
}

void demo_node_close(demo_node *n)
{
    if (!n)
        return;
    if (n->server)
        rill_btp_server_close(n->server, on_server_closed);
    else
        on_server_closed(n);
}
