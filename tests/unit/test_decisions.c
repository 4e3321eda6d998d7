/* SPDX-License-Identifier: Apache-2.0 */
/* Handles of decisions: each once, each with its connection, none after its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/decisions.h"

/* Two addresses, which are compared and not looked at. */
static char here, there;

static rill_connection *at(char *place)
{
    return (rill_connection *)place;
}

static rill_decision *decision(char *place, uint64_t request)
{
    const rill_decision what = {
        .decision = 7, .request = request, .expires_at = 1234, .connection = at(place)};
    rill_decision *d;
    assert_int_equal(rill_decision_new(&d, &what, 42), RILL_OK);
    assert_int_equal(d->decision, 7);
    assert_int_equal(d->request, request);
    assert_int_equal(d->expires_at, 1234);
    return d;
}

static void test_found(void **state)
{
    (void)state;
    rill_decision *a = decision(&here, 1);
    rill_decision *b = decision(&there, 2);
    assert_int_not_equal(a->handle, b->handle);
    assert_ptr_equal(rill_decision_find(a->handle, at(&here)), a);
    assert_ptr_equal(rill_decision_find(b->handle, at(&there)), b);
    assert_null(rill_decision_find(a->handle, at(&there)));
    assert_null(rill_decision_find(b->handle, NULL));
    assert_null(rill_decision_find(b->handle + 1, at(&there)));
    rill_decision_free(a);
    rill_decision_free(b);
}

static void test_gone(void **state)
{
    (void)state;
    rill_decision *a = decision(&here, 1);
    rill_decision *b = decision(&here, 2);
    uint64_t first = a->handle;
    uint64_t second = b->handle;
    rill_decision_free(a);
    assert_null(rill_decision_find(first, at(&here)));
    assert_ptr_equal(rill_decision_find(second, at(&here)), b);
    rill_decision_free(b);
    assert_null(rill_decision_find(second, at(&here)));
}

/* Also where there was none in between: who decides late names nothing that came after it. */
static void test_never_again(void **state)
{
    (void)state;
    uint64_t last = 0;
    for (int i = 0; i < 100; i++) {
        rill_decision *d = decision(&here, 1);
        assert_true(d->handle > last);
        last = d->handle;
        rill_decision_free(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_gone),
        cmocka_unit_test(test_never_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
