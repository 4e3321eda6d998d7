/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing secrets of every packet, without a branch on their bytes. */
#ifndef RILL_BASE_SECRET_H
#define RILL_BASE_SECRET_H

#include <string.h>

#include <rill/types.h>

/* Not 0 where the eight bytes at x and y differ. */
static inline uint64_t rill_difference(const uint8_t *x, const uint8_t *y)
{
    uint64_t left;
    uint64_t right;
    memcpy(&left, x, sizeof left);
    memcpy(&right, y, sizeof right);
    return left ^ right;
}

/* The time depends only on len. Compares eight bytes at a time, some of the last of them twice. */
static inline bool rill_same_ct(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    uint64_t difference = 0;
    if (len >= 8) {
        for (size_t i = 0; i < len - 8; i += 8)
            difference |= rill_difference(x + i, y + i);
        difference |= rill_difference(x + (len - 8), y + (len - 8));
    } else {
        for (size_t i = 0; i < len; i++)
            difference |= (uint64_t)(x[i] ^ y[i]);
    }
    /* The compiler must not find out that the first difference decides. */
    __asm__("" : "+r"(difference));
    return difference == 0;
}

#endif
