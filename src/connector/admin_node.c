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

/* An answer names no more for each asset. All of them are in the sums. */
enum { MOST_CLOSED = 1000 };

static bool add_balance(rill_i128 booked, rill_i128 *up, rill_i128 *down)
{
    rill_i128 *sum = rill_wide_negative(booked) ? down : up;
    return rill_wide_sum(*sum, booked, sum);
}

/* Of accounts that are not in the configuration. False: no memory, or the sum does not fit. */
static bool add_closed(const rill_core *core, const rill_asset *asset, json_t *all, rill_i128 *up,
                       rill_i128 *down)
{
    size_t cursor = 0;
    rill_core_closed k;
    bool good = true;
    while (good && rill_core_next_closed(core, &cursor, &k)) {
        char text[RILL_WIDE_TEXT];
        if (k.scale != asset->scale || strcmp(k.asset, asset->code) != 0 ||
            rill_wide_equal(k.booked, rill_wide_signed(rill_wide(0))))
            continue;
        good = add_balance(k.booked, up, down);
        rill_wide_signed_text(k.booked, text);
        if (good && json_array_size(all) < MOST_CLOSED)
            good = json_array_append_new(
                       all, json_pack("{s:s, s:s}", "name", k.name, "balance", text)) == 0;
    }
    return good;
}

/* index UINT32_MAX: no account of the configuration is held in it. */
static json_t *asset_json(const rill_core *core, const rill_asset *asset, uint32_t index,
                          rill_i128 exchange, rill_i128 outside)
{
    char texts[4][RILL_WIDE_TEXT];
    rill_i128 up = rill_wide_signed(rill_wide(0));
    rill_i128 down = up;
    json_t *closed = json_array();
    bool good = closed != NULL && add_closed(core, asset, closed, &up, &down);
    for (size_t i = 0; i < rill_core_accounts(core) && good; i++) {
        const rill_balance *b = &rill_core_account(core, i)->balance;
        if (b->asset == index)
            good = add_balance(b->booked, &up, &down);
    }
    if (!good) {
        json_decref(closed);
        return NULL;
    }
    rill_wide_signed_text(exchange, texts[0]);
    rill_wide_signed_text(outside, texts[1]);
    rill_wide_signed_text(up, texts[2]);
    rill_wide_signed_text(rill_wide_negate(down), texts[3]);
    return json_pack("{s:s, s:i, s:s, s:s, s:s, s:s, s:o}", "code", asset->code, "scale",
                     (int)asset->scale, "exchange", texts[0], "outside", texts[1],
                     "owed_to_accounts", texts[2], "owed_by_accounts", texts[3], "closed", closed);
}

static bool is_listed(const json_t *all, const char *code, uint8_t scale)
{
    size_t i;
    const json_t *a;
    json_array_foreach(all, i, a)
    {
        if (strcmp(json_string_value(json_object_get(a, "code")), code) == 0 &&
            json_integer_value(json_object_get(a, "scale")) == scale)
            return true;
    }
    return false;
}

/* Assets of accounts that are not in the configuration any more. */
static void add_old_assets(const rill_core *core, json_t **all)
{
    size_t cursor = 0;
    rill_core_closed k;
    while (*all != NULL && rill_core_next_closed(core, &cursor, &k)) {
        rill_asset asset = {.scale = k.scale};
        if (rill_wide_equal(k.booked, rill_wide_signed(rill_wide(0))) ||
            is_listed(*all, k.asset, k.scale))
            continue;
        (void)snprintf(asset.code, sizeof asset.code, "%s", k.asset);
        (void)append(all,
                     asset_json(core, &asset, UINT32_MAX,
                                rill_core_closed_own(core, RILL_HOLDER_EXCHANGE, k.asset, k.scale),
                                rill_core_closed_own(core, RILL_HOLDER_OUTSIDE, k.asset, k.scale)));
    }
}

void rill_admin_assets(const rill_core *core, rill_admin_answer *out)
{
    json_t *all = json_array();
    for (uint32_t i = 0; i < rill_core_books(core)->asset_count; i++) {
        const rill_asset_books *own = rill_core_books(core)->assets[i];
        if (!append(&all, asset_json(core, &rill_core_rates(core)->assets[i], i,
                                     own->exchange.booked, own->outside.booked)))
            break;
    }
    add_old_assets(core, &all);
    rill_admin_json(out, 200, all == NULL ? NULL : json_pack("{s:o}", "assets", all));
}

/* ---- the node ---- */

void rill_admin_node(const rill_core *core, const rill_admin_control *control,
                     rill_admin_answer *out)
{
    static const char *const levels[] = {"warning", "info", "debug"};
    const rill_hub *hub = rill_core_hub(core);
    const char *state = rill_core_state(core);
    rill_admin_json(out, 200,
                    json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?, s:o?, s:o, s:o, s:o}", "version",
                              RILL_VERSION, "address", rill_hub_address(hub), "state", state,
                              "open", (json_int_t)rill_hub_open(hub), "accounts",
                              (json_int_t)rill_core_accounts(core), "log_level",
                              control == NULL ? NULL : levels[control->level(control->user)],
                              "price_service", rill_admin_price_service(core), "set_aside",
                              rill_admin_set_aside(control), "webhooks", rill_admin_webhooks(core),
                              "packet_log", rill_admin_packet_log(core)));
}
