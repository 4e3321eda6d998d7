/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/suggest.h"

static size_t distance(const char *a, const char *b)
{
    return cli_edit_distance(a, strlen(a), b, strlen(b));
}

static void test_distances(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},          {"", "abc", 3},           {"send", "send", 0},
        {"sned", "send", 1},  {"snd", "send", 1},       {"sendd", "send", 1},
        {"sand", "send", 1},  {"kitten", "sitting", 3}, {"--ammount", "--amount", 1},
        {"abcdef", "ghi", 6}, {"ab", "ba", 1},          {"ca", "abc", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(distance(cases[i].b, cases[i].a), cases[i].distance);
    }
    char longest[CLI_SUGGEST_MAX + 2];
    memset(longest, 'x', sizeof longest);
    assert_int_equal(cli_edit_distance(longest, CLI_SUGGEST_MAX, longest, CLI_SUGGEST_MAX), 0);
    assert_true(cli_edit_distance(longest, sizeof longest - 1, longest, 1) > CLI_SUGGEST_MAX);
}

static uint64_t seed = 7;

static unsigned draw(unsigned below)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed >> 33) % below;
}

/* The definition, step by step backwards: slow, and right for short words. */
static size_t slow(const char *a, size_t n, const char *b, size_t m)
{
    if (n == 0 || m == 0)
        return n + m;
    size_t best = slow(a, n - 1, b, m - 1) + (a[n - 1] == b[m - 1] ? 0 : 1);
    size_t more = slow(a, n - 1, b, m) + 1;
    size_t less = slow(a, n, b, m - 1) + 1;
    best = more < best ? more : best;
    best = less < best ? less : best;
    if (n > 1 && m > 1 && a[n - 1] == b[m - 2] && a[n - 2] == b[m - 1]) {
        size_t swapped = slow(a, n - 2, b, m - 2) + 1;
        best = swapped < best ? swapped : best;
    }
    return best;
}

static void test_against_the_definition(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        char a[7];
        char b[7];
        size_t n = draw(7);
        size_t m = draw(7);
        for (size_t k = 0; k < 7; k++) {
            a[k] = (char)('a' + draw(3));
            b[k] = (char)('a' + draw(3));
        }
        assert_int_equal(cli_edit_distance(a, n, b, m), slow(a, n, b, m));
    }
}

static const char *best_of(const char *word, const char *const *candidates)
{
    cli_suggestion s;
    cli_suggest_begin(&s, word, strlen(word));
    for (; *candidates; candidates++)
        cli_suggest_offer(&s, *candidates);
    return s.best;
}

static void test_suggestions(void **state)
{
    (void)state;
    static const char *const commands[] = {"demo", "receive", "send", "info", "ping", "help", NULL};
    static const char *const options[] = {"--credentials", "--amount", "--data",       "--file",
                                          "--min-rate",    "--max",    "--max-packet", NULL};
    assert_string_equal(best_of("sned", commands), "send");
    assert_string_equal(best_of("recieve", commands), "receive");
    assert_string_equal(best_of("pign", commands), "ping");
    assert_string_equal(best_of("hlp", commands), "help");
    assert_string_equal(best_of("rec", commands), "receive");
    assert_null(best_of("nonsense", commands));
    assert_null(best_of("x", commands));
    assert_null(best_of("", commands));
    assert_string_equal(best_of("--ammount", options), "--amount");
    assert_string_equal(best_of("-amount", options), "--amount");
    assert_string_equal(best_of("--cred", options), "--credentials");
    assert_string_equal(best_of("--maxpacket", options), "--max-packet");
    assert_null(best_of("--x", options));
    assert_null(best_of("--nonsense", options));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_distances),
        cmocka_unit_test(test_against_the_definition),
        cmocka_unit_test(test_suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
