/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of quotes: exact, and every rounding is against the payer or named. */
#include <string.h>

#include "base/muldiv.h"
#include "base/sized.h"
#include <rill/quote.h>

/* The largest power of ten in 64 bits. */
#define DIGITS 19

static const rill_quote_path unknown_path = {
    .size = sizeof unknown_path,
    .low_rate = {0, 1},
    .high_rate = {1, 0},
    .max_packet_amount = RILL_UNLIMITED,
    .receive_max = RILL_UNLIMITED,
};

static const rill_quote_options defaults = {
    .size = sizeof defaults,
    .price = {0, 1},
    .slippage = {1, 100},
    .min_rate = {0, 1},
};

void rill_quote_path_init_sized(rill_quote_path *path, size_t size)
{
    rill_sized_init(path, size, &unknown_path, sizeof unknown_path);
}

void rill_quote_options_init_sized(rill_quote_options *o, size_t size)
{
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

static int fail(rill_reason *reason, rill_reason why, int error)
{
    *reason = why;
    return error;
}

static int check(const rill_quote_options *o, rill_reason *reason)
{
    if ((o->source_amount == 0) == (o->deliver_amount == 0))
        return fail(reason, RILL_REASON_NO_AMOUNT, RILL_ERR_INVALID);
    if (o->slippage.den == 0 || o->slippage.num >= o->slippage.den)
        return fail(reason, RILL_REASON_SLIPPAGE, RILL_ERR_INVALID);
    if ((o->price.num != 0 && o->price.den == 0) || (o->min_rate.num != 0 && o->min_rate.den == 0))
        return fail(reason, RILL_REASON_PRICE, RILL_ERR_INVALID);
    return RILL_OK;
}

/* ratio x 10^power, rounded down where 64 bits do not have it. */
static rill_ratio scale(rill_ratio ratio, int power)
{
    while (power != 0) {
        bool up = power > 0;
        uint64_t factor = 1;
        for (int i = 0; i < DIGITS && power != 0; i++) {
            factor *= 10;
            power += up ? -1 : 1;
        }
        ratio = rill_ratio_multiply_floor(ratio,
                                          up ? (rill_ratio){factor, 1} : (rill_ratio){1, factor});
    }
    return ratio;
}

static int check_asset(const rill_quote_path *p, const rill_quote_options *o, rill_reason *reason)
{
    bool known = *p->destination_asset_code != '\0';
    if (o->asset_code && known &&
        (strcmp(o->asset_code, p->destination_asset_code) != 0 ||
         o->asset_scale != p->destination_asset_scale))
        return fail(reason, RILL_REASON_ASSET_CONFLICT, RILL_ERR_ASSET);
    bool needed = o->min_rate.num == 0 && o->price.num != 0;
    if (needed && !known && !o->asset_code)
        return fail(reason, RILL_REASON_DESTINATION_ASSET, RILL_ERR_ASSET);
    return RILL_OK;
}

/* Units for units: num is 0 where nothing can be enforced. */
static rill_ratio minimum_of(const rill_quote_path *p, const rill_quote_options *o)
{
    if (o->min_rate.num != 0)
        return o->min_rate;
    rill_ratio rate = p->low_rate;
    if (o->price.num != 0) {
        uint8_t there = *p->destination_asset_code ? p->destination_asset_scale : o->asset_scale;
        rate = scale(o->price, (int)there - (int)p->source_asset_scale);
        /* No packet can bring as much: it is no minimum that rounding down may lower. */
        if (rate.num == UINT64_MAX && rate.den == 1)
            return rate;
    }
    return rill_ratio_multiply_floor(rate, rill_ratio_complement(o->slippage));
}

/* No packet of `amount` can bring a unit, as far as is known. */
static bool is_worthless(const rill_quote_path *p, uint64_t amount)
{
    return p->high_rate.den != 0 && rill_ratio_floor(p->low_rate, amount) == 0 &&
           rill_ratio_compare(p->high_rate, (rill_ratio){1, amount}) <= 0;
}

static int fix_source(rill_quote_terms *t, const rill_quote_path *p, uint64_t amount,
                      rill_reason *reason)
{
    if (is_worthless(p, amount))
        return fail(reason, RILL_REASON_TOO_LITTLE, RILL_ERR_TOO_LITTLE);
    uint64_t least = rill_ratio_floor(t->min_rate, amount);
    uint64_t likely = rill_ratio_floor(p->low_rate, amount);
    if (least == UINT64_MAX || likely == UINT64_MAX)
        return fail(reason, RILL_REASON_AMOUNT, RILL_ERR_RANGE);
    t->max_source = t->likely_source = amount;
    /* Nothing is sent that brings nothing. */
    t->min_delivery = least > 0 ? least : 1;
    t->likely_delivery = likely > t->min_delivery ? likely : t->min_delivery;
    return RILL_OK;
}

static int fix_delivery(rill_quote_terms *t, const rill_quote_path *p, const rill_quote_options *o,
                        rill_reason *reason)
{
    uint64_t wanted = o->deliver_amount;
    uint64_t most = rill_ratio_inverse_ceil(t->min_rate, wanted);
    uint64_t likely = rill_ratio_inverse_ceil(p->low_rate, wanted);
    if (o->max_source != 0 && o->max_source < most) {
        if (likely > o->max_source)
            return fail(reason, RILL_REASON_SOURCE_MAX, RILL_ERR_RANGE);
        /* All of it brings what is wanted, or none of it is sent. */
        most = o->max_source;
        t->min_rate = rill_ratio_multiply_floor((rill_ratio){wanted, 1}, (rill_ratio){1, most});
    }
    if (most == UINT64_MAX)
        return fail(reason, RILL_REASON_AMOUNT, RILL_ERR_RANGE);
    t->fixed_delivery = true;
    t->max_source = most;
    t->min_delivery = t->likely_delivery = wanted;
    t->likely_source = likely < most ? likely : most;
    return RILL_OK;
}

static int find(rill_quote_terms *t, const rill_quote_path *p, const rill_quote_options *o,
                rill_reason *reason)
{
    int error = check(o, reason);
    if (error == RILL_OK)
        error = check_asset(p, o, reason);
    if (error != RILL_OK)
        return error;
    if (p->low_rate.num == 0 || p->low_rate.den == 0)
        return fail(reason, RILL_REASON_NO_RATE, RILL_ERR_RATE);
    t->min_rate = minimum_of(p, o);
    if (t->min_rate.num == 0)
        return fail(reason, RILL_REASON_UNENFORCEABLE, RILL_ERR_RATE);
    if (rill_ratio_compare(p->low_rate, t->min_rate) < 0)
        return fail(reason, RILL_REASON_RATE, RILL_ERR_RATE);
    error = o->source_amount != 0 ? fix_source(t, p, o->source_amount, reason)
                                  : fix_delivery(t, p, o, reason);
    if (error == RILL_OK && p->receive_max != 0 && t->min_delivery > p->receive_max)
        return fail(reason, RILL_REASON_RECEIVE_MAX, RILL_ERR_LIMIT);
    return error;
}

int rill_quote_find_terms_sized(rill_quote_terms *out, size_t size, const rill_quote_path *path,
                                const rill_quote_options *options, rill_reason *reason)
{
    const rill_quote_terms none = {.min_rate = {0, 1}};
    rill_quote_terms terms = none;
    rill_quote_path p = unknown_path;
    rill_quote_options o = defaults;
    rill_reason ignored;
    if (!reason)
        reason = &ignored;
    *reason = RILL_REASON_NONE;
    int error = rill_sized_take(&p, sizeof p, path);
    if (error == RILL_OK)
        error = rill_sized_take(&o, sizeof o, options);
    if (error != RILL_OK)
        *reason = RILL_REASON_OTHER;
    else
        error = find(&terms, &p, &o, reason);
    rill_sized_init(out, size, error == RILL_OK ? &terms : &none, sizeof terms);
    return error;
}
