/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/congestion_failures.h"

/* So many in a row are no accident. */
#define STREAK 8

bool rill_failures_add(rill_failures *f)
{
    f->failed++;
    if (f->streak < STREAK)
        f->streak++;
    return f->streak == STREAK;
}

bool rill_failures_too_many(rill_failures *f, const rill_limit *l, uint64_t *less, bool *all)
{
    uint32_t known = f->arrived + f->failed;

    uint32_t part = (uint32_t)((uint64_t)f->failed * 65536 / known);
    uint32_t bearable = l->slow_start ? 65536 / 4 : 2 * f->usual + 65536 / 32;
    *all = f->failed == known;
    if (f->rounds++ == 0)
        bearable = 65536 / 4;
    uint32_t counted = (uint32_t)at_most(part, 65536 / 4);
    if (counted > f->usual)
        f->usual += (counted - f->usual) / (f->rounds == 1 ? 1 : 2);
    else
        f->usual -= (f->usual - counted) / 8;
    f->arrived = 0;
    f->failed = 0;
    /* By as much as failed, but not to nothing. */
    *less = l->window * at_most(part, 65536 / 2) / 65536 + l->window / 32;
    return part > bearable || *all;
}
