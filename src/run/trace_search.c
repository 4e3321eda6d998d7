/* SPDX-License-Identifier: Apache-2.0 */
#include "run/trace_search.h"

#include <string.h>

void rill_trace_search_init(rill_trace_search *s, uint64_t close, uint64_t close_part)
{
    s->close = close;
    s->close_part = close_part;
    s->count = 0;
}

void rill_trace_search_note(rill_trace_search *s, rill_trace_point point)
{
    if (s->count == RILL_TRACE_POINTS)
        return;
    size_t at = s->count;
    while (at > 0 && s->points[at - 1].at > point.at)
        at--;
    memmove(s->points + at + 1, s->points + at, (s->count - at) * sizeof *s->points);
    s->points[at] = point;
    s->count++;
}

static bool is_close(const rill_trace_search *s, uint64_t low, uint64_t high)
{
    return high - low <= s->close || high - low <= low / s->close_part;
}

static unsigned bits(uint64_t value)
{
    return value == 0 ? 0 : 64 - (unsigned)__builtin_clzll(value);
}

/* Far apart, it is the middle of their lengths: the changes lie anywhere from 1 to 2^64. */
static uint64_t middle(uint64_t low, uint64_t high)
{
    unsigned apart = bits(high) - bits(low);
    if (apart < 3)
        return low + (high - low) / 2;
    return (low == 0 ? 1 : low) << apart / 2;
}

static uint64_t between(const rill_trace_point *low, const rill_trace_point *high)
{
    if (high->passes > low->at && high->passes < high->at)
        return high->passes;
    /* That it would pass is known, so it is the next value that may not. */
    if (high->passes == low->at)
        return low->at + 1;
    return middle(low->at, high->at);
}

bool rill_trace_search_next(const rill_trace_search *s, uint64_t *out)
{
    if (s->count == RILL_TRACE_POINTS)
        return false;
    for (size_t i = 1; i < s->count; i++) {
        const rill_trace_point *low = &s->points[i - 1];
        const rill_trace_point *high = &s->points[i];
        if (low->outcome == high->outcome)
            continue;
        /* What a node says of its limit is worth two packets, however close. */
        bool told = high->passes >= low->at && high->passes < high->at;
        if (high->at - low->at > 1 && (told || !is_close(s, low->at, high->at))) {
            *out = between(low, high);
            return true;
        }
    }
    return false;
}

size_t rill_trace_search_row(const rill_trace_search *s, size_t from)
{
    size_t end = from + 1;
    while (end < s->count && s->points[end].outcome == s->points[from].outcome)
        end++;
    return end;
}
