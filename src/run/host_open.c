/* SPDX-License-Identifier: Apache-2.0 */
/* Making a host: its endpoint, its link, and what the endpoint asks of it. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "base/sized.h"
#include "run/host_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static rill_now on_clock(void *user)
{
    const rill_host *h = user;
    return rill_loop_now(h->loop);
}

static uint64_t on_wall_ns(void *user)
{
    (void)user;
    return rill_loop_wall_ns();
}

static void on_wake(void *user)
{
    rill_host_schedule(user);
}

static int configure(rill_host *h, const rill_net_options *o, const char **problem)
{
    if (!o->address)
        return RILL_OK;
    if (!o->asset_code) {
        *problem = "an address without IL-DCP needs an asset code too";
        return RILL_ERR_INVALID;
    }
    rill_bytes address = {(const uint8_t *)o->address, strlen(o->address)};
    rill_bytes code = {(const uint8_t *)o->asset_code, strlen(o->asset_code)};
    h->configured = true;
    int rc = rill_endpoint_set_account(h->endpoint, address, code, o->asset_scale);
    if (rc != RILL_OK)
        *problem = rill_strerror(rc);
    return rc;
}

static int open_parts(rill_host *h, const rill_net_options *o, rill_endpoint_options *endpoint,
                      const char **problem)
{
    int rc = o->handlers ? rill_sized_take(&h->handlers, sizeof h->handlers, o->handlers) : RILL_OK;
    if (rc != RILL_OK)
        *problem = rill_options_problem(rc);
    if (rc == RILL_OK && endpoint->connection)
        rc = rill_connection_options_check(endpoint->connection, problem);
    /* A client's only one: where it could not be noted its end would be told though it never was.
     */
    if (rc == RILL_OK)
        rc = rill_host_reserve(h);
    if (rc == RILL_OK)
        rc = rill_endpoint_new(&h->endpoint, endpoint);
    if (rc == RILL_ERR_UNSUPPORTED)
        *problem = "this build or this processor does not have the cryptography asked for";
    if (rc == RILL_OK)
        rc = configure(h, o, problem);
    if (rc == RILL_OK)
        rc = rill_host_open_link(h, o, problem);
    return rc;
}

int rill_host_open(rill_host **out, rill_loop *loop, const rill_net_options *o,
                   rill_endpoint_options *endpoint, uint64_t give_up_after,
                   const rill_host_hooks *hooks, void *owner, const char **problem)
{
    const char *ignored;
    if (!problem)
        problem = &ignored;
    *problem = NULL;
    rill_host *h = rill_calloc(memory(), 1, sizeof *h);
    if (!h) {
        *problem = rill_strerror(RILL_ERR_NOMEM);
        return RILL_ERR_NOMEM;
    }
    rill_host_init(h, loop);
    h->user = o->user;
    h->hooks = *hooks;
    h->owner = owner;
    h->close_at = RILL_NEVER;
    uint64_t now = rill_loop_now(loop).mono_ns;
    h->give_up_at = give_up_after ? rill_add_sat(now, give_up_after) : RILL_NEVER;
    h->account_time = o->connect_timeout_ns;
    h->account_until = RILL_NEVER;
    rill_account_query_init(&h->account);
    rill_map_init(&h->connections, rill_allocator_default(), now);
    endpoint->wake = on_wake;
    endpoint->user = h;
    endpoint->clock = on_clock;
    endpoint->wall_ns = on_wall_ns;
    int rc = open_parts(h, o, endpoint, problem);
    if (rc != RILL_OK) {
        if (!*problem)
            *problem = rill_strerror(rc);
        rill_endpoint_free(h->endpoint);
        rill_map_clear(&h->connections);
        rill_free(memory(), h);
        return rc;
    }
    rill_host_begin(h);
    *out = h;
    return RILL_OK;
}
