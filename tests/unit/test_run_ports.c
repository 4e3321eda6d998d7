/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's tokens of a configuration, and what is said of two that are the same. */
#define _POSIX_C_SOURCE 200809L
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "connector/run_impl.h"

#define HASH_OF_ONE "sha256:0101010101010101010101010101010101010101010101010101010101010101"
#define HASH_OF_TWO "sha256:0202020202020202020202020202020202020202020202020202020202020202"

static char reported[300];

static void on_report(void *user, const char *line)
{
    (void)user;
    (void)snprintf(reported, sizeof reported, "%s", line);
}

/* Tokens by their hashes alone: no loop is needed, which has the means to make hashes. */
static int know(rill_config_operator *operators, size_t count, size_t *known)
{
    static rill_connector c;
    rill_config config = {.admin.tokens = {operators, count}};
    rill_crypto *crypto = rill_crypto_new(rill_allocator_default());
    rill_tokens all;
    assert_non_null(crypto);
    c.options.config = "node.yaml";
    c.options.report = on_report;
    reported[0] = '\0';
    rill_tokens_init(&all, rill_allocator_default(), crypto, 8);
    int rc = rill_connector_know_operators(&c, &config, &all);
    *known = all.count;
    rill_tokens_clear(&all);
    rill_crypto_free(crypto);
    return rc;
}

static void test_each_token_has_its_own_scopes(void **state)
{
    (void)state;
    rill_config_operator two[] = {{{1, 1}, HASH_OF_ONE, RILL_SCOPE_READ},
                                  {{2, 1}, HASH_OF_TWO, RILL_SCOPE_MONEY}};
    size_t known;
    assert_int_equal(know(two, 2, &known), RILL_OK);
    assert_int_equal(known, 2);
    assert_string_equal(reported, "");
}

static void test_a_token_twice_with_the_same_scopes(void **state)
{
    (void)state;
    rill_config_operator two[] = {{{1, 1}, HASH_OF_ONE, RILL_SCOPE_READ},
                                  {{2, 1}, HASH_OF_ONE, RILL_SCOPE_READ}};
    size_t known;
    assert_int_equal(know(two, 2, &known), RILL_OK);
    assert_int_equal(known, 1);
    assert_string_equal(reported, "");
}

/* Nobody could say what it may do. */
static void test_a_token_twice_with_other_scopes(void **state)
{
    (void)state;
    rill_config_operator three[] = {{{1, 1}, HASH_OF_ONE, RILL_SCOPE_READ},
                                    {{2, 1}, HASH_OF_TWO, RILL_SCOPE_READ},
                                    {{3, 5}, HASH_OF_ONE, RILL_SCOPE_READ | RILL_SCOPE_MONEY}};
    size_t known;
    assert_int_equal(know(three, 3, &known), RILL_ERR_INVALID);
    assert_string_equal(reported, "node.yaml:3:5: another token is the same, and has other scopes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_token_has_its_own_scopes),
        cmocka_unit_test(test_a_token_twice_with_the_same_scopes),
        cmocka_unit_test(test_a_token_twice_with_other_scopes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
