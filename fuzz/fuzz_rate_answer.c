/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer of a service of prices, and a number in it. What is taken keeps the promises that
 * conversions rely on, and agrees with jansson's reading of the same bytes.
 */
#include <jansson.h>
#include <math.h>
#include <stdio.h>

#include <rill/error.h>

#include "connector/rate_answer.h"
#include "fuzz.h"

static void check_line(const rill_rate_line *line)
{
    CHECK(line->tens >= -RILL_PRICE_TENS && line->tens <= RILL_PRICE_TENS);
    if (line->problem == NULL)
        CHECK(line->digits != 0 && line->digits % 10 != 0);
    else
        CHECK(line->digits == 0 && line->tens == 0);
}

/* As near as a double can tell. */
static void check_value(const rill_rate_line *line, const json_t *value)
{
    double theirs = json_number_value(value);
    double ours = (double)line->digits * pow(10, line->tens);
    if (line->problem == NULL)
        CHECK(fabs(ours - theirs) <= theirs * 1e-12);
}

static void check_number(const char *text, size_t len)
{
    rill_rate_line line = {.digits = 0};
    bool ours = rill_rate_number(text, len, &line);
    if (ours)
        check_line(&line);
    if (len == 0 || memchr(text, '\0', len) != NULL || strchr("-0123456789", text[0]) == NULL)
        return;
    json_t *value = json_loadb(text, len, JSON_DECODE_ANY, NULL);
    /* jansson allows blanks around it, and refuses what a double cannot hold. */
    bool blank = strchr(" \t\r\n", text[len - 1]) != NULL;
    if (value != NULL && !blank) {
        CHECK(ours);
        check_value(&line, value);
    }
    json_decref(value);
}

static void check_answer(const rill_rate_answer *answer, const char *text, size_t len)
{
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *rates = json_object_get(value, "rates");
    CHECK(answer->count <= RILL_RATE_ANSWER_MAX);
    if (value != NULL)
        CHECK(strcmp(json_string_value(json_object_get(value, "base")), "USD") == 0);
    for (size_t i = 0; i < answer->count; i++) {
        const rill_rate_line *line = &answer->lines[i];
        CHECK(line->code[0] != '\0' && strcmp(line->code, "USD") != 0);
        check_line(line);
        const json_t *rate = json_object_get(rates, line->code);
        if (value != NULL)
            CHECK(rate != NULL && (json_is_number(rate) || line->problem != NULL));
        if (json_is_number(rate))
            check_value(line, rate);
    }
    json_decref(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    rill_rate_answer answer;
    const char *problem = NULL;
    const char *text = (const char *)data;
    check_number(text, size);
    int rc = rill_rate_answer_read(&answer, rill_allocator_default(), text, size, "USD", &problem);
    if (rc == RILL_OK)
        check_answer(&answer, text, size);
    else
        CHECK(rc == RILL_ERR_MALFORMED && problem[0] != '\0' && answer.count == 0);
    rill_rate_answer_clear(&answer);
    return 0;
}
