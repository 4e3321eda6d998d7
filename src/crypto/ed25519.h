/* SPDX-License-Identifier: Apache-2.0 */
/* Ed25519 (RFC 8032), pure: what HTTP message signatures are made with. */
#ifndef RILL_CRYPTO_ED25519_H
#define RILL_CRYPTO_ED25519_H

#include "crypto/crypto.h"

#define RILL_ED25519_SEED_LEN      32
#define RILL_ED25519_PUBLIC_LEN    32
#define RILL_ED25519_SIGNATURE_LEN 64
#define RILL_ED25519_PEM_MAX       160 /* bytes of a private key in PEM, with the NUL */
#define RILL_SHA512_LEN            64

/* A pair of keys. The caller frees it, which overwrites the private one. */
typedef struct rill_ed25519 rill_ed25519;

/* From the system's randomness. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_ed25519_new(rill_ed25519 **out, const rill_allocator *allocator);
RILL_MUST_CHECK int rill_ed25519_from_seed(rill_ed25519 **out, const rill_allocator *allocator,
                                           const uint8_t seed[RILL_ED25519_SEED_LEN]);
/* PKCS #8 in PEM, not encrypted. Also RILL_ERR_MALFORMED, RILL_ERR_UNSUPPORTED (another kind of
 * key, or an encrypted one). */
RILL_MUST_CHECK int rill_ed25519_from_pem(rill_ed25519 **out, const rill_allocator *allocator,
                                          const char *text, size_t len);
/* NULL is allowed. */
void rill_ed25519_free(rill_ed25519 *key);

/* Writes it with a NUL; *len is without. RILL_ERR_CRYPTO. The caller wipes out. */
RILL_MUST_CHECK int rill_ed25519_to_pem(const rill_ed25519 *key, char out[RILL_ED25519_PEM_MAX],
                                        size_t *len);
/* Valid as long as key. */
const uint8_t *rill_ed25519_public(const rill_ed25519 *key);
/* RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_ed25519_sign(const rill_ed25519 *key, const uint8_t *message, size_t len,
                                      uint8_t out[RILL_ED25519_SIGNATURE_LEN]);
/* RILL_ERR_AUTH: the signature is not this key's for this message. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_ed25519_verify(const uint8_t public_key[RILL_ED25519_PUBLIC_LEN],
                                        const uint8_t *message, size_t len,
                                        const uint8_t signature[RILL_ED25519_SIGNATURE_LEN]);

/* Digests once, of what is no packet. RILL_ERR_CRYPTO. */
RILL_MUST_CHECK int rill_sha256(const uint8_t *data, size_t len, uint8_t out[RILL_SHA256_LEN]);
RILL_MUST_CHECK int rill_sha512(const uint8_t *data, size_t len, uint8_t out[RILL_SHA512_LEN]);

#endif
