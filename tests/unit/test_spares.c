/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/spares.h"

static size_t taken;
static size_t out;

static void *count_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    taken++;
    out += ptr == NULL ? 1 : 0;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr)
{
    (void)user;
    out--;
    free(ptr);
}

static const rill_allocator counting = {count_realloc, count_free, NULL};

static void test_gives_the_next_one_what_came_back(void **state)
{
    (void)state;
    rill_spares s;
    rill_spares_init(&s, &counting, 1000);
    taken = 0;
    void *a = rill_spares_take(&s, 100);
    void *b = rill_spares_take(&s, 200);
    rill_spares_give(&s, a, 100);
    rill_spares_give(&s, b, 200);
    assert_ptr_equal(rill_spares_take(&s, 200), b);
    assert_ptr_equal(rill_spares_take(&s, 100), a);
    assert_int_equal(taken, 2);
    rill_spares_give(&s, a, 100);
    rill_spares_give(&s, b, 200);
    rill_spares_give(&s, NULL, 5);
    rill_spares_clear(&s);
    assert_int_equal(out, 0);
}

static void test_keeps_a_few_of_no_great_size(void **state)
{
    (void)state;
    rill_spares s;
    rill_spares_init(&s, &counting, 1000);
    rill_spares_give(&s, rill_spares_take(&s, 1001), 1001);
    assert_int_equal(out, 0);
    void *blocks[3 * RILL_SPARES_MAX];
    for (size_t i = 0; i < 3 * RILL_SPARES_MAX; i++)
        blocks[i] = rill_spares_take(&s, 10 + i);
    for (size_t i = 0; i < 3 * RILL_SPARES_MAX; i++)
        rill_spares_give(&s, blocks[i], 10 + i);
    assert_int_equal(out, RILL_SPARES_MAX);
    /* The latest are kept. */
    taken = 0;
    void *last = rill_spares_take(&s, 10 + 3 * RILL_SPARES_MAX - 1);
    assert_int_equal(taken, 0);
    rill_spares_give(&s, last, 10 + 3 * RILL_SPARES_MAX - 1);
    rill_spares_clear(&s);
    assert_int_equal(out, 0);
}

static void *no_memory(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)ptr;
    (void)size;
    return NULL;
}

static void test_is_made_when_it_is_needed(void **state)
{
    (void)state;
    static const rill_allocator none = {no_memory, count_free, NULL};
    rill_spares *s = NULL;
    rill_spares_drop(&s);
    assert_null(rill_spares_at(&s, &none, 1000));
    assert_null(s);
    assert_non_null(rill_spares_at(&s, &counting, 1000));
    assert_ptr_equal(rill_spares_at(&s, &none, 1000), s);
    rill_spares_give(s, rill_spares_take(s, 100), 100);
    assert_int_equal(out, 2);
    rill_spares_drop(&s);
    assert_null(s);
    assert_int_equal(out, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gives_the_next_one_what_came_back),
        cmocka_unit_test(test_keeps_a_few_of_no_great_size),
        cmocka_unit_test(test_is_made_when_it_is_needed),
    };
    return cmocka_run_group_tests_name("spares", tests, NULL, NULL);
}
