/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <rill/error.h>

#include "connector/rates.h"
#include <cmocka.h>

static rill_rates rates;
static uint32_t usd2, usd9, eur2, xrp9;

static int set_up(void **state)
{
    (void)state;
    rill_rates_init(&rates, rill_allocator_default(), 10 * RILL_SECOND, 2000);
    return rill_rates_asset(&rates, "USD", 2, &usd2) != RILL_OK ||
           rill_rates_asset(&rates, "USD", 9, &usd9) != RILL_OK ||
           rill_rates_asset(&rates, "EUR", 2, &eur2) != RILL_OK ||
           rill_rates_asset(&rates, "XRP", 9, &xrp9) != RILL_OK;
}

static int tear_down(void **state)
{
    (void)state;
    rill_rates_clear(&rates);
    return 0;
}

/* By the monotonic clock alone. */
#define AT(now)     ((rill_now){now, 1000})
#define UNTIL(then) ((rill_now){then, RILL_NEVER})

static void set(const char *code, uint64_t num, uint64_t den, rill_price_kind kind, uint64_t now)
{
    assert_int_equal(rill_rates_set(&rates, code, (rill_ratio){num, den}, kind, now), RILL_OK);
    rill_rates_refresh(&rates);
}

static uint64_t exchanged(uint32_t from, uint32_t to, uint64_t amount, uint64_t now)
{
    uint64_t out = 0;
    assert_int_equal(rill_rates_exchange(&rates, from, to, amount, AT(now), &out),
                     RILL_EXCHANGE_DONE);
    return out;
}

static void refused(uint32_t from, uint32_t to, uint64_t now, rill_exchange_verdict why)
{
    uint64_t out = 77;
    assert_int_equal(rill_rates_exchange(&rates, from, to, 1000, AT(now), &out), why);
    assert_int_equal(out, 77);
}

static void test_assets_have_one_number(void **state)
{
    (void)state;
    uint32_t again = 99;
    assert_int_equal(rill_rates_asset(&rates, "USD", 9, &again), RILL_OK);
    assert_int_equal(again, usd9);
    assert_true(usd2 != usd9);
    assert_int_equal(rill_rates_asset(&rates, "", 9, &again), RILL_ERR_INVALID);
    assert_int_equal(rill_rates_asset(&rates, "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", 9, &again),
                     RILL_ERR_INVALID);
    for (unsigned i = 0; i < RILL_MAX_ASSETS - 4; i++)
        assert_int_equal(rill_rates_asset(&rates, "MANY", (uint8_t)i, &again), RILL_OK);
    assert_int_equal(rill_rates_asset(&rates, "ONE", 0, &again), RILL_ERR_LIMIT);
}

static void test_one_code_needs_no_price(void **state)
{
    (void)state;
    rill_rates_refresh(&rates);
    assert_int_equal(exchanged(usd2, usd9, 5, 0), 50000000);
    assert_int_equal(exchanged(usd9, usd2, 19999999, RILL_NEVER - 1), 1);
    refused(usd2, eur2, 0, RILL_EXCHANGE_NO_PRICE);
}

static void test_an_asset_that_comes_later_leaves_the_others(void **state)
{
    (void)state;
    uint32_t late;
    set("USD", 1, 1, RILL_PRICE_FIXED, 0);
    set("EUR", 3, 2, RILL_PRICE_FIXED, 0);
    assert_int_equal(exchanged(eur2, usd2, 1000, 0), 1497);
    assert_int_equal(rill_rates_asset(&rates, "JPY", 0, &late), RILL_OK);
    assert_int_equal(exchanged(eur2, usd2, 1000, 0), 1497);
    refused(usd2, late, 0, RILL_EXCHANGE_NO_PRICE);
}

static void test_spread_and_its_rules(void **state)
{
    (void)state;
    set("USD", 1, 1, RILL_PRICE_FIXED, 0);
    set("EUR", 3, 2, RILL_PRICE_FIXED, 0);
    assert_int_equal(rill_rates_set_spread(&rates, "EUR", "USD", 0), RILL_OK);
    assert_int_equal(rill_rates_set_spread(&rates, "EUR", "USD", 10000), RILL_OK);
    assert_int_equal(rill_rates_set_spread(&rates, "USD", "USD", 500000), RILL_OK);
    assert_int_equal(rill_rates_set_spread(&rates, "USD", "USD", 1000001), RILL_ERR_INVALID);
    rill_rates_refresh(&rates);
    assert_int_equal(exchanged(eur2, usd2, 1000, 0), 1485);
    assert_int_equal(exchanged(usd2, eur2, 1500, 0), 998);
    assert_int_equal(exchanged(usd2, usd9, 2, 0), 10000000);
}

/* Never an old price in silence. */
static void test_prices_become_too_old(void **state)
{
    (void)state;
    const uint64_t then = 5 * RILL_SECOND;
    set("USD", 1, 1, RILL_PRICE_FIXED, 0);
    set("EUR", 3, 2, RILL_PRICE_DATED, then);
    assert_int_equal(exchanged(eur2, usd2, 1000, then + 10 * RILL_SECOND - 1), 1497);
    refused(eur2, usd2, then + 10 * RILL_SECOND, RILL_EXCHANGE_OLD_PRICE);
    refused(usd2, eur2, then + 10 * RILL_SECOND, RILL_EXCHANGE_OLD_PRICE);
    set("EUR", 2, 1, RILL_PRICE_DATED, then + 11 * RILL_SECOND);
    assert_int_equal(exchanged(eur2, usd2, 1000, then + 12 * RILL_SECOND), 1996);
    set("EUR", 0, 1, RILL_PRICE_DATED, then + 11 * RILL_SECOND);
    refused(eur2, usd2, then + 12 * RILL_SECOND, RILL_EXCHANGE_NO_PRICE);
    refused(usd2, eur2, then + 12 * RILL_SECOND, RILL_EXCHANGE_NO_PRICE);
    assert_int_equal(rill_rates_set(&rates, "EUR", (rill_ratio){1, 0}, RILL_PRICE_FIXED, 0),
                     RILL_ERR_INVALID);
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    uint64_t out = 77;
    rill_rates_refresh(&rates);
    assert_int_equal(rill_rates_exchange(&rates, usd2, usd9, UINT64_MAX, AT(0), &out),
                     RILL_EXCHANGE_TOO_LARGE);
    assert_int_equal(out, 77);
}

/* Powers of ten of prices and the difference of scales count together. */
static void test_prices_with_powers_of_ten(void **state)
{
    (void)state;
    set("USD", 1, 1, RILL_PRICE_FIXED, 0);
    assert_int_equal(
        rill_rates_date(&rates, "XRP", (rill_ratio){1, 5}, 1, RILL_PRICE_DATED, UNTIL(9)),
        RILL_OK); /* two dollars */
    assert_int_equal(
        rill_rates_date(&rates, "EUR", (rill_ratio){11, 1}, -1, RILL_PRICE_DATED, UNTIL(7)),
        RILL_OK); /* 1.1 dollars */
    rill_rates_refresh(&rates);
    assert_int_equal(exchanged(xrp9, usd2, 1000000000, 8), 199); /* 0.2% of 200 stays */
    assert_int_equal(exchanged(xrp9, eur2, 11000000000, 6), 1996);
    refused(xrp9, eur2, 7, RILL_EXCHANGE_OLD_PRICE);
    refused(xrp9, usd2, 9, RILL_EXCHANGE_OLD_PRICE);
    assert_int_equal(rill_rates_date(&rates, "EUR", (rill_ratio){1, 1}, RILL_PRICE_TENS + 1,
                                     RILL_PRICE_DATED, UNTIL(7)),
                     RILL_ERR_INVALID);
    assert_int_equal(rill_rates_price(&rates, "EUR")->tens, -1);
    assert_null(rill_rates_price(&rates, "GBP"));
}

/* A clock that stands still, or is set back, makes no price live longer. */
static void test_the_clock_that_ends_first(void **state)
{
    uint64_t out = 0;
    (void)state;
    set("USD", 1, 1, RILL_PRICE_FIXED, 0);
    assert_int_equal(rill_rates_date(&rates, "XRP", (rill_ratio){2, 1}, 0, RILL_PRICE_DATED,
                                     (rill_now){100, 5000}),
                     RILL_OK);
    assert_int_equal(rill_rates_date(&rates, "EUR", (rill_ratio){1, 1}, 0, RILL_PRICE_DATED,
                                     (rill_now){200, 4000}),
                     RILL_OK);
    rill_rates_refresh(&rates);
    const struct {
        rill_now now;
        uint32_t from;
        bool good;
    } cases[] = {
        {{99, 4999}, xrp9, true},    {{100, 4999}, xrp9, false}, {{99, 5000}, xrp9, false},
        {{0, 1000000}, xrp9, false}, /* it was suspended, or the wall clock was set forward */
        {{100, 0}, xrp9, false},     /* and back */
        {{99, 0}, xrp9, true},       {{199, 3999}, eur2, true},  {{199, 4000}, eur2, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(rill_rates_exchange(&rates, cases[i].from, usd2, 1000, cases[i].now, &out),
                         cases[i].good ? RILL_EXCHANGE_DONE : RILL_EXCHANGE_OLD_PRICE);
    /* Of two the one that ends first by each clock. */
    assert_int_equal(rill_rates_exchange(&rates, xrp9, eur2, 1000, (rill_now){99, 3999}, &out),
                     RILL_EXCHANGE_DONE);
    assert_int_equal(rill_rates_exchange(&rates, xrp9, eur2, 1000, (rill_now){99, 4000}, &out),
                     RILL_EXCHANGE_OLD_PRICE);
    /* Fixed ones have no end. */
    assert_int_equal(rill_rates_exchange(&rates, usd2, usd9, 1,
                                         (rill_now){RILL_NEVER - 1, RILL_NEVER - 1}, &out),
                     RILL_EXCHANGE_DONE);
}

/* The largest difference of everything fits, both ways. */
static void test_extreme_prices(void **state)
{
    uint32_t small;
    uint32_t large;
    uint32_t a;
    uint32_t b;
    (void)state;
    assert_int_equal(rill_rates_asset(&rates, "SML", 255, &small), RILL_OK);
    assert_int_equal(rill_rates_asset(&rates, "LRG", 0, &large), RILL_OK);
    const rill_ratio low = {1, UINT64_MAX};
    const rill_ratio high = {UINT64_MAX, 1};
    assert_int_equal(rill_rates_date(&rates, "SML", low, -60, RILL_PRICE_DATED, UNTIL(9)), RILL_OK);
    assert_int_equal(rill_rates_date(&rates, "LRG", high, 60, RILL_PRICE_DATED, UNTIL(9)), RILL_OK);
    rill_rates_refresh(&rates);
    assert_int_equal(exchanged(small, large, UINT64_MAX, 0), 0);
    refused(large, small, 0, RILL_EXCHANGE_TOO_LARGE);
    assert_false(rill_rates_arbitrage(&rates, &a, &b));
}

static void test_a_price_that_is_awaited(void **state)
{
    uint32_t a;
    uint32_t b;
    (void)state;
    set("USD", 1, 1, RILL_PRICE_FIXED, 0);
    assert_int_equal(
        rill_rates_date(&rates, "EUR", (rill_ratio){1, 1}, 0, RILL_PRICE_AWAITED, UNTIL(0)),
        RILL_OK);
    rill_rates_refresh(&rates);
    refused(usd2, eur2, 1, RILL_EXCHANGE_OLD_PRICE);
    refused(usd2, xrp9, 1, RILL_EXCHANGE_NO_PRICE);
    refused(eur2, xrp9, 1, RILL_EXCHANGE_NO_PRICE);
    assert_false(rill_rates_arbitrage(&rates, &a, &b));
}

static void test_arbitrage(void **state)
{
    (void)state;
    uint32_t a = 99;
    uint32_t b = 99;
    set("USD", 1, 1, RILL_PRICE_FIXED, 0);
    set("EUR", 3, 2, RILL_PRICE_FIXED, 0);
    assert_false(rill_rates_arbitrage(&rates, &a, &b));
    /* Prices of one base cannot gain; a conversion that somebody made otherwise can. */
    rates.pairs[eur2 * rates.asset_count + usd2].conversion =
        rill_conversion_of((rill_ratio){2, 1}, 2, (rill_ratio){1, 1}, 2, 0);
    assert_true(rill_rates_arbitrage(&rates, &a, &b));
    assert_int_equal(a, usd2);
    assert_int_equal(b, eur2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        TEST(test_assets_have_one_number),
        TEST(test_one_code_needs_no_price),
        TEST(test_an_asset_that_comes_later_leaves_the_others),
        TEST(test_spread_and_its_rules),
        TEST(test_prices_become_too_old),
        TEST(test_what_does_not_fit),
        TEST(test_prices_with_powers_of_ten),
        TEST(test_the_clock_that_ends_first),
        TEST(test_extreme_prices),
        TEST(test_a_price_that_is_awaited),
        TEST(test_arbitrage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
