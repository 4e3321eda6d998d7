/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that fail without a reason that names congestion (T00, no reply): an
 * accident, or more of them than is usual on this path.
 */
#ifndef RILL_STREAM_CONGESTION_FAILURES_H
#define RILL_STREAM_CONGESTION_FAILURES_H

#include "stream/path/congestion_limit.h"

/* Failures are counted over so many packets at least. */
#define RILL_FAILURES_SAMPLES 64

typedef struct rill_failures {
    uint32_t arrived;
    uint32_t failed;
    uint32_t streak; /* of failures in a row */
    uint32_t rounds; /* in which they were counted */
    uint32_t usual;  /* part of packets that fail, in 1/65536 */
} rill_failures;

/* One has arrived. */
static inline void rill_failures_none(rill_failures *f)
{
    f->arrived++;
    f->streak = 0;
}
/* One has failed. True: so many in a row that it is no accident. */
bool rill_failures_add(rill_failures *f);
/* Whether so many have come to their end that something can be said. */
static inline bool rill_failures_tell(const rill_failures *f, const rill_limit *l)
{
    uint32_t known = f->arrived + f->failed;

    if (known < RILL_FAILURES_SAMPLES && f->failed < RILL_FAILURES_SAMPLES / 4 && l->window > 4)
        return false;
    return known >= l->window / 2 || f->failed * 2 >= known;
}
/* Then: more fail than is usual, and the window is too large, by `less` packets. all: every one. */
bool rill_failures_too_many(rill_failures *f, const rill_limit *l, uint64_t *less, bool *all);

#endif
