/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a server of SPSP share. */
#ifndef RILL_SPSP_SPSP_SERVER_H
#define RILL_SPSP_SPSP_SERVER_H

#include <rill/spsp_server.h>

#include "base/map.h"
#include "base/names.h"
#include "web/web.h"

/* Queries that the application was asked about, and has not answered. */
#define SPSP_MAX_OPEN 16384

/* What a client wants beside the receiver. */
typedef struct spsp_request {
    char path[RILL_SPSP_MAX_PATH + 1];
    char host[RILL_TCP_NAME];
    bool older;    /* it takes application/spsp+json, and not the newer name of the same thing */
    bool receipts; /* the two are set */
    uint8_t receipt_nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN];
} spsp_request;

/* One that waits for the application. */
typedef struct spsp_query {
    uint64_t id;
    uint64_t handle;
    rill_web_connection *connection;
    rill_list of_connection;
    bool older;
    bool receipts;
    uint8_t receipt_nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN];
} spsp_query;

struct rill_spsp_server {
    rill_loop *loop;
    rill_web web;
    rill_server *server;
    rill_spsp_server_handlers on;
    void *user;
    rill_names receivers;
    rill_map queries; /* by spsp_query.id */
    uint64_t next_query;
    bool closing;
};

/*
 * spsp_request.c: whom a request is about, and what it asks. 0, or the status that refuses it, and
 * then *why is for people.
 */
RILL_MUST_CHECK unsigned spsp_request_path(spsp_request *out, const rill_http_message *m,
                                           const char **why);
/* The path, and all else. */
RILL_MUST_CHECK unsigned spsp_request_read(spsp_request *out, const rill_http_message *m,
                                           const char **why);

/* spsp_response.c: each answers. The errors of rill_http_respond. */
RILL_MUST_CHECK int spsp_respond_credentials(rill_web_connection *c, uint64_t handle, bool older,
                                             const rill_credentials *credentials, bool receipts);
RILL_MUST_CHECK int spsp_respond_unknown(rill_web_connection *c, uint64_t handle, bool older);
/* Any text: what the application answers to a POST. */
RILL_MUST_CHECK int spsp_respond_text(rill_web_connection *c, uint64_t handle, unsigned status,
                                      const char *text);
/* OPTIONS: what may be asked. */
RILL_MUST_CHECK int spsp_respond_options(rill_web_connection *c, uint64_t handle);
RILL_MUST_CHECK int spsp_respond_refusal(rill_web_connection *c, uint64_t handle, unsigned status,
                                         const char *why);

#endif
