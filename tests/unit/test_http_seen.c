/* SPDX-License-Identifier: Apache-2.0 */
/* Request-Ids that are remembered: until when, how many, and without memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "links/http/http_seen.h"

static http_id numbered(uint64_t n)
{
    http_id id = {{0}};
    memcpy(id.bytes, &n, sizeof n);
    return id;
}

static int add(http_seen *s, uint64_t n, uint64_t now, uint64_t until)
{
    const http_id id = numbered(n);
    return http_seen_add(s, &id, now, until);
}

static void test_once_until_its_end(void **state)
{
    http_seen s;
    (void)state;
    http_seen_init(&s, rill_allocator_default(), 1, 100);
    assert_int_equal(add(&s, 1, 1000, 2000), RILL_OK);
    assert_int_equal(add(&s, 2, 1000, 1500), RILL_OK);
    assert_int_equal(add(&s, 1, 1000, 2000), RILL_ERR_EXISTS);
    assert_int_equal(add(&s, 2, 1499, 9000), RILL_ERR_EXISTS); /* its end stays where it was */
    assert_int_equal(add(&s, 2, 1500, 1600), RILL_OK);
    assert_int_equal(add(&s, 1, 1999, 3000), RILL_ERR_EXISTS);
    assert_int_equal(add(&s, 1, 2000, 3000), RILL_OK);
    /* What came to nothing may come again. */
    const http_id one = numbered(1);
    http_seen_remove(&s, &one);
    assert_int_equal(add(&s, 1, 2000, 3000), RILL_OK);
    /* The clock was set back, and one was over at once. */
    assert_int_equal(add(&s, 1, 5, 10), RILL_ERR_EXISTS);
    assert_int_equal(add(&s, 3, 10, 10), RILL_OK);
    assert_int_equal(add(&s, 3, 10, 20), RILL_OK);
    http_seen_clear(&s);
}

static void test_so_many(void **state)
{
    http_seen s;
    (void)state;
    http_seen_init(&s, rill_allocator_default(), 1, 1000);
    for (uint64_t n = 0; n < 1000; n++)
        assert_int_equal(add(&s, n, 0, 100 + n % 7), RILL_OK);
    assert_int_equal(add(&s, 1000, 99, 200), RILL_ERR_LIMIT);
    assert_int_equal(add(&s, 5, 99, 200), RILL_ERR_EXISTS);
    assert_int_equal(add(&s, 1000, 100, 200), RILL_OK);
    /* Two that one key is for cannot be told apart. */
    http_id id = {{0}};
    id.bytes[15] = 1;
    uint64_t key = http_id_key(&id);
    memset(id.bytes, 0, sizeof id.bytes);
    memcpy(id.bytes, &key, sizeof key);
    http_id other = {{0}};
    other.bytes[15] = 1;
    assert_true(http_id_key(&id) == http_id_key(&other));
    assert_int_equal(http_seen_add(&s, &id, 150, 200), RILL_OK);
    assert_int_equal(http_seen_add(&s, &other, 150, 200), RILL_ERR_LIMIT);
    assert_int_equal(http_seen_add(&s, &id, 150, 200), RILL_ERR_EXISTS);
    http_seen_clear(&s);
}

static unsigned asked, fail_at;

static void *fail_realloc(void *user, void *ptr, size_t size)
{
    const rill_allocator *a = user;
    return ++asked == fail_at ? NULL : a->realloc(a->user, ptr, size);
}

static void fail_free(void *user, void *ptr)
{
    const rill_allocator *a = user;
    a->free(a->user, ptr);
}

static void test_failing_allocations(void **state)
{
    const rill_allocator a = {fail_realloc, fail_free, (void *)(uintptr_t)rill_allocator_default()};
    unsigned refusals = 0;
    (void)state;
    for (fail_at = 1; fail_at < 120; fail_at++) {
        http_seen s;
        asked = 0;
        http_seen_init(&s, &a, 1, 1000);
        for (uint64_t n = 0; n < 50; n++) {
            int error = add(&s, n, 0, 100);
            if (error != RILL_OK) {
                assert_int_equal(error, RILL_ERR_NOMEM);
                refusals++;
                assert_int_equal(add(&s, n, 0, 100), RILL_OK); /* nothing of it was left */
            }
        }
        for (uint64_t n = 0; n < 50; n++)
            assert_int_equal(add(&s, n, 0, 100), RILL_ERR_EXISTS);
        http_seen_clear(&s);
    }
    assert_true(refusals > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once_until_its_end),
        cmocka_unit_test(test_so_many),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests_name("http seen", tests, NULL, NULL);
}
