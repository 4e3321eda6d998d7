/* SPDX-License-Identifier: Apache-2.0 */
/* What the two versions share of a server's end. */
#ifndef RILL_HTTP_SERVER_IMPL_H
#define RILL_HTTP_SERVER_IMPL_H

#include "http/exchange.h"
#include "http/h1_reader.h"
#include "http/h2.h"
#include "http/output.h"
#include "http/server.h"

/* As the functions of server.h of these names. */
typedef struct rill_http_server_ops {
    int (*feed)(rill_http_server *s, const uint8_t *data, size_t len);
    void (*end)(rill_http_server *s);
    int (*output)(rill_http_server *s, rill_bytes *out);
    bool (*is_done)(const rill_http_server *s);
    bool (*is_amid)(const rill_http_server *s);
    bool (*waits_for_room)(const rill_http_server *s); /* NULL: it never does */
    int (*respond)(rill_http_server *s, rill_http_exchange *x, const rill_http_response *r);
    int (*go_on)(rill_http_server *s, rill_http_exchange *x, rill_bytes more);
    int (*go_no_further)(rill_http_server *s, rill_http_exchange *x);
    size_t (*behind)(const rill_http_server *s, const rill_http_exchange *x);
    bool (*waits_for_reader)(const rill_http_server *s); /* NULL: it never does */
    /* NULL: it ends none */
    size_t (*end_late)(rill_http_server *s, uint64_t now, uint64_t request_ms, uint64_t reader_ms);
    size_t (*held)(const rill_http_server *s); /* beside the exchanges */
    void (*drain)(rill_http_server *s);
    void (*free)(rill_http_server *s);
} rill_http_server_ops;

typedef struct rill_h1_server {
    rill_h1_reader reader;
    rill_http_output out;
    rill_http_exchange *current; /* being read or answered; or NULL */
    uint8_t *held;               /* a block: what came before it could be read; or NULL */
    size_t held_len;
    bool keep_alive; /* of the current request */
    bool minor_0;    /* it is of HTTP/1.0 */
    bool closed;     /* nothing is read any more */
} rill_h1_server;

struct rill_http_server {
    const rill_http_server_ops *ops; /* NULL: what it speaks is not known yet */
    rill_blocks *blocks;
    const rill_http_limits *limits;
    const rill_http_server_handlers *on;
    void *owner;
    rill_http_table table;
    rill_http_exchange *telling; /* whose request the owner is looking at */
    size_t asked;                /* requests that are whole and not answered */
    rill_http_protocol protocol;
    const char *problem;
    bool draining;
    int32_t last; /* HTTP/2, draining: the last stream that is served */
    bool ended;
    uint8_t first[4]; /* bytes, while it is not known */
    size_t first_len;
    union {
        rill_h1_server h1;
        rill_h2 h2;
    };
};

/* Each begins to speak. RILL_ERR_NOMEM. */
void rill_h1_server_begin(rill_http_server *s);
RILL_MUST_CHECK int rill_h2_server_begin(rill_http_server *s);

/* The request of x is whole: tells the owner. false: x was answered meanwhile. */
bool rill_http_server_tell(rill_http_server *s, rill_http_exchange *x);
/* x ends, at once or when the owner has looked at it. */
void rill_http_server_close_exchange(rill_http_server *s, rill_http_exchange *x);

#endif
