/* SPDX-License-Identifier: Apache-2.0 */
#include "http/blocks.h"

#include <assert.h>
#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

enum { SMALLEST = 32, LARGE = RILL_BLOCKS_CLASSES };

/* Before the bytes of each block. */
typedef struct rill_block {
    alignas(max_align_t) size_t size; /* of the bytes behind this head */
    unsigned class;
    bool kept;
    struct rill_block *next; /* while it is kept */
} rill_block;

void rill_blocks_init(rill_blocks *b, const rill_allocator *allocator, size_t max_kept)
{
    *b = (rill_blocks){.allocator = allocator, .max_kept = max_kept};
}

void rill_blocks_clear(rill_blocks *b)
{
    assert(b->used == 0);
    for (unsigned c = 0; c < RILL_BLOCKS_CLASSES; c++)
        while (b->free[c] != NULL) {
            rill_block *head = b->free[c];
            b->free[c] = head->next;
            rill_free(b->allocator, head);
        }
    b->kept = 0;
}

static size_t size_of(unsigned class)
{
    size_t size = (size_t)SMALLEST << class;
    return size < 16384 ? size : size + RILL_BLOCKS_EXTRA;
}

static unsigned class_of(size_t size)
{
    unsigned class = 0;
    while (class < RILL_BLOCKS_CLASSES && size_of(class) < size)
        class ++;
    return class;
}

static rill_block *head_of(const void *ptr)
{
    return (rill_block *)(uintptr_t)ptr - 1;
}

void *rill_blocks_take(rill_blocks *b, size_t size)
{
    unsigned class = class_of(size);
    size_t whole = class == LARGE ? size : size_of(class);
    rill_block *head;
    if (class != LARGE && b->free[class] != NULL) {
        head = b->free[class];
        b->free[class] = head->next;
        b->kept -= whole;
        head->kept = false;
    } else {
        if (whole > SIZE_MAX - sizeof *head)
            return NULL;
        head = rill_alloc(b->allocator, sizeof *head + whole);
        if (head == NULL)
            return NULL;
        head->size = whole;
        head->class = class;
        head->kept = false;
    }
    b->used += whole;
    return head + 1;
}

void rill_blocks_give(rill_blocks *b, void *ptr)
{
    if (ptr == NULL)
        return;
    rill_block *head = head_of(ptr);
    assert(!head->kept); /* it comes back once */
    b->used -= head->size;
    if (b->wipe != NULL)
        b->wipe(ptr, head->size);
    if (head->class == LARGE || b->kept + head->size > b->max_kept) {
        rill_free(b->allocator, head);
        return;
    }
    b->kept += head->size;
    head->kept = true;
    head->next = b->free[head->class];
    b->free[head->class] = head;
}

size_t rill_blocks_size(const void *ptr)
{
    return head_of(ptr)->size;
}

void *rill_blocks_resize(rill_blocks *b, void *ptr, size_t size)
{
    size_t had = ptr == NULL ? 0 : rill_blocks_size(ptr);
    if (ptr != NULL && size <= had)
        return ptr;
    void *other = rill_blocks_take(b, size);
    if (other == NULL)
        return NULL;
    if (had != 0)
        memcpy(other, ptr, had);
    rill_blocks_give(b, ptr);
    return other;
}
