/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM by OpenSSL 3. It is fast because a cipher context (EVP) keeps its key and gets only a
 * new IV for each packet.
 */
#include "crypto/gcm.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <rill/error.h>
#include <string.h>

#include "base/alloc.h"

typedef struct openssl_gcm {
    rill_gcm base;
    const rill_allocator *allocator;
    EVP_CIPHER *aes;
} openssl_gcm;

static void gcm_free(rill_gcm *g)
{
    openssl_gcm *own = (openssl_gcm *)g;
    EVP_CIPHER_free(own->aes);
    rill_free(own->allocator, own);
}

static void *key_new(rill_gcm *g)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    /* Either direction will do, since GCM's key schedule is the same for both. */
    if (ctx != NULL && EVP_CipherInit_ex2(ctx, ((openssl_gcm *)g)->aes, NULL, NULL, 1, NULL) != 1) {
        EVP_CIPHER_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static void key_free(rill_gcm *g, void *key)
{
    (void)g;
    EVP_CIPHER_CTX_free(key); /* wipes its key */
}

static bool key_set(rill_gcm *g, void *key, const uint8_t bytes[RILL_KEY_LEN])
{
    (void)g;
    return EVP_CipherInit_ex2(key, NULL, bytes, NULL, 1, NULL) == 1;
}

/* Asks a cipher context for its tag, or sets it. */
static OSSL_PARAM tag_param(uint8_t tag[RILL_TAG_LEN])
{
    return OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, RILL_TAG_LEN);
}

static int seal(rill_gcm *g, void *key, uint8_t *envelope, size_t len)
{
    EVP_CIPHER_CTX *ctx = key;
    uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    OSSL_PARAM tag[] = {tag_param(envelope + RILL_IV_LEN), OSSL_PARAM_construct_end()};
    int done;
    (void)g;
    if (EVP_CipherInit_ex2(ctx, NULL, NULL, envelope, 1, NULL) != 1 ||
        (len != 0 && EVP_EncryptUpdate(ctx, text, &done, text, (int)len) != 1) ||
        EVP_EncryptFinal_ex(ctx, text + len, &done) != 1 ||
        EVP_CIPHER_CTX_get_params(ctx, tag) != 1)
        return RILL_ERR_CRYPTO;
    return RILL_OK;
}

static int open_envelope(rill_gcm *g, void *key, const uint8_t *envelope, size_t len, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = key;
    const uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    uint8_t expected[RILL_TAG_LEN]; /* a parameter's data is not const */
    memcpy(expected, envelope + RILL_IV_LEN, RILL_TAG_LEN);
    OSSL_PARAM tag[] = {tag_param(expected), OSSL_PARAM_construct_end()};
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    int done;
    (void)g;
    if (EVP_CipherInit_ex2(ctx, NULL, NULL, envelope, 0, NULL) != 1 ||
        (len != 0 && EVP_DecryptUpdate(ctx, out, &done, text, (int)len) != 1) ||
        EVP_CIPHER_CTX_set_params(ctx, tag) != 1)
        return RILL_ERR_CRYPTO;
    return EVP_DecryptFinal_ex(ctx, none, &done) == 1 ? RILL_OK : RILL_ERR_AUTH;
}

int rill_gcm_openssl_new(rill_gcm **out, const rill_allocator *allocator)
{
    openssl_gcm *own = rill_alloc(allocator, sizeof *own);
    if (own == NULL)
        return RILL_ERR_NOMEM;
    *own = (openssl_gcm){
        .base = {gcm_free, key_new, key_free, key_set, seal, open_envelope},
        .allocator = allocator,
        .aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL),
    };
    if (own->aes == NULL) {
        gcm_free(&own->base);
        return RILL_ERR_CRYPTO;
    }
    *out = &own->base;
    return RILL_OK;
}
