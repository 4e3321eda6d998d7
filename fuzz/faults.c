/* SPDX-License-Identifier: Apache-2.0 */
#include "faults.h"

#include "fuzz.h"

fuzz_faults fuzz_fault;
static uint64_t random_state;

/* Stands in front of each block. It is as large as the alignment of malloc. */
typedef union block {
    size_t size;
    max_align_t align;
} block;

void fuzz_faults_reset(uint64_t seed)
{
    CHECK(fuzz_fault.blocks == 0 && fuzz_fault.bytes == 0);
    fuzz_fault = (fuzz_faults){0};
    random_state = seed;
}

void fuzz_random(uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (i % 8 == 0)
            random_state += UINT64_C(0x9e3779b97f4a7c15);
        uint64_t z = (random_state ^ (random_state >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        out[i] = (uint8_t)((z ^ (z >> 31)) >> (8 * (i % 8)));
    }
}

static bool counts_down(unsigned *left)
{
    if (*left == 0 || --*left != 0)
        return false;
    fuzz_fault.failed++;
    return true;
}

bool fuzz_crypto_fails(void)
{
    return counts_down(&fuzz_fault.crypto);
}

static void *counted_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    CHECK(size != 0);
    block *old = ptr == NULL ? NULL : (block *)ptr - 1;
    size_t before = old == NULL ? 0 : old->size;
    if (counts_down(&fuzz_fault.allocation) || size > SIZE_MAX - sizeof(block))
        return NULL;
    /* Always moves the block, so that a program that uses the old one is found out. */
    block *b = malloc(sizeof(block) + size);
    CHECK(b != NULL);
    b->size = size;
    if (old != NULL) {
        memcpy(b + 1, ptr, before < size ? before : size);
        free(old);
    }
    fuzz_fault.blocks += old == NULL;
    fuzz_fault.bytes += size - before;
    if (fuzz_fault.bytes > fuzz_fault.peak)
        fuzz_fault.peak = fuzz_fault.bytes;
    return b + 1;
}

static void counted_free(void *user, void *ptr)
{
    (void)user;
    CHECK(ptr != NULL && fuzz_fault.blocks > 0);
    block *b = (block *)ptr - 1;
    fuzz_fault.blocks--;
    fuzz_fault.bytes -= b->size;
    free(b);
}

const rill_allocator *fuzz_allocator(void)
{
    static const rill_allocator allocator = {counted_realloc, counted_free, NULL};
    return &allocator;
}

/* For targets that are linked with --wrap: the default allocator is this one. */
const rill_allocator *__wrap_rill_allocator_default(void);
const rill_allocator *__wrap_rill_allocator_default(void)
{
    return fuzz_allocator();
}
