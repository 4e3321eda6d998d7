/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/cli.h"

static int run_nothing(const cli_args *args)
{
    (void)args;
    return CLI_DONE;
}

static const cli_option options[] = {
    {"--amount", "N", ""}, {"--rate", "R", ""}, {"--time", "S", ""},
    {"--flag", NULL, ""},  {NULL, NULL, NULL},
};
static const cli_command command = {
    .name = "test", .options = options, .operands = {"[WORD]"}, .run = run_nothing};

/* What help.c wants of commands.c. */
const cli_command *const cli_commands[] = {&command, NULL};
const cli_command *cli_find_command(const char *name)
{
    return strcmp(name, command.name) == 0 ? &command : NULL;
}
const char *cli_meant_command(const char *word)
{
    (void)word;
    return NULL;
}

/* Parses copies of the words, as they stand in argv; the copies stay in argv. */
static char storage[8][64];
static char *argv_of[9];
static int parse(cli_args *args, const char *const *words)
{
    int count = 0;
    for (; words[count]; count++) {
        assert_true(strlen(words[count]) < sizeof storage[0]);
        argv_of[count] = strcpy(storage[count], words[count]);
    }
    return cli_args_parse(args, &command, count, argv_of);
}
#define PARSE(args, ...) parse(args, (const char *const[]){__VA_ARGS__, NULL})

static void test_values(void **state)
{
    (void)state;
    cli_args args;
    assert_int_equal(PARSE(&args, "--amount", "-5", "word", "--flag", "--rate=1/2"), CLI_DONE);
    assert_string_equal(cli_value(&args, "--amount"), "-5");
    assert_string_equal(cli_value(&args, "--rate"), "1/2");
    assert_string_equal(cli_value(&args, "--flag"), "");
    assert_null(cli_value(&args, "--json"));
    assert_string_equal(args.operands[0], "word");
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--", "--amount"), CLI_DONE);
    assert_string_equal(args.operands[0], "--amount");
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "-h"), CLI_DONE);
    assert_true(args.help);
    cli_args_clear(&args);
}

static void test_number_below_zero_is_no_option(void **state)
{
    (void)state;
    static const char *const numbers[] = {"-5",    "-0",    "-.5",
                                          "-5.25", "-5XRP", "-9999999999999999999999"};
    static const char *const options_none[] = {"-x", "-.", "-.x", "--5", "-x5"};
    cli_args args;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_int_equal(PARSE(&args, numbers[i]), CLI_DONE);
        assert_string_equal(args.operands[0], numbers[i]);
        assert_true(cli_below_zero(numbers[i]));
        cli_args_clear(&args);
    }
    for (size_t i = 0; i < sizeof options_none / sizeof options_none[0]; i++) {
        assert_int_equal(PARSE(&args, options_none[i]), CLI_USAGE);
        assert_false(cli_below_zero(options_none[i]));
        cli_args_clear(&args);
    }
    assert_false(cli_below_zero("5"));
    assert_false(cli_below_zero("-"));
    assert_false(cli_below_zero(""));
}

static void test_link_is_erased(void **state)
{
    (void)state;
    cli_args args;
    assert_int_equal(PARSE(&args, "--link", "btp+ws://:secret@host"), CLI_DONE);
    assert_string_equal(cli_value(&args, "--link"), "btp+ws://:secret@host");
    assert_null(strstr(storage[1], "secret"));
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--link=btp+ws://:secret@host"), CLI_DONE);
    assert_null(strstr(storage[0], "secret"));
    cli_args_clear(&args);
}

static void test_mistakes(void **state)
{
    (void)state;
    cli_args args;
    assert_int_equal(PARSE(&args, "--amoun", "1"), CLI_USAGE);
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--amount"), CLI_USAGE);
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--flag=1"), CLI_USAGE);
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--amount", "1", "--amount", "2"), CLI_USAGE);
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "a", "b"), CLI_USAGE);
    cli_args_clear(&args);
}

static void test_numbers(void **state)
{
    (void)state;
    cli_args args;
    uint64_t amount = 7;
    uint64_t time = 0;
    rill_ratio ratio = {0, 1};
    assert_int_equal(PARSE(&args, "--rate", "0.985", "--time", "0.5"), CLI_DONE);
    assert_int_equal(cli_amount(&args, "--amount", &amount), CLI_DONE);
    assert_int_equal(amount, 7);
    assert_int_equal(cli_ratio(&args, "--rate", &ratio), CLI_DONE);
    assert_int_equal(ratio.num * 200, ratio.den * 197);
    assert_int_equal(cli_seconds(&args, "--time", &time), CLI_DONE);
    assert_int_equal(time, 500 * RILL_MS);
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--amount", "18446744073709551615"), CLI_DONE);
    assert_int_equal(cli_amount(&args, "--amount", &amount), CLI_DONE);
    assert_true(amount == UINT64_MAX);
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--amount", "18446744073709551616", "--time", "0"), CLI_DONE);
    assert_int_equal(cli_amount(&args, "--amount", &amount), CLI_USAGE);
    assert_int_equal(cli_seconds(&args, "--time", &time), CLI_USAGE);
    cli_args_clear(&args);
    assert_int_equal(PARSE(&args, "--time", "18446744073709551615"), CLI_DONE);
    assert_int_equal(cli_seconds(&args, "--time", &time), CLI_DONE);
    assert_true(time == UINT64_MAX / 4);
    cli_args_clear(&args);
}

static void test_text_of_strangers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *shown;
    } cases[] = {
        {"plain", "plain"},
        {"a\nb\tc", "a\\nb\\x09c"},
        {"\x1b[2J", "\\x1b[2J"},
        {"Gr\xc3\xbc\xc3\x9f", "Gr\xc3\xbc\xc3\x9f"},
        {"\xc2\x9b", "\\xc2\\x9b"},
        {"\xe2\x80\xae", "\\xe2\\x80\\xae"},
        {"\xff", "\\xff"},
        {"\xc0\xaf", "\\xc0\\xaf"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\xe2\x82", "\\xe2\\x82"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[64];
        cli_escape(out, sizeof out, (const uint8_t *)cases[i].text, strlen(cases[i].text));
        assert_string_equal(out, cases[i].shown);
    }
    char small[6];
    cli_escape(small, sizeof small, (const uint8_t *)"abc\x01z", 5);
    assert_string_equal(small, "abc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_number_below_zero_is_no_option),
        cmocka_unit_test(test_link_is_erased),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_text_of_strangers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
