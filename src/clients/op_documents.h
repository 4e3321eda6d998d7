/* SPDX-License-Identifier: Apache-2.0 */
/* What Open Payments' servers write, and what is written to them. No input or output. */
#ifndef RILL_CLIENTS_OP_DOCUMENTS_H
#define RILL_CLIENTS_OP_DOCUMENTS_H

#include <jansson.h>

#include <rill/open_payments.h>

#include "clients/interaction.h"

#define RILL_OP_MAX_TOKEN 4096 /* bytes of an access token, with the NUL */

/* A document that a receiver's URL leads to. */
typedef enum rill_op_kind { RILL_OP_WALLET, RILL_OP_INCOMING } rill_op_kind;

typedef struct rill_op_document {
    rill_op_kind kind;
    char id[RILL_MAX_URL];              /* of a wallet address */
    char auth_server[RILL_MAX_URL];     /* of both */
    char resource_server[RILL_MAX_URL]; /* of a wallet address; so are those that follow */
    char asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t asset_scale;
} rill_op_document;

typedef struct rill_op_grant {
    char token[RILL_OP_MAX_TOKEN]; /* "": not yet */
    char manage[RILL_MAX_URL];     /* where it is rotated and revoked */
    char continue_token[RILL_OP_MAX_TOKEN];
    char continue_uri[RILL_MAX_URL];        /* "": there is none */
    uint32_t wait_s;                        /* before it is continued */
    bool interact;                          /* a person is to be asked first, */
    char redirect[RILL_MAX_URL];            /* there; "": no way that is known here */
    char finish[RILL_INTERACTION_MAX_WORD]; /* the server's nonce, for the hash of the answer */
} rill_op_grant;

/* Each: RILL_ERR_MALFORMED, and *problem is a static text. RILL_ERR_UNSUPPORTED: another document.
 */
RILL_MUST_CHECK int rill_op_document_read(rill_op_document *out, const char *body, size_t len,
                                          const char **problem);
RILL_MUST_CHECK int rill_op_grant_read(rill_op_grant *out, const char *body, size_t len,
                                       const char **problem);
/* The new token of one that was rotated; manage stays where it is not told anew. */
RILL_MUST_CHECK int rill_op_token_read(rill_op_grant *grant, const char *body, size_t len,
                                       const char **problem);
/*
 * An incoming payment. Where it has no methods (one that is complete, or was read to see how far it
 * is) the credentials stay as they are. Also RILL_ERR_ASSET.
 */
RILL_MUST_CHECK int rill_op_payment_read(rill_incoming_payment *out, bool *has_method,
                                         const char *body, size_t len, const char **problem);
/* "invalid_client: no such key", of an error that a server tells; "" where it tells none. */
void rill_op_error_read(const char *body, size_t len, char *out, size_t cap);

/* Milliseconds since 1970 of a date and time as RFC 3339 writes it. RILL_ERR_MALFORMED. */
RILL_MUST_CHECK int rill_op_time_read(const char *text, uint64_t *wall_ms);

/*
 * Bodies, as JSON.stringify writes them: *out is the caller's, to be freed by free().
 * RILL_ERR_NOMEM. A grant is asked for by wallet_address, or by jwk where that is NULL.
 */
RILL_MUST_CHECK int rill_op_grant_body(char **out, size_t *len, rill_op_kind kind,
                                       const rill_jwk *jwk, const char *wallet_address);
RILL_MUST_CHECK int rill_op_payment_body(char **out, size_t *len, const rill_op_document *wallet,
                                         uint64_t amount, uint64_t expires_at_ms,
                                         const json_t *metadata);

/* ---- pieces of documents ---- */

typedef struct rill_op_amount {
    uint64_t value;
    char asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t asset_scale;
} rill_op_amount;

/* An object; NULL: it is not JSON, or something else. The caller gives it up by json_decref. */
json_t *rill_op_object_of(const char *body, size_t len);
/* A member that is a string, whole and without a NUL inside, into out[cap]. */
bool rill_op_text_of(const json_t *object, const char *member, char *out, size_t cap);
/* A member that is true or false, or is not there (false). */
bool rill_op_flag_of(const json_t *object, const char *member, bool *out);
/* "expiresAt", a text; 0 where it is not there. */
bool rill_op_expiry_of(const json_t *object, uint64_t *wall_ms);
/* "assetCode" and "assetScale" of an object. */
bool rill_op_asset_of(const json_t *object, char *code, uint8_t *scale);
/* {"value":"2500","assetCode":"USD","assetScale":2} */
bool rill_op_amount_of(const json_t *object, const char *member, rill_op_amount *out);
json_t *rill_op_amount_json(const rill_op_amount *amount);
/* Who asks for a grant: by wallet_address, or by jwk where that is NULL. */
json_t *rill_op_client_of(const rill_jwk *jwk, const char *wallet_address);
/* Writes a body as above. Takes it over, also on failure. NULL is RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_op_body_of(char **out, size_t *len, json_t *body);

#endif
