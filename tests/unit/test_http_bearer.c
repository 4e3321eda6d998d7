/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "http/bearer.h"
#include "support/failing_memory.h"

static rill_crypto *crypto;
static bool collide; /* all tokens have hashes that begin alike */
static bool fails;

static int hash(void *user, rill_bytes token, uint8_t out[RILL_BEARER_HASH])
{
    (void)user;
    if (fails)
        return RILL_ERR_CRYPTO;
    int error = rill_crypto_sha256(crypto, token.data, token.len, out);
    if (collide)
        memset(out, 0, 8);
    return error;
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static void whose(const rill_bearers *b, const char *token, int error, uint64_t account)
{
    uint64_t found = 0;
    assert_int_equal(rill_bearers_find(b, text(token), &found), error);
    if (error == RILL_OK)
        assert_int_equal(found, account);
}

static void test_an_account_has_any_number(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        rill_bearers b;
        collide = i == 1;
        rill_bearers_init(&b, rill_allocator_default(), hash, NULL, 1);
        assert_int_equal(rill_bearers_add(&b, text("one"), 1, NULL), RILL_OK);
        assert_int_equal(rill_bearers_add(&b, text("two"), 2, NULL), RILL_OK);
        assert_int_equal(rill_bearers_add(&b, text("new"), 1, NULL), RILL_OK);
        assert_int_equal(rill_bearers_add(&b, text("one"), 2, NULL), RILL_ERR_EXISTS);
        whose(&b, "one", RILL_OK, 1);
        whose(&b, "new", RILL_OK, 1);
        whose(&b, "two", RILL_OK, 2);
        whose(&b, "on", RILL_ERR_AUTH, 0);
        whose(&b, "onE", RILL_ERR_AUTH, 0);
        whose(&b, "", RILL_ERR_AUTH, 0);
        /* The old one is taken back when everybody uses the new one. */
        assert_int_equal(rill_bearers_remove(&b, text("one")), RILL_OK);
        assert_int_equal(rill_bearers_remove(&b, text("one")), RILL_ERR_NOT_FOUND);
        whose(&b, "one", RILL_ERR_AUTH, 0);
        whose(&b, "new", RILL_OK, 1);
        whose(&b, "two", RILL_OK, 2);
        uint8_t id[RILL_BEARER_HASH];
        assert_int_equal(rill_bearers_add(&b, text("third"), 3, id), RILL_OK);
        assert_int_equal(rill_bearers_remove(&b, text("two")), RILL_OK);
        rill_bearers_drop(&b, id);
        whose(&b, "third", RILL_ERR_AUTH, 0);
        whose(&b, "new", RILL_OK, 1);
        assert_int_equal(rill_bearers_remove(&b, text("new")), RILL_OK);
        whose(&b, "new", RILL_ERR_AUTH, 0);
        assert_int_equal(rill_bearers_add(&b, text("one"), 3, NULL), RILL_OK);
        whose(&b, "one", RILL_OK, 3);
        rill_bearers_clear(&b);
    }
    collide = false;
}

static void test_long_ones_differ_in_their_last_byte(void **state)
{
    char token[RILL_BEARER_MAX + 2];
    rill_bearers b;
    (void)state;
    rill_bearers_init(&b, rill_allocator_default(), hash, NULL, 1);
    memset(token, 'x', sizeof token);
    token[RILL_BEARER_MAX] = '\0';
    assert_int_equal(rill_bearers_add(&b, text(token), 1, NULL), RILL_OK);
    whose(&b, token, RILL_OK, 1);
    token[RILL_BEARER_MAX - 1] = 'y';
    whose(&b, token, RILL_ERR_AUTH, 0);
    token[RILL_BEARER_MAX] = 'x';
    token[RILL_BEARER_MAX + 1] = '\0';
    assert_int_equal(rill_bearers_add(&b, text(token), 1, NULL), RILL_ERR_INVALID);
    whose(&b, token, RILL_ERR_AUTH, 0);
    rill_bearers_clear(&b);
}

static void test_what_no_field_carries_is_no_token(void **state)
{
    static const char *const wrong[] = {"", "a b", "a\tb", "a\r\nb", "\x7f", "\xc3\xa4"};
    rill_bearers b;
    (void)state;
    rill_bearers_init(&b, rill_allocator_default(), hash, NULL, 1);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(rill_bearers_add(&b, text(wrong[i]), 1, NULL), RILL_ERR_INVALID);
    fails = true;
    assert_int_equal(rill_bearers_add(&b, text("a"), 1, NULL), RILL_ERR_CRYPTO);
    assert_int_equal(rill_bearers_remove(&b, text("a")), RILL_ERR_CRYPTO);
    whose(&b, "a", RILL_ERR_CRYPTO, 0);
    fails = false;
    rill_bearers_clear(&b);
}

static void test_the_field_is_read(void **state)
{
    rill_bytes token;
    (void)state;
    assert_int_equal(rill_bearer_parse(text("Bearer abc.d-_~+/="), &token), RILL_OK);
    assert_int_equal(token.len, 11);
    assert_memory_equal(token.data, "abc.d-_~+/=", 11);
    assert_int_equal(rill_bearer_parse(text("bEARER x"), &token), RILL_OK);
    static const char *const wrong[] = {"",          "Bearer",     "Bearer ", "Bearer  x",
                                        "Basic x",   "Bearer a b", "Bearerx", "x",
                                        "Bearer\tx", "Bearer: x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_int_equal(rill_bearer_parse(text(wrong[i]), &token), RILL_ERR_AUTH);
}

static void test_without_memory_nothing_changes(void **state)
{
    (void)state;
    for (unsigned c = 0; c < 2; c++)
        for (unsigned long n = 1; n < 12; n++) {
            failing_memory m;
            rill_bearers b;
            collide = c == 1;
            failing_memory_init(&m, n, 1);
            rill_bearers_init(&b, &m.allocator, hash, NULL, 1);
            static const char *const tokens[] = {"one", "two", "three"};
            for (size_t i = 0; i < 3; i++) {
                int error = rill_bearers_add(&b, text(tokens[i]), i, NULL);
                assert_true(error == RILL_OK || error == RILL_ERR_NOMEM);
                whose(&b, tokens[i], error == RILL_OK ? RILL_OK : RILL_ERR_AUTH, i);
            }
            rill_bearers_clear(&b);
            assert_int_equal(m.blocks, 0);
            failing_memory_end(&m);
        }
    collide = false;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_account_has_any_number),
        cmocka_unit_test(test_long_ones_differ_in_their_last_byte),
        cmocka_unit_test(test_what_no_field_carries_is_no_token),
        cmocka_unit_test(test_the_field_is_read),
        cmocka_unit_test(test_without_memory_nothing_changes),
    };
    crypto = rill_crypto_new(rill_allocator_default());
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    rill_crypto_free(crypto);
    return failed;
}
