/* SPDX-License-Identifier: Apache-2.0 */
/* The ports of a node: whoever connects there becomes a session of an account of its hub. */
#define _POSIX_C_SOURCE 200809L

#include "links/port.h"

#include "base/alloc.h"
#include "base/sized.h"
#include "serve/node_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_node_port_options_init_sized(rill_node_port_options *o, size_t size)
{
    rill_port_options port;
    rill_port_options_init(&port);
    const rill_node_port_options defaults = {
        .host = port.listen.host,
        .port = port.listen.port,
        .max_strangers = port.listen.max_strangers,
        .max_sessions = port.max_sessions,
        .auth_timeout_ns = port.auth_timeout,
        .idle_timeout_ns = port.idle_timeout,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

static int on_authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                           const rill_link_handlers **handlers, void **user)
{
    const rill_node_port *p = owner;
    return rill_hub_admit(handlers, user, p->owner->hub, session, name, token);
}

static void on_log(void *owner, const char *line)
{
    const rill_node_port *p = owner;
    const rill_node *n = p->owner;
    if (n->on.log != NULL)
        n->on.log(RILL_LOG_WARNING, line, n->user);
}

static void on_closed(void *owner)
{
    rill_node_port *p = owner;
    rill_node *n = p->owner;
    rill_list_remove(&p->node);
    rill_free(memory(), p);
    rill_node_port_gone(n);
}

static const char *options_problem(const rill_node_port_options *o)
{
    if (o->host == NULL)
        return "the address to listen on must not be NULL";
    if ((o->cert_file == NULL) != (o->key_file == NULL))
        return "TLS needs both a certificate and its key";
    if (o->max_strangers == 0 || o->max_sessions == 0)
        return "a limit must be at least 1";
    if (o->auth_timeout_ns < RILL_MS || o->idle_timeout_ns < RILL_MS)
        return "a time limit must be at least a millisecond";
    return NULL;
}

static int take_options(rill_node_port_options *full, const rill_node_port_options *given,
                        const char **problem)
{
    rill_node_port_options_init(full);
    int error = given != NULL ? rill_sized_take(full, sizeof *full, given) : RILL_OK;
    *problem = error != RILL_OK ? rill_options_problem(error) : options_problem(full);
    return error == RILL_OK && *problem != NULL ? RILL_ERR_INVALID : error;
}

static int open_port(rill_node_port *p, const rill_node_port_options *o)
{
    rill_port_options port;
    rill_port_options_init(&port);
    port.listen.host = o->host;
    port.listen.port = o->port;
    port.listen.cert_file = o->cert_file;
    port.listen.key_file = o->key_file;
    port.listen.max_strangers = o->max_strangers;
    port.http = o->http;
    port.allow_origins = o->allow_origins;
    port.max_sessions = o->max_sessions;
    port.auth_timeout = o->auth_timeout_ns;
    port.idle_timeout = o->idle_timeout_ns;
    port.authenticate = on_authenticate;
    port.log = on_log;
    port.owner = p;
    return rill_port_open(&p->port, p->owner->loop, &port);
}

int rill_node_listen(rill_node_port **out, rill_node *n, const rill_node_port_options *options,
                     const char **problem)
{
    const char *ignored;
    rill_node_port_options o;
    if (problem == NULL)
        problem = &ignored;
    int error = take_options(&o, options, problem);
    if (error != RILL_OK)
        return error;
    if (n->stopped) {
        *problem = "the node has stopped";
        return RILL_ERR_CLOSED;
    }
    if (n->hub == NULL) {
        *problem = "the uplink has not said the node's address yet";
        return RILL_ERR_STATE;
    }
    rill_node_port *p = rill_calloc(memory(), 1, sizeof *p);
    error = p != NULL ? RILL_OK : RILL_ERR_NOMEM;
    if (p != NULL) {
        p->owner = n;
        error = open_port(p, &o);
    }
    if (error != RILL_OK) {
        *problem = rill_strerror(error);
        rill_free(memory(), p);
        return error;
    }
    rill_list_push_back(&n->ports, &p->node);
    *out = p;
    return RILL_OK;
}

uint16_t rill_node_port_number(const rill_node_port *p)
{
    return rill_listener_port(rill_port_listener(p->port));
}

int rill_node_port_renew_tls(rill_node_port *p, const char *cert_file, const char *key_file)
{
    if (cert_file == NULL || key_file == NULL)
        return RILL_ERR_INVALID;
    return rill_listener_renew_tls(rill_port_listener(p->port), cert_file, key_file);
}

void rill_node_port_close(rill_node_port *p)
{
    if (p->closing)
        return;
    p->closing = true;
    rill_port_close(p->port, on_closed);
}

void rill_node_stop_ports(rill_node *n)
{
    for (rill_list *at = n->ports.next; at != &n->ports; at = at->next) {
        const rill_node_port *p = RILL_CONTAINER(at, rill_node_port, node);
        if (!p->closing)
            rill_port_stop(p->port);
    }
}

void rill_node_close_ports(rill_node *n)
{
    for (rill_list *at = n->ports.next, *next; at != &n->ports; at = next) {
        next = at->next;
        rill_node_port_close(RILL_CONTAINER(at, rill_node_port, node));
    }
}
