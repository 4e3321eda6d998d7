/* SPDX-License-Identifier: Apache-2.0 */
#include "connector/rates.h"

#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "base/muldiv.h"

void rill_rates_init(rill_rates *r, const rill_allocator *allocator, uint64_t lifetime,
                     uint32_t spread)
{
    *r = (rill_rates){.allocator = allocator, .lifetime = lifetime, .spread = spread};
}

void rill_rates_clear(rill_rates *r)
{
    rill_free(r->allocator, r->assets);
    rill_free(r->allocator, r->prices);
    rill_free(r->allocator, r->rules);
    rill_free(r->allocator, r->pairs);
    *r = (rill_rates){.allocator = r->allocator};
}

static bool code_valid(const char *code)
{
    size_t len = strlen(code);
    return len > 0 && len <= RILL_ASSET_CODE_MAX;
}

static void set_code(char out[RILL_ASSET_CODE_MAX + 1], const char *code)
{
    memset(out, 0, RILL_ASSET_CODE_MAX + 1);
    memcpy(out, code, strlen(code));
}

int rill_rates_asset(rill_rates *r, const char *code, uint8_t scale, uint32_t *out)
{
    if (!code_valid(code))
        return RILL_ERR_INVALID;
    for (size_t i = 0; i < r->asset_count; i++) {
        if (r->assets[i].scale == scale && strcmp(r->assets[i].code, code) == 0) {
            *out = (uint32_t)i;
            return RILL_OK;
        }
    }
    if (r->asset_count == RILL_MAX_ASSETS)
        return RILL_ERR_LIMIT;
    size_t count = r->asset_count + 1;
    rill_pair *pairs = rill_calloc(r->allocator, count * count, sizeof *pairs);
    rill_asset *assets = rill_realloc_array(r->allocator, r->assets, count, sizeof *assets);
    if (assets != NULL)
        r->assets = assets;
    if (pairs == NULL || assets == NULL) {
        rill_free(r->allocator, pairs);
        return RILL_ERR_NOMEM;
    }
    /* What was ready stays ready; the new one has no price until the next refresh. */
    for (size_t i = 0; i < r->asset_count; i++)
        memcpy(&pairs[i * count], &r->pairs[i * r->asset_count], r->asset_count * sizeof *pairs);
    rill_free(r->allocator, r->pairs);
    r->pairs = pairs;
    set_code(assets[r->asset_count].code, code);
    assets[r->asset_count].scale = scale;
    *out = (uint32_t)r->asset_count++;
    return RILL_OK;
}

static rill_price *price_of(const rill_rates *r, const char *code)
{
    for (size_t i = 0; i < r->price_count; i++) {
        if (strcmp(r->prices[i].code, code) == 0)
            return &r->prices[i];
    }
    return NULL;
}

const rill_price *rill_rates_price(const rill_rates *r, const char *code)
{
    return price_of(r, code);
}

int rill_rates_date(rill_rates *r, const char *code, rill_ratio price, int16_t tens,
                    rill_price_kind kind, rill_now good_until)
{
    if (!code_valid(code) || price.den == 0 || tens < -RILL_PRICE_TENS || tens > RILL_PRICE_TENS)
        return RILL_ERR_INVALID;
    rill_price *entry = price_of(r, code);
    if (entry == NULL) {
        rill_price *prices =
            rill_realloc_array(r->allocator, r->prices, r->price_count + 1, sizeof *prices);
        if (prices == NULL)
            return RILL_ERR_NOMEM;
        r->prices = prices;
        entry = &prices[r->price_count++];
        set_code(entry->code, code);
    }
    entry->price = price;
    entry->tens = tens;
    entry->kind = price.num == 0 ? RILL_PRICE_NONE : kind;
    entry->good_until = good_until.mono_ns;
    entry->good_until_ms = good_until.wall_ms;
    return RILL_OK;
}

int rill_rates_set(rill_rates *r, const char *code, rill_ratio price, rill_price_kind kind,
                   uint64_t now)
{
    const rill_now until = {kind == RILL_PRICE_FIXED ? RILL_NEVER : rill_add_sat(now, r->lifetime),
                            RILL_NEVER};
    return rill_rates_date(r, code, price, 0, kind, until);
}

static rill_spread_rule *rule_of(const rill_rates *r, const char *from, const char *to)
{
    for (size_t i = 0; i < r->rule_count; i++) {
        if (strcmp(r->rules[i].from, from) == 0 && strcmp(r->rules[i].to, to) == 0)
            return &r->rules[i];
    }
    return NULL;
}

int rill_rates_set_spread(rill_rates *r, const char *from, const char *to, uint32_t spread)
{
    if (!code_valid(from) || !code_valid(to) || spread > RILL_SPREAD_ONE)
        return RILL_ERR_INVALID;
    rill_spread_rule *rule = rule_of(r, from, to);
    if (rule == NULL) {
        rill_spread_rule *rules =
            rill_realloc_array(r->allocator, r->rules, r->rule_count + 1, sizeof *rules);
        if (rules == NULL)
            return RILL_ERR_NOMEM;
        r->rules = rules;
        rule = &rules[r->rule_count++];
        set_code(rule->from, from);
        set_code(rule->to, to);
    }
    rule->spread = spread;
    return RILL_OK;
}

/* The same code needs no price, and costs nothing unless a rule says so. */
static rill_pair pair_of(const rill_rates *r, const rill_asset *source,
                         const rill_asset *destination)
{
    static const rill_price one = {
        .price = {1, 1}, .good_until = RILL_NEVER, .good_until_ms = RILL_NEVER};
    const rill_price *from = &one;
    const rill_price *to = &one;
    bool same = strcmp(source->code, destination->code) == 0;
    const rill_spread_rule *rule = rule_of(r, source->code, destination->code);
    uint32_t spread = rule != NULL ? rule->spread : same ? 0 : r->spread;
    if (!same) {
        from = price_of(r, source->code);
        to = price_of(r, destination->code);
        if (from == NULL || to == NULL || from->kind == RILL_PRICE_NONE ||
            to->kind == RILL_PRICE_NONE)
            return (rill_pair){.good_until = 0};
        if (from->kind == RILL_PRICE_AWAITED || to->kind == RILL_PRICE_AWAITED)
            return (rill_pair){.good_until = 1, .good_until_ms = RILL_NEVER};
    }
    return (rill_pair){
        rill_conversion_shifted(from->price, to->price,
                                destination->scale - source->scale + from->tens - to->tens, spread),
        from->good_until < to->good_until ? from->good_until : to->good_until,
        from->good_until_ms < to->good_until_ms ? from->good_until_ms : to->good_until_ms,
    };
}

void rill_rates_refresh(rill_rates *r)
{
    for (size_t i = 0; i < r->asset_count; i++) {
        for (size_t k = 0; k < r->asset_count; k++)
            r->pairs[i * r->asset_count + k] = pair_of(r, &r->assets[i], &r->assets[k]);
    }
}

/* The same prices the other way round: the spreads alone remain, and they take. */
static bool is_mirror(const rill_conversion *there, const rill_conversion *back)
{
    return there->shift == -back->shift && there->up[0] == back->down[1] &&
           there->up[1] == back->down[0] && there->down[0] == back->up[1] &&
           there->down[1] == back->up[0];
}

bool rill_rates_arbitrage(const rill_rates *r, uint32_t *first, uint32_t *second)
{
    for (size_t i = 0; i < r->asset_count; i++) {
        for (size_t k = i + 1; k < r->asset_count; k++) {
            const rill_pair *there = &r->pairs[i * r->asset_count + k];
            const rill_pair *back = &r->pairs[k * r->asset_count + i];
            if (there->good_until <= 1 || back->good_until <= 1 ||
                is_mirror(&there->conversion, &back->conversion) ||
                !rill_conversion_gains(&there->conversion, &back->conversion))
                continue;
            *first = (uint32_t)i;
            *second = (uint32_t)k;
            return true;
        }
    }
    return false;
}
