/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <jansson.h>

#include <rill/ilp.h>

#include "connector/packet_line.h"

/* 2026-11-24T09:30:00.123Z */
#define AT UINT64_C(1795512600123)

static rill_bytes of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static const char *written(const rill_packet_line *line)
{
    static char text[RILL_PACKET_LINE_MAX + 1];
    size_t len = rill_packet_line_write(line, text);
    assert_true(len <= RILL_PACKET_LINE_MAX);
    text[len] = '\0';
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(value);
    json_decref(value);
    return text;
}

/* It is read as it was written, and written again it is the same. */
static void assert_round(const rill_packet_line *line)
{
    char text[RILL_PACKET_LINE_MAX];
    rill_packet_line back;
    uint64_t at;
    size_t len = rill_packet_line_write(line, text);
    assert_true(rill_packet_line_read(text, len - 1, &back));
    assert_int_equal(back.event, line->event);
    assert_int_equal(back.at_ms, line->at_ms);
    assert_int_equal(back.in, line->in);
    assert_int_equal(back.out, line->to.len > 0 ? line->out : 0);
    assert_int_equal(back.took_us, line->took_us);
    assert_int_equal(back.packets, line->packets);
    assert_int_equal(back.since_ms, line->since_ms);
    assert_int_equal(back.has_id, line->has_id);
    assert_string_equal(back.result, line->result);
    assert_int_equal(back.unseen, line->unseen);
    assert_true(rill_packet_line_time(text, len, &at) && at == line->at_ms);
    /* Nothing shorter is a line, and nothing longer. */
    for (size_t i = 0; i < len - 1; i++)
        assert_false(rill_packet_line_read(text, i, &back));
    assert_false(rill_packet_line_read(text, len, &back));
}

static rill_packet_line packet(void)
{
    rill_packet_line line = {
        .at_ms = AT,
        .from = of("alice"),
        .to = of("bob"),
        .destination = of("g.x.bob.7"),
        .in = 100,
        .out = UINT64_MAX,
        .has_id = true,
        .expires_ms = AT + 28877,
        .took_us = 1250,
    };
    for (size_t i = 0; i < RILL_PACKET_ID; i++)
        line.id[i] = (uint8_t)(i * 17);
    return line;
}

static void test_packets(void **state)
{
    (void)state;
    rill_packet_line line = packet();
    assert_string_equal(
        written(&line),
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"alice\",\"to\":\"bob\",\"in\":\"100\","
        "\"out\":\"18446744073709551615\",\"destination\":\"g.x.bob.7\","
        "\"id\":\"00112233445566778899aabbccddeeff\","
        "\"expires\":\"2026-11-24T09:30:29.000Z\",\"us\":1250,\"result\":\"fulfilled\"}\n");
    assert_round(&line);
    memcpy(line.result, "T04", 4);
    line.triggered_by = of("g.x.bob");
    line.message = of("no \"liquidity\"");
    line.unseen = true;
    assert_non_null(strstr(written(&line),
                           "\"result\":\"T04\",\"by\":\"neighbour\",\"triggered_by\":\"g.x.bob\","
                           "\"message\":\"no \\\"liquidity\\\"\",\"unseen\":true}\n"));
    assert_round(&line);
    /* It was never sent, and is malformed. */
    line = (rill_packet_line){.at_ms = AT, .from = of("alice"), .result = "F00", .by_node = true};
    assert_string_equal(written(&line),
                        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"alice\",\"in\":\"0\","
                        "\"us\":0,\"result\":\"F00\",\"by\":\"node\"}\n");
    assert_round(&line);
}

static void test_events(void **state)
{
    (void)state;
    for (int i = RILL_PACKET_MISSING; i <= RILL_PACKET_ENDED; i++) {
        rill_packet_line line = {.event = (rill_packet_event)i, .at_ms = AT};
        if (line.event == RILL_PACKET_MISSING) {
            line.since_ms = AT - 1000;
            line.packets = 12;
        }
        (void)written(&line);
        assert_round(&line);
    }
}

/* What others wrote is not more than texts: of each byte, and as long as it may be. */
static void test_what_others_wrote(void **state)
{
    (void)state;
    static char all[RILL_ILP_MAX_ADDRESS];
    rill_packet_line line = packet();
    memcpy(line.result, "F99", 4);
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = i < 256 ? (char)i : "\"\\"[i % 2];
    line.destination = line.triggered_by = (rill_bytes){(const uint8_t *)all, sizeof all};
    line.from = line.to = (rill_bytes){(const uint8_t *)all + 256, 255};
    line.message = (rill_bytes){(const uint8_t *)all, sizeof all};
    const char *text = written(&line);
    for (const char *c = text; c[1] != '\0'; c++)
        assert_in_range(*c, 0x20, 0x7e);
    assert_round(&line);
    rill_packet_line back;
    assert_true(rill_packet_line_read(text, strlen(text) - 1, &back));
    const char *message = strstr(text, "\"message\":\"") + 11;
    assert_memory_equal(message, "????????????????????????????????", 32);
    assert_memory_equal(message + 32, " !\\\"#", 5);
    /* Of the quote and the backslash among the first 128 bytes two bytes each. */
    assert_int_equal(back.message.len, RILL_PACKET_MESSAGE + 2);
}

static void test_what_is_no_line(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "{}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\"}",
        "{\"at\":\"2026-13-24T09:30:00.123Z\",\"event\":\"ended\"}",
        "{\"at\":\"2026-11-24 09:30:00.123Z\",\"event\":\"ended\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"event\":\"other\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"event\":\"ended\"} ",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"event\":\"begun\",\"after\":\"\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"01\",\"us\":0,"
        "\"result\":\"fulfilled\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"18446744073709551616\","
        "\"us\":0,\"result\":\"fulfilled\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"\",\"us\":0,"
        "\"result\":\"fulfilled\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\\n\",\"in\":\"1\",\"us\":0,"
        "\"result\":\"fulfilled\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"to\":\"b\",\"in\":\"1\",\"us\":0,"
        "\"result\":\"fulfilled\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"1\",\"out\":\"1\",\"us\":0,"
        "\"result\":\"fulfilled\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"1\",\"id\":\"00\",\"us\":0,"
        "\"result\":\"fulfilled\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"1\",\"us\":0,"
        "\"result\":\"T04\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"1\",\"us\":0,"
        "\"result\":\"T0444\",\"by\":\"node\"}",
        "{\"at\":\"2026-11-24T09:30:00.123Z\",\"from\":\"a\",\"in\":\"1\",\"us\":0,"
        "\"result\":\"fulfilled\",\"by\":\"node\"}",
    };
    rill_packet_line line;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(rill_packet_line_read(wrong[i], strlen(wrong[i]), &line));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packets),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_what_others_wrote),
        cmocka_unit_test(test_what_is_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
