/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"
#include "base/sized.h"
#include "run/host.h"

struct rill_server {
    rill_host *host;
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void on_ready(void *owner)
{
    rill_server *s = owner;
    void *user;
    const rill_handlers *h = rill_host_handlers(s->host, &user);
    if (!h->server_ready)
        return;
    rill_host_before_handler(s->host);
    h->server_ready(s, user);
    rill_host_after_handler(s->host);
}

static void on_closed(void *owner, const rill_handlers *h, void *user, int error,
                      const char *detail)
{
    if (h->closed)
        h->closed(error, detail, user);
    rill_free(memory(), owner);
}

int rill_server_open(rill_server **out, rill_loop *loop, const rill_net_options *options,
                     const char **problem)
{
    static const rill_host_hooks hooks = {.ready = on_ready, .closed = on_closed};
    const char *ignored;
    if (!problem)
        problem = &ignored;
    *problem = NULL;
    rill_net_options o;
    int rc = rill_net_options_take(&o, options, problem);
    if (rc == RILL_OK && o.account) {
        *problem = "an account is for clients";
        rc = RILL_ERR_INVALID;
    }
    if (rc != RILL_OK)
        return rc;
    rill_server *s = rill_calloc(memory(), 1, sizeof *s);
    if (!s) {
        *problem = rill_strerror(RILL_ERR_NOMEM);
        return RILL_ERR_NOMEM;
    }
    rill_endpoint_options endpoint;
    rill_endpoint_options_init(&endpoint);
    endpoint.server_secret = o.server_secret;
    endpoint.max_connections = o.max_connections;
    endpoint.connection = o.connection;
    endpoint.crypto = o.crypto;
    endpoint.instance = o.instance;
    rc = rill_host_open(&s->host, loop, &o, &endpoint, 0, &hooks, s, problem);
    if (rc != RILL_OK) {
        rill_free(memory(), s);
        return rc;
    }
    *out = s;
    return RILL_OK;
}

int rill_server_generate_credentials(rill_server *server, const rill_credentials_options *options,
                                     rill_credentials *out)
{
    return rill_endpoint_generate_credentials(rill_host_endpoint(server->host), options, out);
}

const char *rill_server_address(const rill_server *server)
{
    return rill_endpoint_address(rill_host_endpoint(server->host));
}

const char *rill_server_asset_code(const rill_server *server)
{
    return rill_endpoint_asset_code(rill_host_endpoint(server->host));
}

uint8_t rill_server_asset_scale(const rill_server *server)
{
    return rill_endpoint_asset_scale(rill_host_endpoint(server->host));
}

void rill_server_pause(rill_server *server, bool pause)
{
    rill_host_pause(server->host, pause);
}

void rill_server_get_waiting_sized(const rill_server *server, rill_waiting *out, size_t size)
{
    rill_waiting waiting;
    rill_host_waiting(server->host, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

void rill_server_close(rill_server *server)
{
    rill_host_end(server->host, RILL_OK, NULL);
}
