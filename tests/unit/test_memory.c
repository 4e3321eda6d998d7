/* SPDX-License-Identifier: Apache-2.0 */
/* base/alloc.h, and what base does if there is no memory for a long time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <rill/error.h>

#include "base/alloc.h"
#include "base/map.h"

static bool refuses;
static size_t last_size;

static void *on_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    last_size = size;
    return refuses ? NULL : realloc(ptr, size);
}

static void on_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static const rill_allocator allocator = {on_realloc, on_free, NULL};

static void test_sizes_do_not_overflow(void **state)
{
    (void)state;
    refuses = false;
    last_size = 1234;
    assert_null(rill_calloc(&allocator, SIZE_MAX / 2, 3));
    assert_null(rill_realloc_array(&allocator, NULL, SIZE_MAX / 8 + 1, 8));
    /* Nobody was asked for what remains of such a product. */
    assert_int_equal(last_size, 1234);
}

static void test_an_allocator_is_never_asked_for_nothing(void **state)
{
    (void)state;
    refuses = false;
    void *p = rill_alloc(&allocator, 0);
    assert_non_null(p);
    assert_int_equal(last_size, 1);
    rill_free(&allocator, p);
    p = rill_calloc(&allocator, 0, 8);
    assert_non_null(p);
    assert_int_equal(last_size, 1);
    rill_free(&allocator, p);
    rill_free(&allocator, NULL);
}

#define KEYS 64

static uint64_t values[KEYS];

static void check_values(const rill_map *m, unsigned count)
{
    assert_int_equal(rill_map_count(m), count);
    for (unsigned i = 0; i < KEYS; i++)
        assert_ptr_equal(rill_map_get(m, i), i < count ? &values[i] : NULL);
}

/* A table goes on while it cannot grow, refuses when it is full, and grows later at once. */
static void test_a_table_without_memory(void **state)
{
    rill_map m;
    unsigned count = 0;
    (void)state;
    refuses = false;
    rill_map_init(&m, &allocator, 5);
    for (; count < 8; count++)
        assert_int_equal(rill_map_put(&m, count, &values[count]), RILL_OK);
    refuses = true;
    while (count < KEYS && rill_map_put(&m, count, &values[count]) == RILL_OK)
        count++;
    assert_in_range(count, 8, KEYS - 1);
    assert_int_equal(rill_map_put(&m, count, &values[count]), RILL_ERR_NOMEM);
    check_values(&m, count);
    refuses = false;
    for (; count < KEYS; count++)
        assert_int_equal(rill_map_put(&m, count, &values[count]), RILL_OK);
    check_values(&m, count);
    rill_map_clear(&m);
}

/* With the entry in any of a growing table's parts, and without memory. */
static void test_a_value_is_replaced(void **state)
{
    rill_map m;
    uint64_t other;
    (void)state;
    refuses = false;
    rill_map_init(&m, &allocator, 9);
    assert_false(rill_map_replace(&m, 1, &other));
    for (unsigned count = 0; count < KEYS; count++) {
        assert_int_equal(rill_map_put(&m, count, &values[count]), RILL_OK);
        refuses = true;
        for (unsigned i = 0; i <= count; i++) {
            assert_true(rill_map_replace(&m, i, &other));
            assert_ptr_equal(rill_map_get(&m, i), &other);
            assert_true(rill_map_replace(&m, i, &values[i]));
        }
        assert_false(rill_map_replace(&m, count + 1, &other));
        check_values(&m, count + 1);
        refuses = false;
    }
    assert_ptr_equal(rill_map_remove(&m, 3), &values[3]);
    assert_false(rill_map_replace(&m, 3, &other));
    rill_map_clear(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_do_not_overflow),
        cmocka_unit_test(test_an_allocator_is_never_asked_for_nothing),
        cmocka_unit_test(test_a_table_without_memory),
        cmocka_unit_test(test_a_value_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
