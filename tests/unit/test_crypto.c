/* SPDX-License-Identifier: Apache-2.0 */
/* With OpenSSL; with the argument "ipsec-mb", the same with intel-ipsec-mb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "crypto/crypto_internal.h"
#include <cmocka.h>

#include <rill/error.h>
#include <stdlib.h>
#include <string.h>

static rill_crypto_backend backend = RILL_CRYPTO_OPENSSL;

static int setup(void **state)
{
    return rill_crypto_new_with((rill_crypto **)state, rill_allocator_default(), backend);
}

static int teardown(void **state)
{
    rill_crypto_free(*state);
    return 0;
}

static void test_sha256(void **state)
{
    uint8_t out[32];
    assert_int_equal(rill_crypto_sha256(*state, (const uint8_t *)"abc", 3, out), RILL_OK);
    assert_memory_equal(out,
                        "\xba\x78\x16\xbf\x8f\x01\xcf\xea\x41\x41\x40\xde\x5d\xae\x22\x23"
                        "\xb0\x03\x61\xa3\x96\x17\x7a\x9c\xb4\x10\xff\x61\xf2\x00\x15\xad",
                        32);
    assert_int_equal(rill_crypto_sha256(*state, NULL, 0, out), RILL_OK);
    assert_memory_equal(out, "\xe3\xb0\xc4\x42\x98\xfc\x1c\x14", 8);
}

static void assert_hmac(void *c, const char *key, size_t key_len, const char *data,
                        const char *first_bytes)
{
    uint8_t out[32];
    assert_int_equal(rill_crypto_hmac(c, (const uint8_t *)key, key_len, (const uint8_t *)data,
                                      strlen(data), out),
                     RILL_OK);
    assert_memory_equal(out, first_bytes, 16);
}

/* RFC 4231. */
static void test_hmac(void **state)
{
    assert_hmac(*state, "Jefe", 4, "what do ya want for nothing?",
                "\x5b\xdc\xc1\x46\xbf\x60\x75\x4e\x6a\x04\x24\x26\x08\x95\x75\xc7");
    char key[131];
    memset(key, 0x0b, 20);
    assert_hmac(*state, key, 20, "Hi There",
                "\xb0\x34\x4c\x61\xd8\xdb\x38\x53\x5c\xa8\xaf\xce\xaf\x0b\xf1\x2b");
    memset(key, 0xaa, 131);
    assert_hmac(*state, key, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
                "\x60\xe4\x31\x59\x1e\xe0\xb6\x7f\x0d\x8a\x26\xaa\xcb\xf5\xb7\x7f");
    assert_hmac(*state, NULL, 0, "",
                "\xb6\x13\x67\x9a\x08\x14\xd9\xec\x77\x2f\x95\xd7\x78\xc3\x5f\xc5");
    /* A key of exactly a block, against the same key with a zero byte's difference. */
    uint8_t a[32], b[32];
    uint8_t block[64];
    memset(block, 7, sizeof(block));
    assert_int_equal(rill_crypto_hmac(*state, block, 64, block, 3, a), RILL_OK);
    assert_int_equal(rill_crypto_hmac(*state, block, 63, block, 3, b), RILL_OK);
    assert_memory_not_equal(a, b, 32);
}

/* Test case 14 of the GCM submission to NIST: all zeros. */
static void test_gcm_vector(void **state)
{
    static const uint8_t key[32];
    uint8_t envelope[44] = {0};
    memcpy(envelope + 12, "\xd0\xd1\xc8\xa7\x99\x99\x6b\xf0\x26\x5b\x98\xb5\xd4\x8a\xb9\x19", 16);
    memcpy(envelope + 28, "\xce\xa7\x40\x3d\x4d\x60\x6b\x6e\x07\x4e\xc5\xd3\xba\xf3\x9d\x18", 16);
    uint8_t out[16] = {1};
    assert_int_equal(rill_crypto_open(*state, key, envelope, 44, out), RILL_OK);
    assert_memory_equal(out, key, 16);
    envelope[43] ^= 1;
    memset(out, 1, sizeof(out));
    assert_int_equal(rill_crypto_open(*state, key, envelope, 44, out), RILL_ERR_AUTH);
    /* No plaintext that nobody vouches for. */
    assert_memory_equal(out, key, 16);
}

static void test_seal_and_open(void **state)
{
    rill_keys *k, *other;
    uint8_t secret[32] = {1, 2, 3};
    assert_int_equal(rill_keys_new(&k, *state, secret, sizeof(secret)), RILL_OK);
    secret[31] = 1;
    assert_int_equal(rill_keys_new(&other, *state, secret, sizeof(secret)), RILL_OK);
    static const size_t lengths[] = {0, 1, 15, 16, 17, 100, 1000, 32739};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        size_t len = lengths[i];
        uint8_t *plain = calloc(1, len + 1), *out = calloc(1, len + 1);
        uint8_t *envelope = calloc(1, len + RILL_ENVELOPE_OVERHEAD);
        assert_true(plain != NULL && out != NULL && envelope != NULL);
        memset(plain, 0x5a, len);
        memcpy(envelope + RILL_ENVELOPE_OVERHEAD, plain, len);
        assert_int_equal(rill_keys_seal(k, envelope, len), RILL_OK);
        if (len >= 16)
            assert_memory_not_equal(envelope + RILL_ENVELOPE_OVERHEAD, plain, len);
        size_t total = len + RILL_ENVELOPE_OVERHEAD;
        assert_int_equal(rill_keys_open(k, envelope, total, out), RILL_OK);
        assert_memory_equal(out, plain, len + 1);
        assert_int_equal(rill_keys_open(other, envelope, total, out), RILL_ERR_AUTH);
        for (size_t bad = 0; bad < total; bad += total / 29 + 1) {
            envelope[bad] ^= 0x10;
            assert_int_equal(rill_keys_open(k, envelope, total, out), RILL_ERR_AUTH);
            envelope[bad] ^= 0x10;
        }
        assert_int_equal(rill_keys_open(k, envelope, total - 1, out), RILL_ERR_AUTH);
        /* Still good for the next one. */
        assert_int_equal(rill_keys_open(k, envelope, total, out), RILL_OK);
        free(plain);
        free(out);
        free(envelope);
    }
    uint8_t none;
    for (size_t len = 0; len < RILL_ENVELOPE_OVERHEAD; len++)
        assert_int_equal(rill_keys_open(k, secret, len, &none), RILL_ERR_AUTH);
    rill_keys_free(other);
    rill_keys_free(k);
    rill_keys_free(NULL);
}

/* The keys are those of RFC 29: what rill_keys seals and makes, the plain functions open and make.
 */
static void test_key_derivation(void **state)
{
    rill_crypto *c = *state;
    rill_keys *k;
    const uint8_t secret[] = "a secret of any length";
    assert_int_equal(rill_keys_new(&k, c, secret, sizeof(secret)), RILL_OK);
    uint8_t key[32], envelope[28 + 5], out[5];
    const char *label = "ilp_stream_encryption";
    assert_int_equal(
        rill_crypto_hmac(c, secret, sizeof(secret), (const uint8_t *)label, strlen(label), key),
        RILL_OK);
    memcpy(envelope + 28, "hello", 5);
    assert_int_equal(rill_keys_seal(k, envelope, 5), RILL_OK);
    assert_int_equal(rill_crypto_open(c, key, envelope, sizeof(envelope), out), RILL_OK);
    assert_memory_equal(out, "hello", 5);
    memcpy(envelope + 28, "world", 5);
    assert_int_equal(rill_crypto_seal(c, key, envelope, 5), RILL_OK);
    assert_int_equal(rill_keys_open(k, envelope, sizeof(envelope), out), RILL_OK);
    assert_memory_equal(out, "world", 5);

    label = "ilp_stream_fulfillment";
    assert_int_equal(
        rill_crypto_hmac(c, secret, sizeof(secret), (const uint8_t *)label, strlen(label), key),
        RILL_OK);
    uint8_t expected[32], fulfillment[32], condition[32], alone[32];
    assert_int_equal(rill_crypto_hmac(c, key, 32, envelope, sizeof(envelope), expected), RILL_OK);
    assert_int_equal(rill_keys_fulfill(k, envelope, sizeof(envelope), fulfillment, condition),
                     RILL_OK);
    assert_memory_equal(fulfillment, expected, 32);
    assert_int_equal(rill_crypto_sha256(c, fulfillment, 32, expected), RILL_OK);
    assert_memory_equal(condition, expected, 32);
    assert_int_equal(rill_keys_fulfill(k, envelope, sizeof(envelope), NULL, alone), RILL_OK);
    assert_memory_equal(alone, condition, 32);
    assert_int_equal(rill_keys_fulfill(k, envelope, sizeof(envelope), alone, NULL), RILL_OK);
    assert_memory_equal(alone, fulfillment, 32);
    rill_keys_free(k);
}

static int compare_ivs(const void *a, const void *b)
{
    return memcmp(a, b, 12);
}

static void test_ivs_never_repeat(void **state)
{
    enum { COUNT = 20000 };
    static uint8_t ivs[COUNT][12];
    static const uint8_t key[32] = {9};
    uint8_t envelope[29] = {0}, nothing[12] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(rill_crypto_seal(*state, key, envelope, 1), RILL_OK);
        memcpy(ivs[i], envelope, 12);
    }
    qsort(ivs, COUNT, 12, compare_ivs);
    for (size_t i = 1; i < COUNT; i++)
        assert_memory_not_equal(ivs[i - 1], ivs[i], 12);
    assert_memory_not_equal(ivs[0], nothing, 12);
}

static void test_random_fills_all(void **state)
{
    /* Across the pool's end, and more than the pool. */
    static uint8_t bytes[10000];
    assert_int_equal(rill_crypto_random(*state, bytes, 3000), RILL_OK);
    assert_int_equal(rill_crypto_random(*state, bytes, sizeof(bytes)), RILL_OK);
    size_t counts[256] = {0};
    for (size_t i = 0; i < sizeof(bytes); i++)
        counts[bytes[i]]++;
    for (size_t i = 0; i < 256; i++)
        assert_in_range(counts[i], 1, 200);
    assert_int_equal(rill_crypto_random(*state, NULL, 0), RILL_OK);
}

static void test_equal_and_wipe(void **state)
{
    (void)state;
    assert_true(rill_equal_ct("abc", "abc", 3));
    assert_false(rill_equal_ct("abc", "abd", 3));
    assert_true(rill_equal_ct("abc", "abd", 2));
    assert_true(rill_equal_ct(NULL, NULL, 0));
    /* Every byte counts, and none after them. */
    uint8_t a[41], b[41];
    for (size_t len = 0; len < sizeof a; len++) {
        memset(a, 5, sizeof a);
        memset(b, 5, sizeof b);
        b[len] = 6;
        assert_true(rill_equal_ct(a, b, len));
        for (size_t i = 0; i < len; i++) {
            b[i] ^= 0x80;
            assert_false(rill_equal_ct(a, b, len));
            b[i] ^= 0x80;
        }
    }
    char secret[4] = "xyz";
    rill_wipe(secret, 4);
    assert_memory_equal(secret, "\0\0\0\0", 4);
    rill_wipe(NULL, 0);
}

static void *refuse(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)ptr;
    (void)size;
    return NULL;
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const rill_allocator a = {refuse, rill_allocator_default()->free, NULL};
    rill_crypto *c;
    assert_null(rill_crypto_new(&a));
    assert_int_equal(rill_crypto_new_with(&c, &a, backend), RILL_ERR_NOMEM);
    assert_null(c);
    rill_crypto_free(NULL);
}

static void test_backends(void **state)
{
    (void)state;
    rill_crypto *c;
    assert_true(rill_crypto_available(RILL_CRYPTO_OPENSSL));
    assert_true(rill_crypto_available(RILL_CRYPTO_FASTEST));
    assert_int_equal(rill_crypto_new_with(&c, rill_allocator_default(), RILL_CRYPTO_FASTEST),
                     RILL_OK);
    rill_crypto_free(c);
    const rill_crypto_backend none = (rill_crypto_backend)3;
    assert_false(rill_crypto_available(none));
    assert_int_equal(rill_crypto_new_with(&c, rill_allocator_default(), none), RILL_ERR_INVALID);
    assert_null(c);
}

/* This build or this processor does not have it. */
static void test_a_backend_that_is_not_there(void **state)
{
    (void)state;
    rill_crypto *c;
    assert_int_equal(rill_crypto_new_with(&c, rill_allocator_default(), backend),
                     RILL_ERR_UNSUPPORTED);
    assert_null(c);
}

/* More keys than there are sets of contexts: each is as good as if it were alone. */
static void test_more_keys_than_contexts(void **state)
{
    enum { KEYS = 1100, LEN = 40 };
    static rill_keys *keys[KEYS];
    static uint8_t conditions[KEYS][32];
    static uint8_t envelopes[KEYS][RILL_ENVELOPE_OVERHEAD + LEN];
    uint8_t plain[LEN], condition[32];
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t secret[32] = {(uint8_t)i, (uint8_t)(i >> 8)};
        assert_int_equal(rill_keys_new(&keys[i], *state, secret, sizeof secret), RILL_OK);
        memset(envelopes[i] + RILL_ENVELOPE_OVERHEAD, (int)(i & 0xff), LEN);
        assert_int_equal(rill_keys_seal(keys[i], envelopes[i], LEN), RILL_OK);
        assert_int_equal(rill_keys_fulfill(keys[i], secret, 32, NULL, conditions[i]), RILL_OK);
    }
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < KEYS; i++) {
            uint8_t secret[32] = {(uint8_t)i, (uint8_t)(i >> 8)};
            if (keys[i] == NULL)
                continue;
            assert_int_equal(rill_keys_open(keys[i], envelopes[i], sizeof envelopes[i], plain),
                             RILL_OK);
            assert_int_equal(plain[LEN - 1], i & 0xff);
            assert_int_equal(rill_keys_fulfill(keys[i], secret, 32, NULL, condition), RILL_OK);
            assert_memory_equal(condition, conditions[i], 32);
            unsigned other = (i + 1) % KEYS;
            assert_int_equal(
                rill_keys_open(keys[i], envelopes[other], sizeof envelopes[other], plain),
                RILL_ERR_AUTH);
            if (i % 3 == round) {
                rill_keys_free(keys[i]);
                keys[i] = NULL;
            }
        }
    }
    for (unsigned i = 0; i < KEYS; i++)
        rill_keys_free(keys[i]);
}

static bool full;

static void *until_full(void *user, void *ptr, size_t size)
{
    (void)user;
    return full ? NULL : realloc(ptr, size);
}

/* Without memory for more contexts, those that there are go round; without any, there is an error.
 */
static void test_contexts_when_memory_is_out(void **state)
{
    (void)state;
    enum { KEYS = 40, LEN = 40 };
    const rill_allocator a = {until_full, rill_allocator_default()->free, NULL};
    rill_crypto *c;
    rill_keys *keys[KEYS];
    static uint8_t envelopes[KEYS][RILL_ENVELOPE_OVERHEAD + LEN];
    uint8_t plain[LEN];
    if (backend != RILL_CRYPTO_OPENSSL)
        return; /* the other one's contexts come from the allocator, each on its own */
    full = false;
    assert_int_equal(rill_crypto_new_with(&c, &a, backend), RILL_OK);
    for (unsigned i = 0; i < KEYS; i++) {
        uint8_t secret[32] = {(uint8_t)i};
        assert_int_equal(rill_keys_new(&keys[i], c, secret, sizeof secret), RILL_OK);
        memset(envelopes[i] + RILL_ENVELOPE_OVERHEAD, (int)i, LEN);
    }
    full = true;
    assert_int_equal(rill_keys_seal(keys[0], envelopes[0], LEN), RILL_ERR_NOMEM);
    full = false;
    assert_int_equal(rill_keys_seal(keys[0], envelopes[0], LEN), RILL_OK);
    full = true;
    for (unsigned i = 1; i < KEYS; i++)
        assert_int_equal(rill_keys_seal(keys[i], envelopes[i], LEN), RILL_OK);
    for (unsigned i = 0; i < KEYS; i++) {
        assert_int_equal(rill_keys_open(keys[i], envelopes[i], sizeof envelopes[i], plain),
                         RILL_OK);
        assert_int_equal(plain[0], i);
        rill_keys_free(keys[i]);
    }
    rill_crypto_free(c);
}

/* Contexts that were given back are used again, before there are more. */
static void test_contexts_are_used_again(void **state)
{
    (void)state;
    rill_crypto *c;
    uint8_t envelope[RILL_ENVELOPE_OVERHEAD + 8] = {0};
    assert_int_equal(rill_crypto_new_with(&c, rill_allocator_default(), backend), RILL_OK);
    for (unsigned i = 0; i < 40; i++) {
        uint8_t secret[32] = {(uint8_t)i};
        rill_keys *one;
        rill_keys *other;
        assert_int_equal(rill_keys_new(&one, c, secret, sizeof secret), RILL_OK);
        assert_int_equal(rill_keys_new(&other, c, secret, sizeof secret), RILL_OK);
        assert_int_equal(rill_keys_seal(one, envelope, 8), RILL_OK);
        assert_int_equal(rill_keys_seal(other, envelope, 8), RILL_OK);
        rill_keys_free(one);
        rill_keys_free(other);
        assert_int_equal(c->live_count, 2);
    }
    rill_crypto_free(c);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest not_there[] = {cmocka_unit_test(test_a_backend_that_is_not_there)};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),
        cmocka_unit_test(test_hmac),
        cmocka_unit_test(test_gcm_vector),
        cmocka_unit_test(test_seal_and_open),
        cmocka_unit_test(test_key_derivation),
        cmocka_unit_test(test_ivs_never_repeat),
        cmocka_unit_test(test_random_fills_all),
        cmocka_unit_test(test_equal_and_wipe),
        cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_more_keys_than_contexts),
        cmocka_unit_test(test_backends),
        cmocka_unit_test(test_contexts_when_memory_is_out),
        cmocka_unit_test(test_contexts_are_used_again),
    };
    if (argc > 1 && strcmp(argv[1], "ipsec-mb") == 0)
        backend = RILL_CRYPTO_IPSEC_MB;
    if (!rill_crypto_available(backend))
        return cmocka_run_group_tests(not_there, NULL, NULL);
    return cmocka_run_group_tests(tests, setup, teardown);
}
