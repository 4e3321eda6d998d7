/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h comes after what it needs. */
#include "base/cursor.h"
#include <cmocka.h>

#include <string.h>

static void test_reads(void **state)
{
    (void)state;
    const uint8_t data[] = {1, 2, 3, 4, 5, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9, 0xf8, 9};
    rill_reader r = rill_reader_of(data, sizeof(data));
    uint8_t u8;
    uint32_t u32;
    uint64_t u64;
    rill_bytes bytes;
    assert_true(rill_read_u8(&r, &u8));
    assert_int_equal(u8, 1);
    assert_true(rill_read_u32(&r, &u32));
    assert_int_equal(u32, 0x02030405);
    assert_true(rill_read_u64(&r, &u64));
    assert_true(u64 == UINT64_C(0xfffefdfcfbfaf9f8));
    assert_true(rill_read_bytes(&r, 1, &bytes));
    assert_ptr_equal(bytes.data, data + 13);
    assert_int_equal(bytes.len, 1);
    assert_int_equal(rill_reader_left(&r), 0);
}

static void test_short_reads_take_nothing(void **state)
{
    (void)state;
    const uint8_t data[7] = {0};
    rill_reader r = rill_reader_of(data, 3);
    uint32_t u32;
    uint64_t u64;
    rill_bytes bytes;
    assert_false(rill_read_u32(&r, &u32));
    assert_false(rill_read_bytes(&r, 4, &bytes));
    assert_false(rill_read_bytes(&r, SIZE_MAX, &bytes));
    assert_int_equal(rill_reader_left(&r), 3);
    r = rill_reader_of(data, 7);
    assert_false(rill_read_u64(&r, &u64));
    assert_int_equal(rill_reader_left(&r), 7);
    uint8_t u8;
    r = rill_reader_of(NULL, 0);
    assert_false(rill_read_u8(&r, &u8));
    assert_true(rill_read_bytes(&r, 0, &bytes));
    assert_int_equal(bytes.len, 0);
}

static void test_writes(void **state)
{
    (void)state;
    uint8_t buf[16];
    rill_writer w = rill_writer_of(buf, sizeof(buf));
    rill_write_u8(&w, 1);
    rill_write_u32(&w, 0x02030405);
    rill_write_u64(&w, UINT64_C(0x060708090a0b0c0d));
    rill_write_bytes(&w, "xy", 2);
    rill_write_bytes(&w, NULL, 0);
    uint8_t *last = rill_write_reserve(&w, 1);
    assert_ptr_equal(last, buf + 15);
    *last = 'z';
    assert_false(w.failed);
    assert_int_equal(rill_writer_len(&w), 16);
    assert_int_equal(rill_writer_left(&w), 0);
    assert_memory_equal(buf, "\1\2\3\4\5\6\7\10\11\12\13\14\15xyz", 16);
}

static void test_writer_stays_failed(void **state)
{
    (void)state;
    uint8_t buf[5];
    memset(buf, 0xee, sizeof(buf));
    rill_writer w = rill_writer_of(buf, 4);
    rill_write_u8(&w, 1);
    rill_write_u32(&w, 2);
    assert_true(w.failed);
    /* It would fit, but in a place where it does not belong. */
    rill_write_u8(&w, 3);
    assert_null(rill_write_reserve(&w, 0));
    assert_true(w.failed);
    assert_int_equal(rill_writer_len(&w), 1);
    assert_int_equal(buf[1], 0xee);
    assert_int_equal(buf[4], 0xee);
    w = rill_writer_of(NULL, 0);
    rill_write_u8(&w, 1);
    assert_true(w.failed);
    assert_int_equal(rill_writer_len(&w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_short_reads_take_nothing),
        cmocka_unit_test(test_writes),
        cmocka_unit_test(test_writer_stays_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
