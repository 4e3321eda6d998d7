/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "base/base64.h"
#include "stream/wire/receipt.h"

/* The receipt of the shared STREAM test vectors: nonce 0, stream 1, 500 units, secret of zeros. */
static const char vector[] = "AQAAAAAAAAAAAAAAAAAAAAABAAAAAAAAAfTBIvoCUt67Zy1ZGCP3EOmVFtZzhc85fah8"
                             "yPnoyL9RMA==";
static const uint8_t zeros[32];

static void test_the_shared_vector(void **state)
{
    uint8_t bytes[RILL_RECEIPT_LEN];
    size_t len;
    rill_receipt receipt;

    (void)state;
    assert_int_equal(rill_base64_decode(vector, strlen(vector), bytes, sizeof bytes, &len),
                     RILL_OK);
    assert_int_equal(len, RILL_RECEIPT_LEN);
    assert_int_equal(rill_receipt_verify(&receipt, (rill_bytes){bytes, len}, zeros), RILL_OK);
    assert_int_equal(receipt.stream_id, 1);
    assert_true(receipt.total_received == 500);
    assert_memory_equal(receipt.nonce, zeros, sizeof receipt.nonce);

    uint8_t made[RILL_RECEIPT_LEN];
    rill_crypto *c = rill_crypto_new(rill_allocator_default());
    assert_non_null(c);
    assert_int_equal(rill_receipt_write(c, zeros, zeros, 1, 500, made), RILL_OK);
    assert_memory_equal(made, bytes, RILL_RECEIPT_LEN);
    rill_crypto_free(c);
}

static void test_one_is_made_without_an_endpoint(void **state)
{
    static const uint8_t secret[32] = {9, 8, 7};
    const rill_receipt given = {.nonce = {7, 6}, .stream_id = 200, .total_received = 1234567};
    uint8_t bytes[RILL_RECEIPT_LEN];
    rill_receipt receipt;
    (void)state;
    assert_int_equal(rill_receipt_create(bytes, &given, secret), RILL_OK);
    assert_int_equal(rill_receipt_verify(&receipt, (rill_bytes){bytes, sizeof bytes}, secret),
                     RILL_OK);
    assert_int_equal(receipt.stream_id, 200);
    assert_int_equal(receipt.total_received, 1234567);
    assert_memory_equal(receipt.nonce, given.nonce, sizeof given.nonce);
}

static void test_what_is_made_verifies(void **state)
{
    static const uint8_t nonce[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    static const uint8_t secret[32] = {9, 8, 7};
    uint8_t bytes[RILL_RECEIPT_LEN + 1] = {0};
    const rill_bytes whole = {bytes, RILL_RECEIPT_LEN};
    rill_receipt receipt;
    rill_crypto *c = rill_crypto_new(rill_allocator_default());

    (void)state;
    assert_non_null(c);
    assert_int_equal(rill_receipt_write(c, nonce, secret, 255, UINT64_MAX, bytes), RILL_OK);
    assert_int_equal(rill_receipt_verify(&receipt, whole, secret), RILL_OK);
    assert_int_equal(receipt.stream_id, 255);
    assert_true(receipt.total_received == UINT64_MAX);
    assert_memory_equal(receipt.nonce, nonce, sizeof nonce);
    assert_int_equal(rill_receipt_verify(&receipt, whole, zeros), RILL_ERR_AUTH);
    for (size_t i = 0; i < RILL_RECEIPT_LEN; i++) {
        bytes[i] ^= 4;
        assert_int_equal(rill_receipt_verify(&receipt, whole, secret),
                         i == 0 ? RILL_ERR_MALFORMED : RILL_ERR_AUTH);
        bytes[i] ^= 4;
    }
    for (size_t len = 0; len < RILL_RECEIPT_LEN; len++)
        assert_int_equal(rill_receipt_decode(&receipt, (rill_bytes){bytes, len}),
                         RILL_ERR_TRUNCATED);
    assert_int_equal(rill_receipt_decode(&receipt, (rill_bytes){bytes, RILL_RECEIPT_LEN + 1}),
                     RILL_ERR_MALFORMED);
    rill_crypto_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_shared_vector),
        cmocka_unit_test(test_one_is_made_without_an_endpoint),
        cmocka_unit_test(test_what_is_made_verifies),
    };
    return cmocka_run_group_tests_name("receipt", tests, NULL, NULL);
}
