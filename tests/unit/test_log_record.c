/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the log for programs: each is one line, whatever is in it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/log_record.h"

static char out[LOG_RECORD_MAX + 1];

static const char *written(log_format format, const char *msg, const rill_log_about *about)
{
    const log_record record = {
        .time = "2026-11-30T12:00:00.000Z", .level = "debug", .msg = msg, .about = about};
    const size_t len = log_record_write(format, &record, out);
    assert_in_range(len, 1, LOG_RECORD_MAX);
    out[len] = '\0';
    assert_ptr_equal(strchr(out, '\n'), out + len - 1);
    return out;
}

#define HEAD     "{\"time\":\"2026-11-30T12:00:00.000Z\",\"level\":\"debug\",\"msg\":"
#define FMT_HEAD "time=2026-11-30T12:00:00.000Z level=debug msg="

static const uint8_t id[RILL_LOG_PACKET] = {0x01, 0x23, 0xab, 0xff};

static void test_fields(void **state)
{
    (void)state;
    const rill_log_about about = {
        .account = "alice",
        .packet = id,
        .destination = {(const uint8_t *)"g.x.bob", 7},
        .code = "T04",
        .by = "node",
    };
    assert_string_equal(written(LOG_JSON, "no", &about),
                        HEAD "\"no\",\"account\":\"alice\","
                             "\"packet\":\"0123abff000000000000000000000000\","
                             "\"destination\":\"g.x.bob\",\"code\":\"T04\",\"by\":\"node\"}\n");
    assert_string_equal(written(LOG_LOGFMT, "no", &about),
                        FMT_HEAD "no account=alice packet=0123abff000000000000000000000000 "
                                 "destination=g.x.bob code=T04 by=node\n");
    const rill_log_about little = {.account = "alice"};
    assert_string_equal(written(LOG_JSON, "no", &little), HEAD "\"no\",\"account\":\"alice\"}\n");
    assert_string_equal(written(LOG_LOGFMT, "", NULL), FMT_HEAD "\"\"\n");
}

static void test_what_others_wrote(void **state)
{
    (void)state;
    static const struct {
        const char *is;
        const char *json;
    } texts[] = {
        {"a b", "\"a b\""},
        {"a=b", "\"a=b\""},
        {"say \"no\"\\", "\"say \\\"no\\\"\\\\\""},
        {"x\n{\"level\":\"error\"}\r\t", "\"x\\u000a{\\\"level\\\":\\\"error\\\"}\\u000d\\u0009\""},
        {"\x1b[31m\x7f", "\"\\u001b[31m\\u007f\""},
        {"caf\xc3\xa9 \xf0\x9f\x98\x80", "\"caf\xc3\xa9 \xf0\x9f\x98\x80\""},
        /* Ends of lines to some, and what turns the direction round. */
        {"\xc2\x85 \xe2\x80\xa8 \xe2\x80\xae", "\"\\u0085 \\u2028 \\u202e\""},
        /* Too short, too long, a surrogate, too high, a byte alone. */
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},
        {"\xc0\x80", "\"\\ufffd\\ufffd\""},
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""},
        {"\xff x", "\"\\ufffd x\""},
    };
    char whole[300];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(whole, sizeof whole, HEAD "%s}\n", texts[i].json);
        assert_string_equal(written(LOG_JSON, texts[i].is, NULL), whole);
        snprintf(whole, sizeof whole, FMT_HEAD "%s\n", texts[i].json);
        assert_string_equal(written(LOG_LOGFMT, texts[i].is, NULL), whole);
    }
    /* A NUL of a destination. */
    const rill_log_about about = {.destination = {(const uint8_t *)"a\0b", 3}};
    assert_non_null(strstr(written(LOG_JSON, "", &about), "\"destination\":\"a\\u0000b\""));
}

/* The worst of everything fits, and what is cut is not cut within a character. */
static void test_lengths(void **state)
{
    (void)state;
    char bytes[2000];
    memset(bytes, 0x01, sizeof bytes);
    bytes[sizeof bytes - 1] = '\0';
    const rill_log_about about = {
        .account = bytes,
        .packet = id,
        .destination = {(const uint8_t *)bytes, sizeof bytes},
        .code = bytes,
        .by = bytes,
    };
    assert_in_range(strlen(written(LOG_JSON, bytes, &about)), 6 * (512 + 4 * 256), LOG_RECORD_MAX);
    (void)written(LOG_LOGFMT, bytes, &about);
    for (size_t skip = 0; skip < 4; skip++) {
        memset(bytes, 'x', sizeof bytes);
        for (size_t i = skip; i + 4 < sizeof bytes; i += 4)
            memcpy(bytes + i, "\xf0\x9f\x98\x80", 4);
        bytes[1800] = '\0';
        const rill_log_about long_one = {.account = bytes};
        assert_null(strstr(written(LOG_JSON, bytes, &long_one), "fffd"));
        json_t *value = json_loads(out, JSON_REJECT_DUPLICATES, NULL);
        assert_in_range(json_string_length(json_object_get(value, "msg")), 509, 512);
        assert_in_range(json_string_length(json_object_get(value, "account")), 253, 256);
        json_decref(value);
    }
}

static void test_names(void **state)
{
    (void)state;
    log_format f = LOG_JSON;
    assert_true(log_format_parse("text", &f) && f == LOG_TEXT);
    assert_true(log_format_parse("logfmt", &f) && f == LOG_LOGFMT);
    assert_true(log_format_parse("json", &f) && f == LOG_JSON);
    assert_false(log_format_parse("JSON", &f));
    assert_false(log_format_parse("", &f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_what_others_wrote),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
