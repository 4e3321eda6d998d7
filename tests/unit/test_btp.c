/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include <cmocka.h>
#include <rill/btp.h>
#include <rill/error.h>
#include <stdlib.h>
#include <string.h>

#define BYTES(text) ((rill_bytes){(const uint8_t *)(text), sizeof(text) - 1})

/* The authentication as ilp-plugin-btp sends it, after type 6 and request id 1. */
static const uint8_t auth[] = "\x06\0\0\0\x01\x29\x01\x03\x04"
                              "auth"
                              "\0\0\x0d"
                              "auth_username"
                              "\x01\0\x0a"
                              "auth_token"
                              "\x01\x03"
                              "tok";
#define AUTH_LEN (sizeof(auth) - 1)

static int decode(rill_btp_frame *out, const uint8_t *bytes, size_t len)
{
    uint8_t *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    int err = rill_btp_decode(out, copy, len);
    free(copy);
    return err;
}

static void assert_bytes(rill_bytes a, rill_bytes b)
{
    assert_int_equal(a.len, b.len);
    if (a.len != 0)
        assert_memory_equal(a.data, b.data, a.len);
}

static void assert_encodes_to(const rill_btp_frame *frame, const uint8_t *bytes, size_t len)
{
    uint8_t buf[256];
    size_t n = 0;
    assert_int_equal(rill_btp_size(frame), len);
    assert_int_equal(rill_btp_encode(frame, buf, len, &n), RILL_OK);
    assert_int_equal(n, len);
    assert_memory_equal(buf, bytes, len);
    assert_int_equal(rill_btp_encode(frame, buf, len - 1, &n), RILL_ERR_BUFFER);
}

static void test_auth(void **state)
{
    (void)state;
    rill_btp_frame f;
    assert_int_equal(rill_btp_decode(&f, auth, AUTH_LEN), RILL_OK);
    assert_int_equal(f.type, RILL_BTP_MESSAGE);
    assert_int_equal(f.request_id, 1);
    assert_int_equal(f.entry_count, 3);
    assert_bytes(f.entries[0].name, BYTES("auth"));
    assert_int_equal(f.entries[0].content_type, RILL_BTP_OCTET_STREAM);
    assert_int_equal(f.entries[0].data.len, 0);
    assert_bytes(f.entries[1].name, BYTES("auth_username"));
    assert_int_equal(f.entries[1].content_type, RILL_BTP_TEXT);
    const rill_btp_entry *token = rill_btp_find(&f, "auth_token");
    assert_ptr_equal(token, &f.entries[2]);
    assert_bytes(token->data, BYTES("tok"));
    assert_null(rill_btp_find(&f, "auth_toke"));
    assert_null(rill_btp_find(&f, ""));
    assert_encodes_to(&f, auth, AUTH_LEN);
}

static void test_auth_cut_short(void **state)
{
    (void)state;
    rill_btp_frame f;
    uint8_t buf[sizeof(auth)];
    memcpy(buf, auth, sizeof(auth));
    for (size_t i = 0; i < AUTH_LEN; i++)
        assert_int_equal(decode(&f, auth, i), RILL_ERR_TRUNCATED);
    for (size_t content = 0; content < AUTH_LEN - 6; content++) {
        buf[5] = (uint8_t)content;
        assert_int_equal(decode(&f, buf, 6 + content), RILL_ERR_TRUNCATED);
    }
    /* A byte after the frame or after the entries is ignored (RFC 30). */
    assert_int_equal(decode(&f, auth, AUTH_LEN + 1), RILL_OK);
    assert_int_equal(f.entry_count, 3);
    buf[5] = (uint8_t)(AUTH_LEN - 6 + 1);
    assert_int_equal(decode(&f, buf, AUTH_LEN + 1), RILL_OK);
    assert_int_equal(f.entry_count, 3);
}

static void test_empty_response(void **state)
{
    (void)state;
    static const uint8_t response[] = {1, 0xff, 0xff, 0xff, 0xff, 2, 1, 0};
    rill_btp_frame f;
    assert_int_equal(decode(&f, response, sizeof(response)), RILL_OK);
    assert_int_equal(f.type, RILL_BTP_RESPONSE);
    assert_int_equal(f.request_id, UINT32_MAX);
    assert_int_equal(f.entry_count, 0);
    assert_encodes_to(&f, response, sizeof(response));
}

static void test_error(void **state)
{
    (void)state;
    static const uint8_t error[] = "\x02\0\0\0\x07\x2e"
                                   "F00"
                                   "\x10"
                                   "NotAcceptedError"
                                   "\x13"
                                   "20171223012140.549Z"
                                   "\x03"
                                   "why"
                                   "\x01\0";
    rill_btp_frame f;
    assert_int_equal(rill_btp_decode(&f, error, sizeof(error) - 1), RILL_OK);
    assert_int_equal(f.type, RILL_BTP_ERROR);
    assert_bytes(f.code, BYTES("F00"));
    assert_bytes(f.name, BYTES("NotAcceptedError"));
    assert_bytes(f.triggered_at, BYTES("20171223012140.549Z"));
    assert_bytes(f.data, BYTES("why"));
    assert_encodes_to(&f, error, sizeof(error) - 1);
    uint8_t buf[sizeof(error)];
    memcpy(buf, error, sizeof(error));
    for (size_t content = 0; content < sizeof(error) - 7; content++) {
        buf[5] = (uint8_t)content;
        assert_int_equal(decode(&f, buf, 6 + content), RILL_ERR_TRUNCATED);
    }
    assert_int_equal(rill_btp_decode(&f, error, sizeof(error) - 1), RILL_OK);
    size_t len;
    f.code = BYTES("F0");
    assert_int_equal(rill_btp_encode(&f, buf, sizeof(buf), &len), RILL_ERR_INVALID);
}

static void test_transfer(void **state)
{
    (void)state;
    static const uint8_t transfer[] = "\x07\0\0\0\x02\x12\0\0\0\0\0\0\x03\xe8\x01\x01\x05"
                                      "claim"
                                      "\x02\0";
    rill_btp_frame f;
    size_t len = sizeof(transfer) - 1;
    assert_int_equal(rill_btp_decode(&f, transfer, len), RILL_OK);
    assert_int_equal(f.type, RILL_BTP_TRANSFER);
    assert_true(f.amount == 1000);
    assert_int_equal(f.entries[0].content_type, RILL_BTP_JSON);
    assert_encodes_to(&f, transfer, len);
}

static void test_unknown_content_type(void **state)
{
    (void)state;
    static const uint8_t frame[] = "\x06\0\0\0\x02\x06\x01\x01\x01"
                                   "x"
                                   "\xc8\0";
    rill_btp_frame f;
    assert_int_equal(rill_btp_decode(&f, frame, sizeof(frame) - 1), RILL_OK);
    assert_int_equal(f.entries[0].content_type, 200);
    assert_encodes_to(&f, frame, sizeof(frame) - 1);
}

static void test_unknown_type(void **state)
{
    (void)state;
    static const uint8_t frame[] = {3, 1, 2, 3, 4, 2, 1, 0};
    rill_btp_frame f;
    assert_int_equal(decode(&f, frame, sizeof(frame)), RILL_ERR_UNSUPPORTED);
    assert_int_equal(f.request_id, 0x01020304);
    /* Not even a frame: nothing to answer to. */
    assert_int_equal(decode(&f, frame, sizeof(frame) - 1), RILL_ERR_TRUNCATED);
    f = (rill_btp_frame){.type = (rill_btp_type)3};
    uint8_t buf[16];
    size_t len;
    assert_int_equal(rill_btp_encode(&f, buf, sizeof(buf), &len), RILL_ERR_INVALID);
}

static void test_limits(void **state)
{
    (void)state;
    static uint8_t buf[RILL_BTP_MAX_FRAME + 1] = {6};
    rill_btp_frame f = {.type = RILL_BTP_MESSAGE, .entry_count = RILL_BTP_MAX_ENTRIES};
    uint8_t names[RILL_BTP_MAX_ENTRIES];
    for (uint8_t i = 0; i < RILL_BTP_MAX_ENTRIES; i++) {
        names[i] = (uint8_t)('a' + i);
        f.entries[i] = (rill_btp_entry){.name = {&names[i], 1}};
    }
    rill_btp_frame out;
    size_t len;
    assert_int_equal(rill_btp_encode(&f, buf, sizeof(buf), &len), RILL_OK);
    assert_int_equal(decode(&out, buf, len), RILL_OK);
    assert_int_equal(out.entry_count, RILL_BTP_MAX_ENTRIES);
    f.entry_count++;
    assert_int_equal(rill_btp_encode(&f, buf, sizeof(buf), &len), RILL_ERR_INVALID);
    f.entry_count--;
    names[3] = 'a';
    assert_int_equal(rill_btp_encode(&f, buf, sizeof(buf), &len), RILL_ERR_INVALID);
    assert_int_equal(decode(&out, buf, sizeof(buf)), RILL_ERR_TOO_LARGE);
    static const uint8_t many[] = {6, 0, 0, 0, 1, 2, 1, RILL_BTP_MAX_ENTRIES + 1};
    assert_int_equal(decode(&out, many, sizeof(many)), RILL_ERR_TOO_LARGE);
    static const uint8_t endless[] = {6, 0, 0, 0, 1, 10, 9, 1, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(decode(&out, endless, sizeof(endless)), RILL_ERR_TOO_LARGE);
    static const uint8_t twice[] = "\x06\0\0\0\x01\x0a\x01\x02\x01"
                                   "a"
                                   "\0\0\x01"
                                   "a"
                                   "\0\0";
    assert_int_equal(decode(&out, twice, sizeof(twice) - 1), RILL_ERR_MALFORMED);
}

static void test_ilp_header(void **state)
{
    (void)state;
    static uint8_t packet[33000], whole[33100], buf[33100];
    static const size_t lengths[] = {0, 1, 100, 117, 118, 119, 127, 128, 240, 250, 255, 256, 32999};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        rill_btp_frame f = {.type = RILL_BTP_MESSAGE, .request_id = 0x01020304, .entry_count = 1};
        f.entries[0] = (rill_btp_entry){BYTES("ilp"), RILL_BTP_OCTET_STREAM, {packet, lengths[i]}};
        size_t len;
        assert_int_equal(rill_btp_encode(&f, whole, sizeof(whole), &len), RILL_OK);
        size_t header = rill_btp_ilp_header(RILL_BTP_MESSAGE, 0x01020304, lengths[i], buf);
        assert_true(header <= RILL_BTP_ILP_HEADER_MAX);
        memcpy(buf + header, packet, lengths[i]);
        assert_int_equal(header + lengths[i], len);
        assert_memory_equal(buf, whole, len);
    }
    assert_true(rill_btp_ilp_header(RILL_BTP_RESPONSE, 1, SIZE_MAX / 2, buf) <=
                RILL_BTP_ILP_HEADER_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auth),           cmocka_unit_test(test_auth_cut_short),
        cmocka_unit_test(test_empty_response), cmocka_unit_test(test_error),
        cmocka_unit_test(test_transfer),       cmocka_unit_test(test_unknown_content_type),
        cmocka_unit_test(test_unknown_type),   cmocka_unit_test(test_limits),
        cmocka_unit_test(test_ilp_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
