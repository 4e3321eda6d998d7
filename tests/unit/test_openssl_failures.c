/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every call of src/crypto into OpenSSL fails. Whatever needed it reports an error, gives nothing
 * out, and works when it is tried again. The linker puts these functions before OpenSSL's (--wrap).
 */
#define OPENSSL_SUPPRESS_DEPRECATED

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_dispatch.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <rill/error.h>

#include "crypto/crypto.h"

static unsigned long calls;
static unsigned long fail_at; /* 0: none */
static bool failed;

static bool fails(void)
{
    if (++calls != fail_at)
        return false;
    failed = true;
    return true;
}

#define WRAP(type, failure, name, parameters, arguments)                                           \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        if (fails())                                                                               \
            return failure;                                                                        \
        return __real_##name arguments;                                                            \
    }
#define WRAP_INT(name, parameters, arguments) WRAP(int, 0, name, parameters, arguments)

WRAP_INT(RAND_bytes, (unsigned char *buf, int num), (buf, num))
WRAP_INT(RAND_priv_bytes, (unsigned char *buf, int num), (buf, num))
WRAP_INT(SHA256_Init, (SHA256_CTX * c), (c))
WRAP_INT(SHA256_Update, (SHA256_CTX * c, const void *data, size_t len), (c, data, len))
WRAP_INT(SHA256_Final, (unsigned char *md, SHA256_CTX *c), (md, c))
WRAP(EVP_CIPHER *, NULL, EVP_CIPHER_fetch,
     (OSSL_LIB_CTX * ctx, const char *algorithm, const char *properties),
     (ctx, algorithm, properties))

/* ---- the functions of OpenSSL's provider ---- */

/* What is handed out instead of its table: each function of ours calls the one that was there. */
static OSSL_FUNC_cipher_newctx_fn *real_newctx;
static OSSL_FUNC_cipher_encrypt_init_fn *real_encrypt;
static OSSL_FUNC_cipher_decrypt_init_fn *real_decrypt;
static OSSL_FUNC_cipher_update_fn *real_update;
static OSSL_FUNC_cipher_final_fn *real_final;
static OSSL_FUNC_cipher_get_ctx_params_fn *real_get;
static OSSL_FUNC_cipher_set_ctx_params_fn *real_set;

static void *our_newctx(void *provider)
{
    return fails() ? NULL : real_newctx(provider);
}

static int our_encrypt(void *c, const unsigned char *key, size_t key_len, const unsigned char *iv,
                       size_t iv_len, const OSSL_PARAM params[])
{
    return fails() ? 0 : real_encrypt(c, key, key_len, iv, iv_len, params);
}

static int our_decrypt(void *c, const unsigned char *key, size_t key_len, const unsigned char *iv,
                       size_t iv_len, const OSSL_PARAM params[])
{
    return fails() ? 0 : real_decrypt(c, key, key_len, iv, iv_len, params);
}

static int our_update(void *c, unsigned char *out, size_t *len, size_t room,
                      const unsigned char *in, size_t in_len)
{
    return fails() ? 0 : real_update(c, out, len, room, in, in_len);
}

/* One that says no for a wrong tag is no failure of the library, and is not made here. */
static bool sealing;

static int our_final(void *c, unsigned char *out, size_t *len, size_t room)
{
    return sealing && fails() ? 0 : real_final(c, out, len, room);
}

static int our_get(void *c, OSSL_PARAM params[])
{
    return fails() ? 0 : real_get(c, params);
}

static int our_set(void *c, const OSSL_PARAM params[])
{
    return fails() ? 0 : real_set(c, params);
}

#define OURS(name, type, id)                                                                       \
    case OSSL_FUNC_CIPHER_##id:                                                                    \
        real_##name = OSSL_FUNC_cipher_##type(d);                                                  \
        d->function = (void (*)(void))our_##name;                                                  \
        break

static void replace(OSSL_DISPATCH *d)
{
    for (; d->function_id != 0; d++) {
        switch (d->function_id) {
            OURS(newctx, newctx, NEWCTX);
            OURS(encrypt, encrypt_init, ENCRYPT_INIT);
            OURS(decrypt, decrypt_init, DECRYPT_INIT);
            OURS(update, update, UPDATE);
            OURS(final, final, FINAL);
            OURS(get, get_ctx_params, GET_CTX_PARAMS);
            OURS(set, set_ctx_params, SET_CTX_PARAMS);
        default:
            break;
        }
    }
}

/* Which one is left out; 0: none. */
static int missing;
static const OSSL_ALGORITHM *real_table;

const OSSL_ALGORITHM *__real_OSSL_PROVIDER_query_operation(const OSSL_PROVIDER *p, int operation,
                                                           int *no_cache);
const OSSL_ALGORITHM *__wrap_OSSL_PROVIDER_query_operation(const OSSL_PROVIDER *p, int operation,
                                                           int *no_cache);
const OSSL_ALGORITHM *__wrap_OSSL_PROVIDER_query_operation(const OSSL_PROVIDER *p, int operation,
                                                           int *no_cache)
{
    static OSSL_DISPATCH functions[40];
    /* Names that begin as the right one does, or have it elsewhere, and other cases. */
    static const OSSL_ALGORITHM ours[] = {
        {"AES-256-GCM-SIV:AES-256", "", functions + 39, NULL},
        {"2.16.840.1.101.3.4.1.46:aes-256-gcm:id-aes256-GCM", "", functions, NULL},
        {NULL, NULL, NULL, NULL},
    };
    if (fails())
        return NULL;
    real_table = __real_OSSL_PROVIDER_query_operation(p, operation, no_cache);
    const OSSL_ALGORITHM *a = real_table;
    while (strstr(a->algorithm_names, "AES-256-GCM") == NULL)
        a++;
    unsigned count = 0;
    for (const OSSL_DISPATCH *d = a->implementation; d->function_id != 0; d++)
        if (d->function_id != missing)
            functions[count++] = *d;
    assert_in_range(count, 8, 38);
    functions[count].function_id = 0;
    replace(functions);
    return ours;
}

void __real_OSSL_PROVIDER_unquery_operation(const OSSL_PROVIDER *p, int operation,
                                            const OSSL_ALGORITHM *table);
void __wrap_OSSL_PROVIDER_unquery_operation(const OSSL_PROVIDER *p, int operation,
                                            const OSSL_ALGORITHM *table);
void __wrap_OSSL_PROVIDER_unquery_operation(const OSSL_PROVIDER *p, int operation,
                                            const OSSL_ALGORITHM *table)
{
    assert_ptr_not_equal(table, real_table);
    __real_OSSL_PROVIDER_unquery_operation(p, operation, real_table);
}

#define LEN 40

static const uint8_t text[LEN] = "what is to be kept from others";
static const uint8_t secret[100] = {3, 1, 4}; /* longer than a block: it is hashed first */

typedef struct work {
    rill_crypto *crypto;
    rill_keys *keys;
    uint8_t envelope[RILL_ENVELOPE_OVERHEAD + LEN];
    uint8_t token[RILL_ENVELOPE_OVERHEAD + LEN];
    uint8_t out[RILL_SHA256_LEN];
    uint8_t out2[RILL_SHA256_LEN];
    uint8_t plain[LEN];
    uint8_t random[5000]; /* more than a pool */
} work;

static int do_keys(work *w)
{
    rill_keys_free(w->keys);
    w->keys = NULL;
    return rill_keys_new(&w->keys, w->crypto, secret, sizeof secret);
}

static int do_seal(work *w)
{
    memcpy(w->envelope + RILL_ENVELOPE_OVERHEAD, text, LEN);
    sealing = true;
    int err = rill_keys_seal(w->keys, w->envelope, LEN);
    sealing = false;
    return err;
}

static int do_open(work *w)
{
    return rill_keys_open(w->keys, w->envelope, sizeof w->envelope, w->plain);
}

static int do_fulfill(work *w)
{
    return rill_keys_fulfill(w->keys, text, LEN, w->out, w->out2);
}

static int do_sha256(work *w)
{
    return rill_crypto_sha256(w->crypto, text, LEN, w->out);
}

static int do_hmac(work *w)
{
    return rill_crypto_hmac(w->crypto, secret, sizeof secret, text, LEN, w->out);
}

static int do_random(work *w)
{
    return rill_crypto_random(w->crypto, w->random, sizeof w->random);
}

static int do_seal_token(work *w)
{
    rill_crypto_forget(w->crypto); /* so that a context for the key is made anew */
    memcpy(w->token + RILL_ENVELOPE_OVERHEAD, text, LEN);
    sealing = true;
    int err = rill_crypto_seal(w->crypto, secret, w->token, LEN);
    sealing = false;
    return err;
}

static int do_open_token(work *w)
{
    return rill_crypto_open(w->crypto, secret, w->token, sizeof w->token, w->plain);
}

/* In an order in which each has what it needs. */
static const struct step {
    int (*run)(work *w);
    bool opens; /* gives the text */
    bool digests;
} steps[] = {
    {do_keys, false, false},       {do_seal, false, false},      {do_open, true, false},
    {do_fulfill, false, true},     {do_sha256, false, true},     {do_hmac, false, true},
    {do_seal_token, false, false}, {do_open_token, true, false}, {do_random, false, false},
};
#define STEPS (sizeof steps / sizeof steps[0])

static uint8_t expected[STEPS][RILL_SHA256_LEN];

static void check_output(const work *w, unsigned i)
{
    static const uint8_t zero[sizeof w->random];
    if (steps[i].opens)
        assert_memory_equal(w->plain, text, LEN);
    if (steps[i].digests)
        assert_memory_equal(w->out, expected[i], RILL_SHA256_LEN);
    if (steps[i].run == do_random)
        assert_memory_not_equal(w->random + 4900, zero, 100);
}

static void run_step(work *w, unsigned i)
{
    memset(w->plain, 0, sizeof w->plain);
    memset(w->random, 0, sizeof w->random);
    failed = false;
    int err = steps[i].run(w);
    assert_int_equal(err, failed ? RILL_ERR_CRYPTO : RILL_OK);
    if (failed) {
        assert_memory_not_equal(w->plain, text, LEN);
        /* It fails for once: the same works again. */
        assert_int_equal(steps[i].run(w), RILL_OK);
    }
    check_output(w, i);
}

/* False if nothing failed: there were not so many calls. */
static bool run(unsigned long n)
{
    work w = {0};
    calls = 0;
    fail_at = n;
    failed = false;
    w.crypto = rill_crypto_new(rill_allocator_default());
    bool any = failed;
    assert_int_equal(w.crypto == NULL, failed);
    if (!w.crypto)
        w.crypto = rill_crypto_new(rill_allocator_default());
    assert_non_null(w.crypto);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < STEPS; i++) {
            run_step(&w, i);
            any = any || failed;
        }
    }
    rill_keys_free(w.keys);
    rill_crypto_free(w.crypto);
    return any;
}

static void test_every_call_of_openssl_fails(void **state)
{
    work w = {0};
    unsigned long n = 1;
    (void)state;
    fail_at = 0;
    w.crypto = rill_crypto_new(rill_allocator_default());
    assert_non_null(w.crypto);
    for (unsigned i = 0; i < STEPS; i++) {
        assert_int_equal(steps[i].run(&w), RILL_OK);
        memcpy(expected[i], w.out, RILL_SHA256_LEN);
    }
    rill_keys_free(w.keys);
    rill_crypto_free(w.crypto);
    while (run(n))
        n++;
    print_message("# each of %lu calls of OpenSSL failed\n", n - 1);
    assert_in_range(n, 50, 1000);
}

/* A provider without one of the functions that are needed. */
static void test_a_function_that_is_missing(void **state)
{
    static const int needed[] = {OSSL_FUNC_CIPHER_NEWCTX,         OSSL_FUNC_CIPHER_FREECTX,
                                 OSSL_FUNC_CIPHER_ENCRYPT_INIT,   OSSL_FUNC_CIPHER_DECRYPT_INIT,
                                 OSSL_FUNC_CIPHER_UPDATE,         OSSL_FUNC_CIPHER_FINAL,
                                 OSSL_FUNC_CIPHER_GET_CTX_PARAMS, OSSL_FUNC_CIPHER_SET_CTX_PARAMS};
    rill_crypto *c;
    (void)state;
    fail_at = 0;
    for (unsigned i = 0; i < sizeof needed / sizeof needed[0]; i++) {
        missing = needed[i];
        assert_int_equal(rill_crypto_new_with(&c, rill_allocator_default(), RILL_CRYPTO_OPENSSL),
                         RILL_ERR_CRYPTO);
        assert_null(c);
    }
    missing = 0;
}

/* Lengths that OpenSSL's int does not hold, and envelopes too short to be one. */
static void test_lengths_that_cannot_be(void **state)
{
    uint8_t small[RILL_ENVELOPE_OVERHEAD] = {0};
    uint8_t out[1];
    (void)state;
    fail_at = 0;
    rill_crypto *c = rill_crypto_new(rill_allocator_default());
    assert_non_null(c);
    assert_int_equal(rill_crypto_open(c, secret, small, sizeof small - 1, out), RILL_ERR_AUTH);
    assert_int_equal(rill_crypto_seal(c, secret, small, (size_t)INT32_MAX + 1), RILL_ERR_CRYPTO);
    rill_crypto_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_call_of_openssl_fails),
        cmocka_unit_test(test_a_function_that_is_missing),
        cmocka_unit_test(test_lengths_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
