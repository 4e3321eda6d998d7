/* SPDX-License-Identifier: Apache-2.0 */
/* Asks a parent for our address by IL-DCP, before the hub begins. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "connector/run_impl.h"

static void on_ask(uv_timer_t *timer);

/* When the query wants to be asked again. */
static void arm(const connector_link *k)
{
    rill_connector *c = k->owner;
    uint64_t now = rill_loop_clock(c->loop).mono_ns;
    uint64_t at = k->query.retry_at;
    if (c->closing)
        return;
    if (at == RILL_NEVER) {
        uv_timer_stop(&c->ask);
        return;
    }
    (void)uv_timer_start(&c->ask, on_ask, at > now ? (at - now + RILL_MS - 1) / RILL_MS : 0, 0);
}

static void on_ask(uv_timer_t *timer)
{
    rill_connector *c = timer->data;
    connector_link *k = c->parent;
    rill_loop_stale(c->loop);
    rill_account_query_run(&k->query, k->link, rill_loop_clock(c->loop), c->ask_space);
    arm(k);
}

void rill_uplink_up(connector_link *k)
{
    rill_account_query_start(&k->query, rill_loop_clock(k->owner->loop));
    arm(k);
}

void rill_uplink_down(connector_link *k, const char *detail, bool final)
{
    rill_connector *c = k->owner;
    char line[300];
    rill_account_query_stop(&k->query);
    arm(k);
    if (c->closing)
        return;
    snprintf(line, sizeof line, "account %.100s: waiting for our address: %.150s", k->config->name,
             detail);
    rill_connector_line(c, RILL_LOG_WARNING, line);
    if (final) {
        rill_connector_problem(&c->options, k->config->link.place, detail);
        rill_connector_fail(c, RILL_ERR_NOT_CONNECTED);
    }
}

void rill_uplink_unanswered(connector_link *k, uint64_t id)
{
    rill_account_query_unanswered(&k->query, id, rill_loop_clock(k->owner->loop));
    arm(k);
}

/* The parent may not hold the account in something else than we do. */
static bool is_agreed(const connector_link *k, const rill_ildcp_info *info)
{
    const rill_config_asset *asset = &k->config->asset;
    size_t len = strlen(asset->code);
    char what[200];
    if (info->asset_scale == asset->scale && info->asset_code.len == len &&
        memcmp(info->asset_code.data, asset->code, len) == 0)
        return true;
    snprintf(what, sizeof what, "the parent holds this account in %.*s/%u, not in %s/%u",
             info->asset_code.len > 60 ? 60 : (int)info->asset_code.len,
             (const char *)info->asset_code.data, (unsigned)info->asset_scale, asset->code,
             (unsigned)asset->scale);
    rill_connector_problem(&k->owner->options, k->config->place, what);
    return false;
}

static void take_address(connector_link *k, const rill_ildcp_info *info)
{
    rill_connector *c = k->owner;
    if (!is_agreed(k, info)) {
        rill_connector_fail(c, RILL_ERR_ASSET);
        return;
    }
    char *address = rill_arena_alloc(&c->arena, info->address.len + 1);
    if (address == NULL) {
        rill_connector_fail(c, RILL_ERR_NOMEM);
        return;
    }
    memcpy(address, info->address.data, info->address.len);
    c->config.address = address;
    rill_connector_begin_rest(c);
}

void rill_uplink_reply(connector_link *k, uint64_t id, const uint8_t *packet, size_t len)
{
    rill_connector *c = k->owner;
    rill_ildcp_info info;
    if (c->config.address != NULL || c->closing)
        return;
    int rc = rill_account_query_reply(&k->query, id, rill_loop_clock(c->loop), packet, len, &info);
    if (rc == RILL_OK) {
        rill_account_query_stop(&k->query);
        arm(k);
        take_address(k, &info);
        return;
    }
    if (rc != RILL_ERR_BLOCKED) {
        char why[256];
        rill_account_query_explain(&k->query, rc, why, sizeof why);
        rill_connector_problem(&c->options, k->config->link.place, why);
        rill_connector_fail(c, rc);
        return;
    }
    arm(k);
}
