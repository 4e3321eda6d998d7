/* SPDX-License-Identifier: Apache-2.0 */
/* The node itself: its own balances, its prices, and how it is. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/wide_text.h"
#include "connector/admin_answer.h"

static bool append(json_t **array, json_t *value)
{
    if (*array != NULL && json_array_append_new(*array, value) == 0)
        return true;
    json_decref(*array);
    *array = NULL;
    return false;
}

/* ---- assets ---- */

static json_t *asset_json(const rill_core *core, uint32_t index)
{
    const rill_asset *asset = &rill_core_rates(core)->assets[index];
    const rill_asset_books *own = rill_core_books(core)->assets[index];
    char exchange[RILL_WIDE_TEXT];
    char outside[RILL_WIDE_TEXT];
    char owed[RILL_WIDE_TEXT];
    char owing[RILL_WIDE_TEXT];
    rill_i128 up = rill_wide_signed(rill_wide(0));
    rill_i128 down = up;
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        const rill_balance *b = &rill_core_account(core, i)->balance;
        rill_i128 *sum = rill_wide_negative(b->booked) ? &down : &up;
        if (b->asset == index && !rill_wide_sum(*sum, b->booked, sum))
            return NULL;
    }
    rill_wide_signed_text(own->exchange.booked, exchange);
    rill_wide_signed_text(own->outside.booked, outside);
    rill_wide_signed_text(up, owed);
    rill_wide_signed_text(rill_wide_negate(down), owing);
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s}", "code", asset->code, "scale",
                     (int)asset->scale, "exchange", exchange, "outside", outside,
                     "owed_to_accounts", owed, "owed_by_accounts", owing);
}

void rill_admin_assets(const rill_core *core, rill_admin_answer *out)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < rill_core_books(core)->asset_count; i++) {
        if (!append(&all, asset_json(core, i)))
            break;
    }
    rill_admin_json(out, 200, all == NULL ? NULL : json_pack("{s:o}", "assets", all));
}

/* ---- rates ---- */

static json_t *ratio_json(rill_ratio ratio)
{
    char text[48];
    if (ratio.den == 1)
        (void)snprintf(text, sizeof text, "%" PRIu64, ratio.num);
    else
        (void)snprintf(text, sizeof text, "%" PRIu64 "/%" PRIu64, ratio.num, ratio.den);
    return json_string(text);
}

/* Millionths, as a part of 1. */
static json_t *part_json(uint32_t millionths)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%" PRIu32 ".%06" PRIu32, millionths / 1000000,
                   millionths % 1000000);
    return json_string(text);
}

static const char *state_of(const rill_price *price, uint64_t now)
{
    if (price->kind == RILL_PRICE_FIXED)
        return "fixed";
    return price->kind == RILL_PRICE_NONE ? "none" : now < price->good_until ? "good" : "too old";
}

/* What so many units bring, for people: of one coin, or of the largest power of ten that fits. */
static json_t *pair_json(const rill_rates *r, size_t from, size_t to, uint64_t now)
{
    const rill_pair *pair = &r->pairs[from * r->asset_count + to];
    uint64_t units = 1;
    uint64_t brought = 0;
    const char *state = "good";
    for (unsigned i = 0; i < r->assets[from].scale && units < UINT64_C(1000000000000000000); i++)
        units *= 10;
    if (now >= pair->good_until)
        state = pair->good_until == 0 ? "no price" : "too old";
    else if (!rill_convert(&pair->conversion, units, &brought))
        state = "too large";
    char text[RILL_WIDE_TEXT];
    char got[RILL_WIDE_TEXT];
    rill_wide_text(rill_wide(units), text);
    rill_wide_text(rill_wide(brought), got);
    return json_pack("{s:{s:s, s:i}, s:{s:s, s:i}, s:s, s:s, s:s, s:o}", "from", "code",
                     r->assets[from].code, "scale", (int)r->assets[from].scale, "to", "code",
                     r->assets[to].code, "scale", (int)r->assets[to].scale, "units", text, "brings",
                     got, "state", state, "spread", part_json(pair->conversion.spread));
}

void rill_admin_rates(const rill_core *core, rill_admin_answer *out)
{
    const rill_rates *r = rill_core_rates(core);
    const char *base = rill_core_config(core)->rates.base;
    uint64_t now = rill_core_now(core).mono_ns;
    json_t *prices = json_array();
    json_t *pairs = json_array();
    for (size_t i = 0; i < r->price_count; i++) {
        if (!append(&prices, json_pack("{s:s, s:o, s:s}", "code", r->prices[i].code, "price",
                                       ratio_json(r->prices[i].price), "state",
                                       state_of(&r->prices[i], now))))
            break;
    }
    for (size_t i = 0; i < r->asset_count * r->asset_count; i++) {
        if (i / r->asset_count != i % r->asset_count &&
            !append(&pairs, pair_json(r, i / r->asset_count, i % r->asset_count, now)))
            break;
    }
    /* json_pack gives back what it took where it cannot go on. */
    rill_admin_json(out, 200,
                    json_pack("{s:s?, s:o, s:o, s:o}", "base", base, "spread", part_json(r->spread),
                              "prices", prices, "pairs", pairs));
}

/* ---- the node ---- */

void rill_admin_node(const rill_core *core, const rill_admin_control *control,
                     rill_admin_answer *out)
{
    static const char *const levels[] = {"warning", "info", "debug"};
    const rill_hub *hub = rill_core_hub(core);
    const char *state = rill_core_is_failing(core)    ? "the books cannot be written"
                        : rill_core_is_draining(core) ? "stopping"
                                                      : "ready";
    rill_admin_json(out, 200,
                    json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?}", "version", RILL_VERSION, "address",
                              rill_hub_address(hub), "state", state, "open",
                              (json_int_t)rill_hub_open(hub), "accounts",
                              (json_int_t)rill_core_accounts(core), "log_level",
                              control == NULL ? NULL : levels[control->level(control->user)]));
}
