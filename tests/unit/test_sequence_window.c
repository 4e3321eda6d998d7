/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/wire/sequence_window.h"

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
    assert_null(ptr);
}

static const rill_allocator no_memory = {no_realloc, no_free, NULL};

static void test_in_order_needs_no_memory(void **state)
{
    rill_sequence_window w;

    (void)state;
    rill_sequence_window_init(&w);
    for (uint64_t s = 0; s < 10000; s++) {
        assert_false(rill_sequence_window_seen(&w, s));
        assert_int_equal(rill_sequence_window_mark(&w, &no_memory, s), RILL_OK);
        assert_true(rill_sequence_window_seen(&w, s));
        assert_int_equal(rill_sequence_window_mark(&w, &no_memory, s), RILL_ERR_EXISTS);
    }
    assert_null(w.words);
    assert_true(rill_sequence_window_seen(&w, 0));
    rill_sequence_window_clear(&w, &no_memory);
}

static void test_a_hole_stays_open(void **state)
{
    rill_sequence_window w;

    (void)state;
    rill_sequence_window_init(&w);
    for (uint64_t s = 0; s < RILL_SEQUENCE_WINDOW_MAX; s++)
        if (s != 5)
            assert_int_equal(rill_sequence_window_mark(&w, A, s), RILL_OK);
    assert_false(rill_sequence_window_seen(&w, 5));
    assert_int_equal(rill_sequence_window_mark(&w, A, 5), RILL_OK);
    for (uint64_t s = 0; s < RILL_SEQUENCE_WINDOW_MAX; s++)
        assert_int_equal(rill_sequence_window_mark(&w, A, s), RILL_ERR_EXISTS);
    rill_sequence_window_clear(&w, A);
}

static void test_what_falls_out_counts_as_seen(void **state)
{
    rill_sequence_window w;

    (void)state;
    rill_sequence_window_init(&w);
    for (uint64_t s = 1; s <= RILL_SEQUENCE_WINDOW_MAX; s++)
        assert_int_equal(rill_sequence_window_mark(&w, A, s), RILL_OK);
    assert_true(rill_sequence_window_seen(&w, 0));
    assert_int_equal(rill_sequence_window_mark(&w, A, 0), RILL_ERR_EXISTS);
    assert_int_equal(w.bits, 64);
    rill_sequence_window_clear(&w, A);
}

static void test_the_first_may_come_late(void **state)
{
    rill_sequence_window w;

    (void)state;
    rill_sequence_window_init(&w);
    assert_int_equal(rill_sequence_window_mark(&w, A, 1000), RILL_OK);
    for (uint64_t s = 0; s < 1000; s++) {
        assert_false(rill_sequence_window_seen(&w, s));
        assert_int_equal(rill_sequence_window_mark(&w, A, s), RILL_OK);
    }
    assert_int_equal(rill_sequence_window_mark(&w, A, 1000), RILL_ERR_EXISTS);
    rill_sequence_window_clear(&w, A);
}

/* Where sequences start from a clock: nothing is kept for all those that nobody ever sends. */
static void test_a_high_start_needs_no_memory(void **state)
{
    rill_sequence_window w;
    const uint64_t start = UINT64_C(1) << 60;

    (void)state;
    rill_sequence_window_init(&w);
    for (uint64_t s = 0; s < 1000; s++)
        assert_int_equal(rill_sequence_window_mark(&w, &no_memory, start + s), RILL_OK);
    assert_null(w.words);
    /* An earlier one may still come, once, and what was seen stays seen. */
    assert_false(rill_sequence_window_seen(&w, start - 1));
    assert_int_equal(rill_sequence_window_mark(&w, A, start - 1), RILL_OK);
    for (uint64_t s = 0; s <= 1000; s++)
        assert_int_equal(rill_sequence_window_mark(&w, A, start - 1 + s), RILL_ERR_EXISTS);
    assert_false(rill_sequence_window_seen(&w, start - 2));
    assert_int_equal(rill_sequence_window_mark(&w, A, start - 3), RILL_OK);
    assert_int_equal(rill_sequence_window_mark(&w, A, start - 2), RILL_OK);
    assert_int_equal(rill_sequence_window_mark(&w, A, start - 3), RILL_ERR_EXISTS);
    assert_true(rill_sequence_window_seen(&w, start + 999 - RILL_SEQUENCE_WINDOW_MAX));
    rill_sequence_window_clear(&w, A);
}

static void test_jumps_as_far_as_numbers_go(void **state)
{
    rill_sequence_window w;

    (void)state;
    rill_sequence_window_init(&w);
    assert_int_equal(rill_sequence_window_mark(&w, A, 3), RILL_OK);
    assert_int_equal(rill_sequence_window_mark(&w, A, UINT64_MAX), RILL_OK);
    assert_int_equal(rill_sequence_window_mark(&w, A, UINT64_MAX), RILL_ERR_EXISTS);
    assert_true(rill_sequence_window_seen(&w, 3));
    assert_true(rill_sequence_window_seen(&w, 4)); /* too far behind */
    uint64_t low = UINT64_MAX - RILL_SEQUENCE_WINDOW_MAX + 1;
    assert_true(rill_sequence_window_seen(&w, low - 1));
    assert_int_equal(rill_sequence_window_mark(&w, A, low), RILL_OK);
    assert_int_equal(rill_sequence_window_mark(&w, A, low), RILL_ERR_EXISTS);
    rill_sequence_window_clear(&w, A);
}

static void test_without_memory_nothing_is_marked(void **state)
{
    rill_sequence_window w;

    (void)state;
    rill_sequence_window_init(&w);
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1064), RILL_OK);
    /* Below all that came so far, past the word that there is. */
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1000), RILL_ERR_NOMEM);
    assert_false(rill_sequence_window_seen(&w, 1000));
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1001), RILL_OK);
    /* 1002 is missing now, and must still be known as missing. */
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1066), RILL_ERR_NOMEM);
    assert_false(rill_sequence_window_seen(&w, 1066));
    assert_false(rill_sequence_window_seen(&w, 1002));
    /* Once it has come, the window may move on by one. */
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1002), RILL_OK);
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1066), RILL_OK);
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1001), RILL_ERR_EXISTS);
    assert_int_equal(rill_sequence_window_mark(&w, &no_memory, 1000), RILL_ERR_NOMEM);
    rill_sequence_window_clear(&w, &no_memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_needs_no_memory),
        cmocka_unit_test(test_a_hole_stays_open),
        cmocka_unit_test(test_what_falls_out_counts_as_seen),
        cmocka_unit_test(test_the_first_may_come_late),
        cmocka_unit_test(test_a_high_start_needs_no_memory),
        cmocka_unit_test(test_jumps_as_far_as_numbers_go),
        cmocka_unit_test(test_without_memory_nothing_is_marked),
    };
    return cmocka_run_group_tests_name("sequence_window", tests, NULL, NULL);
}
