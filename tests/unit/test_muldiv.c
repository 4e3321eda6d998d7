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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_mul_div),
        cmocka_unit_test(test_mul_div_does_not_fit),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_multiply),
        cmocka_unit_test(test_complement),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
