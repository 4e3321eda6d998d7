/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The STREAM packets of the reference implementations' shared test vectors:
 * every field of every packet decoded, and encoded to the same bytes.
 * The environment variable RILL_VECTORS names the folder.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <rill/error.h>

#include "base/base64.h"
#include "stream/wire/packet.h"

#define VECTORS 53

static json_t *vectors;

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    if (text == NULL)
        fail_msg("no text %s", key);
    return text;
}

static uint64_t amount_of(const json_t *object, const char *key)
{
    uint64_t amount;

    assert_int_equal(rill_amount_parse(text_of(object, key), &amount), RILL_OK);
    return amount;
}

static uint8_t byte_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    assert_true(json_is_integer(value));
    assert_in_range(json_integer_value(value), 0, 255);
    return (uint8_t)json_integer_value(value);
}

static rill_bytes text_bytes(const json_t *object, const char *key)
{
    const char *text = text_of(object, key);

    return (rill_bytes){.data = (const uint8_t *)text, .len = strlen(text)};
}

static rill_bytes base64_bytes(const json_t *object, const char *key, uint8_t *out, size_t cap)
{
    const char *text = text_of(object, key);
    rill_bytes bytes = {.data = out};

    assert_int_equal(rill_base64_decode(text, strlen(text), out, cap, &bytes.len), RILL_OK);
    return bytes;
}

/* Reads its text into buf[cap] if it is base64 in the vector. */
static rill_frame frame_of(const json_t *v, uint8_t *buf, size_t cap)
{
    rill_frame f = {.type = byte_of(v, "type")};

    if (f.type >= RILL_FRAME_STREAM_CLOSE)
        f.stream = amount_of(v, "streamId");
    switch (f.type) {
    case RILL_FRAME_CONNECTION_CLOSE:
    case RILL_FRAME_STREAM_CLOSE:
        f.code = byte_of(v, "errorCode");
        f.text = text_bytes(v, "errorMessage");
        break;
    case RILL_FRAME_CONNECTION_NEW_ADDRESS:
        f.text = text_bytes(v, "sourceAccount");
        break;
    case RILL_FRAME_CONNECTION_ASSET_DETAILS:
        f.text = text_bytes(v, "sourceAssetCode");
        f.code = byte_of(v, "sourceAssetScale");
        break;
    case RILL_FRAME_CONNECTION_MAX_DATA:
    case RILL_FRAME_CONNECTION_DATA_BLOCKED:
    case RILL_FRAME_STREAM_MAX_DATA:
    case RILL_FRAME_STREAM_DATA_BLOCKED:
        f.value = amount_of(v, "maxOffset");
        break;
    case RILL_FRAME_CONNECTION_MAX_STREAM_ID:
    case RILL_FRAME_CONNECTION_STREAM_ID_BLOCKED:
        f.value = amount_of(v, "maxStreamId");
        break;
    case RILL_FRAME_STREAM_MONEY:
        f.value = amount_of(v, "shares");
        break;
    case RILL_FRAME_STREAM_MAX_MONEY:
        f.value = amount_of(v, "receiveMax");
        f.total = amount_of(v, "totalReceived");
        break;
    case RILL_FRAME_STREAM_MONEY_BLOCKED:
        f.value = amount_of(v, "sendMax");
        f.total = amount_of(v, "totalSent");
        break;
    case RILL_FRAME_STREAM_DATA:
        f.value = amount_of(v, "offset");
        f.text = base64_bytes(v, "data", buf, cap);
        break;
    case RILL_FRAME_STREAM_RECEIPT:
        f.text = base64_bytes(v, "receipt", buf, cap);
        break;
    default:
        fail_msg("frame of type %d", f.type);
    }
    return f;
}

static void check_frame(const rill_frame *got, const rill_frame *expected)
{
    assert_int_equal(got->type, expected->type);
    assert_int_equal(got->code, expected->code);
    assert_true(got->stream == expected->stream);
    assert_true(got->value == expected->value);
    assert_true(got->total == expected->total);
    assert_int_equal(got->text.len, expected->text.len);
    if (got->text.len > 0)
        assert_memory_equal(got->text.data, expected->text.data, got->text.len);
}

static void check_decode(const json_t *expected, rill_bytes bytes)
{
    const json_t *frames = json_object_get(expected, "frames");
    rill_stream_packet packet;
    rill_frame frame;
    bool header_ok;
    uint8_t buf[256];

    assert_int_equal(rill_stream_packet_decode(&packet, bytes.data, bytes.len, &header_ok),
                     RILL_OK);
    assert_true(header_ok);
    assert_int_equal(packet.type, byte_of(expected, "packetType"));
    assert_true(packet.sequence == amount_of(expected, "sequence"));
    assert_true(packet.amount == amount_of(expected, "amount"));
    assert_int_equal(packet.frame_count, json_array_size(frames));

    rill_reader r = packet.frames;
    uint64_t left = packet.frame_count;
    for (size_t i = 0; i < json_array_size(frames); i++) {
        rill_frame expected_frame = frame_of(json_array_get(frames, i), buf, sizeof buf);
        assert_true(rill_stream_packet_next(&r, &left, &frame));
        check_frame(&frame, &expected_frame);
    }
    assert_false(rill_stream_packet_next(&r, &left, &frame));
    assert_int_equal(rill_reader_left(&r), 0);
}

static void check_encode(const json_t *v, rill_bytes bytes)
{
    const json_t *frames = json_object_get(v, "frames");
    rill_packet_writer p;
    uint8_t out[512];
    uint8_t buf[256];

    rill_packet_begin(&p, out, sizeof out, byte_of(v, "packetType"), amount_of(v, "sequence"),
                      amount_of(v, "amount"));
    for (size_t i = 0; i < json_array_size(frames); i++) {
        rill_frame frame = frame_of(json_array_get(frames, i), buf, sizeof buf);
        assert_true(rill_packet_add(&p, &frame));
    }
    assert_int_equal(rill_packet_end(&p), bytes.len);
    assert_memory_equal(out, bytes.data, bytes.len);
}

static bool decode_only(const json_t *vector)
{
    return json_is_true(json_object_get(vector, "decode_only"));
}

static void test_decode(void **state)
{
    uint8_t buf[512];

    (void)state;
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        print_message("# %s\n", text_of(vector, "name"));
        check_decode(json_object_get(vector, "packet"),
                     base64_bytes(vector, "buffer", buf, sizeof buf));
    }
}

static void test_encode(void **state)
{
    uint8_t buf[512];
    size_t skipped = 0;

    (void)state;
    for (size_t i = 0; i < json_array_size(vectors); i++) {
        const json_t *vector = json_array_get(vectors, i);
        if (decode_only(vector)) {
            skipped++;
            continue;
        }
        print_message("# %s\n", text_of(vector, "name"));
        check_encode(json_object_get(vector, "packet"),
                     base64_bytes(vector, "buffer", buf, sizeof buf));
    }
    assert_int_equal(skipped, 2);
}

static int load(void **state)
{
    const char *folder = getenv("RILL_VECTORS");
    char path[4096];
    json_error_t error;

    (void)state;
    (void)snprintf(path, sizeof path, "%s/stream-packets.json",
                   folder != NULL ? folder : "tests/golden/vectors");
    vectors = json_load_file(path, 0, &error);
    if (vectors == NULL || json_array_size(vectors) != VECTORS) {
        print_error("%s: %s\n", path, vectors == NULL ? error.text : "not 53 vectors");
        return -1;
    }
    return 0;
}

static int unload(void **state)
{
    (void)state;
    json_decref(vectors);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_encode),
    };
    return cmocka_run_group_tests_name("stream vectors", tests, load, unload);
}
