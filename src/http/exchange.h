/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that are open on a connection, at either side, each under a handle that means
 * nothing any more once it has ended.
 */
#ifndef RILL_HTTP_EXCHANGE_H
#define RILL_HTTP_EXCHANGE_H

#include "http/message.h"

/* Server, HTTP/2: what it waits for from its client. */
typedef enum rill_http_wait {
    RILL_HTTP_WAITS_FOR_NOTHING,
    RILL_HTTP_WAITS_FOR_REQUEST, /* for the rest of it */
    RILL_HTTP_WAITS_FOR_ROOM     /* for its answer */
} rill_http_wait;

/* And since when it does so without getting on, as it was seen by who looks now and then. */
typedef struct rill_http_still {
    rill_http_wait wait;
    uint64_t since;  /* by the owner's clock */
    size_t body_at;  /* as of the exchange, then */
    uint64_t bodies; /* bytes of bodies that the connection had sent by then */
} rill_http_still;

typedef struct rill_http_exchange {
    uint32_t index;
    uint32_t generation;
    bool open;            /* its handle is good */
    bool answered;        /* server: the response is on its way */
    bool asked;           /* server: the request is whole, and its owner has been told */
    bool goes_on;         /* server: a part of the response is on its way, and more will follow */
    bool to_head;         /* server: the method is HEAD, and the response has no body */
    bool begun;           /* client: begins is set */
    bool doomed;          /* of HTTP/2: its stream is being reset, and nothing of it is read */
    bool headed;          /* server, HTTP/2: the head of the request is whole */
    int32_t stream;       /* of HTTP/2 */
    uint64_t outgoing_id; /* client: the owner's */
    uint64_t begins;      /* client: bytes of the connection's output before its first one */
    rill_http_message in;
    uint8_t *body; /* a block: what is sent; or NULL */
    size_t body_len;
    size_t body_at;
    size_t unsent; /* server, HTTP/2: what of it counts as not sent */
    rill_http_still still;
} rill_http_exchange;

typedef struct rill_http_table {
    rill_blocks *blocks;
    const rill_http_limits *limits;
    rill_http_exchange **all; /* a block of pointers */
    uint32_t count;           /* of pointers that are set */
    uint32_t open;
    uint32_t *spare; /* a block: indices that are not open */
    uint32_t spare_count;
} rill_http_table;

/* Allocates nothing. */
void rill_http_table_init(rill_http_table *t, rill_blocks *blocks, const rill_http_limits *limits);
void rill_http_table_clear(rill_http_table *t);
/* A new one, its message empty. NULL without memory. */
rill_http_exchange *rill_http_table_open(rill_http_table *t);
/* Gives its blocks back; its handle finds nothing from now on. */
void rill_http_table_close(rill_http_table *t, rill_http_exchange *x);
uint64_t rill_http_handle(const rill_http_exchange *x);
/* NULL where it has ended. */
rill_http_exchange *rill_http_table_find(const rill_http_table *t, uint64_t handle);
/* The one of this index, open or not; NULL past the end. For who goes through all. */
rill_http_exchange *rill_http_table_at(const rill_http_table *t, uint32_t index);
/* Copies what is to be sent. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_http_exchange_body(rill_http_table *t, rill_http_exchange *x,
                                            rill_bytes body);
/* Puts more behind what has not been sent yet. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_http_exchange_more(rill_http_table *t, rill_http_exchange *x,
                                            rill_bytes more);

#endif
