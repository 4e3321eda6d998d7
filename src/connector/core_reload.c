/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another configuration while the node runs. All that can fail is done first; then the change is
 * applied as a whole, between two packets. An account that is taken out gets no more packets, and
 * goes when those that are out are answered and what it booked is in the store.
 *
 * Over 600 lines: preparing, undoing and applying are three sides of the same change.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "connector/core_change.h"

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* ---- balances that the store has ---- */

static known_balance *find_known(const rill_core *c, const rill_holder_account *a)
{
    return rill_core_find_known(c, RILL_HOLDER_NEIGHBOUR, a->config->name, &a->config->asset);
}

/* So that an account that comes back finds its balance. RILL_ERR_NOMEM. */
static int remember(rill_core *c, const rill_holder_account *a)
{
    const rill_store_account account = {
        .id = a->balance.id,
        .holder = RILL_HOLDER_NEIGHBOUR,
        .name = a->config->name,
        .asset = a->config->asset.code,
        .scale = a->config->asset.scale,
    };
    if (find_known(c, a) != NULL)
        return RILL_OK;
    int rc = rill_core_know(c, &account, a->balance.booked);
    if (rc != RILL_OK)
        return rc;
    c->known[c->known_count - 1].open = true;
    return RILL_OK;
}

static void close_known(const rill_core *c, const rill_holder_account *a)
{
    known_balance *k = find_known(c, a);
    assert(k != NULL);
    k->open = false;
    k->booked = a->balance.booked;
}

/* ---- preparing ---- */

/* Some things would make it another account. */
static void judge_account(rill_core *c, const rill_holder_account *a,
                          const rill_config_account *fresh)
{
    static const char later[] = " changes only when the node is started again";
    const rill_config_account *old = a->config;
    const char *what = NULL;
    char problem[120];
    if (old->relation != fresh->relation)
        what = "relation";
    else if (!rill_config_same_text(old->asset.code, fresh->asset.code) ||
             old->asset.scale != fresh->asset.scale)
        what = "asset";
    else if (!rill_config_same_text(old->segment, fresh->segment))
        what = "segment";
    if (what == NULL)
        return;
    (void)snprintf(problem, sizeof problem, "%s%s", what, later);
    rill_core_complain(c, fresh->place, fresh->name, problem);
}

/* It was taken out, and is not gone yet. */
static void come_back(const rill_core_change *n, rill_holder_account *a,
                      const rill_config_account *fresh)
{
    a->fresh = true;
    if (a->terms.address.len == 0)
        return;
    int rc = rill_routing_set(&n->core->routing, &a->peer, RILL_ROUTE_CHILD, a->terms.address);
    a->routed = rc == RILL_OK;
    if (rc != RILL_OK)
        rill_core_complain(n->core, fresh->place, fresh->name,
                           rc == RILL_ERR_EXISTS ? "another child has the same address"
                                                 : rill_strerror(rc));
}

static int prepare_account(rill_core_change *n, const rill_config_account *fresh)
{
    rill_core *c = n->core;
    rill_holder_account *a = rill_core_find(c, bytes_of(fresh->name));
    int rc = RILL_OK;
    if (a != NULL) {
        judge_account(c, a, fresh);
        if (a->leaving)
            come_back(n, a, fresh);
        rc = rill_routing_prepare(&c->routing, &a->peer, fresh);
        if (rc == RILL_OK)
            rc = rill_core_prepare_pace(c, a, fresh);
        if (rc == RILL_OK)
            rc = rill_core_know_tokens(c, &n->tokens, a, fresh);
        if (rc == RILL_OK)
            rc = rill_core_prepare_settlement(c, a, fresh);
    } else {
        rc = rill_core_open_holder(c, fresh, &n->tokens, &a);
        if (a != NULL)
            a->fresh = true;
    }
    if (a == NULL)
        return rc;
    a->listed = true;
    n->accounts[n->count++] = a;
    return rc;
}

/* Those that are new are known: rill_core_find_balance. */
static int remember_leaving(rill_core *c)
{
    int rc = RILL_OK;
    for (size_t i = 0; i < c->account_count && rc == RILL_OK; i++) {
        if (!c->accounts[i]->listed)
            rc = remember(c, c->accounts[i]);
    }
    return rc;
}

static int prepare_accounts(rill_core_change *n)
{
    const rill_config_account *all = n->fresh->accounts.items;
    int rc = RILL_OK;
    n->accounts = rill_calloc(n->core->options.allocator, n->fresh->accounts.count + 1,
                              sizeof(rill_holder_account *));
    if (n->accounts == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < n->fresh->accounts.count && rc == RILL_OK; i++)
        rc = prepare_account(n, &all[i]);
    if (rc == RILL_OK)
        rc = remember_leaving(n->core);
    rill_core_sort_known(n->core);
    return rc;
}

/* Assets have the same numbers. */
static int prepare_rates(rill_core_change *n)
{
    rill_core *c = n->core;
    uint32_t number = 0;
    int rc = RILL_OK;
    for (size_t i = 0; i < c->rates.asset_count && rc == RILL_OK; i++) {
        rc =
            rill_rates_asset(&n->rates, c->rates.assets[i].code, c->rates.assets[i].scale, &number);
        assert(rc != RILL_OK || number == i);
    }
    const char *problem = NULL;
    if (rc == RILL_OK)
        rc = rill_core_set_rates(c, &n->rates, &n->fresh->rates, &problem);
    if (rc == RILL_ERR_INVALID)
        rill_core_complain(c, n->fresh->rates.place, "rates", problem);
    return rc;
}

/* ---- routes of the configuration ---- */

static const rill_config_route *find_route(const rill_config *config, const char *prefix)
{
    const rill_config_route *routes = config->routes.items;
    for (size_t i = 0; i < config->routes.count; i++) {
        if (strcmp(routes[i].prefix, prefix) == 0)
            return &routes[i];
    }
    return NULL;
}

/* The account for all other addresses; NULL: there is none. */
static const char *rest_of(const rill_config *config)
{
    const rill_config_account *accounts = config->accounts.items;
    if (config->default_route != NULL)
        return config->default_route;
    for (size_t i = 0; i < config->accounts.count; i++) {
        if (accounts[i].relation == RILL_RELATION_PARENT)
            return accounts[i].name;
    }
    return NULL;
}

static int add_route(const rill_core_change *n, rill_place place, const char *prefix,
                     const char *name)
{
    rill_holder_account *a = rill_core_find(n->core, bytes_of(name));
    if (a == NULL)
        return RILL_OK; /* it has been complained about */
    int rc = rill_routing_set(&n->core->routing, &a->peer, RILL_ROUTE_STATIC, bytes_of(prefix));
    if (rc == RILL_OK || rc == RILL_ERR_NOMEM)
        return rc;
    rill_core_complain(n->core, place, prefix,
                       rc == RILL_ERR_EXISTS ? "there is a route for this prefix already"
                                             : "this prefix cannot be a route");
    return RILL_OK;
}

/* Those that are new. Nothing is sent by them before this turn of the loop ends. */
static int prepare_routes(rill_core_change *n)
{
    const rill_config *old = n->core->options.config;
    const rill_config_route *routes = n->fresh->routes.items;
    int rc = RILL_OK;
    for (; n->routes_added < n->fresh->routes.count && rc == RILL_OK; n->routes_added++) {
        const rill_config_route *r = &routes[n->routes_added];
        if (find_route(old, r->prefix) == NULL)
            rc = add_route(n, r->place, r->prefix, r->account);
    }
    if (rc == RILL_OK && rest_of(old) == NULL && rest_of(n->fresh) != NULL) {
        rc = add_route(n, n->fresh->place, "", rest_of(n->fresh));
        n->default_added = rc == RILL_OK;
    }
    return rc;
}

static void drop_route(const rill_core_change *n, const char *prefix)
{
    int rc = rill_routing_unset(&n->core->routing, RILL_ROUTE_STATIC, bytes_of(prefix));
    (void)rc; /* where it could not be added it is not there */
}

static void drop_address(const rill_core_change *n, rill_holder_account *a)
{
    if (a->routed) {
        int rc = rill_routing_unset(&n->core->routing, RILL_ROUTE_CHILD, a->terms.address);
        (void)rc;
    }
    a->routed = false;
}

static void undo_routes(const rill_core_change *n)
{
    const rill_config *old = n->core->options.config;
    const rill_config_route *routes = n->fresh->routes.items;
    for (size_t i = 0; i < n->routes_added; i++) {
        if (find_route(old, routes[i].prefix) == NULL)
            drop_route(n, routes[i].prefix);
    }
    if (n->default_added)
        drop_route(n, "");
}

static void move_route(const rill_core_change *n, const char *prefix, const char *name)
{
    rill_holder_account *a = rill_core_find(n->core, bytes_of(name));
    int rc = rill_routing_move(&n->core->routing, &a->peer, bytes_of(prefix));
    (void)rc; /* an address of a child is in its place, and stays */
}

/* ---- preparing, all of it ---- */

static void free_change(rill_core_change *n)
{
    const rill_allocator *allocator = n->core->options.allocator;
    rill_tokens_clear(&n->tokens);
    rill_rates_clear(&n->rates);
    rill_arena_clear(&n->arena);
    rill_free(allocator, n->accounts);
    rill_free(allocator, n);
}

static void unlist(const rill_core *c)
{
    for (size_t i = 0; i < c->account_count; i++)
        c->accounts[i]->listed = c->accounts[i]->lost_token = false;
    for (rill_holder_account *a = c->leaving; a != NULL; a = a->next_leaving)
        a->listed = a->lost_token = false;
}

void rill_core_forget_change(rill_core_change *n)
{
    rill_core *c = n->core;
    undo_routes(n);
    for (size_t i = 0; i < n->count; i++) {
        rill_holder_account *a = n->accounts[i];
        rill_core_forget_settlement(c, a);
        if (!a->fresh)
            continue;
        drop_address(n, a);
        a->fresh = false;
        if (a->leaving)
            continue; /* as it was before */
        close_known(c, a);
        if (a->settling != NULL)
            rill_settler_detach(a->settling);
        rill_routing_remove(&c->routing, &a->peer);
        bool gone = rill_hub_remove(c->hub, &a->terms);
        assert(gone);
        (void)gone;
    }
    unlist(c);
    free_change(n);
}

static int new_change(rill_core_change **out, rill_core *c, const rill_config *fresh)
{
    const rill_allocator *allocator = c->options.allocator;
    uint64_t seed;
    if (rill_crypto_random(c->options.crypto, (uint8_t *)&seed, sizeof seed) != RILL_OK)
        return RILL_ERR_CRYPTO;
    rill_core_change *n = rill_calloc(allocator, 1, sizeof *n);
    if (n == NULL)
        return RILL_ERR_NOMEM;
    n->core = c;
    n->fresh = fresh;
    n->last = &n->first;
    rill_arena_init(&n->arena, allocator);
    rill_tokens_init(&n->tokens, allocator, c->options.crypto, seed);
    rill_rates_init(&n->rates, allocator, fresh->rates.stale_after, fresh->rates.spread);
    *out = n;
    return RILL_OK;
}

int rill_core_prepare(rill_core_change **out, rill_core *c, const rill_config *fresh,
                      rill_shape_report *report, void *report_user)
{
    rill_core_change *n = NULL;
    int rc = new_change(&n, c, fresh);
    if (rc != RILL_OK)
        return rc;
    c->report = report;
    c->report_user = report_user;
    c->problems = 0;
    rc = prepare_accounts(n);
    if (rc == RILL_OK && c->problems == 0)
        rc = prepare_routes(n);
    if (rc == RILL_OK)
        rc = prepare_rates(n);
    if (rc == RILL_OK && c->problems > 0)
        rc = RILL_ERR_INVALID;
    if (rc != RILL_OK) {
        rill_core_forget_change(n);
        return rc;
    }
    *out = n;
    return RILL_OK;
}

rill_holder_account *rill_core_change_account(const rill_core_change *change, size_t index)
{
    return change->accounts[index];
}

/* ---- applying ---- */

static void apply_routes(rill_core_change *n)
{
    const rill_config *old = n->core->options.config;
    const rill_config_route *routes = old->routes.items;
    const char *rest = rest_of(old);
    for (size_t i = 0; i < old->routes.count; i++) {
        const rill_config_route *fresh = find_route(n->fresh, routes[i].prefix);
        if (fresh == NULL) {
            drop_route(n, routes[i].prefix);
            rill_core_tell_change(n, NULL, "route %s removed", routes[i].prefix);
        } else if (strcmp(fresh->account, routes[i].account) != 0) {
            move_route(n, routes[i].prefix, fresh->account);
            rill_core_tell_change(n, NULL, "route %s leads to %s, before to %s", fresh->prefix,
                                  fresh->account, routes[i].account);
        }
    }
    routes = n->fresh->routes.items;
    for (size_t i = 0; i < n->fresh->routes.count; i++) {
        if (find_route(old, routes[i].prefix) == NULL)
            rill_core_tell_change(n, NULL, "route %s added, to %s", routes[i].prefix,
                                  routes[i].account);
    }
    if (rill_config_same_text(rest, rest_of(n->fresh)))
        return;
    if (rest_of(n->fresh) == NULL)
        drop_route(n, "");
    else if (rest != NULL)
        move_route(n, "", rest_of(n->fresh));
    rill_core_tell_change(n, NULL, "default-route %s",
                          rest_of(n->fresh) == NULL ? "none" : rest_of(n->fresh));
}

static void on_lost_token(void *user, void *owner)
{
    rill_holder_account *a = owner;
    (void)user;
    a->lost_token = true;
}

static void on_new_token(void *user, void *owner)
{
    rill_holder_account *a = owner;
    rill_core_change *n = user;
    if (!a->fresh)
        rill_core_tell_change(n, a, "has a new token");
}

/* Whoever showed a token that is not good any more has to come again. */
static void apply_tokens(rill_core_change *n)
{
    rill_core *c = n->core;
    const rill_tokens old = c->tokens;
    rill_tokens_lost(&old, &n->tokens, on_lost_token, n);
    rill_tokens_lost(&n->tokens, &old, on_new_token, n);
    c->tokens = n->tokens;
    n->tokens = old;
    for (size_t i = 0; i < n->count; i++) {
        rill_holder_account *a = n->accounts[i];
        if (!a->lost_token)
            continue;
        rill_core_tell_change(n, a, "a token is not good any more; its connections are closed");
        rill_hub_close_sessions(&a->terms);
    }
}

static void take_out(rill_core_change *n, rill_holder_account *a)
{
    rill_core *c = n->core;
    char text[RILL_ENTRY_TEXT_MAX + 1];
    a->leaving = true;
    a->leave_at = rill_add_sat(rill_core_now(c).mono_ns, c->options.config->max_hold_time);
    a->terms.max_packet_amount = 0;
    a->next_leaving = c->leaving;
    c->leaving = a;
    drop_address(n, a);
    rill_routing_part(&c->routing, &a->peer);
    rill_core_end_settlement(c, a);
    rill_core_removed_text(a->balance.booked, a->config->asset.code, a->config->asset.scale, text);
    rill_core_tell_change(n, a, "%s", text);
}

static void stay(rill_holder_account *a, rill_core *c)
{
    rill_holder_account **at = &c->leaving;
    while (*at != a)
        at = &(*at)->next_leaving;
    *at = a->next_leaving;
    a->leaving = a->parted = false;
}

static void tell_lines(const rill_core_change *n, const char *who,
                       void (*tell)(void *user, const char *line), void *user)
{
    rill_core *c = n->core;
    bool written = !n->no_memory;
    for (const change_line *line = n->first; line != NULL; line = line->next) {
        char text[RILL_STORE_NAME_MAX + RILL_ENTRY_TEXT_MAX + 20];
        if (line->account != NULL)
            (void)snprintf(text, sizeof text, "account %s: %s", line->account->config->name,
                           line->text);
        else
            (void)snprintf(text, sizeof text, "%s", line->text);
        if (tell != NULL)
            tell(user, text);
        written = rill_core_note(c, line->account, who, line->text) == RILL_OK && written;
    }
    if (!written)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "not every change is in the audit: out of memory");
}

void rill_core_apply(rill_core_change *n, const char *who,
                     void (*tell)(void *user, const char *line), void *user)
{
    rill_core *c = n->core;
    for (size_t i = 0; i < c->account_count; i++) {
        if (!c->accounts[i]->listed)
            take_out(n, c->accounts[i]);
    }
    apply_routes(n);
    rill_core_tell_node(n);
    for (size_t i = 0; i < n->count; i++) {
        const rill_config_account *configs = n->fresh->accounts.items;
        rill_core_tell_account(n, n->accounts[i], &configs[i]);
    }
    apply_tokens(n);
    const rill_rates rates = c->rates;
    c->rates = n->rates;
    n->rates = rates;
    if (!rill_core_change_prices(c, &n->fresh->rates))
        rill_core_forget_entered(c, n->fresh->rates.base);
    for (size_t i = 0; i < n->count; i++) {
        const rill_config_account *configs = n->fresh->accounts.items;
        if (n->accounts[i]->leaving)
            stay(n->accounts[i], c);
        else if (n->accounts[i]->fresh)
            rill_core_leave_closed(c, &n->accounts[i]->balance);
        rill_core_agree(n->accounts[i], &configs[i]);
        rill_core_agree_settlement(c, n->accounts[i]);
        n->accounts[i]->fresh = false;
    }
    rill_routing_change(&c->routing, n->fresh);
    rill_holder_account **accounts = c->accounts;
    c->accounts = n->accounts;
    c->account_count = n->count;
    rill_core_look_closer(c);
    n->accounts = accounts;
    unlist(c);
    tell_lines(n, who, tell, user);
    free_change(n);
}

/* ---- parting ---- */

/* Flows of it are gone: nobody remembers one. */
static void forget_flows(const rill_core *c)
{
    for (size_t i = 0; i < c->account_count; i++)
        c->accounts[i]->last = NULL;
    for (rill_holder_account *a = c->leaving; a != NULL; a = a->next_leaving)
        a->last = NULL;
}

static bool is_gone(rill_core *c, rill_holder_account *a)
{
    rill_node_account traffic;
    uint64_t now = rill_core_now(c).mono_ns;
    int rc = rill_hub_account(c->hub, bytes_of(a->config->name), &traffic);
    assert(rc == RILL_OK);
    (void)rc;
    const rill_balance *b = &a->balance;
    bool waits = traffic.open > 0 || b->coming.high != 0 || b->coming.low != 0;
    if (!a->parted && waits && now < a->leave_at)
        return false;
    if (traffic.sessions > 0) {
        rill_hub_close_sessions(&a->terms);
        a->parted = true;
        return false;
    }
    a->parted = true;
    if (!rill_books_forget(&c->books, &a->balance, rill_core_now(c).wall_ms))
        return false;
    forget_flows(c);
    rill_routing_remove(&c->routing, &a->peer);
    return rill_hub_remove(c->hub, &a->terms);
}

void rill_core_part(rill_core *c)
{
    for (rill_holder_account **at = &c->leaving; *at != NULL;) {
        rill_holder_account *a = *at;
        if (!is_gone(c, a)) {
            at = &a->next_leaving;
            continue;
        }
        close_known(c, a);
        rill_core_tell_counts(c, a);
        rill_log_account_line(&c->options.log, RILL_LOG_INFO, a->config->name, "is gone");
        if (a->settling != NULL)
            rill_settler_detach(a->settling);
        *at = a->next_leaving;
        rill_core_free_counts(c, a);
    }
}

bool rill_core_is_leaving(const rill_core *c)
{
    return c->leaving != NULL;
}

static const rill_holder_account *find_leaving(const rill_core *c, const char *name)
{
    const rill_holder_account *a = c->leaving;
    while (a != NULL && strcmp(a->config->name, name) != 0)
        a = a->next_leaving;
    return a;
}

bool rill_core_leaves(const rill_core *c, const char *name)
{
    return find_leaving(c, name) != NULL;
}

bool rill_core_has_parted(const rill_core *c, const char *name)
{
    const rill_holder_account *a = find_leaving(c, name);
    return a != NULL && a->parted;
}
