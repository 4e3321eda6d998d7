/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's end of one HTTP connection, HTTP/1.1 or HTTP/2, without the connection: bytes
 * go in, requests come out; responses go in, in any order, bytes come out. Its owner has the
 * socket and the clock, and decides for how long a client may be silent.
 *
 * HTTP/1.1 is served one request at a time: what a client sends ahead is kept until the request
 * before it is answered, and until its owner has taken what waits to be written. In HTTP/2 a
 * request is refused (REFUSED_STREAM) while too much of the answers before it is not sent yet.
 */
#ifndef RILL_HTTP_SERVER_H
#define RILL_HTTP_SERVER_H

#include "http/message.h"

typedef struct rill_http_server rill_http_server;

typedef enum rill_http_protocol {
    RILL_HTTP_AUTO, /* what the first bytes say: HTTP/2 by prior knowledge, else HTTP/1.1 */
    RILL_HTTP_1,
    RILL_HTTP_2
} rill_http_protocol;

/* From inside rill_http_server_feed and rill_http_server_end. They respond and drain, no more. */
typedef struct rill_http_server_handlers {
    /* A whole request: answer it with this handle, now or later. m is good until this returns. */
    void (*request)(void *owner, uint64_t handle, const rill_http_message *m);
    /* The client that asked has gone. An answer to this handle is ignored. */
    void (*gone)(void *owner, uint64_t handle);
    /*
     * HTTP/1.1: a request without a body asks for another protocol, such as WebSocket. raw is
     * all of it as it came, and what came behind it. true: the owner has taken the connection
     * over. false, or NULL: it is answered as a request like others.
     */
    bool (*upgrade)(void *owner, const rill_http_message *m, rill_bytes raw);
} rill_http_server_handlers;

typedef struct rill_http_response {
    unsigned status;               /* 200 to 599 */
    const rill_http_field *fields; /* none that HTTP makes itself: no length, no connection */
    size_t field_count;            /* at most RILL_HTTP_MAX_SENT */
    rill_bytes body;
    /* More of the body follows, by rill_http_go_on; nobody knows yet how much. */
    bool goes_on;
} rill_http_response;

#define RILL_HTTP_MAX_SENT 16

/* blocks, limits and on stay where they are until it is freed. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_http_server_new(rill_http_server **out, rill_blocks *blocks,
                                         const rill_http_limits *limits,
                                         rill_http_protocol protocol,
                                         const rill_http_server_handlers *on, void *owner);
/* Says nothing of requests that are open. NULL is allowed. */
void rill_http_server_free(rill_http_server *s);

/*
 * What has come. RILL_OK. RILL_ERR_CLOSED: it reads nothing any more; write what there is to
 * write, then close. RILL_ERR_NOMEM, likewise.
 */
RILL_MUST_CHECK int rill_http_server_feed(rill_http_server *s, const uint8_t *data, size_t len);
/*
 * It keeps what a client sent ahead, and the owner should read no more before this is false
 * again. When a response made it so, or output that was taken, feed it once with no bytes.
 */
bool rill_http_server_is_full(const rill_http_server *s);
/*
 * A request that has come is not read before output was taken: too much of it waits. Take it, then
 * feed with no bytes.
 */
bool rill_http_server_waits_for_room(const rill_http_server *s);
/* The client has ended its side of the connection. */
void rill_http_server_end(rill_http_server *s);
/*
 * The next bytes to write, all of which the caller takes: good until the next call of any
 * function. len 0: none now. RILL_ERR_NOMEM: the connection is of no use any more.
 */
RILL_MUST_CHECK int rill_http_server_output(rill_http_server *s, rill_bytes *out);
/* Once there is no more output: nothing else will happen here, the connection can be closed. */
bool rill_http_server_is_done(const rill_http_server *s);

/*
 * Answers. RILL_ERR_NOT_FOUND: who asked has gone. RILL_ERR_INVALID: a status or fields that
 * cannot be. RILL_ERR_NOMEM: not answered yet. RILL_ERR_LIMIT: likewise, since the client makes no
 * room for the answers that it has already.
 */
RILL_MUST_CHECK int rill_http_respond(rill_http_server *s, uint64_t handle,
                                      const rill_http_response *r);
/*
 * More of the body of an answer that goes on; it is copied. RILL_ERR_NOT_FOUND: who asked has gone,
 * or the answer does not go on (to HEAD it never does). RILL_ERR_NOMEM: a part of the body is
 * missing, and the connection is of no use any more.
 */
RILL_MUST_CHECK int rill_http_go_on(rill_http_server *s, uint64_t handle, rill_bytes more);
/* That was all of it. RILL_ERR_NOT_FOUND and RILL_ERR_NOMEM, likewise. */
RILL_MUST_CHECK int rill_http_go_no_further(rill_http_server *s, uint64_t handle);
/*
 * Bytes of an answer that goes on which the client has made no room for yet, and which are kept:
 * its owner should not add to many. 0: who asked has gone.
 */
size_t rill_http_behind(const rill_http_server *s, uint64_t handle);
/* HTTP/2: the client makes no room for a part of an answer, which is kept. */
bool rill_http_server_waits_for_reader(const rill_http_server *s);
/*
 * HTTP/2: ends each request that stands still by itself, where others of the connection may go on:
 * one that is not whole request_ms after it was first seen here, and one whose answer gets no room
 * for reader_ms. The stream is reset: REFUSED_STREAM for a request that nobody has seen, CANCEL for
 * an answer. Its owner is told by `gone` if the answer goes on.
 * To be called about once a second, and output taken after it. now: milliseconds of a clock that
 * never goes back. Returns how many it has ended. A client that leaves the head of a request
 * unfinished can say nothing else: then the connection reads no more, and
 * rill_http_server_problem says so.
 *
 * HTTP/1.1 has one request at a time, whose time is that of the connection: 0.
 */
size_t rill_http_server_end_late(rill_http_server *s, uint64_t now, uint64_t request_ms,
                                 uint64_t reader_ms);
/* Bytes that the connection holds here: requests, answers, and what HTTP itself needs. */
size_t rill_http_server_held(const rill_http_server *s);
/* Takes no further request, tells the client so, and is done when those that are open are answered.
 */
void rill_http_server_drain(rill_http_server *s);

/* Requests that are whole and not answered, or whose answer goes on. */
size_t rill_http_server_open_count(const rill_http_server *s);
/* A part of a request has come, and its end has not. */
bool rill_http_server_is_amid(const rill_http_server *s);
/* What the first bytes said; AUTO before. */
rill_http_protocol rill_http_server_protocol(const rill_http_server *s);
/* What was wrong with what a client sent: static, for people; NULL: nothing. */
const char *rill_http_server_problem(const rill_http_server *s);

#endif
