/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/heap.h"
#include <cmocka.h>

#include <rill/error.h>

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

static void test_order(void **state)
{
    (void)state;
    rill_heap h;
    rill_heap_init(&h, rill_allocator_default());
    assert_true(rill_heap_deadline(&h) == RILL_NEVER);
    assert_null(rill_heap_pop(&h, RILL_NEVER));
    rill_timer timers[5] = {{0}};
    const uint64_t deadlines[5] = {30, 10, 50, 20, 40};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(rill_heap_add(&h, &timers[i], deadlines[i]), RILL_OK);
    assert_true(rill_heap_deadline(&h) == 10);
    assert_null(rill_heap_pop(&h, 9));
    assert_ptr_equal(rill_heap_pop(&h, 10), &timers[1]);
    assert_int_equal(timers[1].index, 0);
    assert_ptr_equal(rill_heap_pop(&h, 100), &timers[3]);
    assert_ptr_equal(rill_heap_pop(&h, 100), &timers[0]);
    assert_ptr_equal(rill_heap_pop(&h, 100), &timers[4]);
    assert_ptr_equal(rill_heap_pop(&h, 100), &timers[2]);
    assert_null(rill_heap_pop(&h, 100));
    rill_heap_clear(&h);
}

static void test_moves_and_removes(void **state)
{
    (void)state;
    rill_heap h;
    rill_heap_init(&h, rill_allocator_default());
    rill_timer a = {0}, b = {0};
    assert_int_equal(rill_heap_add(&h, &a, 10), RILL_OK);
    assert_int_equal(rill_heap_add(&h, &b, 20), RILL_OK);
    rill_heap_move(&h, &a, 30);
    assert_true(rill_heap_deadline(&h) == 20);
    rill_heap_move(&h, &b, RILL_NEVER);
    assert_true(b.deadline == RILL_NEVER);
    assert_true(rill_heap_deadline(&h) == 30);
    rill_heap_remove(&h, &b);
    rill_heap_remove(&h, &a);
    rill_heap_remove(&h, &a);
    assert_true(rill_heap_deadline(&h) == RILL_NEVER);
    rill_heap_clear(&h);
}

static void test_what_is_due_keeps_its_place(void **state)
{
    (void)state;
    rill_heap h;
    rill_heap_init(&h, rill_allocator_default());
    rill_timer a = {0}, b = {0};
    uint64_t was = 0;
    assert_null(rill_heap_due(&h, 100, &was));
    assert_int_equal(rill_heap_add(&h, &a, 10), RILL_OK);
    assert_int_equal(rill_heap_add(&h, &b, 20), RILL_OK);
    assert_null(rill_heap_due(&h, 9, &was));
    assert_ptr_equal(rill_heap_due(&h, 25, &was), &a);
    assert_int_equal(was, 10);
    assert_int_not_equal(a.index, 0);
    assert_ptr_equal(rill_heap_due(&h, 25, &was), &b);
    assert_null(rill_heap_due(&h, 25, &was));
    assert_true(rill_heap_deadline(&h) == RILL_NEVER);
    rill_heap_move(&h, &a, 30);
    assert_true(rill_heap_deadline(&h) == 30);
    rill_heap_clear(&h);
}

static void check(const rill_heap *h)
{
    for (size_t i = 0; i < h->count; i++) {
        assert_int_equal(h->items[i]->index, i + 1);
        if (i > 0)
            assert_true(h->items[(i - 1) / 2]->deadline <= h->items[i]->deadline);
    }
}

static void test_random_operations(void **state)
{
    (void)state;
    enum { TIMERS = 300 };
    static rill_timer timers[TIMERS];
    rill_heap h;
    rill_heap_init(&h, rill_allocator_default());
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < 20000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        rill_timer *t = &timers[(x >> 8) % TIMERS];
        if ((x & 3) == 0)
            rill_heap_remove(&h, t);
        else if (t->index != 0)
            rill_heap_move(&h, t, x >> 40);
        else
            assert_int_equal(rill_heap_add(&h, t, x >> 40), RILL_OK);
        check(&h);
    }
    uint64_t last = 0;
    size_t count = h.count;
    for (; count > 0; count--) {
        rill_timer *t = rill_heap_pop(&h, RILL_NEVER - 1);
        assert_non_null(t);
        assert_true(t->deadline >= last);
        last = t->deadline;
    }
    assert_int_equal(h.count, 0);
    rill_heap_clear(&h);
}

static void test_out_of_memory(void **state)
{
    (void)state;
    const rill_allocator a = {no_realloc, no_free, NULL};
    rill_heap h;
    rill_heap_init(&h, &a);
    rill_timer t = {0};
    assert_int_equal(rill_heap_add(&h, &t, 1), RILL_ERR_NOMEM);
    assert_int_equal(t.index, 0);
    rill_heap_clear(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_moves_and_removes),
        cmocka_unit_test(test_what_is_due_keeps_its_place),
        cmocka_unit_test(test_random_operations),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
