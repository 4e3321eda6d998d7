/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/bytes/reassembly.h"

/* Counts; refuses after `allowed` more allocations. */
typedef struct counting {
    unsigned allowed;
    unsigned calls;
    unsigned live;
} counting;

static void *count_realloc(void *user, void *ptr, size_t size)
{
    counting *c = user;

    if (c->allowed == 0)
        return NULL;
    c->allowed -= 1;
    c->calls += 1;
    if (ptr == NULL)
        c->live += 1;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr)
{
    counting *c = user;

    if (ptr != NULL)
        c->live -= 1;
    free(ptr);
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){.data = (const uint8_t *)s, .len = strlen(s)};
}

static uint64_t insert(rill_reassembly *r, uint64_t offset, const char *s)
{
    uint64_t fresh;

    assert_int_equal(rill_reassembly_insert(r, offset, text(s), &fresh), RILL_OK);
    return fresh;
}

/* Takes all that is ready and compares. */
static void take(rill_reassembly *r, const char *expected)
{
    size_t len = strlen(expected);

    assert_true(rill_reassembly_contiguous(r) - rill_reassembly_consumed(r) == len);
    while (len > 0) {
        rill_bytes piece = rill_reassembly_peek(r);
        assert_in_range(piece.len, 1, len);
        assert_memory_equal(piece.data, expected, piece.len);
        rill_reassembly_consume(r, piece.len);
        expected += piece.len;
        len -= piece.len;
    }
    assert_int_equal(rill_reassembly_peek(r).len, 0);
}

static rill_reassembly *new_reassembly(void)
{
    rill_reassembly *r;

    assert_int_equal(rill_reassembly_new(&r, rill_allocator_default()), RILL_OK);
    return r;
}

static void test_in_order(void **state)
{
    rill_reassembly *r = new_reassembly();

    (void)state;
    assert_int_equal(rill_reassembly_peek(r).len, 0);
    assert_true(insert(r, 0, "hello ") == 6);
    assert_true(insert(r, 6, "world") == 5);
    take(r, "hello world");
    assert_true(insert(r, 11, "!") == 1);
    take(r, "!");
    assert_true(rill_reassembly_highest(r) == 12 && rill_reassembly_consumed(r) == 12);
    rill_reassembly_free(r);
}

static void test_out_of_order(void **state)
{
    rill_reassembly *r = new_reassembly();

    (void)state;
    assert_true(insert(r, 8, "ij") == 2);
    assert_true(insert(r, 4, "ef") == 2);
    assert_true(insert(r, 2, "cd") == 2);
    assert_true(rill_reassembly_contiguous(r) == 0);
    assert_true(rill_reassembly_highest(r) == 10);
    assert_true(insert(r, 0, "ab") == 2);
    take(r, "abcdef");
    assert_true(insert(r, 6, "gh") == 2);
    take(r, "ghij");
    rill_reassembly_free(r);
}

static void test_duplicates_and_overlaps_change_nothing(void **state)
{
    rill_reassembly *r = new_reassembly();

    (void)state;
    assert_true(insert(r, 0, "abcd") == 4);
    assert_true(insert(r, 0, "XXXX") == 0);
    assert_true(insert(r, 2, "XXef") == 2);
    assert_true(insert(r, 10, "kl") == 2);
    assert_true(insert(r, 14, "op") == 2);
    assert_true(insert(r, 9, "jXXmnXXqr") == 5);
    assert_true(insert(r, 9, "XXXXXXXXX") == 0);
    assert_true(insert(r, 4, "XXghiX") == 3);
    assert_true(insert(r, 17, "Xstu") == 3);
    take(r, "abcdefghijklmnopqrstu");
    assert_true(insert(r, 0, "Xabcdefghijklmnopqrst") == 0);
    assert_true(insert(r, 3, "") == 0);
    assert_true(insert(r, 20, "Xv") == 1);
    take(r, "v");
    rill_reassembly_free(r);
}

static void test_past_the_last_offset(void **state)
{
    rill_reassembly *r = new_reassembly();
    uint64_t fresh;

    (void)state;
    assert_int_equal(rill_reassembly_insert(r, UINT64_MAX, text("a"), &fresh), RILL_ERR_RANGE);
    assert_int_equal(rill_reassembly_insert(r, UINT64_MAX - 1, text("a"), &fresh), RILL_ERR_NOMEM);
    assert_true(fresh == 0 && rill_reassembly_highest(r) == 0);
    assert_true(insert(r, 0, "ok") == 2);
    take(r, "ok");
    rill_reassembly_free(r);
}

static void test_holes_are_limited(void **state)
{
    rill_reassembly *r = new_reassembly();
    uint64_t fresh;
    uint64_t last = 2 * RILL_REASSEMBLY_MAX_GAPS;

    (void)state;
    for (uint64_t i = 1; i <= RILL_REASSEMBLY_MAX_GAPS; i++)
        assert_true(insert(r, 2 * i, "x") == 1);
    assert_int_equal(rill_reassembly_insert(r, last + 2, text("x"), &fresh), RILL_ERR_LIMIT);
    assert_true(fresh == 0 && rill_reassembly_highest(r) == last + 1);
    /* Bytes that make no further gap are still accepted. */
    assert_true(insert(r, last + 1, "y") == 1);
    assert_true(insert(r, 3, "y") == 1);
    assert_true(insert(r, last + 3, "x") == 1);
    for (uint64_t i = 0; i < last + 4; i++)
        (void)insert(r, i, "z");
    assert_true(rill_reassembly_contiguous(r) == last + 4);
    rill_bytes ready = rill_reassembly_peek(r);
    assert_memory_equal(ready.data, "zzxyxz", 6);
    rill_reassembly_free(r);
}

static void test_no_allocation_when_taken_at_once(void **state)
{
    counting c = {.allowed = UINT32_MAX};
    const rill_allocator a = {count_realloc, count_free, &c};
    static uint8_t data[32000];
    rill_reassembly *r;
    uint64_t fresh;
    unsigned before = 0;

    (void)state;
    assert_int_equal(rill_reassembly_new(&r, &a), RILL_OK);
    for (uint64_t i = 0; i < 100; i++) {
        const rill_bytes bytes = {data, sizeof data};
        assert_int_equal(rill_reassembly_insert(r, i * sizeof data, bytes, &fresh), RILL_OK);
        rill_reassembly_consume(r, sizeof data);
        if (i == 0)
            before = c.calls;
    }
    assert_int_equal(c.calls, before);
    rill_reassembly_free(r);
    assert_int_equal(c.live, 0);
}

static void test_gives_memory_back(void **state)
{
    counting c = {.allowed = UINT32_MAX};
    const rill_allocator a = {count_realloc, count_free, &c};
    static uint8_t data[300000];
    rill_reassembly *r;
    uint64_t fresh;

    (void)state;
    assert_int_equal(rill_reassembly_new(&r, &a), RILL_OK);
    assert_int_equal(rill_reassembly_insert(r, 1, (rill_bytes){data, sizeof data - 1}, &fresh),
                     RILL_OK);
    assert_int_equal(rill_reassembly_insert(r, 0, (rill_bytes){data, sizeof data}, &fresh),
                     RILL_OK);
    assert_true(fresh == 1);
    assert_int_equal(c.live, 3);
    while (rill_reassembly_peek(r).len > 1000)
        rill_reassembly_consume(r, 1000);
    rill_reassembly_consume(r, rill_reassembly_peek(r).len);
    while (rill_reassembly_peek(r).len > 0)
        rill_reassembly_consume(r, 1);
    assert_true(rill_reassembly_consumed(r) == sizeof data);
    assert_in_range(c.live, 1, 2);
    rill_reassembly_free(r);
    assert_int_equal(c.live, 0);
}

static void test_without_memory_nothing_changes(void **state)
{
    (void)state;
    for (unsigned allowed = 0;; allowed++) {
        counting c = {.allowed = allowed};
        const rill_allocator a = {count_realloc, count_free, &c};
        rill_reassembly *r;
        uint64_t fresh;
        int rc = rill_reassembly_new(&r, &a);

        for (uint64_t i = 5; rc == RILL_OK && i > 0; i--) {
            uint64_t highest = rill_reassembly_highest(r);
            rc = rill_reassembly_insert(r, i * 300, text("abc"), &fresh);
            if (rc != RILL_OK) {
                assert_int_equal(rc, RILL_ERR_NOMEM);
                assert_true(fresh == 0 && rill_reassembly_highest(r) == highest);
                c.allowed = UINT32_MAX;
                assert_true(insert(r, i * 300, "abc") == 3);
            }
        }
        rill_reassembly_free(r);
        assert_int_equal(c.live, 0);
        if (rc == RILL_OK)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order),
        cmocka_unit_test(test_out_of_order),
        cmocka_unit_test(test_duplicates_and_overlaps_change_nothing),
        cmocka_unit_test(test_past_the_last_offset),
        cmocka_unit_test(test_holes_are_limited),
        cmocka_unit_test(test_no_allocation_when_taken_at_once),
        cmocka_unit_test(test_gives_memory_back),
        cmocka_unit_test(test_without_memory_nothing_changes),
    };
    return cmocka_run_group_tests_name("reassembly", tests, NULL, NULL);
}
