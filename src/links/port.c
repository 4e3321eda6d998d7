/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/port.h"

#include "base/alloc.h"
#include "links/btp/btp_server.h"
#include "links/http/http_server.h"

struct rill_port {
    rill_port_options options; /* without pointers that the caller may take back */
    rill_btp_server *btp;
    rill_http_link_server *http; /* NULL: BTP alone */
    rill_listener *own;          /* with http: the listener of both */
    bool stopped;
    unsigned parts;              /* servers and listener that are not closed yet */
    void (*closed)(void *owner); /* NULL: it never was its caller's */
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static int on_websocket(void *owner, rill_tcp *t, const rill_ws_handshake *agreed)
{
    rill_port *p = owner;
    return rill_btp_server_upgrade(p->btp, t, agreed);
}

static int on_authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                           const rill_link_handlers **handlers, void **user)
{
    rill_port *p = owner;
    return p->options.authenticate(p->options.owner, name, token, session, handlers, user);
}

/*
 * Of BTP. A session of a node that stops is of no use: its packets would be refused, and it would
 * soon be lost. Who comes now is told to come again, to the process after this one.
 */
static int on_authenticate_btp(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                               const rill_link_handlers **handlers, void **user)
{
    const rill_port *p = owner;
    return p->stopped ? RILL_ERR_CLOSED
                      : on_authenticate(owner, name, token, session, handlers, user);
}

static void on_log(void *owner, const char *line)
{
    rill_port *p = owner;
    if (p->options.log != NULL)
        p->options.log(p->options.owner, line);
}

static void on_part_closed(void *owner)
{
    rill_port *p = owner;
    if (--p->parts > 0)
        return;
    void (*closed)(void *owner) = p->closed;
    void *user = p->options.owner;
    rill_free(memory(), p);
    if (closed != NULL)
        closed(user);
}

static int open_btp(rill_port *p, rill_loop *loop, const rill_port_options *o)
{
    rill_btp_server_options btp;
    rill_btp_server_options_init(&btp);
    btp.listen = o->listen;
    if (o->http)
        btp.listen.host = NULL;
    btp.allow_origins = o->allow_origins;
    btp.auth_timeout = o->auth_timeout;
    btp.idle_timeout = o->idle_timeout;
    btp.max_sessions = o->max_sessions;
    btp.authenticate = on_authenticate_btp;
    btp.log = on_log;
    btp.owner = p;
    int error = rill_btp_server_open(&p->btp, loop, &btp);
    p->parts += error == RILL_OK;
    return error;
}

static int open_http(rill_port *p, rill_loop *loop, const rill_port_options *o)
{
    rill_http_link_server_options http;
    rill_http_link_server_options_init(&http);
    http.allow_origins = o->allow_origins;
    http.idle_timeout = o->idle_timeout;
    http.max_connections = o->max_sessions;
    http.authenticate = on_authenticate;
    http.websocket = on_websocket;
    http.log = on_log;
    http.owner = p;
    int error = rill_http_link_server_new(&p->http, loop, &http);
    p->parts += error == RILL_OK;
    return error;
}

static int open_listener(rill_port *p, rill_loop *loop, const rill_port_options *o)
{
    rill_listener_options listen = o->listen;
    rill_protocol protocols[RILL_HTTP_LINK_PROTOCOLS];
    rill_http_link_server_protocols(p->http, protocols);
    listen.protocols = protocols;
    listen.protocol_count = RILL_HTTP_LINK_PROTOCOLS;
    listen.log = on_log;
    listen.user = p;
    int error = rill_listener_open(&p->own, loop, &listen);
    p->parts += error == RILL_OK;
    return error;
}

void rill_port_options_init(rill_port_options *o)
{
    rill_btp_server_options btp;
    rill_btp_server_options_init(&btp);
    *o = (rill_port_options){
        .listen = btp.listen,
        .auth_timeout = btp.auth_timeout,
        .idle_timeout = btp.idle_timeout,
        .max_sessions = btp.max_sessions,
    };
}

static void close_parts(rill_port *p)
{
    /* The last of them frees the port, perhaps before this returns. */
    rill_btp_server *btp = p->btp;
    rill_listener *own = p->own;
    rill_http_link_server *http = p->http;
    if (p->parts == 0) {
        rill_free(memory(), p);
        return;
    }
    if (btp != NULL)
        rill_btp_server_close(btp, on_part_closed);
    if (own != NULL)
        rill_listener_close(own, on_part_closed);
    if (http != NULL)
        rill_http_link_server_close(http, on_part_closed);
}

int rill_port_open(rill_port **out, rill_loop *loop, const rill_port_options *o)
{
    rill_port *p = rill_calloc(memory(), 1, sizeof *p);
    if (p == NULL)
        return RILL_ERR_NOMEM;
    p->options = (rill_port_options){
        .authenticate = o->authenticate, .log = o->log, .owner = o->owner, .http = o->http};
    int error = open_btp(p, loop, o);
    if (error == RILL_OK && o->http)
        error = open_http(p, loop, o);
    if (error == RILL_OK && o->http)
        error = open_listener(p, loop, o);
    if (error != RILL_OK) {
        /* Parts of it may need a while to end, and the caller's are gone by then. */
        p->options.log = NULL;
        close_parts(p);
        return error;
    }
    *out = p;
    return RILL_OK;
}

int rill_port_add_http_account(rill_port *p, const rill_link_account *account, const char **problem)
{
    *problem = "the port takes no HTTP";
    return p->http != NULL ? rill_http_link_server_add(p->http, account, problem)
                           : RILL_ERR_INVALID;
}

rill_listener *rill_port_listener(const rill_port *p)
{
    return p->own != NULL ? p->own : rill_btp_server_listener(p->btp);
}

bool rill_port_takes_replies(const rill_port *p)
{
    return p->http != NULL && rill_http_link_server_takes_replies(p->http);
}

void rill_port_stop(rill_port *p)
{
    p->stopped = true;
    rill_btp_server_stop(p->btp);
    if (p->http == NULL || rill_port_takes_replies(p))
        return;
    rill_listener_stop(p->own);
    rill_http_link_server_drain(p->http);
}

void rill_port_close(rill_port *p, void (*closed)(void *owner))
{
    p->closed = closed;
    close_parts(p);
}
