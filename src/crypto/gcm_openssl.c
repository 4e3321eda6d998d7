/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM by OpenSSL 3. It is fast because a context keeps its key and gets only a new IV for
 * each packet, and because the functions of OpenSSL's provider are called themselves
 * (provider-cipher(7)). EVP, which is before them, asks the provider for its parameters by name in
 * each call: that took a third of the time of a packet of money. EVP still finds the provider, so
 * that OpenSSL's configuration says which.
 */
#include "crypto/gcm.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <rill/error.h>
#include <string.h>

#include "base/alloc.h"

#define NAME "AES-256-GCM"

typedef struct openssl_gcm {
    rill_gcm base;
    const rill_allocator *allocator;
    EVP_CIPHER *aes; /* keeps its provider */
    OSSL_FUNC_cipher_newctx_fn *new_context;
    OSSL_FUNC_cipher_freectx_fn *free_context;
    OSSL_FUNC_cipher_encrypt_init_fn *encrypt;
    OSSL_FUNC_cipher_decrypt_init_fn *decrypt;
    OSSL_FUNC_cipher_update_fn *update;
    OSSL_FUNC_cipher_final_fn *final;
    OSSL_FUNC_cipher_get_ctx_params_fn *get;
    OSSL_FUNC_cipher_set_ctx_params_fn *set;
} openssl_gcm;

static void gcm_free(rill_gcm *g)
{
    openssl_gcm *own = (openssl_gcm *)g;
    EVP_CIPHER_free(own->aes);
    rill_free(own->allocator, own);
}

static void *key_new(rill_gcm *g)
{
    openssl_gcm *own = (openssl_gcm *)g;
    const OSSL_PROVIDER *provider = EVP_CIPHER_get0_provider(own->aes);
    return own->new_context(OSSL_PROVIDER_get0_provider_ctx(provider));
}

static void key_free(rill_gcm *g, void *key)
{
    if (key != NULL)
        ((openssl_gcm *)g)->free_context(key); /* wipes it */
}

static bool key_set(rill_gcm *g, void *key, const uint8_t bytes[RILL_KEY_LEN])
{
    /* Either direction will do, since GCM's key schedule is the same for both. */
    return ((openssl_gcm *)g)->encrypt(key, bytes, RILL_KEY_LEN, NULL, 0, NULL) == 1;
}

/* Asks a context for its tag, or sets it. */
#define TAG_PARAM(tag) OSSL_PARAM_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, RILL_TAG_LEN)

/* All of it: what a provider leaves as it was would be sent as it is. */
static bool update(const openssl_gcm *own, void *key, uint8_t *out, const uint8_t *in, size_t len)
{
    size_t done = 0;
    return len == 0 || (own->update(key, out, &done, len, in, len) == 1 && done == len);
}

static int seal(rill_gcm *g, void *key, uint8_t *envelope, size_t len)
{
    const openssl_gcm *own = (const openssl_gcm *)g;
    uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    OSSL_PARAM tag[] = {TAG_PARAM(envelope + RILL_IV_LEN), OSSL_PARAM_END};
    size_t done;
    if (own->encrypt(key, NULL, 0, envelope, RILL_IV_LEN, NULL) != 1 ||
        !update(own, key, text, text, len) || own->final(key, text + len, &done, 0) != 1 ||
        own->get(key, tag) != 1 || tag->return_size != RILL_TAG_LEN)
        return RILL_ERR_CRYPTO;
    return RILL_OK;
}

/* A function of its own: the one place where what is done depends on a secret (public.supp). */
RILL_NOINLINE static bool tag_is_right(const openssl_gcm *own, void *key)
{
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    size_t done;
    return own->final(key, none, &done, 0) == 1;
}

static int open_envelope(rill_gcm *g, void *key, const uint8_t *envelope, size_t len, uint8_t *out)
{
    const openssl_gcm *own = (const openssl_gcm *)g;
    uint8_t expected[RILL_TAG_LEN]; /* a parameter's data is not const */
    memcpy(expected, envelope + RILL_IV_LEN, RILL_TAG_LEN);
    const OSSL_PARAM tag[] = {TAG_PARAM(expected), OSSL_PARAM_END};
    if (own->decrypt(key, NULL, 0, envelope, RILL_IV_LEN, NULL) != 1 ||
        !update(own, key, out, envelope + RILL_ENVELOPE_OVERHEAD, len) || own->set(key, tag) != 1)
        return RILL_ERR_CRYPTO;
    return tag_is_right(own, key) ? RILL_OK : RILL_ERR_AUTH;
}

/* One of "name:other name:..." is the cipher's: EVP knows all that it goes by. */
static bool has_name(const EVP_CIPHER *aes, const char *names)
{
    char name[64]; /* no cipher of ours has a longer one */
    for (;;) {
        size_t len = strcspn(names, ":");
        if (len < sizeof name) {
            memcpy(name, names, len);
            name[len] = '\0';
            if (EVP_CIPHER_is_a(aes, name))
                return true;
        }
        if (names[len] == '\0')
            return false;
        names += len + 1;
    }
}

/* Of one name a provider may have several, which differ in what they say that they are. */
static bool is_it(const EVP_CIPHER *aes, const OSSL_ALGORITHM *a)
{
    const char *is = a->algorithm_description;
    return has_name(aes, a->algorithm_names) &&
           (is == NULL || strcmp(is, EVP_CIPHER_get0_description(aes)) == 0);
}

static void take_functions(openssl_gcm *own, const OSSL_DISPATCH *d)
{
    for (; d->function_id != 0; d++) {
        switch (d->function_id) {
        case OSSL_FUNC_CIPHER_NEWCTX:
            own->new_context = OSSL_FUNC_cipher_newctx(d);
            break;
        case OSSL_FUNC_CIPHER_FREECTX:
            own->free_context = OSSL_FUNC_cipher_freectx(d);
            break;
        case OSSL_FUNC_CIPHER_ENCRYPT_INIT:
            own->encrypt = OSSL_FUNC_cipher_encrypt_init(d);
            break;
        case OSSL_FUNC_CIPHER_DECRYPT_INIT:
            own->decrypt = OSSL_FUNC_cipher_decrypt_init(d);
            break;
        case OSSL_FUNC_CIPHER_UPDATE:
            own->update = OSSL_FUNC_cipher_update(d);
            break;
        case OSSL_FUNC_CIPHER_FINAL:
            own->final = OSSL_FUNC_cipher_final(d);
            break;
        case OSSL_FUNC_CIPHER_GET_CTX_PARAMS:
            own->get = OSSL_FUNC_cipher_get_ctx_params(d);
            break;
        case OSSL_FUNC_CIPHER_SET_CTX_PARAMS:
            own->set = OSSL_FUNC_cipher_set_ctx_params(d);
            break;
        default:
            break;
        }
    }
}

/* Finds the provider's functions. False: it lacks one of them. */
static bool find_functions(openssl_gcm *own)
{
    const OSSL_PROVIDER *provider = EVP_CIPHER_get0_provider(own->aes);
    int no_cache = 0;
    const OSSL_ALGORITHM *all =
        provider ? OSSL_PROVIDER_query_operation(provider, OSSL_OP_CIPHER, &no_cache) : NULL;
    const OSSL_ALGORITHM *a = all;
    while (a != NULL && a->algorithm_names != NULL && !is_it(own->aes, a))
        a++;
    if (a != NULL && a->algorithm_names != NULL)
        take_functions(own, a->implementation);
    if (all != NULL)
        OSSL_PROVIDER_unquery_operation(provider, OSSL_OP_CIPHER, all);
    return own->new_context != NULL && own->free_context != NULL && own->encrypt != NULL &&
           own->decrypt != NULL && own->update != NULL && own->final != NULL && own->get != NULL &&
           own->set != NULL;
}

int rill_gcm_openssl_new(rill_gcm **out, const rill_allocator *allocator)
{
    openssl_gcm *own = rill_alloc(allocator, sizeof *own);
    if (own == NULL)
        return RILL_ERR_NOMEM;
    *own = (openssl_gcm){
        .base = {gcm_free, key_new, key_free, key_set, seal, open_envelope},
        .allocator = allocator,
        .aes = EVP_CIPHER_fetch(NULL, NAME, NULL),
    };
    if (own->aes == NULL || !find_functions(own)) {
        gcm_free(&own->base);
        return RILL_ERR_CRYPTO;
    }
    *out = &own->base;
    return RILL_OK;
}
