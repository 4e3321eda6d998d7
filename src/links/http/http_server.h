/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ILP over HTTP, the server: a neighbour or a client posts a Prepare, and the Fulfill or Reject is
 * in the response; or, for an account whose link has the asynchronous form of RFC 35, is posted to
 * the neighbour by that link. Replies to such a link's own Prepares come here too. It takes
 * connections from a listener, HTTP/1.1 and HTTP/2, and gives each account out as a rill_link,
 * however many connections the account uses. A bearer token in each request says whose it is.
 *
 * Such a link brings Prepares and takes their replies. It can send only if its account was added
 * with a URI: without one there is no address to send a request to. A Prepare for such an account
 * is rejected with F02.
 */
#ifndef RILL_LINKS_HTTP_SERVER_H
#define RILL_LINKS_HTTP_SERVER_H

#include <rill/link.h>

#include "link/account.h"
#include "web/web.h"
#include "ws/ws_handshake.h"

typedef struct rill_http_link_server rill_http_link_server;

typedef struct rill_http_link_server_options {
    uint64_t request_timeout; /* from the first byte of a request to its last. Default: 10 s */
    uint64_t idle_timeout;    /* of a connection, and of an account without one. Default: 60 s */
    uint32_t max_connections; /* that have brought a good token. Default: 20000 */
    uint32_t max_requests;    /* open on all connections. Default: 100000 */
    /* NULL-terminated list of Origins that may open a WebSocket; NULL: none. "*": any. Copied. */
    const char *const *allow_origins;
    /*
     * As of rill_btp_server_options, of a token alone: on RILL_OK sets *handlers and *user of the
     * link that is being made. RILL_ERR_AUTH refuses; RILL_ERR_LIMIT: T03, try again later.
     */
    int (*authenticate)(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                        const rill_link_handlers **handlers, void **user);
    /* A client asks for WebSocket, and may: see rill_ws_upgrade. NULL: nobody may. */
    int (*websocket)(void *owner, rill_tcp *t, const rill_ws_handshake *agreed);
    /* A line for the log about somebody outside. May be NULL. */
    void (*log)(void *owner, const char *line);
    void *owner;
} rill_http_link_server_options;

void rill_http_link_server_options_init(rill_http_link_server_options *o);
/* RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_http_link_server_new(rill_http_link_server **out, rill_loop *loop,
                                              const rill_http_link_server_options *o);
/*
 * An account that is there from now on, whoever connects: a link that is asked with its tokens, and
 * that sends to its URI. RILL_ERR_INVALID (no token, or one that can be none), RILL_ERR_EXISTS (a
 * token is another's), RILL_ERR_URI, RILL_ERR_UNSUPPORTED (the URI is not of HTTP), RILL_ERR_TLS,
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO, and what authenticate says. *problem is one line, static.
 */
RILL_MUST_CHECK int rill_http_link_server_add(rill_http_link_server *s, const rill_link_account *a,
                                              const char **problem);
/* What a listener is to know, in this order. */
#define RILL_HTTP_LINK_PROTOCOLS RILL_WEB_PROTOCOLS
void rill_http_link_server_protocols(rill_http_link_server *s,
                                     rill_protocol out[RILL_HTTP_LINK_PROTOCOLS]);
/* Links of this loop have asked their neighbours to post replies to a port (RFC 35). */
bool rill_http_link_server_takes_replies(const rill_http_link_server *s);
/* Takes no new connection, and no further request on those that there are. */
void rill_http_link_server_drain(rill_http_link_server *s);
/*
 * Its listener is gone. Closes every connection and session (their `down`, final, and `closed`
 * come); then calls closed(owner), which may be NULL.
 */
void rill_http_link_server_close(rill_http_link_server *s, void (*closed)(void *owner));

#endif
