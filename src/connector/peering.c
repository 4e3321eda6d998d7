/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stranger may have. Over 600 lines: every rule that a request must pass is here, in the
 * order in which they are asked, so that a reader sees that none is left out.
 */
#define _POSIX_C_SOURCE 200809L

#include "connector/peering.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connector/admin_api.h"
#include "connector/core_impl.h"
#include "connector/peering_impl.h"
#include "connector/when.h"

struct rill_peering *rill_core_peering(rill_core *c)
{
    return &c->peering;
}

const struct rill_peering *rill_core_peering_state(const rill_core *c)
{
    return &c->peering;
}

/* Operators see it by its name, and its address is looked at again when they agree. */
static bool can_wait(const char *name, const char *value)
{
    json_t *shown = json_string(name);
    json_t *account = json_loads(value, 0, NULL);
    const json_t *peered = json_object_get(account, "peered");
    const bool can = shown != NULL && json_is_string(json_object_get(peered, "address"));
    json_decref(shown);
    json_decref(account);
    return can;
}

int rill_peering_know(rill_core *core, const char *name, const char *value)
{
    int rc = RILL_ERR_MALFORMED;
    if (can_wait(name, value))
        rc = rill_overlay_put(&core->peering.waiting, RILL_SETTING_PEER, name, value);
    if (rc == RILL_OK || rc == RILL_ERR_NOMEM)
        return rc;
    rill_log_line(&core->options.log, RILL_LOG_WARNING,
                  "who waits to be a peer in the store cannot be read, and is left out");
    return RILL_OK;
}

/* ---- how many requests ---- */

/*
 * Of IPv6 whoever has a network has all of it: the first 8 bytes count. A port for both has those
 * of IPv4 as ::ffff:192.0.2.7.
 */
void rill_peering_source_key(rill_peering_source *source)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    uint8_t at[16];
    uint8_t *key = source->key;
    memset(key, 0, sizeof source->key);
    if (inet_pton(AF_INET, source->text, at) == 1) {
        key[0] = 4;
        memcpy(key + 1, at, 4);
    } else if (inet_pton(AF_INET6, source->text, at) == 1) {
        const bool is_v4 = memcmp(at, mapped, sizeof mapped) == 0;
        key[0] = is_v4 ? 4 : 6;
        memcpy(key + 1, is_v4 ? at + 12 : at, is_v4 ? 4 : 8);
    }
}

static bool take_one(rill_peering_count *c, uint64_t minute, uint64_t most)
{
    if (c->minute != minute)
        c->requests = 0;
    c->minute = minute;
    if (c->requests >= most)
        return false;
    c->requests++;
    return true;
}

/* NULL: all are in use in this minute. */
static rill_peering_count *count_of(rill_peering *p, const uint8_t key[16], uint64_t minute)
{
    rill_peering_count *free_one = NULL;
    for (size_t i = 0; i < RILL_PEERING_SOURCES; i++) {
        rill_peering_count *c = &p->sources[i];
        if (c->minute == minute && memcmp(c->key, key, sizeof c->key) == 0)
            return c;
        if (c->minute != minute)
            free_one = c;
    }
    if (free_one != NULL)
        memcpy(free_one->key, key, sizeof free_one->key);
    return free_one;
}

/* One address cannot use up what is for all. */
bool rill_peering_may_ask(rill_peering *p, const rill_config_accept *accept,
                          const rill_peering_source *source, uint64_t mono_ns)
{
    const uint64_t minute = mono_ns / (60 * RILL_SECOND) + 1;
    rill_peering_count *c = count_of(p, source->key, minute);
    bool may = c != NULL && take_one(c, minute, accept->requests_each) &&
               take_one(&p->all, minute, accept->requests_a_minute);
    p->limited += !may;
    return may;
}

/* ---- which addresses ---- */

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static bool overlaps(rill_bytes a, rill_bytes b)
{
    return rill_address_has_prefix(a, b) || rill_address_has_prefix(b, a);
}

/* A route to everything, or to all of a network, says nothing of who owns an address in it. */
static bool owns(rill_bytes prefix)
{
    return prefix.len > 0 && memchr(prefix.data, '.', prefix.len) != NULL;
}

static bool is_routed(const rill_core *core, rill_bytes address, char problem[RILL_PEERING_PROBLEM])
{
    rill_routing_cursor cursor = {0};
    rill_routing_line line;
    while (rill_routing_next(&core->routing, &cursor, &line)) {
        if (!owns(line.prefix) || !overlaps(address, line.prefix))
            continue;
        (void)snprintf(problem, RILL_PEERING_PROBLEM, "the route %.*s leads to %.100s",
                       line.prefix.len > 150 ? 150 : (int)line.prefix.len,
                       (const char *)line.prefix.data,
                       line.account == NULL ? "this node" : line.account);
        return true;
    }
    return false;
}

/* Of an account as it is kept; empty: it has none. */
static void address_of(const char *value, char out[RILL_ILP_MAX_ADDRESS + 1])
{
    json_t *account = json_loads(value, 0, NULL);
    const char *address =
        json_string_value(json_object_get(json_object_get(account, "peered"), "address"));
    (void)snprintf(out, RILL_ILP_MAX_ADDRESS + 1, "%s", address == NULL ? "" : address);
    json_decref(account);
}

/* What is set aside may come back, and what waits may be agreed to. */
static bool is_kept(const rill_overlay *items, bool aside, rill_bytes address,
                    char problem[RILL_PEERING_PROBLEM])
{
    char other[RILL_ILP_MAX_ADDRESS + 1];
    for (const rill_overlay_item *i = items == NULL ? NULL : items->first; i != NULL; i = i->next) {
        if (aside && (i->trouble[0] == '\0' || strcmp(i->kind, RILL_SETTING_ACCOUNT) != 0))
            continue;
        address_of(i->value, other);
        if (other[0] == '\0' || !overlaps(address, bytes_of(other)))
            continue;
        (void)snprintf(problem, RILL_PEERING_PROBLEM, "%.150s %s", i->name,
                       aside ? "has it, and is set aside" : "waits for it");
        return true;
    }
    return false;
}

bool rill_peering_address_is_free(const rill_core *core, const rill_overlay *others,
                                  const char *text, char problem[RILL_PEERING_PROBLEM])
{
    const rill_bytes address = bytes_of(text);
    const rill_bytes own = bytes_of(rill_hub_address(core->hub));
    const rill_bytes none = {NULL, 0};
    const rill_bytes network = rill_address_segment_after(own, none);
    if (!rill_address_has_prefix(address, network) || address.len == network.len) {
        (void)snprintf(problem, RILL_PEERING_PROBLEM, "the address is not of the network %.*s",
                       (int)network.len, (const char *)network.data);
        return false;
    }
    if (overlaps(address, own)) {
        (void)snprintf(problem, RILL_PEERING_PROBLEM,
                       "the address is this node's, or below or above it");
        return false;
    }
    return !is_routed(core, address, problem) && !is_kept(others, true, address, problem);
}

static bool is_in(const rill_items *prefixes, const char *address)
{
    const rill_text *texts = prefixes->items;
    for (size_t i = 0; i < prefixes->count; i++) {
        if (rill_address_has_prefix(bytes_of(address), bytes_of(texts[i].text)))
            return true;
    }
    return false;
}

/* ---- accounts ---- */

static bool set_limit(json_t *account, const char *key, uint64_t limit)
{
    char text[24] = "none";
    if (limit != UINT64_MAX)
        (void)snprintf(text, sizeof text, "%" PRIu64, limit);
    return json_object_set_new(account, key, json_string(text)) == 0;
}

/* NULL: no memory. */
static json_t *texts_json(const rill_items *texts)
{
    const rill_text *all = texts->items;
    json_t *array = json_array();
    for (size_t i = 0; i < texts->count && array != NULL; i++) {
        if (json_array_append_new(array, json_string(all[i].text)) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

static bool set_settlement(json_t *account, const rill_config_settlement *s)
{
    json_t *settlement = json_object();
    bool fine = json_object_set_new(settlement, "engine", json_string(s->engine)) == 0 &&
                set_limit(settlement, "threshold", s->threshold) &&
                set_limit(settlement, "settle-to", s->settle_to);
    if (fine && s->token != NULL)
        fine = json_object_set_new(settlement, "token", json_string(s->token)) == 0;
    if (fine && s->scale != RILL_CONFIG_ACCOUNTS_SCALE)
        fine = set_limit(settlement, "scale", s->scale);
    if (fine && s->tokens.count > 0)
        fine = json_object_set_new(settlement, "tokens", texts_json(&s->tokens)) == 0;
    if (fine && s->ca_file != NULL)
        fine = json_object_set_new(settlement, "ca", json_string(s->ca_file)) == 0;
    if (fine && s->insecure)
        fine = json_object_set_new(settlement, "insecure", json_true()) == 0;
    return json_object_set_new(account, "settlement", settlement) == 0 && fine;
}

/* Who trusts an authority when a peer is asked trusts it on the link to that peer, too. */
static bool set_trust(json_t *link, const rill_config_peering *p)
{
    return (p->ca_file == NULL || json_object_set_new(link, "ca", json_string(p->ca_file)) == 0) &&
           (!p->insecure || json_object_set_new(link, "insecure", json_true()) == 0);
}

json_t *rill_peering_new_account(const rill_core *core, const rill_peering_terms *t)
{
    char asset[60];
    char uri[RILL_PEERING_URL + 5];
    char at[RILL_WHEN_TEXT];
    rill_when_text(rill_core_now(core).wall_ms, at);
    (void)snprintf(asset, sizeof asset, "%s/%u", t->asset->code, (unsigned)t->asset->scale);
    (void)snprintf(uri, sizeof uri, "ilp+%s", t->offer->url);
    /* A stranger tells no routes, and is told none. */
    json_t *account =
        json_pack("{s:s, s:s, s:b, s:b, s:[s], s:{s:s}, s:{s:s, s:s, s:s, s:s, s:s, s:b}}",
                  "relation", "peer", "asset", asset, "send-routes", 0, "receive-routes", 0,
                  "tokens", t->hash, "link", "uri", uri, "peered", "address", t->offer->address,
                  "made", t->made == RILL_PEERING_ASKED ? "asked" : "accepted", "with", t->with,
                  "at", at, "key", t->key, "quiet", (int)t->quiet);
    if (account != NULL &&
        set_trust(json_object_get(account, "link"), &core->options.config->peering))
        return account;
    json_decref(account);
    return NULL;
}

int rill_peering_secret_token(const rill_core *core, const char *key, char out[RILL_PEERING_DIGITS])
{
    char secret[RILL_TOKEN_MAX + 1];
    const char *where = core->options.config->peering.secret;
    int rc = where == NULL ? RILL_ERR_NOT_FOUND
                           : core->options.secret(core->options.user, where, secret, sizeof secret);
    if (rc == RILL_OK && strlen(secret) < RILL_PEERING_SHORTEST_SECRET)
        rc = RILL_ERR_INVALID;
    if (rc == RILL_OK)
        rc = rill_peering_token(core->options.crypto, secret, key, out);
    rill_wipe(secret, sizeof secret);
    return rc;
}

void rill_peering_offer_ours(const rill_core *core, rill_peering_offer *out)
{
    const rill_config_peering *p = &core->options.config->peering;
    const char *address = rill_hub_address(core->hub);
    memset(out, 0, sizeof *out);
    (void)snprintf(out->address, sizeof out->address, "%s", address);
    (void)snprintf(out->url, sizeof out->url, "%s", p->url);
    (void)snprintf(out->name, sizeof out->name, "%s", p->name != NULL ? p->name : address);
    out->max_packet = UINT64_MAX;
}

int rill_peering_id(const rill_core *core, const char *value, char out[RILL_PEERING_ID])
{
    char hash[RILL_PEERING_HASH];
    int rc = rill_peering_hash(core->options.crypto, value, hash);
    (void)snprintf(out, RILL_PEERING_ID, "%.32s", hash + strlen(RILL_CONFIG_HASH));
    return rc;
}

/* Without memory the audit has the change of the account alone. */
void rill_peering_note(rill_core *core, const char *account, const char *who, const char *what,
                       const rill_peering_offer *offer)
{
    char line[RILL_ENTRY_TEXT_MAX + 1];
    (void)snprintf(line, sizeof line, "auto-peering: %.100s %.20s: %.50s at %.60s", account, what,
                   offer->address, offer->url);
    int rc = rill_core_note(core, NULL, who, line);
    (void)rc;
}

/* ---- a request ---- */

typedef struct request {
    rill_core *core;
    const rill_admin_control *control;
    const rill_config_peering *config;
    const rill_peering_source *source;
    const rill_config_grant *grant;
    rill_peering_offer offer;
    char name[RILL_PEERING_ACCOUNT];
    char key[RILL_PEERING_KEY];
    char hash[RILL_PEERING_HASH];
    rill_peering_error error;
    unsigned status;  /* 0: the error's */
    const char *told; /* to the stranger, who is not to know more; NULL: the problem */
    char problem[RILL_PEERING_PROBLEM];
} request;

static bool refuse(request *r, rill_peering_error error, const char *problem)
{
    r->error = error;
    if (problem != r->problem)
        (void)snprintf(r->problem, sizeof r->problem, "%s", problem);
    return false;
}

/* Not for what was asked, but for how this node is. */
static bool cannot(request *r, const char *problem)
{
    r->status = 503;
    return refuse(r, RILL_PEERING_BAD_REQUEST, problem);
}

static bool find_grant(request *r)
{
    const rill_config_grant *all = r->config->accept.assets.items;
    for (size_t i = 0; i < r->config->accept.assets.count; i++) {
        if (all[i].asset.scale == r->offer.asset.scale &&
            strcmp(all[i].asset.code, r->offer.asset.code) == 0)
            r->grant = &all[i];
    }
    return r->grant != NULL || refuse(r, RILL_PEERING_UNKNOWN_ASSET,
                                      rill_peering_error_text(RILL_PEERING_UNKNOWN_ASSET));
}

static bool name_it(request *r)
{
    rill_crypto *crypto = r->core->options.crypto;
    const char *address = r->offer.address;
    int rc = rill_peering_hash(crypto, r->offer.token, r->hash);
    if (rc == RILL_OK)
        rc = rill_peering_account(crypto, address, &r->offer.asset, r->name);
    if (rc == RILL_OK)
        rc = rill_peering_key(crypto, RILL_PEERING_ACCEPTED, address, &r->offer.asset, r->hash,
                              r->key);
    return rc == RILL_OK || cannot(r, "This node cannot do that now");
}

/* What it has is what it asks for, to the letter, with the same token. */
static bool is_the_same(const request *r, const char *value)
{
    char uri[RILL_PEERING_URL + 5];
    json_t *account = json_loads(value, 0, NULL);
    const json_t *peered = json_object_get(account, "peered");
    const char *address = json_string_value(json_object_get(peered, "address"));
    const char *made = json_string_value(json_object_get(peered, "made"));
    const char *key = json_string_value(json_object_get(peered, "key"));
    const char *link = json_string_value(json_object_get(json_object_get(account, "link"), "uri"));
    (void)snprintf(uri, sizeof uri, "ilp+%s", r->offer.url);
    /* The key is of the address, the asset and the token's hash. */
    bool same = address != NULL && made != NULL && key != NULL && link != NULL &&
                strcmp(address, r->offer.address) == 0 && strcmp(made, "accepted") == 0 &&
                rill_equal_ct(key, r->key, sizeof r->key - 1) && strcmp(link, uri) == 0;
    json_decref(account);
    return same;
}

/*
 * Whose account has gone may have left money behind: it is not for who comes next and says that the
 * address is his.
 */
static bool judge_name(request *r)
{
    if (!rill_core_owes_closed(r->core, r->name, &r->offer.asset))
        return true;
    return refuse(r, RILL_PEERING_BAD_REQUEST,
                  "There was an account for this address and asset, and its balance is not 0: this"
                  " node's operator has to settle it first");
}

/* Who has an account, or waits. *again: it has asked the same before. False: it is refused. */
static bool look_for_it(request *r, bool *again)
{
    const rill_overlay_item *item =
        rill_overlay_find(r->control->overlay(r->control->user), RILL_SETTING_ACCOUNT, r->name);
    const rill_overlay_item *waits =
        rill_overlay_find(&r->core->peering.waiting, RILL_SETTING_PEER, r->name);
    const rill_overlay_item *any = item != NULL ? item : waits;
    *again =
        any != NULL && is_the_same(r, any->value) && (item == NULL || item->trouble[0] == '\0');
    if (any == NULL || *again)
        return true;
    return refuse(r, RILL_PEERING_BAD_REQUEST,
                  "There is an account for this address and asset, with another token or URL: this"
                  " node's operator has to remove it first");
}

static bool judge_place(request *r)
{
    const rill_config_accept *a = &r->config->accept;
    const rill_peering_trust trust = r->config->insecure ? RILL_PEERING_ANY : RILL_PEERING_STRANGER;
    const char *problem = NULL;
    if (!rill_peering_url_is_good(r->offer.url, trust, &problem))
        return refuse(r, RILL_PEERING_PEER_CONFIGURATION, problem);
    if ((a->hosts.count > 0 && !rill_peering_host_is_in(r->offer.url, &a->hosts)) ||
        rill_peering_host_is_in(r->offer.url, &a->refused_hosts))
        return refuse(r, RILL_PEERING_PEER_CONFIGURATION, "no peers are wanted of this host");
    if (strcmp(r->offer.url, r->config->url) == 0)
        return refuse(r, RILL_PEERING_PEER_CONFIGURATION, "the URL is this node's");
    if ((a->prefixes.count > 0 && !is_in(&a->prefixes, r->offer.address)) ||
        is_in(&a->refused_prefixes, r->offer.address))
        return refuse(r, RILL_PEERING_PEER_CONFIGURATION, "no peers are wanted of this address");
    if (!rill_peering_address_is_free(r->core, r->control->overlay(r->control->user),
                                      r->offer.address, r->problem) ||
        is_kept(&r->core->peering.waiting, false, bytes_of(r->offer.address), r->problem)) {
        r->told = "The ILP address is somebody's, or not of this network";
        return refuse(r, RILL_PEERING_PEER_CONFIGURATION, r->problem);
    }
    return true;
}

static size_t count_made(const rill_config *config)
{
    const rill_config_account *all = config->accounts.items;
    size_t count = 0;
    for (size_t i = 0; i < config->accounts.count; i++)
        count += all[i].peered->address != NULL && all[i].peered->made == RILL_PEERING_ACCEPTED;
    return count;
}

/* Those that wait, and came from where this one does. */
static size_t count_waiting(const request *r)
{
    size_t count = 0;
    for (const rill_overlay_item *i = r->core->peering.waiting.first; i != NULL; i = i->next) {
        json_t *account = json_loads(i->value, 0, NULL);
        const char *with =
            json_string_value(json_object_get(json_object_get(account, "peered"), "with"));
        rill_peering_source other;
        (void)snprintf(other.text, sizeof other.text, "%s", with == NULL ? "" : with);
        rill_peering_source_key(&other);
        /* What is no address has no key. */
        count += with != NULL && memcmp(other.key, r->source->key, sizeof other.key) == 0 &&
                 (other.key[0] != 0 || strcmp(with, r->source->text) == 0);
        json_decref(account);
    }
    return count;
}

static bool judge_number(request *r)
{
    const rill_config_accept *a = &r->config->accept;
    if (count_made(r->core->options.config) + r->core->peering.waiting.count >= a->max_peers)
        return refuse(r, RILL_PEERING_BAD_REQUEST, "This node takes no more peers");
    if (a->approve && count_waiting(r) >= RILL_PEERING_WAIT)
        return refuse(r, RILL_PEERING_BAD_REQUEST, "Too many requests from there wait already");
    return true;
}

/* As it will be. NULL: no memory. */
static json_t *draw_up(const request *r)
{
    const rill_config_grant *g = r->grant;
    const rill_peering_terms terms = {
        .offer = &r->offer,
        .asset = &g->asset,
        .made = RILL_PEERING_ACCEPTED,
        .with = r->source->text,
        .key = r->key,
        .hash = r->hash,
        .quiet = !r->config->accept.approve,
    };
    const uint64_t most = r->offer.max_packet < g->max_packet ? r->offer.max_packet : g->max_packet;
    json_t *account = rill_peering_new_account(r->core, &terms);
    if (account != NULL && set_limit(account, "credit", g->credit) &&
        set_limit(account, "most", g->most) && set_limit(account, "max-packet", most) &&
        set_limit(account, "packets-a-second", g->packets_a_second) &&
        (g->amount_a_second == 0 || set_limit(account, "amount-a-second", g->amount_a_second)) &&
        (g->settlement.engine == NULL || set_settlement(account, &g->settlement)))
        return account;
    json_decref(account);
    return NULL;
}

static bool make(request *r, const char *text, uint64_t *group)
{
    char who[60];
    json_t *changes = json_array();
    json_t *problems = json_array();
    (void)snprintf(who, sizeof who, "peer %.48s", r->source->text);
    const rill_admin_change what = {RILL_SETTING_ACCOUNT, r->name, text, who};
    int rc = r->control->change(r->control->user, &what, changes, problems, group);
    if (rc == RILL_OK)
        rill_peering_note(r->core, r->name, who, "was made", &r->offer);
    json_decref(changes);
    json_decref(problems);
    r->core->peering.made += rc == RILL_OK;
    if (rc == RILL_ERR_INVALID || rc == RILL_ERR_MALFORMED)
        return refuse(r, RILL_PEERING_BAD_REQUEST, "This node cannot have such an account");
    return rc == RILL_OK || cannot(r, "This node cannot do that now");
}

static bool let_wait(request *r, const char *text, uint64_t *group)
{
    char who[60];
    rill_peering *p = &r->core->peering;
    const rill_store_setting setting = {RILL_SETTING_PEER, r->name, text};
    int rc = rill_overlay_put(&p->waiting, RILL_SETTING_PEER, r->name, text);
    if (rc == RILL_OK) {
        rc = rill_core_put_setting(r->core, &setting, group);
        if (rc != RILL_OK)
            rill_overlay_remove(&p->waiting, RILL_SETTING_PEER, r->name);
    }
    if (rc == RILL_ERR_TOO_LARGE)
        return refuse(r, RILL_PEERING_BAD_REQUEST, "The request is too large");
    if (rc != RILL_OK)
        return cannot(r, "This node cannot do that now");
    (void)snprintf(who, sizeof who, "peer %.48s", r->source->text);
    rill_peering_note(r->core, r->name, who, "waits", &r->offer);
    p->began++;
    return true;
}

static bool answer(request *r, rill_peering_reply *out)
{
    rill_peering_offer ours;
    rill_peering_offer_ours(r->core, &ours);
    int rc = rill_peering_secret_token(r->core, r->key, ours.token);
    if (rc == RILL_OK)
        rc = rill_peering_write_answer(&ours, out->body);
    rill_wipe(&ours, sizeof ours);
    out->status = 200;
    return rc == RILL_OK || cannot(r, "This node cannot do that now");
}

/* The answer is made first: who cannot be answered has nothing. */
static bool take(request *r, rill_peering_reply *out)
{
    bool again = false;
    if (!find_grant(r) || !name_it(r) || !look_for_it(r, &again))
        return false;
    if (again) {
        r->core->peering.again++;
        out->group = r->core->peering.last_group; /* which may be its own */
        return answer(r, out);
    }
    if (!judge_place(r) || !judge_number(r) || !judge_name(r) || !answer(r, out))
        return false;
    json_t *account = draw_up(r);
    char *text = account == NULL ? NULL : json_dumps(account, JSON_COMPACT);
    const bool done = text == NULL                ? cannot(r, "This node cannot do that now")
                      : r->config->accept.approve ? let_wait(r, text, &out->group)
                                                  : make(r, text, &out->group);
    if (done)
        r->core->peering.last_group = out->group;
    free(text);
    json_decref(account);
    return done;
}

static void say_refused(request *r, rill_peering_reply *out)
{
    unsigned status = r->status != 0 ? r->status : rill_peering_error_status(r->error);
    out->status = status;
    out->group = 0;
    r->core->peering.refused++;
    rill_wipe(out->body, sizeof out->body);
    rill_peering_write_error(r->error, status, r->told != NULL ? r->told : r->problem, out->body);
    rill_log_line(&r->core->options.log, RILL_LOG_INFO, "peering: %.48s is refused: %.200s",
                  r->source->text, r->problem);
}

void rill_peering_accept(rill_core *core, const rill_admin_control *control,
                         const rill_peering_source *source, rill_bytes body,
                         rill_peering_reply *out)
{
    request r = {.core = core,
                 .control = control,
                 .config = &core->options.config->peering,
                 .source = source};
    const char *problem = NULL;
    memset(out, 0, sizeof *out);
    bool read = rill_peering_read_request(&r.offer, (const char *)body.data, body.len, &r.error,
                                          &problem) == RILL_OK;
    if (!read)
        (void)refuse(&r, r.error, problem);
    if (!read || !take(&r, out))
        say_refused(&r, out);
    rill_wipe(&r.offer, sizeof r.offer);
}
