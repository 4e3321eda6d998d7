/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output buffers. An idle connection holds no storage: blocks of one size go
 * back to the loop when what they held is written. Where none is left they start
 * small: ten thousand connections with an answer each must not take one each.
 */
#define _POSIX_C_SOURCE 200809L

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "io/loop.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static uint8_t *block_take(rill_loop *loop)
{
    if (loop->pool_count != 0)
        return loop->pool[--loop->pool_count];
    return rill_alloc(memory(), RILL_BLOCK);
}

static void storage_give(rill_loop *loop, const rill_buffer *b)
{
    assert(loop->storage >= b->cap); /* it was counted when it was taken */
    loop->storage -= b->cap;
    if (b->secret)
        rill_wipe(b->data, b->cap);
    if (b->cap == RILL_BLOCK && loop->pool_count < RILL_BLOCK_POOL)
        loop->pool[loop->pool_count++] = b->data;
    else
        rill_free(memory(), b->data);
}

size_t rill_buffer_len(const rill_buffer *b)
{
    return b->end - b->start;
}

uint8_t *rill_buffer_reserve(rill_loop *loop, rill_buffer *b, size_t len)
{
    if (b->cap - b->end >= len && b->data != NULL)
        return b->data + b->end;
    size_t held = rill_buffer_len(b);
    if (len > SIZE_MAX / 4 - held)
        return NULL;
    if (b->data != NULL && held + len <= b->cap / 2) {
        memmove(b->data, b->data + b->start, held);
    } else {
        size_t cap = b->cap;
        if (cap == 0)
            cap = loop->pool_count != 0 ? RILL_BLOCK : RILL_BLOCK_SMALL;
        while (cap < held + len)
            cap = cap < RILL_BLOCK ? RILL_BLOCK : 2 * cap;
        uint8_t *data = cap == RILL_BLOCK ? block_take(loop) : rill_alloc(memory(), cap);
        if (data == NULL)
            return NULL;
        loop->storage += cap;
        if (b->data != NULL) {
            memcpy(data, b->data + b->start, held);
            storage_give(loop, b);
        }
        b->data = data;
        b->cap = cap;
    }
    b->start = 0;
    b->end = held;
    return b->data + held;
}

void rill_buffer_commit(rill_buffer *b, size_t len)
{
    assert(len <= b->cap - b->end);
    b->end += len;
}

void rill_buffer_consume(rill_loop *loop, rill_buffer *b, size_t len)
{
    assert(len <= rill_buffer_len(b));
    b->start += len;
    if (b->start == b->end)
        rill_buffer_clear(loop, b);
}

void rill_buffer_clear(rill_loop *loop, rill_buffer *b)
{
    if (b->data != NULL)
        storage_give(loop, b);
    *b = (rill_buffer){0};
}
