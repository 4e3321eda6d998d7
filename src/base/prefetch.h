/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests memory before it is needed. With many accounts, waiting for the memory of one costs more
 * than the work on it. It never faults, whatever the pointer is, and has no effect except on time.
 */
#ifndef RILL_BASE_PREFETCH_H
#define RILL_BASE_PREFETCH_H

#include <stddef.h>

/* bytes; a wrong value, on other processors than x86-64, only costs time */
#define RILL_CACHE_LINE 64

/* The cache lines of [start, start + len). */
static inline void rill_prefetch(const void *start, size_t len)
{
    const char *at = start;
    for (size_t i = 0; i < len; i += RILL_CACHE_LINE)
        __builtin_prefetch(at + i, 1);
    if (len > 0)
        __builtin_prefetch(at + len - 1, 1);
}

#endif
