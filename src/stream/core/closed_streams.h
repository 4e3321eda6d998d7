/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams that are over, and that an incoming packet brought or asked something for. Its sender may
 * not know of their end: the reply says it.
 */
#ifndef RILL_STREAM_CLOSED_STREAMS_H
#define RILL_STREAM_CLOSED_STREAMS_H

#include <stdint.h>

/* As many are told at most: no packet of ours has money or bytes for more. */
#define RILL_MAX_CLOSED 16

typedef struct rill_closed_streams {
    uint32_t count;
    uint64_t ids[RILL_MAX_CLOSED];
} rill_closed_streams;

static inline void rill_closed_streams_note(rill_closed_streams *c, uint64_t id)
{
    for (uint32_t i = 0; i < c->count; i++)
        if (c->ids[i] == id)
            return;
    if (c->count < RILL_MAX_CLOSED)
        c->ids[c->count++] = id;
}

#endif
