/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HMAC-SHA-256 from two digest states that have hashed the key. They are copied for each message.
 *
 * The states are SHA256_CTX, which is plain memory. OpenSSL has deprecated it in favour of EVP, but
 * every 3.x has it. EVP allocates, copies and frees a state for each digest, six times for each
 * packet. Both run the same code of the processor. A file that includes this header suppresses the
 * warning.
 */
#ifndef RILL_CRYPTO_DIGEST_H
#define RILL_CRYPTO_DIGEST_H

#include <openssl/sha.h>

#include "crypto/crypto.h"

/* The two digests of HMAC, after they have hashed the key's block. */
typedef struct rill_hmac_state {
    SHA256_CTX inner;
    SHA256_CTX outer;
} rill_hmac_state;

/* Each returns RILL_ERR_CRYPTO on failure. The caller wipes h, also then. */
RILL_MUST_CHECK int rill_hmac_key(rill_hmac_state *h, const uint8_t *key, size_t key_len);
RILL_MUST_CHECK int rill_hmac(const rill_hmac_state *h, const uint8_t *data, size_t len,
                              uint8_t out[RILL_SHA256_LEN]);

#endif
