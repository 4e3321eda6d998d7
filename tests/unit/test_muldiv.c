/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/muldiv.h"
#include <cmocka.h>

#define MAX UINT64_MAX

static void test_sums(void **state)
{
    (void)state;
    uint64_t out = 7;
    assert_true(rill_add_u64(MAX - 1, 1, &out));
    assert_true(out == MAX);
    assert_false(rill_add_u64(MAX, 1, &out));
    assert_true(rill_sub_u64(5, 5, &out));
    assert_true(out == 0);
    assert_false(rill_sub_u64(4, 5, &out));
    assert_true(out == 0);
    assert_true(rill_add_sat(MAX, MAX) == MAX);
    assert_true(rill_add_sat(1, 2) == 3);
    assert_true(rill_sub_sat(1, 2) == 0);
    assert_true(rill_sub_sat(MAX, 1) == MAX - 1);
    assert_true(rill_gcd_u64(0, 0) == 0);
    assert_true(rill_gcd_u64(0, 6) == 6);
    assert_true(rill_gcd_u64(6, 0) == 6);
    assert_true(rill_gcd_u64(12, 18) == 6);
    assert_true(rill_gcd_u64(MAX, MAX) == MAX);
}

static void test_mul_div(void **state)
{
    (void)state;
    uint64_t out;
    assert_true(rill_mul_div_floor(7, 3, 2, &out));
    assert_true(out == 10);
    assert_true(rill_mul_div_ceil(7, 3, 2, &out));
    assert_true(out == 11);
    assert_true(rill_mul_div_ceil(8, 3, 2, &out));
    assert_true(out == 12);
    assert_true(rill_mul_div_floor(MAX, MAX, MAX, &out));
    assert_true(out == MAX);
    assert_true(rill_mul_div_floor(MAX, MAX - 1, MAX, &out));
    assert_true(out == MAX - 1);
    assert_true(rill_mul_div_floor(0, MAX, 1, &out));
    assert_true(out == 0);
}

static void test_mul_div_does_not_fit(void **state)
{
    (void)state;
    uint64_t out = 42;
    assert_false(rill_mul_div_floor(MAX, 2, 1, &out));
    assert_false(rill_mul_div_ceil(MAX, 2, 1, &out));
    assert_false(rill_mul_div_floor(0, 0, 0, &out));
    assert_false(rill_mul_div_ceil(1, 1, 0, &out));
    assert_true(out == 42);
    assert_false(rill_mul_div_floor(MAX, MAX, MAX - 1, &out));
    /* (2^33 - 1) * (2^33 + 1) / 4 = (2^66 - 1) / 4 = 2^64 - 1 and 3/4: only the ceiling is too
     * much. */
    uint64_t a = (UINT64_C(1) << 33) - 1;
    uint64_t b = (UINT64_C(1) << 33) + 1;
    assert_true(rill_mul_div_floor(a, b, 4, &out));
    assert_true(out == MAX);
    assert_false(rill_mul_div_ceil(a, b, 4, &out));
    assert_true(rill_mul_div_ceil_sat(a, b, 4) == MAX);
    assert_true(rill_mul_div_floor_sat(MAX, 2, 1) == MAX);
    assert_true(rill_mul_div_ceil_sat(3, 1, 2) == 2);
}

static void test_ratio(void **state)
{
    (void)state;
    rill_ratio half = {1, 2};
    assert_true(rill_ratio_floor(half, 7) == 3);
    assert_true(rill_ratio_inverse_floor((rill_ratio){2, 3}, 7) == 10);
    assert_true(rill_ratio_inverse_ceil((rill_ratio){2, 3}, 7) == 11);
    rill_ratio zero = {0, 9};
    assert_true(rill_ratio_floor(zero, MAX) == 0);
    assert_true(rill_ratio_inverse_floor(zero, 0) == MAX);
    assert_true(rill_ratio_inverse_ceil(zero, 1) == MAX);
    assert_true(rill_ratio_floor((rill_ratio){MAX, 1}, 2) == MAX);
    assert_int_equal(rill_ratio_compare((rill_ratio){1, 3}, (rill_ratio){2, 6}), 0);
    assert_int_equal(rill_ratio_compare((rill_ratio){MAX - 1, MAX}, (rill_ratio){1, 1}), -1);
    assert_int_equal(rill_ratio_compare((rill_ratio){MAX, MAX - 1}, (rill_ratio){1, 1}), 1);
}

static void assert_product(rill_ratio a, rill_ratio b, uint64_t num, uint64_t den)
{
    rill_ratio product = rill_ratio_multiply_floor(a, b);
    assert_true(product.num == num);
    assert_true(product.den == den);
}

static void test_multiply(void **state)
{
    (void)state;
    assert_product((rill_ratio){2, 3}, (rill_ratio){3, 4}, 1, 2);
    assert_product((rill_ratio){0, 3}, (rill_ratio){3, 4}, 0, 1);
    assert_product((rill_ratio){5, 1}, (rill_ratio){3, 1}, 15, 1);
    /* Exact although both products pass 2^64. */
    assert_product((rill_ratio){MAX, MAX - 1}, (rill_ratio){MAX - 1, MAX}, 1, 1);
    /* Too large, too small. */
    assert_product((rill_ratio){MAX, 1}, (rill_ratio){2, 1}, MAX, 1);
    assert_product((rill_ratio){1, MAX}, (rill_ratio){1, 2}, 0, 1);
    assert_product((rill_ratio){1, MAX}, (rill_ratio){1, 1}, 1, MAX);
    /* Below 1 by 2^-64 of itself squared: the largest below 1 that there is. */
    rill_ratio near_one = {MAX - 1, MAX};
    rill_ratio product = rill_ratio_multiply_floor(near_one, near_one);
    assert_int_equal(rill_ratio_compare(product, near_one), -1);
    assert_true(product.num > UINT64_C(1) << 62);
    assert_true(product.den - product.num <= 2);
}

static void test_complement(void **state)
{
    (void)state;
    rill_ratio c = rill_ratio_complement((rill_ratio){1, 100});
    assert_true(c.num == 99);
    assert_true(c.den == 100);
    c = rill_ratio_complement((rill_ratio){3, 2});
    assert_true(c.num == 0);
    assert_true(c.den == 2);
}

static void assert_ratio(rill_ratio got, uint64_t num, uint64_t den)
{
    assert_true(got.num == num);
    assert_true(got.den == den);
}

static void test_coarser(void **state)
{
    (void)state;
    assert_ratio(rill_ratio_coarser((rill_ratio){2, 7}, 10), 2, 7);
    assert_ratio(rill_ratio_coarser((rill_ratio){285714, 1000000}, 10), 1, 4);
    assert_ratio(rill_ratio_coarser((rill_ratio){1, 1000}, 999), 0, 1);
    assert_ratio(rill_ratio_coarser((rill_ratio){2, 2000}, 1000), 1, 1000);
    assert_ratio(rill_ratio_coarser((rill_ratio){MAX - 1, MAX}, 3), 2, 3);
    assert_ratio(rill_ratio_coarser((rill_ratio){MAX, 1}, 1), MAX, 1);
    assert_ratio(rill_ratio_coarser((rill_ratio){355, 113}, 8), 25, 8);
    assert_ratio(rill_ratio_coarser((rill_ratio){0, 5}, 8), 0, 1);
}

static void test_simplest(void **state)
{
    (void)state;
    assert_ratio(rill_ratio_simplest((rill_ratio){285714, 1000000}, (rill_ratio){285715, 1000000}),
                 2, 7);
    assert_ratio(rill_ratio_simplest((rill_ratio){1, 1999}, (rill_ratio){2, 1999}), 1, 1000);
    assert_ratio(rill_ratio_simplest((rill_ratio){1, 1}, (rill_ratio){2, 1}), 1, 1);
    assert_ratio(rill_ratio_simplest((rill_ratio){3, 2}, (rill_ratio){2, 1}), 3, 2);
    assert_ratio(rill_ratio_simplest((rill_ratio){7, 2}, (rill_ratio){1, 0}), 4, 1);
    assert_ratio(rill_ratio_simplest((rill_ratio){1, 2}, (rill_ratio){1, 1}), 1, 2);
    assert_ratio(rill_ratio_simplest((rill_ratio){MAX - 1, MAX}, (rill_ratio){1, 1}), MAX - 1, MAX);
}

/* Against the definition, with every denominator tried. */
static void test_against_trying(void **state)
{
    (void)state;
    for (uint64_t den = 1; den < 30; den++)
        for (uint64_t num = 1; num < 60; num++)
            for (uint64_t most = 1; most < 35; most++) {
                rill_ratio r = rill_ratio_coarser((rill_ratio){num, den}, most);
                rill_ratio high = {num * most + den, den * most}; /* num / den + 1 / most */
                rill_ratio simple = rill_ratio_simplest((rill_ratio){num, den}, high);
                rill_ratio best = {0, 1};
                rill_ratio over = {60, 1};
                rill_ratio next = rill_ratio_coarser_above((rill_ratio){num, den}, most);
                uint64_t first = 0;
                for (uint64_t d = 1; d <= den || d <= most; d++) {
                    rill_ratio at = {num * d / den, d};
                    rill_ratio up = {(num * d + den - 1) / den, d};
                    if (d <= most && rill_ratio_compare(at, best) > 0)
                        best = at;
                    if (d <= most && rill_ratio_compare(up, over) < 0)
                        over = up;
                    if (first == 0 && rill_ratio_compare(up, high) < 0)
                        first = d;
                }
                assert_true(r.num == best.num && r.den == best.den);
                assert_true(next.num == over.num && next.den == over.den);
                assert_true(simple.den == first);
                assert_true(simple.num == (num * first + den - 1) / den);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_mul_div),
        cmocka_unit_test(test_mul_div_does_not_fit),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_complement),
        cmocka_unit_test(test_coarser),
        cmocka_unit_test(test_simplest),
        cmocka_unit_test(test_against_trying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
