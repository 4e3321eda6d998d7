/* SPDX-License-Identifier: Apache-2.0 */
/* An address that rilld listens on: BTP alone, or ILP over HTTP with BTP beside it. */
#ifndef RILL_CLI_RILLD_PORT_H
#define RILL_CLI_RILLD_PORT_H

#include "links/btp/btp_server.h"
#include "links/http/http_server.h"

typedef struct rilld_port {
    rill_btp_server *btp;
    rill_http_link_server *http; /* NULL: BTP alone */
    rill_listener *own;          /* with http: the listener of both */
    unsigned parts;              /* servers and listener that are not closed yet */
    void (*closed)(void *owner);
    void *owner;
    /* The options' own. */
    int (*authenticate)(void *user, rill_bytes name, rill_bytes token, rill_link *session,
                        const rill_link_handlers **handlers, void **link_user);
    void (*log)(void *user, const char *line);
    void *user;
} rilld_port;

/*
 * http: NULL for BTP alone. btp->listen says where, in both cases, and btp->authenticate, log and
 * owner are for both: http's own are not used. *p stays where it is until it is closed. The errors
 * of rill_btp_server_open and of rill_http_link_server_new; then nothing is open.
 */
RILL_MUST_CHECK int rilld_port_open(rilld_port *p, rill_loop *loop,
                                    const rill_btp_server_options *btp,
                                    const rill_http_link_server_options *http);
rill_listener *rilld_port_listener(const rilld_port *p);
/* Takes no further connection; over HTTP, no further request. */
void rilld_port_stop(rilld_port *p);
/* closed(owner) follows. */
void rilld_port_close(rilld_port *p, void (*closed)(void *owner), void *owner);

#endif
