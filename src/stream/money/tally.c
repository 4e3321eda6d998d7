/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/money/tally.h"

#include <assert.h>

#include "base/muldiv.h"

#define LARGEST_TERM (UINT64_MAX >> 1)
/* Of sums: far from the end of the numbers, so that two of them never pass it. */
#define LARGEST_SUM rill_wide_signed(rill_wide_of(UINT64_C(1) << 62, 0))

/* At most that ratio. */
static rill_ratio bound_of(rill_ratio minimum)
{
    rill_ratio bound = rill_ratio_coarser(minimum, LARGEST_TERM);

    while (bound.num > LARGEST_TERM && bound.den > 1)
        bound = rill_ratio_coarser(bound, bound.den / 2);
    if (bound.num > LARGEST_TERM)
        bound.num = LARGEST_TERM;
    return bound;
}

void rill_tally_begin_anew(rill_tally *t, rill_ratio minimum, uint32_t era)
{
    assert(minimum.den > 0 && era > 0); /* a ratio, and not the era of what has not begun */
    *t = (rill_tally){.bound = bound_of(minimum), .era = era};
    t->largest = rill_ratio_inverse_floor(t->bound, UINT64_MAX);
}

uint64_t rill_tally_usual(const rill_tally *t, uint64_t amount)
{
    return rill_ratio_floor(t->bound, amount);
}

static rill_i128 times(uint64_t term, uint64_t amount)
{
    return rill_wide_signed(rill_wide_product(term, amount));
}

static rill_i128 less(rill_i128 a, rill_i128 b)
{
    return rill_wide_signed(rill_wide_sub(rill_wide_bits(a), rill_wide_bits(b)));
}

/* Products are below 2^127, sums between twice the largest and less that: none overflows. */
static rill_i128 add(rill_i128 a, rill_i128 b)
{
    const rill_i128 most = LARGEST_SUM;
    const rill_i128 least = rill_wide_negate(most);
    rill_i128 sum;

    if (!rill_wide_sum(a, b, &sum))
        return rill_wide_negative(b) ? least : most;
    if (rill_wide_below(most, sum))
        return most;
    return rill_wide_below(sum, least) ? least : sum;
}

static uint64_t quotient(rill_u128 sum, uint64_t by)
{
    return rill_wide_sat(rill_wide_div(sum, rill_wide(by)));
}

/* What a unit less than it would be costs, and the balance has. */
static rill_i128 with_a_unit(const rill_tally *t)
{
    return rill_wide_signed(rill_wide_add(rill_wide_bits(t->balance), rill_wide(t->bound.den - 1)));
}

uint64_t rill_tally_demand(const rill_tally *t, uint64_t amount, bool spare)
{
    assert(t->era > 0); /* it has begun, or there is no bound */
    rill_u128 needed = rill_wide_product(t->bound.num, amount);
    rill_i128 has = with_a_unit(t);
    rill_u128 unit = rill_wide(t->bound.den - 1);
    rill_u128 given = rill_wide(0);

    if (spare && rill_wide_negative(has))
        return quotient(rill_wide_sub(needed, rill_wide_bits(t->balance)), t->bound.den);
    if (spare)
        given = rill_wide_bits(has);
    else if (!rill_wide_negative(t->balance)) /* for rounding, and not for a worse rate */
        given =
            rill_wide_less(rill_wide_bits(t->balance), unit) ? rill_wide_bits(t->balance) : unit;
    if (!rill_wide_less(given, needed))
        return 0;
    return quotient(rill_wide_add(rill_wide_sub(needed, given), unit), t->bound.den);
}

bool rill_tally_bears(const rill_tally *t, uint64_t amount, uint64_t delivered, uint64_t packets)
{
    rill_i128 loses = less(times(t->bound.num, amount), times(t->bound.den, delivered));
    rill_i128 has = with_a_unit(t);

    if (!rill_wide_below(rill_wide_signed(rill_wide(0)), loses))
        return true;
    return packets > 0 && !rill_wide_negative(has) &&
           !rill_wide_less(rill_wide_div(rill_wide_bits(has), rill_wide(packets)),
                           rill_wide_bits(loses));
}

uint64_t rill_tally_affords(const rill_tally *t, uint64_t delivered)
{
    rill_i128 has = times(t->bound.den, delivered);

    if (!rill_wide_negative(t->balance))
        has = add(has, t->balance);
    return t->bound.num == 0 ? UINT64_MAX : quotient(rill_wide_bits(has), t->bound.num);
}

rill_i128 rill_tally_hold(rill_tally *t, uint64_t amount, uint64_t minimum)
{
    assert(t->era > 0);
    rill_i128 held = less(times(t->bound.num, amount), times(t->bound.den, minimum));

    if (!rill_wide_below(rill_wide_signed(rill_wide(0)), held))
        return rill_wide_signed(rill_wide(0));
    t->balance = add(t->balance, rill_wide_negate(held));
    return held;
}

bool rill_tally_commit(rill_tally *t, rill_i128 held, uint64_t amount, uint64_t delivered)
{
    rill_i128 gain = less(times(t->bound.den, delivered), times(t->bound.num, amount));

    /* It brought no more than what it had to: the common case. */
    if (rill_wide_is_zero(rill_wide_add(rill_wide_bits(gain), rill_wide_bits(held))))
        return false;
    t->balance = add(t->balance, add(held, gain));
    return true;
}

void rill_tally_release(rill_tally *t, rill_i128 held)
{
    t->balance = add(t->balance, held);
}
