/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration, read again while the node runs. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/core_kept.h"
#include "connector/run_impl.h"
#include "io/large_pages.h"

typedef struct loading {
    rill_connector *connector;
    rill_connector_options before; /* who is told of problems otherwise */
    rill_config fresh;
    connector_arena *arena; /* of the fresh one; in the end, of the old one */
    rill_tokens operators;
    rill_tokens engines;
    rill_tokens own_engines;
    connector_link **links;
    rill_core_change *change;
    rill_run_packets *packets;
    connector_engine *known_engines; /* that have authorities of their own */
    bool from_file;
    char *text; /* of the file, or that which was read last */
    size_t text_len;
    const rill_overlay_item *wanted; /* what is wrong with it refuses all; NULL */
    json_t *changes;                 /* lines; NULL: nobody wants them */
    json_t *problems;
    size_t count;    /* of changes */
    const char *who; /* asked for it */
} loading;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_connector_free_arenas(rill_connector *c)
{
    const bool any = c->old_arenas != NULL;
    while (c->old_arenas != NULL) {
        connector_arena *a = c->old_arenas;
        c->old_arenas = a->next;
        rill_arena_clear(&a->arena);
        rill_free(memory(), a);
    }
    if (any)
        rill_memory_give_back();
}

/* ---- what is told ---- */

static void append(json_t *lines, const char *line)
{
    if (lines != NULL) {
        int failed = json_array_append_new(lines, json_string(line));
        (void)failed; /* it is in the log */
    }
}

static void on_problem(void *user, const char *line)
{
    loading *l = user;
    char text[1100];
    append(l->problems, line);
    (void)snprintf(text, sizeof text, "not loaded: %s", line);
    rill_connector_tell(l->connector, text);
}

static void on_change(void *user, const char *line)
{
    loading *l = user;
    char text[800];
    l->count++;
    append(l->changes, line);
    (void)snprintf(text, sizeof text, "loaded: %s", line);
    rill_connector_tell(l->connector, text);
}

/* ---- what a running node cannot change ---- */

static bool same_port(const rill_config_port *a, const rill_config_port *b)
{
    return rill_config_same_text(a->host, b->host) && a->port == b->port && a->http == b->http &&
           (a->cert_file == NULL) == (b->cert_file == NULL);
}

static void wrong(loading *l, rill_place place, const char *what)
{
    char problem[200];
    (void)snprintf(problem, sizeof problem, "%s changes only when the node is started again", what);
    rill_connector_problem(&l->connector->options, place.line == 0 ? l->fresh.place : place,
                           problem);
}

static bool same_ports(const rill_config *a, const rill_config *b)
{
    const rill_config_port *x = a->listen.items;
    const rill_config_port *y = b->listen.items;
    bool same = a->listen.count == b->listen.count;
    for (size_t i = 0; same && i < a->listen.count; i++)
        same = same_port(&x[i], &y[i]);
    return same;
}

static bool same_admin(const rill_config_admin *a, const rill_config_admin *b)
{
    return rill_config_same_text(a->socket, b->socket) && rill_config_same_text(a->host, b->host) &&
           a->port == b->port && (a->cert_file == NULL) == (b->cert_file == NULL);
}

static bool same_engines(const rill_config_engines *a, const rill_config_engines *b)
{
    return rill_config_same_text(a->host, b->host) && a->port == b->port &&
           (a->cert_file == NULL) == (b->cert_file == NULL) &&
           (a->tokens.count == 0) == (b->tokens.count == 0);
}

static bool same_peering(const rill_config_accept *a, const rill_config_accept *b)
{
    return rill_config_same_text(a->host, b->host) && a->port == b->port &&
           (a->cert_file == NULL) == (b->cert_file == NULL);
}

static int judge(loading *l)
{
    const rill_connector *c = l->connector;
    const rill_config *old = &c->config;
    const rill_config *fresh = &l->fresh;
    const rill_config_port *ports = fresh->listen.items;
    unsigned errors = 0;
    const struct {
        bool same;
        rill_place place;
        const char *what;
    } fixed[] = {
        {rill_config_same_text(c->address[0] != '\0' ? NULL : old->address, fresh->address),
         fresh->place, "address"},
        {rill_config_same_text(old->store.path, fresh->store.path), fresh->store.place,
         "store: path"},
        {old->store.durability == fresh->store.durability, fresh->store.place, "store: durability"},
        {old->store.keep_minutes == fresh->store.keep_minutes, fresh->store.place,
         "store: keep-minutes"},
        {rill_config_same_text(old->store.backups, fresh->store.backups), fresh->store.place,
         "store: backups"},
        {same_ports(old, fresh), ports == NULL ? fresh->place : ports[0].place,
         "listen, other than its certificates,"},
        {same_admin(&old->admin, &fresh->admin), fresh->admin.place,
         "admin, other than its tokens, names and certificates,"},
        {same_engines(&old->engines, &fresh->engines), fresh->engines.place,
         "engines, other than their tokens and certificates,"},
        {same_peering(&old->peering.accept, &fresh->peering.accept), fresh->peering.place,
         "peering: accept: host, port and TLS"},
        {old->min_message_window == fresh->min_message_window, fresh->place, "min-message-window"},
        {old->max_hold_time == fresh->max_hold_time, fresh->place, "max-hold-time"},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        if (!fixed[i].same) {
            wrong(l, fixed[i].place, fixed[i].what);
            errors++;
        }
    }
    return errors > 0 ? RILL_ERR_INVALID : RILL_OK;
}

/* ---- loading ---- */

static int prepare(loading *l)
{
    rill_connector *c = l->connector;
    int rc =
        rill_connector_read_text(&c->options, l->text, l->text_len, rill_connector_given_address(c),
                                 &c->overlay, &l->fresh, &l->arena->arena);
    if (rc == RILL_OK && l->wanted != NULL && l->wanted->trouble[0] != '\0') {
        on_problem(l, l->wanted->trouble);
        rc = RILL_ERR_INVALID;
    }
    if (rc == RILL_OK)
        rc = judge(l);
    if (rc != RILL_OK)
        return rc;
    if (c->address[0] != '\0')
        l->fresh.address = c->address;
    rc = rill_connector_know_operators(c, &l->fresh, &l->operators);
    if (rc == RILL_OK)
        rc = rill_connector_know_secrets(c, &l->fresh.engines.tokens, &l->engines);
    if (rc == RILL_OK)
        rc = rill_connector_know_own_tokens(c, &l->fresh, &l->own_engines);
    if (rc == RILL_OK)
        rc = rill_connector_check_peering(c, &l->fresh);
    if (rc == RILL_OK)
        rc = rill_connector_know_engines(c, &l->fresh, &l->known_engines);
    if (rc == RILL_OK)
        rc = rill_core_prepare(&l->change, c->core, &l->fresh, rill_connector_problem, &c->options);
    if (rc == RILL_OK)
        rc = rill_connector_change_links(c, &l->fresh, &l->links);
    if (rc == RILL_OK)
        rc = rill_run_packets_prepare(&l->packets, c, &l->fresh);
    if (rc == RILL_OK)
        rc = rill_connector_renew_tls(c, &l->fresh);
    return rc;
}

static void give_up(loading *l)
{
    if (l->links != NULL)
        rill_connector_forget_links(l->links, l->fresh.accounts.count);
    if (l->change != NULL)
        rill_core_forget_change(l->change);
    rill_run_packets_forget(l->connector, l->packets);
    rill_connector_forget_engines(l->known_engines);
    rill_arena_clear(&l->arena->arena);
    rill_free(memory(), l->arena);
}

/* The same in the configuration, but not in the file or the variable that it names. */
static bool is_another_secret(const rill_config *old, const rill_config_account *fresh)
{
    const rill_config_account *accounts = old->accounts.items;
    for (size_t i = 0; i < old->accounts.count; i++) {
        const rill_config_link *link = accounts[i].link;
        if (strcmp(accounts[i].name, fresh->name) == 0)
            return rill_config_same_text(link->uri, fresh->link->uri) &&
                   rill_config_same_text(link->token, fresh->link->token) &&
                   rill_config_same_text(link->callback_url, fresh->link->callback_url) &&
                   rill_config_same_text(link->answers_url, fresh->link->answers_url) &&
                   rill_config_same_text(link->ca_file, fresh->link->ca_file) &&
                   link->connections == fresh->link->connections;
    }
    return false;
}

/* What the configuration says of a link the core tells. Secrets are read here. */
static void say_secrets(loading *l, const char *who)
{
    static const char what[] = "link token: another one is there now";
    for (size_t i = 0; i < l->fresh.accounts.count; i++) {
        const connector_link *k = l->links[i];
        char text[RILL_STORE_NAME_MAX + sizeof what + 20];
        if (k == NULL || !k->is_new || !is_another_secret(&l->connector->config, k->config))
            continue;
        (void)snprintf(text, sizeof text, "account %s: %s", k->config->name, what);
        on_change(l, text);
        if (rill_core_note(l->connector->core, rill_core_change_account(l->change, i), who, what) !=
            RILL_OK)
            rill_connector_tell(l->connector, "a change is not in the audit: out of memory");
    }
}

static const rill_config_account *find_account(const rill_config *config, const char *name)
{
    const rill_config_account *accounts = config->accounts.items;
    size_t i = 0;
    while (i < config->accounts.count && strcmp(accounts[i].name, name) != 0)
        i++;
    return i < config->accounts.count ? &accounts[i] : NULL;
}

/* A token of an engine is new. If it is not named otherwise than before, nobody else tells it. */
static void on_own_token(void *user, const uint8_t hash[RILL_SHA256_LEN], const void *owner)
{
    static const char what[] = "settlement tokens: another one is there now";
    loading *l = user;
    const rill_connector *c = l->connector;
    const rill_config_account *fresh = owner;
    char text[RILL_STORE_NAME_MAX + sizeof what + 20];
    if (rill_tokens_find_hash(&c->own_engine_tokens, hash) != NULL)
        return;
    const rill_config_account *old = find_account(&c->config, fresh->name);
    if (old == NULL ||
        !rill_config_same_texts(&old->settlement->tokens, &fresh->settlement->tokens))
        return;
    const rill_holder_account *a =
        rill_core_find(c->core, (rill_bytes){(const uint8_t *)fresh->name, strlen(fresh->name)});
    (void)snprintf(text, sizeof text, "account %s: %s", fresh->name, what);
    on_change(l, text);
    if (a == NULL || rill_core_note(c->core, a, l->who, what) != RILL_OK)
        rill_connector_tell(c, "a change is not in the audit: out of memory");
}

static void swap_operators(loading *l)
{
    const rill_tokens old = l->connector->operators;
    const rill_tokens old_engines = l->connector->engine_tokens;
    l->connector->operators = l->operators;
    l->operators = old;
    l->connector->engine_tokens = l->engines;
    l->engines = old_engines;
    const rill_tokens old_own = l->connector->own_engine_tokens;
    l->connector->own_engine_tokens = l->own_engines;
    l->own_engines = old_own;
}

static void apply(loading *l, const char *who)
{
    rill_connector *c = l->connector;
    const rill_config_port *ports;
    /* Who is told of lines for the first time begins with those of this change. */
    const uint64_t line = rill_core_last_line(c->core);
    say_secrets(l, who);
    l->who = who;
    rill_tokens_each(&l->own_engines, on_own_token, l);
    rill_core_apply(l->change, who, on_change, l);
    rill_connector_apply_links(c, l->links, &l->fresh);
    rill_run_packets_use(c, l->packets, &l->fresh);
    rill_connector_use_engines(c, l->known_engines, &l->fresh);
    swap_operators(l);
    const bool different = !rill_config_same_webhooks(&c->config.webhooks, &l->fresh.webhooks);
    c->config = l->fresh;
    if (rill_core_keep_config(c->core, false, who, on_change, l) != RILL_OK)
        rill_connector_tell(c, "the configuration is not kept whole: out of memory");
    ports = c->config.listen.items;
    for (size_t i = 0; i < c->port_count; i++)
        c->ports[i].config = &ports[i];
    const rill_arena old = c->arena;
    c->arena = l->arena->arena;
    l->arena->arena = old;
    l->arena->next = c->old_arenas;
    c->old_arenas = l->arena;
    if (l->from_file) {
        rill_kept_text_take(&c->text, l->text, l->text_len, c->config.store.path);
        l->text = NULL;
    }
    rill_run_rates_changed(c->rates);
    rill_run_webhooks_changed(c->webhooks, different, line);
    c->events->chores(c);
    if (l->from_file || l->wanted != NULL)
        rill_connector_warn(&c->options, &c->config, l->from_file ? NULL : l->wanted->name);
}

static void on_ignored(void *user, rill_place place, const char *problem)
{
    (void)user;
    (void)place;
    (void)problem;
}

void rill_connector_look_again(rill_connector *c)
{
    rill_config config;
    rill_arena arena;
    char *text = NULL;
    size_t len = 0;
    if (rill_kept_text_read(&c->text, &text, &len) != RILL_OK)
        return;
    rill_arena_init(&arena, memory());
    int rc = rill_config_read_with(&config, &arena, text, len, rill_connector_given_address(c),
                                   &c->overlay, on_ignored, NULL);
    (void)rc; /* it is the one that is used */
    rill_arena_clear(&arena);
    rill_free(memory(), text);
}

static int read_text(loading *l)
{
    rill_connector *c = l->connector;
    if (l->from_file)
        return rill_connector_read_file(&c->options, &l->text, &l->text_len);
    int rc = rill_kept_text_read(&c->text, &l->text, &l->text_len);
    if (rc != RILL_OK)
        rill_connector_say(&c->options, rill_strerror(rc));
    return rc;
}

/* l says what, and whom it is told. */
static int load(loading *l, const char *who)
{
    rill_connector *c = l->connector;
    char line[100];
    uint64_t seed;
    if (!c->begun || c->stopped || c->closing)
        return RILL_ERR_STATE;
    if (rill_crypto_random(c->loop->crypto, (uint8_t *)&seed, sizeof seed) != RILL_OK)
        return RILL_ERR_CRYPTO;
    rill_tokens_init(&l->operators, memory(), c->loop->crypto, seed);
    rill_tokens_init(&l->engines, memory(), c->loop->crypto, seed);
    rill_tokens_init(&l->own_engines, memory(), c->loop->crypto, seed);
    l->before = c->options;
    l->arena = rill_calloc(memory(), 1, sizeof *l->arena);
    if (l->arena == NULL)
        return RILL_ERR_NOMEM;
    rill_arena_init(&l->arena->arena, memory());
    c->options.report = on_problem;
    c->options.report_user = l;
    int rc = read_text(l);
    if (rc == RILL_OK)
        rc = prepare(l);
    c->options.report = l->before.report;
    c->options.report_user = l->before.report_user;
    if (rc == RILL_OK) {
        apply(l, who);
        if (c->admin != NULL)
            rill_admin_reloaded(c->admin, who, l->count, l->from_file);
        (void)snprintf(line, sizeof line, "the configuration is loaded: %zu changes", l->count);
    } else {
        give_up(l);
        if (l->from_file)
            rill_connector_look_again(c);
        (void)snprintf(line, sizeof line,
                       "the configuration is not loaded, and all stays as it is");
    }
    rill_tokens_clear(&l->operators);
    rill_tokens_clear(&l->engines);
    rill_tokens_clear(&l->own_engines);
    rill_free(memory(), l->text);
    rill_connector_tell(c, line);
    return rc;
}

int rill_connector_load(rill_connector *c, const char *who, json_t *changes, json_t *problems)
{
    loading l = {.connector = c, .from_file = true, .changes = changes, .problems = problems};
    return load(&l, who);
}

int rill_connector_load_again(rill_connector *c, const char *who, const rill_overlay_item *wanted,
                              json_t *changes, json_t *problems)
{
    loading l = {.connector = c, .wanted = wanted, .changes = changes, .problems = problems};
    return load(&l, who);
}

int rill_connector_reload(rill_connector *c, const char *who)
{
    return rill_connector_load(c, who, NULL, NULL);
}
