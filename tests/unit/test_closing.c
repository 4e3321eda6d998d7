/* SPDX-License-Identifier: Apache-2.0 */
/* The frames that end a connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "stream/core/closing.h"
#include <rill/rill.h>

static uint8_t text[RILL_PACKET_MAX_PLAINTEXT];
static rill_stream_packet packet;

/* What a packet has in it that begins with them. */
static void write(const rill_closing *closing)
{
    rill_packet_writer w;
    bool header_ok;
    rill_packet_begin(&w, text, sizeof text, RILL_ILP_PREPARE, 5, 0);
    rill_closing_put(closing, &w);
    size_t len = rill_packet_end(&w);
    assert_true(len > 0);
    assert_int_equal(rill_stream_packet_decode(&packet, text, len, &header_ok), RILL_OK);
}

static void test_a_close_without_a_word(void **state)
{
    const rill_closing closing = {.code = RILL_CLOSE_NO_ERROR};
    (void)state;
    write(&closing);
    assert_int_equal(packet.frame_count, 1);
    assert_int_equal(packet.kept[0].type, RILL_FRAME_CONNECTION_CLOSE);
    assert_int_equal(packet.kept[0].code, RILL_CLOSE_NO_ERROR);
    assert_int_equal(packet.kept[0].text.len, 0);
}

static void test_a_close_with_a_message(void **state)
{
    char message[] = "too many streams";
    const rill_closing closing = {.code = RILL_CLOSE_STREAM_ID_ERROR, .message = message};
    (void)state;
    write(&closing);
    assert_int_equal(packet.frame_count, 1);
    assert_int_equal(packet.kept[0].code, RILL_CLOSE_STREAM_ID_ERROR);
    assert_int_equal(packet.kept[0].text.len, strlen(message));
    assert_memory_equal(packet.kept[0].text.data, message, strlen(message));
}

/* The reader of each stream whose bytes are cut off knows that there were more. */
static void test_what_is_cut_off_comes_before_the_close(void **state)
{
    rill_cut cut[] = {{.stream = 1, .written = 70000}, {.stream = 6, .written = UINT64_MAX}};
    const rill_closing closing = {.code = RILL_CLOSE_APPLICATION_ERROR, .cut = cut, .cut_count = 2};
    (void)state;
    write(&closing);
    assert_int_equal(packet.frame_count, 3);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(packet.kept[i].type, RILL_FRAME_STREAM_DATA_BLOCKED);
        assert_true(packet.kept[i].stream == cut[i].stream);
        assert_true(packet.kept[i].value == cut[i].written);
    }
    assert_int_equal(packet.kept[2].type, RILL_FRAME_CONNECTION_CLOSE);
    assert_int_equal(packet.kept[2].code, RILL_CLOSE_APPLICATION_ERROR);
}

/* As many as there may be, with the longest message: all of it fits. */
static void test_the_largest_fits(void **state)
{
    static rill_cut cut[RILL_PACKET_MAX_FRAMES - 1];
    static char message[256];
    const uint32_t count = RILL_PACKET_MAX_FRAMES - 1;
    (void)state;
    memset(message, 'm', sizeof message - 1);
    for (uint32_t i = 0; i < count; i++)
        cut[i] = (rill_cut){.stream = UINT64_MAX - i, .written = UINT64_MAX};
    const rill_closing closing = {
        .code = RILL_CLOSE_NO_ERROR, .cut = cut, .cut_count = count, .message = message};
    write(&closing);
    assert_int_equal(packet.frame_count, count + 1);
    rill_frame_walk walk;
    rill_frames_begin(&walk, &packet);
    const rill_frame *last = NULL;
    for (const rill_frame *f; (f = rill_frame_walk_next(&walk)) != NULL;)
        last = f;
    assert_int_equal(last->type, RILL_FRAME_CONNECTION_CLOSE);
    assert_int_equal(last->text.len, sizeof message - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_close_without_a_word),
        cmocka_unit_test(test_a_close_with_a_message),
        cmocka_unit_test(test_what_is_cut_off_comes_before_the_close),
        cmocka_unit_test(test_the_largest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
