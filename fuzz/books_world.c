/* SPDX-License-Identifier: Apache-2.0 */
#include "books_world.h"

#include <stdio.h>

#include "base/alloc.h"
#include "connector/core_kept.h"
#include "connector/core_rates.h"
#include "connector/peering.h"
#include "connector/webhook.h"
#include "store/flights.h"

static const char text[] =
    "address: g.x\n"
    "store: {path: b, backups: /copies}\n"
    "admin: {port: 1, tokens: [env:A, env:B], two-people: true}\n"
    "listen: [{port: 2, http: true}]\n"
    "accounts:\n"
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: none,"
    " settlement: {engine: 'http://127.0.0.1:3000', threshold: 1000, settle-to: 100}}\n"
    "  bob: {relation: child, asset: EUR/4, tokens: env:BOB, credit: none,"
    " settlement: {engine: 'http://127.0.0.1:3000', threshold: 1000, scale: 2}}\n"
    "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL, receive-routes: false}\n"
    "rates: {base: USD, spread: 0, prices: {EUR: {price: 2}}}\n"
    "peering: {url: 'https://x.example/', name: X,"
    " secret: 'env:A-SECRET-OF-MORE-THAN-32-CHARACTERS', accept: {port: 3, max-peers: 20,"
    " requests-a-minute: 1000, requests-a-minute-each: 1000,"
    " assets: [{asset: USD/2, credit: 70, max-packet: 500}]}}\n";

static void take(rill_store *s, const rill_store_batch *batch)
{
    books_world *w = (books_world *)(void *)s;
    CHECK(w->batch == NULL);
    w->batch = batch;
}

static void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops ops = {.write = take, .collect = nothing, .close = nothing};

static rill_now on_now(void *user)
{
    const books_world *w = user;
    return w->now;
}

static void on_wake(void *user, uint64_t deadline)
{
    (void)user;
    (void)deadline;
}

static void on_event(void *user)
{
    (void)user;
}

static void on_line(void *user, rill_log_level level, const char *line)
{
    (void)user;
    (void)level;
    (void)line;
}

static int on_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    if (strncmp(where, "env:", 4) != 0)
        return RILL_ERR_NOT_FOUND;
    (void)snprintf(out, cap, "%s", where + 4);
    return RILL_OK;
}

static int on_call(void *user, const rill_engine_call *call)
{
    books_world *w = user;
    w->call = call->id;
    return RILL_OK;
}

static void on_problem(void *user, rill_place place, const char *problem)
{
    (void)user;
    (void)place;
    (void)problem;
}

static void know(books_world *w, const books_setting *s)
{
    const rill_store_setting setting = {s->kind, s->name, s->value};
    int rc = RILL_OK;
    if (strcmp(s->kind, RILL_SETTING_PROPOSAL) == 0)
        rc = rill_core_know_proposal(w->core, &setting);
    else if (strcmp(s->kind, RILL_SETTING_PEER) == 0)
        rc = rill_peering_know(w->core, s->name, s->value);
    else if (strcmp(s->kind, RILL_SETTING_ENGINE_TOKENS) == 0)
        rc = rill_core_know_engine_tokens(w->core, &setting);
    else
        rc = rill_core_know_price(w->core, &setting);
    CHECK(rc == RILL_OK);
}

static void open_core(books_world *w)
{
    const char *problem = NULL;
    memset(w, 0, sizeof *w);
    w->store.ops = &ops;
    w->now = (rill_now){RILL_SECOND, UINT64_C(1790000000000)};
    w->crypto = rill_crypto_new(rill_allocator_default());
    CHECK(w->crypto != NULL);
    rill_arena_init(&w->arena, rill_allocator_default());
    rill_overlay_init(&w->added, rill_allocator_default());
    CHECK(rill_config_read(&w->config, &w->arena, text, strlen(text), on_problem, NULL) == RILL_OK);
    const rill_core_options o = {
        .allocator = rill_allocator_default(),
        .config = &w->config,
        .crypto = w->crypto,
        .now = on_now,
        .wake = on_wake,
        .drained = on_event,
        .log = {on_line, NULL, RILL_LOG_DEBUG, NULL},
        .soon = on_event,
        .engine = on_call,
        .secret = on_secret,
        .user = w,
    };
    CHECK(rill_core_new(&w->core, &o, &problem) == RILL_OK);
    rill_core_print_with(w->core, (const uint8_t *)"a key of the books, of 32 bytes.");
}

void books_begin(books_world *w, const books_setting *settings, size_t count)
{
    open_core(w);
    for (size_t i = 0; i < count; i++)
        know(w, &settings[i]);
    CHECK(rill_core_begin(w->core, &w->store, on_problem, NULL) == RILL_OK);
}

/* ---- after an earlier run ---- */

static int know_account(void *user, const rill_store_account *account, rill_i128 booked)
{
    const books_world *w = user;
    return rill_core_know(w->core, account, booked);
}

static int know_key(void *user, const rill_store_entry *entry)
{
    const books_world *w = user;
    return rill_core_know_key(w->core, entry);
}

static int know_route(void *user, const rill_store_route *route)
{
    const books_world *w = user;
    return rill_core_know_route(w->core, route);
}

static int know_settlement(void *user, const rill_store_settlement *settlement)
{
    const books_world *w = user;
    return rill_core_know_settlement(w->core, settlement);
}

/* As rill_connector_know_setting, but for what is merged into the configuration. */
static int know_setting(void *user, const rill_store_setting *setting)
{
    const books_world *w = user;
    if (strcmp(setting->kind, RILL_SETTING_PRICE) == 0)
        return rill_core_know_price(w->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_PROPOSAL) == 0)
        return rill_core_know_proposal(w->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_PEER) == 0)
        return rill_peering_know(w->core, setting->name, setting->value);
    if (strcmp(setting->kind, RILL_SETTING_WEBHOOK) == 0)
        rill_webhook_know(rill_core_webhook(w->core), setting->value);
    if (strcmp(setting->kind, RILL_SETTING_CONFIG) == 0)
        return rill_core_know_config(w->core, setting);
    if (strcmp(setting->kind, RILL_SETTING_ENGINE_TOKENS) == 0)
        return rill_core_know_engine_tokens(w->core, setting);
    return RILL_OK;
}

static int know_run(void *user, uint64_t run, uint64_t kept)
{
    const books_world *w = user;
    rill_core_know_run(w->core, run, kept);
    return RILL_OK;
}

static int know_before(books_world *w, const books_before *before)
{
    const rill_store_reader reader = {
        .account = know_account,
        .key = know_key,
        .route = know_route,
        .settlement = know_settlement,
        .setting = know_setting,
        .run = know_run,
        .user = w,
    };
    int rc = before->flights == NULL ? RILL_OK : rill_core_list_flights(w->core, before->flights);
    if (before->flights != NULL)
        rill_flights_begin(before->flights, before->runs + 1);
    if (rc == RILL_OK && before->file != NULL)
        return rill_sqlite_read(before->file, &reader);
    for (size_t i = 0; i < before->account_count && rc == RILL_OK; i++)
        rc = rill_core_know(w->core, &before->accounts[i], rill_wide_signed(rill_wide(0)));
    for (uint64_t run = 1; run <= before->runs && rc == RILL_OK; run++)
        rill_core_know_run(w->core, run, run < before->runs ? UINT64_MAX : before->kept);
    return rc;
}

static void close_core(books_world *w)
{
    rill_core_free(w->core);
    rill_overlay_clear(&w->added);
    rill_arena_clear(&w->arena);
    rill_crypto_free(w->crypto);
}

bool books_begin_after(books_world *w, const books_before *before)
{
    open_core(w);
    int rc = know_before(w, before);
    if (rc == RILL_OK)
        rc = rill_core_begin(w->core, &w->store, on_problem, NULL);
    if (rc == RILL_OK)
        rc = rill_core_keep_config(w->core, true, "start", NULL, NULL);
    if (rc != RILL_OK) {
        close_core(w);
        return false;
    }
    w->odd = !rill_core_is_even(w->core);
    return true;
}

void books_turn(books_world *w)
{
    rill_core_turn(w->core);
}

void books_written(books_world *w, bool well)
{
    if (w->batch == NULL)
        return;
    w->batch = NULL;
    rill_core_written(w->core, well ? RILL_OK : RILL_ERR_IO, well ? "" : "no space left");
}

int64_t books_balance(const books_world *w, const char *name)
{
    const rill_holder_account *a =
        rill_core_find(w->core, (rill_bytes){(const uint8_t *)name, strlen(name)});
    return (int64_t)rill_wide_low(rill_wide_bits(a->balance.booked));
}

void books_check(const books_world *w)
{
    CHECK(w->odd || rill_core_is_even(w->core));
}

void books_end(books_world *w)
{
    books_check(w);
    rill_hub_abandon(rill_core_hub(w->core));
    close_core(w);
}

/* ---- who runs it ---- */

static const rill_overlay *on_overlay(void *user)
{
    const books_world *w = user;
    return &w->added;
}

/* What it is given has to be an account: nobody else writes there. */
static int on_change(void *user, const rill_admin_change *change, json_t *changes, json_t *problems,
                     uint64_t *group)
{
    books_world *w = user;
    rill_config_account account;
    rill_arena arena;
    (void)changes;
    (void)problems;
    *group = 0;
    if (change->value == NULL) {
        rill_overlay_remove(&w->added, change->kind, change->name);
        return RILL_OK;
    }
    rill_arena_init(&arena, rill_allocator_default());
    int rc = rill_config_parse_account(&account, &arena, change->value, on_problem, NULL);
    rill_arena_clear(&arena);
    return rc == RILL_OK ? rill_overlay_put(&w->added, change->kind, change->name, change->value)
                         : rc;
}

static int on_ask_peer(void *user, rill_peering_question *question, uint64_t *ticket)
{
    (void)user;
    *ticket = 1;
    rill_peering_clear(question);
    rill_free(rill_allocator_default(), question);
    return RILL_OK;
}

void books_control(books_world *w, rill_admin_control *out)
{
    *out = (rill_admin_control){
        .overlay = on_overlay, .change = on_change, .ask_peer = on_ask_peer, .user = w};
}
