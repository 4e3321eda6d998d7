/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Asks for memory before it is needed: where there are many accounts, waiting
 * for one costs more than what is done with it. Never a fault, whatever the
 * pointer; no effect but on time.
 */
#ifndef RILL_BASE_PREFETCH_H
#define RILL_BASE_PREFETCH_H

#include <stddef.h>

#define RILL_CACHE_LINE 64 /* bytes; elsewhere than on x86-64 it only costs time if it is wrong */

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
