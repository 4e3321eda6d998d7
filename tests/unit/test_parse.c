/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <limits.h>
#include <rill/error.h>
#include <rill/types.h>
#include <string.h>

static void test_amounts(void **state)
{
    (void)state;
    uint64_t v = 1;
    assert_int_equal(rill_amount_parse("0", &v), RILL_OK);
    assert_true(v == 0);
    assert_int_equal(rill_amount_parse("0042", &v), RILL_OK);
    assert_true(v == 42);
    assert_int_equal(rill_amount_parse("18446744073709551615", &v), RILL_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(rill_amount_parse("18446744073709551616", &v), RILL_ERR_RANGE);
    assert_int_equal(rill_amount_parse("99999999999999999999999999999999", &v), RILL_ERR_RANGE);
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "1.0", "0x10", "1e3", "one", "1,0", "99999999999999999999x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rill_amount_parse(bad[i], &v), RILL_ERR_MALFORMED);
    assert_true(v == UINT64_MAX);
}

static void test_ratios(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        rill_ratio ratio;
    } good[] = {
        {"0.985", {197, 200}},
        {"2", {2, 1}},
        {".5", {1, 2}},
        {"3/4", {3, 4}},
        {"6/8", {3, 4}},
        {"0", {0, 1}},
        {"0.000", {0, 1}},
        {"0/7", {0, 1}},
        {"1.50", {3, 2}},
        {"007.25", {29, 4}},
        {"18446744073709551615", {UINT64_MAX, 1}},
        {"18446744073709551615/18446744073709551614", {UINT64_MAX, UINT64_MAX - 1}},
        {"0.0000000000000000001", {1, UINT64_C(10000000000000000000)}},
        {"1.0000000000000000000000000000000000000000000000", {1, 1}},
        {"1844674407370955161.5", {UINT64_C(3689348814741910323), 2}},
        /* 2^-63, exactly. */
        {"0.000000000000000000108420217248550443400745280086994171142578125",
         {1, UINT64_C(1) << 63}},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        rill_ratio r;
        assert_int_equal(rill_ratio_parse(good[i].text, &r), RILL_OK);
        assert_true(r.num == good[i].ratio.num);
        assert_true(r.den == good[i].ratio.den);
    }
}

static void test_ratios_refused(void **state)
{
    (void)state;
    rill_ratio r;
    static const char *const malformed[] = {"",   ".",   "1.",    "/",     "1/",   "/2",
                                            "-1", "1e2", "1/2/3", "1.5/2", "1/.5", " 1",
                                            "1 ", "0x1", "1..2",  "1.2.3", "nan"};
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        assert_int_equal(rill_ratio_parse(malformed[i], &r), RILL_ERR_MALFORMED);
    static const char *const range[] = {"1/0",
                                        "0/0",
                                        "18446744073709551616",
                                        "1/18446744073709551616",
                                        "18446744073709551616/3",
                                        "18446744073709551615.5",
                                        "0.00000000000000000001",
                                        "1.00000000000000000001",
                                        "0.33333333333333333333"};
    for (size_t i = 0; i < sizeof(range) / sizeof(range[0]); i++)
        assert_int_equal(rill_ratio_parse(range[i], &r), RILL_ERR_RANGE);
}

static void test_errors_have_text(void **state)
{
    (void)state;
    assert_string_equal(rill_strerror(RILL_ERR_NOMEM), "out of memory");
    assert_string_equal(rill_error_name(RILL_ERR_NOMEM), "RILL_ERR_NOMEM");
    assert_string_equal(rill_error_name(RILL_OK), "RILL_OK");
    for (int error = -1000; error <= 1000; error++) {
        assert_true(strlen(rill_strerror(error)) > 0);
        assert_true(strlen(rill_error_name(error)) > 0);
    }
    for (int error = 0; error >= RILL_ERR_EXPOSED; error--) /* the last of them */
        assert_string_not_equal(rill_error_name(error), "RILL_ERR_UNKNOWN");
    assert_string_equal(rill_error_name(RILL_ERR_EXPOSED - 1), "RILL_ERR_UNKNOWN");
    assert_string_equal(rill_error_name(INT_MIN), "RILL_ERR_UNKNOWN");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_ratios),
        cmocka_unit_test(test_ratios_refused),
        cmocka_unit_test(test_errors_have_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
