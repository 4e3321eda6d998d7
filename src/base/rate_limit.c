/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate_limit.h"

#include "base/muldiv.h"
#include "base/wide.h"

/* A packet costs as many units as a second has nanoseconds, so that filling up never rounds. */
#define PACKET RILL_SECOND

rill_rate_limit rill_rate_limit_of(uint64_t per_second)
{
    return (rill_rate_limit){.per_second = per_second, .burst = per_second > 0 ? per_second : 1};
}

bool rill_bucket_take(rill_bucket *b, rill_rate_limit limit, uint64_t mono_ns)
{
    if (limit.per_second == 0)
        return true;
    if (mono_ns > b->filled_at) {
        uint64_t filled =
            rill_wide_sat(rill_wide_product(mono_ns - b->filled_at, limit.per_second));
        b->used = rill_sub_sat(b->used, filled);
        b->filled_at = mono_ns;
    }
    /* The limit was higher before: nobody waits longer for it than from an empty bucket. */
    if (b->used > limit.burst * PACKET)
        b->used = limit.burst * PACKET;
    /* At most 10^18 + 10^9, which fits. */
    if (b->used + PACKET > limit.burst * PACKET)
        return false;
    b->used += PACKET;
    return true;
}
