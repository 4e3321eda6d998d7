/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reassembly against a flag for every byte. The input is the number of the
 * allocation that fails (0: none) and a list of commands of four bytes: offset
 * 2, length 1, and 1 that says how much is taken off and, so that the same
 * bytes come with other contents, what the data is filled with.
 */
#include <stdlib.h>

#include <rill/error.h>

#include "base/cursor.h"
#include "fuzz.h"
#include "stream/bytes/reassembly.h"

#define SPAN (65536 + 256)

typedef struct model {
    uint8_t bytes[SPAN];
    bool known[SPAN];
    uint64_t contiguous;
} model;

static void *failing_realloc(void *user, void *ptr, size_t size)
{
    unsigned *until = user;

    if (*until > 0 && --*until == 0)
        return NULL;
    return realloc(ptr, size);
}

static void failing_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static void insert(rill_reassembly *r, model *m, uint64_t offset, size_t len, uint8_t fill)
{
    uint8_t data[256];
    uint64_t expected = 0;
    uint64_t fresh;

    for (size_t i = 0; i < len; i++) {
        data[i] = (uint8_t)(fill + i);
        expected += !m->known[offset + i];
    }
    uint64_t highest = rill_reassembly_highest(r);
    int rc = rill_reassembly_insert(r, offset, (rill_bytes){data, len}, &fresh);
    if (rc != RILL_OK) {
        CHECK(rc == RILL_ERR_NOMEM || rc == RILL_ERR_LIMIT);
        CHECK(fresh == 0 && rill_reassembly_highest(r) == highest);
        return;
    }
    CHECK(fresh == expected);
    for (size_t i = 0; i < len; i++) {
        if (!m->known[offset + i])
            m->bytes[offset + i] = data[i];
        m->known[offset + i] = true;
    }
    while (m->contiguous < SPAN && m->known[m->contiguous])
        m->contiguous++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static model m;
    rill_reader in = rill_reader_of(data, size);
    uint32_t command;
    uint8_t fail;
    rill_reassembly *r;

    if (!rill_read_u8(&in, &fail))
        return 0;
    unsigned until = fail;
    const rill_allocator a = {failing_realloc, failing_free, &until};
    memset(&m, 0, sizeof m);
    if (rill_reassembly_new(&r, &a) != RILL_OK)
        return 0;
    while (rill_read_u32(&in, &command)) {
        insert(r, &m, command >> 16, command >> 8 & 255, (uint8_t)command);
        CHECK(rill_reassembly_contiguous(r) == m.contiguous);
        uint64_t consumed = rill_reassembly_consumed(r);
        rill_bytes ready = rill_reassembly_peek(r);
        CHECK((ready.len == 0) == (consumed == m.contiguous));
        CHECK(ready.len == 0 || memcmp(ready.data, m.bytes + consumed, ready.len) == 0);
        uint64_t most = m.contiguous - consumed;
        uint64_t taken = command & 255;
        rill_reassembly_consume(r, taken < most ? taken : most);
    }
    rill_reassembly_free(r);
    return 0;
}
