/* SPDX-License-Identifier: Apache-2.0 */
#include "failing_memory.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_USE UINT64_C(0x72696c6c2d757365)
#define FREED  UINT64_C(0x72696c6c2d667265)
/* Filled, so that reading before writing, or after freeing, is noticed. */
#define FILL_NEW   0xd7
#define FILL_FREED 0xe3
#define END_LEN    16

/* Stands in front of each block. It is as long as malloc's alignment. */
typedef struct failing_block {
    _Alignas(max_align_t) uint64_t state;
    size_t size;
} failing_block;

static uint8_t *content(failing_block *b)
{
    return (uint8_t *)(b + 1);
}

static void mistake(const char *what, size_t size)
{
    fprintf(stderr, "failing_memory: a block of %zu bytes %s\n", size, what);
    abort();
}

static bool filled(const uint8_t *p, size_t len, uint8_t with)
{
    for (size_t i = 0; i < len; i++)
        if (p[i] != with)
            return false;
    return true;
}

static failing_block *block_of(void *ptr)
{
    failing_block *b = (failing_block *)ptr - 1;
    if (b->state == FREED)
        mistake("is freed, and used again", b->size);
    if (b->state != IN_USE)
        mistake("is not ours, or was written before its start", 0);
    if (!filled(content(b) + b->size, END_LEN, FILL_FREED))
        mistake("was written behind its end", b->size);
    return b;
}

/* NULL leaves its place empty. */
static void keep_freed(failing_memory *m, failing_block *b)
{
    failing_block **place = &m->freed[m->next_freed];
    m->next_freed = (m->next_freed + 1) % FAILING_MEMORY_KEPT;
    if (*place) {
        if (!filled(content(*place), (*place)->size, FILL_FREED))
            mistake("was written after it was freed", (*place)->size);
        free(*place);
    }
    *place = b;
}

void failing_memory_free(failing_memory *m, void *ptr)
{
    if (!ptr)
        return;
    failing_block *b = block_of(ptr);
    b->state = FREED;
    memset(content(b), FILL_FREED, b->size);
    m->blocks--;
    keep_freed(m, b);
}

static bool refuses(failing_memory *m)
{
    m->asked++;
    if (m->fail_at == 0 || m->asked < m->fail_at || m->asked - m->fail_at >= m->fail_for)
        return false;
    m->refused++;
    return true;
}

void *failing_memory_realloc(failing_memory *m, void *ptr, size_t size)
{
    failing_block *before = ptr ? block_of(ptr) : NULL;
    if (refuses(m))
        return NULL;
    failing_block *b = malloc(sizeof *b + size + END_LEN);
    if (!b) {
        fprintf(stderr, "failing_memory: the machine's memory is out\n");
        abort();
    }
    b->state = IN_USE;
    b->size = size;
    memset(content(b), FILL_NEW, size);
    memset(content(b) + size, FILL_FREED, END_LEN);
    m->blocks++;
    if (before) {
        memcpy(content(b), ptr, before->size < size ? before->size : size);
        failing_memory_free(m, ptr);
    }
    return content(b);
}

static void *on_realloc(void *user, void *ptr, size_t size)
{
    if (size == 0)
        mistake("was asked for, which the interface does not allow", 0);
    return failing_memory_realloc(user, ptr, size);
}

static void on_free(void *user, void *ptr)
{
    if (!ptr)
        mistake("was freed that is NULL, which the interface does not allow", 0);
    failing_memory_free(user, ptr);
}

void failing_memory_init(failing_memory *m, unsigned long fail_at, unsigned long fail_for)
{
    *m = (failing_memory){.fail_at = fail_at, .fail_for = fail_for};
    m->allocator = (rill_allocator){on_realloc, on_free, m};
}

void failing_memory_end(failing_memory *m)
{
    for (unsigned i = 0; i < FAILING_MEMORY_KEPT; i++)
        keep_freed(m, NULL);
}
