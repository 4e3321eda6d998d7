/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "cli/rilld_port.h"

static int on_websocket(void *owner, rill_tcp *t, const rill_ws_handshake *agreed)
{
    rilld_port *p = owner;
    return rill_btp_server_upgrade(p->btp, t, agreed);
}

static int on_authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                           const rill_link_handlers **handlers, void **user)
{
    rilld_port *p = owner;
    return p->authenticate(p->user, name, token, session, handlers, user);
}

static void on_log(void *owner, const char *line)
{
    rilld_port *p = owner;
    if (p->log != NULL)
        p->log(p->user, line);
}

static void on_part_closed(void *owner)
{
    rilld_port *p = owner;
    if (--p->parts == 0 && p->closed != NULL)
        p->closed(p->owner);
}

static int open_http(rilld_port *p, rill_loop *loop, const rill_btp_server_options *btp,
                     const rill_http_link_server_options *given)
{
    rill_http_link_server_options http = *given;
    rill_listener_options listen = btp->listen;
    rill_protocol protocols[RILL_HTTP_LINK_PROTOCOLS];
    http.authenticate = on_authenticate;
    http.websocket = on_websocket;
    http.log = on_log;
    http.owner = p;
    int error = rill_http_link_server_new(&p->http, loop, &http);
    if (error != RILL_OK)
        return error;
    rill_http_link_server_protocols(p->http, protocols);
    listen.protocols = protocols;
    listen.protocol_count = RILL_HTTP_LINK_PROTOCOLS;
    listen.log = on_log;
    listen.user = p;
    error = rill_listener_open(&p->own, loop, &listen);
    if (error != RILL_OK)
        rill_http_link_server_close(p->http, NULL);
    return error;
}

int rilld_port_open(rilld_port *p, rill_loop *loop, const rill_btp_server_options *given,
                    const rill_http_link_server_options *http)
{
    rill_btp_server_options btp = *given;
    *p = (rilld_port){.authenticate = given->authenticate, .log = given->log, .user = given->owner};
    btp.authenticate = on_authenticate;
    btp.log = on_log;
    btp.owner = p;
    int error = http == NULL ? RILL_OK : open_http(p, loop, given, http);
    if (error != RILL_OK)
        return error;
    if (http != NULL)
        btp.listen.host = NULL;
    error = rill_btp_server_open(&p->btp, loop, &btp);
    if (error != RILL_OK && http != NULL) {
        rill_listener_close(p->own, NULL);
        rill_http_link_server_close(p->http, NULL);
    }
    p->parts = http == NULL ? 1 : 3;
    return error;
}

rill_listener *rilld_port_listener(const rilld_port *p)
{
    return p->http == NULL ? rill_btp_server_listener(p->btp) : p->own;
}

void rilld_port_stop(rilld_port *p)
{
    rill_btp_server_stop(p->btp);
    if (p->http == NULL)
        return;
    rill_listener_stop(p->own);
    rill_http_link_server_drain(p->http);
}

void rilld_port_close(rilld_port *p, void (*closed)(void *owner), void *owner)
{
    p->closed = closed;
    p->owner = owner;
    rill_btp_server_close(p->btp, on_part_closed);
    if (p->http == NULL)
        return;
    rill_listener_close(p->own, on_part_closed);
    rill_http_link_server_close(p->http, on_part_closed);
}
