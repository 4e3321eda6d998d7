/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/failures.h"

#include <assert.h>

/* So many in a row are no accident. */
#define STREAK 8
/* A whole, in the units of parts. */
#define WHOLE 65536u

bool rill_failures_add(rill_failures *f)
{
    f->failed++;
    if (f->streak < STREAK)
        f->streak++;
    return f->streak == STREAK;
}

/* Up quickly, and down slowly: a path that loses packets does so in bursts. */
static void note_usual(rill_failures *f, uint32_t part)
{
    uint32_t counted = part < WHOLE / 4 ? part : WHOLE / 4;

    if (counted > f->usual)
        f->usual += (counted - f->usual) / (f->rounds == 1 ? 1 : 2);
    else
        f->usual -= (f->usual - counted) / 8;
}

rill_failures_word rill_failures_judge(rill_failures *f, const rill_limit *packets)
{
    uint32_t known = f->arrived + f->failed;

    assert(known > 0); /* rill_failures_known */
    uint32_t part = (uint32_t)((uint64_t)f->failed * WHOLE / known);
    uint32_t bearable = packets->slow_start ? WHOLE / 4 : 2 * f->usual + WHOLE / 32;
    rill_failures_word word = {.all = f->failed == known};
    if (f->rounds++ == 0)
        bearable = WHOLE / 4;
    note_usual(f, part);
    f->arrived = 0;
    f->failed = 0;
    word.too_many = part > bearable || word.all;
    /* By as much as failed, but not to nothing. */
    word.less = packets->window * at_most(part, WHOLE / 2) / WHOLE + packets->window / 32;
    return word;
}
