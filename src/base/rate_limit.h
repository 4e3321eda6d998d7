/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many packets, and how much in them, may pass in a second: token buckets in exact integers.
 * Time is passed in. A clock that stands still or goes back gives nothing.
 */
#ifndef RILL_BASE_RATE_LIMIT_H
#define RILL_BASE_RATE_LIMIT_H

#include <rill/types.h>

#include "base/wide.h"

#define RILL_MAX_RATE_LIMIT UINT64_C(1000000000) /* packets a second */

typedef struct rill_rate_limit {
    uint64_t per_second; /* 0: no limit; at most RILL_MAX_RATE_LIMIT */
    uint64_t burst;      /* packets at once after a pause: 1 to RILL_MAX_RATE_LIMIT */
} rill_rate_limit;

/* All zero: full. */
typedef struct rill_bucket {
    uint64_t used;      /* nanopackets below full */
    uint64_t filled_at; /* monotonic nanoseconds */
} rill_bucket;

/* A second's worth at once. */
rill_rate_limit rill_rate_limit_of(uint64_t per_second);
/* False, with nothing taken, where the account has sent too many. */
RILL_MUST_CHECK bool rill_bucket_take(rill_bucket *b, rill_rate_limit limit, uint64_t mono_ns);

/*
 * Of amounts, up to UINT64_MAX a second, which is also what it holds. What was taken for nothing is
 * given back, and all the same no more than a second's amount stays taken at any moment, and in any
 * time no more than that and what flows in meanwhile. All zero: full.
 */
typedef struct rill_value_bucket {
    rill_u128 used;     /* 10^-9 units below full */
    rill_u128 taken;    /* units in all, given back or not; modulo 2^128 */
    uint64_t filled_at; /* monotonic nanoseconds */
} rill_value_bucket;

/*
 * Where in all that a bucket gave something was taken. All zero: it was not. Then everything was
 * taken since, and nothing is given back.
 */
typedef struct rill_value_mark {
    uint64_t high;
    uint64_t low;
} rill_value_mark;

/* per_second: 0: no limit. Nothing is taken yet. */
RILL_MUST_CHECK bool rill_value_bucket_has(rill_value_bucket *b, uint64_t per_second,
                                           uint64_t amount, uint64_t mono_ns);
/* What it has. */
rill_value_mark rill_value_bucket_take(rill_value_bucket *b, uint64_t amount);
/* The whole of what was taken at the mark, once: as much of it as time has not given back. */
void rill_value_bucket_give_back(rill_value_bucket *b, uint64_t per_second, uint64_t amount,
                                 rill_value_mark mark, uint64_t mono_ns);

#endif
