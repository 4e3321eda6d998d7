/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BTP server: takes WebSocket connections from a listener, or from HTTP,
 * authenticates them, and gives each out as a rill_link. Sockets that say nothing
 * are timed out; slow ones delay nobody; all limits are options.
 */
#ifndef RILL_LINKS_BTP_SERVER_H
#define RILL_LINKS_BTP_SERVER_H

#include <rill/link.h>

#include "io/listener.h"
#include "ws/ws_handshake.h"

typedef struct rill_btp_server rill_btp_server;

typedef struct rill_btp_server_options {
    /*
     * A port that speaks BTP alone: its protocols, hello_timeout, log and user are the server's to
     * set. listen.host NULL: none, connections come by rill_btp_server_protocol or
     * rill_btp_server_upgrade from who has a listener.
     */
    rill_listener_options listen;
    /* NULL-terminated list of Origins that may connect from a browser; NULL: none. "*": any */
    const char *const *allow_origins;
    uint64_t auth_timeout; /* from accept to authenticated, nanoseconds. Default: 5 s */
    uint64_t idle_timeout; /* without a whole message or ping, nanoseconds. Default: 60 s */
    uint32_t max_sessions; /* authenticated; more are closed, code 1013. Default: 20000 */
    uint32_t max_requests; /* open in each direction of a session. Default: 10000 */
    /* Bytes that wait to be written before a client is dropped. Default: 16 MiB */
    size_t max_backlog;
    /*
     * Whose session is it? name may be empty; neither is NUL-terminated. On
     * RILL_OK sets *handlers and *user of the link that is being made; `up`
     * follows at once. RILL_ERR_AUTH refuses; RILL_ERR_LIMIT and RILL_ERR_CLOSED close, code 1013
     * (try again later).
     */
    int (*authenticate)(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                        const rill_link_handlers **handlers, void **user);
    /* A line for the log about somebody outside: refused, malformed, ... May be NULL. */
    void (*log)(void *owner, const char *line);
    void *owner;
} rill_btp_server_options;

void rill_btp_server_options_init(rill_btp_server_options *o);
/* RILL_ERR_NOMEM; those of rill_listener_open. */
RILL_MUST_CHECK int rill_btp_server_open(rill_btp_server **out, rill_loop *loop,
                                         const rill_btp_server_options *o);
/* Its own listener; NULL where it has none. */
rill_listener *rill_btp_server_listener(const rill_btp_server *s);
/* What another listener is to know: WebSocket comes as HTTP/1.1. It reads the request itself. */
rill_protocol rill_btp_server_protocol(rill_btp_server *s);
/* As rill_ws_upgrade, for who has read the request. Its origin has been checked there. */
RILL_MUST_CHECK int rill_btp_server_upgrade(rill_btp_server *s, rill_tcp *t,
                                            const rill_ws_handshake *agreed);
/* Its own listener takes no more; sessions go on. */
void rill_btp_server_stop(rill_btp_server *s);
/*
 * Closes every session too (their `down`, final, and `closed` come, also where
 * their owners do not close them); then calls closed(owner), which may be NULL.
 */
void rill_btp_server_close(rill_btp_server *s, void (*closed)(void *owner));

#endif
