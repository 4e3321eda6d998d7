/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that are over, and that an incoming packet brought or asked something for. Its sender may
 * not know of their end: the reply says it.
 */
#ifndef RILL_STREAM_CLOSED_STREAMS_H
#define RILL_STREAM_CLOSED_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

/* As many are told at most: no packet of ours has money or bytes for more. */
#define RILL_MAX_CLOSED 16
_Static_assert(RILL_MAX_CLOSED <= 32, "each has a bit of `dropped`");

typedef struct rill_closed_streams {
    uint32_t count;
    uint32_t dropped; /* a bit for each: bytes for it were dropped */
    uint64_t ids[RILL_MAX_CLOSED];
} rill_closed_streams;

static inline void rill_closed_streams_note(rill_closed_streams *c, uint64_t id, bool dropped)
{
    uint32_t i = 0;
    while (i < c->count && c->ids[i] != id)
        i++;
    if (i == RILL_MAX_CLOSED)
        return;
    if (i == c->count)
        c->ids[c->count++] = id;
    c->dropped |= (uint32_t)dropped << i;
}

#endif
