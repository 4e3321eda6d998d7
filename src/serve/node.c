/* SPDX-License-Identifier: Apache-2.0 */
/* A node: what it is made of, and what can be asked of it. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "serve/node_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- options ---- */

void rill_node_options_init_sized(rill_node_options *o, size_t size)
{
    rill_hub_options hub;
    rill_hub_options_init(&hub);
    const rill_node_options defaults = {
        .address = hub.address,
        .asset_code = hub.asset_code,
        .asset_scale = hub.asset_scale,
        .max_packet_amount = hub.max_packet_amount,
        .rate_limit = hub.rate_limit,
        .min_message_window_ms = hub.min_message_window,
        .max_hold_time_ms = hub.max_hold_time,
        .max_accounts = hub.max_accounts,
        .max_sessions = hub.max_sessions,
        .max_open = hub.max_open,
        .max_open_from = hub.max_open_from,
        .uplink_asks = true,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* Takes what the program gave. */
static int take_options(rill_node_options *full, const rill_node_options *given,
                        const char **problem)
{
    rill_hub_options hub;
    rill_node_options_init(full);
    int error = given != NULL ? rill_sized_take(full, sizeof *full, given) : RILL_OK;
    if (error != RILL_OK) {
        *problem = rill_options_problem(error);
        return error;
    }
    *problem = "the address and the asset code must not be NULL";
    if (full->address == NULL || full->asset_code == NULL)
        return RILL_ERR_INVALID;
    rill_node_hub_options(&hub, full);
    *problem = rill_hub_options_problem(&hub);
    return *problem == NULL ? RILL_OK : RILL_ERR_INVALID;
}

const char *rill_node_options_problem(const rill_node_options *o)
{
    rill_node_options full;
    const char *problem;
    return take_options(&full, o, &problem) == RILL_OK ? NULL : problem;
}

/* ---- the node ---- */

/* After an error nothing of it is on the loop. */
static int begin(rill_node *n, const rill_node_options *o, const char **problem)
{
    /* Whether it asks or not: what needs no answer is checked before anything is opened. */
    int error = o->uplink == NULL || !o->uplink_asks ? rill_node_open_hub(n, o) : RILL_OK;
    if (error == RILL_OK && o->uplink != NULL) {
        error = rill_node_open_uplink(n, o, problem);
        if (error != RILL_OK)
            rill_hub_free(n->hub);
    }
    if (error == RILL_OK)
        rill_node_start_timer(n);
    return error;
}

int rill_node_open(rill_node **out, rill_loop *loop, const rill_node_options *options,
                   const rill_node_handlers *handlers, void *user, const char **problem)
{
    const char *ignored;
    rill_node_options o;
    rill_node_handlers on = {.size = sizeof on, 0};
    if (problem == NULL)
        problem = &ignored;
    int error = take_options(&o, options, problem);
    if (error != RILL_OK)
        return error;
    error = rill_sized_take(&on, sizeof on, handlers);
    if (error != RILL_OK) {
        *problem = rill_options_problem(error);
        return error;
    }
    rill_node *n = rill_calloc(memory(), 1, sizeof *n);
    error = n != NULL ? RILL_OK : RILL_ERR_NOMEM;
    if (n != NULL) {
        n->loop = loop;
        n->on = on;
        n->user = user;
        rill_list_init(&n->ports);
        rill_node_hub_init(n);
        rill_task_init(&n->telling, NULL); /* uplink.c */
        n->options = o;
        *problem = NULL;
        error = begin(n, &o, problem);
    }
    if (error != RILL_OK) {
        if (*problem == NULL)
            *problem = rill_strerror(error);
        rill_free(memory(), n);
        return error;
    }
    rill_loop_hold(loop);
    *out = n;
    return RILL_OK;
}

void rill_node_stop(rill_node *n)
{
    if (n->stopped)
        return;
    n->stopped = true;
    rill_node_stop_ports(n);
    if (n->hub != NULL) {
        uv_ref((uv_handle_t *)&n->tick); /* who has asked has left, perhaps: it is waited for */
        rill_hub_drain(n->hub);
    } else {
        rill_node_is_drained(n); /* nothing has come yet */
    }
}

void rill_node_abandon(rill_node *n)
{
    if (!n->closing && n->hub != NULL)
        rill_hub_abandon(n->hub);
}

void rill_node_close(rill_node *n)
{
    if (n->closing)
        return;
    n->closing = true;
    n->stopped = true;
    rill_task_cancel(&n->draining);
    rill_task_cancel(&n->telling);
    uv_timer_stop(&n->tick);
    if (n->uplink != NULL)
        rill_way_close(n->uplink);
    rill_node_close_ports(n);
    rill_node_port_gone(n);
}

void rill_node_get_stats_sized(const rill_node *n, rill_node_stats *out, size_t size)
{
    const rill_node_stats stats = {
        .open = n->hub == NULL ? 0 : rill_hub_open(n->hub),
        .accounts = n->hub == NULL ? 0 : rill_hub_accounts(n->hub),
        .uplink_up = n->uplink != NULL && n->uplink->up,
    };
    rill_sized_give(out, size, &stats, sizeof stats);
}

int rill_node_get_identity_sized(const rill_node *n, rill_node_identity *out, size_t size)
{
    rill_node_identity identity = {.asset_scale = 0};
    if (n->hub == NULL)
        return RILL_ERR_STATE;
    snprintf(identity.address, sizeof identity.address, "%s", rill_hub_address(n->hub));
    snprintf(identity.asset_code, sizeof identity.asset_code, "%s",
             rill_hub_asset(n->hub, &identity.asset_scale));
    rill_sized_give(out, size, &identity, sizeof identity);
    return RILL_OK;
}

int rill_node_get_account_sized(const rill_node *n, const char *name, rill_node_account *out,
                                size_t size)
{
    rill_node_account account;
    if (n->hub == NULL)
        return RILL_ERR_NOT_FOUND;
    int error =
        rill_hub_account(n->hub, (rill_bytes){(const uint8_t *)name, strlen(name)}, &account);
    if (error == RILL_OK)
        rill_sized_give(out, size, &account, sizeof account);
    return error;
}

bool rill_node_next_account_sized(const rill_node *n, size_t *cursor, rill_node_account *out,
                                  size_t size)
{
    rill_node_account account;
    if (n->hub == NULL || !rill_hub_next_account(n->hub, cursor, &account))
        return false;
    rill_sized_give(out, size, &account, sizeof account);
    return true;
}
