/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "connector/histogram.h"

enum { FIRST = RILL_HISTOGRAM_FIRST, LAST = RILL_HISTOGRAM_LAST };

/* Each bound counts what is below it, and nothing else. */
static void test_bounds(void **state)
{
    (void)state;
    for (unsigned power = FIRST; power <= LAST; power++) {
        rill_histogram h = {.count = 0};
        uint64_t bound = UINT64_C(1) << power;
        rill_histogram_add(&h, bound - 1);
        rill_histogram_add(&h, bound);
        assert_int_equal(rill_histogram_below(&h, power), 1);
        if (power < LAST)
            assert_int_equal(rill_histogram_below(&h, power + 1), 2);
    }
    rill_histogram h = {.count = 0};
    rill_histogram_add(&h, 0);
    rill_histogram_add(&h, UINT64_MAX / 2);
    assert_int_equal(rill_histogram_below(&h, FIRST), 1);
    assert_int_equal(rill_histogram_below(&h, LAST), 1);
    assert_int_equal(h.count, 2);
    assert_int_equal(h.sum_ns, UINT64_MAX / 2);
}

static void test_quantiles(void **state)
{
    rill_histogram h = {.count = 0};
    (void)state;
    assert_int_equal(rill_histogram_quantile(&h, 500), 0);
    for (uint64_t ms = 1; ms <= 1000; ms++)
        rill_histogram_add(&h, ms * 1000000);
    for (unsigned part = 100; part <= 1000; part += 100) {
        uint64_t exact = part * UINT64_C(1000000);
        assert_in_range(rill_histogram_quantile(&h, part), exact, exact + exact / 4);
    }
    rill_histogram one = {.count = 0};
    rill_histogram_add(&one, 1);
    assert_int_equal(rill_histogram_quantile(&one, 1), UINT64_C(1) << FIRST);
    assert_int_equal(rill_histogram_quantile(&one, 1000), UINT64_C(1) << FIRST);
    rill_histogram_add(&one, UINT64_C(1) << 40);
    assert_int_equal(rill_histogram_quantile(&one, 1000), UINT64_C(1) << LAST);
}

static void test_since(void **state)
{
    rill_histogram h = {.count = 0};
    rill_histogram more;
    (void)state;
    rill_histogram_add(&h, 1000000);
    const rill_histogram before = h;
    rill_histogram_add(&h, 900000000);
    rill_histogram_since(&h, &before, &more);
    assert_int_equal(more.count, 1);
    assert_int_equal(more.sum_ns, 900000000);
    assert_true(rill_histogram_quantile(&more, 1) >= 900000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_quantiles),
        cmocka_unit_test(test_since),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
