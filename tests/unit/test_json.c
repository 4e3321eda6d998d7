/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/json.h"
#include <cmocka.h>

#include <string.h>

static int find(const char *text, rill_json_member *members, size_t count)
{
    return rill_json_find(text, strlen(text), members, count);
}

static int check(const char *text)
{
    return find(text, NULL, 0);
}

static void test_members_are_found_as_they_stand(void **state)
{
    (void)state;
    rill_json_member m[] = {{.name = "b"}, {.name = "a"}, {.name = "none"}};
    assert_int_equal(find(" {\"a\" : \"x\\/y\", \"c\": {\"b\": 1}, \"b\": [1, 2] }\n", m, 3),
                     RILL_OK);
    assert_int_equal(m[0].value.len, 6);
    assert_memory_equal(m[0].value.data, "[1, 2]", 6);
    assert_int_equal(m[1].value.len, 6);
    assert_memory_equal(m[1].value.data, "\"x\\/y\"", 6);
    assert_null(m[2].value.data);
}

static void test_a_member_that_comes_twice_is_refused(void **state)
{
    (void)state;
    rill_json_member m[] = {{.name = "a"}};
    assert_int_equal(find("{\"a\":1,\"a\":1}", m, 1), RILL_ERR_MALFORMED);
    assert_int_equal(find("{\"b\":1,\"b\":1,\"a\":2}", m, 1), RILL_OK);
}

static void test_the_whole_text_is_checked(void **state)
{
    (void)state;
    static const char *const good[] = {
        "{}",
        "\t{ }\r\n",
        "{\"\":null}",
        "{\"a\":true,\"b\":false,\"c\":[],\"d\":[[],{}]}",
        "{\"a\":-0,\"b\":0.5,\"c\":12e3,\"d\":1.5E-3,\"e\":1e+9}",
        "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\xc3\xa9\"}",
    };
    static const char *const bad[] = {
        "",
        "[]",
        "\"a\"",
        "{",
        "}",
        "{a:1}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{,}",
        "{\"a\":1}x",
        "{\"a\":01}",
        "{\"a\":-}",
        "{\"a\":1.}",
        "{\"a\":.5}",
        "{\"a\":1e}",
        "{\"a\":tru}",
        "{\"a\":\"}",
        "{\"a\":\"\\x\"}",
        "{\"a\":[1}",
        "{\"a\":[1,]}",
        "{\"a\":\"\\u12\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\\",
        "{\"a\":+1}",
        "{\"a\":nul",
        "{\"a\":\"\\u00g0\"}",
        "{'a':1}",
        "{\"a\":1}{}",
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_int_equal(check(good[i]), RILL_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_int_equal(check(bad[i]), RILL_ERR_MALFORMED);
}

/* A text that ends anywhere is looked at no further. */
static void test_a_text_without_its_end(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":[1.5e3,\"\\u0041\\n\",true],\"b\":{\"c\":null}}";
    for (size_t len = 0; len < sizeof text - 1; len++) {
        char exact[sizeof text];
        memcpy(exact + sizeof text - len, text, len);
        assert_int_equal(rill_json_find(exact + sizeof text - len, len, NULL, 0),
                         RILL_ERR_MALFORMED);
    }
    assert_int_equal(check(text), RILL_OK);
}

static void test_depth_has_a_limit(void **state)
{
    (void)state;
    char text[256] = "{\"a\":";
    for (unsigned depth = 1; depth < RILL_JSON_DEPTH; depth++)
        strcat(text, "[");
    for (unsigned depth = 1; depth < RILL_JSON_DEPTH; depth++)
        strcat(text, "]");
    strcat(text, "}");
    assert_int_equal(check(text), RILL_OK);
    assert_int_equal(check("{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}"), RILL_ERR_TOO_LARGE);
}

static int ascii(const char *value, char *out, size_t cap)
{
    return rill_json_ascii((rill_bytes){(const uint8_t *)value, strlen(value)}, out, cap);
}

static void test_text(void **state)
{
    (void)state;
    char out[8];
    assert_int_equal(ascii("\"a\\/b\\u0041\"", out, sizeof out), RILL_OK);
    assert_string_equal(out, "a/bA");
    assert_int_equal(ascii("\"\"", out, 1), RILL_OK);
    assert_string_equal(out, "");
    assert_int_equal(ascii("\"1234567\"", out, sizeof out), RILL_OK);
    assert_int_equal(ascii("\"12345678\"", out, sizeof out), RILL_ERR_BUFFER);
    assert_int_equal(ascii("12", out, sizeof out), RILL_ERR_MALFORMED);
    assert_int_equal(ascii("\"\xc3\xa9\"", out, sizeof out), RILL_ERR_MALFORMED);
    assert_int_equal(ascii("\"\\u0000\"", out, sizeof out), RILL_ERR_MALFORMED);
    assert_int_equal(ascii("\"\\u0100\"", out, sizeof out), RILL_ERR_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_are_found_as_they_stand),
        cmocka_unit_test(test_a_member_that_comes_twice_is_refused),
        cmocka_unit_test(test_the_whole_text_is_checked),
        cmocka_unit_test(test_a_text_without_its_end),
        cmocka_unit_test(test_depth_has_a_limit),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
