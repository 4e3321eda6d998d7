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
                    json_pack("{s:s, s:s, s:s, s:I, s:I, s:s?, s:o?, s:o, s:o, s:o}", "version",
                              RILL_VERSION, "address", rill_hub_address(hub), "state", state,
                              "open", (json_int_t)rill_hub_open(hub), "accounts",
                              (json_int_t)rill_core_accounts(core), "log_level",
                              control == NULL ? NULL : levels[control->level(control->user)],
                              "price_service", rill_admin_price_service(core), "set_aside",
                              rill_admin_set_aside(control), "webhooks", rill_admin_webhooks(core),
                              "packet_log", rill_admin_packet_log(core)));
}
