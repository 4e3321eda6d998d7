/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many packets a second an account may send: a token bucket in exact
 * integers. Time is passed in.
 */
#ifndef RILL_BASE_RATE_LIMIT_H
#define RILL_BASE_RATE_LIMIT_H

#include <rill/types.h>

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

#endif
