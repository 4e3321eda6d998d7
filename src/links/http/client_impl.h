/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the client share: the link, its sockets, and the requests on them. */
#ifndef RILL_LINKS_HTTP_CLIENT_IMPL_H
#define RILL_LINKS_HTTP_CLIENT_IMPL_H

#include "http/client.h"
#include "io/tcp.h"
#include "link/link_impl.h"
#include "link/tries.h"
#include "link/uri.h"
#include "links/http/http_client.h"
#include "links/http/http_desk.h"
#include "links/http/http_due.h"
#include "links/http/http_seen.h"

typedef struct http_link http_link;

typedef struct http_socket {
    http_due due; /* first: until it is open */
    http_link *link;
    rill_tcp *tcp;
    rill_http_client *http; /* NULL: not open yet */
    rill_list node;
    rill_task flush;
    uint64_t idle_since; /* uv_now() when it last had nothing open */
    uint64_t heard_at;   /* uv_now() when anything came */
    bool over;
} http_socket;

typedef struct http_sending http_sending;

/* What a request has more where replies are asynchronous. */
typedef struct http_part {
    http_awaited awaited; /* of a Prepare */
    http_sending *sending;
    char id[HTTP_ID_TEXT];
    bool answer;         /* it is a reply of ours, and no Prepare */
    bool parked;         /* a Prepare: the neighbour has it, and its reply is still to come */
    bool told;           /* a Prepare: its owner has the reply, and the response is to come */
    uint64_t expires_ms; /* a reply: of its Prepare, by the wall clock */
    unsigned pauses;     /* a reply: how often it was not taken */
    bool doubt;          /* a reply: the neighbour may have taken it, and its word was lost */
} http_part;

/* A Prepare that waits for a socket, or for its answer; or a reply that the neighbour shall have.
 */
struct http_sending {
    http_due due; /* first */
    rill_list node;
    uint64_t cookie;
    uint64_t handle;
    http_socket *socket; /* NULL: it waits for one */
    http_part *part;     /* NULL: of the synchronous form */
    uint64_t sent_at;    /* uv_now() when it went to its socket */
    unsigned tries;
    size_t len;
    uint8_t packet[];
};

/* What a link has more where replies are asynchronous. */
typedef struct http_async {
    http_desk *desk;
    http_desk_link listed;
    char *callback_url;
    char *answers_url;  /* as the neighbour may name it */
    char *answers_path; /* with the query */
    rill_list ready;    /* http_sending.node: replies that wait for a socket */
    rill_list busy;     /* that are on one */
    rill_list resting;  /* that were not taken, until they are tried again */
    unsigned answers;   /* in all three */
    size_t bytes;       /* of these */
    uint64_t lost;      /* Fulfills that the neighbour never took, since the log last had a line */
    http_seen seen;
} http_async;

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
    bool pausing;      /* a connection could not be made: no further one is, for now */
    bool lingering;    /* it closes, and the neighbour does not have all our replies yet */
    bool over;         /* and is not waited for any longer */
    http_async *async; /* NULL: replies are synchronous */
    http_state state;
    uint64_t connect_timeout; /* ns */
    unsigned attempts;
    rill_tries tries; /* with a node that leaves before the link is up */
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

/* http_sending.c */

/* Sends what waits, soon. */
void http_link_pump(http_link *k);
/* Sends what waits, now, and connects where that takes more. */
void http_sendings_dispatch(http_link *k);
/* How long a reply to this Prepare may take, nanoseconds. */
uint64_t http_sending_wait(http_link *k, const uint8_t *packet, size_t len);
void http_sending_free(http_link *k, http_sending *x);
/* As of http_socket_handlers. */
void http_sending_answered(http_link *k, http_sending *x, const rill_http_message *m);
void http_sending_failed(http_link *k, http_sending *x, int error, bool sent);
/* Its time is over. */
void http_sending_too_late(http_link *k, http_sending *x);
/* There is no reply to one that may have been sent; its response is not waited for either. */
void http_sending_let_go(http_link *k, http_sending *x, int error);
/* Those that wait for a socket will have no reply. */
void http_sendings_fail(http_link *k, int error);

/* http_socket.c */
RILL_MUST_CHECK int http_socket_open(http_link *k);
/* It takes requests now. */
bool http_socket_has_room(http_socket *s);
/* RILL_ERR_BLOCKED, RILL_ERR_CLOSED, RILL_ERR_NOMEM: it was not sent. */
RILL_MUST_CHECK int http_socket_send(http_socket *s, http_sending *x);
void http_socket_cancel(http_socket *s, http_sending *x);
/* Its time is over: the same, and where nothing came since it left the socket takes no more. */
void http_socket_give_up(http_socket *s, http_sending *x);
/* Of no use any more. Requests of it that never left are sent elsewhere. */
void http_socket_retire(http_socket *s, int error);
/* It did not connect in time. */
void http_socket_too_late(http_socket *s);

#endif
