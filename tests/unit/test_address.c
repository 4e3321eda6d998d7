/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <rill/ilp.h>
#include <string.h>

#include "ilp/address.h"

static rill_bytes of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static void test_valid(void **state)
{
    (void)state;
    static const char *const good[] = {
        "g.acme.bob",
        "peer.config",
        "private.a",
        "example.alice",
        "self.0",
        "test.x",
        "test1.x",
        "test2.x",
        "test3.x",
        "local.a_b~c-D9",
        "g.us-fed.ach.0.acmebank.swx0a0.acmecorp.sales.199.~ipr.cdfa5e16-e759-4ba3.2"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_true(rill_address_valid(of(good[i])));
        assert_true(rill_address_prefix_valid(of(good[i])));
    }
    static const char *const bad[] = {".",       "g.",    ".g",      "g..a",    "g.a.",    "g.a..b",
                                      "h.a",     "G.a",   "test4.a", "tes.a",   "gg.a",    "g.a b",
                                      "g.a\x80", "g.a/b", "g.a:b",   "peers.a", "unknown", "g.a@b",
                                      "g.a[b",   "g.a`b", "g.a{b",   "test0.a"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(rill_address_valid(of(bad[i])));
        assert_false(rill_address_prefix_valid(of(bad[i])));
    }
    assert_false(rill_address_valid((rill_bytes){(const uint8_t *)"g.a\0b", 5}));
    /* Prefixes, not addresses. */
    assert_false(rill_address_valid((rill_bytes){NULL, 0}));
    assert_true(rill_address_prefix_valid((rill_bytes){NULL, 0}));
    assert_false(rill_address_valid(of("g")));
    assert_true(rill_address_prefix_valid(of("g")));
    assert_true(rill_address_prefix_valid(of("private")));
}

/* Wherever a byte is that none may be. */
static void test_bad_byte(void **state)
{
    static const char good[] = "g.abcdefghij.KLMNO-_~";
    char text[sizeof good];
    (void)state;
    for (size_t len = 3; len < sizeof good; len++) {
        assert_int_equal(rill_address_valid((rill_bytes){(const uint8_t *)good, len}),
                         good[len - 1] != '.');
        for (size_t i = 0; i < len; i++) {
            memcpy(text, good, sizeof good);
            text[i] = (char)(i % 2 == 0 ? ' ' : '\xe4');
            assert_false(rill_address_valid((rill_bytes){(const uint8_t *)text, len}));
        }
    }
}

static void test_length(void **state)
{
    (void)state;
    uint8_t text[1024];
    memset(text, 'a', sizeof(text));
    memcpy(text, "g.", 2);
    assert_true(rill_address_valid((rill_bytes){text, 1023}));
    assert_false(rill_address_valid((rill_bytes){text, 1024}));
    assert_true(rill_address_prefix_valid((rill_bytes){text, 1023}));
    assert_false(rill_address_prefix_valid((rill_bytes){text, 1024}));
    assert_true(rill_address_chars_valid((rill_bytes){text, 1023}));
    assert_false(rill_address_chars_valid((rill_bytes){text, 1024}));
}

static void test_prefix(void **state)
{
    (void)state;
    assert_true(rill_address_has_prefix(of("g.a.b"), of("g.a")));
    assert_true(rill_address_has_prefix(of("g.a.b"), of("g")));
    assert_true(rill_address_has_prefix(of("g.a.b"), of("")));
    assert_true(rill_address_has_prefix(of("g.a"), of("g.a")));
    assert_false(rill_address_has_prefix(of("g.ab"), of("g.a")));
    assert_false(rill_address_has_prefix(of("g.a"), of("g.a.b")));
    assert_false(rill_address_has_prefix(of("g.b.a"), of("g.a")));
}

static void assert_segment(const char *address, const char *prefix, const char *segment)
{
    rill_bytes s = rill_address_segment_after(of(address), of(prefix));
    assert_int_equal(s.len, strlen(segment));
    if (s.len != 0)
        assert_memory_equal(s.data, segment, s.len);
}

static void test_segment_after(void **state)
{
    (void)state;
    assert_segment("g.a.bob.token", "g.a", "bob");
    assert_segment("g.a.bob", "g.a", "bob");
    assert_segment("g.a", "g.a", "");
    assert_segment("g.ab.c", "g.a", "");
    assert_segment("g.a", "", "g");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),         cmocka_unit_test(test_bad_byte),
        cmocka_unit_test(test_length),        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_segment_after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
