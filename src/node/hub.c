/* SPDX-License-Identifier: Apache-2.0 */
#include "node/hub.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "link/link_impl.h"
#include "node/forward.h"
#include "node/local.h"

/* Leaves room for an account's name and for what a client adds to its address. */
#define MAX_NODE_ADDRESS 512
#define MAX_HOLD_TIME    3600000 /* ms */

struct rill_hub {
    rill_hub_options options; /* address and asset_code point to the copies below */
    char address[MAX_NODE_ADDRESS + 1];
    char asset_code[RILL_MAX_ASSET_CODE + 1];
    rill_crypto *crypto;
    rill_accounts accounts;
    rill_names owned; /* rill_terms.name of those that were added */
    rill_routes routes;
    rill_forwarder forwarder;
    uint32_t serial; /* of the last session */
};

static rill_now no_clock(void *user)
{
    (void)user;
    return (rill_now){0, 0};
}

static void no_wake(void *user, uint64_t deadline)
{
    (void)user;
    (void)deadline;
}

static void no_drained(void *user)
{
    (void)user;
}

void rill_hub_options_init(rill_hub_options *o)
{
    *o = (rill_hub_options){
        .allocator = rill_allocator_default(),
        .address = "private.rill",
        .asset_code = "XRP",
        .asset_scale = 9,
        .max_packet_amount = UINT64_MAX,
        .min_message_window = 1000,
        .max_hold_time = 30000,
        .max_accounts = 100000,
        .max_sessions = 64,
        .max_open = 500000,
        .max_open_from = 20000,
        .now = no_clock,
        .wake = no_wake,
        .drained = no_drained,
    };
}

static const char *asset_code_problem(const char *code)
{
    size_t len = strlen(code);
    if (len == 0 || len > RILL_MAX_ASSET_CODE)
        return "the asset code must have 1 to 32 characters";
    for (size_t i = 0; i < len; i++) {
        if (code[i] <= ' ' || code[i] > '~')
            return "the asset code must be printable ASCII without spaces";
    }
    return NULL;
}

const char *rill_hub_options_problem(const rill_hub_options *o)
{
    rill_bytes address = rill_local_address(o);
    static const rill_bytes peer = {(const uint8_t *)"peer", 4};
    if (!rill_address_valid(address))
        return "the address must be an ILP address such as private.rill";
    if (rill_address_has_prefix(address, peer))
        return "the address must not begin with peer";
    if (address.len > MAX_NODE_ADDRESS)
        return "the address must have at most 512 characters";
    if (o->max_packet_amount == 0)
        return "the maximum packet amount must be at least 1";
    if (o->rate_limit > RILL_MAX_RATE_LIMIT)
        return "the rate limit must be at most 1000000000 packets a second";
    if (o->min_message_window == 0 || o->max_hold_time < o->min_message_window ||
        o->max_hold_time > MAX_HOLD_TIME)
        return "the message window must be at least 1 ms, the hold time from there to an hour";
    if (o->max_accounts == 0 || o->max_sessions == 0 || o->max_open == 0 || o->max_open_from == 0)
        return "a limit must be at least 1";
    if (o->max_sessions > RILL_OWNERS_PLACES)
        return "an account has 64 sessions at most";
    return asset_code_problem(o->asset_code);
}

/* ---- what links tell ---- */

/* Whether it is there: told where that has changed. */
static void look_for_it(const rill_hub *h, rill_account *account)
{
    bool is = h->options.talk != NULL && rill_account_is_there(account, account->of.terms->linked);
    if (is == account->present)
        return;
    account->present = is;
    h->options.talk->present(h->options.talk->user, account->of.terms, is);
}

/* It is none of its account's sessions any more. */
static void leave(const rill_hub *h, rill_session *s)
{
    rill_owners_leaves(s->account, s, h->options.now(h->options.user).mono_ns);
    look_for_it(h, s->account);
}

static void on_up(rill_link *l, void *user)
{
    const rill_hub *h = l->group;
    rill_session *s = user;
    if (s->parting)
        return;
    if (!rill_list_linked(&s->in_account))
        rill_owners_comes(s->account, s);
    rill_log_account_line(&h->options.log, RILL_LOG_INFO, rill_account_text(s->account),
                          "connected");
    look_for_it(h, s->account);
}

static void on_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)error;
    rill_hub *h = l->group;
    rill_session *s = user;
    if (rill_list_linked(&s->in_account)) {
        rill_log_account_line(&h->options.log, RILL_LOG_INFO, rill_account_text(s->account),
                              "disconnected: %s", detail);
        leave(h, s);
    }
    rill_forward_source_gone(&h->forwarder, s);
    if (final)
        rill_link_close(l);
}

static void on_prepare(rill_link *l, uint64_t request, const uint8_t *packet, size_t len,
                       void *user)
{
    /* Not by way of the session, which is often not in the cache. */
    rill_hub *h = l->group;
    rill_forward_prepare(&h->forwarder, user, request, (rill_bytes){packet, len});
}

static void on_reply(rill_link *l, uint64_t outgoing_id, const uint8_t *packet, size_t len,
                     void *user)
{
    rill_hub *h = l->group;
    rill_forward_reply(&h->forwarder, user, outgoing_id, packet, len);
}

static void on_unanswered(rill_link *l, uint64_t outgoing_id, int error, bool sent, void *user)
{
    rill_hub *h = l->group;
    rill_forward_unanswered(&h->forwarder, user, outgoing_id, error, sent);
}

static void on_stray(rill_link *l, const uint8_t *packet, size_t len, void *user)
{
    rill_hub *h = l->group;
    rill_forward_stray(&h->forwarder, user, packet, len);
}

static void on_writable(rill_link *l, void *user)
{
    /* Nothing waits here: what a link did not take was rejected. */
    (void)l;
    (void)user;
}

static void on_closed(rill_link *l, void *user)
{
    rill_session *s = user;
    rill_hub *h = l->group;
    if (rill_list_linked(&s->in_account))
        leave(h, s);
    rill_forward_source_gone(&h->forwarder, s);
    rill_account *account = s->account;
    if (!s->parting)
        account->admitted--;
    look_for_it(h, account);
    rill_account_free_session(&h->accounts, s);
    rill_account_release(&h->accounts, account);
}

static const rill_link_handlers own = {
    .size = sizeof(rill_link_handlers),
    .up = on_up,
    .down = on_down,
    .prepare = on_prepare,
    .reply = on_reply,
    .unanswered = on_unanswered,
    .writable = on_writable,
    .closed = on_closed,
};

/* NULL, or what keeps the account, which the caller holds, from having one session more. */
static const char *begin_session(rill_hub *h, rill_account *account, rill_link *link,
                                 rill_session **out)
{
    uint32_t most =
        h->options.money == NULL ? h->options.max_sessions : account->of.terms->max_sessions;
    if (account->admitted >= most)
        return "too many sessions of this account";
    rill_session *s = rill_account_new_session(&h->accounts, account);
    if (s == NULL)
        return "out of memory";
    s->link = link;
    s->only_asks = link->only_asks;
    if (++h->serial == 0)
        h->serial = 1;
    s->serial = h->serial;
    link->group = h;
    link->account = account;
    link->stray = on_stray;
    link->stray_user = s;
    account->admitted++;
    *out = s;
    return NULL;
}

/* Whose is it? The caller holds the account then. */
static int find_owner(rill_hub *h, rill_bytes name, rill_bytes token, rill_account **out,
                      const char **problem)
{
    if (h->options.money == NULL)
        return rill_accounts_admit(&h->accounts, name, token, out, problem);
    rill_terms *terms = h->options.money->identify(h->options.money->user, name, token);
    *problem = "no account has this token";
    if (terms == NULL)
        return RILL_ERR_AUTH;
    rill_account *account = rill_hub_open_account(h, terms);
    *problem = account == NULL ? "out of memory" : NULL;
    if (account == NULL)
        return RILL_ERR_NOMEM;
    rill_account_hold(account);
    *out = account;
    return RILL_OK;
}

/* Is there an account of this name? A name that is accepted may be shown. */
static bool is_known(const rill_hub *h, rill_bytes name)
{
    return rill_account_name_valid(name) &&
           (rill_accounts_find(&h->accounts, name) != NULL || rill_hub_find_terms(h, name) != NULL);
}

int rill_hub_admit(const rill_link_handlers **handlers, void **user, rill_hub *h, rill_link *link,
                   rill_bytes name, rill_bytes token)
{
    const char *problem = NULL;
    rill_account *account = NULL;
    rill_session *s = NULL;
    /* A wrong token is the link's to tell, with where it came from; a limit is the operator's. */
    rill_log_level level = RILL_LOG_WARNING;
    /* A name that was not accepted is not shown: it may be anything, even a token. */
    const char *shown = "(new)";
    char known[RILL_MAX_ACCOUNT_NAME + 1];
    int rc = find_owner(h, name, token, &account, &problem);
    if (rc == RILL_ERR_AUTH)
        level = RILL_LOG_INFO;
    if (rc == RILL_OK) {
        shown = rill_account_text(account);
        problem = begin_session(h, account, link, &s);
    } else if (is_known(h, name)) {
        memcpy(known, name.data, name.len);
        known[name.len] = '\0';
        shown = known;
    }
    if (problem != NULL) {
        if (account != NULL)
            rill_account_release(&h->accounts, account);
        rill_log_account_line(&h->options.log, level, shown, "refused: %s", problem);
        return rc == RILL_ERR_AUTH ? RILL_ERR_AUTH : RILL_ERR_LIMIT;
    }
    *handlers = &own;
    *user = s;
    return RILL_OK;
}

int rill_hub_attach(const rill_link_handlers **handlers, void **user, rill_hub *h, rill_link *link,
                    rill_account *account)
{
    rill_session *s = NULL;
    rill_account_hold(account);
    if (begin_session(h, account, link, &s) != NULL) {
        rill_account_release(&h->accounts, account);
        return RILL_ERR_LIMIT;
    }
    look_for_it(h, account); /* it may have had no link before */
    *handlers = &own;
    *user = s;
    return RILL_OK;
}

void rill_hub_part(const rill_hub *h, void *user)
{
    rill_session *s = user;
    if (s->parting)
        return;
    s->parting = true;
    s->account->admitted--;
    rill_link_part(s->link);
    if (rill_list_linked(&s->in_account))
        leave(h, s);
}

/* ---- accounts and routes of the owner's ---- */

static rill_terms *terms_of(rill_name *name)
{
    return name == NULL ? NULL : RILL_CONTAINER(name, rill_terms, name);
}

int rill_hub_add(rill_hub *h, rill_bytes name, rill_terms *terms)
{
    assert(terms->account == NULL && terms->routes == 0);
    if (!rill_account_name_valid(name) || name.len > h->accounts.max_name)
        return RILL_ERR_INVALID;
    if (rill_names_count(&h->owned) >= h->options.max_accounts)
        return RILL_ERR_LIMIT;
    return rill_names_put(&h->owned, &terms->name, name);
}

bool rill_hub_remove(rill_hub *h, rill_terms *terms)
{
    rill_account *account = terms->account;
    /* One hold is the hub's. */
    if (terms->routes > 0 || (account != NULL && (account->holds > 1 || account->admitted > 0)))
        return false;
    if (account != NULL)
        rill_accounts_close(&h->accounts, account);
    terms->account = NULL;
    rill_names_remove(&h->owned, &terms->name);
    return true;
}

rill_terms *rill_hub_find_terms(const rill_hub *h, rill_bytes name)
{
    return terms_of(rill_names_find(&h->owned, name));
}

rill_account *rill_hub_open_account(rill_hub *h, rill_terms *terms)
{
    if (terms->account == NULL)
        terms->account = rill_accounts_open(&h->accounts, terms);
    return terms->account;
}

rill_account *rill_hub_find(const rill_hub *h, rill_bytes name)
{
    return rill_accounts_find(&h->accounts, name);
}

int rill_hub_add_parent(rill_account **out, rill_hub *h)
{
    return rill_accounts_add_parent(&h->accounts, out);
}

const char *rill_hub_address(const rill_hub *h)
{
    return h->address;
}

const char *rill_hub_asset(const rill_hub *h, uint8_t *scale)
{
    *scale = h->options.asset_scale;
    return h->asset_code;
}

int rill_hub_add_route(rill_hub *h, rill_bytes prefix, rill_account *account)
{
    return rill_routes_add(&h->routes, prefix,
                           (rill_hop){.kind = RILL_HOP_ACCOUNT, .account = account});
}

rill_terms *rill_hub_route_of(const rill_hub *h, rill_bytes prefix)
{
    rill_hop hop = rill_routes_of(&h->routes, prefix);
    return hop.kind == RILL_HOP_TERMS ? hop.terms : NULL;
}

int rill_hub_add_route_to(rill_hub *h, rill_bytes prefix, rill_terms *terms)
{
    int rc =
        rill_routes_add(&h->routes, prefix, (rill_hop){.kind = RILL_HOP_TERMS, .terms = terms});
    terms->routes += rc == RILL_OK;
    return rc;
}

int rill_hub_set_route(rill_hub *h, rill_bytes prefix, rill_terms *terms)
{
    rill_terms *before = rill_hub_route_of(h, prefix);
    int rc =
        rill_routes_set(&h->routes, prefix, (rill_hop){.kind = RILL_HOP_TERMS, .terms = terms});
    if (rc != RILL_OK)
        return rc;
    terms->routes++;
    if (before != NULL)
        before->routes--;
    return RILL_OK;
}

int rill_hub_remove_route(rill_hub *h, rill_bytes prefix)
{
    rill_terms *before = rill_hub_route_of(h, prefix);
    int rc = rill_routes_remove(&h->routes, prefix);
    if (rc == RILL_OK && before != NULL)
        before->routes--;
    return rc;
}

int rill_hub_ask(rill_hub *h, const rill_terms *terms, const rill_prepare *prepare, uint64_t wait,
                 uint64_t id)
{
    return terms->account == NULL
               ? RILL_ERR_NOT_CONNECTED
               : rill_forward_own(&h->forwarder, terms->account, prepare, wait, id);
}

void rill_hub_answer(rill_hub *h, uint64_t ticket, const rill_talk_answer *answer,
                     const char *message)
{
    rill_forward_answer(&h->forwarder, ticket, answer, message);
}

void rill_hub_kept(rill_hub *h, uint64_t group)
{
    rill_forward_kept(&h->forwarder, group);
}

/* ---- the node ---- */

void rill_hub_close_sessions(const rill_terms *terms)
{
    const rill_account *account = terms->account;
    const rill_list *next;
    if (account == NULL)
        return;
    for (const rill_list *at = account->sessions.next; at != &account->sessions; at = next) {
        next = at->next;
        rill_link_close(RILL_CONTAINER(at, rill_session, in_account)->link);
    }
}

static int start(rill_hub *h)
{
    uint64_t keys[4][2];
    const rill_hub_options *o = &h->options;
    rill_bytes address = rill_local_address(o);
    h->crypto = rill_crypto_new(o->allocator);
    if (h->crypto == NULL || rill_crypto_random(h->crypto, (uint8_t *)keys, sizeof keys) != RILL_OK)
        return RILL_ERR_CRYPTO;
    rill_accounts_init(&h->accounts, o->allocator, h->crypto, o->max_accounts,
                       RILL_ILP_MAX_ADDRESS - address.len - 1, keys[0]);
    rill_routes_init(&h->routes, o->allocator, keys[1]);
    /* Packets find those of the owner by routes, and names are looked for by people. */
    rill_names_init(&h->owned, o->allocator, keys[3]);
    rill_map_make_dense(&h->owned.map);
    h->forwarder.options = o;
    h->forwarder.address = address;
    h->forwarder.accounts = &h->accounts;
    h->forwarder.routes = &h->routes;
    h->forwarder.crypto = h->crypto;
    rill_forward_init(&h->forwarder, keys[2]);
    if (o->money != NULL && rill_lates_open(&h->forwarder.lates) != RILL_OK)
        return RILL_ERR_NOMEM;
    return rill_routes_add(&h->routes, address, (rill_hop){.kind = RILL_HOP_CHILDREN});
}

int rill_hub_new(rill_hub **out, const rill_hub_options *options)
{
    if (rill_hub_options_problem(options) != NULL)
        return RILL_ERR_INVALID;
    rill_hub *h = rill_calloc(options->allocator, 1, sizeof *h);
    if (h == NULL)
        return RILL_ERR_NOMEM;
    h->options = *options;
    memcpy(h->address, options->address, strlen(options->address) + 1);
    memcpy(h->asset_code, options->asset_code, strlen(options->asset_code) + 1);
    h->options.address = h->address;
    h->options.asset_code = h->asset_code;
    int rc = start(h);
    if (rc == RILL_ERR_CRYPTO) {
        rill_crypto_free(h->crypto);
        rill_free(options->allocator, h);
    } else if (rc != RILL_OK) {
        rill_hub_free(h);
    } else {
        *out = h;
    }
    return rc;
}

void rill_hub_free(rill_hub *h)
{
    if (h == NULL)
        return;
    const rill_allocator *allocator = h->options.allocator;
    rill_forward_clear(&h->forwarder);
    rill_routes_clear(&h->routes);
    rill_names_clear(&h->owned);
    rill_accounts_clear(&h->accounts);
    rill_crypto_free(h->crypto);
    rill_free(allocator, h);
}

void rill_hub_tick(rill_hub *h)
{
    rill_forward_expire(&h->forwarder);
}

void rill_hub_drain(rill_hub *h)
{
    rill_forward_drain(&h->forwarder);
}

void rill_hub_abandon(rill_hub *h)
{
    rill_forward_abandon(&h->forwarder);
}

size_t rill_hub_open(const rill_hub *h)
{
    return h->forwarder.pendings.open;
}

/* ---- accounts ---- */

void rill_hub_set_notes(rill_hub *h, const rill_packet_notes *notes)
{
    assert(h->options.money != NULL);
    h->options.notes = notes;
    rill_pendings_forget_notes(&h->forwarder.pendings);
}

void rill_hub_set_log_level(rill_hub *h, rill_log_level level)
{
    h->options.log.level = level;
}

size_t rill_hub_accounts(const rill_hub *h)
{
    return rill_names_count(h->options.money != NULL ? &h->owned : &h->accounts.names);
}

/* a is NULL: it never had a session. */
static void describe(const rill_account *a, const rill_name *name, rill_node_account *out)
{
    *out = (rill_node_account){.open = 0};
    static_assert(sizeof out->name > RILL_MAX_ACCOUNT_NAME, "every name fits, with its NUL");
    memcpy(out->name, name->bytes.data, name->bytes.len);
    if (a == NULL)
        return;
    const rill_account_stats *s = &a->stats;
    out->open = a->open_from;
    out->packets_from = s->packets_from;
    out->rejected_from = s->rejected_from;
    out->fulfilled_from = s->fulfilled_from;
    out->packets_to = s->packets_to;
    out->fulfilled_to = s->fulfilled_to;
    for (const rill_list *at = a->sessions.next; at != &a->sessions; at = at->next)
        out->sessions++;
}

int rill_hub_account(const rill_hub *h, rill_bytes name, rill_node_account *out)
{
    const rill_terms *terms = rill_hub_find_terms(h, name);
    const rill_account *account =
        terms != NULL ? terms->account : rill_accounts_find(&h->accounts, name);
    if (terms == NULL && account == NULL)
        return RILL_ERR_NOT_FOUND;
    describe(account, terms != NULL ? &terms->name : &account->name, out);
    return RILL_OK;
}

bool rill_hub_next_account(const rill_hub *h, size_t *cursor, rill_node_account *out)
{
    if (h->options.money != NULL) {
        const rill_terms *terms = terms_of(rill_names_next(&h->owned, cursor));
        if (terms != NULL)
            describe(terms->account, &terms->name, out);
        return terms != NULL;
    }
    const rill_account *account = rill_accounts_next(&h->accounts, cursor);
    if (account != NULL)
        describe(account, &account->name, out);
    return account != NULL;
}
