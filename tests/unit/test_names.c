/* SPDX-License-Identifier: Apache-2.0 */
/* Things by name: the published hash, and a set that strangers' names cannot slow down. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/names.h"
#include <rill/error.h>
#include <rill/types.h>

static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static rill_bytes bytes(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* The vectors of the paper (SipHash-2-4, key 00 01 .. 0f, data 00 01 ..), on every byte order. */
static void test_published_vectors(void **state)
{
    (void)state;
    uint8_t data[16];
    for (uint8_t i = 0; i < sizeof data; i++)
        data[i] = i;
    assert_true(rill_siphash(key, NULL, 0) == UINT64_C(0x726fdb47dd0e0e31));
    assert_true(rill_siphash(key, data, 1) == UINT64_C(0x74f839c593dc67fd));
    assert_true(rill_siphash(key, data, 7) == UINT64_C(0xab0200f58b01d137));
    assert_true(rill_siphash(key, data, 8) == UINT64_C(0x93f5f5799a932462));
    assert_true(rill_siphash(key, data, 15) == UINT64_C(0xa129ca6149be45e5));
}

static void test_found_by_all_bytes(void **state)
{
    (void)state;
    rill_names n;
    rill_name one, two, empty;
    rill_names_init(&n, rill_allocator_default(), key);
    assert_null(rill_names_find(&n, bytes("one")));
    assert_int_equal(rill_names_put(&n, &one, bytes("one")), RILL_OK);
    assert_int_equal(rill_names_put(&n, &two, (rill_bytes){(const uint8_t *)"one\0", 4}), RILL_OK);
    assert_int_equal(rill_names_put(&n, &empty, (rill_bytes){0}), RILL_OK);
    assert_ptr_equal(rill_names_find(&n, bytes("one")), &one);
    assert_ptr_equal(rill_names_find(&n, (rill_bytes){(const uint8_t *)"one\0", 4}), &two);
    assert_ptr_equal(rill_names_find(&n, bytes("")), &empty);
    assert_null(rill_names_find(&n, bytes("on")));
    /* In steps. */
    uint64_t begun = rill_names_begin(&n, bytes("one"));
    assert_ptr_equal(rill_names_candidate(&n, begun), &one);
    assert_true(rill_name_is(&one, bytes("one")));
    assert_false(rill_name_is(&one, bytes("onf")));
    rill_names_clear(&n);
}

static void test_a_name_is_there_once(void **state)
{
    (void)state;
    rill_names n;
    rill_name one, again = {.bytes = {NULL, 7}};
    char text[] = "one";
    rill_names_init(&n, rill_allocator_default(), key);
    assert_int_equal(rill_names_put(&n, &one, bytes("one")), RILL_OK);
    assert_int_equal(rill_names_put(&n, &again, bytes(text)), RILL_ERR_EXISTS);
    assert_int_equal(again.bytes.len, 7); /* as it was */
    assert_ptr_equal(rill_names_find(&n, bytes(text)), &one);
    assert_int_equal(rill_names_count(&n), 1);
    rill_names_remove(&n, &one);
    assert_int_equal(rill_names_count(&n), 0);
    assert_null(rill_names_find(&n, bytes("one")));
    assert_int_equal(rill_names_put(&n, &again, bytes(text)), RILL_OK);
    rill_names_clear(&n);
}

/* Another name of the same hash: it is refused, and finds nothing. */
static void test_one_hash_one_name(void **state)
{
    (void)state;
    rill_names n;
    rill_name one, other;
    rill_names_init(&n, rill_allocator_default(), key);
    assert_int_equal(rill_names_put(&n, &one, bytes("one")), RILL_OK);
    one.bytes = bytes("two"); /* as if "two" had the hash of "one" */
    assert_null(rill_names_find(&n, bytes("one")));
    assert_int_equal(rill_names_put(&n, &other, bytes("one")), RILL_ERR_LIMIT);
    one.bytes = bytes("one");
    rill_names_remove(&n, &one);
    rill_names_clear(&n);
}

static void test_each_once_while_some_go(void **state)
{
    (void)state;
    enum { MANY = 100 };
    static rill_name all[MANY];
    static char text[MANY][8];
    unsigned seen[MANY] = {0};
    rill_names n;
    rill_names_init(&n, rill_allocator_default(), key);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(text[i], sizeof text[i], "%zu", i);
        assert_int_equal(rill_names_put(&n, &all[i], bytes(text[i])), RILL_OK);
    }
    size_t cursor = 0;
    for (rill_name *at; (at = rill_names_next(&n, &cursor)) != NULL;) {
        seen[at - all]++;
        rill_names_remove(&n, at);
    }
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(seen[i], 1);
    assert_int_equal(rill_names_count(&n), 0);
    rill_names_clear(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_vectors),       cmocka_unit_test(test_found_by_all_bytes),
        cmocka_unit_test(test_a_name_is_there_once),    cmocka_unit_test(test_one_hash_one_name),
        cmocka_unit_test(test_each_once_while_some_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
