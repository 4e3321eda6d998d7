/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/map.h"
#include <cmocka.h>

#include <rill/error.h>
#include <stdlib.h>

/* An allocator that fails once its budget is used up, and counts what is out. */
struct budget {
    size_t left;
    size_t out;
};

static void *budget_realloc(void *user, void *ptr, size_t size)
{
    struct budget *b = user;
    if (b->left == 0)
        return NULL;
    b->left--;
    if (ptr == NULL)
        b->out++;
    return realloc(ptr, size);
}

static void budget_free(void *user, void *ptr)
{
    struct budget *b = user;
    b->out--;
    free(ptr);
}

static char values[1 << 16];

static void test_empty(void **state)
{
    (void)state;
    rill_map m;
    rill_map_init(&m, rill_allocator_default(), 1);
    size_t cursor = 0;
    uint64_t key;
    void *value;
    assert_null(rill_map_get(&m, 0));
    assert_null(rill_map_remove(&m, 0));
    assert_false(rill_map_next(&m, &cursor, &key, &value));
    assert_int_equal(rill_map_count(&m), 0);
    rill_map_clear(&m);
}

static void test_put_get_remove(void **state)
{
    (void)state;
    rill_map m;
    rill_map_init(&m, rill_allocator_default(), 42);
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(rill_map_put(&m, i * 8, &values[i]), RILL_OK);
        assert_int_equal(rill_map_put(&m, i * 8, &values[0]), RILL_ERR_EXISTS);
        /* Everything is found, even if it is half moved at this moment. */
        assert_ptr_equal(rill_map_get(&m, i / 2 * 8), &values[i / 2]);
        assert_null(rill_map_get(&m, i * 8 + 1));
    }
    assert_int_equal(rill_map_count(&m), 5000);
    for (size_t i = 0; i < 5000; i += 2)
        assert_ptr_equal(rill_map_remove(&m, i * 8), &values[i]);
    assert_int_equal(rill_map_count(&m), 2500);
    for (size_t i = 0; i < 5000; i++)
        assert_ptr_equal(rill_map_get(&m, i * 8), i % 2 == 0 ? NULL : &values[i]);
    rill_map_clear(&m);
}

/* A few entries that come and go for ever do not make the table grow. */
static void test_marks_do_not_accumulate(void **state)
{
    (void)state;
    rill_map m;
    rill_map_init(&m, rill_allocator_default(), 7);
    for (size_t i = 0; i < 200000; i++) {
        assert_int_equal(rill_map_put(&m, i, &values[i % 100]), RILL_OK);
        if (i >= 100)
            assert_ptr_equal(rill_map_remove(&m, i - 100), &values[i % 100]);
    }
    assert_int_equal(rill_map_count(&m), 100);
    assert_true(m.capacity <= 1024);
    rill_map_clear(&m);
}

static void test_iterates_every_entry_once_while_growing(void **state)
{
    (void)state;
    rill_map m;
    rill_map_init(&m, rill_allocator_default(), 3);
    for (size_t n = 1; n <= 600; n++) {
        assert_int_equal(rill_map_put(&m, n, &values[n]), RILL_OK);
        uint8_t seen[601] = {0};
        size_t cursor = 0, count = 0;
        uint64_t key;
        void *value;
        while (rill_map_next(&m, &cursor, &key, &value)) {
            assert_ptr_equal(value, &values[key]);
            assert_int_equal(seen[key]++, 0);
            count++;
        }
        assert_int_equal(count, n);
    }
    rill_map_clear(&m);
}

static void test_removes_while_iterating(void **state)
{
    (void)state;
    for (size_t n = 1; n <= 600; n += 7) {
        rill_map m;
        rill_map_init(&m, rill_allocator_default(), n);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(rill_map_put(&m, i, &values[i]), RILL_OK);
        size_t cursor = 0, count = 0;
        uint64_t key;
        void *value;
        while (rill_map_next(&m, &cursor, &key, &value)) {
            assert_ptr_equal(rill_map_remove(&m, key), value);
            count++;
        }
        assert_int_equal(count, n);
        assert_int_equal(rill_map_count(&m), 0);
        rill_map_clear(&m);
    }
}

/* Against an array, through every state of growing and clearing. */
static void test_random_operations(void **state)
{
    (void)state;
    enum { KEYS = 2000 };
    static bool present[KEYS];
    rill_map m;
    rill_map_init(&m, rill_allocator_default(), UINT64_C(0x0123456789abcdef));
    uint64_t x = 88172645463325252u;
    size_t count = 0;
    for (size_t i = 0; i < 400000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        size_t key = (size_t)(x >> 20) % KEYS;
        /* Phases of filling and of emptying. */
        bool put = (x & 7) < (i / 20000 % 2 == 0 ? 6U : 2U);
        if (put) {
            assert_int_equal(rill_map_put(&m, key, &values[key]),
                             present[key] ? RILL_ERR_EXISTS : RILL_OK);
            count += present[key] ? 0 : 1;
            present[key] = true;
        } else {
            assert_ptr_equal(rill_map_remove(&m, key), present[key] ? &values[key] : NULL);
            count -= present[key] ? 1 : 0;
            present[key] = false;
        }
        key = (size_t)(x >> 40) % KEYS;
        assert_ptr_equal(rill_map_get(&m, key), present[key] ? &values[key] : NULL);
        assert_int_equal(rill_map_count(&m), count);
    }
    rill_map_clear(&m);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    struct budget b = {0, 0};
    const rill_allocator a = {budget_realloc, budget_free, &b};
    rill_map m;
    rill_map_init(&m, &a, 5);
    assert_int_equal(rill_map_put(&m, 1, &values[1]), RILL_ERR_NOMEM);
    b.left = 2;
    size_t n = 0;
    while (rill_map_put(&m, n, &values[n]) == RILL_OK)
        n++;
    assert_true(n >= 6 && n < 8);
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(rill_map_get(&m, i), &values[i]);
    assert_null(rill_map_get(&m, n));
    /* With memory again it continues where it was. */
    b.left = SIZE_MAX;
    for (; n < 3000; n++)
        assert_int_equal(rill_map_put(&m, n, &values[n]), RILL_OK);
    for (size_t i = 0; i < n; i++)
        assert_ptr_equal(rill_map_get(&m, i), &values[i]);
    rill_map_clear(&m);
    assert_int_equal(b.out, 0);
}

/* It takes half of the memory, and finds the same, whatever its state is. */
static void test_dense(void **state)
{
    (void)state;
    enum { COUNT = 60000 };
    rill_map m, usual;
    rill_map_init(&m, rill_allocator_default(), 42);
    rill_map_init(&usual, rill_allocator_default(), 42);
    rill_map_make_dense(&m);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(rill_map_put(&m, i, &values[i]), RILL_OK);
        assert_int_equal(rill_map_put(&usual, i, &values[i]), RILL_OK);
        assert_ptr_equal(rill_map_get(&m, i), &values[i]);
        assert_ptr_equal(rill_map_get(&m, i / 3), &values[i / 3]);
        assert_null(rill_map_get(&m, COUNT + i));
        /* A search ends at a slot that is free. */
        assert_true(m.used < m.capacity - m.capacity / 8);
        if (i == 12500 - 1) {
            assert_int_equal(m.capacity, 16384);
            assert_int_equal(usual.capacity, 32768);
            assert_null(m.old);
            assert_null(m.next);
        }
    }
    assert_int_equal(rill_map_count(&m), COUNT);
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(rill_map_get(&m, i), &values[i]);
    for (size_t i = 0; i < COUNT; i += 2)
        assert_ptr_equal(rill_map_remove(&m, i), &values[i]);
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(rill_map_get(&m, i), i % 2 == 0 ? NULL : &values[i]);
    /* It stays dense when it is empty again. */
    rill_map_clear(&m);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(rill_map_put(&m, i, &values[i]), RILL_OK);
    assert_int_equal(m.capacity, 128);
    rill_map_clear(&m);
    rill_map_clear(&usual);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_put_get_remove),
        cmocka_unit_test(test_marks_do_not_accumulate),
        cmocka_unit_test(test_iterates_every_entry_once_while_growing),
        cmocka_unit_test(test_removes_while_iterating),
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_dense),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
