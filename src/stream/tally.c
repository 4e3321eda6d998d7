/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/tally.h"

#include "base/muldiv.h"

#define LARGEST_TERM (UINT64_MAX >> 1)
/* Of sums: far from the end of the numbers, so that two of them never pass it. */
#define LARGEST_SUM ((rill_i128)1 << 126)

rill_ratio rill_tally_bound(rill_ratio minimum)
{
    rill_ratio bound = rill_ratio_coarser(minimum, LARGEST_TERM);

    while (bound.num > LARGEST_TERM && bound.den > 1)
        bound = rill_ratio_coarser(bound, bound.den / 2);
    if (bound.num > LARGEST_TERM)
        bound.num = LARGEST_TERM;
    return bound;
}

static rill_i128 times(uint64_t term, uint64_t amount)
{
    return (rill_i128)((rill_u128)term * amount);
}

/* Products are below 2^127, sums between twice the largest and less that: none overflows. */
static rill_i128 add(rill_i128 a, rill_i128 b)
{
    rill_i128 sum;

    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? LARGEST_SUM : -LARGEST_SUM;
    if (sum > LARGEST_SUM)
        return LARGEST_SUM;
    return sum < -LARGEST_SUM ? -LARGEST_SUM : sum;
}

static uint64_t quotient(rill_u128 sum, uint64_t by)
{
    if (sum >> 64 == 0) /* several times as fast */
        return (uint64_t)sum / by;
    return sum / by > UINT64_MAX ? UINT64_MAX : (uint64_t)(sum / by);
}

uint64_t rill_tally_demand(const rill_tally *t, rill_ratio bound, uint64_t amount, bool spare)
{
    rill_u128 needed = (rill_u128)bound.num * amount;
    rill_u128 less = 0;

    if (spare && t->balance + (rill_i128)(bound.den - 1) < 0)
        return quotient(needed + (rill_u128)-t->balance, bound.den);
    if (spare)
        less = (rill_u128)(t->balance + (rill_i128)(bound.den - 1));
    else if (t->balance > 0) /* for rounding, and not for a worse rate */
        less = t->balance < (rill_i128)(bound.den - 1) ? (rill_u128)t->balance : bound.den - 1;
    return needed <= less ? 0 : quotient(needed - less + bound.den - 1, bound.den);
}

bool rill_tally_bears(const rill_tally *t, rill_ratio bound, uint64_t amount, uint64_t delivered,
                      uint64_t packets)
{
    rill_i128 loses = times(bound.num, amount) - times(bound.den, delivered);
    rill_i128 has = t->balance + (rill_i128)(bound.den - 1);

    return loses <= 0 || (packets > 0 && has >= 0 && loses <= has / (rill_i128)packets);
}

uint64_t rill_tally_affords(const rill_tally *t, rill_ratio bound, uint64_t delivered)
{
    rill_i128 has = times(bound.den, delivered);

    if (t->balance > 0)
        has = add(has, t->balance);
    return bound.num == 0 ? UINT64_MAX : quotient((rill_u128)has, bound.num);
}

rill_i128 rill_tally_hold(rill_tally *t, rill_ratio bound, uint64_t amount, uint64_t minimum)
{
    rill_i128 held = times(bound.num, amount) - times(bound.den, minimum);

    if (held <= 0)
        return 0;
    t->balance = add(t->balance, -held);
    return held;
}

bool rill_tally_commit(rill_tally *t, rill_ratio bound, rill_i128 held, uint64_t amount,
                       uint64_t delivered)
{
    rill_i128 gain = times(bound.den, delivered) - times(bound.num, amount);

    /* It brought no more than what it had to: the common case. */
    if (gain == -held)
        return false;
    t->balance = add(t->balance, add(held, gain));
    return true;
}

void rill_tally_release(rill_tally *t, rill_i128 held)
{
    t->balance = add(t->balance, held);
}
