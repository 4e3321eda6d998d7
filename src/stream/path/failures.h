/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets that fail without a reason that names congestion (T00, no reply): an
 * accident, or more of them than is usual on this path.
 */
#ifndef RILL_STREAM_FAILURES_H
#define RILL_STREAM_FAILURES_H

#include "stream/path/limit.h"

/* Failures are counted over so many packets at least. */
#define RILL_FAILURES_SAMPLES 64

/* All zero at first. */
typedef struct rill_failures {
    uint32_t arrived; /* since it was judged last */
    uint32_t failed;  /* so too */
    uint32_t streak;  /* of failures in a row, as far as it counts */
    uint32_t rounds;  /* in which they were judged */
    uint32_t usual;   /* part of packets that fail, in 1/65536 */
} rill_failures;

typedef struct rill_failures_word {
    bool too_many; /* more fail than is usual */
    bool all;      /* every one did */
    uint64_t less; /* then: the window is too large by so many packets */
} rill_failures_word;

/* One has arrived. */
static inline void rill_failures_none(rill_failures *f)
{
    f->arrived++;
    f->streak = 0;
}
/* One has failed. True: so many in a row that it is no accident. */
bool rill_failures_add(rill_failures *f);
/* Whether so many have come to their end that something can be said. packets: their window. */
static inline bool rill_failures_known(const rill_failures *f, const rill_limit *packets)
{
    uint32_t known = f->arrived + f->failed;

    if (known < RILL_FAILURES_SAMPLES && f->failed < RILL_FAILURES_SAMPLES / 4 &&
        packets->window > 4)
        return false;
    return known >= packets->window / 2 || f->failed * 2 >= known;
}
/* Then: what it is. Counting begins anew. */
rill_failures_word rill_failures_judge(rill_failures *f, const rill_limit *packets);

#endif
