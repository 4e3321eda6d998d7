/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "connector/convert.h"
#include <cmocka.h>

static const rill_ratio one = {1, 1};

static uint64_t converted(const rill_conversion *c, uint64_t amount)
{
    uint64_t out = 424242;
    assert_true(rill_convert(c, amount, &out));
    return out;
}

static void test_scales(void **state)
{
    (void)state;
    rill_conversion c = rill_conversion_of(one, 2, one, 9, 0);
    assert_int_equal(converted(&c, 1), 10000000);
    c = rill_conversion_of(one, 9, one, 2, 0);
    assert_int_equal(converted(&c, 10000000), 1);
    assert_int_equal(converted(&c, 9999999), 0);
    assert_int_equal(converted(&c, 19999999), 1);
    c = rill_conversion_of(one, 0, one, 255, 0);
    assert_int_equal(converted(&c, 0), 0);
    uint64_t out = 5;
    assert_false(rill_convert(&c, 1, &out));
    assert_int_equal(out, 5);
    c = rill_conversion_of(one, 255, one, 0, 0);
    assert_int_equal(converted(&c, UINT64_MAX), 0);
    /* 10^19 still fits in 64 bits, 2 * 10^19 does not. */
    c = rill_conversion_of(one, 0, one, 19, 0);
    assert_int_equal(converted(&c, 1), UINT64_C(10000000000000000000));
    assert_false(rill_convert(&c, 2, &out));
}

static void test_prices_are_exact(void **state)
{
    (void)state;
    /* 1 EUR = 1.1602 USD: 1 EUR of scale 2 is 116.02 cents. */
    rill_conversion c = rill_conversion_of((rill_ratio){5801, 5000}, 2, one, 2, 0);
    assert_int_equal(converted(&c, 100), 116);
    assert_int_equal(converted(&c, 10000), 11602);
    /* Doubles lose units above 2^53. */
    c = rill_conversion_of((rill_ratio){UINT64_C(9007199254740993), 1}, 0, one, 0, 0);
    assert_int_equal(converted(&c, 1), UINT64_C(9007199254740993));
    /* Numbers whose product two 64-bit numbers cannot express: x * (p / q) * (r / s). */
    const uint64_t p = UINT64_C(18446744073709551557); /* the largest primes below 2^64 */
    const uint64_t q = UINT64_C(18446744073709551533);
    const uint64_t r = UINT64_C(18446744073709551521);
    const uint64_t s = UINT64_C(18446744073709551437);
    c = rill_conversion_of((rill_ratio){p, q}, 3, (rill_ratio){s, r}, 3, 0);
    assert_int_equal(c.exact.den, 0);
    /* p*r / (q*s) is 1 + 5.8e-18: a thousand stays, and 2^63 gains 54 units. */
    assert_int_equal(converted(&c, 1000), 1000);
    assert_int_equal(converted(&c, UINT64_C(1) << 63), (UINT64_C(1) << 63) + 54);
}

static void test_spread(void **state)
{
    (void)state;
    rill_conversion c = rill_conversion_of(one, 2, one, 2, 2000);
    assert_int_equal(converted(&c, 1000), 998);
    assert_int_equal(converted(&c, 1), 0);
    assert_int_equal(converted(&c, 501), 499);
    c = rill_conversion_of(one, 2, one, 2, RILL_SPREAD_ONE);
    assert_int_equal(converted(&c, UINT64_MAX), 0);
    assert_int_equal(rill_convert_inverse(&c, 0), UINT64_MAX);
}

static uint64_t state_of_draw = 88172645463325252;

static uint64_t draw(void)
{
    state_of_draw ^= state_of_draw << 13;
    state_of_draw ^= state_of_draw >> 7;
    state_of_draw ^= state_of_draw << 17;
    return state_of_draw >> (state_of_draw % 64);
}

static rill_conversion drawn(void)
{
    rill_ratio a = {draw() | 1, draw() | 1};
    rill_ratio b = {draw() | 1, draw() | 1};
    return rill_conversion_of(a, (uint8_t)(draw() % 20), b, (uint8_t)(draw() % 20),
                              (uint32_t)(draw() % (RILL_SPREAD_ONE + 1)));
}

/* The two ways to compute, with lowest terms and without, give the same. */
static void test_lowest_terms_change_nothing(void **state)
{
    (void)state;
    unsigned both = 0;
    for (unsigned i = 0; i < 20000; i++) {
        rill_conversion c = drawn();
        rill_conversion long_way = c;
        uint64_t amount = draw();
        uint64_t a = 0;
        uint64_t b = 0;
        long_way.exact.den = 0;
        both += c.exact.den != 0;
        assert_int_equal(rill_convert(&c, amount, &a), rill_convert(&long_way, amount, &b));
        assert_int_equal(a, b);
    }
    assert_true(both > 1000 && both < 19000);
}

static void test_inverse(void **state)
{
    (void)state;
    unsigned whole = 0;
    for (unsigned i = 0; i < 20000; i++) {
        rill_conversion c = drawn();
        uint64_t limit = draw();
        uint64_t most = rill_convert_inverse(&c, limit);
        uint64_t got = 0;
        if (rill_convert(&c, most, &got))
            assert_true(got <= limit);
        else
            assert_true(false);
        if (most == UINT64_MAX)
            continue;
        whole++;
        assert_true(!rill_convert(&c, most + 1, &got) || got > limit);
    }
    assert_true(whole > 1000);
}

static void test_round_trips(void **state)
{
    (void)state;
    const rill_ratio euro = {11, 10};
    rill_conversion there = rill_conversion_of(euro, 2, one, 9, 0);
    rill_conversion back = rill_conversion_of(one, 9, euro, 2, 0);
    assert_false(rill_conversion_gains(&there, &back));
    /* A price for the way back that is better than its inverse. */
    back = rill_conversion_of(one, 9, (rill_ratio){109, 100}, 2, 0);
    assert_true(rill_conversion_gains(&there, &back));
    back = rill_conversion_of(one, 9, (rill_ratio){109, 100}, 2, 10000);
    assert_false(rill_conversion_gains(&there, &back));
    there = rill_conversion_of(euro, 255, one, 0, 0);
    back = rill_conversion_of(one, 0, euro, 255, 0);
    assert_false(rill_conversion_gains(&there, &back));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scales),  cmocka_unit_test(test_prices_are_exact),
        cmocka_unit_test(test_spread),  cmocka_unit_test(test_lowest_terms_change_nothing),
        cmocka_unit_test(test_inverse), cmocka_unit_test(test_round_trips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
