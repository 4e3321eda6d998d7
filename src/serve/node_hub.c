/* SPDX-License-Identifier: Apache-2.0 */
/* The hub of a node: what it asks for, its timer, and the end of both. */
#define _POSIX_C_SOURCE 200809L

#include "base/alloc.h"
#include "io/large_pages.h"
#include "serve/node_impl.h"

void rill_node_hub_options(rill_hub_options *hub, const rill_node_options *o)
{
    rill_hub_options_init(hub);
    hub->allocator = o->allocator != NULL ? o->allocator : rill_allocator_large_pages();
    hub->address = o->address;
    hub->asset_code = o->asset_code;
    hub->asset_scale = o->asset_scale;
    hub->max_packet_amount = o->max_packet_amount;
    hub->rate_limit = o->rate_limit;
    hub->min_message_window = o->min_message_window_ms;
    hub->max_hold_time = o->max_hold_time_ms;
    hub->max_accounts = o->max_accounts;
    hub->max_sessions = o->max_sessions;
    hub->returning_ns = o->returning_ns;
    hub->max_open = o->max_open;
    hub->max_open_from = o->max_open_from;
}

static rill_now on_now(void *user)
{
    const rill_node *n = user;
    return rill_loop_clock(n->loop);
}

static void on_tick(uv_timer_t *timer)
{
    const rill_node *n = timer->data;
    rill_loop_stale(n->loop);
    rill_hub_tick(n->hub);
}

static void on_wake(void *user, uint64_t deadline)
{
    rill_node *n = user;
    if (n->closing)
        return;
    if (deadline == RILL_NEVER) {
        uv_timer_stop(&n->tick);
        return;
    }
    uint64_t now = on_now(n).mono_ns;
    /* Rounded up: a tick that comes too early would only have to come again. */
    uint64_t ms = deadline > now ? (deadline - now + RILL_MS - 1) / RILL_MS : 0;
    (void)uv_timer_start(&n->tick, on_tick, ms, 0);
}

void rill_node_is_drained(rill_node *n)
{
    if (!n->closing)
        rill_loop_defer(n->loop, &n->draining);
}

static void on_drained(void *user)
{
    rill_node_is_drained(user);
}

static void say_drained(rill_task *task)
{
    rill_node *n = RILL_CONTAINER(task, rill_node, draining);
    rill_loop *loop = n->loop;
    uv_unref((uv_handle_t *)&n->tick);
    /* What was answered leaves, however long the application takes. */
    rill_loop_push(loop);
    if (n->on.drained != NULL)
        n->on.drained(n->user);
    rill_loop_stale(loop);
}

static void on_line(void *user, rill_log_level level, const char *line)
{
    rill_node *n = user;
    n->on.log(level, line, n->user);
}

static void on_told(void *user, rill_log_level level, const char *line, const rill_log_about *about)
{
    rill_node *n = user;
    if (n->told != NULL)
        n->told(level, line, about, n->user);
    else
        n->on.log(level, line, n->user);
}

void rill_node_tell_about(rill_node *n, rill_node_told *told)
{
    n->told = told;
}

int rill_node_open_hub(rill_node *n, const rill_node_options *o)
{
    rill_hub_options hub;
    rill_node_hub_options(&hub, o);
    hub.now = on_now;
    hub.wake = on_wake;
    hub.drained = on_drained;
    hub.user = n;
    if (n->on.log != NULL)
        hub.log = (rill_log){on_line, n, o->log_level, on_told};
    return rill_hub_new(&n->hub, &hub);
}

/* Sessions keep the loop running while there is something to do: the timer does so only from
 * rill_node_stop until the node is drained. */
void rill_node_start_timer(rill_node *n)
{
    (void)uv_timer_init(n->loop->uv, &n->tick);
    uv_unref((uv_handle_t *)&n->tick);
    n->tick.data = n;
}

static void on_tick_closed(uv_handle_t *handle)
{
    rill_node *n = handle->data;
    rill_loop *loop = n->loop;
    if (n->on.closed != NULL)
        n->on.closed(n->user);
    rill_loop_stale(loop);
    rill_hub_free(n->hub);
    rill_free(rill_allocator_default(), n);
    rill_loop_drop(loop);
}

void rill_node_port_gone(rill_node *n)
{
    if (n->closing && rill_list_empty(&n->ports) && n->uplink == NULL)
        uv_close((uv_handle_t *)&n->tick, on_tick_closed);
}

void rill_node_hub_init(rill_node *n)
{
    rill_task_init(&n->draining, say_drained);
}
