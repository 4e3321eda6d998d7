/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the client share: the link, its sockets, and the requests on them. */
#ifndef RILL_LINKS_HTTP_CLIENT_IMPL_H
#define RILL_LINKS_HTTP_CLIENT_IMPL_H

#include "http/client.h"
#include "io/tcp.h"
#include "link/link_impl.h"
#include "link/uri.h"
#include "links/http/http_client.h"
#include "links/http/http_due.h"

typedef struct http_link http_link;

typedef struct http_socket {
    http_due due; /* first: until it is open */
    http_link *link;
    rill_tcp *tcp;
    rill_http_client *http; /* NULL: not open yet */
    rill_list node;
    rill_task flush;
    uint64_t idle_since; /* uv_now() when it last had nothing open */
    bool over;
} http_socket;

/* A Prepare that waits for a socket, or for its answer. */
typedef struct http_sending {
    http_due due; /* first */
    rill_list node;
    uint64_t cookie;
    uint64_t handle;
    http_socket *socket; /* NULL: it waits for one */
    unsigned tries;
    size_t len;
    uint8_t packet[];
} http_sending;

typedef enum http_state {
    LINK_WAITING, /* for the time to try */
    LINK_CONNECTING,
    LINK_UP,
    LINK_ENDED
} http_state;

/* What a socket tells its link. */
typedef struct http_socket_handlers {
    void (*opened)(http_link *k);
    void (*answered)(http_link *k, http_sending *x, const rill_http_message *m);
    void (*failed)(http_link *k, http_sending *x, int error, bool sent);
    /* It may take more requests than before. */
    void (*room)(http_link *k);
    /* It is of no use any more; opened: it had been open. */
    void (*lost)(http_link *k, bool opened, int error, const char *detail);
    /* It is freed. */
    void (*closed)(http_link *k);
} http_socket_handlers;

struct http_link {
    rill_link link; /* first */
    const http_socket_handlers *on;
    rill_uri uri;
    bool prior;       /* HTTP/2 without being asked */
    bool multiplexed; /* what the last connection spoke */
    rill_tls_context *tls;
    rill_blocks blocks;
    rill_http_limits limits;
    rill_list sockets;
    unsigned socket_count;
    unsigned connecting;
    rill_list queue; /* http_sending.node, that wait */
    unsigned queued;
    rill_list open; /* that are on their way */
    unsigned open_count;
    bool blocked; /* somebody was told to wait */
    bool proven;  /* the neighbour has taken a packet */
    bool refused; /* it does not know us */
    bool reconnect;
    bool closing;
    http_state state;
    uint64_t connect_timeout; /* ns */
    unsigned attempts;
    uint64_t down_since;
    char last_detail[128];
    http_dues dues;
    http_due retry;
    rill_task pump;
    rill_task ending;
    unsigned parts; /* sockets and dues */
    size_t authorization_len;
    char authorization[sizeof(((rill_uri *)0)->token) + 8];
};

/* http_socket.c */
RILL_MUST_CHECK int http_socket_open(http_link *k);
/* It takes requests now. */
bool http_socket_has_room(http_socket *s);
/* RILL_ERR_BLOCKED, RILL_ERR_CLOSED, RILL_ERR_NOMEM: it was not sent. */
RILL_MUST_CHECK int http_socket_send(http_socket *s, http_sending *x);
void http_socket_cancel(http_socket *s, http_sending *x);
/* Of no use any more. Requests of it that never left are sent elsewhere. */
void http_socket_retire(http_socket *s, int error);
/* It did not connect in time. */
void http_socket_too_late(http_socket *s);

#endif
