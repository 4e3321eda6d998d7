/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's store in virtual time: it keeps a batch whole, some time after it was given it, and says
 * so some time after that. A process that is killed in between finds what was kept. A disk that
 * fails keeps nothing, or keeps a batch and says that it does not know. The store of one node may
 * be SQLite, on a file system in memory.
 */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/error.h>

#include "base/alloc.h"
#include "connector/core_rates.h"
#include "connector/overlay.h"
#include "support/crash_vfs.h"

static void keep_account(net_disk *d, const rill_store_account *a)
{
    net *n = d->node->net;
    if (a->id >= NET_DISK_ROWS || strlen(a->name) > 15 || strlen(a->asset) > 15) {
        sim_violation(&n->report, "%s: its store has no room for account %u", d->node->address,
                      (unsigned)a->id);
        return;
    }
    d->accounts[a->id] = *a;
    snprintf(d->names[a->id], sizeof d->names[0], "%s", a->name);
    snprintf(d->assets[a->id], sizeof d->assets[0], "%s", a->asset);
    if (a->id > d->last)
        d->last = a->id;
}

static void keep_route(net_disk *d, const rill_store_route *r)
{
    size_t i = 0;
    char prefix[64];
    snprintf(prefix, sizeof prefix, "%.*s", (int)r->prefix.len, (const char *)r->prefix.data);
    while (i < d->route_count && (strcmp(d->routes[i].account, r->account) != 0 ||
                                  strcmp(d->routes[i].prefix, prefix) != 0))
        i++;
    if (i == NET_DISK_ROUTES || r->value.len > sizeof d->routes[i].value) {
        sim_violation(&d->node->net->report, "%s: its store has no room for a route of %zu bytes",
                      d->node->address, r->value.len);
        return;
    }
    d->route_count += i == d->route_count;
    snprintf(d->routes[i].account, sizeof d->routes[i].account, "%s", r->account);
    snprintf(d->routes[i].prefix, sizeof d->routes[i].prefix, "%s", prefix);
    if (r->value.len > 0)
        memcpy(d->routes[i].value, r->value.data, r->value.len);
    d->routes[i].len = r->value.len;
}

static void keep_settlement(net_disk *d, const rill_store_settlement *row)
{
    size_t i = 0;
    net_disk_settlement *all = d->settlements;
    while (i < d->settlement_count &&
           (all[i].row.account != row->account || all[i].row.kind != row->kind ||
            strcmp(all[i].key, row->key) != 0))
        i++;
    if (row->gone && i == d->settlement_count)
        return;
    if (row->gone) {
        all[i] = all[--d->settlement_count];
        return;
    }
    if (i == NET_DISK_SETTLEMENTS || strlen(row->key) >= sizeof all->key ||
        strlen(row->amount) >= sizeof all->amount || strlen(row->engine) >= sizeof all->engine) {
        sim_violation(&d->node->net->report, "%s: its store has no room for a settlement",
                      d->node->address);
        return;
    }
    all[i].row = *row;
    snprintf(all[i].key, sizeof all->key, "%s", row->key);
    snprintf(all[i].amount, sizeof all->amount, "%s", row->amount);
    snprintf(all[i].engine, sizeof all->engine, "%s", row->engine);
    d->settlement_count += i == d->settlement_count;
}

static void keep_setting(net_disk *d, const rill_store_setting *row)
{
    size_t i = 0;
    net_disk_setting *all = d->settings;
    while (i < d->setting_count &&
           (strcmp(all[i].kind, row->kind) != 0 || strcmp(all[i].name, row->name) != 0))
        i++;
    if (row->value[0] == '\0' && i == d->setting_count)
        return;
    if (row->value[0] == '\0') {
        all[i] = all[--d->setting_count];
        return;
    }
    if (i == NET_DISK_SETTINGS || strlen(row->value) >= sizeof all->value ||
        strlen(row->name) >= sizeof all->name) {
        sim_violation(&d->node->net->report, "%s: its store has no room for a setting",
                      d->node->address);
        return;
    }
    snprintf(all[i].kind, sizeof all->kind, "%s", row->kind);
    snprintf(all[i].name, sizeof all->name, "%s", row->name);
    snprintf(all[i].value, sizeof all->value, "%s", row->value);
    d->setting_count += i == d->setting_count;
}

/* An entry that is written again is the same. */
static void keep_entry(net_disk *d, const rill_store_entry *e)
{
    size_t i = 0;
    if (e->key[0] == '\0')
        return;
    while (i < d->key_count && strcmp(d->keys[i].key, e->key) != 0)
        i++;
    if (i == sizeof d->keys / sizeof *d->keys || strlen(e->key) >= sizeof d->keys[i].key) {
        sim_violation(&d->node->net->report, "%s: its store has no room for an entry",
                      d->node->address);
        return;
    }
    d->keys[i].entry = *e;
    snprintf(d->keys[i].key, sizeof d->keys[i].key, "%s", e->key);
    d->key_count += i == d->key_count;
}

/* Minutes that are over are sealed, as the thread of the store does it. */
static bool seal(net_disk *d)
{
    bool more = rill_sqlite_wants_seal(d->file);
    int rc = RILL_OK;
    while (more && rc == RILL_OK)
        rc = rill_sqlite_seal(d->file, &more);
    return rc == RILL_OK;
}

static void keep(net_disk *d, const rill_store_batch *batch)
{
    for (size_t i = 0; i < batch->account_count; i++)
        keep_account(d, &batch->accounts[i]);
    for (size_t i = 0; i < batch->balance_count; i++)
        d->booked[batch->balances[i].id] = batch->balances[i].booked;
    for (size_t i = 0; i < batch->entry_count; i++)
        keep_entry(d, &batch->entries[i]);
    for (size_t i = 0; i < batch->route_count; i++)
        keep_route(d, &batch->routes[i]);
    for (size_t i = 0; i < batch->settlement_count; i++)
        keep_settlement(d, &batch->settlements[i]);
    for (size_t i = 0; i < batch->setting_count; i++)
        keep_setting(d, &batch->settings[i]);
    net_audit_kept(d, batch, d->kept_batch == d->given_batch);
    d->kept_batch = d->given_batch;
    net_settle_kept(d->node, d->kept_batch);
    if (d->file != NULL && (rill_sqlite_write(d->file, batch) != RILL_OK || !seal(d)))
        sim_violation(&d->node->net->report, "%s: SQLite cannot write: %s", d->node->address,
                      rill_sqlite_problem(d->file));
    if (batch->group == 0)
        return;
    for (uint64_t run = 1; run < d->run; run++)
        d->kept[run] = UINT64_MAX;
    d->kept[d->run] = batch->group;
}

/* In an argument, above it the life of the process that gave the batch. */
enum { FAILS = 1 };

static void reaches_disk(void *context, uint64_t life)
{
    net_disk *d = context;
    if (d->node->life == life && d->batch != NULL && !d->node->net->report.failed)
        keep(d, d->batch);
    else
        return;
    if (d->node->kill_at_keeping > 0 && --d->node->kill_at_keeping == 0)
        net_node_kill_soon(d->node);
}

static void answers(void *context, uint64_t argument)
{
    net_disk *d = context;
    net_node *node = d->node;
    const rill_store_batch *batch = d->batch;
    bool fails = (argument & FAILS) != 0;
    if (node->life != argument >> 1 || batch == NULL || node->net->report.failed)
        return;
    d->batch = NULL;
    d->again = fails;
    if (!fails && batch->group != 0)
        net_ledger_kept(node, batch->group);
    sim_trace(&node->net->report, "%s: its store %s group %" PRIu64, node->address,
              fails ? "cannot keep" : "keeps", batch->group);
    rill_core_written(node->core, fails ? RILL_ERR_IO : RILL_OK, fails ? "no space left" : "");
    net_node_after(node);
}

static void give(rill_store *s, const rill_store_batch *batch)
{
    net_disk *d = (net_disk *)(void *)s;
    net_node *node = d->node;
    net *n = node->net;
    uint64_t now = net_now(n);
    if (d->batch != NULL) {
        sim_violation(&n->report, "%s: gives its store a batch while it has another",
                      node->address);
        return;
    }
    d->batch = batch;
    if (!d->again)
        net_settle_given(node, ++d->given_batch);
    if (batch->group != 0 && batch->group != d->given_group) {
        d->given_group = batch->group;
        net_ledger_given(node, batch->group);
    }
    bool fails = now < d->failing_until;
    uint64_t begins = now < d->stalled_until ? d->stalled_until : now;
    uint64_t at = begins + sim_rng_range(&n->rng, 1000, d->quick);
    /* SQLite keeps nothing of what it fails to write, as far as the same process can see. */
    if (!fails || (!d->real && sim_rng_chance(&n->rng, 200)))
        sim_queue_put(&n->queue, at, reaches_disk, d, node->life, NULL);
    sim_queue_put(&n->queue, at + sim_rng_range(&n->rng, 1000, d->quick), answers, d,
                  (uint64_t)node->life << 1 | (fails ? FAILS : 0), NULL);
}

static void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops ops = {.write = give, .collect = nothing, .close = nothing};

void net_disk_init(net_disk *d, net_node *node)
{
    d->store.ops = &ops;
    d->node = node;
    d->settlements = sim_allocate(NET_DISK_SETTLEMENTS * sizeof *d->settlements);
    d->settings = sim_allocate(NET_DISK_SETTINGS * sizeof *d->settings);
}

void net_disk_free(net_disk *d)
{
    free(d->settlements);
    free(d->settings);
    net_audit_free(d);
}

/* ---- the life of a process ---- */

int net_disk_open(net_disk *d)
{
    char problem[RILL_SQLITE_PROBLEM];
    const rill_sqlite_options o = {
        .allocator = rill_allocator_default(),
        .path = "books",
        .durability = RILL_DURABILITY_FULL,
        .now_ms = net_node_now(d->node).wall_ms,
        .vfs = CRASH_VFS,
    };
    if (d->run + 1 >= NET_DISK_RUNS)
        return RILL_ERR_LIMIT;
    d->run++;
    d->given_batch = d->kept_batch = 0;
    d->again = false;
    if (!d->real)
        return RILL_OK;
    int rc = rill_sqlite_open(&d->file, &o, problem);
    if (rc == RILL_OK && rill_sqlite_run(d->file) != d->run)
        sim_violation(&d->node->net->report, "%s: run %" PRIu64 " is %" PRIu64 " to SQLite",
                      d->node->address, d->run, rill_sqlite_run(d->file));
    return rc;
}

/* It dies in the middle of everything: what it has written is there, and nothing else is. */
void net_disk_close(net_disk *d)
{
    if (d->file == NULL)
        return;
    crash_vfs_kill();
    rill_sqlite_close(d->file);
    d->file = NULL;
}

void net_disk_audit(net_disk *d)
{
    rill_audit audit = {0};
    net_audit_judge(d);
    if (d->file == NULL)
        return;
    int rc = rill_sqlite_audit(d->file, &audit);
    if (rc != RILL_OK ||
        audit.uneven_balances + audit.uneven_assets + audit.broken_entries + audit.broken_seals > 0)
        sim_violation(&d->node->net->report, "%s: the audit finds %s: %s", d->node->address,
                      rill_error_name(rc), audit.first);
}

static int on_account(void *user, const rill_store_account *account, rill_i128 booked)
{
    const net_node *node = user;
    return rill_core_know(node->core, account, booked);
}

static int on_key(void *user, const rill_store_entry *entry)
{
    const net_node *node = user;
    return rill_core_know_key(node->core, entry);
}

static int on_route(void *user, const rill_store_route *route)
{
    const net_node *node = user;
    return rill_core_know_route(node->core, route);
}

static int on_settlement(void *user, const rill_store_settlement *row)
{
    const net_node *node = user;
    return rill_core_know_settlement(node->core, row);
}

static int on_setting(void *user, const rill_store_setting *setting)
{
    net_node *node = user;
    if (strcmp(setting->kind, RILL_SETTING_PRICE) == 0)
        return rill_core_know_price(node->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_PROPOSAL) == 0)
        return rill_core_know_proposal(node->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_ENGINE_TOKENS) == 0)
        return rill_core_know_engine_tokens(node->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_ENGINE_TERMS) == 0)
        return rill_core_know_engine_terms(node->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_ACCOUNT) == 0)
        return rill_overlay_put(&node->overlay, setting->kind, setting->name, setting->value);
    return RILL_OK;
}

static int on_run(void *user, uint64_t run, uint64_t kept)
{
    const net_node *node = user;
    rill_core_know_run(node->core, run, kept);
    return RILL_OK;
}

static int read_settlements(const net_disk *d)
{
    int rc = RILL_OK;
    for (size_t i = 0; i < d->settlement_count && rc == RILL_OK; i++) {
        rill_store_settlement row = d->settlements[i].row;
        row.key = d->settlements[i].key;
        row.amount = d->settlements[i].amount;
        row.engine = d->settlements[i].engine;
        rc = rill_core_know_settlement(d->node->core, &row);
    }
    for (size_t i = 0; i < d->setting_count && rc == RILL_OK; i++) {
        const net_disk_setting *s = &d->settings[i];
        const rill_store_setting setting = {s->kind, s->name, s->value};
        rc = on_setting(d->node, &setting);
    }
    return rc;
}

static int read_routes(const net_disk *d, rill_core *core, bool tables)
{
    int rc = RILL_OK;
    for (size_t i = 0; i < d->route_count && rc == RILL_OK; i++) {
        const net_disk_route *r = &d->routes[i];
        const rill_store_route route = {
            r->account, {(const uint8_t *)r->prefix, strlen(r->prefix)}, {r->value, r->len}};
        if (r->len > 0 && (route.prefix.len == 0) == tables)
            rc = rill_core_know_route(core, &route);
    }
    return rc;
}

int net_disk_read(const net_disk *d)
{
    rill_core *core = d->node->core;
    const rill_store_reader reader = {
        .account = on_account,
        .key = on_key,
        .route = on_route,
        .settlement = on_settlement,
        .setting = on_setting,
        .run = on_run,
        .user = d->node,
    };
    int rc = RILL_OK;
    if (d->file != NULL)
        return rill_sqlite_read(d->file, &reader);
    for (size_t id = 1; id <= d->last && rc == RILL_OK; id++) {
        rill_store_account a = d->accounts[id];
        a.name = d->names[id];
        a.asset = d->assets[id];
        rc = rill_core_know(core, &a, d->booked[id]);
    }
    for (size_t i = 0; i < d->key_count && rc == RILL_OK; i++) {
        rill_store_entry e = d->keys[i].entry;
        e.key = d->keys[i].key;
        rc = rill_core_know_key(core, &e);
    }
    if (rc == RILL_OK)
        rc = read_routes(d, core, true);
    if (rc == RILL_OK)
        rc = read_routes(d, core, false);
    if (rc == RILL_OK)
        rc = read_settlements(d);
    for (uint64_t run = 1; run < d->run; run++)
        rill_core_know_run(core, run, d->kept[run]);
    return rc;
}
