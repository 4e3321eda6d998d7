/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/wire/token.h"

typedef struct fixture {
    rill_crypto *crypto;
    rill_token_keys keys;
} fixture;

static const uint8_t server_secret[32] = {1, 2, 3};
static const uint8_t nonce[RILL_RECEIPT_NONCE_LEN] = {4, 5, 6};
static const uint8_t receipt_secret[RILL_RECEIPT_SECRET_LEN] = {7, 8, 9};

static int setup(void **state)
{
    static fixture f;

    f.crypto = rill_crypto_new(rill_allocator_default());
    *state = &f;
    return f.crypto == NULL ? -1 : rill_token_keys_derive(&f.keys, f.crypto, server_secret, NULL);
}

static int teardown(void **state)
{
    fixture *f = *state;

    rill_crypto_free(f->crypto);
    return 0;
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){.data = (const uint8_t *)s, .len = strlen(s)};
}

static void test_a_token_opens(void **state)
{
    fixture *f = *state;
    rill_credentials_options o = {
        .tag = "invoice 17 ~ \xc3\xa4", .receipt_nonce = nonce, .receipt_secret = receipt_secret};
    char token[RILL_TOKEN_MAX];
    uint8_t secret[32];
    uint8_t again[32];
    rill_token_details details;

    assert_int_equal(rill_token_create(&f->keys, f->crypto, &o, token, secret), RILL_OK);
    assert_int_equal(rill_token_open(&f->keys, f->crypto, text(token), &details, again), RILL_OK);
    assert_memory_equal(secret, again, 32);
    assert_string_equal(details.tag, o.tag);
    assert_true(details.receipts);
    assert_memory_equal(details.receipt_nonce, nonce, sizeof nonce);
    assert_memory_equal(details.receipt_secret, receipt_secret, sizeof receipt_secret);
}

static void test_a_token_of_nothing(void **state)
{
    fixture *f = *state;
    const rill_credentials_options empty = {.tag = NULL};
    const rill_credentials_options *options[] = {NULL, &empty};
    char token[RILL_TOKEN_MAX];
    uint8_t secret[32];
    rill_token_details details;

    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rill_token_create(&f->keys, f->crypto, options[i], token, secret),
                         RILL_OK);
        assert_int_equal(strlen(token), 42); /* 31 bytes */
        assert_int_equal(rill_token_open(&f->keys, f->crypto, text(token), &details, secret),
                         RILL_OK);
        assert_string_equal(details.tag, "");
        assert_false(details.receipts);
    }
}

static void test_no_two_are_the_same(void **state)
{
    fixture *f = *state;
    char tokens[2][RILL_TOKEN_MAX];
    uint8_t secrets[2][32];

    for (size_t i = 0; i < 2; i++)
        assert_int_equal(rill_token_create(&f->keys, f->crypto, NULL, tokens[i], secrets[i]),
                         RILL_OK);
    assert_string_not_equal(tokens[0], tokens[1]);
    assert_memory_not_equal(secrets[0], secrets[1], 32);
}

static void test_every_changed_bit_is_noticed(void **state)
{
    fixture *f = *state;
    rill_credentials_options o = {.tag = "a tag"};
    char token[RILL_TOKEN_MAX];
    uint8_t secret[32];
    rill_token_details details;

    assert_int_equal(rill_token_create(&f->keys, f->crypto, &o, token, secret), RILL_OK);
    for (size_t i = 0; i < strlen(token); i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            char copy[RILL_TOKEN_MAX];
            memcpy(copy, token, sizeof copy);
            copy[i] = (char)((uint8_t)copy[i] ^ (1U << bit));
            rill_bytes changed = {(const uint8_t *)copy, strlen(token)};
            assert_int_equal(rill_token_open(&f->keys, f->crypto, changed, &details, secret),
                             RILL_ERR_AUTH);
            assert_string_equal(details.tag, "");
        }
    }
    for (size_t len = 0; len < strlen(token); len++) {
        rill_bytes cut = {(const uint8_t *)token, len};
        assert_int_equal(rill_token_open(&f->keys, f->crypto, cut, &details, secret),
                         RILL_ERR_AUTH);
    }
}

static void test_only_one_text_is_taken(void **state)
{
    fixture *f = *state;
    char token[RILL_TOKEN_MAX];
    uint8_t secret[32];
    rill_token_details details;
    bool met = false;

    /* Until one has both characters that the other alphabet writes differently. */
    for (unsigned i = 0; i < 10000 && !met; i++) {
        assert_int_equal(rill_token_create(&f->keys, f->crypto, NULL, token, secret), RILL_OK);
        met = strchr(token, '-') != NULL && strchr(token, '_') != NULL;
    }
    assert_true(met);
    for (char *at = token; *at != '\0'; at++)
        *at = *at == '-' ? '+' : *at == '_' ? '/' : *at;
    assert_int_equal(rill_token_open(&f->keys, f->crypto, text(token), &details, secret),
                     RILL_ERR_AUTH);
    assert_int_equal(rill_token_create(&f->keys, f->crypto, NULL, token, secret), RILL_OK);
    memcpy(token + strlen(token), "==", 3);
    assert_int_equal(rill_token_open(&f->keys, f->crypto, text(token), &details, secret),
                     RILL_ERR_AUTH);
}

static void test_another_server_does_not_open_it(void **state)
{
    fixture *f = *state;
    static const uint8_t other_secret[32] = {1, 2, 4};
    rill_token_keys other;
    char token[RILL_TOKEN_MAX];
    uint8_t secret[32];
    rill_token_details details;

    assert_int_equal(rill_token_keys_derive(&other, f->crypto, other_secret, NULL), RILL_OK);
    assert_memory_not_equal(other.seal, other.derive, RILL_KEY_LEN);
    assert_int_equal(rill_token_create(&f->keys, f->crypto, NULL, token, secret), RILL_OK);
    assert_int_equal(rill_token_open(&other, f->crypto, text(token), &details, secret),
                     RILL_ERR_AUTH);
}

static void test_the_longest_and_too_long(void **state)
{
    fixture *f = *state;
    char tag[RILL_MAX_TAG + 2];
    rill_credentials_options o = {
        .tag = tag, .receipt_nonce = nonce, .receipt_secret = receipt_secret};
    char token[RILL_TOKEN_MAX];
    uint8_t secret[32];
    rill_token_details details;

    memset(tag, 't', sizeof tag);
    tag[RILL_MAX_TAG + 1] = '\0';
    assert_int_equal(rill_token_create(&f->keys, f->crypto, &o, token, secret), RILL_ERR_TOO_LARGE);
    tag[RILL_MAX_TAG] = '\0';
    assert_int_equal(rill_token_create(&f->keys, f->crypto, &o, token, secret), RILL_OK);
    assert_int_equal(rill_token_open(&f->keys, f->crypto, text(token), &details, secret), RILL_OK);
    assert_string_equal(details.tag, tag);

    static uint8_t garbage[5000];
    memset(garbage, 'A', sizeof garbage);
    assert_int_equal(rill_token_open(&f->keys, f->crypto, (rill_bytes){garbage, sizeof garbage},
                                     &details, secret),
                     RILL_ERR_AUTH);
}

static void test_nonce_and_secret_go_together(void **state)
{
    fixture *f = *state;
    rill_credentials_options one = {.receipt_nonce = nonce};
    rill_credentials_options other = {.receipt_secret = receipt_secret};
    char token[RILL_TOKEN_MAX];
    uint8_t secret[32];

    assert_int_equal(rill_token_create(&f->keys, f->crypto, &one, token, secret), RILL_ERR_INVALID);
    assert_int_equal(rill_token_create(&f->keys, f->crypto, &other, token, secret),
                     RILL_ERR_INVALID);
}

static void test_contents_of_another_version_are_refused(void **state)
{
    fixture *f = *state;
    static const struct {
        uint8_t content[4];
        int expected;
    } cases[] = {
        {{1, 0, 1, 't'}, RILL_OK},       {{2, 0, 1, 't'}, RILL_ERR_AUTH},
        {{1, 2, 1, 't'}, RILL_ERR_AUTH}, {{1, 1, 1, 't'}, RILL_ERR_AUTH},
        {{1, 0, 2, 't'}, RILL_ERR_AUTH}, {{1, 0, 0, 't'}, RILL_ERR_AUTH},
    };
    rill_token_details details;
    uint8_t secret[32];

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t envelope[RILL_ENVELOPE_OVERHEAD + 4];
        memcpy(envelope + RILL_ENVELOPE_OVERHEAD, cases[i].content, 4);
        assert_int_equal(rill_crypto_seal(f->crypto, f->keys.seal, envelope, 4), RILL_OK);
        static const char alphabet[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        char token[64];
        size_t n = 0;
        uint32_t bits = 0;
        unsigned have = 0;
        for (size_t j = 0; j < sizeof envelope; j++) {
            bits = bits << 8 | envelope[j];
            for (have += 8; have >= 6; have -= 6)
                token[n++] = alphabet[bits >> (have - 6) & 63];
        }
        if (have > 0)
            token[n++] = alphabet[bits << (6 - have) & 63];
        token[n] = '\0';
        assert_int_equal(rill_token_open(&f->keys, f->crypto, text(token), &details, secret),
                         cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_token_opens),
        cmocka_unit_test(test_a_token_of_nothing),
        cmocka_unit_test(test_no_two_are_the_same),
        cmocka_unit_test(test_every_changed_bit_is_noticed),
        cmocka_unit_test(test_only_one_text_is_taken),
        cmocka_unit_test(test_another_server_does_not_open_it),
        cmocka_unit_test(test_the_longest_and_too_long),
        cmocka_unit_test(test_nonce_and_secret_go_together),
        cmocka_unit_test(test_contents_of_another_version_are_refused),
    };
    return cmocka_run_group_tests_name("token", tests, setup, teardown);
}
