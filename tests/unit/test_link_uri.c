/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rill/link.h>

static int clear(void **state)
{
    (void)state;
    unsetenv("ILP_CREDENTIALS");
    unsetenv("ILP_BTP_SERVER");
    unsetenv("ILP_PLUGIN");
    return 0;
}

static void expect_random(const char *before, const char *after)
{
    char first[256], second[256];
    assert_int_equal(rill_link_uri_from_environment(first, sizeof first), RILL_OK);
    assert_int_equal(rill_link_uri_from_environment(second, sizeof second), RILL_OK);
    assert_memory_equal(first, before, strlen(before));
    assert_string_equal(first + strlen(before) + 32, after);
    assert_int_equal(strspn(first + strlen(before), "0123456789abcdef"), 32);
    assert_string_not_equal(first, second);
}

static void test_default(void **state)
{
    (void)state;
    expect_random("btp+ws://:", "@localhost:7768/");
    setenv("ILP_CREDENTIALS", "", 1);
    setenv("ILP_BTP_SERVER", "", 1);
    setenv("ILP_PLUGIN", "", 1);
    expect_random("btp+ws://:", "@localhost:7768/");
}

static void test_server(void **state)
{
    (void)state;
    char uri[256];
    setenv("ILP_BTP_SERVER", "btp+wss://old:secret@example.com:1/x", 1);
    expect_random("btp+wss://:", "@example.com:1/x");
    setenv("ILP_BTP_SERVER", "nonsense", 1);
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_ERR_URI);
}

static void expect_credentials(const char *json, const char *expected)
{
    char uri[256];
    setenv("ILP_CREDENTIALS", json, 1);
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_OK);
    assert_string_equal(uri, expected);
}

static void refuse_credentials(const char *json)
{
    char uri[256];
    setenv("ILP_CREDENTIALS", json, 1);
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_ERR_MALFORMED);
}

static void test_credentials(void **state)
{
    (void)state;
    setenv("ILP_BTP_SERVER", "btp+ws://other:1", 1);
    expect_credentials("{\"server\":\"btp+ws://a:b@h:1/p\"}", "btp+ws://a:b@h:1/p");
    expect_credentials("{\"server\":\"btp+ws://h:1\",\"btpAccount\":\"a\",\"btpToken\":\"b\"}",
                       "btp+ws://a:b@h:1/");
    expect_credentials("{\"server\":\"btp+ws://h:1\",\"btpToken\":\"b\"}", "btp+ws://:b@h:1/");
    refuse_credentials("{\"server\":\"btp+ws://:x@h:1\",\"btpToken\":\"b\"}");
    refuse_credentials("{\"server\":\"btp+ws://h:1\",\"btpToken\":\"b@evil/\"}");
    refuse_credentials("not JSON");
    refuse_credentials("[]");
    refuse_credentials("{}");
    refuse_credentials("{\"server\":7}");
}

static void test_plugin(void **state)
{
    (void)state;
    char uri[256];
    setenv("ILP_PLUGIN", "ilp-plugin-btp", 1);
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_OK);
    setenv("ILP_PLUGIN", "ilp-plugin-lightning", 1);
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_ERR_UNSUPPORTED);
}

static void test_small_buffer(void **state)
{
    (void)state;
    char uri[20];
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_ERR_BUFFER);
    setenv("ILP_CREDENTIALS", "{\"server\":\"btp+ws://a:b@h:1/a/long/path\"}", 1);
    assert_int_equal(rill_link_uri_from_environment(uri, sizeof uri), RILL_ERR_BUFFER);
}

static void test_new_tokens(void **state)
{
    (void)state;
    char a[256];
    char b[256];
    assert_int_equal(rill_link_uri_with_new_token(a, sizeof a, "btp+ws://old:token@host:1/p@q?r=s"),
                     RILL_OK);
    assert_int_equal(rill_link_uri_with_new_token(b, sizeof b, "btp+ws://host:1/p@q?r=s"), RILL_OK);
    assert_null(strstr(a, "token"));
    assert_null(strstr(a, "old"));
    assert_string_equal(a + 10 + 32, "@host:1/p@q?r=s");
    assert_string_equal(b + 10 + 32, "@host:1/p@q?r=s");
    assert_int_equal(strncmp(a, "btp+ws://:", 10), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(rill_link_uri_with_new_token(a, sizeof a, "ilp+h2c://[::1]:1"), RILL_OK);
    assert_string_equal(a + 11 + 32, "@[::1]:1/");
    assert_int_equal(rill_link_uri_with_new_token(a, sizeof a, "host"), RILL_ERR_URI);
    assert_int_equal(rill_link_uri_with_new_token(a, sizeof a, "btp+ws://"), RILL_ERR_URI);
    assert_int_equal(rill_link_uri_with_new_token(a, 20, "btp+ws://host"), RILL_ERR_BUFFER);
}

static void test_check(void **state)
{
    (void)state;
    const char *problem = NULL;
    assert_int_equal(rill_link_uri_check("btp+wss://a:b@host/path", &problem), RILL_OK);
    assert_int_equal(rill_link_uri_check("ilp+https://:b@host", NULL), RILL_OK);
    assert_null(problem);
    assert_int_equal(rill_link_uri_check("btp+ws://secret@:1", &problem), RILL_ERR_URI);
    assert_non_null(problem);
    assert_null(strstr(problem, "secret"));
    assert_int_equal(rill_link_uri_check("ftp://host", &problem), RILL_ERR_UNSUPPORTED);
    assert_int_equal(rill_link_uri_check("", NULL), RILL_ERR_URI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_default, clear),
        cmocka_unit_test_setup(test_server, clear),
        cmocka_unit_test_setup(test_credentials, clear),
        cmocka_unit_test_setup(test_plugin, clear),
        cmocka_unit_test_setup(test_small_buffer, clear),
        cmocka_unit_test(test_new_tokens),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
