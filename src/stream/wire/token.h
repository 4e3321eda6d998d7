/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last segment of a server's addresses: everything the server must know
 * of a client, sealed under the server secret, so that nothing is stored.
 */
#ifndef RILL_STREAM_TOKEN_H
#define RILL_STREAM_TOKEN_H

#include <rill/credentials.h>
#include <rill/endpoint.h>

#include "crypto/crypto.h"

/* base64url characters of the longest token, and a NUL. */
#define RILL_TOKEN_MAX 512

typedef struct rill_token_keys {
    uint8_t seal[RILL_KEY_LEN];   /* of what is sealed in the address */
    uint8_t derive[RILL_KEY_LEN]; /* shared secret = HMAC(derive, token bytes) */
} rill_token_keys;

typedef struct rill_token_details {
    char tag[RILL_MAX_TAG + 1];
    bool receipts;
    uint8_t receipt_nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN];
} rill_token_details;

/* instance (NUL-terminated, may be NULL): the keys of one server of several with one secret. */
RILL_MUST_CHECK int rill_token_keys_derive(rill_token_keys *out, rill_crypto *c,
                                           const uint8_t server_secret[32], const char *instance);
/* A new token and its shared secret. RILL_ERR_TOO_LARGE, RILL_ERR_INVALID, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_token_create(const rill_token_keys *keys, rill_crypto *c,
                                      const rill_credentials_options *options,
                                      char token[RILL_TOKEN_MAX], uint8_t shared_secret[32]);
/* RILL_ERR_AUTH: not a token of ours. details and secret are to be wiped after use. */
RILL_MUST_CHECK int rill_token_open(const rill_token_keys *keys, rill_crypto *c, rill_bytes token,
                                    rill_token_details *details, uint8_t shared_secret[32]);

#endif
