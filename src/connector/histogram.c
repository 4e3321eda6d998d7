/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/histogram.h"

#include <assert.h>

enum { FIRST = RILL_HISTOGRAM_FIRST, LAST = RILL_HISTOGRAM_LAST, STEPS = RILL_HISTOGRAM_STEPS };

static size_t bucket_of(uint64_t ns)
{
    if (ns < UINT64_C(1) << FIRST)
        return 0;
    if (ns >= UINT64_C(1) << LAST)
        return RILL_HISTOGRAM_BUCKETS - 1;
    unsigned power = 63u - (unsigned)__builtin_clzll(ns);
    size_t step = (size_t)(ns >> (power - 2)) & (STEPS - 1);
    return 1 + (size_t)(power - FIRST) * STEPS + step;
}

/* What is in a bucket is less than this. */
static uint64_t end_of(size_t bucket)
{
    if (bucket == 0)
        return UINT64_C(1) << FIRST;
    uint64_t begin = UINT64_C(1) << (FIRST + (bucket - 1) / STEPS);
    return begin + begin / STEPS * ((bucket - 1) % STEPS + 1);
}

void rill_histogram_add(rill_histogram *h, uint64_t ns)
{
    h->buckets[bucket_of(ns)]++;
    h->count++;
    h->sum_ns += ns;
}

uint64_t rill_histogram_below(const rill_histogram *h, unsigned power)
{
    uint64_t sum = 0;
    assert(power >= FIRST && power <= LAST);
    for (size_t i = 0; i <= (size_t)(power - FIRST) * STEPS; i++)
        sum += h->buckets[i];
    return sum;
}

void rill_histogram_since(const rill_histogram *h, const rill_histogram *before,
                          rill_histogram *out)
{
    for (size_t i = 0; i < RILL_HISTOGRAM_BUCKETS; i++)
        out->buckets[i] = h->buckets[i] - before->buckets[i];
    out->count = h->count - before->count;
    out->sum_ns = h->sum_ns - before->sum_ns;
}

uint64_t rill_histogram_quantile(const rill_histogram *h, unsigned thousandths)
{
    uint64_t wanted = h->count / 1000 * thousandths + (h->count % 1000 * thousandths + 999) / 1000;
    uint64_t sum = 0;
    if (h->count == 0)
        return 0;
    for (size_t i = 0; i + 1 < RILL_HISTOGRAM_BUCKETS; i++) {
        sum += h->buckets[i];
        if (sum >= wanted)
            return end_of(i);
    }
    return UINT64_C(1) << LAST;
}
