/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the other side. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/peer.h"
#include <rill/rill.h>

static rill_peer p;

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static int setup(void **state)
{
    (void)state;
    rill_peer_init(&p);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rill_peer_clear(&p, rill_allocator_default());
    return 0;
}

static bool moves(const char *address, uint64_t next)
{
    bool changed;
    assert_int_equal(
        rill_peer_set_address(&p, rill_allocator_default(), text(address), next, &changed),
        RILL_OK);
    return changed;
}

static void test_an_answer_from_before_validates_nothing(void **state)
{
    (void)state;
    assert_true(moves("test.one", 7));
    rill_peer_answered(&p, 6);
    assert_false(p.validated);
    rill_peer_answered(&p, 7);
    assert_true(p.validated);
    /* The same again, or none, is no news. */
    assert_false(moves("test.one", 9));
    assert_false(moves("", 9));
    assert_true(p.validated);
    assert_true(moves("test.two", 10));
    assert_false(p.validated);
    rill_peer_answered(&p, 9);
    assert_false(p.validated);
    assert_string_equal(p.address, "test.two");
    assert_int_equal(p.address_len, 8);
}

static void *no_memory(void *state, void *ptr, size_t size)
{
    (void)state;
    (void)ptr;
    (void)size;
    return NULL;
}

static void test_without_memory_the_old_one_stays(void **state)
{
    (void)state;
    const rill_allocator none = {.realloc = no_memory};
    bool changed;
    assert_true(moves("test.one", 1));
    assert_int_equal(rill_peer_set_address(&p, &none, text("test.two"), 2, &changed),
                     RILL_ERR_NOMEM);
    assert_false(changed);
    assert_string_equal(p.address, "test.one");
}

static void test_an_asset_stays(void **state)
{
    (void)state;
    char long_code[RILL_MAX_ASSET_CODE + 2];
    memset(long_code, 'X', sizeof long_code - 1);
    long_code[sizeof long_code - 1] = '\0';
    /* What cannot be kept is not known. */
    assert_int_equal(rill_peer_learn_asset(&p, text(long_code), 2), RILL_OK);
    assert_int_equal(rill_peer_learn_asset(&p, (rill_bytes){(const uint8_t *)"A\0B", 3}, 2),
                     RILL_OK);
    assert_false(p.asset_known);
    assert_int_equal(rill_peer_learn_asset(&p, text("XRP"), 9), RILL_OK);
    assert_true(p.asset_known);
    assert_int_equal(rill_peer_learn_asset(&p, text("XRP"), 9), RILL_OK);
    assert_int_equal(rill_peer_learn_asset(&p, text("XRP"), 6), RILL_ERR_ASSET);
    assert_int_equal(rill_peer_learn_asset(&p, text("XR"), 9), RILL_ERR_ASSET);
    assert_string_equal(p.asset_code, "XRP");
    assert_int_equal(p.asset_scale, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_answer_from_before_validates_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_without_memory_the_old_one_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(test_an_asset_stays, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
