/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A BTP server: listens for WebSocket connections, authenticates them, and
 * gives each out as a rill_link. Sockets that say nothing are timed out; slow
 * ones delay nobody; all limits are options.
 */
#ifndef RILL_LINKS_BTP_SERVER_H
#define RILL_LINKS_BTP_SERVER_H

#include <rill/link.h>

typedef struct rill_btp_server rill_btp_server;

typedef struct rill_btp_server_options {
    const char *host; /* numeric address */
    uint16_t port;    /* 0: any that is free */
    /* NULL-terminated list of Origins that may connect from a browser; NULL: none. "*": any */
    const char *const *allow_origins;
    /* PEM files: btp+wss. Both NULL at first: btp+ws. */
    const char *cert_file;
    const char *key_file;
    uint64_t auth_timeout; /* from accept to authenticated: 5 s at first. Nanoseconds */
    uint64_t idle_timeout; /* without a message or ping, whole: 60 s at first. Nanoseconds */
    uint32_t max_sessions; /* authenticated: 20000 at first; more are closed, code 1013 */
    /*
     * Connections that have not authenticated: 1024 at first, at least 1. One more, and the
     * oldest is closed, so that those who say nothing keep nobody out; not before
     * as many milliseconds as this limit says, or 500, for which the newcomer waits.
     */
    uint32_t max_strangers;
    uint32_t max_requests; /* open in each direction of a session: 10000 at first */
    size_t max_backlog;    /* bytes that wait to be written before a client is dropped: 16 MiB */
    /*
     * Whose session is it? name may be empty; neither is NUL-terminated. On
     * RILL_OK sets *handlers and *user of the link that is being made; `up`
     * follows at once. RILL_ERR_AUTH refuses; RILL_ERR_LIMIT closes, code 1013
     * (try again later).
     */
    int (*authenticate)(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                        const rill_link_handlers **handlers, void **user);
    /* A line for the log about somebody outside: refused, malformed, ... May be NULL. */
    void (*log)(void *owner, const char *line);
    void *owner;
} rill_btp_server_options;

void rill_btp_server_options_init(rill_btp_server_options *o);
/* RILL_ERR_ADDRESS_IN_USE, RILL_ERR_INVALID (host), RILL_ERR_FILES, RILL_ERR_IO, RILL_ERR_NOMEM,
 * RILL_ERR_TLS. */
RILL_MUST_CHECK int rill_btp_server_open(rill_btp_server **out, rill_loop *loop,
                                         const rill_btp_server_options *o);
/* The port that it listens on. */
uint16_t rill_btp_server_port(const rill_btp_server *s);
/*
 * Certificates anew from these files, for connections to come; others go on with those
 * they have. RILL_ERR_TLS, RILL_ERR_NOMEM: all stays as it was; RILL_ERR_INVALID: it
 * serves without TLS.
 */
RILL_MUST_CHECK int rill_btp_server_renew_tls(rill_btp_server *s, const char *cert_file,
                                              const char *key_file);
/* Accepts no more; sessions go on. */
void rill_btp_server_stop(rill_btp_server *s);
/*
 * Closes every session too (their `down`, final, and `closed` come, also where
 * their owners do not close them); then calls closed(owner), which may be NULL.
 */
void rill_btp_server_close(rill_btp_server *s, void (*closed)(void *owner));

#endif
