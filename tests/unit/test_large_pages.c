/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "io/large_pages.h"
#include <cmocka.h>

/* The system may grant the request or not. The memory is good either way. */
static void test_sizes(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, RILL_LARGE_PAGE - 1, RILL_LARGE_PAGE, RILL_LARGE_PAGE + 1};
    const rill_allocator *a = rill_allocator_large_pages();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *p = a->realloc(a->user, NULL, sizes[i]);
        assert_non_null(p);
        if (sizes[i] >= RILL_LARGE_PAGE)
            assert_int_equal((uintptr_t)p % RILL_LARGE_PAGE, 0);
        memset(p, 7, sizes[i]);
        uint8_t *longer = a->realloc(a->user, p, 2 * sizes[i]);
        assert_non_null(longer);
        assert_int_equal(longer[0], 7);
        assert_int_equal(longer[sizes[i] - 1], 7);
        memset(longer, 8, 2 * sizes[i]);
        a->free(a->user, longer);
    }
}

static void test_too_much(void **state)
{
    (void)state;
    const rill_allocator *a = rill_allocator_large_pages();
    for (size_t less = 0; less < 2; less++)
        assert_null(a->realloc(a->user, NULL, SIZE_MAX - less * RILL_LARGE_PAGE / 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
