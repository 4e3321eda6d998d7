/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of schemes: who opens a link, says what stands before its ://. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <rill/error.h>

#include "link/scheme.h"

static int no_link(rill_link **out, rill_loop *loop, const char *uri,
                   const rill_link_options *options, const rill_link_handlers *handlers, void *user,
                   const char **problem)
{
    (void)out;
    (void)loop;
    (void)uri;
    (void)options;
    (void)handlers;
    (void)user;
    (void)problem;
    return RILL_ERR_UNSUPPORTED;
}

static const rill_scheme own[] = {{"tin", no_link}, {"tin+string", no_link}, {NULL, NULL}};

static void test_found(void **state)
{
    (void)state;
    assert_ptr_equal(rill_scheme_of(own, "tin://x"), &own[0]);
    assert_ptr_equal(rill_scheme_of(own, "TIN+String://x://y"), &own[1]);
    assert_ptr_equal(rill_scheme_of(own, "tin://"), &own[0]);
}

static void test_not_found(void **state)
{
    (void)state;
    assert_null(rill_scheme_of(own, "ti://x"));
    assert_null(rill_scheme_of(own, "tin+://x"));
    assert_null(rill_scheme_of(own, "tin:/x"));
    assert_null(rill_scheme_of(own, "://"));
    assert_null(rill_scheme_of(own, ""));
}

static void test_those_of_the_library(void **state)
{
    (void)state;
    static const char *const uris[] = {"btp+ws://x", "btp+wss://x"};
    for (size_t i = 0; i < sizeof uris / sizeof uris[0]; i++) {
        const rill_scheme *s = rill_scheme_of(rill_schemes, uris[i]);
        assert_non_null(s);
        assert_non_null(s->open);
    }
    for (const rill_scheme *s = rill_schemes; s->name != NULL; s++)
        assert_ptr_equal(rill_scheme_of(rill_schemes, s->name), NULL);
    static const rill_link_handlers handlers = {.size = sizeof handlers};
    rill_link *l;
    const char *problem = NULL;
    assert_int_equal(rill_link_open(&l, NULL, "tin://x", NULL, &handlers, NULL, &problem),
                     RILL_ERR_UNSUPPORTED);
    assert_non_null(strstr(problem, "scheme"));
    assert_int_equal(rill_link_open(&l, NULL, "btp+ws://:x@h", NULL, &handlers, NULL, &problem),
                     RILL_ERR_INVALID);
    assert_non_null(strstr(problem, "handler"));
    assert_int_equal(rill_link_open(&l, NULL, "nothing", NULL, &handlers, NULL, NULL),
                     RILL_ERR_URI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_found),
        cmocka_unit_test(test_not_found),
        cmocka_unit_test(test_those_of_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
