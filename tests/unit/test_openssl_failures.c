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

#include <openssl/evp.h>
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
WRAP(EVP_CIPHER_CTX *, NULL, EVP_CIPHER_CTX_new, (void), ())
WRAP_INT(EVP_CipherInit_ex2,
         (EVP_CIPHER_CTX * ctx, const EVP_CIPHER *cipher, const unsigned char *key,
          const unsigned char *iv, int enc, const OSSL_PARAM params[]),
         (ctx, cipher, key, iv, enc, params))
WRAP_INT(EVP_EncryptUpdate,
         (EVP_CIPHER_CTX * ctx, unsigned char *out, int *outl, const unsigned char *in, int inl),
         (ctx, out, outl, in, inl))
WRAP_INT(EVP_DecryptUpdate,
         (EVP_CIPHER_CTX * ctx, unsigned char *out, int *outl, const unsigned char *in, int inl),
         (ctx, out, outl, in, inl))
WRAP_INT(EVP_EncryptFinal_ex, (EVP_CIPHER_CTX * ctx, unsigned char *out, int *outl),
         (ctx, out, outl))
WRAP_INT(EVP_CIPHER_CTX_get_params, (EVP_CIPHER_CTX * ctx, OSSL_PARAM params[]), (ctx, params))
WRAP_INT(EVP_CIPHER_CTX_set_params, (EVP_CIPHER_CTX * ctx, const OSSL_PARAM params[]),
         (ctx, params))

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
    return rill_keys_seal(w->keys, w->envelope, LEN);
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
    memcpy(w->token + RILL_ENVELOPE_OVERHEAD, text, LEN);
    return rill_crypto_seal(w->crypto, secret, w->token, LEN);
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
        cmocka_unit_test(test_lengths_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
