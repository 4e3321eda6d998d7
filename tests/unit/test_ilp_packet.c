/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <rill/error.h>
#include <rill/ilp.h>
#include <stdlib.h>
#include <string.h>

#include "ilp/address.h"
#include "ilp/oer.h"

#define BYTES(text) ((rill_bytes){(const uint8_t *)(text), sizeof(text) - 1})

static const uint8_t hash[32] = "0123456789abcdef0123456789abcdef";

static rill_prepare a_prepare(void)
{
    return (rill_prepare){107, UINT64_C(1513992100549), hash, BYTES("example.alice"),
                          BYTES("data")};
}

static void assert_bytes(rill_bytes a, rill_bytes b)
{
    assert_int_equal(a.len, b.len);
    if (a.len != 0)
        assert_memory_equal(a.data, b.data, a.len);
}

/* Decodes from the heap, to the byte, so that reading past the end is seen. */
static int decode_prepare(const uint8_t *packet, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, packet, len);
    rill_prepare p;
    int err = rill_prepare_decode(&p, copy, len);
    free(copy);
    return err;
}

static void test_prepare(void **state)
{
    (void)state;
    rill_prepare in = a_prepare(), out;
    uint8_t buf[256];
    size_t len;
    assert_int_equal(rill_prepare_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    assert_int_equal(len, 2 + 8 + 17 + 32 + 1 + 13 + 1 + 4);
    assert_memory_equal(buf,
                        "\x0c\x4c\0\0\0\0\0\0\0\x6b"
                        "20171223012140549",
                        27);
    assert_int_equal(rill_prepare_decode(&out, buf, len), RILL_OK);
    assert_true(out.amount == 107);
    assert_true(out.expires_at_ms == in.expires_at_ms);
    assert_memory_equal(out.condition, hash, 32);
    assert_bytes(out.destination, in.destination);
    assert_bytes(out.data, in.data);
    /* One byte too little room. */
    size_t none = 99;
    assert_int_equal(rill_prepare_encode(&in, buf, len - 1, &none), RILL_ERR_BUFFER);
    assert_int_equal(none, 99);
}

static void test_prepare_cut_short(void **state)
{
    (void)state;
    rill_prepare in = a_prepare();
    uint8_t buf[256];
    size_t len;
    assert_int_equal(rill_prepare_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(decode_prepare(buf, i), RILL_ERR_TRUNCATED);
    /* The envelope whole, and a field in it cut short. */
    for (size_t content = 0; content < len - 2; content++) {
        buf[1] = (uint8_t)content;
        assert_int_equal(decode_prepare(buf, content + 2), RILL_ERR_TRUNCATED);
    }
}

static void test_bytes_after(void **state)
{
    (void)state;
    rill_prepare in = a_prepare(), out;
    uint8_t buf[256] = {0};
    size_t len;
    assert_int_equal(rill_prepare_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    /* After the envelope and at its end: ignored, for what is to come (RFC 30). */
    assert_int_equal(rill_prepare_decode(&out, buf, len + 1), RILL_OK);
    assert_int_equal(out.data.len, in.data.len);
    buf[1] = (uint8_t)(buf[1] + 3);
    assert_int_equal(rill_prepare_decode(&out, buf, len + 3), RILL_OK);
    assert_bytes(out.data, in.data);
}

static void test_prepare_refused(void **state)
{
    (void)state;
    rill_prepare in = a_prepare();
    uint8_t good[256], buf[256];
    size_t len;
    assert_int_equal(rill_prepare_encode(&in, good, sizeof(good), &len), RILL_OK);
    memcpy(buf, good, len);
    buf[0] = 13;
    assert_int_equal(decode_prepare(buf, len), RILL_ERR_MALFORMED);
    memcpy(buf, good, len);
    buf[10 + 4] = '9'; /* month 92 */
    assert_int_equal(decode_prepare(buf, len), RILL_ERR_MALFORMED);
    memcpy(buf,
           "\x0c\x4c\0\0\0\0\0\0\0\x6b"
           "19601223012140549",
           27);
    assert_int_equal(decode_prepare(buf, len), RILL_ERR_RANGE);
    memcpy(buf, good, len);
    buf[2 + 8 + 17 + 32 + 1] = '.';
    assert_int_equal(decode_prepare(buf, len), RILL_ERR_ADDRESS);
    /* A length of length that canonical OER does not have. */
    memcpy(buf, "\x0c\x81\x4c", 3);
    memcpy(buf + 3, good + 2, len - 2);
    assert_int_equal(decode_prepare(buf, len + 1), RILL_ERR_MALFORMED);
}

static void test_largest_prepare(void **state)
{
    (void)state;
    static uint8_t address[1024], data[40001], buf[RILL_ILP_MAX_PACKET + 10];
    memset(address, 'a', sizeof(address));
    memcpy(address, "g.", 2);
    rill_prepare in = {UINT64_MAX, UINT64_C(253402300799999), hash, {address, 1023}, {data, 32767}};
    rill_prepare out;
    size_t len;
    assert_int_equal(rill_prepare_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    assert_true(len <= RILL_ILP_MAX_PACKET);
    assert_int_equal(rill_prepare_decode(&out, buf, len), RILL_OK);
    assert_true(out.amount == UINT64_MAX);
    assert_int_equal(out.data.len, 32767);
    in.data.len++;
    assert_int_equal(rill_prepare_encode(&in, buf, sizeof(buf), &len), RILL_ERR_TOO_LARGE);
    /* A program that passes on a packet may write as much data as is read. */
    static const size_t more[] = {32768, 32773, 40000};
    for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
        in.data.len = more[i];
        assert_int_equal(rill_prepare_encode_any_size(&in, buf, sizeof buf, &len), RILL_OK);
        assert_true(len <= RILL_ILP_MAX_PACKET);
        assert_int_equal(rill_prepare_decode(&out, buf, len), RILL_OK);
        assert_int_equal(out.data.len, more[i]);
    }
    assert_int_equal(len, RILL_ILP_MAX_PACKET - 1);
    in.data.len++;
    assert_int_equal(rill_prepare_encode_any_size(&in, buf, sizeof buf, &len), RILL_ERR_TOO_LARGE);
    in.data.len = 32767;
    in.destination.len++;
    assert_int_equal(rill_prepare_encode(&in, buf, sizeof(buf), &len), RILL_ERR_TOO_LARGE);
    in.destination.len--;
    in.expires_at_ms++;
    assert_int_equal(rill_prepare_encode(&in, buf, sizeof(buf), &len), RILL_ERR_RANGE);
}

static void test_data_too_large(void **state)
{
    (void)state;
    static uint8_t buf[41000];
    bool whole = false;
    /* A Fulfill of 40,000 bytes of data: 32 + 3 + 40,000 = 0x9c63 bytes of content. */
    memcpy(buf, "\x0d\x82\x9c\x63", 4);
    memcpy(buf + 36, "\x82\x9c\x40", 3);
    rill_fulfill out;
    assert_int_equal(rill_fulfill_decode_noting(&out, buf, 4 + 0x9c63, &whole), RILL_OK);
    assert_true(whole);
    assert_int_equal(out.data.len, 40000);
    size_t len;
    static uint8_t again[41000];
    assert_int_equal(rill_fulfill_encode(&out, again, sizeof again, &len), RILL_ERR_TOO_LARGE);
    assert_int_equal(rill_fulfill_encode_any_size(&out, again, sizeof again, &len), RILL_OK);
    assert_memory_equal(again, buf, len);
    /* One more is left out, and the fulfillment counts. */
    buf[3]++;
    buf[38]++;
    assert_int_equal(rill_fulfill_decode_noting(&out, buf, 4 + 0x9c64, &whole), RILL_OK);
    assert_false(whole);
    assert_int_equal(out.data.len, 0);
    assert_memory_equal(out.fulfillment, buf + 4, 32);
    /* A Prepare with as much is none. */
    static uint8_t address[] = "g.a";
    rill_prepare p = {1, 1, hash, {address, 3}, {buf, 40000}};
    assert_int_equal(rill_prepare_encode_any_size(&p, again, sizeof again, &len), RILL_OK);
    again[3]++;
    again[4 + 8 + 17 + 32 + 4 + 2]++;
    assert_int_equal(rill_prepare_decode(&p, again, len + 1), RILL_ERR_TOO_LARGE);
}

static void test_room_for_data(void **state)
{
    (void)state;
    rill_prepare in = a_prepare(), out;
    uint8_t with[256], room[256];
    size_t len, room_len;
    assert_int_equal(rill_prepare_encode(&in, with, sizeof(with), &len), RILL_OK);
    in.data.data = NULL;
    assert_int_equal(rill_prepare_encode(&in, room, sizeof(room), &room_len), RILL_OK);
    assert_int_equal(room_len, len);
    memcpy(room + room_len - 4, "data", 4);
    assert_memory_equal(with, room, len);
    in.data.len = 0;
    assert_int_equal(rill_prepare_encode(&in, room, sizeof(room), &room_len), RILL_OK);
    assert_int_equal(rill_prepare_decode(&out, room, room_len), RILL_OK);
    assert_int_equal(out.data.len, 0);
}

enum { ROOM = 1000, BEFORE = 0xee };

/* The packet's data are the bytes that were there before, and none behind it has changed. */
static void assert_kept(const uint8_t room[ROOM], size_t len, rill_bytes data, size_t data_len)
{
    assert_int_equal(data.len, data_len);
    assert_ptr_equal(data.data + data_len, room + len);
    for (size_t i = len - data_len; i < ROOM; i++)
        assert_int_equal(room[i], BEFORE);
}

static void test_data_in_its_place(void **state)
{
    static uint8_t address[150], room[ROOM];
    (void)state;
    memset(address, 'a', sizeof address);
    memcpy(address, "g.", 2);
    for (size_t data_len = 0; data_len < 300; data_len++) {
        for (size_t i = 3; i < sizeof address; i += 49) {
            rill_prepare p = {5, UINT64_C(1700000000000), hash, {address, i}, {NULL, data_len}};
            rill_fulfill yes = {hash, {NULL, data_len}};
            rill_reject no = {.triggered_by = {address, i}, .data = {NULL, data_len}};
            size_t len;
            memset(room, BEFORE, sizeof room);
            assert_int_equal(rill_prepare_encode(&p, room, sizeof room, &len), RILL_OK);
            assert_int_equal(rill_prepare_decode(&p, room, len), RILL_OK);
            assert_kept(room, len, p.data, data_len);
            memset(room, BEFORE, sizeof room);
            assert_int_equal(rill_fulfill_encode(&yes, room, sizeof room, &len), RILL_OK);
            assert_int_equal(rill_fulfill_decode(&yes, room, len), RILL_OK);
            assert_kept(room, len, yes.data, data_len);
            memset(room, BEFORE, sizeof room);
            assert_int_equal(rill_reject_encode(&no, room, sizeof room, &len), RILL_OK);
            assert_int_equal(rill_reject_decode(&no, room, len), RILL_OK);
            assert_kept(room, len, no.data, data_len);
        }
    }
}

static void test_fulfill(void **state)
{
    (void)state;
    rill_fulfill in = {hash, BYTES("xyz")}, out;
    uint8_t buf[64];
    size_t len;
    assert_int_equal(rill_fulfill_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    assert_int_equal(len, 2 + 32 + 4);
    assert_int_equal(rill_fulfill_decode(&out, buf, len), RILL_OK);
    assert_memory_equal(out.fulfillment, hash, 32);
    assert_bytes(out.data, in.data);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(rill_fulfill_decode(&out, buf, i), RILL_ERR_TRUNCATED);
    assert_int_equal(rill_fulfill_decode(&out, buf, len + 1), RILL_OK);
    assert_bytes(out.data, in.data);
    /* The fulfillment is what pays: data that is not all there takes nothing from it. */
    for (uint8_t content = 0; content < 2 + 32 + 4 - 2; content++) {
        bool whole = true;
        buf[1] = content;
        assert_int_equal(rill_fulfill_decode_noting(&out, buf, 2 + (size_t)content, &whole),
                         content < 32 ? RILL_ERR_TRUNCATED : RILL_OK);
        if (content < 32)
            continue;
        assert_false(whole);
        assert_memory_equal(out.fulfillment, hash, 32);
        assert_int_equal(out.data.len, 0);
    }
    assert_int_equal(rill_fulfill_encode(&in, buf, len - 1, &len), RILL_ERR_BUFFER);
}

static int reject_round_trip(const char *code, rill_bytes by, rill_bytes message)
{
    rill_reject in = {{{code[0], code[1], code[2], 0}}, by, message, BYTES("d")}, out;
    static uint8_t buf[10000];
    size_t len;
    assert_int_equal(rill_reject_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    int err = rill_reject_decode(&out, buf, len);
    if (err == RILL_OK) {
        assert_string_equal(out.code.text, code);
        assert_bytes(out.triggered_by, by);
        assert_bytes(out.message, message);
        assert_bytes(out.data, in.data);
    }
    return err;
}

static void test_reject(void **state)
{
    (void)state;
    assert_int_equal(reject_round_trip("F02", BYTES("g.a.b"), BYTES("no route")), RILL_OK);
    assert_int_equal(reject_round_trip("X77", BYTES(""), BYTES("")), RILL_OK);
    assert_int_equal(reject_round_trip("T00", BYTES("unknown"), BYTES("\xff\x1b")), RILL_OK);
    static uint8_t long_text[8192];
    rill_reject in = {
        rill_ilp_code_of(RILL_ILP_F00_BAD_REQUEST), BYTES(""), {long_text, 8191}, BYTES("")};
    assert_int_equal(reject_round_trip("F00", BYTES(""), in.message), RILL_OK);
    in.message.len++;
    uint8_t buf[9000];
    size_t len;
    assert_int_equal(rill_reject_encode(&in, buf, sizeof(buf), &len), RILL_ERR_TOO_LARGE);
}

/* What a peer writes into a Reject beside its code does not make the code unknown. */
static void reject_with(const char *code, rill_bytes by, rill_bytes message, const char *read_as)
{
    static uint8_t buf[60000];
    rill_reject in = {{{code[0], code[1], code[2], 0}}, by, message, BYTES("d")}, out;
    rill_writer w = rill_writer_of(buf, sizeof buf);
    rill_write_u8(&w, 14);
    rill_oer_write_length(&w, 3 + rill_oer_length_size(by.len) + by.len +
                                  rill_oer_length_size(message.len) + message.len + 2);
    rill_write_bytes(&w, in.code.text, 3);
    rill_oer_write_octets(&w, by);
    rill_oer_write_octets(&w, message);
    rill_oer_write_octets(&w, in.data);
    bool whole = true;
    assert_false(w.failed);
    assert_int_equal(rill_reject_decode_noting(&out, buf, rill_writer_len(&w), &whole), RILL_OK);
    assert_false(whole);
    assert_string_equal(out.code.text, read_as);
    assert_bytes(out.data, in.data);
    assert_true(out.message.len <= RILL_ILP_MAX_MESSAGE);
    assert_memory_equal(out.message.data, message.data, out.message.len);
    if (!rill_address_chars_valid(by))
        assert_int_equal(out.triggered_by.len, 0);
    /* As it is written on, it is as it should be. */
    static uint8_t again[60000];
    size_t len;
    assert_int_equal(rill_reject_encode(&out, again, sizeof again, &len), RILL_OK);
    assert_int_equal(rill_reject_decode_noting(&out, again, len, &whole), RILL_OK);
    assert_true(whole);
    assert_string_equal(out.code.text, read_as);
}

static void test_reject_with_junk(void **state)
{
    (void)state;
    static uint8_t long_text[9000];
    memset(long_text, 'a', sizeof long_text);
    reject_with("F02", BYTES("g.a b"), BYTES("m"), "F02");
    reject_with("F02", BYTES("g.\x1b[2J"), BYTES("m"), "F02");
    reject_with("T00", BYTES("g.caf\xc3\xa9"), BYTES("m"), "T00");
    reject_with("F02", (rill_bytes){long_text, 1024}, BYTES("m"), "F02");
    reject_with("F02", BYTES("g.a"), (rill_bytes){long_text, 8192}, "F02");
    reject_with("F\x80"
                "2",
                BYTES("g.a"), BYTES("m"), "F?2");
    reject_with("F 2", BYTES("g.a"), BYTES("m"), "F?2");
    reject_with("F0\0", BYTES("g.a"), BYTES("m"), "F0?");
    /* A message that is too long is cut at whole characters. */
    memcpy(long_text + 8189, "\xe2\x82\xac", 3);
    reject_with("F02", BYTES("g.a"), (rill_bytes){long_text, 8192}, "F02");
    rill_reject out;
    static uint8_t buf[9100] = "\x0e\x82\x20\x0a"
                               "F02\0\x82\x20\x00";
    memcpy(buf + 11, long_text, 8192);
    assert_int_equal(rill_reject_decode(&out, buf, 4 + 0x200a), RILL_OK);
    assert_int_equal(out.message.len, 8189);
}

static void test_reject_cut_short(void **state)
{
    (void)state;
    rill_reject in = {rill_ilp_code_of(RILL_ILP_F08_AMOUNT_TOO_LARGE), BYTES("g.a"), BYTES("m"),
                      BYTES("data")};
    rill_reject out;
    uint8_t buf[64];
    size_t len;
    assert_int_equal(rill_reject_encode(&in, buf, sizeof(buf), &len), RILL_OK);
    for (size_t content = 0; content < len - 2; content++) {
        buf[1] = (uint8_t)content;
        assert_int_equal(rill_reject_decode(&out, buf, content + 2),
                         content < 3 ? RILL_ERR_TRUNCATED : RILL_OK);
        if (content < 3)
            continue;
        assert_string_equal(out.code.text, "F08");
        assert_int_equal(out.triggered_by.len, content < 7 ? 0 : 3);
        assert_int_equal(out.message.len, content < 9 ? 0 : 1);
        assert_int_equal(out.data.len, 0);
    }
    buf[1] = (uint8_t)(len - 2);
    assert_int_equal(rill_reject_decode(&out, buf, len - 1), RILL_ERR_TRUNCATED);
}

static void test_codes(void **state)
{
    (void)state;
    assert_string_equal(rill_ilp_code_of(RILL_ILP_F02_UNREACHABLE).text, "F02");
    assert_string_equal(rill_ilp_code_of(RILL_ILP_R99_APPLICATION_ERROR).text, "R99");
    assert_string_equal(rill_ilp_code_of(RILL_ILP_CODE_UNKNOWN).text, "F00");
    for (int i = 0; i < RILL_ILP_CODE_UNKNOWN; i++)
        assert_int_equal(rill_ilp_code_find(rill_ilp_code_of((rill_ilp_code_id)i)), i);
    rill_ilp_code odd = {"Z01"};
    assert_int_equal(rill_ilp_code_find(odd), RILL_ILP_CODE_UNKNOWN);
    assert_string_equal(rill_ilp_code_name(odd), "unknown code");
    assert_string_equal(rill_ilp_code_name((rill_ilp_code){"T04"}), "Insufficient Liquidity");
}

static void test_amount_too_large(void **state)
{
    (void)state;
    rill_amount_too_large in = {UINT64_MAX, 258}, out = {1, 2};
    uint8_t buf[17] = {0};
    rill_amount_too_large_encode(in, buf);
    assert_memory_equal(buf, "\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0\0\0\1\2", 16);
    assert_int_equal(rill_amount_too_large_decode(&out, (rill_bytes){buf, 15}), RILL_ERR_TRUNCATED);
    assert_true(out.received == 1);
    assert_int_equal(rill_amount_too_large_decode(&out, (rill_bytes){NULL, 0}), RILL_ERR_TRUNCATED);
    assert_int_equal(rill_amount_too_large_decode(&out, (rill_bytes){buf, 17}), RILL_OK);
    assert_true(out.received == UINT64_MAX);
    assert_true(out.maximum == 258);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_prepare),
        cmocka_unit_test(test_prepare_cut_short),
        cmocka_unit_test(test_bytes_after),
        cmocka_unit_test(test_prepare_refused),
        cmocka_unit_test(test_largest_prepare),
        cmocka_unit_test(test_data_too_large),
        cmocka_unit_test(test_room_for_data),
        cmocka_unit_test(test_data_in_its_place),
        cmocka_unit_test(test_fulfill),
        cmocka_unit_test(test_reject),
        cmocka_unit_test(test_reject_cut_short),
        cmocka_unit_test(test_reject_with_junk),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_amount_too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
