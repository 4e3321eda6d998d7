/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cryptography that Rill needs, behind one interface. The backend is chosen when it is made
 * (gcm.h). Contexts are made once for each connection and used for every packet. No function that
 * handles a packet allocates.
 */
#ifndef RILL_CRYPTO_CRYPTO_H
#define RILL_CRYPTO_CRYPTO_H

#include <rill/crypto.h>
#include <rill/types.h>

#define RILL_SHA256_LEN 32
#define RILL_KEY_LEN    32
#define RILL_IV_LEN     12
#define RILL_TAG_LEN    16

/*
 * Contexts that connections share: the backend, and a pool of random bytes. Make one for each
 * thread or loop, and a new one after fork(): otherwise parent and child would give out the same
 * random bytes.
 *
 * RILL_ERR_UNSUPPORTED: this build has no such backend, or this processor cannot run it;
 * RILL_ERR_INVALID; RILL_ERR_NOMEM; RILL_ERR_CRYPTO.
 */
typedef struct rill_crypto rill_crypto;
RILL_MUST_CHECK int rill_crypto_new_with(rill_crypto **out, const rill_allocator *allocator,
                                         rill_crypto_backend backend);
/* With OpenSSL. NULL on failure. */
rill_crypto *rill_crypto_new(const rill_allocator *allocator);
void rill_crypto_free(rill_crypto *c);

/* Secret random bytes. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_crypto_random(rill_crypto *c, uint8_t *out, size_t len);
RILL_MUST_CHECK int rill_crypto_sha256(rill_crypto *c, const uint8_t *data, size_t len,
                                       uint8_t out[RILL_SHA256_LEN]);
/* With any key, which is prepared for this call only. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_crypto_hmac(rill_crypto *c, const uint8_t *key, size_t key_len,
                                     const uint8_t *data, size_t len, uint8_t out[RILL_SHA256_LEN]);

/*
 * The two keys of one connection, ready to use: AES-256-GCM under HMAC(secret,
 * "ilp_stream_encryption") and HMAC-SHA-256 under HMAC(secret, "ilp_stream_fulfillment") (RFC 29
 * sections 5.1.2 and 6). They are small, since the keys in use share the backend's contexts. Free
 * all of them before their rill_crypto.
 */
typedef struct rill_keys rill_keys;
RILL_MUST_CHECK int rill_keys_new(rill_keys **out, rill_crypto *c, const uint8_t *shared_secret,
                                  size_t secret_len);
/* Wipes. NULL is allowed. */
void rill_keys_free(rill_keys *k);

/*
 * Encrypts in place. envelope[0..12) becomes the IV, [12..28) the tag. The len bytes after them are
 * plaintext before and ciphertext after the call. The IV is random, and one rill_crypto never gives
 * out the same IV twice. RILL_ERR_CRYPTO.
 */
#define RILL_ENVELOPE_OVERHEAD (RILL_IV_LEN + RILL_TAG_LEN)
RILL_MUST_CHECK int rill_keys_seal(rill_keys *k, uint8_t *envelope, size_t len);
/*
 * Decrypts envelope[envelope_len] into out[envelope_len - RILL_ENVELOPE_OVERHEAD], which must not
 * overlap. After RILL_ERR_AUTH do not read from out.
 */
RILL_MUST_CHECK int rill_keys_open(rill_keys *k, const uint8_t *envelope, size_t envelope_len,
                                   uint8_t *out);
/*
 * fulfillment = HMAC(key, data); condition = SHA-256(fulfillment). Either output may be NULL. After
 * an error do not read from either.
 */
RILL_MUST_CHECK int rill_keys_fulfill(rill_keys *k, const uint8_t *data, size_t len,
                                      uint8_t fulfillment[32], uint8_t condition[32]);

/* AES-256-GCM once, under the given key, for data that is no packet (address tokens). */
RILL_MUST_CHECK int rill_crypto_seal(rill_crypto *c, const uint8_t key[RILL_KEY_LEN],
                                     uint8_t *envelope, size_t len);
RILL_MUST_CHECK int rill_crypto_open(rill_crypto *c, const uint8_t key[RILL_KEY_LEN],
                                     const uint8_t *envelope, size_t envelope_len, uint8_t *out);
/* Wipes the key that such a call came with last: it stays until the next one comes with another. */
void rill_crypto_forget(rill_crypto *c);

/* The time depends only on len. */
bool rill_equal_ct(const void *a, const void *b, size_t len);

#endif
