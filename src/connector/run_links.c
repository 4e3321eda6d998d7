/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Links that we open: at the start, again when a neighbour closed one, and anew for another
 * configuration.
 *
 * Over 600 lines: what a parent says when its link comes up is of the same links.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "connector/run_impl.h"

/* Bytes of the longest token in a link's URI. */
enum { TOKEN_IN_URI = 511 };
/* After a link was closed for good, until it is opened again. */
#define FIRST_WAIT   (1 * RILL_SECOND)
#define LONGEST_WAIT (60 * RILL_SECOND)
/* Than the packets that a link which was replaced has: answers of that moment are on their way. */
#define LATER (1 * RILL_SECOND)

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void say_of(const connector_link *k, rill_log_level level, const char *what)
{
    char line[400];
    (void)snprintf(line, sizeof line, "account %.100s: %.250s", k->config->name, what);
    rill_connector_line(k->owner, level, line);
}

/* ---- what the parent says of the account, each time that its link comes up ---- */

/* The parent may not hold the account in something else than we do. what: if so, what it says. */
static bool is_agreed(const connector_link *k, const rill_ildcp_info *info, char what[200])
{
    const rill_config_asset *asset = &k->config->asset;
    size_t len = strlen(asset->code);
    if (info->asset_scale == asset->scale && info->asset_code.len == len &&
        memcmp(info->asset_code.data, asset->code, len) == 0)
        return true;
    (void)snprintf(what, 200, "the parent holds this account in %.*s/%u, not in %s/%u",
                   info->asset_code.len > 60 ? 60 : (int)info->asset_code.len,
                   (const char *)info->asset_code.data, (unsigned)info->asset_scale, asset->code,
                   (unsigned)asset->scale);
    return false;
}

static void agree_of(const rill_connector *c, const char *name, rill_agreement agreement)
{
    rill_holder_account *holder =
        rill_core_find(c->core, (rill_bytes){(const uint8_t *)name, strlen(name)});
    if (holder != NULL)
        rill_core_set_agreement(c->core, holder, agreement);
}

/* Whose link the hub does not have yet, has another one that counts. */
static void agree(connector_link *k, rill_agreement agreement)
{
    k->agreement = agreement;
    if (k->way.on != NULL && !k->dropped && !k->replaced)
        agree_of(k->owner, k->config->name, agreement);
}

/* The first answer: the node can begin. */
static void take_address(rill_connector *c, const rill_ildcp_info *info)
{
    memcpy(c->address, info->address.data, info->address.len); /* which decoding has checked */
    c->address[info->address.len] = '\0';
    c->config.address = c->address;
    c->events->addressed(c);
}

/* The node, its children and their packets have the address that came first. */
static void compare_address(const connector_link *k, const rill_ildcp_info *info)
{
    const char *has = k->owner->address;
    char what[300];
    if (has[0] == '\0' || (strlen(has) == info->address.len &&
                           memcmp(has, info->address.data, info->address.len) == 0))
        return; /* it is in the configuration, or the same */
    (void)snprintf(what, sizeof what,
                   "the parent gives this node another address now, %.*s: a restart is needed",
                   info->address.len > 150 ? 150 : (int)info->address.len,
                   (const char *)info->address.data);
    say_of(k, RILL_LOG_WARNING, what);
}

static void compare_again(connector_link *k, const rill_ildcp_info *info)
{
    char what[200];
    char line[280];
    const bool differed = k->differs;
    k->agreed_once = true;
    k->differs = !is_agreed(k, info, what);
    agree(k, k->differs ? RILL_NOT_AGREED : RILL_AGREED);
    (void)snprintf(line, sizeof line, "%s: nothing is forwarded until both agree", what);
    if (k->differs)
        say_of(k, RILL_LOG_WARNING, line);
    else if (differed)
        say_of(k, RILL_LOG_WARNING, "the parent holds this account in the same asset again");
    compare_address(k, info);
}

static void on_address(rill_way *w, const rill_ildcp_info *info, void *user)
{
    connector_link *k = user;
    rill_connector *c = k->owner;
    char what[200];
    (void)w;
    if (c->begun) {
        compare_again(k, info);
        return;
    }
    if (c->config.address != NULL || c->failure != RILL_OK)
        return; /* it cannot begin, and the owner is about to be told */
    k->agreed_once = true;
    k->agreement = RILL_AGREED;
    if (is_agreed(k, info, what)) {
        take_address(c, info);
        return;
    }
    rill_connector_problem(&c->options, k->config->place, what);
    c->events->failed(c, RILL_ERR_ASSET);
}

/* Packets go by the link of a parent that does not say: it never did, or it agreed. */
static void go_on(connector_link *k)
{
    if (k->agreement == RILL_AGREEMENT_ASKED)
        agree(k, k->differs ? RILL_NOT_AGREED : RILL_AGREED);
}

static void on_no_address(rill_way *w, int error, const char *why, void *user)
{
    connector_link *k = user;
    char what[300];
    (void)w;
    if (!k->owner->begun) {
        rill_connector_problem(&k->owner->options, k->config->link->place, why);
        k->owner->events->failed(k->owner, error);
        return;
    }
    (void)snprintf(what, sizeof what, "its asset is not compared with the parent's: %s", why);
    say_of(k, RILL_LOG_WARNING, what);
    go_on(k);
}

static void on_waiting(rill_way *w, const char *why, void *user)
{
    connector_link *k = user;
    char what[300];
    (void)w;
    if (!k->owner->begun) {
        (void)snprintf(what, sizeof what, "waiting for our address: %.150s", why);
        say_of(k, RILL_LOG_WARNING, what);
    } else if (!k->agreed_once) {
        go_on(k);
    } else if (k->agreement == RILL_AGREEMENT_ASKED) { /* it has answered before, and will again */
        (void)snprintf(what, sizeof what,
                       "nothing is forwarded until the parent says its asset again: %.150s", why);
        say_of(k, RILL_LOG_WARNING, what);
    }
}

static void on_asking(rill_way *w, void *user)
{
    (void)w;
    agree(user, RILL_AGREEMENT_ASKED);
}

static int attach(connector_link *k, rill_terms *terms)
{
    rill_hub *hub = rill_core_hub(k->owner->core);
    struct rill_account *account = rill_hub_open_account(hub, terms);
    int rc = account == NULL ? RILL_ERR_NOMEM : rill_way_attach(&k->way, hub, account);
    if (rc == RILL_OK)
        agree(k, k->agreement);
    return rc;
}

/* What cannot be attached is closed, and opened again later: on_way_closed. */
static void attach_or_close(connector_link *k, rill_terms *terms)
{
    int rc = attach(k, terms);
    if (rc == RILL_OK)
        return;
    (void)snprintf(k->way.why, sizeof k->way.why, "its link cannot be used: %s",
                   rc == RILL_ERR_LIMIT ? "the account has all its sessions (max-sessions)"
                                        : rill_strerror(rc));
    rill_way_close(&k->way);
}

/* The neighbour wants no more of us. That may be a mistake, or over later: we ask again, at last
 * once a minute. */
static void wait_to_reopen(connector_link *k)
{
    char what[300];
    k->wait = k->wait == 0 ? FIRST_WAIT : k->wait * 2 < LONGEST_WAIT ? k->wait * 2 : LONGEST_WAIT;
    k->reopen_at = rill_loop_clock(k->owner->loop).mono_ns + k->wait;
    (void)snprintf(what, sizeof what, "%.200s; tried again in %u s",
                   k->way.why[0] == '\0' ? "its link was closed" : k->way.why,
                   (unsigned)(k->wait / RILL_SECOND));
    say_of(k, RILL_LOG_WARNING, what);
    k->owner->events->chores(k->owner);
}

static void on_way_closed(rill_way *w, void *user)
{
    connector_link *k = user;
    rill_connector *c = k->owner;
    (void)w;
    k->open = false;
    c->open_links--;
    if (k->dropped)
        rill_free(memory(), k);
    else if (!c->closing && c->begun && !k->parting)
        wait_to_reopen(k);
    c->events->gone(c);
}

static const rill_way_handlers way_handlers = {on_address, on_no_address, on_waiting, on_asking,
                                               on_way_closed};

/* scheme://:TOKEN@rest, to be wiped and freed. NULL: it has been complained about. */
static char *uri_with_token(const rill_connector *c, const rill_config_link *config,
                            const char *token)
{
    union {
        const rill_connector_options *given;
        void *user;
    } options = {.given = &c->options};
    const char *slashes = strstr(config->uri, "://");
    size_t size = strlen(config->uri) + strlen(token) + 3;
    const char *problem = NULL;
    char *uri = NULL;
    if (slashes == NULL || strchr(config->uri, '@') != NULL)
        problem = "uri: it must be like btp+wss://host/path, without a token";
    else if (strpbrk(token, "/@?#: \t") != NULL)
        problem = "token: a token of a link has none of / @ ? # : and no blanks";
    else
        uri = rill_alloc(memory(), size);
    if (uri != NULL)
        (void)snprintf(uri, size, "%.*s://:%s@%s", (int)(slashes - config->uri), config->uri, token,
                       slashes + 3);
    else
        rill_connector_problem(options.user, config->place,
                               problem != NULL ? problem : rill_strerror(RILL_ERR_NOMEM));
    return uri;
}

static int open_uri(connector_link *k, const char *uri)
{
    rill_connector *c = k->owner;
    const rill_config_link *config = k->config->link;
    const char *problem = NULL;
    rill_link_options o;
    rill_link_options_init(&o);
    o.connections = (uint32_t)config->connections;
    o.callback_url = config->callback_url;
    o.answers_url = config->answers_url;
    o.ca_file = config->ca_file == NULL ? NULL : rill_connector_ca(c, config->ca_file);
    if (config->ca_file != NULL && o.ca_file == NULL)
        return RILL_ERR_NOMEM;
    /* It is asked when the link is up. Until then what it has said last holds. */
    k->agreement = k->differs ? RILL_NOT_AGREED : RILL_AGREED;
    rill_way_asks asks =
        k->config->relation == RILL_RELATION_PARENT ? RILL_WAY_ASKS_ALWAYS : RILL_WAY_ASKS_NEVER;
    int rc = rill_way_open(&k->way, c->loop, uri, &o, asks, &way_handlers, k, &problem);
    if (rc != RILL_OK) {
        rill_connector_problem(&c->options, config->place,
                               problem != NULL ? problem : rill_strerror(rc));
        return rc;
    }
    k->open = true;
    c->open_links++;
    return RILL_OK;
}

/* What was agreed with a peer by auto-peering, or is in a file or a variable. */
static int read_token(const rill_connector *c, const connector_link *k,
                      char token[TOKEN_IN_URI + 1])
{
    const char *key = k->config->peered->key;
    char secret[RILL_TOKEN_MAX + 1];
    if (key == NULL)
        return rill_config_secret(k->config->link->token, token, TOKEN_IN_URI + 1);
    int rc = k->secret == NULL ? RILL_ERR_NOT_FOUND
                               : rill_config_secret(k->secret, secret, sizeof secret);
    if (rc == RILL_OK)
        rc = rill_peering_token(c->loop->crypto, secret, key, token);
    rill_wipe(secret, sizeof secret);
    return rc;
}

/* NULL: it has been complained about. */
static char *read_uri(rill_connector *c, const connector_link *k)
{
    const rill_config_link *config = k->config->link;
    const bool peered = k->config->peered->key != NULL;
    char token[TOKEN_IN_URI + 1] = "";
    if (config->token != NULL || peered) {
        int rc = read_token(c, k, token);
        if (rc != RILL_OK) {
            char what[300];
            snprintf(what, sizeof what, "the %s %.200s cannot be read: %s",
                     peered ? "secret of peering" : "token",
                     !peered             ? config->token
                     : k->secret == NULL ? "(none)"
                                         : k->secret,
                     rc == RILL_ERR_NOT_FOUND ? "there is none" : rill_strerror(rc));
            rill_connector_problem(&c->options, config->place, what);
            return NULL;
        }
    }
    char *uri = uri_with_token(c, config, token);
    rill_wipe(token, sizeof token);
    return uri;
}

static void free_uri(char *uri)
{
    rill_wipe(uri, strlen(uri)); /* the link has a copy */
    rill_free(memory(), uri);
}

static int open_link(connector_link *k)
{
    rill_connector *c = k->owner;
    char *uri = read_uri(c, k);
    if (uri == NULL)
        return RILL_ERR_INVALID;
    int rc = rill_crypto_sha256(c->loop->crypto, (const uint8_t *)uri, strlen(uri), k->hash);
    if (rc == RILL_OK)
        rc = open_uri(k, uri);
    free_uri(uri);
    return rc;
}

static connector_link *new_link(rill_connector *c, const rill_config_account *config,
                                const char *secret)
{
    connector_link *k = rill_calloc(memory(), 1, sizeof *k);
    if (k == NULL)
        return NULL;
    k->owner = c;
    k->config = config;
    k->secret = secret;
    return k;
}

int rill_connector_prepare_links(rill_connector *c)
{
    const rill_config_account *accounts = c->config.accounts.items;
    size_t count = 0;
    for (size_t i = 0; i < c->config.accounts.count; i++)
        count += accounts[i].link->uri != NULL;
    c->links = rill_calloc(memory(), count + 1, sizeof *c->links);
    if (c->links == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < c->config.accounts.count; i++) {
        if (accounts[i].link->uri == NULL)
            continue;
        connector_link *k = new_link(c, &accounts[i], c->config.peering.secret);
        if (k == NULL)
            return RILL_ERR_NOMEM;
        c->links[c->link_count++] = k;
    }
    return RILL_OK;
}

void rill_connector_free_links(rill_connector *c)
{
    for (size_t i = 0; i < c->link_count; i++)
        rill_free(memory(), c->links[i]);
    rill_free(memory(), c->links);
    while (c->parting != NULL) {
        connector_link *k = c->parting;
        c->parting = k->next_parting;
        rill_free(memory(), k);
    }
}

void rill_connector_close_links(rill_connector *c)
{
    for (size_t i = 0; i < c->link_count; i++) {
        if (c->links[i]->open)
            rill_way_close(&c->links[i]->way);
    }
    for (connector_link *k = c->parting; k != NULL; k = k->next_parting) {
        if (k->open)
            rill_way_close(&k->way);
    }
}

int rill_connector_open_parent(rill_connector *c)
{
    for (size_t i = 0; i < c->link_count; i++) {
        if (c->links[i]->config->relation == RILL_RELATION_PARENT)
            return open_link(c->links[i]);
    }
    return RILL_ERR_NOT_FOUND;
}

int rill_connector_open_links(rill_connector *c)
{
    int rc = RILL_OK;
    size_t next = 0;
    /* Both are in the order of the configuration. */
    for (size_t i = 0; i < rill_core_accounts(c->core) && rc == RILL_OK; i++) {
        rill_holder_account *holder = rill_core_account(c->core, i);
        if (holder->config->link->uri == NULL)
            continue;
        connector_link *k = c->links[next++];
        if (!k->open)
            rc = open_link(k);
        if (rc != RILL_OK && rc != RILL_ERR_NOMEM && holder->config->place.line == 0) {
            /* What operators added, and not the file, never keeps a node from starting. */
            wait_to_reopen(k);
            rc = RILL_OK;
            continue;
        }
        if (rc == RILL_OK)
            rc = attach(k, &holder->terms);
    }
    return rc;
}

/* ---- links that were closed for good ---- */

static void reopen(connector_link *k)
{
    rill_holder_account *holder = rill_core_find(
        k->owner->core, (rill_bytes){(const uint8_t *)k->config->name, strlen(k->config->name)});
    k->reopen_at = 0;
    if (holder == NULL || open_link(k) != RILL_OK)
        wait_to_reopen(k);
    else
        attach_or_close(k, &holder->terms);
}

uint64_t rill_connector_reopen_links(rill_connector *c)
{
    uint64_t now = rill_loop_clock(c->loop).mono_ns;
    uint64_t next = RILL_NEVER;
    for (size_t i = 0; i < c->link_count; i++) {
        connector_link *k = c->links[i];
        if (k->open && k->way.up)
            k->wait = 0;
        if (k->reopen_at != 0 && !k->open && now >= k->reopen_at && !c->stopped)
            reopen(k);
        if (k->reopen_at != 0 && k->reopen_at < next)
            next = k->reopen_at;
    }
    return next;
}

/* ---- another configuration ---- */

static connector_link *find_link(const rill_connector *c, const char *name)
{
    for (size_t i = 0; i < c->link_count; i++) {
        if (strcmp(c->links[i]->config->name, name) == 0)
            return c->links[i];
    }
    return NULL;
}

/* That of an account that leaves, and may come back; NULL: there is none that is open, and its own.
 */
static connector_link *find_parting(const rill_connector *c, const char *name)
{
    connector_link *k = c->parting;
    while (k != NULL && (!k->open || k->replaced || strcmp(k->config->name, name) != 0))
        k = k->next_parting;
    return k;
}

/* The link that an account has, or had when it left. */
static connector_link *find_old(const rill_connector *c, const char *name)
{
    connector_link *k = find_link(c, name);
    return k != NULL ? k : find_parting(c, name);
}

static bool is_same(connector_link *old, const rill_config_link *fresh, const char *uri, int *rc)
{
    uint8_t hash[RILL_SHA256_LEN];
    *rc = rill_crypto_sha256(old->owner->loop->crypto, (const uint8_t *)uri, strlen(uri), hash);
    return *rc == RILL_OK && old->config->link->connections == fresh->connections &&
           rill_config_same_text(old->config->link->callback_url, fresh->callback_url) &&
           rill_config_same_text(old->config->link->answers_url, fresh->answers_url) &&
           rill_config_same_text(old->config->link->ca_file, fresh->ca_file) &&
           memcmp(hash, old->hash, sizeof hash) == 0;
}

/* The link that there is, if it stays as it is; else a new one, open. */
static int prepare_link(rill_connector *c, const rill_config_account *fresh, const char *secret,
                        connector_link **out)
{
    const connector_link wanted = {.config = fresh, .secret = secret};
    connector_link *old = find_old(c, fresh->name);
    char *uri = read_uri(c, &wanted);
    int rc = RILL_OK;
    *out = NULL;
    if (uri == NULL)
        return RILL_ERR_INVALID;
    bool same = old != NULL && is_same(old, fresh->link, uri, &rc);
    free_uri(uri);
    if (same || rc != RILL_OK) {
        *out = old;
        return rc;
    }
    connector_link *k = new_link(c, fresh, secret);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    rc = open_link(k);
    if (rc != RILL_OK) {
        rill_free(memory(), k);
        return rc;
    }
    k->is_new = true;
    *out = k;
    return RILL_OK;
}

static void drop_link(connector_link *k)
{
    k->dropped = true;
    if (k->open)
        rill_way_close(&k->way);
    else
        rill_free(memory(), k);
}

/* No packet goes by it any more; answers come by it while it is there. */
static void replace(connector_link *k)
{
    rill_connector *c = k->owner;
    if (k->replaced)
        return;
    k->replaced = true;
    k->part_by = rill_add_sat(rill_loop_clock(c->loop).mono_ns, c->config.max_hold_time + LATER);
    rill_way_part(&k->way, rill_core_hub(c->core));
}

/* Answers to what is out come by it: it stays as long as they may. */
static void part_with(connector_link *k)
{
    rill_connector *c = k->owner;
    if (!k->open) {
        drop_link(k);
        return;
    }
    if (!rill_core_leaves(c->core, k->config->name))
        replace(k);
    k->parting = true;
    k->reopen_at = 0;
    k->next_parting = c->parting;
    c->parting = k;
}

/* Nothing of it is waited for any more. */
static bool has_parted(const connector_link *k)
{
    const rill_connector *c = k->owner;
    /* One that is not up has no session that could be closed. */
    return rill_core_has_parted(c->core, k->config->name) ||
           (k->replaced &&
            (!rill_way_is_busy(&k->way) || rill_loop_clock(c->loop).mono_ns >= k->part_by));
}

void rill_connector_part_links(rill_connector *c)
{
    for (connector_link **at = &c->parting; *at != NULL;) {
        connector_link *k = *at;
        if (!k->open) {
            *at = k->next_parting;
            drop_link(k);
            continue;
        }
        /* Its account is back, and has another link, or none. */
        if (!rill_core_leaves(c->core, k->config->name))
            replace(k);
        if (has_parted(k))
            rill_way_close(&k->way);
        at = &k->next_parting;
    }
}

void rill_connector_forget_links(connector_link **links, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (links[i] != NULL && links[i]->is_new)
            drop_link(links[i]);
    }
    rill_free(memory(), links);
}

int rill_connector_change_links(rill_connector *c, const rill_config *fresh, connector_link ***out)
{
    const rill_config_account *accounts = fresh->accounts.items;
    connector_link **links = rill_calloc(memory(), fresh->accounts.count + 1, sizeof *links);
    int rc = links == NULL ? RILL_ERR_NOMEM : RILL_OK;
    for (size_t i = 0; i < fresh->accounts.count && rc == RILL_OK; i++) {
        if (accounts[i].link->uri != NULL)
            rc = prepare_link(c, &accounts[i], fresh->peering.secret, &links[i]);
    }
    if (rc == RILL_OK)
        *out = links;
    else if (links != NULL)
        rill_connector_forget_links(links, fresh->accounts.count);
    return rc;
}

/* The old one takes no more, so that both are one session. */
static void put_in_place(rill_connector *c, connector_link *k, size_t index)
{
    connector_link *old = find_old(c, k->config->name);
    k->is_new = false;
    if (old != NULL && old->differs) {
        k->differs = true;
        k->agreement = k->agreement == RILL_AGREED ? RILL_NOT_AGREED : k->agreement;
    }
    if (old != NULL && old->open)
        replace(old);
    attach_or_close(k, &rill_core_account(c->core, index)->terms);
}

/* Its account is back. */
static void take_back(rill_connector *c, connector_link *k)
{
    connector_link **at = &c->parting;
    while (*at != k)
        at = &(*at)->next_parting;
    *at = k->next_parting;
    k->next_parting = NULL;
    k->parting = false;
}

void rill_connector_apply_links(rill_connector *c, connector_link **links, const rill_config *fresh)
{
    const rill_config_account *accounts = fresh->accounts.items;
    size_t count = 0;
    for (size_t i = 0; i < fresh->accounts.count; i++) {
        if (links[i] != NULL && links[i]->is_new)
            put_in_place(c, links[i], i);
        else if (links[i] != NULL && links[i]->parting)
            take_back(c, links[i]);
        else if (links[i] != NULL)
            links[i]->stays = true;
    }
    for (size_t i = 0; i < c->link_count; i++) {
        if (!c->links[i]->stays)
            part_with(c->links[i]);
        else
            c->links[i]->stays = false;
    }
    for (size_t i = 0; i < fresh->accounts.count; i++) {
        if (links[i] == NULL) {
            /* A parent that comes to us is not asked. */
            if (accounts[i].relation == RILL_RELATION_PARENT)
                agree_of(c, accounts[i].name, RILL_AGREED);
            continue;
        }
        links[i]->config = &accounts[i];
        links[i]->secret = fresh->peering.secret;
        links[count++] = links[i];
    }
    rill_free(memory(), c->links);
    /* Most accounts have none. */
    connector_link **fits =
        rill_realloc_array(memory(), links, count + 1, sizeof(connector_link *));
    c->links = fits != NULL ? fits : links;
    c->link_count = count;
}
