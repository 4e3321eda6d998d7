/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ed25519 keys (RFC 8032) for HTTP message signatures: made, read from files and text, written,
 * and shown as JSON Web Keys (RFC 7517, RFC 8037), as Open Payments has them.
 */
#ifndef RILL_KEY_H
#define RILL_KEY_H

#include <rill/types.h>

RILL_BEGIN_DECLS

#define RILL_KEY_SEED_LEN   32
#define RILL_KEY_PUBLIC_LEN 32
#define RILL_SIGNATURE_LEN  64
#define RILL_MAX_KEY_ID     255 /* bytes of a key's id */
#define RILL_KEY_TEXT_MAX   160 /* bytes of a private key as text, with the NUL */

/* A pair of keys. One thread at a time may use it. */
typedef struct rill_key rill_key;

/*
 * A new pair, from the system's randomness. *out is the caller's, to be freed by rill_key_free.
 * RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_key_new(rill_key **out);

/* The pair of a private key of 32 bytes. RILL_ERR_NOMEM, RILL_ERR_CRYPTO. */
RILL_API RILL_MUST_CHECK int rill_key_from_seed(rill_key **out,
                                                const uint8_t seed[RILL_KEY_SEED_LEN]);

/*
 * The pair of a private key as text: PKCS #8 in PEM ("-----BEGIN PRIVATE KEY-----"), the same once
 * more in base64 (as environment variables carry it), or a JSON Web Key with "d".
 * RILL_ERR_MALFORMED: none of these. RILL_ERR_UNSUPPORTED: another kind of key, or an encrypted
 * one. RILL_ERR_NOMEM, RILL_ERR_CRYPTO.
 */
RILL_API RILL_MUST_CHECK int rill_key_from_text(rill_key **out, const char *text, size_t len);

/*
 * Reads a file as rill_key_from_text does. RILL_ERR_EXPOSED: others than the file's owner may read
 * or write it, so the key must be thought of as known to them. RILL_ERR_IO: errno says why.
 * RILL_ERR_TOO_LARGE: larger than any key. And the errors of rill_key_from_text.
 */
RILL_API RILL_MUST_CHECK int rill_key_read(rill_key **out, const char *path);

/* The private key in PEM, with a NUL; *len is without it. The caller wipes out. RILL_ERR_CRYPTO. */
RILL_API RILL_MUST_CHECK int rill_key_text(const rill_key *key, char out[RILL_KEY_TEXT_MAX],
                                           size_t *len);

/*
 * Writes the private key to a new file in PEM, mode 0600: whole, or not at all. RILL_ERR_EXISTS: a
 * file is there, and stays as it is. RILL_ERR_IO: errno says why. RILL_ERR_CRYPTO, RILL_ERR_NOMEM.
 */
RILL_API RILL_MUST_CHECK int rill_key_write(const rill_key *key, const char *path);

/* Overwrites the private key and frees. NULL is allowed. */
RILL_API void rill_key_free(rill_key *key);

/* 32 bytes, valid as long as key. */
RILL_API const uint8_t *rill_key_public(const rill_key *key);

/* Pure Ed25519 over message. RILL_ERR_CRYPTO. */
RILL_API RILL_MUST_CHECK int rill_key_sign(const rill_key *key, const uint8_t *message, size_t len,
                                           uint8_t signature[RILL_SIGNATURE_LEN]);

/* RILL_ERR_AUTH: the signature is not that key's for this message. RILL_ERR_CRYPTO. */
RILL_API RILL_MUST_CHECK int rill_key_verify(const uint8_t public_key[RILL_KEY_PUBLIC_LEN],
                                             const uint8_t *message, size_t len,
                                             const uint8_t signature[RILL_SIGNATURE_LEN]);

/*
 * An id of a key: 1 to RILL_MAX_KEY_ID visible ASCII characters but '"', '\' and ';', which
 * verifiers in use take for something else.
 */
RILL_API bool rill_key_id_valid(const char *id);

/*
 * The id that a public key has of itself: its thumbprint (RFC 7638), 43 characters of base64url and
 * a NUL. RILL_ERR_CRYPTO.
 */
#define RILL_KEY_THUMBPRINT_LEN 43
RILL_API RILL_MUST_CHECK int rill_key_thumbprint(const uint8_t public_key[RILL_KEY_PUBLIC_LEN],
                                                 char out[RILL_KEY_THUMBPRINT_LEN + 1]);

/* ---- JSON Web Keys ---- */

/* A public key, as others know it. */
typedef struct rill_jwk {
    char key_id[RILL_MAX_KEY_ID + 1]; /* "kid"; NUL-terminated */
    uint8_t public_key[RILL_KEY_PUBLIC_LEN];
} rill_jwk;

#define RILL_JWK_TEXT_MAX (RILL_MAX_KEY_ID + 160) /* bytes of a JWK as text, with the NUL */

/* The public half of key under id. RILL_ERR_INVALID: not an id. */
RILL_API RILL_MUST_CHECK int rill_jwk_of_key(rill_jwk *out, const rill_key *key, const char *id);

/*
 * As JSON without blanks, and a NUL; *len is without it. RILL_ERR_BUFFER: cap is too small
 * (RILL_JWK_TEXT_MAX always does). RILL_ERR_INVALID: key_id is not an id.
 */
RILL_API RILL_MUST_CHECK int rill_jwk_write(const rill_jwk *jwk, char *out, size_t cap,
                                            size_t *len);
/* A set of them, {"keys":[...]}: what a wallet serves as jwks.json. */
RILL_API RILL_MUST_CHECK int rill_jwks_write(const rill_jwk *jwks, size_t count, char *out,
                                             size_t cap, size_t *len);

/*
 * RILL_ERR_MALFORMED: not JSON, or not a JSON Web Key. RILL_ERR_UNSUPPORTED: a key of another kind
 * than Ed25519. Members that are not known are ignored (RFC 7517 section 4).
 */
RILL_API RILL_MUST_CHECK int rill_jwk_read(rill_jwk *out, const char *text, size_t len);
/*
 * The key with that id out of a set. RILL_ERR_NOT_FOUND: the set has none. Keys of other kinds and
 * malformed ones beside it do no harm (RFC 7517 section 5). Else the errors of rill_jwk_read.
 */
RILL_API RILL_MUST_CHECK int rill_jwks_find(rill_jwk *out, const char *text, size_t len,
                                            const char *id);

RILL_END_DECLS

#endif
