/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/colour.h"

static void test_when(void **state)
{
    (void)state;
    cli_when when = CLI_NEVER;
    assert_true(cli_when_parse("auto", &when) && when == CLI_AUTO);
    assert_true(cli_when_parse("always", &when) && when == CLI_ALWAYS);
    assert_true(cli_when_parse("never", &when) && when == CLI_NEVER);
    assert_false(cli_when_parse("yes", &when));
    assert_false(cli_when_parse("", &when));
}

static void test_wanted(void **state)
{
    (void)state;
    assert_true(cli_colour_wanted(CLI_AUTO, true, NULL, "xterm"));
    assert_true(cli_colour_wanted(CLI_AUTO, true, "", "xterm"));
    assert_false(cli_colour_wanted(CLI_AUTO, true, "1", "xterm"));
    assert_false(cli_colour_wanted(CLI_AUTO, false, NULL, "xterm"));
    assert_false(cli_colour_wanted(CLI_AUTO, true, NULL, "dumb"));
    assert_false(cli_colour_wanted(CLI_AUTO, true, NULL, ""));
    assert_false(cli_colour_wanted(CLI_AUTO, true, NULL, NULL));
    assert_true(cli_colour_wanted(CLI_ALWAYS, false, "1", "dumb"));
    assert_false(cli_colour_wanted(CLI_NEVER, true, NULL, "xterm"));
}

/* A file is no terminal: nothing but the text, unless asked for. */
static void test_streams(void **state)
{
    (void)state;
    FILE *file = tmpfile();
    assert_non_null(file);
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    cli_colour_choose(CLI_AUTO);
    assert_string_equal(cli_colour_on(file, CLI_RED), "");
    assert_string_equal(cli_colour_off(file), "");
    cli_colour_choose(CLI_ALWAYS);
    assert_string_equal(cli_colour_on(file, CLI_RED), "\x1b[1;31m");
    assert_string_equal(cli_colour_off(file), "\x1b[0m");
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_when),
        cmocka_unit_test(test_wanted),
        cmocka_unit_test(test_streams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
