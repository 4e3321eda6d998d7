/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sum of amounts that may exceed 64 bits. It is exact, so what was added can be taken away again.
 * It is shown as UINT64_MAX if it is that much or more.
 */
#ifndef RILL_BASE_SUM_H
#define RILL_BASE_SUM_H

#include <stdbool.h>
#include <stdint.h>

/* Begins with all bytes zero. */
typedef struct rill_sum {
    uint64_t low;
    uint64_t high;
} rill_sum;

static inline void rill_sum_add(rill_sum *s, uint64_t amount)
{
    s->low += amount;
    s->high += s->low < amount;
}

/* amount must be part of the sum. */
static inline void rill_sum_take(rill_sum *s, uint64_t amount)
{
    s->high -= s->low < amount;
    s->low -= amount;
}

static inline uint64_t rill_sum_shown(const rill_sum *s)
{
    return s->high > 0 ? UINT64_MAX : s->low;
}

static inline bool rill_sum_equal(const rill_sum *a, const rill_sum *b)
{
    return a->low == b->low && a->high == b->high;
}

#endif
