/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory in blocks of a few sizes, powers of two. A block that comes back is kept for the
 * next one who asks for its size, so that a request allocates nothing once as much has been
 * in use before. All connections of one loop share one of these.
 */
#ifndef RILL_HTTP_BLOCKS_H
#define RILL_HTTP_BLOCKS_H

#include <rill/types.h>

#define RILL_BLOCKS_CLASSES 13 /* 32 bytes to 128 KiB; what is larger is never kept */
/*
 * A large block has a little more than its size: nghttp2 adds a few bytes to a buffer of 16 KiB for
 * each connection, which would double it.
 */
#define RILL_BLOCKS_EXTRA 64 /* bytes, from 16 KiB on */

typedef struct rill_blocks {
    const rill_allocator *allocator;
    size_t max_kept; /* bytes */
    size_t kept;
    size_t used; /* bytes that are out, of their whole blocks */
    /* Overwrites a block when it comes back, where there are secrets. Default: NULL, nothing does.
     */
    void (*wipe)(void *data, size_t len);
    struct rill_block *free[RILL_BLOCKS_CLASSES];
} rill_blocks;

/* Allocates nothing. Keeps at most max_kept bytes of blocks that nobody uses. */
void rill_blocks_init(rill_blocks *b, const rill_allocator *allocator, size_t max_kept);
/* Every block has come back before. */
void rill_blocks_clear(rill_blocks *b);

/* At least size bytes with any contents, as aligned as malloc's; NULL without memory. */
void *rill_blocks_take(rill_blocks *b, size_t size);
/* ptr may be NULL. */
void rill_blocks_give(rill_blocks *b, void *ptr);
/* How many bytes of the block its owner may use: what was asked for, or more. */
size_t rill_blocks_size(const void *ptr);
/* The same contents in a block of at least size bytes. ptr may be NULL; NULL: ptr stays as it was.
 */
void *rill_blocks_resize(rill_blocks *b, void *ptr, size_t size);

#endif
