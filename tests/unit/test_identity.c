/* SPDX-License-Identifier: Apache-2.0 */
/* What credentials make of a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/identity.h"
#include <rill/rill.h>

static void test_clients_tokens_differ(void **state)
{
    (void)state;
    const rill_allocator *a = rill_allocator_default();
    rill_crypto *crypto = rill_crypto_new(a);
    rill_identity one = {0}, two = {0};
    assert_int_equal(rill_identity_new_token(&one, a, crypto), RILL_OK);
    assert_int_equal(rill_identity_new_token(&two, a, crypto), RILL_OK);
    assert_int_equal(one.token_len, 32);
    for (unsigned i = 0; i < one.token_len; i++)
        assert_non_null(strchr("0123456789abcdef", one.token[i]));
    assert_true(rill_identity_has(&one, (rill_bytes){(const uint8_t *)one.token, 32}));
    assert_false(rill_identity_has(&one, (rill_bytes){(const uint8_t *)two.token, 32}));
    assert_false(rill_identity_has(&one, (rill_bytes){(const uint8_t *)one.token, 31}));
    rill_identity_clear(&one, a);
    rill_identity_clear(&two, a);
    rill_crypto_free(crypto);
}

static void test_a_server_keeps_what_the_token_says(void **state)
{
    (void)state;
    const rill_allocator *a = rill_allocator_default();
    const rill_bytes token = {(const uint8_t *)"abc", 3};
    rill_token_details details = {.tag = "order-7", .receipts = true};
    memset(details.receipt_nonce, 1, sizeof details.receipt_nonce);
    memset(details.receipt_secret, 2, sizeof details.receipt_secret);
    rill_identity id = {0};
    assert_int_equal(rill_identity_keep(&id, a, token, &details), RILL_OK);
    assert_true(rill_identity_has(&id, token));
    assert_string_equal(id.tag, "order-7");
    assert_memory_equal(id.receipt_details, details.receipt_nonce, RILL_RECEIPT_NONCE_LEN);
    assert_memory_equal(id.receipt_details + RILL_RECEIPT_NONCE_LEN, details.receipt_secret,
                        RILL_RECEIPT_SECRET_LEN);
    rill_identity_clear(&id, a);
    /* Neither is asked for. */
    details = (rill_token_details){0};
    id = (rill_identity){0};
    assert_int_equal(rill_identity_keep(&id, a, token, &details), RILL_OK);
    assert_null(id.tag);
    assert_null(id.receipt_details);
    rill_identity_clear(&id, a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clients_tokens_differ),
        cmocka_unit_test(test_a_server_keeps_what_the_token_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
