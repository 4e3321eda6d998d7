/* SPDX-License-Identifier: Apache-2.0 */
/* What the wallet of who pays writes, and what is written to it. No input or output. */
#ifndef RILL_CLIENTS_OP_SENDER_DOCUMENTS_H
#define RILL_CLIENTS_OP_SENDER_DOCUMENTS_H

#include <rill/op_sender.h>

#include "clients/op_documents.h"

/* A payment that the wallet makes. */
typedef struct rill_op_outgoing {
    char id[RILL_MAX_URL];
    char receiver[RILL_MAX_URL]; /* the incoming payment */
    bool failed;
    rill_op_amount debit;
    rill_op_amount sent;
} rill_op_outgoing;

/* Each: RILL_ERR_MALFORMED, and *problem is a static text. */
RILL_MUST_CHECK int rill_op_quote_read(rill_op_quote *out, const char *body, size_t len,
                                       const char **problem);
RILL_MUST_CHECK int rill_op_outgoing_read(rill_op_outgoing *out, const char *body, size_t len,
                                          const char **problem);

/*
 * Bodies, as JSON.stringify writes them: *out is the caller's, to be freed by free().
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_op_quote_grant_body(char **out, size_t *len, const char *wallet_address);
/* amount: NULL: what the incoming payment is for. Else sent, or received where deliver is true. */
RILL_MUST_CHECK int rill_op_quote_body(char **out, size_t *len, const char *wallet_address,
                                       const char *incoming_payment, const rill_op_amount *amount,
                                       bool deliver);
/* To pay that quote, and no more than it; finish_uri and nonce: where the person comes back to. */
RILL_MUST_CHECK int rill_op_outgoing_grant_body(char **out, size_t *len, const char *wallet_address,
                                                const rill_op_quote *quote, const char *finish_uri,
                                                const char *nonce);
RILL_MUST_CHECK int rill_op_continue_body(char **out, size_t *len, const char *interact_ref);
/* metadata: NULL: none. */
RILL_MUST_CHECK int rill_op_outgoing_body(char **out, size_t *len, const char *wallet_address,
                                          const char *quote_id, const json_t *metadata);

#endif
