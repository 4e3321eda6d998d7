/* SPDX-License-Identifier: Apache-2.0 */
/* What the two versions share of a client's end. */
#ifndef RILL_HTTP_CLIENT_IMPL_H
#define RILL_HTTP_CLIENT_IMPL_H

#include "http/client.h"
#include "http/exchange.h"
#include "http/h1_reader.h"
#include "http/h2.h"
#include "http/output.h"

/* As the functions of client.h of these names. */
typedef struct rill_http_client_ops {
    size_t (*room)(const rill_http_client *c);
    int (*request)(rill_http_client *c, rill_http_exchange *x, const rill_http_request *r);
    void (*cancel)(rill_http_client *c, rill_http_exchange *x);
    int (*feed)(rill_http_client *c, const uint8_t *data, size_t len);
    int (*output)(rill_http_client *c, rill_bytes *out);
    void (*end)(rill_http_client *c);
    bool (*is_done)(const rill_http_client *c);
    void (*drain)(rill_http_client *c);
    void (*free)(rill_http_client *c);
} rill_http_client_ops;

typedef struct rill_h1_client {
    rill_h1_reader reader;
    rill_http_output out;
    uint64_t output;             /* bytes that were given out */
    rill_http_exchange *current; /* NULL: idle */
    bool to_head;
    bool closed;
} rill_h1_client;

struct rill_http_client {
    const rill_http_client_ops *ops;
    rill_blocks *blocks;
    const rill_http_limits *limits;
    const rill_http_client_handlers *on;
    void *owner;
    rill_http_table table;
    const char *problem;
    uint32_t idle_ms;
    bool draining;
    bool lost; /* whoever is open has been told */
    union {
        rill_h1_client h1;
        rill_h2 h2;
    };
};

void rill_h1_client_begin(rill_http_client *c);
/* RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_h2_client_begin(rill_http_client *c);

/* Ends x, and tells the owner the response that it holds. */
void rill_http_client_succeed(rill_http_client *c, rill_http_exchange *x);
/* Ends x, and tells the owner that there is none. */
void rill_http_client_fail(rill_http_client *c, rill_http_exchange *x, int error, bool sent);

#endif
