/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/tokens.h"
#include "support/failing_memory.h"
#include <cmocka.h>

static rill_tokens tokens;
static rill_crypto *crypto;
static failing_memory memory;
static int alice, bob;

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static int set_up(void **state)
{
    (void)state;
    failing_memory_init(&memory, 0, 0);
    crypto = rill_crypto_new(rill_allocator_default());
    rill_tokens_init(&tokens, &memory.allocator, crypto, 5);
    return crypto == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    rill_tokens_clear(&tokens);
    rill_crypto_free(crypto);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
    return 0;
}

static void test_each_has_its_owner(void **state)
{
    (void)state;
    assert_int_equal(rill_tokens_add(&tokens, text("a"), &alice), RILL_OK);
    assert_int_equal(rill_tokens_add(&tokens, text("a2"), &alice), RILL_OK);
    assert_int_equal(rill_tokens_add(&tokens, text("b"), &bob), RILL_OK);
    assert_int_equal(rill_tokens_add(&tokens, text("a"), &alice), RILL_OK);
    assert_int_equal(rill_tokens_add(&tokens, text("a"), &bob), RILL_ERR_EXISTS);
    assert_ptr_equal(rill_tokens_find(&tokens, text("a")), &alice);
    assert_ptr_equal(rill_tokens_find(&tokens, text("a2")), &alice);
    assert_ptr_equal(rill_tokens_find(&tokens, text("b")), &bob);
    assert_null(rill_tokens_find(&tokens, text("c")));
    assert_null(rill_tokens_find(&tokens, text("")));
}

static void test_lengths(void **state)
{
    (void)state;
    static uint8_t longest[RILL_TOKEN_MAX + 1];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(rill_tokens_add(&tokens, (rill_bytes){longest, sizeof longest}, &alice),
                     RILL_ERR_INVALID);
    assert_int_equal(rill_tokens_add(&tokens, text(""), &alice), RILL_ERR_INVALID);
    assert_int_equal(rill_tokens_add(&tokens, (rill_bytes){longest, RILL_TOKEN_MAX}, &alice),
                     RILL_OK);
    assert_ptr_equal(rill_tokens_find(&tokens, (rill_bytes){longest, RILL_TOKEN_MAX}), &alice);
    assert_null(rill_tokens_find(&tokens, (rill_bytes){longest, sizeof longest}));
}

static void test_without_memory(void **state)
{
    (void)state;
    int rc = RILL_ERR_NOMEM;
    for (unsigned long n = 0; rc != RILL_OK; n++) {
        failing_memory_after(&memory, n);
        rc = rill_tokens_add(&tokens, text("a"), &alice);
        failing_memory_well(&memory);
        if (rc != RILL_OK)
            assert_int_equal(rc, RILL_ERR_NOMEM);
        assert_ptr_equal(rill_tokens_find(&tokens, text("a")), rc == RILL_OK ? &alice : NULL);
        assert_true(n < 20);
    }
}

/* The table grows, and nobody's token is lost or becomes another's. */
static void test_many(void **state)
{
    enum { COUNT = 3000 };
    static char owners[COUNT];
    char token[16];
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(token, sizeof token, "t%d", i);
        assert_int_equal(rill_tokens_add(&tokens, text(token), &owners[i]), RILL_OK);
        (void)snprintf(token, sizeof token, "t%d", i / 2);
        assert_ptr_equal(rill_tokens_find(&tokens, text(token)), &owners[i / 2]);
        (void)snprintf(token, sizeof token, "t%d", COUNT + i);
        assert_null(rill_tokens_find(&tokens, text(token)));
        assert_true(2 * tokens.count <= tokens.slot_count);
    }
    for (int i = 0; i < COUNT; i++) {
        (void)snprintf(token, sizeof token, "t%d", i);
        assert_ptr_equal(rill_tokens_find(&tokens, text(token)), &owners[i]);
        assert_int_equal(rill_tokens_add(&tokens, text(token), &alice), RILL_ERR_EXISTS);
    }
    rill_tokens_clear(&tokens);
    assert_null(rill_tokens_find(&tokens, text("t1")));
    assert_int_equal(rill_tokens_add(&tokens, text("t1"), &bob), RILL_OK);
    assert_ptr_equal(rill_tokens_find(&tokens, text("t1")), &bob);
}

static unsigned lost_count;

static void on_lost(void *user, void *owner)
{
    assert_ptr_equal(owner, user);
    lost_count++;
}

/* Slots in use that follow one another, at most: so far a search may go. */
static size_t longest_run(void)
{
    size_t longest = 0;
    for (size_t i = 0, run = 0; i < 2 * tokens.slot_count; i++) {
        run = tokens.slots[i & (tokens.slot_count - 1)] != 0 ? run + 1 : 0;
        longest = run > longest ? run : longest;
    }
    return longest;
}

/* Who writes hashes of tokens may choose them so that they begin alike, or end. */
static void test_hashes_that_are_alike(void **state)
{
    (void)state;
    enum { COUNT = 4000 };
    for (size_t end = 0; end < 2; end++) {
        for (uint16_t i = 0; i < COUNT; i++) {
            uint8_t hash[RILL_SHA256_LEN] = {0};
            memcpy(hash + (end == 0 ? sizeof hash - sizeof i : 0), &i, sizeof i);
            hash[16] = (uint8_t)(end + 1);
            assert_int_equal(rill_tokens_add_hash(&tokens, hash, &alice), RILL_OK);
            assert_ptr_equal(rill_tokens_find_hash(&tokens, hash), &alice);
        }
        assert_in_range(longest_run(), 1, 200);
    }
}

static void test_what_is_lost(void **state)
{
    rill_tokens fresh;
    (void)state;
    rill_tokens_init(&fresh, &memory.allocator, crypto, 6);
    assert_int_equal(rill_tokens_add(&tokens, text("a"), &alice), RILL_OK);
    assert_int_equal(rill_tokens_add(&tokens, text("b"), &bob), RILL_OK);
    assert_int_equal(rill_tokens_add(&fresh, text("b"), &bob), RILL_OK);
    rill_tokens_lost(&fresh, &tokens, on_lost, NULL);
    assert_int_equal(lost_count, 0);
    rill_tokens_lost(&tokens, &fresh, on_lost, &alice);
    assert_int_equal(lost_count, 1);
    assert_int_equal(rill_tokens_add(&fresh, text("a"), &bob), RILL_OK);
    rill_tokens_lost(&tokens, &fresh, on_lost, &alice);
    assert_int_equal(lost_count, 2);
    rill_tokens_clear(&fresh);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_each_has_its_owner),    TEST(test_lengths),
        TEST(test_without_memory),        TEST(test_many),
        TEST(test_hashes_that_are_alike), TEST(test_what_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
