/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Over 600 lines: what the hub asks for and what the configuration opens are the two ends of the
 * same accounts.
 */
#include "connector/core_impl.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"

/* ---- money ---- */

static rill_holder_account *holder_of(rill_terms *terms)
{
    return RILL_CONTAINER(terms, rill_holder_account, terms);
}

/*
 * Most packets go where the one before went. What is counted of an account once its packets are
 * fulfilled has its place before the first of them is out: then it cannot fail any more.
 */
static rill_flow *flow_to(rill_core *c, rill_holder_account *source,
                          rill_holder_account *destination)
{
    rill_flow *flow = source->last;
    if (flow != NULL && flow->destination == &destination->balance)
        return flow;
    if (source->unseen == NULL)
        source->unseen = rill_calloc(c->options.allocator, 1, sizeof *source->unseen);
    if (source->unseen == NULL)
        return NULL;
    if (rill_books_flow(&c->books, &source->balance, &destination->balance, &flow) != RILL_OK)
        return NULL;
    source->last = flow;
    return flow;
}

static rill_money_verdict verdict_of_exchange(rill_exchange_verdict verdict)
{
    switch (verdict) {
    case RILL_EXCHANGE_DONE:
        return RILL_MONEY_HELD;
    case RILL_EXCHANGE_OLD_PRICE:
        return RILL_MONEY_OLD_PRICE;
    case RILL_EXCHANGE_TOO_LARGE:
        return RILL_MONEY_TOO_LARGE;
    default:
        return RILL_MONEY_NO_PRICE;
    }
}

/* While not all is as it should be. */
static rill_money_verdict look_closer(const rill_core *c, const rill_holder_account *source,
                                      const rill_holder_account *destination)
{
    if (c->failing)
        return RILL_MONEY_CANNOT_BOOK;
    const bool agreed = source->agreement == RILL_AGREED && destination->agreement == RILL_AGREED;
    return agreed ? RILL_MONEY_HELD : RILL_MONEY_NOT_AGREED;
}

static rill_money_verdict on_hold(void *user, rill_terms *from, rill_terms *to, uint64_t amount,
                                  uint64_t expires_ms, rill_now now, rill_money_hold *hold)
{
    rill_core *c = user;
    rill_holder_account *source = holder_of(from);
    rill_holder_account *destination = holder_of(to);
    uint64_t given = 0;
    rill_money_verdict verdict = RILL_MONEY_HELD;
    if (c->looks_closer)
        verdict = look_closer(c, source, destination);
    if (verdict != RILL_MONEY_HELD)
        return verdict;
    /* After a kill the store must know whose balances a packet was between. */
    if (source->balance.id > c->clerk.kept_last || destination->balance.id > c->clerk.kept_last)
        return RILL_MONEY_NOT_IN_BOOKS;
    verdict = verdict_of_exchange(rill_rates_exchange(
        &c->rates, source->balance.asset, destination->balance.asset, amount, now, &given));
    if (verdict != RILL_MONEY_HELD)
        return verdict;
    rill_flow *flow = flow_to(c, source, destination);
    if (flow == NULL)
        return RILL_MONEY_OUT_OF_MEMORY;
    const rill_flight flight = {
        .source = source->balance.id,
        .destination = destination->balance.id,
        .taken = amount,
        .given = given,
        .expires_ms = expires_ms,
    };
    switch (rill_books_hold(flow, amount, given)) {
    case RILL_HOLD_NO_CREDIT:
        return RILL_MONEY_NO_CREDIT;
    case RILL_HOLD_NO_ROOM:
        return RILL_MONEY_NO_ROOM;
    default:
        *hold = (rill_money_hold){flow, amount, given, now.mono_ns, 0};
        if (c->flights.file != NULL)
            hold->slot = rill_flights_add(c->flights.file, &flight);
        return RILL_MONEY_HELD;
    }
}

static void on_release(void *user, const rill_money_hold *hold)
{
    const rill_core *c = user;
    if (hold->slot != 0)
        rill_flights_remove(c->flights.file, hold->slot);
    rill_books_release(hold->between, hold->taken, hold->given);
}

/*
 * The audit is told of what an account has not seen, and of what it was late with, once in so long:
 * a neighbour decides how often it is late, also while it leaves or the node drains. The rest is
 * told when the node begins to drain, when the account is gone, and when the node is.
 */
#define TOLD_MS 60000

/* A clock that was set back does not keep it for longer. */
static bool is_to_be_told(uint64_t told_ms, rill_now now)
{
    return told_ms == 0 || now.wall_ms < told_ms || now.wall_ms - told_ms >= TOLD_MS;
}

/* What cannot be written for now is written with what comes next. */
static void tell_unseen(rill_core *c, rill_holder_account *a)
{
    char what[160];
    rill_unseen *u = a->unseen;
    if (u == NULL || u->new_packets == 0)
        return;
    (void)snprintf(what, sizeof what,
                   "%" PRIu64 " packets of %" PRIu64 " units were fulfilled after its connection "
                   "or request was lost: %s",
                   u->new_packets, u->new_amount,
                   a->charge_unseen ? "it owes them" : "this node bears them");
    if (rill_core_note(c, a, "node", what) != RILL_OK)
        return;
    u->new_packets = 0;
    u->new_amount = 0;
    u->told_ms = rill_core_now(c).wall_ms;
}

static void count_unseen(rill_core *c, rill_holder_account *a, uint64_t amount, rill_now now)
{
    rill_unseen *u = a->unseen;
    u->packets++;
    u->new_packets++;
    u->amount = rill_add_sat(u->amount, amount);
    u->new_amount = rill_add_sat(u->new_amount, amount);
    if (is_to_be_told(u->told_ms, now))
        tell_unseen(c, a);
}

/*
 * Who has left owes what its packet took, or it could have everything for nothing: it would only
 * have to cut its connection while packets are out.
 */
static uint64_t on_commit(void *user, const rill_money_hold *hold, bool seen, rill_now now)
{
    rill_core *c = user;
    const rill_flow *flow = hold->between;
    rill_holder_account *source = RILL_CONTAINER(flow->source, rill_holder_account, balance);
    bool charge = seen || source->charge_unseen;
    uint64_t group =
        rill_books_commit(&c->books, hold->between, hold->taken, hold->given, charge, now.wall_ms);
    bool goes_on = rill_clerk_has_kept(&c->clerk, group);
    uint64_t *begun_at = &c->begun_at[group % 2];
    /* After a kill the source owes what it was told, or would never have been told anyway. */
    rill_core_flight_fulfilled(c, hold->slot, group, seen ? goes_on : charge);
    if (!seen)
        count_unseen(c, source, hold->taken, now);
    rill_holder_account *destination =
        RILL_CONTAINER(flow->destination, rill_holder_account, balance);
    destination->fulfilled_to++;
    rill_core_look_to_settle(c, destination);
    rill_histogram_add(&c->waits.packets, now.mono_ns - hold->at_ns);
    if (*begun_at == 0 && !goes_on)
        *begun_at = now.mono_ns;
    c->options.soon(c->options.user);
    return goes_on ? 0 : group;
}

/* NULL: no memory. Then nobody is told, and all else goes on. */
static rill_outcomes *outcomes_of(const rill_core *c, rill_holder_account *a)
{
    if (a->outcomes == NULL)
        a->outcomes = rill_calloc(c->options.allocator, 1, sizeof *a->outcomes);
    return a->outcomes;
}

static void on_rejected(void *user, const rill_money_reject *r, rill_now now)
{
    const rill_core *c = user;
    rill_holder_account *source = holder_of(r->source);
    rill_holder_account *destination = r->destination == NULL ? NULL : holder_of(r->destination);
    rill_outcomes *from = outcomes_of(c, source);
    rill_outcomes *to = destination == NULL ? NULL : outcomes_of(c, destination);
    if (source->rejects == NULL)
        source->rejects = rill_calloc(c->options.allocator, 1, sizeof *source->rejects);
    if (source->rejects != NULL)
        rill_rejects_count(source->rejects, r->reject,
                           r->by_destination ? destination->balance.id : 0, now.wall_ms);
    if (from != NULL)
        rill_outcomes_count_from(from, r);
    if (to != NULL)
        rill_outcomes_count_to(to, r);
}

/* What cannot be written for now is written with what comes next. */
static void tell_late(rill_core *c, rill_holder_account *a)
{
    char what[160];
    rill_outcomes *o = a->outcomes;
    if (o == NULL || o->late_new.packets == 0)
        return;
    (void)snprintf(what, sizeof what,
                   "%" PRIu64 " packets of %" PRIu64 " units were fulfilled too late: it may count "
                   "them as owed to it, and this node does not",
                   o->late_new.packets, o->late_new.amount);
    if (rill_core_note(c, a, "node", what) != RILL_OK)
        return;
    rill_log_account_line(&c->options.log, RILL_LOG_WARNING, a->config->name, "%s", what);
    o->late_new = (rill_tally){0, 0};
    o->late_told = rill_core_now(c).wall_ms;
}

/* A Fulfill came too late: nothing is booked of it. */
static void on_late(void *user, rill_terms *destination, uint64_t given, rill_now now)
{
    rill_core *c = user;
    rill_holder_account *a = holder_of(destination);
    rill_outcomes *o = outcomes_of(c, a);
    if (o == NULL)
        return;
    rill_tally_add(&o->late, given);
    rill_tally_add(&o->late_new, given);
    if (is_to_be_told(o->late_told, now))
        tell_late(c, a);
}

static void on_unanswered(void *user, rill_terms *destination, uint64_t given)
{
    rill_outcomes *o = outcomes_of(user, holder_of(destination));
    if (o != NULL)
        rill_tally_add(&o->unanswered, given);
}

static void on_kept(void *user, uint64_t group)
{
    rill_core *c = user;
    uint64_t *begun_at = &c->begun_at[group % 2];
    if (*begun_at != 0)
        rill_histogram_add(&c->waits.books, rill_core_now(c).mono_ns - *begun_at);
    *begun_at = 0;
    rill_core_flights_kept(c, group);
    rill_settler_kept(&c->settler, group, rill_core_now(c).mono_ns);
    rill_hub_kept(c->hub, group);
    if (c->options.kept != NULL)
        c->options.kept(c->options.user, group);
}

static void on_entered(void *user, const rill_balance *a, const rill_store_entry *entry,
                       uint64_t group)
{
    const rill_core *c = user;
    if (c->options.entered != NULL)
        c->options.entered(c->options.user, RILL_CONTAINER(a, rill_holder_account, balance), entry,
                           group);
}

static void on_failing(void *user, const char *problem)
{
    rill_core *c = user;
    c->failing = problem != NULL;
    rill_core_look_closer(c);
    rill_settler_pause(&c->settler, c->failing);
    if (problem != NULL)
        rill_log_line(&c->options.log, RILL_LOG_WARNING,
                      "the books cannot be written, and packets are refused until they can: %s",
                      problem);
    else
        rill_log_line(&c->options.log, RILL_LOG_WARNING, "the books can be written again");
}

/* ---- who may come ---- */

/* A name that is given must be the account's; over HTTP there is none. */
static rill_terms *on_identify(void *user, rill_bytes name, rill_bytes token)
{
    const rill_core *c = user;
    rill_holder_account *holder = rill_tokens_find(&c->tokens, token);
    if (holder == NULL)
        return NULL;
    size_t len = strlen(holder->config->name);
    bool its_name = name.len == len && memcmp(name.data, holder->config->name, len) == 0;
    return name.len == 0 || its_name ? &holder->terms : NULL;
}

/* ---- routes ---- */

/* What the store had of a route. */
typedef struct known_route {
    struct known_route *next;
    rill_store_route route;
    char bytes[];
} known_route;

static int on_save(void *user, const rill_store_route *route)
{
    rill_core *c = user;
    int rc = rill_clerk_put_route(&c->clerk, route);
    c->options.soon(c->options.user);
    return rc;
}

int rill_core_know_route(rill_core *c, const rill_store_route *route)
{
    size_t name = strlen(route->account) + 1;
    known_route *k =
        rill_arena_alloc(&c->had, sizeof *k + name + route->prefix.len + route->value.len);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    char *prefix = k->bytes + name;
    char *value = prefix + route->prefix.len;
    memcpy(k->bytes, route->account, name);
    if (route->prefix.len > 0)
        memcpy(prefix, route->prefix.data, route->prefix.len);
    if (route->value.len > 0)
        memcpy(value, route->value.data, route->value.len);
    k->next = NULL;
    k->route = (rill_store_route){k->bytes,
                                  {(const uint8_t *)prefix, route->prefix.len},
                                  {(const uint8_t *)value, route->value.len}};
    *c->last_route = k;
    c->last_route = &k->next;
    return RILL_OK;
}

static int restore_routes(rill_core *c)
{
    int rc = RILL_OK;
    for (const known_route *k = c->routes; k != NULL && rc == RILL_OK; k = k->next) {
        const char *name = k->route.account;
        rill_holder_account *holder =
            rill_core_find(c, (rill_bytes){(const uint8_t *)name, strlen(name)});
        rc = rill_routing_restore(&c->routing, holder == NULL ? NULL : &holder->peer, &k->route,
                                  rill_core_now(c));
    }
    c->routes = NULL;
    rill_arena_clear(&c->had);
    return rc == RILL_OK ? rill_routing_restored(&c->routing) : rc;
}

static int on_hear(void *user, rill_terms *from, bool update, rill_bytes data, const char **problem)
{
    rill_core *c = user;
    c->options.soon(c->options.user);
    return rill_routing_hear(&c->routing, &holder_of(from)->peer, update, data, rill_core_now(c),
                             problem);
}

static void on_present(void *user, rill_terms *account, bool is)
{
    rill_core *c = user;
    holder_of(account)->comings += is;
    rill_routing_present(&c->routing, &holder_of(account)->peer, is, rill_core_now(c));
    c->options.soon(c->options.user);
}

static void on_answered(void *user, rill_terms *account, uint64_t id,
                        const rill_talk_answer *answer)
{
    rill_core *c = user;
    if (rill_core_messaged(c, holder_of(account), id, answer))
        return;
    rill_routing_answered(&c->routing, &holder_of(account)->peer, id, answer->fulfilled,
                          rill_core_now(c));
    c->options.soon(c->options.user);
}

static int on_settle(void *user, rill_terms *from, rill_bytes message, uint64_t ticket)
{
    return rill_core_settle_message(user, holder_of(from), message, ticket);
}

static rill_speaker_peer *on_peer_of(void *user, rill_terms *terms)
{
    (void)user;
    return &holder_of(terms)->peer;
}

static rill_speaker_peer *on_peer_at(void *user, size_t index)
{
    const rill_core *c = user;
    return index < c->account_count ? &c->accounts[index]->peer : NULL;
}

/* ---- beginning ---- */

int rill_core_new(rill_core **out, const rill_core_options *options, const char **problem)
{
    const rill_allocator *allocator = options->allocator;
    uint64_t seeds[7];
    *problem = "out of memory";
    rill_core *c = rill_calloc(allocator, 1, sizeof *c);
    if (c == NULL)
        return RILL_ERR_NOMEM;
    *problem = "internal error";
    if (rill_crypto_random(options->crypto, (uint8_t *)seeds, sizeof seeds) != RILL_OK) {
        rill_free(allocator, c);
        return RILL_ERR_CRYPTO;
    }
    c->options = *options;
    rill_arena_init(&c->arena, allocator);
    rill_arena_init(&c->had, allocator);
    rill_arena_init(&c->texts, allocator);
    c->last_route = &c->routes;
    rill_books_init(&c->books, allocator, seeds[0]);
    rill_tokens_init(&c->tokens, allocator, options->crypto, seeds[1]);
    rill_rates_init(&c->rates, allocator, options->config->rates.stale_after,
                    options->config->rates.spread);
    c->prices.feed.random = seeds[5];
    const rill_clerk_options clerk = {
        .allocator = allocator,
        .durability = (rill_durability)options->config->store.durability,
        .kept = on_kept,
        .failing = on_failing,
        .entered = on_entered,
        .user = c,
        .seed = seeds[2],
    };
    rill_clerk_init(&c->clerk, &c->books, &clerk);
    c->money = (rill_money){
        on_identify, on_hold, on_release, on_commit, on_rejected, on_late, on_unanswered, c,
    };
    rill_core_init_settler(c, seeds + 3);
    rill_webhook_init(&c->webhook, allocator, seeds[6]);
    rill_overlay_init(&c->proposals, allocator);
    rill_overlay_init(&c->peering.waiting, allocator);
    c->talk = (rill_talk){on_hear, on_present, on_answered, on_settle, c};
    *out = c;
    *problem = NULL;
    return RILL_OK;
}

void rill_core_free_counts(const rill_core *c, rill_holder_account *a)
{
    rill_free(c->options.allocator, a->rejects);
    rill_free(c->options.allocator, a->outcomes);
    rill_free(c->options.allocator, a->unseen);
    a->rejects = NULL;
    a->outcomes = NULL;
    a->unseen = NULL;
}

void rill_core_free(rill_core *c)
{
    if (c == NULL)
        return;
    const rill_allocator *allocator = c->options.allocator;
    rill_hub_free(c->hub);
    rill_live_free(c->live);
    rill_routing_close(&c->routing);
    rill_core_clear_flights(c);
    for (size_t i = 0; i < CORE_KEPT_PIECES; i++)
        rill_free(allocator, c->kept.pieces[i]);
    rill_wipe(c->kept.key, sizeof c->kept.key);
    rill_core_clear_settler(c);
    rill_clerk_clear(&c->clerk);
    rill_books_clear(&c->books);
    rill_rates_clear(&c->rates);
    rill_core_clear_prices(c);
    rill_webhook_clear(&c->webhook);
    rill_overlay_clear(&c->proposals);
    rill_overlay_clear(&c->peering.waiting);
    rill_tokens_clear(&c->tokens);
    for (size_t i = 0; i < c->account_count; i++)
        rill_core_free_counts(c, c->accounts[i]);
    for (rill_holder_account *a = c->leaving; a != NULL; a = a->next_leaving)
        rill_core_free_counts(c, a);
    rill_arena_clear(&c->arena);
    rill_arena_clear(&c->had);
    rill_arena_clear(&c->texts);
    rill_free(allocator, c->accounts);
    rill_free(allocator, c->known);
    rill_free(allocator, c);
}

int rill_core_know_key(rill_core *c, const rill_store_entry *entry)
{
    return rill_clerk_know_key(&c->clerk, entry->account, entry->key, entry->kind, entry->amount);
}

static int know_token(rill_core *c, rill_tokens *all, rill_holder_account *holder,
                      const rill_config_account *config, const rill_text *where)
{
    char token[RILL_TOKEN_MAX + 1];
    const char *name = config->name;
    uint8_t hash[RILL_SHA256_LEN];
    bool hashed = rill_config_token_hash(where->text, hash);
    int rc =
        hashed ? RILL_OK : c->options.secret(c->options.user, where->text, token, sizeof token);
    if (rc != RILL_OK) {
        char what[300];
        snprintf(what, sizeof what, "the token %.200s cannot be read: %s", where->text,
                 rc == RILL_ERR_NOT_FOUND ? "there is none" : rill_strerror(rc));
        rill_core_leave_out(c, where->place, name, what);
        return RILL_OK;
    }
    rc = hashed ? rill_tokens_add_hash(all, hash, holder)
                : rill_tokens_add(all, (rill_bytes){(const uint8_t *)token, strlen(token)}, holder);
    if (!hashed)
        rill_wipe(token, sizeof token);
    if (rc == RILL_ERR_EXISTS) {
        rill_core_leave_out(c, where->place, name, "another account has the same token");
        rc = RILL_OK;
    }
    return rc;
}

int rill_core_know_tokens(rill_core *c, rill_tokens *all, rill_holder_account *holder,
                          const rill_config_account *config)
{
    const rill_text *tokens = config->tokens.items;
    int rc = RILL_OK;
    for (size_t i = 0; i < config->tokens.count && rc == RILL_OK; i++)
        rc = know_token(c, all, holder, config, &tokens[i]);
    return rc;
}

/* What IL-DCP tells a child: in one piece of memory, since each has one. NULL: no memory. */
static const char *give_address(rill_core *c, rill_holder_account *holder, const char *segment)
{
    char text[RILL_ILP_MAX_ADDRESS + RILL_STORE_NAME_MAX + 2];
    int len = snprintf(text, sizeof text, "%s.%s", c->options.config->address, segment);
    const char *address = rill_arena_text(&c->arena, text);
    if (address != NULL)
        holder->terms.address = (rill_bytes){(const uint8_t *)address, (size_t)len};
    return address;
}

/* What lives for longer than a configuration. *name is of the account, and stays. */
static int name_holder(rill_core *c, rill_holder_account *holder, rill_bytes *name)
{
    const rill_config_account *config = holder->config;
    const char *text = NULL;
    if (config->relation == RILL_RELATION_CHILD) {
        const char *segment = config->segment != NULL ? config->segment : config->name;
        text = give_address(c, holder, segment);
        if (text == NULL)
            return RILL_ERR_NOMEM;
        text += strlen(text) - strlen(segment);
    }
    /* Most children are called as in their address. */
    if (text == NULL || config->segment != NULL)
        text = rill_arena_text(&c->arena, config->name);
    if (text == NULL)
        return RILL_ERR_NOMEM;
    *name = (rill_bytes){(const uint8_t *)text, strlen(text)};
    return RILL_OK;
}

/* Its place among those that we speak with of routes; and if it is a child, the way to it. */
static int open_ways(rill_core *c, rill_holder_account *holder)
{
    const rill_config_account *config = holder->config;
    int rc = rill_routing_add(&c->routing, &holder->peer, holder->terms.address, &holder->terms);
    if (rc != RILL_OK || holder->terms.address.len == 0)
        return rc;
    rc = rill_routing_set(&c->routing, &holder->peer, RILL_ROUTE_CHILD, holder->terms.address);
    holder->routed = rc == RILL_OK;
    if (rc == RILL_ERR_EXISTS || rc == RILL_ERR_ADDRESS || rc == RILL_ERR_LIMIT) {
        rill_core_leave_out(c, config->place, config->name,
                            rc == RILL_ERR_EXISTS ? "another child has the same address"
                                                  : "its address is too long");
        rc = RILL_OK;
    }
    return rc;
}

static bool has_pace(const rill_config_account *config)
{
    return config->packets_to_a_second != 0 || config->amount_a_second != 0 ||
           config->amount_to_a_second != 0;
}

int rill_core_prepare_pace(rill_core *c, rill_holder_account *holder,
                           const rill_config_account *config)
{
    if (holder->pace == NULL && has_pace(config))
        holder->pace = rill_arena_alloc(&c->arena, sizeof *holder->pace);
    return holder->pace == NULL && has_pace(config) ? RILL_ERR_NOMEM : RILL_OK;
}

/* The buckets stay as they are: who has a limit changed has no second's worth more for it. */
static void agree_pace(rill_holder_account *holder, const rill_config_account *config)
{
    holder->terms.pace = has_pace(config) ? holder->pace : NULL;
    if (holder->pace == NULL)
        return;
    holder->pace->packets_to = rill_rate_limit_of(config->packets_to_a_second);
    holder->pace->amount_from = config->amount_a_second;
    holder->pace->amount_to = config->amount_to_a_second;
}

void rill_core_agree(rill_holder_account *holder, const rill_config_account *config)
{
    holder->config = config;
    holder->charge_unseen = config->charge_unseen;
    rill_routing_agree(&holder->peer, config);
    holder->balance.credit = config->credit;
    holder->balance.most = config->most;
    holder->terms.max_packet_amount = config->max_packet;
    holder->terms.rate_limit = rill_rate_limit_of(config->packets_a_second);
    agree_pace(holder, config);
    holder->terms.max_sessions = (uint32_t)config->max_sessions;
    holder->terms.linked = config->link->uri != NULL;
    holder->terms.asset_code =
        (rill_bytes){(const uint8_t *)config->asset.code, strlen(config->asset.code)};
    holder->terms.asset_scale = config->asset.scale;
}

/* Its balance: the store is told of a new one, so that nothing may stop the account after it. */
static int open_balance(rill_core *c, rill_holder_account *holder,
                        const rill_config_account *config)
{
    rill_balance_id id = 0;
    rill_i128 booked;
    uint32_t asset = 0;
    int rc = rill_core_prepare_pace(c, holder, config);
    if (rc == RILL_OK)
        rc = rill_core_open_asset(c, &config->asset, &asset);
    if (rc == RILL_OK)
        rc = rill_core_find_balance(c, RILL_HOLDER_NEIGHBOUR, config->name, &config->asset, &id,
                                    &booked);
    if (rc != RILL_OK)
        return rc;
    rill_balance_init(&holder->balance, id, asset, booked);
    rill_core_agree(holder, config);
    return RILL_OK;
}

int rill_core_open_holder(rill_core *c, const rill_config_account *config, rill_tokens *tokens,
                          rill_holder_account **out)
{
    rill_holder_account *holder = rill_arena_alloc(&c->arena, sizeof *holder);
    rill_bytes name = {NULL, 0};
    *out = NULL;
    if (holder == NULL)
        return RILL_ERR_NOMEM;
    holder->config = config;
    int rc = name_holder(c, holder, &name);
    if (rc == RILL_OK)
        rc = rill_hub_add(c->hub, name, &holder->terms);
    if (rc == RILL_ERR_INVALID || rc == RILL_ERR_LIMIT) {
        rill_core_complain(c, config->place, config->name,
                           rc == RILL_ERR_INVALID
                               ? "the name is too long for an address"
                               : "there are more accounts than there is room for until the node is "
                                 "started again");
        return RILL_OK;
    }
    if (rc != RILL_OK)
        return rc;
    rc = open_balance(c, holder, config);
    if (rc != RILL_OK) {
        bool removed = rill_hub_remove(c->hub, &holder->terms);
        assert(removed);
        (void)removed;
        return rc;
    }
    *out = holder;
    rc = open_ways(c, holder);
    if (rc == RILL_OK)
        rc = rill_core_prepare_settlement(c, holder, config);
    return rc == RILL_OK ? rill_core_know_tokens(c, tokens, holder, config) : rc;
}

static int open_account(rill_core *c, const rill_config_account *config)
{
    rill_holder_account *holder;
    int rc = rill_core_open_holder(c, config, &c->tokens, &holder);
    if (rc == RILL_OK && holder != NULL) {
        c->accounts[c->account_count++] = holder;
        rill_core_agree_settlement(c, holder);
    }
    return rc;
}

static int open_accounts(rill_core *c)
{
    const rill_items *all = &c->options.config->accounts;
    const rill_config_account *configs = all->items;
    int rc = RILL_OK;
    c->accounts = rill_calloc(c->options.allocator, all->count + 1, sizeof(rill_holder_account *));
    if (c->accounts == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < all->count && rc == RILL_OK; i++)
        rc = open_account(c, &configs[i]);
    return rc;
}

static rill_holder_account *find_holder(const rill_core *c, const char *name)
{
    return rill_core_find(c, (rill_bytes){(const uint8_t *)name, strlen(name)});
}

static int add_route(rill_core *c, rill_place place, const char *prefix, const char *name)
{
    rill_holder_account *holder = find_holder(c, name);
    if (holder == NULL)
        return RILL_OK; /* it has been complained about */
    int rc = rill_routing_set(&c->routing, &holder->peer, RILL_ROUTE_STATIC,
                              (rill_bytes){(const uint8_t *)prefix, strlen(prefix)});
    if (rc == RILL_ERR_NOMEM)
        return rc;
    if (rc != RILL_OK)
        rill_core_leave_out(c, place, prefix,
                            rc == RILL_ERR_EXISTS ? "there is a route for this prefix already"
                                                  : "this prefix cannot be a route");
    return RILL_OK;
}

static int open_routes(rill_core *c)
{
    const rill_config *config = c->options.config;
    const rill_config_route *routes = config->routes.items;
    const char *rest = config->default_route;
    int rc = RILL_OK;
    for (size_t i = 0; i < config->routes.count && rc == RILL_OK; i++)
        rc = add_route(c, routes[i].place, routes[i].prefix, routes[i].account);
    for (size_t i = 0; i < c->account_count && rest == NULL; i++) {
        if (c->accounts[i]->config->relation == RILL_RELATION_PARENT)
            rest = c->accounts[i]->config->name;
    }
    if (rc == RILL_OK && rest != NULL)
        rc = add_route(c, config->place, "", rest);
    return rc;
}

static int begin_rates(rill_core *c)
{
    const char *problem = NULL;
    int rc = rill_core_begin_rates(c, &problem);
    if (rc != RILL_ERR_INVALID)
        return rc;
    rill_core_complain(c, c->options.config->rates.place, "rates", problem);
    return RILL_OK;
}

static int open_hub(rill_core *c)
{
    rill_hub_options o;
    const rill_config *config = c->options.config;
    rill_hub_options_init(&o);
    o.allocator = c->options.allocator;
    o.address = config->address;
    o.min_message_window = config->min_message_window / RILL_MS;
    o.max_hold_time = config->max_hold_time / RILL_MS;
    o.max_accounts = config->accounts.count < 50000 ? 100000 : (uint32_t)config->accounts.count * 2;
    o.now = c->options.now;
    o.wake = c->options.wake;
    o.drained = c->options.drained;
    o.log = c->options.log;
    o.user = c->options.user;
    o.money = &c->money;
    o.talk = &c->talk;
    const char *problem = rill_hub_options_problem(&o);
    if (problem != NULL) {
        rill_core_complain(c, config->place, "the configuration", problem);
        return RILL_OK;
    }
    int rc = rill_hub_new(&c->hub, &o);
    const rill_routing_options routing = {
        .allocator = o.allocator,
        .crypto = c->options.crypto,
        .config = config,
        .hub = c->hub,
        .log = o.log,
        .save = on_save,
        .peer_of = on_peer_of,
        .peer_at = on_peer_at,
        .user = c,
    };
    return rc == RILL_OK ? rill_routing_open(&c->routing, &routing) : rc;
}

int rill_core_begin(rill_core *c, rill_store *store, rill_shape_report *report, void *report_user)
{
    c->report = report;
    c->report_user = report_user;
    rill_clerk_begin(&c->clerk, store, c->last_id);
    if (c->options.config->address == NULL) {
        rill_core_complain(c, c->options.config->place, "address", "is missing");
        return RILL_ERR_INVALID;
    }
    rill_core_sort_known(c);
    c->beginning = true;
    int rc = open_hub(c);
    if (rc == RILL_OK && c->hub != NULL)
        rc = open_accounts(c);
    if (rc == RILL_OK && c->hub != NULL)
        rc = open_routes(c);
    if (rc == RILL_OK && c->hub != NULL)
        rc = begin_rates(c);
    c->beginning = false;
    if (rc == RILL_OK && c->hub != NULL && c->problems == 0)
        rc = rill_core_settle_flights(c);
    if (rc == RILL_OK && c->problems > 0)
        rc = RILL_ERR_INVALID;
    if (rc == RILL_OK)
        rc = restore_routes(c);
    if (rc == RILL_OK)
        rill_core_warn_of_closed(c);
    if (rc == RILL_OK)
        rc = rill_core_name_settlements(c);
    if (rc == RILL_OK)
        rill_core_forget_known(c);
    if (rc == RILL_OK)
        c->options.soon(c->options.user);
    return rc;
}

/* ---- the rest ---- */

rill_holder_account *rill_core_find(const rill_core *c, rill_bytes name)
{
    rill_terms *terms = rill_hub_find_terms(c->hub, name);
    return terms == NULL ? NULL : holder_of(terms);
}

int rill_core_enter(rill_core *c, rill_holder_account *a, const rill_store_entry *entry,
                    uint64_t *group)
{
    int rc = rill_clerk_enter(&c->clerk, &a->balance, entry, group);
    if (rc == RILL_OK) {
        rill_core_look_to_settle(c, a);
        c->options.soon(c->options.user);
    }
    return rc;
}

int rill_core_note(rill_core *c, const rill_holder_account *a, const char *who, const char *what)
{
    static const rill_config_asset none = {.code = "", .scale = 0};
    char note[RILL_ENTRY_TEXT_MAX + 1];
    rill_i128 booked;
    int rc = RILL_OK;
    if (a == NULL && c->node_id == 0)
        rc = rill_core_find_balance(c, RILL_HOLDER_NODE, "", &none, &c->node_id, &booked);
    (void)snprintf(note, sizeof note, "%s", what);
    if (rc == RILL_OK)
        rc = rill_clerk_note(&c->clerk, a == NULL ? c->node_id : a->balance.id,
                             rill_core_now(c).wall_ms, who, note);
    if (rc == RILL_OK)
        c->options.soon(c->options.user);
    return rc;
}

void rill_core_ask_as(rill_core *c, const char *person)
{
    c->clerk.person = person;
}

const char *rill_core_asker(const rill_core *c)
{
    return c->clerk.person;
}

int rill_core_note_closed(rill_core *c, rill_balance_id id, const char *who, const char *what)
{
    int rc = rill_clerk_note(&c->clerk, id, rill_core_now(c).wall_ms, who, what);
    if (rc == RILL_OK)
        c->options.soon(c->options.user);
    return rc;
}

int rill_core_put_setting(rill_core *c, const rill_store_setting *setting, uint64_t *group)
{
    int rc = rill_clerk_put_setting(&c->clerk, setting, rill_core_now(c).wall_ms, group);
    if (rc == RILL_OK)
        c->options.soon(c->options.user);
    return rc;
}

void rill_core_tell_counts(rill_core *c, rill_holder_account *a)
{
    tell_unseen(c, a);
    tell_late(c, a);
}

void rill_core_tell_rest(rill_core *c)
{
    for (size_t i = 0; i < c->account_count; i++)
        rill_core_tell_counts(c, c->accounts[i]);
    for (rill_holder_account *a = c->leaving; a != NULL; a = a->next_leaving)
        rill_core_tell_counts(c, a);
}

void rill_core_drain(rill_core *c)
{
    c->draining = true;
    rill_hub_drain(c->hub);
    rill_core_tell_rest(c);
}

bool rill_core_is_draining(const rill_core *c)
{
    return c->draining;
}

void rill_core_set_log_level(rill_core *c, rill_log_level level)
{
    c->options.log.level = level;
    rill_hub_set_log_level(c->hub, level);
}

const rill_config *rill_core_config(const rill_core *c)
{
    return c->options.config;
}

rill_now rill_core_now(const rill_core *c)
{
    return c->options.now(c->options.user);
}

bool rill_core_is_failing(const rill_core *c)
{
    return c->failing;
}

bool rill_core_has_kept(const rill_core *c, uint64_t group)
{
    return c->books.kept >= group;
}

int rill_core_admit(const rill_link_handlers **handlers, void **user, rill_core *c, rill_link *link,
                    rill_bytes name, rill_bytes token)
{
    return rill_hub_admit(handlers, user, c->hub, link, name, token);
}

size_t rill_core_accounts(const rill_core *c)
{
    return c->account_count;
}

rill_holder_account *rill_core_account(const rill_core *c, size_t index)
{
    return c->accounts[index];
}

rill_hub *rill_core_hub(const rill_core *c)
{
    return c->hub;
}

void rill_core_turn(rill_core *c)
{
    rill_now now = rill_core_now(c);
    rill_routing_turn(&c->routing, now);
    rill_settler_turn(&c->settler, now);
    rill_clerk_turn(&c->clerk, now.mono_ns);
}

uint64_t rill_core_deadline(const rill_core *c)
{
    return rill_clerk_deadline(&c->clerk);
}

uint64_t rill_core_routes_deadline(const rill_core *c)
{
    uint64_t routes = rill_routing_deadline(&c->routing);
    uint64_t engines = rill_settler_deadline(&c->settler);
    return routes < engines ? routes : engines;
}

void rill_core_written(rill_core *c, int rc, const char *problem)
{
    rill_clerk_written(&c->clerk, rc, problem, c->options.now(c->options.user).mono_ns);
    /* What was booked meanwhile is the next group. */
    if (!rill_clerk_is_done(&c->clerk))
        c->options.soon(c->options.user);
}

bool rill_core_is_kept(const rill_core *c)
{
    return rill_clerk_is_done(&c->clerk);
}

bool rill_core_accounts_are_kept(const rill_core *c)
{
    return c->clerk.kept_last >= c->last_id;
}

rill_overlay *rill_core_proposals(rill_core *c)
{
    return &c->proposals;
}

const rill_overlay *rill_core_all_proposals(const rill_core *c)
{
    return &c->proposals;
}

struct rill_webhook *rill_core_webhook(rill_core *c)
{
    return &c->webhook;
}

const struct rill_webhook *rill_core_webhook_state(const rill_core *c)
{
    return &c->webhook;
}

uint64_t rill_core_lines_kept(const rill_core *c)
{
    return c->clerk.lines_kept;
}

void rill_core_know_lines(rill_core *c, uint64_t last)
{
    c->lines_before = last;
}

uint64_t rill_core_lines_before(const rill_core *c)
{
    return c->lines_before;
}

uint64_t rill_core_last_line(const rill_core *c)
{
    return c->lines_before + rill_clerk_lines(&c->clerk);
}

const rill_waits *rill_core_waits(const rill_core *c)
{
    return &c->waits;
}

const rill_rates *rill_core_rates(const rill_core *c)
{
    return &c->rates;
}

const rill_books *rill_core_books(const rill_core *c)
{
    return &c->books;
}

const rill_routing *rill_core_routing(const rill_core *c)
{
    return &c->routing;
}

/* Of an asset, what the store has for accounts that are not in the configuration any more. */
static bool add_closed(const rill_core *c, uint32_t asset, rill_i128 *sum)
{
    const rill_asset *a = &c->rates.assets[asset];
    bool fits = true;
    for (size_t i = 0; i < c->known_count; i++) {
        const known_balance *k = &c->known[i];
        if (!k->open && k->scale == a->scale && strcmp(k->asset, a->code) == 0)
            fits = rill_wide_sum(*sum, k->booked, sum) && fits;
    }
    return fits;
}

bool rill_core_is_even(const rill_core *c)
{
    for (uint32_t asset = 0; asset < c->books.asset_count; asset++) {
        rill_i128 sum = rill_wide_signed(rill_wide(0));
        bool fits = add_closed(c, asset, &sum);
        for (size_t i = 0; i < c->account_count; i++) {
            if (c->accounts[i]->balance.asset == asset)
                fits = rill_wide_sum(sum, c->accounts[i]->balance.booked, &sum) && fits;
        }
        for (const rill_holder_account *a = c->leaving; a != NULL; a = a->next_leaving) {
            if (a->balance.asset == asset)
                fits = rill_wide_sum(sum, a->balance.booked, &sum) && fits;
        }
        if (!fits || !rill_books_even(&c->books, asset, sum))
            return false;
    }
    return true;
}
