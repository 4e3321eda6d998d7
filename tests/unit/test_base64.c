/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/base64.h"
#include <cmocka.h>

#include <rill/error.h>
#include <string.h>

static const struct {
    const char *plain;
    const char *text;
} rfc4648[] = {{"", ""},
               {"f", "Zg=="},
               {"fo", "Zm8="},
               {"foo", "Zm9v"},
               {"foob", "Zm9vYg=="},
               {"fooba", "Zm9vYmE="},
               {"foobar", "Zm9vYmFy"}};

static int decode(const char *text, uint8_t *out, size_t cap, size_t *len)
{
    return rill_base64_decode(text, strlen(text), out, cap, len);
}

static void test_rfc_4648(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rfc4648) / sizeof(rfc4648[0]); i++) {
        char text[RILL_BASE64_SIZE(6)];
        uint8_t plain[6];
        size_t len = strlen(rfc4648[i].plain);
        size_t n = rill_base64_encode((const uint8_t *)rfc4648[i].plain, len, text);
        assert_string_equal(text, rfc4648[i].text);
        assert_int_equal(n, strlen(text));
        size_t back;
        assert_int_equal(decode(text, plain, sizeof(plain), &back), RILL_OK);
        assert_int_equal(back, len);
        assert_memory_equal(plain, rfc4648[i].plain, len);
        n = rill_base64url_encode((const uint8_t *)rfc4648[i].plain, len, text);
        assert_null(strchr(text, '='));
        assert_int_equal(n, strlen(text));
        assert_int_equal(decode(text, plain, sizeof(plain), &back), RILL_OK);
        assert_int_equal(back, len);
    }
}

static void test_every_byte_in_both_alphabets(void **state)
{
    (void)state;
    uint8_t all[256], back[256];
    for (size_t i = 0; i < 256; i++)
        all[i] = (uint8_t)i;
    char text[RILL_BASE64_SIZE(256)];
    size_t len;
    rill_base64_encode(all, 256, text);
    assert_non_null(strchr(text, '+'));
    assert_non_null(strchr(text, '/'));
    assert_int_equal(decode(text, back, 256, &len), RILL_OK);
    assert_int_equal(len, 256);
    assert_memory_equal(all, back, 256);
    rill_base64url_encode(all, 256, text);
    assert_non_null(strchr(text, '-'));
    assert_non_null(strchr(text, '_'));
    assert_null(strchr(text, '+'));
    assert_int_equal(decode(text, back, 256, &len), RILL_OK);
    assert_memory_equal(all, back, 256);
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Z",     "=",           "====",   "Zg=",      "Zm8==", "Zh==",  "Zm9=",
        "Zm9v=", "Zm 9v",       "Zm9v\n", "Zg==Zg==", "+_8=",  "Zm9vY", "Zh",
        "Z===",  "Zm9v\x80zzz", "@@@@",   "[[[[",     "{{{{",  "::::",  "````"};
    uint8_t out[16];
    size_t len;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(decode(bad[i], out, sizeof(out), &len), RILL_ERR_MALFORMED);
    assert_int_equal(rill_base64_decode("Zm\0v", 4, out, sizeof(out), &len), RILL_ERR_MALFORMED);
    assert_int_equal(decode("Zm9v", out, 2, &len), RILL_ERR_BUFFER);
    assert_int_equal(decode("Zm9v", out, 3, &len), RILL_OK);
    assert_int_equal(decode("", NULL, 0, &len), RILL_OK);
    assert_int_equal(len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rfc_4648),
        cmocka_unit_test(test_every_byte_in_both_alphabets),
        cmocka_unit_test(test_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
