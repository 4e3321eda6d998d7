/* SPDX-License-Identifier: Apache-2.0 */
/* How long things took, counted. A time costs a few instructions and no memory. */
#ifndef RILL_CONNECTOR_HISTOGRAM_H
#define RILL_CONNECTOR_HISTOGRAM_H

#include <rill/types.h>

/* Times below 2^16 ns (65.5 us) are counted together, and those of 2^36 ns (69 s) and more. */
#define RILL_HISTOGRAM_FIRST 16
#define RILL_HISTOGRAM_LAST  36
/* Each doubling has so many steps of the same width, a power of two. */
#define RILL_HISTOGRAM_STEPS 4
#define RILL_HISTOGRAM_BUCKETS                                                                     \
    ((RILL_HISTOGRAM_LAST - RILL_HISTOGRAM_FIRST) * RILL_HISTOGRAM_STEPS + 2)

/* All zero: nothing was counted yet. */
typedef struct rill_histogram {
    uint64_t buckets[RILL_HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t sum_ns;
} rill_histogram;

void rill_histogram_add(rill_histogram *h, uint64_t ns);
/* How many took less than 2^power nanoseconds; power is from FIRST to LAST. */
uint64_t rill_histogram_below(const rill_histogram *h, unsigned power);
/* What was counted since `before`, which is an older copy of h. */
void rill_histogram_since(const rill_histogram *h, const rill_histogram *before,
                          rill_histogram *out);
/*
 * So many thousandths of all took at most about that many nanoseconds: right to a quarter of it. 0:
 * nothing was counted.
 */
uint64_t rill_histogram_quantile(const rill_histogram *h, unsigned thousandths);

#endif
