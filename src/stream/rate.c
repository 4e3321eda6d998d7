/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/rate.h"

#include "base/muldiv.h"

void rill_rate_init(rill_rate *r, rill_ratio minimum, rill_ratio slippage)
{
    const rill_ratio unknown = {.num = 0, .den = 1};

    r->fixed = minimum.num != 0 && minimum.den != 0;
    r->minimum = r->fixed ? minimum : unknown;
    r->slippage = slippage;
    r->latest = unknown;
    r->probed = unknown;
}

void rill_rate_probe(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    if (sent == 0)
        return;
    if (delivered > r->probed.num)
        r->probed = (rill_ratio){.num = delivered, .den = sent};
    rill_rate_learn(r, sent, delivered);
}

bool rill_rate_ready(const rill_rate *r)
{
    uint64_t enough = 1;

    for (int i = 1; i < RILL_RATE_DIGITS; i++)
        enough *= 10;
    return r->fixed || r->probed.num >= enough;
}

bool rill_rate_settle(rill_rate *r)
{
    if (r->fixed)
        return true;
    if (r->probed.num == 0)
        return false;
    r->minimum = rill_ratio_multiply_floor(r->probed, rill_ratio_complement(r->slippage));
    return true;
}

/*
 * Whether rounding alone explains that `sent` arrived as `delivered` at a path
 * whose rate was measured as `known`. Both numbers were rounded down, so that
 * the rate lies from num / den to (num + 1) / den; a path of several hops
 * rounds more than once, for which a further unit is allowed in each of them.
 */
static bool rounding_explains(rill_ratio known, uint64_t sent, uint64_t delivered)
{
    const rill_ratio upper = {.num = rill_add_sat(known.num, 2), .den = known.den};
    uint64_t least = rill_sub_sat(rill_ratio_floor(known, sent), 1);

    return delivered >= least && delivered <= rill_ratio_floor(upper, sent);
}

/*
 * The more units arrive, the more exactly their number tells the rate: 1 unit
 * that arrives as 0 says nothing about 0.98, a million units that arrive as
 * 980,123 say six digits. So a reply that rounding can explain by the known
 * rate replaces it only where it is at least as precise. One that rounding
 * cannot explain means that the rate has changed, and always replaces it,
 * however coarse: the next precise reply refines it.
 */
void rill_rate_learn(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    bool known = r->latest.num != 0;

    if (sent == 0)
        return;
    if (known && rounding_explains(r->latest, sent, delivered) && delivered < r->latest.num)
        return;
    if (delivered > 0)
        r->latest = (rill_ratio){.num = delivered, .den = sent};
    else if (known) /* The rate has fallen below 1 / sent: the most that it can be. */
        r->latest = (rill_ratio){.num = 1, .den = sent};
}

uint64_t rill_rate_minimum(const rill_rate *r, uint64_t amount)
{
    return rill_ratio_floor(r->minimum, amount);
}

/* The latest, or before any reply what the application expects at least. */
static rill_ratio best_guess(const rill_rate *r)
{
    return r->latest.num != 0 ? r->latest : r->minimum;
}

uint64_t rill_rate_delivers(const rill_rate *r, uint64_t amount)
{
    return rill_ratio_floor(best_guess(r), amount);
}

uint64_t rill_rate_needed_ceil(const rill_rate *r, uint64_t delivered)
{
    return rill_ratio_inverse_ceil(best_guess(r), delivered);
}

uint64_t rill_rate_needed_floor(const rill_rate *r, uint64_t delivered)
{
    return rill_ratio_inverse_floor(best_guess(r), delivered);
}
