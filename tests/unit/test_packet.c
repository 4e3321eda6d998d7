/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <rill/error.h>

#include <rill/ilp.h>

#include "stream/wire/packet.h"

static int decode(rill_stream_packet *out, const uint8_t *bytes, size_t len, bool *header_ok)
{
    return rill_stream_packet_decode(out, bytes, len, header_ok);
}

static void test_a_packet_comes_back(void **state)
{
    uint8_t bytes[128];
    rill_packet_writer p;
    const rill_frame money = {.type = RILL_FRAME_STREAM_MONEY, .stream = 1, .value = 10};
    const rill_frame data = {.type = RILL_FRAME_STREAM_DATA,
                             .stream = 3,
                             .value = 9,
                             .text = {(const uint8_t *)"abc", 3}};

    (void)state;
    rill_packet_begin(&p, bytes, sizeof bytes, 12, 1000, UINT64_MAX);
    assert_int_equal(rill_packet_left(&p), sizeof bytes - 2 - 3 - 9 - 2);
    assert_true(rill_packet_add(&p, &money));
    assert_true(rill_packet_add(&p, &data));
    size_t len = rill_packet_end(&p);
    assert_int_equal(len, sizeof bytes - rill_packet_left(&p));

    rill_stream_packet packet;
    bool header_ok;
    assert_int_equal(decode(&packet, bytes, len, &header_ok), RILL_OK);
    assert_true(header_ok);
    assert_true(packet.type == 12 && packet.sequence == 1000 && packet.amount == UINT64_MAX);
    assert_true(packet.frame_count == 2);

    rill_reader frames = packet.frames;
    uint64_t left = packet.frame_count;
    rill_frame frame;
    assert_true(rill_stream_packet_next(&frames, &left, &frame));
    assert_true(frame.type == RILL_FRAME_STREAM_MONEY && frame.value == 10);
    assert_true(rill_stream_packet_next(&frames, &left, &frame));
    assert_true(frame.type == RILL_FRAME_STREAM_DATA && frame.value == 9 && frame.text.len == 3);
    assert_false(rill_stream_packet_next(&frames, &left, &frame));
    assert_false(rill_stream_packet_next(&frames, &left, &frame));
}

static void test_padding_and_later_fields_are_ignored(void **state)
{
    static const uint8_t bytes[] = {1, 14, 1, 5, 1, 6, 1, 1, 3, 2, 1, 42, 0, 0, 0, 0, 99};
    rill_stream_packet packet;
    bool header_ok;

    (void)state;
    assert_int_equal(decode(&packet, bytes, sizeof bytes, &header_ok), RILL_OK);
    assert_true(packet.type == 14 && packet.frame_count == 1);
}

static void test_every_cut_is_refused(void **state)
{
    static const uint8_t bytes[] = {1, 12, 2, 1, 5, 1, 6, 1, 2, 3, 2, 1, 42, 0x50, 1, 9};
    rill_stream_packet packet;
    bool header_ok;

    (void)state;
    assert_int_equal(decode(&packet, bytes, sizeof bytes, &header_ok), RILL_OK);
    for (size_t cut = 0; cut < sizeof bytes; cut++) {
        assert_int_equal(decode(&packet, bytes, cut, &header_ok), RILL_ERR_TRUNCATED);
        assert_true(header_ok == (cut >= 7));
    }
    assert_true(packet.sequence == 261 && packet.amount == 6);
}

static void test_another_version_is_refused(void **state)
{
    static const uint8_t bytes[] = {2, 12, 1, 5, 1, 6, 1, 0};
    rill_stream_packet packet;
    bool header_ok = true;

    (void)state;
    assert_int_equal(decode(&packet, bytes, sizeof bytes, &header_ok), RILL_ERR_UNSUPPORTED);
    assert_false(header_ok);
}

static void test_a_count_of_2_to_the_63_is_refused_at_once(void **state)
{
    static uint8_t bytes[RILL_PACKET_MAX_PLAINTEXT];
    static const uint8_t head[] = {1, 12, 1, 5, 1, 6, 8, 0x80, 0, 0, 0, 0, 0, 0, 0};
    rill_stream_packet packet;
    bool header_ok;

    (void)state;
    memcpy(bytes, head, sizeof head);
    assert_int_equal(decode(&packet, bytes, sizeof bytes, &header_ok), RILL_ERR_TRUNCATED);
    assert_true(header_ok);
    assert_true(packet.frame_count == 0);
}

static void test_as_many_frames_as_fit_are_read(void **state)
{
    static uint8_t bytes[RILL_PACKET_MAX_PLAINTEXT];
    /* Unknown frames of type 0 with an empty body, as many as there is room for. */
    static const uint8_t head[] = {1, 12, 1, 5, 1, 6, 2, 0x3f, 0xed};
    rill_stream_packet packet;
    bool header_ok;

    (void)state;
    memcpy(bytes, head, sizeof head);
    assert_int_equal((sizeof bytes - sizeof head) / 2, 0x3fed);
    assert_int_equal(decode(&packet, bytes, sizeof bytes, &header_ok), RILL_OK);
    bytes[8] += 1;
    assert_int_equal(decode(&packet, bytes, sizeof bytes, &header_ok), RILL_ERR_TRUNCATED);
}

static void test_a_broken_frame_leaves_the_header(void **state)
{
    static const uint8_t bytes[] = {1, 12, 1, 5, 1, 6, 1, 1, 3, 1, 0};
    rill_stream_packet packet;
    bool header_ok;

    (void)state;
    assert_int_equal(decode(&packet, bytes, sizeof bytes, &header_ok), RILL_ERR_MALFORMED);
    assert_true(header_ok && packet.sequence == 5 && packet.amount == 6);
}

static void test_numbers_past_64_bits_are_refused(void **state)
{
    static const uint8_t sequence[] = {1, 12, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 6, 1, 0};
    static const uint8_t amount[] = {1, 12, 1, 6, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0};
    static const uint8_t count[] = {1, 12, 1, 6, 1, 0, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    rill_stream_packet packet;
    bool header_ok;

    (void)state;
    assert_int_equal(decode(&packet, sequence, sizeof sequence, &header_ok), RILL_ERR_RANGE);
    assert_false(header_ok);
    assert_int_equal(decode(&packet, amount, sizeof amount, &header_ok), RILL_ERR_RANGE);
    assert_false(header_ok);
    assert_int_equal(decode(&packet, count, sizeof count, &header_ok), RILL_ERR_RANGE);
    assert_true(header_ok);
}

static void test_what_does_not_fit_is_not_written(void **state)
{
    uint8_t bytes[64];
    rill_packet_writer p;
    const rill_frame frame = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = 1};

    (void)state;
    for (size_t cap = 0; cap <= 7; cap++) {
        rill_packet_begin(&p, bytes, cap, 12, 1, 1);
        assert_false(rill_packet_add(&p, &frame));
        assert_int_equal(rill_packet_left(&p), 0);
        assert_int_equal(rill_packet_end(&p), 0);
    }
    rill_packet_begin(&p, bytes, 8 + 4 + 3, 12, 1, 1);
    assert_true(rill_packet_add(&p, &frame));
    assert_false(rill_packet_add(&p, &frame));
    assert_int_equal(rill_packet_left(&p), 3);
    assert_int_equal(rill_packet_end(&p), 12);
    assert_int_equal(bytes[7], 1);
}

static void test_at_most_255_frames_are_written(void **state)
{
    static uint8_t bytes[2048];
    rill_packet_writer p;
    const rill_frame frame = {.type = RILL_FRAME_CONNECTION_MAX_DATA, .value = 1};
    const rill_frame unknown = {.type = 0x44};

    (void)state;
    rill_packet_begin(&p, bytes, sizeof bytes, 12, 1, 1);
    assert_false(rill_packet_add(&p, &unknown));
    for (unsigned i = 0; i < RILL_PACKET_MAX_FRAMES; i++)
        assert_true(rill_packet_add(&p, &frame));
    assert_false(rill_packet_add(&p, &frame));
    size_t len = rill_packet_end(&p);
    rill_stream_packet packet;
    bool header_ok;
    assert_int_equal(decode(&packet, bytes, len, &header_ok), RILL_OK);
    assert_true(packet.frame_count == RILL_PACKET_MAX_FRAMES);
}

static void test_the_walk_gives_what_reading_again_does(void **state)
{
    uint8_t bytes[1000];
    rill_packet_writer p;
    rill_stream_packet packet;
    rill_frame frame;
    bool header_ok;

    (void)state;
    for (unsigned count = 0; count <= 3 * RILL_PACKET_KEPT_FRAMES; count++) {
        rill_packet_begin(&p, bytes, sizeof bytes, 12, 1, 1);
        for (unsigned i = 0; i < count; i++) {
            frame = (rill_frame){.type = RILL_FRAME_STREAM_MONEY, .stream = i + 1, .value = i};
            assert_true(rill_packet_add(&p, &frame));
        }
        assert_int_equal(decode(&packet, bytes, rill_packet_end(&p), &header_ok), RILL_OK);
        for (unsigned twice = 0; twice < 2; twice++) {
            rill_frame_walk walk;
            rill_frames_begin(&walk, &packet);
            rill_reader frames = packet.frames;
            uint64_t left = packet.frame_count;
            for (const rill_frame *f; (f = rill_frame_walk_next(&walk)) != NULL;) {
                assert_true(rill_stream_packet_next(&frames, &left, &frame));
                assert_memory_equal(f, &frame, sizeof frame);
            }
            assert_int_equal(left, 0);
            assert_null(rill_frame_walk_next(&walk));
        }
    }
}

static void test_data_is_written_as_a_frame_is(void **state)
{
    uint8_t one[400], two[400], data[200];
    rill_packet_writer p, q;

    (void)state;
    memset(data, 7, sizeof data);
    for (size_t len = 0; len < sizeof data; len++) {
        for (size_t cap = len; cap < len + 40; cap++) {
            rill_frame frame = {.type = RILL_FRAME_STREAM_DATA,
                                .stream = 300,
                                .value = len << 20,
                                .text = {data, len}};
            rill_packet_begin(&p, one, cap, 12, 1, 1);
            rill_packet_begin(&q, two, cap, 12, 1, 1);
            bool added = rill_packet_add(&p, &frame);
            uint8_t *at = rill_packet_add_data(&q, frame.stream, frame.value, len);
            assert_int_equal(added, at != NULL);
            if (at)
                memcpy(at, data, len);
            size_t end = rill_packet_end(&p);
            assert_int_equal(end, rill_packet_end(&q));
            assert_memory_equal(one, two, end);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_packet_comes_back),
        cmocka_unit_test(test_padding_and_later_fields_are_ignored),
        cmocka_unit_test(test_every_cut_is_refused),
        cmocka_unit_test(test_another_version_is_refused),
        cmocka_unit_test(test_a_count_of_2_to_the_63_is_refused_at_once),
        cmocka_unit_test(test_as_many_frames_as_fit_are_read),
        cmocka_unit_test(test_a_broken_frame_leaves_the_header),
        cmocka_unit_test(test_numbers_past_64_bits_are_refused),
        cmocka_unit_test(test_what_does_not_fit_is_not_written),
        cmocka_unit_test(test_at_most_255_frames_are_written),
        cmocka_unit_test(test_the_walk_gives_what_reading_again_does),
        cmocka_unit_test(test_data_is_written_as_a_frame_is),
    };
    return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
