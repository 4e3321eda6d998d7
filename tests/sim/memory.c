/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include "report.h"

#include <stdlib.h>
#include <string.h>

#define HEADER 16 /* keeps the block aligned as malloc's */
static const uint8_t end_mark[8] = {0xa5, 0x5a, 0x01, 0xfe, 0xc3, 0x3c, 0x77, 0x88};

static size_t size_of(const uint8_t *block)
{
    size_t size;
    memcpy(&size, block, sizeof(size));
    return size;
}

static void check_end(sim_memory *m, const uint8_t *block)
{
    if (memcmp(block + HEADER + size_of(block), end_mark, sizeof(end_mark)) != 0)
        m->overrun = true;
}

static void *counted_realloc(void *user, void *ptr, size_t size)
{
    sim_memory *m = user;
    uint8_t *block = ptr == NULL ? NULL : (uint8_t *)ptr - HEADER;
    m->calls++;
    if (sim_rng_chance(&m->rng, m->fail)) {
        m->refused++;
        return NULL;
    }
    if (block != NULL) {
        check_end(m, block);
        m->bytes -= size_of(block);
    } else {
        m->blocks++;
    }
    size_t before = block == NULL ? 0 : size_of(block);
    block = sim_reallocate(block, HEADER + size + sizeof(end_mark));
    memcpy(block, &size, sizeof(size));
    /* Filled, so that reading before writing is noticed, in the same way in every run. */
    if (size > before)
        memset(block + HEADER + before, 0xd7, size - before);
    memcpy(block + HEADER + size, end_mark, sizeof(end_mark));
    m->bytes += size;
    if (m->bytes > m->peak)
        m->peak = m->bytes;
    return block + HEADER;
}

static void counted_free(void *user, void *ptr)
{
    sim_memory *m = user;
    if (ptr == NULL)
        return;
    uint8_t *block = (uint8_t *)ptr - HEADER;
    check_end(m, block);
    size_t size = size_of(block);
    m->bytes -= size;
    m->blocks--;
    memset(block, 0xe3, HEADER + size);
    free(block);
}

void sim_memory_init(sim_memory *m, uint64_t seed)
{
    memset(m, 0, sizeof(*m));
    sim_rng_seed(&m->rng, seed, 300);
    m->allocator = (rill_allocator){counted_realloc, counted_free, m};
}
