/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/ed25519.h"

#include <string.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <rill/error.h>

#include "base/alloc.h"

struct rill_ed25519 {
    const rill_allocator *allocator;
    EVP_PKEY *pair;
    uint8_t public_key[RILL_ED25519_PUBLIC_LEN];
};

/* OpenSSL keeps what went wrong for whoever asks next: nobody does. */
static int fail(int error)
{
    ERR_clear_error();
    return error;
}

/* Takes pair over, also on failure. */
static int adopt(rill_ed25519 **out, const rill_allocator *allocator, EVP_PKEY *pair)
{
    rill_ed25519 *key = rill_alloc(allocator, sizeof *key);
    if (!key) {
        EVP_PKEY_free(pair);
        return RILL_ERR_NOMEM;
    }
    *key = (rill_ed25519){.allocator = allocator, .pair = pair};
    size_t len = sizeof key->public_key;
    if (EVP_PKEY_get_raw_public_key(pair, key->public_key, &len) != 1 ||
        len != sizeof key->public_key) {
        rill_ed25519_free(key);
        return fail(RILL_ERR_CRYPTO);
    }
    *out = key;
    return RILL_OK;
}

int rill_ed25519_new(rill_ed25519 **out, const rill_allocator *allocator)
{
    EVP_PKEY *pair = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    return pair ? adopt(out, allocator, pair) : fail(RILL_ERR_CRYPTO);
}

int rill_ed25519_from_seed(rill_ed25519 **out, const rill_allocator *allocator,
                           const uint8_t seed[RILL_ED25519_SEED_LEN])
{
    EVP_PKEY *pair =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, RILL_ED25519_SEED_LEN);
    return pair ? adopt(out, allocator, pair) : fail(RILL_ERR_CRYPTO);
}

/* Without a terminal to ask at: an encrypted key is refused. */
static int no_password(char *buf, int size, int writing, void *user)
{
    (void)buf;
    (void)size;
    (void)writing;
    *(bool *)user = true;
    return -1;
}

int rill_ed25519_from_pem(rill_ed25519 **out, const rill_allocator *allocator, const char *text,
                          size_t len)
{
    if (len > INT32_MAX)
        return RILL_ERR_MALFORMED;
    BIO *bio = BIO_new_mem_buf(text, (int)len);
    if (!bio)
        return fail(RILL_ERR_NOMEM);
    bool encrypted = false;
    EVP_PKEY *pair = PEM_read_bio_PrivateKey(bio, NULL, no_password, &encrypted);
    BIO_free(bio);
    if (!pair)
        return fail(encrypted ? RILL_ERR_UNSUPPORTED : RILL_ERR_MALFORMED);
    if (EVP_PKEY_get_id(pair) != EVP_PKEY_ED25519) {
        EVP_PKEY_free(pair);
        return RILL_ERR_UNSUPPORTED;
    }
    return adopt(out, allocator, pair);
}

void rill_ed25519_free(rill_ed25519 *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pair); /* overwrites */
    rill_free(key->allocator, key);
}

int rill_ed25519_to_pem(const rill_ed25519 *key, char out[RILL_ED25519_PEM_MAX], size_t *len)
{
    int error = RILL_ERR_CRYPTO;
    char *text = NULL;
    BIO *bio = BIO_new(BIO_s_secmem()); /* overwrites when it is freed */
    if (bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pair, NULL, NULL, 0, NULL, NULL) == 1) {
        long size = BIO_get_mem_data(bio, &text);
        if (size > 0 && size < RILL_ED25519_PEM_MAX) {
            memcpy(out, text, (size_t)size);
            out[size] = '\0';
            *len = (size_t)size;
            error = RILL_OK;
        }
    }
    BIO_free(bio);
    return error == RILL_OK ? error : fail(error);
}

const uint8_t *rill_ed25519_public(const rill_ed25519 *key)
{
    return key->public_key;
}

int rill_ed25519_sign(const rill_ed25519 *key, const uint8_t *message, size_t len,
                      uint8_t out[RILL_ED25519_SIGNATURE_LEN])
{
    size_t out_len = RILL_ED25519_SIGNATURE_LEN;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool good = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key->pair) == 1 &&
                EVP_DigestSign(ctx, out, &out_len, message, len) == 1 &&
                out_len == RILL_ED25519_SIGNATURE_LEN;
    EVP_MD_CTX_free(ctx);
    return good ? RILL_OK : fail(RILL_ERR_CRYPTO);
}

int rill_ed25519_verify(const uint8_t public_key[RILL_ED25519_PUBLIC_LEN], const uint8_t *message,
                        size_t len, const uint8_t signature[RILL_ED25519_SIGNATURE_LEN])
{
    int error = RILL_ERR_CRYPTO;
    EVP_PKEY *key =
        EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, public_key, RILL_ED25519_PUBLIC_LEN);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (key && ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1)
        error = EVP_DigestVerify(ctx, signature, RILL_ED25519_SIGNATURE_LEN, message, len) == 1
                    ? RILL_OK
                    : RILL_ERR_AUTH;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return error == RILL_OK ? error : fail(error);
}

static int digest(const EVP_MD *kind, const uint8_t *data, size_t len, uint8_t *out)
{
    static const uint8_t nothing[1];
    unsigned size = 0;
    return EVP_Digest(len > 0 ? data : nothing, len, out, &size, kind, NULL) == 1
               ? RILL_OK
               : fail(RILL_ERR_CRYPTO);
}

int rill_sha256(const uint8_t *data, size_t len, uint8_t out[RILL_SHA256_LEN])
{
    return digest(EVP_sha256(), data, len, out);
}

int rill_sha512(const uint8_t *data, size_t len, uint8_t out[RILL_SHA512_LEN])
{
    return digest(EVP_sha512(), data, len, out);
}
