/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/wrap.h"

static char *wrapped(const char *text, size_t indent, size_t at, size_t width)
{
    char *out = NULL;
    size_t len;
    FILE *stream = open_memstream(&out, &len);
    assert_non_null(stream);
    cli_wrap(stream, text, indent, at, width);
    fclose(stream);
    return out;
}

static void expect(const char *text, size_t indent, size_t at, size_t width, const char *result)
{
    char *out = wrapped(text, indent, at, width);
    assert_string_equal(out, result);
    free(out);
}

static void test_lines(void **state)
{
    (void)state;
    expect("", 2, 2, 20, "\n");
    expect("one two three", 0, 0, 20, "one two three\n");
    expect("one two three", 0, 0, 13, "one two three\n");
    expect("one two three", 0, 0, 12, "one two\nthree\n");
    expect("one two three", 2, 8, 12, "one\n  two three\n");
    expect("one\ntwo", 0, 0, 20, "one two\n");
    expect("one\n\ntwo", 0, 0, 20, "one\n\ntwo\n");
    expect("as\n{\"a\", \"b\"}\nand", 0, 0, 20, "as\n{\"a\", \"b\"} and\n");
    expect("incomprehensibilities are long", 0, 0, 10, "incomprehensibilities\nare long\n");
}

static uint64_t seed = 5;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed >> 33) % below;
}

/* The same words in the same order, and no line too wide that could have been broken. */
static void test_any_text(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        char text[300];
        size_t len = draw(sizeof text);
        for (size_t k = 0; k < len; k++)
            text[k] = " \nabcdefgh{"[draw(11)];
        text[len] = '\0';
        size_t indent = draw(10);
        size_t width = 12 + draw(60);
        char *out = wrapped(text, indent, indent, width);
        char *rest_a, *rest_b;
        char *copy = strdup(out);
        char *word_b = strtok_r(copy, " \n", &rest_b);
        for (char *a = strtok_r(text, " \n", &rest_a); a; a = strtok_r(NULL, " \n", &rest_a)) {
            assert_non_null(word_b);
            assert_string_equal(a, word_b);
            word_b = strtok_r(NULL, " \n", &rest_b);
        }
        assert_null(word_b);
        size_t at = indent;
        for (char *line = out; *line; line += strcspn(line, "\n") + 1) {
            size_t columns = strcspn(line, "\n") + (line == out ? at : 0);
            size_t start = line == out ? 0 : strspn(line, " ");
            if (columns > width)
                assert_true(strcspn(line + start, " \n") == strcspn(line + start, "\n"));
        }
        free(copy);
        free(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_any_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
