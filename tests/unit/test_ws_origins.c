/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/failing_memory.h"
#include "ws/ws_origins.h"

static void test_in_any_case_and_whole(void **state)
{
    (void)state;
    static const char *const some[] = {"https://wallet.example", "http://localhost:8080", NULL};
    static const char *const all[] = {"https://wallet.example", "*", NULL};
    assert_true(rill_ws_origins_have(some, "https://wallet.example"));
    assert_true(rill_ws_origins_have(some, "HTTPS://Wallet.Example"));
    assert_true(rill_ws_origins_have(some, "http://localhost:8080"));
    assert_false(rill_ws_origins_have(some, "https://wallet.example.attacker.example"));
    assert_false(rill_ws_origins_have(some, "https://wallet.exampl"));
    assert_false(rill_ws_origins_have(some, "http://localhost"));
    assert_false(rill_ws_origins_have(some, "null"));
    assert_false(rill_ws_origins_have(some, "*"));
    assert_false(rill_ws_origins_have(some, ""));
    assert_true(rill_ws_origins_have(all, "null"));
    assert_false(rill_ws_origins_have(NULL, "https://wallet.example"));
}

static void test_a_copy_is_its_own(void **state)
{
    (void)state;
    char text[] = "https://wallet.example";
    const char *const given[] = {text, "http://b", NULL};
    const char *const *copy = NULL;
    const rill_allocator *a = rill_allocator_default();
    assert_int_equal(rill_ws_origins_copy(&copy, a, given), RILL_OK);
    memset(text, 'x', sizeof text - 1);
    assert_true(rill_ws_origins_have(copy, "https://wallet.example"));
    assert_true(rill_ws_origins_have(copy, "http://b"));
    assert_null(copy[2]);
    rill_ws_origins_free(a, copy);
    assert_int_equal(rill_ws_origins_copy(&copy, a, NULL), RILL_OK);
    assert_null(copy[0]);
    rill_ws_origins_free(a, copy);
    rill_ws_origins_free(a, NULL);
}

static void test_without_memory(void **state)
{
    (void)state;
    const char *const given[] = {"http://b", NULL};
    const char *const *copy = given;
    failing_memory m;
    failing_memory_init(&m, 1, 1);
    assert_int_equal(rill_ws_origins_copy(&copy, &m.allocator, given), RILL_ERR_NOMEM);
    assert_null(copy);
    assert_int_equal(rill_ws_origins_copy(&copy, &m.allocator, given), RILL_OK);
    rill_ws_origins_free(&m.allocator, copy);
    assert_int_equal(m.blocks, 0);
    failing_memory_end(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_any_case_and_whole),
        cmocka_unit_test(test_a_copy_is_its_own),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
