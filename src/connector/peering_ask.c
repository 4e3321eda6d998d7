/* SPDX-License-Identifier: Apache-2.0 */
/* An operator asks a peer for an account, and has one here for what it answers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connector/admin_answer.h"
#include "connector/core_impl.h"
#include "connector/peering_impl.h"

/* ---- the question ---- */

/* What an operator may say of the account; all else is agreed with the peer. */
static const char *const keys[] = {"credit",
                                   "most",
                                   "max-packet",
                                   "packets-a-second",
                                   "amount-a-second",
                                   "packets-to-a-second",
                                   "amount-to-a-second",
                                   "max-sessions",
                                   "send-routes",
                                   "receive-routes",
                                   "max-routes",
                                   "charge-unseen",
                                   "settlement"};

static bool is_key(const char *key)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i], key) == 0)
            return true;
    }
    return false;
}

/* A text that may be left out, of at most cap - 1 bytes. */
static bool take_text(const json_t *object, const char *name, const char *otherwise, char *out,
                      size_t cap)
{
    const json_t *value = json_object_get(object, name);
    const char *text = value == NULL ? otherwise : json_string_value(value);
    if (text == NULL || strlen(text) >= cap)
        return false;
    (void)snprintf(out, cap, "%s", text);
    return true;
}

static bool is_visible(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= ' ' || *text > '~')
            return false;
    }
    return true;
}

/* "USD/2", or the only asset that accounts have. NULL: all is well. */
static const char *take_asset(const rill_core *core, const json_t *object, rill_config_asset *out)
{
    const rill_config_account *all = core->options.config->accounts.items;
    const size_t count = core->options.config->accounts.count;
    const json_t *value = json_object_get(object, "asset");
    const char *text = json_string_value(value);
    const char *slash = text == NULL ? NULL : strrchr(text, '/');
    char *end = NULL;
    memset(out, 0, sizeof *out);
    if (value == NULL) {
        for (size_t i = 1; i < count; i++) {
            if (strcmp(all[i].asset.code, all[0].asset.code) != 0 ||
                all[i].asset.scale != all[0].asset.scale)
                return "asset: accounts of this node have several: say which one, such as USD/2";
        }
        if (count > 0)
            *out = all[0].asset;
        return count > 0 ? NULL : "asset: say which one, such as USD/2";
    }
    const unsigned long scale =
        slash == NULL || slash[1] < '0' || slash[1] > '9' ? 256 : strtoul(slash + 1, &end, 10);
    if (scale > UINT8_MAX || *end != '\0' || slash == text ||
        (size_t)(slash - text) >= sizeof out->code || !is_visible(text))
        return "asset must be a code and a scale, such as USD/2";
    memcpy(out->code, text, (size_t)(slash - text));
    out->scale = (uint8_t)scale;
    return NULL;
}

/* Takes a copy of what the operator says of the account. NULL: all is well. */
static const char *take_account(rill_peering_question *q, const json_t *object)
{
    const json_t *account = json_object_get(object, "account");
    const char *key;
    json_t *value;
    if (account == NULL) {
        q->account = json_object();
        return NULL;
    }
    json_object_foreach((json_t *)(uintptr_t)account, key, value)
    {
        if (!is_key(key))
            return "account: only credit, most, max-packet, packets-a-second,"
                   " amount-a-second, packets-to-a-second, amount-to-a-second, max-sessions,"
                   " send-routes, receive-routes, max-routes, charge-unseen and settlement can be"
                   " said; all else is agreed with the peer";
    }
    if (!json_is_object(account))
        return "account must be an object";
    q->account = json_deep_copy(account);
    return NULL;
}

/* What we say is the most in a packet we tell the peer, too. */
static uint64_t most_of(const json_t *account)
{
    const json_t *value = json_object_get(account, "max-packet");
    const char *text = json_string_value(value);
    char *end = NULL;
    if (json_is_integer(value) && json_integer_value(value) > 0)
        return (uint64_t)json_integer_value(value);
    if (text == NULL || text[0] < '0' || text[0] > '9')
        return UINT64_MAX;
    unsigned long long most = strtoull(text, &end, 10);
    return *end == '\0' && most > 0 ? most : UINT64_MAX;
}

static int write_body(rill_peering_question *q, const rill_core *core)
{
    rill_peering_offer ours;
    rill_peering_offer_ours(core, &ours);
    ours.asset = q->asset;
    ours.max_packet = most_of(q->account);
    int rc =
        rill_peering_key(core->options.crypto, RILL_PEERING_ASKED, q->url, &q->asset, "", q->key);
    if (rc == RILL_OK)
        rc = rill_peering_secret_token(core, q->key, ours.token);
    if (rc == RILL_OK)
        rc = rill_peering_write_request(&ours, q->body);
    rill_wipe(&ours, sizeof ours);
    return rc;
}

static void on_wrong(void *user, rill_place place, const char *problem)
{
    char *first = user;
    (void)place;
    if (first[0] == '\0')
        (void)snprintf(first, RILL_PEERING_PROBLEM, "account: %.300s", problem);
}

/* Before the peer is asked: what it makes is not so easily taken back. False: *problem says why. */
static bool fits(const rill_peering_question *q, char problem[RILL_PEERING_PROBLEM])
{
    rill_config_account ignored;
    rill_arena arena;
    rill_arena_init(&arena, rill_allocator_default());
    problem[0] = '\0';
    json_t *account =
        json_pack("{s:s, s:s, s:s}", "relation", "peer", "asset", "X/0", "tokens", "env:X");
    char *text = account == NULL || json_object_update(account, q->account) != 0
                     ? NULL
                     : json_dumps(account, JSON_COMPACT);
    int rc = text == NULL ? RILL_ERR_NOMEM
                          : rill_config_parse_account(&ignored, &arena, text, on_wrong, problem);
    if (rc != RILL_OK && problem[0] == '\0')
        (void)snprintf(problem, RILL_PEERING_PROBLEM, "account: %s", rill_strerror(rc));
    rill_arena_clear(&arena);
    json_decref(account);
    free(text);
    return rc == RILL_OK;
}

/* The account that was agreed on with this question before; NULL: none. */
static const char *agreed_before(const rill_peering_question *q, const rill_core *core)
{
    const rill_config_account *all = core->options.config->accounts.items;
    for (size_t i = 0; i < core->options.config->accounts.count; i++) {
        if (all[i].peered->key != NULL && strcmp(all[i].peered->key, q->key) == 0)
            return all[i].name;
    }
    return NULL;
}

/* The account's name is another one's, or no name at all. False: *problem says so. */
static bool has_name(rill_peering_question *q, const rill_core *core,
                     char problem[RILL_PEERING_PROBLEM])
{
    const char *before = agreed_before(q, core);
    const rill_bytes name = {(const uint8_t *)q->name, strlen(q->name)};
    const char *const good = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_~-";
    if (before != NULL && q->name[0] != '\0' && strcmp(before, q->name) != 0)
        (void)snprintf(problem, RILL_PEERING_PROBLEM,
                       "the account %.200s was agreed on with this URL already", before);
    else if (before == NULL && name.len > 0 && rill_core_find(core, name) != NULL)
        (void)snprintf(problem, RILL_PEERING_PROBLEM,
                       "there is an account %.200s already, that was not agreed on with this URL "
                       "in this asset",
                       q->name);
    else if (strspn(q->name, good) != name.len)
        (void)snprintf(problem, RILL_PEERING_PROBLEM, "name has letters, digits, _, ~ and - alone");
    else {
        if (before != NULL)
            (void)snprintf(q->name, sizeof q->name, "%s", before);
        return true;
    }
    return false;
}

static bool refuse(rill_admin_answer *out, unsigned status, const char *why)
{
    rill_admin_refuse(out, status, "%s", why);
    return false;
}

/* The body, and the name where there was one before. */
static bool begin(rill_peering_question *q, const rill_core *core, rill_admin_answer *out)
{
    char problem[RILL_PEERING_PROBLEM];
    switch (write_body(q, core)) {
    case RILL_OK:
        return has_name(q, core, problem) || refuse(out, 409, problem);
    case RILL_ERR_INVALID:
        return refuse(out, 409, "peering: the secret must have 32 characters at least");
    case RILL_ERR_CRYPTO:
        return refuse(out, 503, rill_strerror(RILL_ERR_CRYPTO));
    default:
        return refuse(out, 409, "peering: the secret cannot be read");
    }
}

bool rill_peering_ask(rill_peering_question *q, const rill_core *core, const json_t *object,
                      rill_admin_answer *out)
{
    const rill_config_peering *p = &core->options.config->peering;
    char what[RILL_PEERING_PROBLEM];
    const char *problem = NULL;
    memset(q, 0, sizeof *q);
    if (p->url == NULL)
        return refuse(out, 409,
                      "the configuration has no `peering`: it must say where peers reach this node "
                      "(url), and from which secret their tokens are made");
    if (!take_text(object, "url", NULL, q->url, sizeof q->url))
        return refuse(out, 400, "url must be a string of at most 400 bytes");
    if (!rill_peering_url_is_good(q->url, p->insecure ? RILL_PEERING_ANY : RILL_PEERING_LOCAL,
                                  &problem))
        return refuse(out, 400, problem);
    if (!take_text(object, "name", "", q->name, sizeof q->name))
        return refuse(out, 400, "name must be a string of at most 255 bytes");
    if (!take_text(object, "who", "api", q->who, sizeof q->who) || q->who[0] == '\0')
        return refuse(out, 400, "who must be a string of 1 to 255 bytes");
    problem = take_asset(core, object, &q->asset);
    if (problem == NULL)
        problem = take_account(q, object);
    if (problem != NULL)
        return refuse(out, 400, problem);
    if (q->account == NULL)
        return refuse(out, 503, rill_strerror(RILL_ERR_NOMEM));
    if (!fits(q, what))
        return refuse(out, 400, what);
    return begin(q, core, out);
}

void rill_peering_clear(rill_peering_question *q)
{
    json_decref(q->account);
    rill_wipe(q, sizeof *q);
}

/* ---- the answer ---- */

/* What each of Rafiki's errors says to who has asked. */
static void say_error(const rill_peering_question *q, rill_peering_error error, unsigned status,
                      rill_admin_answer *out)
{
    const char *name = rill_peering_error_name(error);
    switch (error) {
    case RILL_PEERING_UNKNOWN_ASSET:
    case RILL_PEERING_PEER_ASSET:
        rill_admin_refuse(out, 502, "the peer has no accounts in %s/%u (%s)", q->asset.code,
                          (unsigned)q->asset.scale, name);
        return;
    case RILL_PEERING_PEER_CONFIGURATION:
    case RILL_PEERING_OUR_CONFIGURATION:
        rill_admin_refuse(out, 502,
                          "the peer does not accept this node's ILP address, or its URL in "
                          "`peering` (%s)",
                          name);
        return;
    case RILL_PEERING_BAD_REQUEST:
        rill_admin_refuse(out, 502,
                          "the peer refuses the request (%s, status %u): it may have an account "
                          "for this node's address already, or take no more peers now",
                          name, status);
        return;
    case RILL_PEERING_BAD_URL:
    case RILL_PEERING_LIQUIDITY:
        rill_admin_refuse(out, 502, "the peer refuses: %s (%s)", rill_peering_error_text(error),
                          name);
        return;
    case RILL_PEERING_FINE:
        break;
    }
    rill_admin_refuse(
        out, 502, "the URL answers with status %u: is it a node's URL for auto-peering?", status);
}

/* The peer has an account by now, and we do not: somebody should know. */
static void refuse_answer(rill_admin_answer *out, unsigned status, const char *why)
{
    rill_admin_refuse(out, status,
                      "%.400s. The peer has made an account for this node, and this node has none "
                      "for it: ask again when that is set right, or have the peer remove it",
                      why);
}

typedef struct made {
    const rill_peering_question *q;
    rill_core *core;
    const rill_admin_control *control;
    rill_peering_offer offer;
    char name[RILL_STORE_NAME_MAX + 1];
    char hash[RILL_PEERING_HASH];
    bool again;
} made;

/* One that we have by the same question. False: it is refused. */
static bool find_account(made *m, json_t **account, rill_admin_answer *out)
{
    const rill_overlay *all = m->control->overlay(m->control->user);
    const rill_overlay_item *item = rill_overlay_find(all, RILL_SETTING_ACCOUNT, m->name);
    const rill_bytes name = {(const uint8_t *)m->name, strlen(m->name)};
    char why[RILL_STORE_NAME_MAX + 160];
    *account = item == NULL ? NULL : json_loads(item->value, 0, NULL);
    const json_t *peered = json_object_get(*account, "peered");
    const char *key = json_string_value(json_object_get(peered, "key"));
    const char *address = json_string_value(json_object_get(peered, "address"));
    if (item == NULL && rill_core_find(m->core, name) == NULL)
        return true;
    m->again = key != NULL && address != NULL && strcmp(key, m->q->key) == 0 &&
               strcmp(address, m->offer.address) == 0;
    if (m->again)
        return true;
    (void)snprintf(why, sizeof why,
                   "There is an account %s already, that was not agreed on with this URL, in this "
                   "asset, for this address",
                   m->name);
    json_decref(*account);
    *account = NULL;
    refuse_answer(out, 409, why);
    return false;
}

/* Its tokens and its URL are new ones; what operators agreed since stays. */
static bool renew(const made *m, json_t *account)
{
    char uri[RILL_PEERING_URL + 5];
    json_t *link = json_object_get(account, "link");
    (void)snprintf(uri, sizeof uri, "ilp+%s", m->offer.url);
    return json_object_set_new(account, "tokens", json_pack("[s]", m->hash)) == 0 &&
           json_object_set_new(link, "uri", json_string(uri)) == 0 &&
           json_object_update(account, m->q->account) == 0;
}

static json_t *draw_up(const made *m)
{
    const rill_peering_terms terms = {
        .offer = &m->offer,
        .asset = &m->q->asset,
        .made = RILL_PEERING_ASKED,
        .with = m->q->url,
        .key = m->q->key,
        .hash = m->hash,
    };
    json_t *account = rill_peering_new_account(m->core, &terms);
    if (account == NULL || json_object_update(account, m->q->account) == 0)
        return account;
    json_decref(account);
    return NULL;
}

static void say_made(const made *m, json_t *changes, rill_admin_answer *out)
{
    rill_admin_json(out, m->again ? 200 : 201,
                    json_pack("{s:s, s:s, s:s, s:s, s:b, s:O}", "name", m->name, "address",
                              m->offer.address, "url", m->offer.url, "peer", m->offer.name, "again",
                              (int)m->again, "changes", changes));
}

static void put_account(made *m, json_t *account, rill_admin_answer *out)
{
    json_t *changes = json_array();
    json_t *problems = json_array();
    char *text = json_dumps(account, JSON_COMPACT);
    const rill_admin_change what = {RILL_SETTING_ACCOUNT, m->name, text, m->q->who};
    uint64_t group = 0;
    int rc = text == NULL ? RILL_ERR_NOMEM
                          : m->control->change(m->control->user, &what, changes, problems, &group);
    if (rc == RILL_OK) {
        rill_peering_note(m->core, m->name, m->q->who, m->again ? "was renewed" : "was made",
                          &m->offer);
        m->core->peering.asked++;
        say_made(m, changes, out);
        out->group = group;
    } else if (rc == RILL_ERR_INVALID || rc == RILL_ERR_MALFORMED) {
        const char *first = json_string_value(json_array_get(problems, 0));
        refuse_answer(out, 422, first == NULL ? "The account does not fit" : first);
    } else {
        refuse_answer(out, 503, rill_strerror(rc));
    }
    free(text);
    json_decref(changes);
    json_decref(problems);
}

/* A name that an operator has chosen, or one by the address. False: it has been refused. */
static bool name_it(made *m, rill_admin_answer *out)
{
    char name[RILL_PEERING_ACCOUNT];
    int rc = rill_peering_hash(m->core->options.crypto, m->offer.token, m->hash);
    if (rc == RILL_OK)
        rc = rill_peering_account(m->core->options.crypto, m->offer.address, &m->q->asset, name);
    if (rc != RILL_OK)
        refuse_answer(out, 503, rill_strerror(rc));
    (void)snprintf(m->name, sizeof m->name, "%s", m->q->name[0] != '\0' ? m->q->name : name);
    return rc == RILL_OK;
}

/* A name of the answer's choice brings no money of who had it. False: it has been refused. */
static bool owes_nothing(const made *m, rill_admin_answer *out)
{
    char why[RILL_STORE_NAME_MAX + 160];
    if (m->again || m->q->name[0] != '\0' || !rill_core_owes_closed(m->core, m->name, &m->q->asset))
        return true;
    (void)snprintf(why, sizeof why,
                   "There was an account %s, and its balance is not 0: name this one, or settle "
                   "that first",
                   m->name);
    refuse_answer(out, 409, why);
    return false;
}

/* Whom the operator has named may be anywhere; whom a peer names is a stranger. */
static rill_peering_trust trust_of(const made *m)
{
    if (m->core->options.config->peering.insecure)
        return RILL_PEERING_ANY;
    if (strncmp(m->q->url, "https:", 6) != 0)
        return RILL_PEERING_LOCAL;
    return rill_peering_same_host(m->q->url, m->offer.url) ? RILL_PEERING_HTTPS
                                                           : RILL_PEERING_STRANGER;
}

static void take_answer(made *m, rill_bytes body, rill_admin_answer *out)
{
    char why[RILL_PEERING_PROBLEM + 120];
    char taken[RILL_PEERING_PROBLEM];
    const char *problem = NULL;
    json_t *account = NULL;
    if (rill_peering_read_answer(&m->offer, (const char *)body.data, body.len, &problem) !=
            RILL_OK ||
        !rill_peering_url_is_good(m->offer.url, trust_of(m), &problem)) {
        (void)snprintf(why, sizeof why, "The peer's answer is refused: %s", problem);
        refuse_answer(out, 502, why);
        return;
    }
    if (!name_it(m, out) || !find_account(m, &account, out) || !owes_nothing(m, out))
        return;
    if (!m->again && !rill_peering_address_is_free(m->core, m->control->overlay(m->control->user),
                                                   m->offer.address, taken)) {
        (void)snprintf(why, sizeof why, "%.100s: %s", m->offer.address, taken);
        refuse_answer(out, 409, why);
        return;
    }
    if (!m->again)
        account = draw_up(m);
    if (account == NULL || (m->again && !renew(m, account)))
        refuse_answer(out, 503, rill_strerror(RILL_ERR_NOMEM));
    else
        put_account(m, account, out);
    json_decref(account);
}

void rill_peering_answered(const rill_peering_question *q, rill_core *core,
                           const rill_admin_control *control, unsigned status, const char *problem,
                           rill_bytes body, rill_admin_answer *out)
{
    made m = {.q = q, .core = core, .control = control};
    *out = (rill_admin_answer){.type = "application/json"};
    if (status == 0)
        rill_admin_refuse(out, 502,
                          "%.200s has not answered: %.300s. If it has made an account all the "
                          "same, ask again: that is safe",
                          q->url, problem);
    else if (status < 200 || status > 299)
        say_error(q, rill_peering_read_error((const char *)body.data, body.len), status, out);
    else
        take_answer(&m, body, out);
    core->peering.unsettled += out->status > 299;
    rill_wipe(&m, sizeof m);
}
