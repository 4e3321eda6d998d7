/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of a service of prices, in Rafiki's form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <jansson.h>
#include <rill/error.h>

#include "connector/rate_answer.h"
#include "support/failing_memory.h"
#include <cmocka.h>

static void is_number(const char *text, uint64_t digits, int tens)
{
    rill_rate_line line;
    if (!rill_rate_number(text, strlen(text), &line) || line.problem != NULL ||
        line.digits != digits || line.tens != tens)
        fail_msg("%s", text);
}

static void is_no_price(const char *text, const char *why)
{
    rill_rate_line line;
    if (!rill_rate_number(text, strlen(text), &line))
        fail_msg("%s", text);
    assert_string_equal(line.problem, why);
}

/* As it is written, whatever a double would make of it. */
static void test_numbers_are_exact(void **state)
{
    (void)state;
    is_number("1", 1, 0);
    is_number("1.1602", 11602, -4);
    is_number("0.1", 1, -1);
    is_number("0.91234567890123456", 91234567890123456, -17);
    is_number("9007199254740993", 9007199254740993, 0); /* 2^53 + 1 */
    is_number("1.2345678901234567e-7", 12345678901234567, -23);
    is_number("120", 12, 1);
    is_number("1.50", 15, -1);
    is_number("2E+3", 2, 3);
    is_number("20e-1", 2, 0);
    is_number("9999999999999999999", 9999999999999999999u, 0);
    is_number("0.00000000000000000001", 1, -20);
    is_number("1e60", 1, 60);
    is_number("1e-60", 1, -60);
    /* Digits after the 19th are left out; those before the point still count as tens. */
    is_number("12345678901234567891", 1234567890123456789, 1);
    is_number("1.2345678901234567891", 1234567890123456789, -18);
    is_number("12345678901234567891.5e1", 1234567890123456789, 2);
}

static void test_what_is_no_price(void **state)
{
    (void)state;
    is_no_price("0", "is zero");
    is_no_price("-0", "is zero");
    is_no_price("0.000", "is zero");
    is_no_price("0e999999999999", "is zero");
    is_no_price("-1.5", "is below zero");
    is_no_price("1e400", "is too large or too small for a price");
    is_no_price("1e-400", "is too large or too small for a price");
    is_no_price("1e61", "is too large or too small for a price");
    is_no_price("1e99999999999999999999", "is too large or too small for a price");
    is_no_price("1e-99999999999999999999", "is too large or too small for a price");
}

static void test_what_is_no_number(void **state)
{
    static const char *const wrong[] = {"",     "-",     "+1",  "01",       "-01", ".5",   "1.",
                                        "1.e1", "1e",    "1e+", "1.2.3",    "1-",  "0x10", "NaN",
                                        "1 ",   "1e1.5", "--1", "Infinity", "1_0"};
    rill_rate_line line;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (rill_rate_number(wrong[i], strlen(wrong[i]), &line))
            fail_msg("'%s' was taken", wrong[i]);
    }
}

/* ---- answers ---- */

static rill_rate_answer answer;
static const char *problem;

static int read_len(const char *body, size_t len)
{
    return rill_rate_answer_read(&answer, rill_allocator_default(), body, len, "USD", &problem);
}

static const rill_rate_line *line_of(const char *code)
{
    for (size_t i = 0; i < answer.count; i++) {
        if (strcmp(answer.lines[i].code, code) == 0)
            return &answer.lines[i];
    }
    return NULL;
}

static void refused(const char *body, const char *why)
{
    assert_int_equal(read_len(body, strlen(body)), RILL_ERR_MALFORMED);
    if (strcmp(problem, why) != 0)
        fail_msg("%s: %s", body, problem);
    assert_null(answer.lines);
    assert_int_equal(answer.count, 0);
}

static void test_an_answer(void **state)
{
    static const char body[] =
        " {\"base\" : \"USD\", \"rates\": {\"EUR\": 1.1602, \"ZAR\":17.3792 ,\"A\\u0042C\":3,"
        " \"USD\":1.0,\"\":7, \"THIRTY-TWO-CHARACTERS-ARE-TOO-MANY\":1}, \"date\":\"2026-11-30\","
        " \"more\":[1,2.5,{\"x\":-3e1}], \"text\":\"{1,\\\"2\\\\\"}\n";
    (void)state;
    assert_int_equal(read_len(body, strlen(body)), RILL_OK);
    assert_int_equal(answer.count, 3);
    assert_int_equal(line_of("EUR")->digits, 11602);
    assert_int_equal(line_of("EUR")->tens, -4);
    assert_null(line_of("EUR")->problem);
    assert_int_equal(line_of("ZAR")->digits, 173792);
    assert_int_equal(line_of("ABC")->digits, 3);
    rill_rate_answer_clear(&answer);
}

static void test_an_answer_without_prices(void **state)
{
    static const char body[] = "{\"rates\":{},\"base\":\"USD\"}";
    (void)state;
    assert_int_equal(read_len(body, strlen(body)), RILL_OK);
    assert_int_equal(answer.count, 0);
    rill_rate_answer_clear(&answer);
}

/* What is wrong with one price concerns that price. */
static void test_one_wrong_price(void **state)
{
    static const char body[] =
        "{\"base\":\"USD\",\"rates\":{\"EUR\":0.9,\"TXT\":\"1.5\",\"NUM\":\"#1.5\",\"NUL\":null,"
        "\"OBJ\":{\"a\":1},\"NEG\":-1,\"ZER\":0,\"BIG\":1e400,\"YES\":true}}";
    (void)state;
    assert_int_equal(read_len(body, strlen(body)), RILL_OK);
    assert_int_equal(answer.count, 9);
    assert_null(line_of("EUR")->problem);
    assert_string_equal(line_of("TXT")->problem, "is no number");
    assert_string_equal(line_of("NUM")->problem, "is no number");
    assert_string_equal(line_of("NUL")->problem, "is no number");
    assert_string_equal(line_of("OBJ")->problem, "is no number");
    assert_string_equal(line_of("YES")->problem, "is no number");
    assert_string_equal(line_of("NEG")->problem, "is below zero");
    assert_string_equal(line_of("ZER")->problem, "is zero");
    assert_string_equal(line_of("BIG")->problem, "is too large or too small for a price");
    assert_int_equal(line_of("NEG")->digits, 0);
    rill_rate_answer_clear(&answer);
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    refused("", "the answer is not JSON");
    refused("<!doctype html><title>1</title>", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"rates\":{\"EUR\":01}}", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"rates\":{\"EUR\":NaN}}", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"rates\":{\"EUR\":1}", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"rates\":{\"EUR\":1}} x", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"rates\":{\"EUR\":1,\"EUR\":2}}", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"rates\":{\"EUR\":1,\"E\\u0055R\":1}}", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"base\":\"USD\",\"rates\":{}}", "the answer is not JSON");
    refused("{\"base\":\"USD\",\"rates\":{\"\\u0000\":1}}", "the answer is not JSON");
    refused("{\"base\":\"US\xff\",\"rates\":{}}", "the answer is not JSON");
    refused("{\"base\":\"USD", "the answer is not JSON");
    refused("{\"base\":\"USD\\", "the answer is not JSON");
    refused("[]", "the answer is no object");
    refused("{}", "the answer has no base");
    refused("{\"$base\":\"USD\",\"rates\":{}}", "the answer has no base");
    refused("{\"rates\":{\"EUR\":1}}", "the answer has no base");
    refused("{\"base\":\"EUR\",\"rates\":{\"USD\":1.1}}", "the answer has another base");
    refused("{\"base\":null,\"rates\":{}}", "the answer has another base");
    refused("{\"base\":\"usd\",\"rates\":{}}", "the answer has another base");
    refused("{\"base\":\"USD\"}", "the answer has no rates");
    refused("{\"base\":\"USD\",\"rates\":[1]}", "the answer has no rates");
    refused("{\"base\":\"USD\",\"rates\":{\"USD\":1.01}}",
            "the answer says that the base is not worth itself");
    refused("{\"base\":\"USD\",\"rates\":{\"USD\":\"1\"}}",
            "the answer says that the base is not worth itself");
    /* A NUL ends nothing. */
    assert_int_equal(read_len("{\"base\":\"USD\",\"rates\":{}}\0", 26), RILL_ERR_MALFORMED);
    assert_int_equal(read_len("1\0", 2), RILL_ERR_MALFORMED);
}

static char *many(size_t count)
{
    char *body = malloc(64 + count * 16);
    size_t len = (size_t)sprintf(body, "{\"base\":\"USD\",\"rates\":{");
    for (size_t i = 0; i < count; i++)
        len += (size_t)sprintf(body + len, "%s\"C%zu\":%zu", i == 0 ? "" : ",", i, i + 1);
    (void)sprintf(body + len, "}}");
    return body;
}

static void test_how_many_prices(void **state)
{
    (void)state;
    char *body = many(RILL_RATE_ANSWER_MAX);
    assert_int_equal(read_len(body, strlen(body)), RILL_OK);
    assert_int_equal(answer.count, RILL_RATE_ANSWER_MAX);
    rill_rate_answer_clear(&answer);
    free(body);
    body = many(RILL_RATE_ANSWER_MAX + 1);
    refused(body, "the answer has too many rates");
    free(body);
}

/* The deepest JSON is refused, and nothing runs out of stack. */
static void test_depth(void **state)
{
    enum { DEEP = 100000 };
    static char body[2 * DEEP];
    (void)state;
    memset(body, '[', DEEP);
    memset(body + DEEP, ']', DEEP);
    assert_int_equal(read_len(body, sizeof body), RILL_ERR_MALFORMED);
}

/* ---- without memory ---- */

static failing_memory memory;

static void *json_alloc(size_t size)
{
    return failing_memory_realloc(&memory, NULL, size);
}

static void json_release(void *ptr)
{
    failing_memory_free(&memory, ptr);
}

static void test_without_memory(void **state)
{
    static const char body[] = "{\"base\":\"USD\",\"rates\":{\"EUR\":0.9,\"ZAR\":17.3}}";
    unsigned failures = 0;
    int rc = RILL_ERR_NOMEM;
    (void)state;
    for (unsigned long at = 1; rc != RILL_OK; at++) {
        failing_memory_init(&memory, at, 1);
        json_set_alloc_funcs(json_alloc, json_release);
        rc = rill_rate_answer_read(&answer, &memory.allocator, body, strlen(body), "USD", &problem);
        json_set_alloc_funcs(malloc, free);
        if (rc != RILL_OK) {
            /* jansson does not always say that it was memory. */
            assert_true(rc == RILL_ERR_NOMEM || rc == RILL_ERR_MALFORMED);
            assert_string_equal(problem, rc == RILL_ERR_NOMEM ? rill_strerror(rc)
                                                              : "the answer is not JSON");
            assert_int_equal(answer.count, 0);
            failures++;
        } else {
            assert_int_equal(answer.count, 2);
            rill_rate_answer_clear(&answer);
        }
        assert_int_equal(memory.blocks, 0);
        failing_memory_end(&memory);
    }
    assert_true(failures > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_exact),
        cmocka_unit_test(test_what_is_no_price),
        cmocka_unit_test(test_what_is_no_number),
        cmocka_unit_test(test_an_answer),
        cmocka_unit_test(test_an_answer_without_prices),
        cmocka_unit_test(test_one_wrong_price),
        cmocka_unit_test(test_what_is_no_answer),
        cmocka_unit_test(test_how_many_prices),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
