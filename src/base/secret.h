/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing secrets of every packet, without a branch on their bytes. */
#ifndef RILL_BASE_SECRET_H
#define RILL_BASE_SECRET_H

#include <string.h>

#include <rill/types.h>

/* The time depends only on len. Compares eight bytes at a time. */
static inline bool rill_same_ct(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    uint64_t difference = 0;
    for (; len >= 8; len -= 8, x += 8, y += 8) {
        uint64_t left;
        uint64_t right;
        memcpy(&left, x, sizeof left);
        memcpy(&right, y, sizeof right);
        difference |= left ^ right;
    }
    for (; len > 0; len--)
        difference |= (uint64_t)(*x++ ^ *y++);
    /* The compiler must not find out that the first difference decides. */
    __asm__("" : "+r"(difference));
    return difference == 0;
}

#endif
