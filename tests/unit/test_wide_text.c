/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "base/wide_text.h"
#include <cmocka.h>

static void same(rill_i128 value, const char *text)
{
    char out[RILL_WIDE_TEXT];
    rill_i128 back = rill_wide_signed(rill_wide(99));
    rill_wide_signed_text(value, out);
    assert_string_equal(out, text);
    assert_int_equal(rill_wide_signed_parse(text, strlen(text), &back), RILL_OK);
    assert_true(rill_wide_equal(back, value));
}

static rill_i128 signed_of(uint64_t high, uint64_t low)
{
    return rill_wide_signed(rill_wide_of(high, low));
}

static void test_there_and_back(void **state)
{
    (void)state;
    same(signed_of(0, 0), "0");
    same(signed_of(0, 7), "7");
    same(signed_of(0, UINT64_MAX), "18446744073709551615");
    same(signed_of(1, 0), "18446744073709551616");
    same(signed_of(UINT64_MAX, UINT64_MAX), "-1");
    same(signed_of(UINT64_MAX, 0), "-18446744073709551616");
    same(signed_of(INT64_MAX, UINT64_MAX), "170141183460469231731687303715884105727");
    same(signed_of(UINT64_C(1) << 63, 0), "-170141183460469231731687303715884105728");
    same(signed_of(0, 1000000000000000000), "1000000000000000000");
}

static void test_unsigned(void **state)
{
    (void)state;
    char out[RILL_WIDE_TEXT];
    rill_wide_text(rill_wide_of(UINT64_MAX, UINT64_MAX), out);
    assert_string_equal(out, "340282366920938463463374607431768211455");
}

static void refused(const char *text, int error)
{
    rill_i128 back = rill_wide_signed(rill_wide(99));
    assert_int_equal(rill_wide_signed_parse(text, strlen(text), &back), error);
    assert_true(rill_wide_equal(back, rill_wide_signed(rill_wide(99))));
}

static void test_what_is_refused(void **state)
{
    (void)state;
    const char *const no_number[] = {"",   "-",   "+1",  "01",  "-0",  "--1",     " 1",
                                     "1 ", "1.0", "0x1", "1e3", "-01", "\xd9\xa1"};
    for (size_t i = 0; i < sizeof no_number / sizeof *no_number; i++)
        refused(no_number[i], RILL_ERR_INVALID);
    refused("170141183460469231731687303715884105728", RILL_ERR_RANGE);
    refused("-170141183460469231731687303715884105729", RILL_ERR_RANGE);
    refused("340282366920938463463374607431768211456", RILL_ERR_RANGE);
    refused("3402823669209384634633746074317682114560", RILL_ERR_RANGE);
    refused("99999999999999999999999999999999999999999999999999", RILL_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_unsigned),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
