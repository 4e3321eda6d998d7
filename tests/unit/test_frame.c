/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include "stream/wire/frame.h"

/* Every known type once, with values that take several bytes. */
static const rill_frame samples[] = {
    {.type = RILL_FRAME_CONNECTION_CLOSE, .code = 7, .text = {(const uint8_t *)"why", 3}},
    {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS, .text = {(const uint8_t *)"example.a", 9}},
    {.type = RILL_FRAME_CONNECTION_NEW_ADDRESS},
    {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = 0},
    {.type = RILL_FRAME_CONNECTION_DATA_BLOCKED, .value = 255},
    {.type = RILL_FRAME_CONNECTION_MAX_STREAM_ID, .value = 256},
    {.type = RILL_FRAME_CONNECTION_STREAM_ID_BLOCKED, .value = UINT64_MAX},
    {.type = RILL_FRAME_CONNECTION_ASSET_DETAILS, .code = 9, .text = {(const uint8_t *)"XRP", 3}},
    {.type = RILL_FRAME_STREAM_CLOSE, .stream = 5, .code = 1, .text = {NULL, 0}},
    {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 3},
    {.type = RILL_FRAME_STREAM_MAX_MONEY, .stream = 1, .value = UINT64_MAX, .total = 70000},
    {.type = RILL_FRAME_STREAM_MONEY_BLOCKED, .stream = 1, .value = 1, .total = UINT64_MAX},
    {.type = RILL_FRAME_STREAM_DATA,
     .stream = 300,
     .value = 1 << 20,
     .text = {(const uint8_t *)"data", 4}},
    {.type = RILL_FRAME_STREAM_MAX_DATA, .stream = 2, .value = 65536},
    {.type = RILL_FRAME_STREAM_DATA_BLOCKED, .stream = UINT64_MAX, .value = 1},
    {.type = RILL_FRAME_STREAM_RECEIPT, .stream = 1, .text = {(const uint8_t *)"receipt", 7}},
};
#define SAMPLES (sizeof samples / sizeof samples[0])

static void assert_same(const rill_frame *a, const rill_frame *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->code, b->code);
    assert_true(a->stream == b->stream);
    assert_true(a->value == b->value);
    assert_true(a->total == b->total);
    assert_int_equal(a->text.len, b->text.len);
    if (a->text.len > 0)
        assert_memory_equal(a->text.data, b->text.data, a->text.len);
}

static void test_every_type_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t bytes[64];
        rill_writer w = rill_writer_of(bytes, sizeof bytes);
        rill_frame_write(&w, &samples[i]);
        assert_false(w.failed);
        assert_int_equal(rill_writer_len(&w), rill_frame_size(&samples[i]));

        rill_reader r = rill_reader_of(bytes, rill_writer_len(&w));
        rill_frame frame;
        assert_int_equal(rill_frame_read(&r, &frame), RILL_OK);
        assert_int_equal(rill_reader_left(&r), 0);
        assert_same(&frame, &samples[i]);
    }
}

static void test_every_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t bytes[64];
        rill_writer w = rill_writer_of(bytes, sizeof bytes);
        rill_frame_write(&w, &samples[i]);
        for (size_t cut = 0; cut < rill_writer_len(&w); cut++) {
            rill_reader r = rill_reader_of(bytes, cut);
            rill_frame frame;
            assert_int_equal(rill_frame_read(&r, &frame), RILL_ERR_TRUNCATED);
        }
        /* Also if the outer length is right and the body is too short. */
        for (uint8_t body = 0; body < bytes[1]; body++) {
            uint8_t copy[64];
            memcpy(copy, bytes, sizeof copy);
            copy[1] = body;
            rill_reader r = rill_reader_of(copy, 2U + body);
            rill_frame frame;
            assert_int_not_equal(rill_frame_read(&r, &frame), RILL_OK);
        }
    }
}

static void test_too_little_room_shows_in_the_writer(void **state)
{
    (void)state;
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t cap = 0; cap < rill_frame_size(&samples[i]); cap++) {
            uint8_t bytes[64];
            rill_writer w = rill_writer_of(bytes, cap);
            rill_frame_write(&w, &samples[i]);
            assert_true(w.failed);
        }
    }
}

static void test_unknown_types_are_given_and_skipped(void **state)
{
    static const uint8_t bytes[] = {0x63, 3, 1, 2, 3, 0x00, 0, 0xff, 0, 0x03, 2, 1, 42};
    static const uint8_t types[] = {0x63, 0x00, 0xff};
    rill_reader r = rill_reader_of(bytes, sizeof bytes);
    rill_frame frame;

    (void)state;
    for (size_t i = 0; i < sizeof types; i++) {
        assert_int_equal(rill_frame_read(&r, &frame), RILL_OK);
        assert_int_equal(frame.type, types[i]);
        assert_int_equal(frame.text.len, 0);
    }
    assert_int_equal(rill_frame_read(&r, &frame), RILL_OK);
    assert_true(frame.type == RILL_FRAME_CONNECTION_MAX_DATA && frame.value == 42);
}

static void test_bytes_left_over_in_a_known_frame_are_ignored(void **state)
{
    static const uint8_t bytes[] = {0x03, 5, 1, 42, 9, 9, 9, 0x05, 2, 1, 1};
    rill_reader r = rill_reader_of(bytes, sizeof bytes);
    rill_frame frame;

    (void)state;
    assert_int_equal(rill_frame_read(&r, &frame), RILL_OK);
    assert_true(frame.value == 42);
    assert_int_equal(rill_frame_read(&r, &frame), RILL_OK);
    assert_int_equal(frame.type, RILL_FRAME_CONNECTION_MAX_STREAM_ID);
}

static void test_only_two_numbers_saturate(void **state)
{
    /* Nine bytes: 2^64. */
    static const uint8_t max_money[] = {0x12, 14, 1, 7, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5};
    static const uint8_t blocked[] = {0x13, 14, 1, 7, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 5};
    static const uint8_t total[] = {0x12, 14, 1, 7, 1, 5, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t shares[] = {0x11, 12, 1, 7, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t stream[] = {0x11, 12, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1};
    static const uint8_t max_data[] = {0x03, 10, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    const rill_bytes over[] = {{total, sizeof total},
                               {shares, sizeof shares},
                               {stream, sizeof stream},
                               {max_data, sizeof max_data}};
    rill_frame frame;

    (void)state;
    rill_reader r = rill_reader_of(max_money, sizeof max_money);
    assert_int_equal(rill_frame_read(&r, &frame), RILL_OK);
    assert_true(frame.stream == 7 && frame.value == UINT64_MAX && frame.total == 5);
    r = rill_reader_of(blocked, sizeof blocked);
    assert_int_equal(rill_frame_read(&r, &frame), RILL_OK);
    assert_true(frame.stream == 7 && frame.value == UINT64_MAX && frame.total == 5);
    for (size_t i = 0; i < sizeof over / sizeof over[0]; i++) {
        r = rill_reader_of(over[i].data, over[i].len);
        assert_int_equal(rill_frame_read(&r, &frame), RILL_ERR_RANGE);
    }
}

static void test_broken_lengths_are_refused(void **state)
{
    static const uint8_t empty_number[] = {0x03, 1, 0};
    static const uint8_t huge[] = {0x03, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    static const uint8_t endless[] = {0x03, 0x80, 0, 0};
    rill_frame frame;

    (void)state;
    rill_reader r = rill_reader_of(empty_number, sizeof empty_number);
    assert_int_equal(rill_frame_read(&r, &frame), RILL_ERR_MALFORMED);
    r = rill_reader_of(huge, sizeof huge);
    assert_int_not_equal(rill_frame_read(&r, &frame), RILL_OK);
    r = rill_reader_of(endless, sizeof endless);
    assert_int_equal(rill_frame_read(&r, &frame), RILL_ERR_MALFORMED);
}

static void test_long_data_takes_a_long_length(void **state)
{
    static uint8_t data[32000];
    static uint8_t bytes[32100];
    rill_frame frame = {.type = RILL_FRAME_STREAM_DATA, .stream = 1, .text = {data, sizeof data}};
    rill_writer w = rill_writer_of(bytes, sizeof bytes);

    (void)state;
    memset(data, 0xa5, sizeof data);
    rill_frame_write(&w, &frame);
    assert_int_equal(rill_writer_len(&w), 1 + 3 + 2 + 2 + 3 + sizeof data);
    assert_int_equal(rill_frame_size(&frame), rill_writer_len(&w));
    rill_reader r = rill_reader_of(bytes, rill_writer_len(&w));
    rill_frame back;
    assert_int_equal(rill_frame_read(&r, &back), RILL_OK);
    assert_same(&back, &frame);
}

static void test_unknown_types_are_not_written(void **state)
{
    uint8_t bytes[8];
    rill_frame frame = {.type = 0x30};
    rill_writer w = rill_writer_of(bytes, sizeof bytes);

    (void)state;
    assert_int_equal(rill_frame_size(&frame), 0);
    rill_frame_write(&w, &frame);
    assert_true(w.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_type_comes_back),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_too_little_room_shows_in_the_writer),
        cmocka_unit_test(test_unknown_types_are_given_and_skipped),
        cmocka_unit_test(test_bytes_left_over_in_a_known_frame_are_ignored),
        cmocka_unit_test(test_only_two_numbers_saturate),
        cmocka_unit_test(test_broken_lengths_are_refused),
        cmocka_unit_test(test_long_data_takes_a_long_length),
        cmocka_unit_test(test_unknown_types_are_not_written),
    };
    return cmocka_run_group_tests_name("frame", tests, NULL, NULL);
}
