/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A port where neighbours connect, by whatever kind of link: BTP over WebSocket, and ILP over HTTP
 * beside it where that is wanted. Each account that comes is given out as a rill_link.
 */
#ifndef RILL_LINKS_PORT_H
#define RILL_LINKS_PORT_H

#include <rill/link.h>

#include "io/listener.h"
#include "link/account.h"

typedef struct rill_port rill_port;

typedef struct rill_port_options {
    /* Where, with which certificate. Its protocols, hello_timeout, log and user are the port's. */
    rill_listener_options listen;
    bool http; /* ILP over HTTP beside BTP. Default: false */
    /* NULL-terminated list of Origins that may open a WebSocket, copied; NULL: none. "*": any */
    const char *const *allow_origins;
    uint64_t auth_timeout; /* from accept to authenticated, nanoseconds. Default: 5 s */
    uint64_t idle_timeout; /* of a connection that brings nothing, nanoseconds. Default: 60 s */
    uint32_t max_sessions; /* of BTP; and of HTTP, connections. Default: 20000 */
    /* As of rill_btp_server_options. Over HTTP the name is empty. */
    int (*authenticate)(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                        const rill_link_handlers **handlers, void **user);
    /* A line about somebody outside. May be NULL. */
    void (*log)(void *owner, const char *line);
    void *owner;
} rill_port_options;

void rill_port_options_init(rill_port_options *o);
/* The errors of rill_btp_server_open and of rill_http_link_server_new. */
RILL_MUST_CHECK int rill_port_open(rill_port **out, rill_loop *loop, const rill_port_options *o);
/* As rill_http_link_server_add. RILL_ERR_INVALID: also, the port is of BTP alone. */
RILL_MUST_CHECK int rill_port_add_http_account(rill_port *p, const rill_link_account *account,
                                               const char **problem);
rill_listener *rill_port_listener(const rill_port *p);
/*
 * Links of this loop have asked their neighbours to post replies to a port. Then it goes on with
 * connections and requests of HTTP until it is closed: what is under way could not end.
 */
bool rill_port_takes_replies(const rill_port *p);
/* Takes no further connection; over HTTP, no further request, but see above. */
void rill_port_stop(rill_port *p);
/*
 * Closes every session too: their `down`, final, and `closed` come. Then calls closed(owner), with
 * the owner of the options, and is gone. Once.
 */
void rill_port_close(rill_port *p, void (*closed)(void *owner));

#endif
