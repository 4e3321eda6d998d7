/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: the entry point, and a check that is never compiled out. */
#ifndef RILL_FUZZ_H
#define RILL_FUZZ_H

#include <rill/types.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            abort();                                                                               \
    } while (0)

static inline bool same_bytes(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

#endif
