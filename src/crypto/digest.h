/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC-SHA-256 put together from two digest states that have hashed the key and
 * are copied for each message.
 *
 * Those states are SHA256_CTX, plain memory, which OpenSSL has deprecated in
 * favour of EVP but has in every 3.x: EVP allocates, copies and frees a state
 * for each digest, six times a packet. Both run the same code for the
 * processor. A file that includes this suppresses the warning.
 */
#ifndef RILL_CRYPTO_DIGEST_H
#define RILL_CRYPTO_DIGEST_H

#include <openssl/sha.h>

#include "crypto/crypto.h"

/* HMAC's two digests, that have hashed the key's block. */
typedef struct rill_hmac_state {
    SHA256_CTX inner;
    SHA256_CTX outer;
} rill_hmac_state;

/* Either: RILL_ERR_CRYPTO. The caller wipes h, also on failure. */
RILL_MUST_CHECK int rill_hmac_key(rill_hmac_state *h, const uint8_t *key, size_t key_len);
RILL_MUST_CHECK int rill_hmac(const rill_hmac_state *h, const uint8_t *data, size_t len,
                              uint8_t out[RILL_SHA256_LEN]);

#endif
