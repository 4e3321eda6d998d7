/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client's end of one HTTP connection, HTTP/1.1 or HTTP/2, without the connection:
 * requests go in and bytes come out, bytes go in and responses come out. Of a request that gets
 * no response it is said whether the server can have seen any of it.
 *
 * HTTP/1.1 carries one request at a time; who wants more opens more connections.
 *
 * Its owner has the clock, and gives each request a time of its own: rill_http_client_cancel ends
 * one, and in HTTP/2 the others go on.
 */
#ifndef RILL_HTTP_CLIENT_H
#define RILL_HTTP_CLIENT_H

#include "http/message.h"
#include "http/server.h"

typedef struct rill_http_client rill_http_client;

/*
 * From inside feed, end, output and lost. They may send and
 * cancel requests, and drain, no more. */
typedef struct rill_http_client_handlers {
    /* The response to the request of this outgoing_id. m is good until this returns. */
    void (*response)(void *owner, uint64_t outgoing_id, const rill_http_message *m);
    /*
     * There will be none. sent false: the server has not looked at it for certain, and it may
     * be sent again elsewhere.
     */
    void (*failed)(void *owner, uint64_t outgoing_id, int error, bool sent);
} rill_http_client_handlers;

typedef struct rill_http_request {
    rill_bytes method;             /* "POST" */
    rill_bytes scheme;             /* "http" or "https" */
    rill_bytes authority;          /* host, and port where it is not the scheme's */
    rill_bytes path;               /* with the query */
    const rill_http_field *fields; /* none that HTTP makes itself: no host, length, connection */
    size_t field_count;            /* at most RILL_HTTP_MAX_SENT */
    rill_bytes body;
} rill_http_request;

/*
 * protocol is HTTP_1 or HTTP_2. blocks, limits and on stay where they are until it is freed.
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_http_client_new(rill_http_client **out, rill_blocks *blocks,
                                         const rill_http_limits *limits,
                                         rill_http_protocol protocol,
                                         const rill_http_client_handlers *on, void *owner);
/* Says nothing of requests that are open. NULL is allowed. */
void rill_http_client_free(rill_http_client *c);

/* How many requests it takes now. 0 for good where it is ending. */
size_t rill_http_client_room(const rill_http_client *c);
/*
 * Sends a request, copied. *handle is for rill_http_client_cancel; NULL is allowed.
 * RILL_ERR_BLOCKED: no room. RILL_ERR_INVALID: what cannot be sent. RILL_ERR_CLOSED: it takes
 * none any more. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_http_client_request(rill_http_client *c, const rill_http_request *r,
                                             uint64_t outgoing_id, uint64_t *handle);
/*
 * Nobody waits for this response any more; nothing is said of it. HTTP/1.1 can then not go on:
 * the connection is done.
 */
void rill_http_client_cancel(rill_http_client *c, uint64_t handle);

/* As the functions of rill_http_server. */
RILL_MUST_CHECK int rill_http_client_feed(rill_http_client *c, const uint8_t *data, size_t len);
RILL_MUST_CHECK int rill_http_client_output(rill_http_client *c, rill_bytes *out);
bool rill_http_client_is_done(const rill_http_client *c);
/* The server has ended its side of the connection. The connection is done. */
void rill_http_client_end(rill_http_client *c);
/*
 * The connection is lost; of the bytes of output, handed from the first on may have left.
 * Whatever is open has failed. It is done.
 */
void rill_http_client_lost(rill_http_client *c, int error, uint64_t handed);
/* Takes no further request; done when no response is waited for any more. */
void rill_http_client_drain(rill_http_client *c);

size_t rill_http_client_open_count(const rill_http_client *c);
/* HTTP/1.1: the server said that it keeps an idle connection for so many ms; UINT32_MAX: nothing.
 */
uint32_t rill_http_client_idle_ms(const rill_http_client *c);
const char *rill_http_client_problem(const rill_http_client *c);

#endif
