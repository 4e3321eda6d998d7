/* SPDX-License-Identifier: Apache-2.0 */
/* A connector between fake links, with a store that does what it is told, in virtual time. */
#ifndef RILL_TESTS_CONNECTOR_WORLD_H
#define RILL_TESTS_CONNECTOR_WORLD_H

#include "node_world.h"

#include <stdlib.h>

#include "connector/admin_api.h"
#include "connector/core.h"
#include "connector/core_kept.h"

typedef struct disk {
    rill_store store; /* first */
    const rill_store_batch *batch;
    bool immediate; /* written in the same turn */
    /* What it has: balances by id. */
    rill_store_account accounts[32];
    char names[32][64];
    rill_i128 booked[32];
    size_t last;
    uint64_t packets; /* of the flow row that came last */
    struct {
        char account[32], prefix[32];
        uint8_t value[200];
        size_t len;
    } routes[8];
    size_t route_count;
    struct {
        char kind[16], name[32], value[1500];
    } settings[32];
    size_t setting_count;
    uint64_t kept[8]; /* groups, by run */
    uint64_t run;     /* where there is a list of packets that are out */
} disk;

static rill_flights *flights; /* NULL: there is none */

static disk store;
static const rill_allocator *core_memory; /* the core's; NULL: the default */
static rill_core *core;
static rill_arena arena;
static rill_config config;
static rill_crypto *crypto;
static rill_now now;
static bool turn_wanted;
static unsigned drained_count;
static unsigned warnings;
static char last_line[600]; /* of the log */
static fake alice, bob, carol, up;
static char first_problem[512];
static const uint8_t *print_key = (const uint8_t *)"a key of the books, of 32 bytes.";

#define EXAMPLE                                                                                    \
    "address: g.x\nstore: {path: b}\naccounts:\n"                                                  \
    "  alice: {relation: child, asset: USD/2, tokens: env:ALICE, credit: 1000}\n"                  \
    "  bob: {relation: child, asset: EUR/4, tokens: [env:BOB, env:BOB2], most: 50000,"             \
    " segment: b, max-packet: 100000, packets-a-second: 3}\n"                                      \
    "  carol: {relation: peer, asset: USD/2, tokens: env:CAROL, receive-routes: false}\n"          \
    "  up: {relation: parent, asset: USD/2, link: {uri: 'btp+ws://x'}, credit: none,"              \
    " receive-routes: false}\n"                                                                    \
    "rates: {base: USD, spread: 0, prices: {EUR: {price: 2}}}\n"                                   \
    "routes: [{prefix: g.carol, account: carol}]\n"

static inline void take(rill_store *s, const rill_store_batch *batch)
{
    disk *d = (disk *)s;
    assert_null(d->batch);
    d->batch = batch;
}

static inline void nothing(rill_store *s)
{
    (void)s;
}

static const rill_store_ops disk_ops = {take, nothing, nothing, NULL};

static inline void keep_route(const rill_store_route *route)
{
    size_t i = 0;
    char prefix[32];
    snprintf(prefix, sizeof prefix, "%.*s", (int)route->prefix.len,
             (const char *)route->prefix.data);
    while (i < store.route_count && (strcmp(store.routes[i].account, route->account) != 0 ||
                                     strcmp(store.routes[i].prefix, prefix) != 0))
        i++;
    assert_in_range(i, 0, 7);
    assert_in_range(route->value.len, 0, sizeof store.routes[i].value);
    if (i == store.route_count)
        store.route_count++;
    snprintf(store.routes[i].account, sizeof store.routes[i].account, "%s", route->account);
    memcpy(store.routes[i].prefix, prefix, sizeof prefix);
    if (route->value.len > 0)
        memcpy(store.routes[i].value, route->value.data, route->value.len);
    store.routes[i].len = route->value.len;
}

static inline void keep_setting(const rill_store_setting *setting)
{
    size_t i = 0;
    while (i < store.setting_count && (strcmp(store.settings[i].kind, setting->kind) != 0 ||
                                       strcmp(store.settings[i].name, setting->name) != 0))
        i++;
    assert_in_range(i, 0, 31);
    assert_in_range(strlen(setting->value), 0, sizeof store.settings[i].value - 1);
    if (i == store.setting_count)
        store.setting_count++;
    snprintf(store.settings[i].kind, sizeof store.settings[i].kind, "%s", setting->kind);
    snprintf(store.settings[i].name, sizeof store.settings[i].name, "%s", setting->name);
    snprintf(store.settings[i].value, sizeof store.settings[i].value, "%s", setting->value);
}

/* As a store: one balance for each holder, name and asset. */
static inline void keep_account(const rill_store_account *account)
{
    rill_balance_id id = account->id;
    assert_in_range(id, 1, 31);
    store.accounts[id] = *account;
    snprintf(store.names[id], sizeof store.names[id], "%s %s", account->name, account->asset);
    for (rill_balance_id other = 1; other <= store.last; other++)
        assert_true(other == id || store.accounts[other].id == 0 ||
                    store.accounts[other].holder != account->holder ||
                    store.accounts[other].scale != account->scale ||
                    strcmp(store.names[other], store.names[id]) != 0);
    if (id > store.last)
        store.last = id;
}

/* The disk has the batch, and says so. */
static inline void written(void)
{
    const rill_store_batch *batch = store.batch;
    assert_non_null(batch);
    for (size_t i = 0; i < batch->account_count; i++)
        keep_account(&batch->accounts[i]);
    for (size_t i = 0; i < batch->balance_count; i++)
        store.booked[batch->balances[i].id] = batch->balances[i].booked;
    for (size_t i = 0; i < batch->route_count; i++)
        keep_route(&batch->routes[i]);
    for (size_t i = 0; i < batch->setting_count; i++)
        keep_setting(&batch->settings[i]);
    if (batch->flow_count > 0)
        store.packets = batch->flows[batch->flow_count - 1].packets;
    if (batch->group != 0) {
        for (uint64_t run = 0; run < store.run; run++)
            store.kept[run] = UINT64_MAX;
        store.kept[store.run] = batch->group;
    }
    store.batch = NULL;
    rill_core_written(core, RILL_OK, "");
}

static inline rill_now core_now(void *user)
{
    (void)user;
    return now;
}

static inline void core_wake(void *user, uint64_t deadline)
{
    (void)user;
    (void)deadline;
}

static inline void core_drained(void *user)
{
    (void)user;
    drained_count++;
}

static inline void core_soon(void *user)
{
    (void)user;
    turn_wanted = true;
}

static inline void core_line(void *user, rill_log_level level, const char *line)
{
    (void)user;
    snprintf(last_line, sizeof last_line, "%s", line);
    warnings += level == RILL_LOG_WARNING;
}

static bool other_secrets;

/* The name of the variable is the secret. */
static inline int core_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    if (strcmp(where, "env:NONE") == 0)
        return RILL_ERR_NOT_FOUND;
    snprintf(out, cap, "%s%s", where + 4, other_secrets ? "-other" : "");
    return RILL_OK;
}

static inline void report(void *user, rill_place place, const char *problem)
{
    (void)user;
    if (first_problem[0] == '\0')
        snprintf(first_problem, sizeof first_problem, "%u: %s", place.line, problem);
}

static inline void know_routes(void)
{
    /* The empty prefix comes first, as from a store. */
    for (size_t k = 0; k < 2 * store.route_count; k++) {
        size_t i = k % store.route_count;
        const rill_store_route route = {store.routes[i].account,
                                        text(store.routes[i].prefix),
                                        {store.routes[i].value, store.routes[i].len}};
        if (route.value.len > 0 && (route.prefix.len == 0) == (k < store.route_count))
            assert_int_equal(rill_core_know_route(core, &route), RILL_OK);
    }
}

static inline int begin(const char *text)
{
    const char *problem = NULL;
    first_problem[0] = '\0';
    assert_int_equal(rill_config_read(&config, &arena, text, strlen(text), report, NULL), RILL_OK);
    const rill_core_options o = {
        .allocator = core_memory != NULL ? core_memory : rill_allocator_default(),
        .config = &config,
        .crypto = crypto,
        .now = core_now,
        .wake = core_wake,
        .drained = core_drained,
        .log = {core_line, NULL, RILL_LOG_DEBUG, NULL},
        .soon = core_soon,
        .secret = core_secret,
    };
    assert_int_equal(rill_core_new(&core, &o, &problem), RILL_OK);
    if (print_key != NULL)
        rill_core_print_with(core, print_key);
    for (rill_balance_id id = 1; id <= store.last; id++) {
        rill_store_account a = store.accounts[id];
        char name[64];
        char *space;
        snprintf(name, sizeof name, "%s", store.names[id]);
        space = strchr(name, ' ');
        *space = '\0';
        a.name = name;
        a.asset = space + 1;
        assert_int_equal(rill_core_know(core, &a, store.booked[id]), RILL_OK);
    }
    know_routes();
    for (size_t i = 0; i < store.setting_count; i++) {
        const rill_store_setting setting = {store.settings[i].kind, store.settings[i].name,
                                            store.settings[i].value};
        if (setting.value[0] != '\0' && strcmp(setting.kind, RILL_SETTING_CONFIG) == 0)
            assert_int_equal(rill_core_know_config(core, &setting), RILL_OK);
        else if (setting.value[0] != '\0')
            assert_int_equal(rill_core_know_price(core, &setting), RILL_OK);
    }
    if (flights != NULL) {
        assert_int_equal(rill_core_list_flights(core, flights), RILL_OK);
        for (uint64_t run = 1; run <= store.run; run++)
            rill_core_know_run(core, run, store.kept[run]);
        rill_flights_begin(flights, ++store.run);
    }
    int rc = rill_core_begin(core, &store.store, report, NULL);
    if (rc == RILL_OK)
        rill_core_forget_old_prices(core);
    return rc;
}

static inline void turn(void)
{
    turn_wanted = false;
    rill_core_turn(core);
}

static inline int set_up(void **state)
{
    (void)state;
    store = (disk){.store = {&disk_ops}};
    now = (rill_now){RILL_SECOND, WALL};
    crypto = rill_crypto_new(rill_allocator_default());
    rill_arena_init(&arena, rill_allocator_default());
    turn_wanted = false;
    warnings = 0;
    assert_int_equal(begin(EXAMPLE), RILL_OK);
    assert_true(turn_wanted);
    turn();
    written();
    return 0;
}

static inline int come_as(fake *f, const char *name, const char *token, bool only_asks)
{
    const rill_link_handlers *handlers = NULL;
    memset(f, 0, sizeof *f);
    f->link.ops = &fake_ops;
    f->link.only_asks = only_asks;
    int rc = rill_core_admit(&handlers, &f->link.user, core, &f->link, text(name), text(token));
    if (rc != RILL_OK) {
        f->link.ops = NULL;
        return rc;
    }
    f->link.on = *handlers;
    f->link.on.up(&f->link, f->link.user);
    return RILL_OK;
}

static inline int come(fake *f, const char *name, const char *token)
{
    return come_as(f, name, token, false);
}

static inline void all_come(void)
{
    const rill_link_handlers *handlers = NULL;
    rill_hub *hub = rill_core_hub(core);
    struct rill_account *parent = rill_hub_open_account(hub, &rill_core_account(core, 3)->terms);
    assert_int_equal(come(&alice, "alice", "ALICE"), RILL_OK);
    assert_int_equal(come(&bob, "", "BOB2"), RILL_OK);
    assert_int_equal(come(&carol, "carol", "CAROL"), RILL_OK);
    memset(&up, 0, sizeof up);
    up.link.ops = &fake_ops;
    assert_int_equal(rill_hub_attach(&handlers, &up.link.user, hub, &up.link, parent), RILL_OK);
    up.link.on = *handlers;
    up.link.on.up(&up.link, up.link.user);
    turn_wanted = false;
}

static inline void end(void)
{
    disconnect(&alice);
    disconnect(&bob);
    disconnect(&carol);
    disconnect(&up);
    rill_hub_abandon(rill_core_hub(core));
    assert_true(rill_core_is_even(core));
    rill_core_free(core);
    core = NULL;
}

static inline int tear_down(void **state)
{
    (void)state;
    end();
    rill_arena_clear(&arena);
    rill_crypto_free(crypto);
    return 0;
}

static inline void booked(size_t account, int64_t value)
{
    const rill_balance *b = &rill_core_account(core, account)->balance;
    rill_i128 want = rill_wide_signed(rill_wide_of(value < 0 ? UINT64_MAX : 0, (uint64_t)value));
    assert_true(rill_wide_equal(b->booked, want));
}

static inline void nothing_held(void)
{
    for (size_t i = 0; i < rill_core_accounts(core); i++) {
        const rill_balance *b = &rill_core_account(core, i)->balance;
        assert_int_equal(b->held.low, 0);
        assert_int_equal(b->coming.low, 0);
    }
}

static inline void send(fake *from, uint64_t request, const char *to, uint64_t amount)
{
    rill_prepare p = prepare_to(to);
    p.amount = amount;
    p.expires_at_ms = now.wall_ms + 10000;
    ask(from, request, &p);
}

enum { ALICE, BOB, CAROL, UP };

static inline rill_admin_answer asked(const char *method, const char *path, const char *body,
                                      bool known)
{
    rill_admin_answer answer;
    const rill_admin_request r = {.method = text(method),
                                  .path = text(path),
                                  .body = text(body),
                                  .scopes = known ? RILL_SCOPES_ALL : 0};
    rill_admin_ask(core, NULL, &r, &answer);
    return answer;
}

static inline void answered(const char *method, const char *path, const char *body, unsigned status,
                            const char *part)
{
    rill_admin_answer answer = asked(method, path, body, true);
    assert_int_equal(answer.status, status);
    assert_non_null(answer.body);
    if (strstr(answer.body, part) == NULL)
        fail_msg("%s is not in %s", part, answer.body);
    rill_admin_free(&answer);
}

#endif
