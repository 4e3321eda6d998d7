/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An input that is a program: one byte chooses what is done, and the next bytes say with what.
 * After the end zeros follow. So every input is a program, and one byte less changes little.
 */
#ifndef RILL_FUZZ_PROGRAM_H
#define RILL_FUZZ_PROGRAM_H

#include "fuzz.h"

typedef struct program {
    const uint8_t *at;
    size_t left;
} program;

static inline program program_of(const uint8_t *data, size_t size)
{
    return (program){data, size};
}

static inline uint8_t take_byte(program *p)
{
    if (p->left == 0)
        return 0;
    p->left--;
    return *p->at++;
}

/* Most numbers are small. The others are near the limits of counters. */
static inline uint64_t take_number(program *p)
{
    static const uint64_t edges[] = {255,
                                     256,
                                     999,
                                     1000,
                                     16383,
                                     16384,
                                     32767,
                                     65534,
                                     65535,
                                     65536,
                                     1000000,
                                     1000000000,
                                     UINT32_MAX,
                                     1ull << 32,
                                     1ull << 53,
                                     1ull << 62,
                                     1ull << 63,
                                     INT64_MAX,
                                     UINT64_MAX,
                                     UINT64_MAX - 1,
                                     UINT64_MAX / 2,
                                     UINT64_MAX / 3,
                                     1000000000000,
                                     1000000000000000};
    uint8_t b = take_byte(p);
    if (b < 192)
        return b;
    unsigned edge = b - 192u;
    if (edge < sizeof edges / sizeof edges[0])
        return edges[edge];
    uint64_t v = 0;
    unsigned bytes = b < 232 ? 2 : b < 244 ? 4 : 8;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | take_byte(p);
    return v;
}

/* At most so many bytes, as they are in the input. */
static inline rill_bytes take_bytes(program *p, size_t most)
{
    size_t len = take_byte(p);
    if (len > most)
        len = most;
    if (len > p->left)
        len = p->left;
    rill_bytes bytes = {p->at, len};
    if (len != 0)
        p->at += len;
    p->left -= len;
    return bytes;
}

#endif
