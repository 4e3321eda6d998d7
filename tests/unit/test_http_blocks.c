/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/blocks.h"
#include "support/failing_memory.h"

static failing_memory memory;
static rill_blocks blocks;

static void begin(size_t max_kept)
{
    failing_memory_init(&memory, 0, 1);
    rill_blocks_init(&blocks, &memory.allocator, max_kept);
}

static void end(void)
{
    rill_blocks_clear(&blocks);
    assert_int_equal(memory.blocks, 0);
    failing_memory_end(&memory);
}

static void test_what_comes_back_is_given_again(void **state)
{
    (void)state;
    begin(1 << 20);
    void *a = rill_blocks_take(&blocks, 100);
    assert_int_equal(rill_blocks_size(a), 128);
    assert_int_equal((uintptr_t)a % _Alignof(max_align_t), 0);
    rill_blocks_give(&blocks, a);
    assert_int_equal(blocks.kept, 128);
    assert_ptr_equal(rill_blocks_take(&blocks, 65), a);
    void *nothing = rill_blocks_take(&blocks, 0);
    assert_non_null(nothing);
    assert_int_equal(blocks.used, 128 + 32);
    assert_int_equal(blocks.kept, 0);
    assert_int_equal(memory.asked, 2);
    rill_blocks_give(&blocks, a);
    rill_blocks_give(&blocks, nothing);
    rill_blocks_give(&blocks, NULL);
    end();
}

static size_t wiped;

static void wipe(void *data, size_t len)
{
    memset(data, 0, len);
    wiped += len;
}

static void test_secrets_are_overwritten(void **state)
{
    (void)state;
    begin(1 << 20);
    blocks.wipe = wipe;
    wiped = 0;
    uint8_t *a = rill_blocks_take(&blocks, 100);
    memset(a, 's', 128);
    uint8_t *b = rill_blocks_resize(&blocks, a, 300);
    assert_int_equal(wiped, 128); /* what grew leaves nothing behind */
    memset(b, 's', 512);
    rill_blocks_give(&blocks, b);
    assert_int_equal(wiped, 128 + 512);
    uint8_t *again = rill_blocks_take(&blocks, 300);
    assert_ptr_equal(again, b);
    for (size_t i = 0; i < 512; i++)
        assert_int_equal(again[i], 0);
    uint8_t *large = rill_blocks_take(&blocks, 200000);
    rill_blocks_give(&blocks, large);
    assert_int_equal(wiped, 128 + 512 + 200000);
    rill_blocks_give(&blocks, again);
    end();
}

static void test_every_size_has_room(void **state)
{
    (void)state;
    begin(1 << 20);
    for (size_t size = 0; size < 300000; size = size * 3 / 2 + 1) {
        uint8_t *a = rill_blocks_take(&blocks, size);
        assert_true(rill_blocks_size(a) >= size);
        memset(a, 1, rill_blocks_size(a));
        rill_blocks_give(&blocks, a);
    }
    assert_int_equal(blocks.used, 0);
    assert_null(rill_blocks_take(&blocks, SIZE_MAX - 8));
    end();
}

/* nghttp2's buffer for frames, with what stands before it. */
static void test_a_little_more_than_a_large_size(void **state)
{
    (void)state;
    begin(1 << 20);
    void *a = rill_blocks_take(&blocks, 16384 + RILL_BLOCKS_EXTRA);
    assert_int_equal(rill_blocks_size(a), 16384 + RILL_BLOCKS_EXTRA);
    rill_blocks_give(&blocks, a);
    a = rill_blocks_take(&blocks, 8193);
    assert_int_equal(rill_blocks_size(a), 16384 + RILL_BLOCKS_EXTRA);
    rill_blocks_give(&blocks, a);
    a = rill_blocks_take(&blocks, 8192);
    assert_int_equal(rill_blocks_size(a), 8192);
    rill_blocks_give(&blocks, a);
    end();
}

static void test_no_more_is_kept_than_allowed(void **state)
{
    (void)state;
    begin(256);
    void *some[8];
    for (size_t i = 0; i < 8; i++)
        some[i] = rill_blocks_take(&blocks, 64);
    for (size_t i = 0; i < 8; i++)
        rill_blocks_give(&blocks, some[i]);
    assert_int_equal(blocks.kept, 256);
    assert_int_equal(memory.blocks, 4);
    void *large = rill_blocks_take(&blocks, 1 << 18);
    rill_blocks_give(&blocks, large);
    assert_int_equal(memory.blocks, 4);
    end();
}

static void test_resizing_keeps_what_was_there(void **state)
{
    (void)state;
    begin(1 << 20);
    uint8_t *a = rill_blocks_resize(&blocks, NULL, 10);
    memset(a, 5, 32);
    assert_ptr_equal(rill_blocks_resize(&blocks, a, 32), a);
    uint8_t *b = rill_blocks_resize(&blocks, a, 33);
    assert_ptr_not_equal(b, a);
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(b[i], 5);
    memory.fail_at = memory.asked + 1;
    assert_null(rill_blocks_resize(&blocks, b, 4000));
    assert_int_equal(b[0], 5);
    rill_blocks_give(&blocks, b);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_comes_back_is_given_again),
        cmocka_unit_test(test_secrets_are_overwritten),
        cmocka_unit_test(test_every_size_has_room),
        cmocka_unit_test(test_a_little_more_than_a_large_size),
        cmocka_unit_test(test_no_more_is_kept_than_allowed),
        cmocka_unit_test(test_resizing_keeps_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
