/* SPDX-License-Identifier: Apache-2.0 */
/* What the books have when a connector begins, and what operators add while it runs. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>

#include <rill/ilp.h>

#include "base/alloc.h"
#include "connector/core_kept.h"
#include "connector/core_rates.h"
#include "connector/run_impl.h"
#include "connector/webhook.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

int rill_connector_read_store(rill_connector *c, rill_sqlite *file, const rill_store_reader *reader)
{
    uint64_t lines = 0;
    int rc = rill_sqlite_read(file, reader);
    if (rc == RILL_OK)
        rc = rill_sqlite_last_line(file, &lines);
    rill_core_know_lines(c->core, lines);
    return rc;
}

int rill_connector_know_setting(void *user, const rill_store_setting *setting)
{
    rill_connector *c = user;
    if (strcmp(setting->kind, RILL_SETTING_PRICE) == 0)
        return rill_core_know_price(c->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_PROPOSAL) == 0)
        return rill_core_know_proposal(c->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_PEER) == 0)
        return rill_peering_know(c->core, setting->name, setting->value);
    if (strcmp(setting->kind, RILL_SETTING_WEBHOOK) == 0)
        rill_webhook_know(rill_core_webhook(c->core), setting->value);
    if (strcmp(setting->kind, RILL_SETTING_CONFIG) == 0)
        return rill_core_know_config(c->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_ENGINE_TOKENS) == 0)
        return rill_core_know_engine_tokens(c->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_ENGINE_TERMS) == 0)
        return rill_core_know_engine_terms(c->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_ACCOUNT) != 0 &&
        strcmp(setting->kind, RILL_SETTING_ROUTE) != 0)
        return RILL_OK; /* of a version that knows more */
    int rc = rill_overlay_put(&c->overlay, setting->kind, setting->name, setting->value);
    return rc == RILL_ERR_NOMEM ? rc : RILL_OK;
}

static int keep(rill_connector *c, const rill_admin_change *change, uint64_t *group)
{
    const rill_store_setting setting = {change->kind, change->name,
                                        change->value == NULL ? "" : change->value};
    return rill_core_put_setting(c->core, &setting, group);
}

static int take_out(rill_connector *c, const rill_admin_change *change, json_t *changes,
                    json_t *problems, uint64_t *group)
{
    rill_overlay_item *item = rill_overlay_find(&c->overlay, change->kind, change->name);
    if (item == NULL)
        return RILL_ERR_NOT_FOUND;
    item->gone = true;
    int rc = rill_connector_load_again(c, change->who, NULL, changes, problems);
    if (rc != RILL_OK) {
        item->gone = false;
        rill_connector_look_again(c);
        return rc;
    }
    rill_overlay_remove(&c->overlay, change->kind, change->name);
    return keep(c, change, group);
}

/* value NULL: it was not there. */
static void put_back(rill_connector *c, rill_overlay_item *item, char *value)
{
    if (value == NULL) {
        rill_overlay_remove(&c->overlay, item->kind, item->name);
    } else {
        rill_overlay_set(&c->overlay, item, value);
    }
    rill_connector_look_again(c);
}

static int put(rill_connector *c, const rill_admin_change *change, json_t *changes,
               json_t *problems, uint64_t *group)
{
    rill_overlay_item *item = rill_overlay_find(&c->overlay, change->kind, change->name);
    char *before = NULL;
    if (item != NULL) {
        size_t size = strlen(item->value) + 1;
        before = rill_alloc(memory(), size);
        if (before == NULL)
            return RILL_ERR_NOMEM;
        memcpy(before, item->value, size);
    }
    int rc = rill_overlay_put(&c->overlay, change->kind, change->name, change->value);
    if (rc != RILL_OK) {
        rill_free(memory(), before);
        return rc;
    }
    item = rill_overlay_find(&c->overlay, change->kind, change->name);
    rc = rill_connector_load_again(c, change->who, item, changes, problems);
    if (rc != RILL_OK) {
        put_back(c, item, before);
        return rc;
    }
    rill_free(memory(), before);
    return keep(c, change, group);
}

const rill_overlay *rill_connector_overlay(void *user)
{
    const rill_connector *c = user;
    return &c->overlay;
}

int rill_connector_change(void *user, const rill_admin_change *change, json_t *changes,
                          json_t *problems, uint64_t *group)
{
    return change->value == NULL ? take_out(user, change, changes, problems, group)
                                 : put(user, change, changes, problems, group);
}

int rill_connector_judge_peers(rill_connector *c)
{
    const rill_config_account *all = c->config.accounts.items;
    const rill_bytes own = {(const uint8_t *)c->address, strlen(c->address)};
    for (size_t i = 0; i < c->config.accounts.count; i++) {
        const char *address = all[i].peered->address;
        const rill_bytes its = {(const uint8_t *)address, address == NULL ? 0 : strlen(address)};
        if (address != NULL && rill_address_has_prefix(its, own))
            return rill_connector_load_again(c, "node", NULL, NULL, NULL);
    }
    return RILL_OK;
}
