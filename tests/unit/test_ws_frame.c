/* SPDX-License-Identifier: Apache-2.0 */
/* Frames that come whole or in any parts, and frames that must not come (RFC 6455 section 5). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <rill/error.h>

#include "ws/ws_frame.h"

enum { MAX = 100000 };

/* Everything that a reader gave. */
typedef struct heard {
    rill_ws_reader reader;
    unsigned messages, pings, closes;
    size_t len; /* of the last message or control frame */
    uint8_t bytes[MAX];
    size_t partial; /* of a message under way */
    bool in_place;  /* the last part lay in the bytes that were fed */
    uint16_t answer;
} heard;

static heard h;

static void begin(bool from_client, size_t max)
{
    memset(&h, 0, sizeof h);
    rill_ws_reader_init(&h.reader, from_client, max);
}

static void hear(const rill_ws_part *part, const uint8_t *from, const uint8_t *end)
{
    h.in_place = part->data >= from && part->data + part->len <= end;
    assert_in_range(part->len, 0, MAX - h.partial);
    if (part->opcode != RILL_WS_BINARY) {
        assert_true(part->last);
        h.pings += part->opcode == RILL_WS_PING;
        h.closes += part->opcode == RILL_WS_CLOSE;
        h.answer = part->opcode == RILL_WS_CLOSE ? rill_ws_close_answer(part) : 0;
        h.len = part->len;
        if (part->len != 0 && h.partial == 0)
            memcpy(h.bytes, part->data, part->len);
        return;
    }
    if (part->len != 0)
        memcpy(h.bytes + h.partial, part->data, part->len);
    h.partial += part->len;
    if (part->last) {
        h.messages++;
        h.len = h.partial;
        h.partial = 0;
    }
}

/* In reads of `piece` bytes, each in memory of its own. */
static int feed(const uint8_t *bytes, size_t len, size_t piece)
{
    int error = RILL_ERR_BLOCKED;
    while (len != 0 && error == RILL_ERR_BLOCKED) {
        size_t now = len < piece ? len : piece;
        uint8_t *copy = malloc(now);
        assert_non_null(copy);
        memcpy(copy, bytes, now);
        uint8_t *at = copy;
        size_t left = now;
        rill_ws_part part;
        while ((error = rill_ws_reader_next(&h.reader, &at, &left, &part)) == RILL_OK)
            hear(&part, copy, copy + now);
        free(copy);
        bytes += now;
        len -= now;
    }
    return error;
}

/* A frame with payload i, i + 1, ... */
static size_t frame(uint8_t *out, rill_ws_opcode opcode, size_t len, bool masked)
{
    uint8_t key[4] = {0xA1, 0xB2, 0xC3, 0xD4};
    size_t header = rill_ws_header(out, opcode, len, masked ? key : NULL);
    for (size_t i = 0; i < len; i++)
        out[header + i] = (uint8_t)i;
    if (masked)
        rill_ws_mask(out + header, len, key);
    return header + len;
}

static void test_lengths_and_pieces(void **state)
{
    (void)state;
    static const size_t lens[] = {0, 1, 125, 126, 127, 1000, 65535, 65536, 70001};
    static const size_t pieces[] = {1, 2, 3, 13, 14, 15, 64, 4096, MAX};
    static uint8_t bytes[MAX];
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        for (size_t k = 0; k < 2 * sizeof pieces / sizeof pieces[0]; k++) {
            bool masked = k % 2 == 0;
            size_t len = frame(bytes, RILL_WS_BINARY, lens[i], masked);
            begin(masked, MAX);
            assert_int_equal(feed(bytes, len, pieces[k / 2]), RILL_ERR_BLOCKED);
            assert_int_equal(h.messages, 1);
            assert_int_equal(h.len, lens[i]);
            assert_int_equal(h.in_place, true);
            for (size_t at = 0; at < h.len; at++)
                assert_int_equal(h.bytes[at], (uint8_t)at);
        }
    }
}

static void test_mask_at_every_place(void **state)
{
    (void)state;
    for (size_t len = 0; len < 200; len++) {
        for (size_t cut = 0; cut <= len; cut += 7) {
            uint8_t data[200] = {0};
            uint8_t key[4] = {1, 2, 3, 4};
            rill_ws_mask(data, cut, key);
            rill_ws_mask(data + cut, len - cut, key);
            for (size_t i = 0; i < len; i++)
                assert_int_equal(data[i], i % 4 + 1);
            assert_int_equal(key[0], len % 4 + 1);
        }
    }
}

static void test_fragments_with_control_frames_between(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x02, 1, 'a',  0x89, 2,   'p', 'q',  0x00, 0,
                                    0x89, 0, 0x80, 2,    'b', 'c', 0x82, 1,    'd'};
    for (size_t piece = 1; piece <= sizeof bytes; piece++) {
        begin(false, 3);
        assert_int_equal(feed(bytes, sizeof bytes - 3, piece), RILL_ERR_BLOCKED);
        assert_int_equal(h.messages, 1);
        assert_int_equal(h.pings, 2);
        assert_int_equal(h.len, 3);
        assert_memory_equal(h.bytes, "abc", 3);
        assert_int_equal(feed(bytes + sizeof bytes - 3, 3, piece), RILL_ERR_BLOCKED);
        assert_int_equal(h.messages, 2);
    }
}

static void expect_refused(const void *bytes, size_t len, bool from_client, uint16_t code)
{
    for (size_t piece = 1; piece <= len; piece++) {
        begin(from_client, 1000);
        assert_int_equal(feed(bytes, len, piece), RILL_ERR_PROTOCOL);
        assert_int_equal(h.reader.code, code);
        assert_non_null(h.reader.problem);
        /* For good. */
        assert_int_equal(feed((const uint8_t *)"\x82\0", 2, 2), RILL_ERR_PROTOCOL);
        assert_int_equal(h.messages, 0);
    }
}

static void test_what_must_not_come(void **state)
{
    (void)state;
    expect_refused("\x82\x80", 2, false, RILL_WS_PROTOCOL_ERROR); /* masked by a server */
    expect_refused("\x82\x00", 2, true, RILL_WS_PROTOCOL_ERROR);  /* not masked by a client */
    expect_refused("\xC2\x00", 2, false, RILL_WS_PROTOCOL_ERROR); /* reserved bits */
    expect_refused("\xA2\x00", 2, false, RILL_WS_PROTOCOL_ERROR);
    expect_refused("\x92\x00", 2, false, RILL_WS_PROTOCOL_ERROR);
    expect_refused("\x83\x00", 2, false, RILL_WS_PROTOCOL_ERROR); /* reserved opcodes */
    expect_refused("\x8B\x00", 2, false, RILL_WS_PROTOCOL_ERROR);
    expect_refused("\x8F\x00", 2, false, RILL_WS_PROTOCOL_ERROR);
    expect_refused("\x09\x00", 2, false, RILL_WS_PROTOCOL_ERROR); /* a ping in parts */
    expect_refused("\x89\x7E", 2, false, RILL_WS_PROTOCOL_ERROR); /* a long one */
    expect_refused("\x80\x00", 2, false, RILL_WS_PROTOCOL_ERROR); /* continues nothing */
    expect_refused("\x02\x00\x82\x00", 4, false, RILL_WS_PROTOCOL_ERROR);
    expect_refused("\x81\x00", 2, false, RILL_WS_UNSUPPORTED);
    /* Lengths that have a shorter form, and one beyond 63 bits. */
    expect_refused("\x82\x7E\x00\x7D", 4, false, RILL_WS_PROTOCOL_ERROR);
    expect_refused("\x82\x7F\0\0\0\0\0\0\xFF\xFF", 10, false, RILL_WS_PROTOCOL_ERROR);
    expect_refused("\x82\x7F\x80\0\0\0\0\1\0\0", 10, false, RILL_WS_PROTOCOL_ERROR);
    /* More than the limit, at once and in parts. */
    expect_refused("\x82\x7E\x03\xE9", 4, false, RILL_WS_TOO_BIG);
    expect_refused("\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10, false, RILL_WS_TOO_BIG);
    expect_refused("\x02\x01x\x80\x7E\x03\xE8", 7, false, RILL_WS_TOO_BIG);
}

static void expect_answer(const char *payload, size_t len, uint16_t answer)
{
    uint8_t bytes[2 + RILL_WS_MAX_CONTROL] = {0x88, (uint8_t)len};
    memcpy(bytes + 2, payload, len);
    for (size_t piece = 1; piece <= len + 2; piece++) {
        begin(false, 1000);
        assert_int_equal(feed(bytes, len + 2, piece), RILL_ERR_BLOCKED);
        assert_int_equal(h.closes, 1);
        assert_int_equal(h.answer, answer);
        /* Nothing comes after it. */
        assert_int_equal(feed((const uint8_t *)"\x82\0", 2, 2), RILL_ERR_BLOCKED);
        assert_int_equal(h.messages, 0);
    }
}

static void test_close_frames(void **state)
{
    (void)state;
    expect_answer("", 0, 0);
    expect_answer("\x03\xE8", 2, 1000);
    expect_answer("\x03\xF0", 2, 1008);
    expect_answer("\x0F\xA0", 2, 4000);
    expect_answer("\x03", 1, RILL_WS_PROTOCOL_ERROR);
    expect_answer("\x03\xEC", 2, RILL_WS_PROTOCOL_ERROR); /* 1004, 1005, 1006, 1015, 999, 5000 */
    expect_answer("\x03\xED", 2, RILL_WS_PROTOCOL_ERROR);
    expect_answer("\x03\xEE", 2, RILL_WS_PROTOCOL_ERROR);
    expect_answer("\x03\xF7", 2, RILL_WS_PROTOCOL_ERROR);
    expect_answer("\x03\xE7", 2, RILL_WS_PROTOCOL_ERROR);
    expect_answer("\x13\x88", 2, RILL_WS_PROTOCOL_ERROR);
    expect_answer("\x03\xE8 \xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80", 12, 1000);
    static const char *const wrong[] = {"\x80",         "\xC0\xAF",         "\xC3",
                                        "\xE0\x9F\xBF", "\xED\xA0\x80",     "\xF0\x8F\xBF\xBF",
                                        "\xE2\x82",     "\xF4\x90\x80\x80", "\xF5\x80\x80\x80",
                                        "\xFF",         "\xE2\x28\xA1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char payload[8] = "\x03\xE8";
        memcpy(payload + 2, wrong[i], strlen(wrong[i]));
        expect_answer(payload, 2 + strlen(wrong[i]), RILL_WS_BAD_PAYLOAD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_and_pieces),
        cmocka_unit_test(test_mask_at_every_place),
        cmocka_unit_test(test_fragments_with_control_frames_between),
        cmocka_unit_test(test_what_must_not_come),
        cmocka_unit_test(test_close_frames),
    };
    return cmocka_run_group_tests_name("ws_frame", tests, NULL, NULL);
}
