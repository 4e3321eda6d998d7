/* SPDX-License-Identifier: Apache-2.0 */
/* What is due when, on a loop: in its order, not once it was cleared, and not after a stop. */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "links/http/http_due.h"

enum { MANY = 5 };

typedef struct world {
    rill_loop *loop;
    http_dues dues;
    http_due due[MANY];
    char order[16];
    size_t passed;
    size_t last; /* how many pass before it ends */
    bool stops;  /* at the first one that passes */
    bool again;  /* the first one is set once more, when it passes */
    bool closed;
} world;

static void on_closed(void *owner)
{
    ((world *)owner)->closed = true;
}

static void on_passed(void *owner, http_due *due)
{
    world *w = owner;
    assert_int_equal(due->timer.index, 0); /* it is in no heap: it may be set again, or freed */
    assert_true(w->passed < sizeof w->order - 1);
    w->order[w->passed++] = (char)('0' + (due - w->due));
    if (w->stops)
        http_dues_stop(&w->dues);
    if (w->again) {
        w->again = false;
        assert_int_equal(http_due_set(&w->dues, due, 0), RILL_OK);
    }
    if (w->stops || w->passed == w->last)
        http_dues_close(&w->dues, on_closed);
}

static void begin(world *w)
{
    memset(w, 0, sizeof *w);
    assert_int_equal(rill_loop_new(&w->loop, NULL), RILL_OK);
    http_dues_init(&w->dues, w->loop, on_passed, w);
}

static void run(world *w, size_t last)
{
    w->last = last;
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
    assert_true(w->closed);
    http_dues_clear(&w->dues);
    assert_int_equal(rill_loop_free(w->loop), RILL_OK);
}

static void set(world *w, size_t which, uint64_t ms)
{
    assert_int_equal(http_due_set(&w->dues, &w->due[which], ms * RILL_MS), RILL_OK);
}

static void test_in_order_of_time(void **state)
{
    (void)state;
    world w;
    begin(&w);
    set(&w, 0, 30); /* before it was started: it does not pass yet */
    set(&w, 1, 10);
    http_dues_start(&w.dues);
    assert_true(http_dues_wait(&w.dues) <= 10 * RILL_MS);
    set(&w, 4, 50);
    set(&w, 2, 20);
    set(&w, 3, 0);
    assert_int_equal(http_dues_wait(&w.dues), 0);
    run(&w, 5);
    assert_string_equal(w.order, "31204");
}

static void test_another_time_and_none(void **state)
{
    (void)state;
    world w;
    begin(&w);
    http_dues_start(&w.dues);
    set(&w, 0, 1);
    set(&w, 1, 10);
    set(&w, 2, 20);
    set(&w, 0, 30); /* later */
    set(&w, 2, 5);  /* earlier */
    http_due_clear(&w.dues, &w.due[1]);
    http_due_clear(&w.dues, &w.due[1]);
    http_due_clear(&w.dues, &w.due[3]); /* it never was set */
    set(&w, 4, 40);
    run(&w, 3);
    assert_string_equal(w.order, "204");
}

static void test_set_again_while_it_passes(void **state)
{
    (void)state;
    world w;
    begin(&w);
    http_dues_start(&w.dues);
    set(&w, 2, 1);
    w.again = true;
    run(&w, 2);
    assert_string_equal(w.order, "22");
}

static void test_a_stop_ends_the_rest(void **state)
{
    (void)state;
    world w;
    begin(&w);
    http_dues_start(&w.dues);
    for (size_t i = 0; i < MANY; i++)
        set(&w, i, 0);
    w.stops = true;
    run(&w, 0);
    assert_int_equal(w.passed, 1);
}

/* What was never started is cleared, and nothing of it is on the loop. */
static void test_never_started(void **state)
{
    (void)state;
    world w;
    begin(&w);
    set(&w, 0, 0);
    http_dues_clear(&w.dues);
    assert_int_equal(rill_loop_run(w.loop), RILL_OK);
    assert_int_equal(w.passed, 0);
    assert_int_equal(rill_loop_free(w.loop), RILL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_order_of_time),
        cmocka_unit_test(test_another_time_and_none),
        cmocka_unit_test(test_set_again_while_it_passes),
        cmocka_unit_test(test_a_stop_ends_the_rest),
        cmocka_unit_test(test_never_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
