/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/amount_text.h"

/* Units of an account of XRP. */
static int units_of(const char *text, uint8_t scale, uint64_t *units)
{
    cli_amount_text parsed;
    int rc = cli_amount_text_parse(text, &parsed);
    return rc == RILL_OK ? cli_amount_text_units(&parsed, "XRP", scale, units) : rc;
}

static void test_what_people_write(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint8_t scale;
        uint64_t units;
    } cases[] = {
        {"0", 9, 0},
        {"1500", 9, 1500},
        {"18446744073709551615", 9, UINT64_MAX},
        {"1.5XRP", 9, 1500000000},
        {"1.5 XRP", 9, 1500000000},
        {"1.5  XRP", 9, 1500000000},
        {"1XRP", 9, 1000000000},
        {"1XRP", 0, 1},
        {"1.50XRP", 1, 15},
        {"1.000000000XRP", 0, 1},
        {"0.000000001XRP", 9, 1},
        {"0.0XRP", 9, 0},
        {"0XRP", 255, 0},
        {"007XRP", 2, 700},
        {"18446744073.709551615XRP", 9, UINT64_MAX},
        {"1844674407370955161.5XRP", 1, UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t units = 7;
        assert_int_equal(units_of(cases[i].text, cases[i].scale, &units), RILL_OK);
        assert_true(units == cases[i].units);
    }
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int error;
    } cases[] = {
        {"", RILL_ERR_MALFORMED},
        {"-5", RILL_ERR_MALFORMED},
        {"+1", RILL_ERR_MALFORMED},
        {"1.5", RILL_ERR_MALFORMED},
        {"1.", RILL_ERR_MALFORMED},
        {".5XRP", RILL_ERR_MALFORMED},
        {"1.XRP", RILL_ERR_MALFORMED},
        {"1e3", RILL_ERR_MALFORMED},
        {"0x10", RILL_ERR_MALFORMED},
        {" 1", RILL_ERR_MALFORMED},
        {"1 ", RILL_ERR_MALFORMED},
        {"1,5XRP", RILL_ERR_MALFORMED},
        {"1.5.5XRP", RILL_ERR_MALFORMED},
        {"XRP", RILL_ERR_MALFORMED},
        {"1 X RP", RILL_ERR_MALFORMED},
        {"1XRP ", RILL_ERR_MALFORMED},
        {"1 XR\x1b", RILL_ERR_MALFORMED},
        {"1000 000", RILL_ERR_INVALID},
        {"1.5EUR", RILL_ERR_INVALID},
        {"1.5xrp", RILL_ERR_INVALID},
        {"1.5 XRPX", RILL_ERR_INVALID},
        {"18446744073709551616", RILL_ERR_RANGE},
        {"18446744073.709551616XRP", RILL_ERR_RANGE},
        {"18446744074XRP", RILL_ERR_RANGE},
        {"99999999999999999999999XRP", RILL_ERR_RANGE},
        {"0.0000000001XRP", RILL_ERR_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t units = 7;
        if (units_of(cases[i].text, 9, &units) != cases[i].error)
            fail_msg("\"%s\": %d", cases[i].text, units_of(cases[i].text, 9, &units));
        assert_true(units == 7);
    }
    char code[CLI_MAX_ASSET_CODE + 4] = "1 ";
    cli_amount_text parsed;
    memset(code + 2, 'X', CLI_MAX_ASSET_CODE);
    assert_int_equal(cli_amount_text_parse(code, &parsed), RILL_OK);
    code[2 + CLI_MAX_ASSET_CODE] = 'X';
    assert_int_equal(cli_amount_text_parse(code, &parsed), RILL_ERR_MALFORMED);
}

static void test_decimals(void **state)
{
    (void)state;
    static const struct {
        uint64_t units;
        uint8_t scale;
        const char *text;
    } cases[] = {
        {0, 0, "0"},
        {0, 255, "0"},
        {5, 0, "5"},
        {500, 0, "500"},
        {1500000000, 9, "1.5"},
        {1000000000, 9, "1"},
        {10000000000, 9, "10"},
        {1, 9, "0.000000001"},
        {120, 2, "1.2"},
        {12, 2, "0.12"},
        {UINT64_MAX, 9, "18446744073.709551615"},
        {UINT64_MAX, 20, "0.18446744073709551615"},
        {UINT64_MAX, 21, "0.018446744073709551615"},
    };
    char out[CLI_DECIMAL_SIZE];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        cli_decimal_text(cases[i].units, cases[i].scale, out);
        assert_string_equal(out, cases[i].text);
    }
    cli_decimal_text(UINT64_MAX, 255, out);
    assert_int_equal(strlen(out), 257);
}

static uint64_t seed = 11;

static uint64_t draw(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

/* What is written out can be read back: the same units, of every size, at every scale. */
static void test_there_and_back(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        uint64_t units = draw() >> (draw() % 64);
        uint8_t scale = (uint8_t)(draw() % 256);
        uint64_t zeros = 1;
        for (uint64_t n = draw() % 12; n > 0; n--)
            zeros *= 10;
        units = units / zeros * zeros;
        char decimal[CLI_DECIMAL_SIZE];
        char text[CLI_DECIMAL_SIZE + 8];
        cli_decimal_text(units, scale, decimal);
        snprintf(text, sizeof text, "%s%sXRP", decimal, draw() % 2 ? " " : "");
        uint64_t again = 0;
        assert_int_equal(units_of(text, scale, &again), RILL_OK);
        assert_true(again == units);
        /* The next larger scale has ten times as many, or none that fit. */
        uint64_t ten;
        int rc = scale == 255 ? RILL_ERR_RANGE : units_of(text, (uint8_t)(scale + 1), &again);
        if (__builtin_mul_overflow(units, UINT64_C(10), &ten) || scale == 255)
            assert_int_equal(rc, RILL_ERR_RANGE);
        else
            assert_true(rc == RILL_OK && again == ten);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_people_write),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
