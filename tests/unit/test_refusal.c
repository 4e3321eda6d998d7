/* SPDX-License-Identifier: Apache-2.0 */
/* The last reject's words: whose they are, and that they are cut at a character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/refusal.h"
#include "support/failing_memory.h"

typedef struct world {
    failing_memory memory;
    rill_endpoint endpoint;
    rill_connection one;
    rill_connection two;
} world;

static void begin(world *w)
{
    memset(w, 0, sizeof *w);
    failing_memory_init(&w->memory, 0, 0);
    w->endpoint.allocator = &w->memory.allocator;
    w->one.endpoint = w->two.endpoint = &w->endpoint;
}

static void end(world *w)
{
    rill_free(&w->memory.allocator, w->endpoint.refusal);
    assert_int_equal(w->memory.blocks, 0);
    failing_memory_end(&w->memory);
}

static rill_bytes bytes(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static void test_the_last_one_is_kept(void **state)
{
    (void)state;
    world w;
    begin(&w);
    assert_null(rill_refusal_of(&w.one));
    rill_reject r = {.code = rill_ilp_code_of(RILL_ILP_T04_INSUFFICIENT_LIQUIDITY),
                     .triggered_by = bytes("test.node"),
                     .message = bytes("no")};
    rill_refusal_keep(&w.one, &r, false);
    const rill_last_reject *last = rill_refusal_of(&w.one);
    assert_non_null(last);
    assert_string_equal(last->code.text, "T04");
    assert_string_equal(last->triggered_by, "test.node");
    assert_string_equal(last->message, "no");
    assert_false(last->authentic);
    /* Another connection's, later: this one has none any more. */
    r.triggered_by = (rill_bytes){0};
    r.message = bytes("later");
    rill_refusal_keep(&w.two, &r, true);
    assert_null(rill_refusal_of(&w.one));
    last = rill_refusal_of(&w.two);
    assert_string_equal(last->triggered_by, "");
    assert_string_equal(last->message, "later");
    assert_true(last->authentic);
    rill_refusal_forget(&w.one); /* it was not its own */
    assert_non_null(rill_refusal_of(&w.two));
    rill_refusal_forget(&w.two);
    assert_null(rill_refusal_of(&w.two));
    end(&w);
}

/* A server's are no payment's, and what a receiver explains in frames has no words here. */
static void test_those_that_are_not_kept(void **state)
{
    (void)state;
    world w;
    begin(&w);
    rill_reject r = {.code = rill_ilp_code_of(RILL_ILP_F99_APPLICATION_ERROR)};
    rill_refusal_keep(&w.one, &r, true);
    assert_null(rill_refusal_of(&w.one));
    r.message = bytes("words");
    w.one.server = true;
    rill_refusal_keep(&w.one, &r, false);
    assert_null(rill_refusal_of(&w.one));
    assert_int_equal(w.memory.asked, 0);
    /* Nor without memory; the next one is. */
    w.memory.fail_at = 1;
    w.memory.fail_for = 1;
    rill_refusal_keep(&w.two, &r, false);
    assert_null(rill_refusal_of(&w.two));
    rill_refusal_keep(&w.two, &r, false);
    assert_non_null(rill_refusal_of(&w.two));
    end(&w);
}

static void expect_cut(world *w, const char *text, size_t len)
{
    const rill_reject r = {.message = bytes(text)};
    rill_refusal_keep(&w->one, &r, false);
    const rill_last_reject *last = rill_refusal_of(&w->one);
    assert_int_equal(strlen(last->message), len);
    assert_memory_equal(last->message, text, len);
}

static void test_cut_between_characters(void **state)
{
    (void)state;
    enum { CAP = sizeof(((rill_last_reject *)0)->message) };
    char text[CAP + 8] = "";
    world w;
    begin(&w);
    memset(text, 'a', CAP - 1);
    expect_cut(&w, text, CAP - 1);
    strcpy(text + CAP - 1, "b");
    expect_cut(&w, text, CAP - 1);
    /* The euro sign, of three bytes: all of it, or nothing. */
    strcpy(text + CAP - 4, "\xe2\x82\xac");
    expect_cut(&w, text, CAP - 1);
    strcpy(text + CAP - 3, "\xe2\x82\xac");
    text[CAP - 4] = 'a';
    expect_cut(&w, text, CAP - 3);
    strcpy(text + CAP - 2, "\xe2\x82\xac");
    text[CAP - 3] = 'a';
    expect_cut(&w, text, CAP - 2);
    /* No text at all, but what continues a character that never began. */
    memset(text, '\x82', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    expect_cut(&w, text, 0);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_one_is_kept),
        cmocka_unit_test(test_those_that_are_not_kept),
        cmocka_unit_test(test_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
