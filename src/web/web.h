/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every server that speaks HTTP has in common: connections that a listener has handed over,
 * HTTP/1.1 and HTTP/2, their output, and who is silent for too long. What the requests mean is its
 * owner's business. Each comes with its connection and a handle, and is answered by them, at any
 * time and in any order.
 */
#ifndef RILL_WEB_WEB_H
#define RILL_WEB_WEB_H

#include "http/server.h"
#include "io/listener.h"

typedef struct rill_web rill_web;

/* What a connection takes that asks nothing: of HTTP/2, most of it nghttp2's, and of HTTP/1.1. */
#define RILL_WEB_IDLE   ((size_t)40 * 1024)
#define RILL_WEB_IDLE_1 ((size_t)2 * 1024)

typedef struct rill_web_connection {
    rill_web *web;
    rill_tcp *tcp; /* NULL: it is being closed */
    rill_http_server *http;
    rill_list node;
    rill_list requests; /* the owner's: what it has not answered yet */
    bool known;         /* the owner's: it is no stranger. Default: false */
    rill_task flush;
    rill_task ending;
    uint64_t heard_at; /* uv_now() when it last brought something, or was answered */
    uint64_t amid_at;  /* the same when a request began, ended, or was answered */
    uint64_t read_at;  /* uv_now() when the client last read something, or had nothing to read */
    size_t written;    /* bytes that were given to the socket; it wraps */
    size_t taken;      /* ... of which the client had taken so many when it was looked last */
    bool over;         /* nothing is to be read or written any more */
    size_t leaving;    /* bytes that it still holds, and is over for their sake */
    size_t idle;       /* bytes that it may hold without asking anything */
} rill_web_connection;

/* Only request may not be NULL. */
typedef struct rill_web_handlers {
    /* A whole request: answer it now or later. m is good until this returns. */
    void (*request)(void *owner, rill_web_connection *c, uint64_t handle,
                    const rill_http_message *m);
    /* The client that asked has gone. An answer to this handle is ignored. */
    void (*gone)(void *owner, rill_web_connection *c, uint64_t handle);
    /*
     * HTTP/1.1: a request without a body asks for another protocol. true: the owner has given the
     * socket to somebody, who is shown what came behind the request. false, or NULL: it is a
     * request like others.
     */
    bool (*upgrade)(void *owner, rill_web_connection *c, const rill_http_message *m);
    /* It is over: what has not been answered on it never will be. */
    void (*over)(void *owner, rill_web_connection *c);
    /* It is freed when this returns. */
    void (*ended)(void *owner, rill_web_connection *c);
    /* Once a second; now is uv_now(). */
    void (*second)(void *owner, uint64_t now);
    /* A line for the log about somebody outside. */
    void (*log)(void *owner, const char *line);
} rill_web_handlers;

struct rill_web {
    rill_loop *loop;
    rill_blocks blocks; /* the owner may take from it; with `wipe`, what is written is wiped too */
    rill_http_limits limits;
    uint64_t request_timeout; /* from the first byte of a request to its last. Default: 10 s */
    uint64_t idle_timeout;    /* of a connection; and of a client that does not read what it
                                 was answered. Default: 60 s */
    /* 0: no limit. Where one more comes, the one that is silent the longest and asks nothing goes;
       if all ask, the new one. Default: 0 */
    size_t max_connections;
    /*
     * Bytes of `blocks` that are in use, beside what each connection may hold that asks nothing.
     * Where they are more, the connection goes that holds most of them, strangers first, and of
     * those who are known only one that holds more than the mean. Default: 0, as many as all output
     * of the loop (its max_storage)
     */
    size_t max_memory;
    size_t count;   /* of connections */
    size_t idle;    /* what all of them may hold without asking anything */
    size_t leaving; /* of these, what goes with connections that are over */
    rill_task relief;
    const rill_web_handlers *on;
    void *owner;
    rill_listener *listener; /* of rill_web_listen; NULL: it has no port of its own */
    rill_list connections;
    uv_timer_t tick;
    bool ticking; /* the timer is not closed yet */
    bool draining;
    bool closing;
    void (*closed)(void *owner);
};

/* The timeouts may be set after it. It stays where it is until it was closed. Cannot fail. */
void rill_web_init(rill_web *w, rill_loop *loop, const rill_web_handlers *on, void *owner);
/* From now on it looks who is silent, and ends by rill_web_close. Before: by rill_web_clear. */
void rill_web_start(rill_web *w);
/*
 * Opens a port of its own, and starts. port says where and for how many strangers; what they speak
 * and who is told lines is set here. The errors of rill_listener_open: then it has not started.
 */
RILL_MUST_CHECK int rill_web_listen(rill_web *w, const rill_listener_options *port);
/* Of its own port; 0: it has none, or a path. */
uint16_t rill_web_port(const rill_web *w);
/* As rill_listener_renew_tls, of its own port. Without one there is nothing to do. */
RILL_MUST_CHECK int rill_web_renew_tls(const rill_web *w, const char *cert_file,
                                       const char *key_file);
/* What a listener of somebody else is to know, in this order. */
#define RILL_WEB_PROTOCOLS 2
void rill_web_protocols(rill_web *w, rill_protocol out[RILL_WEB_PROTOCOLS]);
/* Takes no new connection, and no further request on those that there are. */
void rill_web_drain(rill_web *w);
/*
 * Closes its own port and every connection; then calls closed(owner), from the loop. A listener of
 * somebody else is gone, or will be. The blocks stay until rill_web_clear.
 */
void rill_web_close(rill_web *w, void (*closed)(void *owner));
/* After `closed`, when every block has come back. */
void rill_web_clear(rill_web *w);

/* As rill_http_respond; it leaves in this turn of the loop. */
RILL_MUST_CHECK int rill_web_respond(rill_web_connection *c, uint64_t handle,
                                     const rill_http_response *r);
/* The same. Where that fails the connection is closed; one that asked and has gone is ignored. */
void rill_web_give(rill_web_connection *c, uint64_t handle, const rill_http_response *r);
/* Texts that stay until the response is given. */
rill_http_field rill_web_field(const char *name, const char *value);
/* As rill_http_go_on and rill_http_go_no_further. Where they fail the connection is closed. */
void rill_web_go_on(rill_web_connection *c, uint64_t handle, rill_bytes more);
void rill_web_go_no_further(rill_web_connection *c, uint64_t handle);
/* Bytes of an answer that goes on which the system has not taken yet. */
size_t rill_web_behind(const rill_web_connection *c, uint64_t handle);
/* A text for people with this status. Where that fails the connection is closed. */
void rill_web_say(rill_web_connection *c, uint64_t handle, unsigned status, const char *text);
/* Closes it, whatever waits. */
void rill_web_drop(rill_web_connection *c);
/* A line about it for the log. */
void rill_web_log(const rill_web_connection *c, const char *what);

/* web_connection.c */
/* As `take` of rill_protocol. */
RILL_MUST_CHECK int rill_web_take(rill_web *w, rill_tcp *t, rill_http_protocol protocol);
/* Those that hold more memory than all may end: the task of rill_web.relief. */
void rill_web_relieve(rill_task *relief);
/* As many seconds have passed as tell who is silent. */
void rill_web_look(rill_web_connection *c, uint64_t now);
void rill_web_drain_connection(rill_web_connection *c);
/* A connection has ended, the timer, or the port: the last tells the owner of one that closes. */
void rill_web_one_less(rill_web *w);

#endif
