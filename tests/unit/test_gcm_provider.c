/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AES-256-GCM of a provider that the application has chosen. It is a provider of this test, which
 * calls OpenSSL's own: so it is known that its functions run, and of the right entry of its table.
 * It may also do what no good provider does. Then nothing is sealed or opened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <rill/error.h>

#include "crypto/crypto.h"

/* ---- the provider ---- */

static OSSL_PROVIDER *standard; /* OpenSSL's */
static const OSSL_DISPATCH *real;
static unsigned long calls[2]; /* of the entries of the table */
static bool does_less;         /* one byte of a text is left out, and not told as an error */
static bool gives_no_tag;

static void (*real_function(int id))(void)
{
    for (const OSSL_DISPATCH *d = real; d->function_id != 0; d++)
        if (d->function_id == id)
            return d->function;
    return NULL;
}

#define REAL(type, id) ((OSSL_FUNC_cipher_##type##_fn *)real_function(OSSL_FUNC_CIPHER_##id))

static void *first_newctx(void *provider)
{
    (void)provider;
    calls[0]++;
    return REAL(newctx, NEWCTX)(OSSL_PROVIDER_get0_provider_ctx(standard));
}

static void *second_newctx(void *provider)
{
    (void)provider;
    calls[1]++;
    return REAL(newctx, NEWCTX)(OSSL_PROVIDER_get0_provider_ctx(standard));
}

static int update(void *c, unsigned char *out, size_t *len, size_t room, const unsigned char *in,
                  size_t in_len)
{
    return REAL(update, UPDATE)(c, out, len, room, in, does_less ? in_len - 1 : in_len);
}

static int get(void *c, OSSL_PARAM params[])
{
    return gives_no_tag ? 1 : REAL(get_ctx_params, GET_CTX_PARAMS)(c, params);
}

static OSSL_DISPATCH functions[2][40];
static OSSL_ALGORITHM table[3];

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    return operation == OSSL_OP_CIPHER ? table : NULL;
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                 void **context)
{
    static const OSSL_DISPATCH ours[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
        {0, NULL},
    };
    (void)in;
    *out = ours;
    *context = (void *)handle;
    return 1;
}

static void copy_functions(OSSL_DISPATCH *out, OSSL_FUNC_cipher_newctx_fn *newctx)
{
    for (const OSSL_DISPATCH *d = real; d->function_id != 0; d++, out++) {
        *out = *d;
        if (d->function_id == OSSL_FUNC_CIPHER_NEWCTX)
            out->function = (void (*)(void))newctx;
        if (d->function_id == OSSL_FUNC_CIPHER_UPDATE)
            out->function = (void (*)(void))update;
        if (d->function_id == OSSL_FUNC_CIPHER_GET_CTX_PARAMS)
            out->function = (void (*)(void))get;
    }
}

static int find_real(void **state)
{
    int no_cache;
    (void)state;
    standard = OSSL_PROVIDER_load(NULL, "default");
    const OSSL_ALGORITHM *a =
        standard ? OSSL_PROVIDER_query_operation(standard, OSSL_OP_CIPHER, &no_cache) : NULL;
    /* With its colon: OpenSSL 3.2 and later have AES-256-GCM-SIV, too. */
    while (a && a->algorithm_names && !strstr(a->algorithm_names, "AES-256-GCM:"))
        a++;
    if (!a || !a->algorithm_names)
        return -1;
    real = a->implementation;
    copy_functions(functions[0], first_newctx);
    copy_functions(functions[1], second_newctx);
    return 0;
}

/* ---- what is done with it ---- */

#define LEN 40

static const uint8_t key[RILL_KEY_LEN] = {1, 2, 3};
static const uint8_t text[LEN] = "what is to be kept from others";

/* Loads the provider under a new name, so that nothing is known of it. */
static OSSL_PROVIDER *load(const char *name)
{
    calls[0] = calls[1] = 0;
    assert_int_equal(OSSL_PROVIDER_add_builtin(NULL, name, start), 1);
    OSSL_PROVIDER *p = OSSL_PROVIDER_load(NULL, name);
    assert_non_null(p);
    return p;
}

/* As a configuration would choose. */
static rill_crypto *new_crypto(const char *properties)
{
    rill_crypto *c = NULL;
    assert_int_equal(EVP_set_default_properties(NULL, properties), 1);
    int err = rill_crypto_new_with(&c, rill_allocator_default(), RILL_CRYPTO_OPENSSL);
    assert_int_equal(EVP_set_default_properties(NULL, ""), 1);
    assert_int_equal(err, RILL_OK);
    return c;
}

static int seal(rill_crypto *c, uint8_t envelope[RILL_ENVELOPE_OVERHEAD + LEN])
{
    memcpy(envelope + RILL_ENVELOPE_OVERHEAD, text, LEN);
    return rill_crypto_seal(c, key, envelope, LEN);
}

static int open_it(rill_crypto *c, const uint8_t envelope[RILL_ENVELOPE_OVERHEAD + LEN])
{
    uint8_t out[LEN] = {0};
    int err = rill_crypto_open(c, key, envelope, RILL_ENVELOPE_OVERHEAD + LEN, out);
    if (err == RILL_OK)
        assert_memory_equal(out, text, LEN);
    else
        assert_memory_not_equal(out, text, LEN - 1);
    return err;
}

/* Its functions run, and what they seal is opened by OpenSSL's own, and the other way. */
static void check_used(unsigned entry, const char *properties)
{
    uint8_t envelope[RILL_ENVELOPE_OVERHEAD + LEN];
    rill_crypto *c = new_crypto(properties);
    assert_int_equal(calls[1 - entry], 0);
    assert_true(calls[entry] > 0);
    unsigned long before = calls[entry];
    rill_crypto *other = new_crypto("provider=default");
    assert_int_equal(calls[entry], before);
    assert_int_equal(seal(c, envelope), RILL_OK);
    assert_int_equal(open_it(other, envelope), RILL_OK);
    assert_int_equal(seal(other, envelope), RILL_OK);
    assert_int_equal(open_it(c, envelope), RILL_OK);
    envelope[RILL_IV_LEN] ^= 1;
    assert_int_equal(open_it(c, envelope), RILL_ERR_AUTH);
    rill_crypto_free(c);
    rill_crypto_free(other);
}

/* Longer than the name of any cipher. */
#define LONG_NAME "0123456789012345678901234567890123456789012345678901234567890123"

/* EVP knows that they are the same: so must we. */
static void test_other_names(void **state)
{
    static const char *const names[] = {"AES-256-GCM", "aes-256-gcm:something", "id-aes256-GCM",
                                        LONG_NAME ":2.16.840.1.101.3.4.1.46"};
    static const struct {
        const char *name;
        const char *property;
    } providers[] = {{"odd0", "provider=odd0"},
                     {"odd1", "provider=odd1"},
                     {"odd2", "provider=odd2"},
                     {"odd3", "provider=odd3"}};
    (void)state;
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        table[0] = (OSSL_ALGORITHM){"AES-256-CBC", providers[i].property, functions[1], NULL};
        table[1] = (OSSL_ALGORITHM){names[i], providers[i].property, functions[0], NULL};
        table[2] = (OSSL_ALGORITHM){NULL, NULL, NULL, NULL};
        OSSL_PROVIDER *p = load(providers[i].name);
        check_used(0, providers[i].property);
        assert_int_equal(OSSL_PROVIDER_unload(p), 1);
    }
}

/* OpenSSL's configuration says which of two that one provider has. */
static void test_two_of_one_provider(void **state)
{
    (void)state;
    table[0] = (OSSL_ALGORITHM){"AES-256-GCM", "provider=two", functions[0], "the first"};
    table[1] = (OSSL_ALGORITHM){"AES-256-GCM", "provider=two,fips=yes", functions[1], "the second"};
    table[2] = (OSSL_ALGORITHM){NULL, NULL, NULL, NULL};
    OSSL_PROVIDER *p = load("two");
    check_used(1, "provider=two,fips=yes");
    assert_int_equal(OSSL_PROVIDER_unload(p), 1);
}

/* What it has left as it was is neither sent nor read. */
static void test_what_was_not_done(void **state)
{
    uint8_t envelope[RILL_ENVELOPE_OVERHEAD + LEN];
    (void)state;
    table[0] = (OSSL_ALGORITHM){"AES-256-GCM", "provider=bad", functions[0], NULL};
    table[1] = (OSSL_ALGORITHM){NULL, NULL, NULL, NULL};
    OSSL_PROVIDER *p = load("bad");
    rill_crypto *c = new_crypto("provider=bad");
    assert_true(calls[0] > 0);
    does_less = true;
    assert_int_equal(seal(c, envelope), RILL_ERR_CRYPTO);
    does_less = false;
    gives_no_tag = true;
    assert_int_equal(seal(c, envelope), RILL_ERR_CRYPTO);
    gives_no_tag = false;
    assert_int_equal(seal(c, envelope), RILL_OK);
    does_less = true;
    assert_int_equal(open_it(c, envelope), RILL_ERR_CRYPTO);
    does_less = false;
    assert_int_equal(open_it(c, envelope), RILL_OK);
    rill_crypto_free(c);
    assert_int_equal(OSSL_PROVIDER_unload(p), 1);
}

/* The provider stays while somebody has its functions. */
static void test_unloaded_while_in_use(void **state)
{
    uint8_t envelope[RILL_ENVELOPE_OVERHEAD + LEN];
    (void)state;
    table[0] = (OSSL_ALGORITHM){"AES-256-GCM", "provider=leaving", functions[0], NULL};
    table[1] = (OSSL_ALGORITHM){NULL, NULL, NULL, NULL};
    OSSL_PROVIDER *p = load("leaving");
    rill_crypto *c = new_crypto("provider=leaving");
    assert_true(calls[0] > 0);
    assert_int_equal(OSSL_PROVIDER_unload(p), 1);
    assert_int_equal(seal(c, envelope), RILL_OK);
    assert_int_equal(open_it(c, envelope), RILL_OK);
    rill_crypto_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_other_names),
        cmocka_unit_test(test_two_of_one_provider),
        cmocka_unit_test(test_what_was_not_done),
        cmocka_unit_test(test_unloaded_while_in_use),
    };
    return cmocka_run_group_tests(tests, find_real, NULL);
}
