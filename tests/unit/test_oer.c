/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "ilp/oer.h"
#include <cmocka.h>

#include <rill/error.h>
#include <stdlib.h>
#include <string.h>

/* From the heap, to the byte, so that reading past the end is seen. */
static uint8_t *copy_of(const void *data, size_t len)
{
    uint8_t *p = malloc(len == 0 ? 1 : len);
    assert_non_null(p);
    memcpy(p, data, len);
    return p;
}

static int read_length(const char *data, size_t len, size_t *out)
{
    uint8_t *p = copy_of(data, len);
    rill_reader r = rill_reader_of(p, len);
    int err = rill_oer_read_length(&r, out);
    /* On an error nothing was read. */
    assert_int_equal(rill_reader_left(&r), err == RILL_OK ? 0 : len);
    free(p);
    return err;
}

#define READ_LENGTH(text, out) read_length(text, sizeof(text) - 1, out)

static void test_lengths(void **state)
{
    (void)state;
    size_t len;
    /* RFC 30's examples. */
    assert_int_equal(READ_LENGTH("\x07", &len), RILL_OK);
    assert_int_equal(len, 7);
    assert_int_equal(READ_LENGTH("\x81\x82", &len), RILL_OK);
    assert_int_equal(len, 130);
    assert_int_equal(READ_LENGTH("\x82\x12\x34", &len), RILL_OK);
    assert_int_equal(len, 4660);
    assert_int_equal(READ_LENGTH("\x83\xab\xcd\xef", &len), RILL_OK);
    assert_int_equal(len, 11259375);
    assert_int_equal(READ_LENGTH("\x7f", &len), RILL_OK);
    assert_int_equal(len, 127);
    assert_int_equal(READ_LENGTH("\x81\x80", &len), RILL_OK);
    assert_int_equal(len, 128);
}

static void test_lengths_not_canonical(void **state)
{
    (void)state;
    size_t len;
    assert_int_equal(READ_LENGTH("\x80", &len), RILL_ERR_MALFORMED);
    assert_int_equal(READ_LENGTH("\x81\x7f", &len), RILL_ERR_MALFORMED);
    assert_int_equal(READ_LENGTH("\x82\x00\xff", &len), RILL_ERR_MALFORMED);
    assert_int_equal(READ_LENGTH("\x88\x00\x00\x00\x00\x00\x00\x00\x80", &len), RILL_ERR_MALFORMED);
    assert_int_equal(READ_LENGTH("\x89\x01\x00\x00\x00\x00\x00\x00\x00\x00", &len),
                     RILL_ERR_MALFORMED);
    assert_int_equal(READ_LENGTH("\xff", &len), RILL_ERR_MALFORMED);
    assert_int_equal(READ_LENGTH("", &len), RILL_ERR_TRUNCATED);
    assert_int_equal(READ_LENGTH("\x81", &len), RILL_ERR_TRUNCATED);
    assert_int_equal(READ_LENGTH("\x82\x12", &len), RILL_ERR_TRUNCATED);
}

static void test_lengths_round_trip(void **state)
{
    (void)state;
    static const size_t lengths[] = {0,     1,     127,   128,      255,     256,
                                     32767, 65535, 65536, 16777216, SIZE_MAX};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        uint8_t buf[9];
        rill_writer w = rill_writer_of(buf, sizeof(buf));
        rill_oer_write_length(&w, lengths[i]);
        assert_false(w.failed);
        assert_int_equal(rill_writer_len(&w), rill_oer_length_size(lengths[i]));
        rill_reader r = rill_reader_of(buf, rill_writer_len(&w));
        size_t back;
        assert_int_equal(rill_oer_read_length(&r, &back), RILL_OK);
        assert_true(back == lengths[i]);
    }
}

static void test_octets(void **state)
{
    (void)state;
    uint8_t *p = copy_of("\x03"
                         "abcd",
                         5);
    rill_reader r = rill_reader_of(p, 5);
    rill_bytes b;
    assert_int_equal(rill_oer_read_octets(&r, 2, &b), RILL_ERR_TOO_LARGE);
    assert_int_equal(rill_reader_left(&r), 5);
    assert_int_equal(rill_oer_read_octets(&r, 3, &b), RILL_OK);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "abc", 3);
    assert_int_equal(rill_reader_left(&r), 1);
    r = rill_reader_of(p, 3);
    assert_int_equal(rill_oer_read_octets(&r, 3, &b), RILL_ERR_TRUNCATED);
    assert_int_equal(rill_reader_left(&r), 3);
    free(p);
    /* A length that would wrap a pointer. */
    r = rill_reader_of((const uint8_t *)"\x88\xff\xff\xff\xff\xff\xff\xff\xff"
                                        "abc",
                       12);
    assert_int_equal(rill_oer_read_octets(&r, SIZE_MAX, &b),
                     sizeof(size_t) < 8 ? RILL_ERR_TOO_LARGE : RILL_ERR_TRUNCATED);
    uint8_t buf[4];
    rill_writer w = rill_writer_of(buf, sizeof(buf));
    rill_oer_write_octets(&w, (rill_bytes){(const uint8_t *)"xyz", 3});
    assert_int_equal(rill_writer_len(&w), 4);
    assert_memory_equal(buf, "\x03xyz", 4);
}

/* Each length of one to three bytes, whole, and with its last byte missing. */
static void test_octets_of_any_length(void **state)
{
    static const size_t lengths[] = {0, 1, 127, 128, 129, 255, 256, 257, 32767, 65535, 65536};
    (void)state;
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        uint8_t *whole = malloc(lengths[i] + 9);
        assert_non_null(whole);
        rill_writer w = rill_writer_of(whole, 9);
        rill_oer_write_length(&w, lengths[i]);
        size_t before = rill_writer_len(&w);
        memset(whole + before, 7, lengths[i]);
        for (size_t missing = 0; missing < 2 && missing < before + lengths[i]; missing++) {
            size_t len = before + lengths[i] - missing;
            uint8_t *p = copy_of(whole, len);
            rill_reader r = rill_reader_of(p, len);
            rill_bytes b;
            assert_int_equal(rill_oer_read_octets(&r, SIZE_MAX, &b),
                             missing == 0 ? RILL_OK : RILL_ERR_TRUNCATED);
            assert_int_equal(rill_reader_left(&r), missing == 0 ? 0 : len);
            if (missing == 0) {
                assert_int_equal(b.len, lengths[i]);
                assert_ptr_equal(b.data, p + before);
                r = rill_reader_of(p, len);
                if (lengths[i] > 0)
                    assert_int_equal(rill_oer_read_octets(&r, lengths[i] - 1, &b),
                                     RILL_ERR_TOO_LARGE);
                assert_int_equal(rill_oer_read_octets(&r, lengths[i], &b), RILL_OK);
            }
            free(p);
        }
        free(whole);
    }
}

static void test_octets_not_canonical(void **state)
{
    static const char *const bad[] = {"\x80zzz", "\x81\x7fzzz", "\x83zzzzz", "\x82\x01zzz"};
    uint8_t p[3 + 255] = {0x82, 0, 0xff};
    rill_reader r = rill_reader_of(p, sizeof p);
    rill_bytes b;
    (void)state;
    assert_int_equal(rill_oer_read_octets(&r, SIZE_MAX, &b), RILL_ERR_MALFORMED);
    memset(p, 1, sizeof p);
    p[0] = 0x81;
    p[1] = 0x7f;
    assert_int_equal(rill_oer_read_octets(&r, SIZE_MAX, &b), RILL_ERR_MALFORMED);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        r = rill_reader_of((const uint8_t *)bad[i], strlen(bad[i]));
        assert_int_not_equal(rill_oer_read_octets(&r, SIZE_MAX, &b), RILL_OK);
        assert_int_equal(rill_reader_left(&r), strlen(bad[i]));
    }
}

static int read_varuint(const char *data, size_t len, bool saturating, uint64_t *out)
{
    uint8_t *p = copy_of(data, len);
    rill_reader r = rill_reader_of(p, len);
    int err =
        saturating ? rill_oer_read_varuint_saturating(&r, out) : rill_oer_read_varuint(&r, out);
    assert_int_equal(rill_reader_left(&r), err == RILL_OK ? 0 : len);
    free(p);
    return err;
}

#define READ_VARUINT(text, out)    read_varuint(text, sizeof(text) - 1, false, out)
#define READ_SATURATING(text, out) read_varuint(text, sizeof(text) - 1, true, out)

static void test_varuints(void **state)
{
    (void)state;
    uint64_t v;
    assert_int_equal(READ_VARUINT("\x01\x00", &v), RILL_OK);
    assert_true(v == 0);
    assert_int_equal(READ_VARUINT("\x02\x01\x00", &v), RILL_OK);
    assert_true(v == 256);
    assert_int_equal(READ_VARUINT("\x08\xff\xff\xff\xff\xff\xff\xff\xff", &v), RILL_OK);
    assert_true(v == UINT64_MAX);
    /* Leading zeros. */
    assert_int_equal(READ_VARUINT("\x0a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07", &v), RILL_OK);
    assert_true(v == 7);
    assert_int_equal(READ_VARUINT("\x00", &v), RILL_ERR_MALFORMED);
    assert_int_equal(READ_VARUINT("", &v), RILL_ERR_TRUNCATED);
    assert_int_equal(READ_VARUINT("\x02\x01", &v), RILL_ERR_TRUNCATED);
    assert_int_equal(READ_VARUINT("\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", &v), RILL_ERR_RANGE);
    assert_int_equal(READ_SATURATING("\x09\x01\x00\x00\x00\x00\x00\x00\x00\x00", &v), RILL_OK);
    assert_true(v == UINT64_MAX);
    assert_int_equal(READ_SATURATING("\x01\x05", &v), RILL_OK);
    assert_true(v == 5);
    assert_int_equal(READ_SATURATING("\x00", &v), RILL_ERR_MALFORMED);
    assert_int_equal(READ_SATURATING("\x09\x01\x00", &v), RILL_ERR_TRUNCATED);
}

static void test_varuints_round_trip(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits <= 64; bits++) {
        uint64_t v = bits == 64 ? UINT64_MAX : UINT64_C(1) << bits;
        uint8_t buf[9];
        rill_writer w = rill_writer_of(buf, sizeof(buf));
        rill_oer_write_varuint(&w, v);
        assert_false(w.failed);
        assert_int_equal(rill_writer_len(&w), rill_oer_varuint_size(v));
        rill_reader r = rill_reader_of(buf, rill_writer_len(&w));
        uint64_t back;
        assert_int_equal(rill_oer_read_varuint(&r, &back), RILL_OK);
        assert_true(back == v);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_lengths_not_canonical),
        cmocka_unit_test(test_lengths_round_trip),
        cmocka_unit_test(test_octets),
        cmocka_unit_test(test_octets_of_any_length),
        cmocka_unit_test(test_octets_not_canonical),
        cmocka_unit_test(test_varuints),
        cmocka_unit_test(test_varuints_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
