/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/wire/id_set.h"

#define A rill_allocator_default()

static void *no_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)ptr;
    (void)size;
    return NULL;
}

static void no_free(void *user, void *ptr)
{
    (void)user;
    (void)ptr;
}

static void test_ids_in_order_are_one_range(void **state)
{
    rill_id_set s;

    (void)state;
    rill_id_set_init(&s);
    for (uint64_t id = 1; id < 2000; id += 2) {
        assert_false(rill_id_set_has(&s, id));
        assert_int_equal(rill_id_set_add(&s, A, id), RILL_OK);
        assert_true(rill_id_set_has(&s, id));
        assert_int_equal(s.count, 1);
    }
    assert_int_equal(rill_id_set_add(&s, A, 1001), RILL_OK);
    assert_int_equal(s.count, 1);
    assert_false(rill_id_set_has(&s, 2001));
    rill_id_set_clear(&s, A);
}

static void test_ranges_join(void **state)
{
    static const uint64_t ids[] = {20, 10, 30, 0, 12, 18, 14, 16, 28, 22, 26, 24, 8, 2, 6, 4};
    rill_id_set s;

    (void)state;
    rill_id_set_init(&s);
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        assert_int_equal(rill_id_set_add(&s, A, ids[i]), RILL_OK);
        for (uint64_t id = 0; id <= 34; id += 2) {
            bool added = false;
            for (size_t j = 0; j <= i; j++)
                added = added || ids[j] == id;
            assert_true(rill_id_set_has(&s, id) == added);
        }
    }
    assert_int_equal(s.count, 1);
    rill_id_set_clear(&s, A);
}

static void test_the_ends_of_the_numbers(void **state)
{
    rill_id_set s;

    (void)state;
    rill_id_set_init(&s);
    assert_int_equal(rill_id_set_add(&s, A, UINT64_MAX), RILL_OK);
    assert_int_equal(rill_id_set_add(&s, A, 1), RILL_OK);
    assert_int_equal(rill_id_set_add(&s, A, UINT64_MAX - 2), RILL_OK);
    assert_int_equal(s.count, 2);
    assert_true(rill_id_set_has(&s, UINT64_MAX) && rill_id_set_has(&s, 1));
    assert_false(rill_id_set_has(&s, UINT64_MAX - 4));
    rill_id_set_clear(&s, A);
}

static void test_without_memory_nothing_is_added(void **state)
{
    const rill_allocator none = {no_realloc, no_free, NULL};
    rill_id_set s;

    (void)state;
    rill_id_set_init(&s);
    assert_int_equal(rill_id_set_add(&s, &none, 4), RILL_ERR_NOMEM);
    assert_false(rill_id_set_has(&s, 4));
    rill_id_set_clear(&s, &none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids_in_order_are_one_range),
        cmocka_unit_test(test_ranges_join),
        cmocka_unit_test(test_the_ends_of_the_numbers),
        cmocka_unit_test(test_without_memory_nothing_is_added),
    };
    return cmocka_run_group_tests_name("id_set", tests, NULL, NULL);
}
