/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rate_limit.h"

#include "base/muldiv.h"

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

/* ---- amounts ---- */

/* A unit, too, costs as many parts of it as a second has nanoseconds. */
static void fill(rill_value_bucket *b, uint64_t per_second, uint64_t mono_ns)
{
    const rill_u128 full = rill_wide_product(per_second, RILL_SECOND);
    if (mono_ns > b->filled_at) {
        const rill_u128 filled = rill_wide_product(mono_ns - b->filled_at, per_second);
        b->used =
            rill_wide_less(filled, b->used) ? rill_wide_sub(b->used, filled) : rill_wide_of(0, 0);
        b->filled_at = mono_ns;
    }
    /* The limit was higher before, as above. */
    if (rill_wide_less(full, b->used))
        b->used = full;
}

bool rill_value_bucket_has(rill_value_bucket *b, uint64_t per_second, uint64_t amount,
                           uint64_t mono_ns)
{
    if (per_second == 0)
        return true;
    fill(b, per_second, mono_ns);
    /* Below 2^94 and 2^95. */
    const rill_u128 wanted = rill_wide_add(b->used, rill_wide_product(amount, RILL_SECOND));
    return !rill_wide_less(rill_wide_product(per_second, RILL_SECOND), wanted);
}

rill_value_mark rill_value_bucket_take(rill_value_bucket *b, uint64_t amount)
{
    b->used = rill_wide_add(b->used, rill_wide_product(amount, RILL_SECOND));
    b->taken = rill_wide_add(b->taken, rill_wide_of(0, amount));
    return (rill_value_mark){rill_wide_high(b->taken), rill_wide_low(b->taken)};
}

/*
 * If it had not been taken, the bucket would lack less by that much at most, and no less than what
 * was taken since: that was taken out of what there was then at the latest. Without the second half
 * of this rule, who has packets rejected just before the next ones could save up second after
 * second, and spend it all at once.
 */
void rill_value_bucket_give_back(rill_value_bucket *b, uint64_t per_second, uint64_t amount,
                                 rill_value_mark mark, uint64_t mono_ns)
{
    const rill_u128 since = rill_wide_sub(b->taken, rill_wide_of(mark.high, mark.low));
    if (per_second == 0)
        return;
    fill(b, per_second, mono_ns);
    /* More than any bucket holds. */
    if (rill_wide_high(since) != 0)
        return;
    const rill_u128 least = rill_wide_product(rill_wide_low(since), RILL_SECOND);
    const rill_u128 back = rill_wide_product(amount, RILL_SECOND);
    if (!rill_wide_less(least, b->used))
        return;
    if (rill_wide_less(back, rill_wide_sub(b->used, least)))
        b->used = rill_wide_sub(b->used, back);
    else
        b->used = least;
}
