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

#include "connector/quantity.h"
#include <cmocka.h>

static int read(const char *json, rill_quantity *q)
{
    return rill_quantity_read(q, (rill_bytes){(const uint8_t *)json, strlen(json)});
}

static void reads(const char *json, const char *amount, unsigned scale)
{
    rill_quantity q;
    assert_int_equal(read(json, &q), RILL_OK);
    assert_string_equal(q.amount, amount);
    assert_int_equal(q.scale, scale);
}

static void test_what_engines_write(void **state)
{
    (void)state;
    reads("{\"amount\":\"254\",\"scale\":2}", "254", 2);
    reads(" { \"scale\" : 255 , \"amount\" : \"0\" } ", "0", 255);
    reads("{\"amount\":\"000012\",\"scale\":0,\"asset\":{\"code\":[\"X\"]}}", "12", 0);
    reads("{\"amount\":\"000\",\"scale\":18}", "0", 18);
}

static void test_what_is_no_quantity(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "254",
        "null",
        "{}",
        "{\"amount\":\"254\"}",
        "{\"scale\":2}",
        "{\"amount\":254,\"scale\":2}",
        "{\"amount\":\"\",\"scale\":2}",
        "{\"amount\":\"-1\",\"scale\":2}",
        "{\"amount\":\"+1\",\"scale\":2}",
        "{\"amount\":\"1.5\",\"scale\":2}",
        "{\"amount\":\"1e9\",\"scale\":2}",
        "{\"amount\":\" 1\",\"scale\":2}",
        "{\"amount\":\"1\\u0000\",\"scale\":2}",
        "{\"amount\":\"\\u0031\",\"scale\":2}",
        "{\"amount\":\"1\",\"scale\":256}",
        "{\"amount\":\"1\",\"scale\":-1}",
        "{\"amount\":\"1\",\"scale\":2.0}",
        "{\"amount\":\"1\",\"scale\":2e0}",
        "{\"amount\":\"1\",\"scale\":02}",
        "{\"amount\":\"1\",\"scale\":\"2\"}",
        "{\"amount\":\"1\",\"scale\":2",
        "{\"amount\":\"1\",\"scale\":2}}",
        "{\"amount\":\"1\",\"amount\":\"2\",\"scale\":2}",
    };
    (void)state;
    rill_quantity q;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (read(bad[i], &q) != RILL_ERR_MALFORMED)
            fail_msg("%s", bad[i]);
    }
}

static void test_digits_without_end(void **state)
{
    (void)state;
    rill_quantity q;
    char json[1200];
    for (size_t digits = RILL_QUANTITY_DIGITS - 1; digits < 1000; digits += 100) {
        snprintf(json, sizeof json, "{\"scale\":0,\"amount\":\"%0*d\"}", (int)digits, 0);
        memset(json + 21, '9', digits);
        assert_int_equal(read(json, &q),
                         digits <= RILL_QUANTITY_DIGITS ? RILL_OK : RILL_ERR_TOO_LARGE);
    }
}

static rill_exact exact(const char *amount, unsigned scale, uint8_t of)
{
    rill_quantity q;
    rill_exact e;
    assert_int_equal(rill_quantity_of(&q, amount, strlen(amount), scale), RILL_OK);
    assert_int_equal(rill_exact_of(&e, &q, of), RILL_OK);
    return e;
}

static void is(const rill_exact *e, uint64_t units, uint64_t part, unsigned digits)
{
    assert_true(e->units == units);
    assert_int_equal(rill_wide_high(e->part), 0);
    assert_int_equal(rill_wide_low(e->part), part);
    assert_int_equal(e->digits, digits);
}

static void test_other_scales(void **state)
{
    (void)state;
    rill_exact e = exact("254", 2, 2);
    is(&e, 254, 0, 0);
    e = exact("254", 2, 9);
    is(&e, UINT64_C(2540000000), 0, 0);
    e = exact("254", 2, 0);
    is(&e, 2, 54, 2);
    e = exact("5", 4, 2);
    is(&e, 0, 5, 2);
    e = exact("2500", 4, 1);
    is(&e, 2, 5, 1);
    e = exact("0", 255, 0);
    is(&e, 0, 0, 0);
    e = exact("18446744073709551615", 9, 9);
    is(&e, UINT64_MAX, 0, 0);
    /* One coin in the finest scale that there is. */
    char coin[260] = "1";
    memset(coin + 1, '0', 255);
    e = exact(coin, 255, 2);
    is(&e, 100, 0, 0);
}

static int range_of(const char *amount, unsigned scale, uint8_t of)
{
    rill_quantity q;
    rill_exact e;
    assert_int_equal(rill_quantity_of(&q, amount, strlen(amount), scale), RILL_OK);
    return rill_exact_of(&e, &q, of);
}

static void test_what_no_account_can_have(void **state)
{
    (void)state;
    assert_int_equal(range_of("18446744073709551616", 0, 0), RILL_ERR_RANGE);
    assert_int_equal(range_of("1844674407370955162", 0, 1), RILL_ERR_RANGE);
    assert_int_equal(range_of("1", 0, 20), RILL_ERR_RANGE);
    assert_int_equal(range_of("1", 0, 19), RILL_OK);
    assert_int_equal(range_of("1", 0, 255), RILL_ERR_RANGE);
    assert_int_equal(range_of("0", 0, 255), RILL_OK);
    assert_int_equal(range_of("1", RILL_EXACT_DIGITS, 0), RILL_OK);
    assert_int_equal(range_of("1", RILL_EXACT_DIGITS + 1, 0), RILL_ERR_RANGE);
    assert_int_equal(range_of("10", RILL_EXACT_DIGITS + 1, 0), RILL_OK);
    assert_int_equal(range_of("1", 255, 0), RILL_ERR_RANGE);
}

static void test_adding_and_taking(void **state)
{
    (void)state;
    rill_exact a = exact("2599", 3, 2);
    rill_exact b = exact("1", 3, 2);
    rill_exact c;
    is(&a, 259, 9, 1);
    assert_int_equal(rill_exact_add(&c, &a, &b), RILL_OK);
    is(&c, 260, 0, 0);
    assert_int_equal(rill_exact_sub(&c, &c, &b), RILL_OK);
    is(&c, 259, 9, 1);
    b = exact("12345", 6, 2);
    assert_int_equal(rill_exact_add(&c, &a, &b), RILL_OK);
    is(&c, 261, 1345, 4);
    assert_int_equal(rill_exact_sub(&c, &c, &a), RILL_OK);
    is(&c, 1, 2345, 4);
    assert_int_equal(rill_exact_sub(&c, &b, &a), RILL_ERR_RANGE);
    assert_int_equal(rill_exact_sub(&c, &a, &a), RILL_OK);
    assert_true(rill_exact_is_zero(&c));
    /* The longest parts there are. */
    char nines[RILL_EXACT_DIGITS + 1];
    memset(nines, '9', RILL_EXACT_DIGITS);
    nines[RILL_EXACT_DIGITS] = '\0';
    a = exact(nines, RILL_EXACT_DIGITS, 0);
    assert_int_equal(rill_exact_add(&c, &a, &a), RILL_OK);
    assert_int_equal(c.units, 1);
    assert_int_equal(c.digits, RILL_EXACT_DIGITS);
    assert_int_equal(rill_exact_sub(&c, &c, &a), RILL_OK);
    assert_int_equal(memcmp(&c.part, &a.part, sizeof c.part), 0);
    a = rill_exact_units(UINT64_MAX);
    b = rill_exact_units(1);
    assert_int_equal(rill_exact_add(&c, &a, &b), RILL_ERR_RANGE);
    b = exact("5", 1, 0);
    assert_int_equal(rill_exact_add(&c, &a, &b), RILL_OK);
    assert_int_equal(rill_exact_add(&c, &c, &b), RILL_ERR_RANGE);
    b = exact("6", 1, 0);
    a = rill_exact_units(0);
    assert_int_equal(rill_exact_sub(&c, &a, &b), RILL_ERR_RANGE);
}

static void test_there_and_back(void **state)
{
    static const char *const amounts[] = {
        "0", "1", "10", "12345", "100200300", "18446744073709551615", "99999999999999999999"};
    (void)state;
    for (size_t i = 0; i < sizeof amounts / sizeof *amounts; i++) {
        for (unsigned scale = 0; scale < 40; scale++) {
            for (uint8_t of = 0; of < 12; of = (uint8_t)(of + 3)) {
                rill_quantity q;
                rill_exact e;
                rill_exact again;
                char json[RILL_QUANTITY_JSON];
                assert_int_equal(rill_quantity_of(&q, amounts[i], strlen(amounts[i]), scale),
                                 RILL_OK);
                if (rill_exact_of(&e, &q, of) != RILL_OK)
                    continue;
                rill_exact_quantity(&e, of, &q);
                rill_quantity_json(&q, json);
                assert_int_equal(read(json, &q), RILL_OK);
                assert_int_equal(rill_exact_of(&again, &q, of), RILL_OK);
                assert_int_equal(rill_exact_sub(&again, &again, &e), RILL_OK);
                assert_true(rill_exact_is_zero(&again));
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_engines_write),       cmocka_unit_test(test_what_is_no_quantity),
        cmocka_unit_test(test_digits_without_end),       cmocka_unit_test(test_other_scales),
        cmocka_unit_test(test_what_no_account_can_have), cmocka_unit_test(test_adding_and_taking),
        cmocka_unit_test(test_there_and_back),
    };
    return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}
