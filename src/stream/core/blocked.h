/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of the other side that stop us: they are asked for again and again. */
#ifndef RILL_STREAM_BLOCKED_H
#define RILL_STREAM_BLOCKED_H

#include <rill/connection.h>

typedef struct rill_blocked {
    uint64_t ask_at; /* monotonic ns; 0: nothing is asked for */
    uint64_t delay;  /* until the time after that */
} rill_blocked;

/* A limit of the other side stops us: it is told, and asked again later. */
void rill_blocked_note(rill_connection *c, uint64_t now_ns);
/* So too, and soon. */
void rill_blocked_ask_soon(rill_connection *c, uint64_t now_ns);
/* What stops us was asked for. any: something does still, and is asked for later, less and less
 * often. */
void rill_blocked_asked(rill_connection *c, bool any, uint64_t now_ns);

#endif
