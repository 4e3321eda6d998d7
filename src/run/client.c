/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"
#include "crypto/crypto.h"
#include "run/account.h"

/* On a host of its own, or on that of an account, among others. */
struct rill_client {
    rill_member member;     /* of the account; its account is NULL where there is none */
    rill_handlers handlers; /* so too: what the member's guest points at */
    rill_host *host;
    rill_connection *connection;
    rill_connection_options options;
    char *destination_account; /* until it is connected to */
    uint8_t *secret;           /* so too */
    size_t secret_len;
    int error; /* on an account: why it could not connect */
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void forget_credentials(rill_client *c)
{
    if (c->secret)
        rill_wipe(c->secret, c->secret_len);
    rill_free(memory(), c->secret);
    rill_free(memory(), c->destination_account);
    c->secret = NULL;
    c->destination_account = NULL;
}

/* Who is told: the host's application where it is the client's own. */
static const rill_handlers *handlers_of(const rill_client *c, void **user)
{
    if (!c->member.account)
        return rill_host_handlers(c->host, user);
    *user = c->member.guest.user;
    return &c->handlers;
}

static void close_by(rill_client *c, int error, const char *detail)
{
    if (!c->member.account) {
        rill_host_close(c->host, error, detail);
        return;
    }
    c->error = error;
    rill_account_leave(&c->member);
}

static int add_connection(rill_client *c, rill_connection *connection)
{
    if (c->member.account)
        return rill_account_connected(&c->member, connection);
    return rill_host_add_connection(c->host, connection, NULL);
}

static int connect_to_server(rill_client *c)
{
    rill_connection *connection = NULL;
    int rc = rill_host_reserve(c->host);
    if (rc == RILL_OK)
        rc = rill_endpoint_connect(rill_host_endpoint(c->host), rill_host_now(c->host),
                                   c->destination_account, c->secret, c->secret_len, &c->options,
                                   &connection);
    forget_credentials(c);
    if (rc == RILL_OK) {
        rc = add_connection(c, connection);
        if (rc != RILL_OK)
            rill_connection_close(connection, RILL_CLOSE_INTERNAL_ERROR, NULL);
    }
    if (rc == RILL_OK)
        c->connection = connection;
    return rc;
}

static void on_ready(void *owner)
{
    rill_client *c = owner;
    int rc = connect_to_server(c);
    if (rc != RILL_OK) {
        close_by(c, rc, rill_strerror(rc));
        return;
    }
    void *user;
    const rill_handlers *h = handlers_of(c, &user);
    if (!h->client_ready)
        return;
    rill_host_before_handler(c->host);
    h->client_ready(c, c->connection, user);
    rill_host_after_handler(c->host);
}

static void on_connection_end(void *owner, const rill_event *event, rill_guest *guest)
{
    rill_client *c = owner;
    (void)guest;
    if (event->connection != c->connection)
        return;
    c->connection = NULL;
    rill_host_close(c->host, event->error, event->message);
}

static void on_closed(void *owner, const rill_handlers *h, void *user, int error,
                      const char *detail)
{
    rill_client *c = owner;
    forget_credentials(c);
    if (h->closed)
        h->closed(error, detail, user);
    rill_free(memory(), c);
}

/* ---- on an account ---- */

static void on_link(void *owner, bool up, const char *detail)
{
    rill_client *c = owner;
    if (!c->handlers.link)
        return;
    rill_host_before_handler(c->host);
    c->handlers.link(up, detail, c->member.guest.user);
    rill_host_after_handler(c->host);
}

static void on_gone(void *owner, int error, const char *detail)
{
    rill_client *c = owner;
    c->connection = NULL;
    if (c->error != RILL_OK) {
        error = c->error;
        detail = rill_strerror(error);
    }
    on_closed(c, &c->handlers, c->member.guest.user, error, detail);
}

static int join(rill_client *c, rill_loop *loop, const rill_net_options *o, const char **problem)
{
    static const rill_member_hooks hooks = {on_ready, on_link, on_gone};
    int rc = o->handlers ? rill_sized_take(&c->handlers, sizeof c->handlers, o->handlers) : RILL_OK;
    if (rc != RILL_OK) {
        *problem = rill_options_problem(rc);
        return rc;
    }
    if (!rill_account_is_on(o->account, loop)) {
        *problem = "the account is on another loop";
        return RILL_ERR_INVALID;
    }
    c->member.guest = (rill_guest){&c->handlers, o->user};
    c->member.hooks = &hooks;
    c->member.owner = c;
    c->host = rill_account_host(o->account);
    rc = rill_account_join(o->account, &c->member);
    if (rc != RILL_OK)
        *problem = "the account is closed";
    return rc;
}

/* ---- its beginning ---- */

static int copy_credentials(rill_client *c, const char *destination_account, const uint8_t *secret,
                            size_t secret_len)
{
    if (secret_len == 0)
        return RILL_ERR_INVALID;
    size_t size = strlen(destination_account) + 1;
    c->destination_account = rill_alloc(memory(), size);
    c->secret = rill_alloc(memory(), secret_len);
    if (!c->destination_account || !c->secret)
        return RILL_ERR_NOMEM;
    memcpy(c->destination_account, destination_account, size);
    memcpy(c->secret, secret, secret_len);
    c->secret_len = secret_len;
    return RILL_OK;
}

static int open_client(rill_client *c, rill_loop *loop, const rill_net_options *o,
                       const char *destination_account, const uint8_t *secret, size_t secret_len,
                       const char **problem)
{
    static const rill_host_hooks hooks = {on_ready, on_connection_end, on_closed};
    rill_bytes address = {(const uint8_t *)destination_account, strlen(destination_account)};
    if (!rill_address_valid(address)) {
        *problem = "the destination account is not an ILP address";
        return RILL_ERR_ADDRESS;
    }
    int rc = copy_credentials(c, destination_account, secret, secret_len);
    if (rc != RILL_OK) {
        *problem = rc == RILL_ERR_INVALID ? "the shared secret is empty" : rill_strerror(rc);
        return rc;
    }
    /* As it is now: the application may have changed or freed its own by the time of `ready`. */
    if (o->connection) {
        rc = rill_connection_options_check(o->connection, problem);
        if (rc != RILL_OK)
            return rc;
        rill_connection_options_init(&c->options);
        rc = rill_sized_take(&c->options, sizeof c->options, o->connection);
        if (rc != RILL_OK)
            return rc;
    } else {
        rill_connection_options_init(&c->options);
    }
    if (o->account)
        return join(c, loop, o, problem);
    rill_endpoint_options endpoint;
    rill_endpoint_options_init(&endpoint);
    endpoint.accept = false;
    endpoint.max_connections = 1;
    endpoint.connection = &c->options;
    endpoint.crypto = o->crypto;
    return rill_host_open(&c->host, loop, o, &endpoint, o->connect_timeout_ns, &hooks, c, problem);
}

int rill_client_open(rill_client **out, rill_loop *loop, const rill_net_options *options,
                     const char *destination_account, const uint8_t *shared_secret,
                     size_t secret_len, const char **problem)
{
    const char *ignored;
    if (!problem)
        problem = &ignored;
    *problem = NULL;
    rill_net_options o;
    int rc = rill_net_options_take(&o, options, problem);
    if (rc != RILL_OK)
        return rc;
    rill_client *c = rill_calloc(memory(), 1, sizeof *c);
    if (!c) {
        *problem = rill_strerror(RILL_ERR_NOMEM);
        return RILL_ERR_NOMEM;
    }
    rc = open_client(c, loop, &o, destination_account, shared_secret, secret_len, problem);
    if (rc != RILL_OK) {
        forget_credentials(c);
        rill_free(memory(), c);
        return rc;
    }
    *out = c;
    return RILL_OK;
}

rill_connection *rill_client_connection(rill_client *client)
{
    return client->connection;
}

const char *rill_client_address(const rill_client *client)
{
    return rill_endpoint_address(rill_host_endpoint(client->host));
}

const char *rill_client_asset_code(const rill_client *client)
{
    return rill_endpoint_asset_code(rill_host_endpoint(client->host));
}

uint8_t rill_client_asset_scale(const rill_client *client)
{
    return rill_endpoint_asset_scale(rill_host_endpoint(client->host));
}

void rill_client_get_waiting_sized(const rill_client *client, rill_waiting *out, size_t size)
{
    rill_waiting waiting;
    rill_host_waiting(client->host, &waiting);
    if (client->connection && waiting.reason == RILL_WAIT_NOTHING)
        rill_connection_get_waiting(client->connection, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}

void rill_client_close(rill_client *client)
{
    close_by(client, RILL_OK, NULL);
}
