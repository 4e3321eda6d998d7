/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include "node/routes.h"
#include "node/terms.h"
#include <cmocka.h>

#include <rill/error.h>

#include "base/names.h"
#include "node/accounts.h"

static const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

/* The vectors of the paper's reference implementation, for the key 00 01 .. 0f. */
static void test_siphash(void **state)
{
    (void)state;
    uint8_t data[16];
    for (uint8_t i = 0; i < sizeof data; i++)
        data[i] = i;
    assert_true(rill_siphash(key, data, 0) == UINT64_C(0x726fdb47dd0e0e31));
    assert_true(rill_siphash(key, data, 1) == UINT64_C(0x74f839c593dc67fd));
    assert_true(rill_siphash(key, data, 8) == UINT64_C(0x93f5f5799a932462));
    assert_true(rill_siphash(key, data, 15) == UINT64_C(0xa129ca6149be45e5));
}

static void test_names(void **state)
{
    (void)state;
    enum { COUNT = 2000 };
    static rill_name nodes[COUNT];
    static char texts[COUNT][12];
    rill_names names;
    rill_names_init(&names, rill_allocator_default(), key);
    assert_null(rill_names_find(&names, text("n1")));
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(texts[i], sizeof texts[i], "n%zu", i);
        assert_int_equal(rill_names_put(&names, &nodes[i], text(texts[i])), RILL_OK);
    }
    rill_name again;
    assert_int_equal(rill_names_put(&names, &again, text("n7")), RILL_ERR_EXISTS);
    for (size_t i = 0; i < COUNT; i++)
        assert_ptr_equal(rill_names_find(&names, text(texts[i])), &nodes[i]);
    for (size_t i = 0; i < COUNT; i += 2)
        rill_names_remove(&names, &nodes[i]);
    assert_int_equal(rill_names_count(&names), COUNT / 2);
    size_t cursor = 0;
    size_t seen = 0;
    for (rill_name *n; (n = rill_names_next(&names, &cursor)) != NULL; seen++)
        rill_names_remove(&names, n);
    assert_int_equal(seen, COUNT / 2);
    rill_names_clear(&names);
}

static void add(rill_routes *r, const char *prefix, rill_account *account)
{
    rill_hop hop = {.kind = RILL_HOP_ACCOUNT, .account = account};
    assert_int_equal(rill_routes_add(r, text(prefix), hop), RILL_OK);
}

static rill_account *find(const rill_routes *r, const char *destination)
{
    rill_hop hop = rill_routes_find(r, text(destination));
    assert_true((hop.kind == RILL_HOP_NONE) == (hop.account == NULL));
    return hop.account;
}

static void test_longest_prefix_by_segment(void **state)
{
    (void)state;
    rill_account all = {0}, g = {0}, ab = {0}, abc = {0};
    rill_routes r;
    rill_routes_init(&r, rill_allocator_default(), key);
    assert_null(find(&r, "g.a"));
    add(&r, "g", &g);
    add(&r, "g.a.b", &ab);
    add(&r, "g.a.b.c", &abc);
    assert_ptr_equal(find(&r, "g.a"), &g);
    assert_ptr_equal(find(&r, "g.a.bc"), &g);
    assert_ptr_equal(find(&r, "g.a.b"), &ab);
    assert_ptr_equal(find(&r, "g.a.b.cd.e"), &ab);
    assert_ptr_equal(find(&r, "g.a.b.c"), &abc);
    assert_ptr_equal(find(&r, "g.a.b.c.d.e.f"), &abc);
    assert_null(find(&r, "test.a.b.c"));
    add(&r, "", &all);
    assert_ptr_equal(find(&r, "test.a.b.c"), &all);
    assert_int_equal(rill_routes_remove(&r, text("g.a.b")), RILL_OK);
    assert_int_equal(rill_routes_remove(&r, text("g.a.b")), RILL_ERR_NOT_FOUND);
    assert_ptr_equal(find(&r, "g.a.b"), &g);
    assert_ptr_equal(find(&r, "g.a.b.c"), &abc);
    rill_routes_clear(&r);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    rill_account account = {0};
    rill_hop hop = {.kind = RILL_HOP_ACCOUNT, .account = &account};
    rill_routes r;
    rill_routes_init(&r, rill_allocator_default(), key);
    assert_int_equal(rill_routes_add(&r, text("g.a."), hop), RILL_ERR_ADDRESS);
    assert_int_equal(rill_routes_add(&r, text("nowhere.a"), hop), RILL_ERR_ADDRESS);
    add(&r, "g.a", &account);
    assert_int_equal(rill_routes_add(&r, text("g.a"), hop), RILL_ERR_EXISTS);
    char deep[2 * (RILL_ROUTE_MAX_SEGMENTS + 1) + 1] = "g";
    for (size_t i = 1; i < RILL_ROUTE_MAX_SEGMENTS; i++)
        strcat(deep, ".x");
    add(&r, deep, &account);
    strcat(deep, ".x");
    assert_int_equal(rill_routes_add(&r, text(deep), hop), RILL_ERR_LIMIT);
    /* Destinations may be deeper. */
    assert_ptr_equal(find(&r, deep), &account);
    rill_routes_clear(&r);
}

/* What a table has is told apart, whatever there was before. */
static void test_kinds(void **state)
{
    (void)state;
    rill_account account = {0};
    rill_terms terms = {.routes = 0}, others = {.routes = 0};
    rill_routes r;
    rill_routes_init(&r, rill_allocator_default(), key);
    const rill_hop children = {.kind = RILL_HOP_CHILDREN};
    const rill_hop by_terms = {.kind = RILL_HOP_TERMS, .terms = &terms};
    const rill_hop by_others = {.kind = RILL_HOP_TERMS, .terms = &others};
    const rill_hop by_account = {.kind = RILL_HOP_ACCOUNT, .account = &account};
    assert_int_equal(rill_routes_add(&r, text("g.a"), children), RILL_OK);
    assert_int_equal(rill_routes_add(&r, text("g.a.b"), by_terms), RILL_OK);
    assert_int_equal(rill_routes_add(&r, text("g.a.c"), by_account), RILL_OK);
    assert_int_equal(rill_routes_find(&r, text("g.a.x")).kind, RILL_HOP_CHILDREN);
    assert_true(rill_routes_find(&r, text("g.a.x")).prefix.len == 3);
    assert_int_equal(rill_routes_find(&r, text("g.a.b.x")).kind, RILL_HOP_TERMS);
    assert_ptr_equal(rill_routes_find(&r, text("g.a.b.x")).terms, &terms);
    assert_int_equal(rill_routes_find(&r, text("g.a.c.x")).kind, RILL_HOP_ACCOUNT);
    assert_ptr_equal(rill_routes_find(&r, text("g.a.c.x")).account, &account);
    /* Of the very prefix alone. */
    assert_int_equal(rill_routes_of(&r, text("g.a.b.x")).kind, RILL_HOP_NONE);
    assert_int_equal(rill_routes_of(&r, text("g.a")).kind, RILL_HOP_CHILDREN);
    assert_ptr_equal(rill_routes_of(&r, text("g.a.b")).terms, &terms);
    assert_int_equal(rill_routes_set(&r, text("g.a.b"), by_others), RILL_OK);
    assert_ptr_equal(rill_routes_find(&r, text("g.a.b")).terms, &others);
    assert_int_equal(rill_routes_set(&r, text("g.a"), by_terms), RILL_OK);
    assert_ptr_equal(rill_routes_find(&r, text("g.a.x")).terms, &terms);
    assert_int_equal(rill_routes_set(&r, text("g.new"), by_terms), RILL_OK);
    assert_ptr_equal(rill_routes_find(&r, text("g.new")).terms, &terms);
    assert_int_equal(rill_routes_remove(&r, text("g.a.b")), RILL_OK);
    assert_ptr_equal(rill_routes_find(&r, text("g.a.b")).terms, &terms);
    rill_routes_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_siphash),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_longest_prefix_by_segment),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
