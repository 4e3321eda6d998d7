/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials pass through the JSON library, which frees its copies of them without wiping. This
 * wipes them. The setting is for the whole process, so it is the program's to make, not the
 * library's.
 */
#include <stddef.h>
#include <stdlib.h>

#include "cli/cli.h"
#include <rill/crypto.h>

typedef struct block {
    size_t size;
    max_align_t data[];
} block;

static void *allocate(size_t size)
{
    if (size > SIZE_MAX - sizeof(block))
        return NULL;
    block *b = malloc(sizeof *b + size);
    if (!b)
        return NULL;
    b->size = size;
    return b->data;
}

static void release(void *data)
{
    if (!data)
        return;
    block *b = (block *)(void *)((char *)data - offsetof(block, data));
    rill_wipe(b->data, b->size);
    free(b);
}

void cli_wipe_json(void)
{
    json_set_alloc_funcs(allocate, release);
}
