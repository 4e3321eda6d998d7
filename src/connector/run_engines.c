/* SPDX-License-Identifier: Apache-2.0 */
/* Settlement engines on the loop: their port, and calls to them. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "clients/web_client.h"
#include "connector/run_impl.h"

#define CALL_TIMEOUT    (10 * RILL_SECOND)
#define CONNECT_TIMEOUT (5 * RILL_SECOND)
/* More than the data of a packet, which an answer to a message becomes. */
enum { MAX_ANSWER = 65536, FIELDS = 4 };

typedef struct engine_call {
    connector_call call; /* first; in rill_connector.calls */
    uint64_t id;
} engine_call;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- calls ---- */

static void on_answer(connector_call *call, const rill_web_answer *answer)
{
    rill_connector *c = call->owner;
    const uint64_t id = ((const engine_call *)call)->id;
    const rill_engine_answer told = {
        .status = answer->error == RILL_OK ? answer->status : 0,
        .problem = answer->problem,
        .body = {(const uint8_t *)answer->body, answer->len},
    };
    rill_free(memory(), call);
    rill_core_engine_answered(c->core, id, &told);
}

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

static size_t put_fields(const rill_engine_call *call, char bearer[RILL_TOKEN_MAX + 8],
                         rill_request_header fields[FIELDS])
{
    size_t count = 0;
    if (call->type != NULL) {
        fields[count++] = (rill_request_header){"Content-Type", bytes_of(call->type)};
        fields[count++] = (rill_request_header){"Accept", bytes_of(call->type)};
    }
    if (call->key != NULL)
        fields[count++] = (rill_request_header){"Idempotency-Key", bytes_of(call->key)};
    if (call->token != NULL) {
        (void)snprintf(bearer, RILL_TOKEN_MAX + 8, "Bearer %s", call->token);
        fields[count++] = (rill_request_header){"Authorization", bytes_of(bearer)};
    }
    return count;
}

/* ---- authorities ---- */

/* NULL: no memory. path empty: those of the system alone. */
static connector_ca *find_ca(rill_connector *c, const char *path)
{
    connector_ca *ca = c->cas;
    while (ca != NULL && strcmp(ca->path, path) != 0)
        ca = ca->next;
    if (ca != NULL)
        return ca;
    size_t size = strlen(path) + 1;
    ca = rill_calloc(memory(), 1, sizeof *ca + size);
    if (ca == NULL)
        return NULL;
    memcpy(ca->path, path, size);
    ca->next = c->cas;
    c->cas = ca;
    return ca;
}

const char *rill_connector_ca(rill_connector *c, const char *path)
{
    const connector_ca *ca = find_ca(c, path);
    return ca == NULL ? NULL : ca->path;
}

/* Whether a URL may be plain http the configuration has said. */
static int open_client(rill_connector *c, connector_ca *ca)
{
    rill_web_client_options o;
    if (ca->web != NULL)
        return RILL_OK;
    rill_web_client_options_init(&o);
    o.timeout_ns = CALL_TIMEOUT;
    o.connect_timeout_ns = CONNECT_TIMEOUT;
    o.max_body = MAX_ANSWER;
    o.insecure = true;
    o.ca_file = ca->path[0] == '\0' ? NULL : ca->path;
    return rill_web_client_new(&ca->web, c->loop, &o);
}

static bool is_engine(const char *a, const char *b)
{
    const size_t len = rill_engine_url_len(a);
    return rill_engine_url_len(b) == len && memcmp(a, b, len) == 0;
}

static connector_engine *find_engine(connector_engine *known, const char *url)
{
    while (known != NULL && !is_engine(known->url, url))
        known = known->next;
    return known;
}

connector_ca *rill_connector_engine_ca(rill_connector *c, const char *url)
{
    const connector_engine *engine = find_engine(c->known_engines, url);
    return engine != NULL ? engine->ca : find_ca(c, "");
}

static int know_engine(rill_connector *c, const rill_config_settlement *s, connector_engine **known)
{
    connector_engine *e = find_engine(*known, s->engine);
    connector_ca *ca = find_ca(c, s->ca_file);
    int rc = ca == NULL ? RILL_ERR_NOMEM : open_client(c, ca);
    size_t size = strlen(s->engine) + 1;
    if (rc == RILL_OK && e == NULL) {
        e = rill_calloc(memory(), 1, sizeof *e + size);
        if (e == NULL)
            return RILL_ERR_NOMEM;
        memcpy(e->url, s->engine, size);
        e->next = *known;
        *known = e;
    }
    if (rc == RILL_OK)
        e->ca = ca;
    if (rc != RILL_ERR_TLS)
        return rc;
    rill_connector_problem(&c->options, s->place, "ca: the file cannot be read");
    return RILL_ERR_INVALID;
}

int rill_connector_know_engines(rill_connector *c, const rill_config *config,
                                connector_engine **known)
{
    const rill_config_account *accounts = config->accounts.items;
    int rc = RILL_OK;
    for (size_t i = 0; i < config->accounts.count && rc == RILL_OK; i++) {
        if (accounts[i].settlement->engine != NULL && accounts[i].settlement->ca_file != NULL)
            rc = know_engine(c, accounts[i].settlement, known);
    }
    return rc;
}

void rill_connector_forget_engines(connector_engine *known)
{
    while (known != NULL) {
        connector_engine *e = known;
        known = e->next;
        rill_free(memory(), e);
    }
}

static bool has_engine(const rill_config *config, const char *url)
{
    const rill_config_account *accounts = config->accounts.items;
    for (size_t i = 0; i < config->accounts.count; i++) {
        const char *engine = accounts[i].settlement->engine;
        if (engine != NULL && is_engine(engine, url))
            return true;
    }
    return false;
}

/* One that no account has any more may still be asked how a settlement ended. */
void rill_connector_use_engines(rill_connector *c, connector_engine *known,
                                const rill_config *config)
{
    connector_engine *old = c->known_engines;
    while (old != NULL) {
        connector_engine *e = old;
        old = e->next;
        if (find_engine(known, e->url) != NULL || has_engine(config, e->url)) {
            rill_free(memory(), e);
            continue;
        }
        e->next = known;
        known = e;
    }
    c->known_engines = known;
}

void rill_connector_free_engines(rill_connector *c)
{
    rill_connector_forget_engines(c->known_engines);
    c->known_engines = NULL;
    while (c->cas != NULL) {
        connector_ca *ca = c->cas;
        c->cas = ca->next;
        rill_web_client_free(ca->web);
        rill_free(memory(), ca);
    }
}

/* ---- a call ---- */

int rill_connector_call_engine(void *user, const rill_engine_call *call)
{
    rill_connector *c = user;
    char url[RILL_ENGINE_MAX + RILL_STORE_NAME_MAX + 60];
    char bearer[RILL_TOKEN_MAX + 8];
    rill_request_header fields[FIELDS];
    if (c->closing)
        return RILL_ERR_CLOSED;
    connector_ca *ca = rill_connector_engine_ca(c, call->engine);
    int rc = ca == NULL ? RILL_ERR_NOMEM : open_client(c, ca);
    if (rc != RILL_OK)
        return rc;
    engine_call *open = rill_alloc(memory(), sizeof *open);
    if (open == NULL)
        return RILL_ERR_NOMEM;
    *open = (engine_call){{.owner = c, .answered = on_answer}, call->id};
    (void)snprintf(url, sizeof url, "%s%s", call->engine, call->path);
    const rill_web_ask ask = {
        .method = call->method,
        .url = url,
        .fields = fields,
        .field_count = put_fields(call, bearer, fields),
        .body = call->body,
        /* Without a key an engine cannot see that it has had this before. */
        .once = call->key == NULL && strcmp(call->method, "POST") == 0,
    };
    rc = rill_connector_start_call(&open->call, &c->calls, ca->web, &ask);
    if (call->token != NULL)
        rill_wipe(bearer, sizeof bearer);
    if (rc != RILL_OK)
        rill_free(memory(), open);
    return rc;
}

void rill_connector_end_calls(rill_connector *c)
{
    rill_engine_port *port = c->engines;
    c->engines = NULL;
    if (port != NULL)
        rill_engine_port_close(port);
    for (connector_ca *ca = c->cas; ca != NULL; ca = ca->next) {
        rill_web_client_free(ca->web);
        ca->web = NULL;
    }
    connector_call *call;
    while ((call = rill_connector_take_call(&c->calls)) != NULL)
        rill_free(memory(), call);
}

void rill_connector_messaged(void *user, uint64_t message, unsigned status, rill_bytes data)
{
    const rill_connector *c = user;
    if (c->engines != NULL)
        rill_engine_port_messaged(c->engines, message, status, data);
}

/* ---- the port ---- */

static int know_own(rill_connector *c, const rill_config_account *a, rill_tokens *all)
{
    const rill_text *tokens = a->settlement->tokens.items;
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    uint8_t hash[RILL_SHA256_LEN];
    uint8_t bound[RILL_SHA256_LEN];
    void *owner = (void *)(uintptr_t)a;
    int rc = RILL_OK;
    for (size_t i = 0; i < a->settlement->tokens.count && rc == RILL_OK; i++) {
        rc = rill_connector_secret_hash(c, &tokens[i], hash);
        if (rc == RILL_OK)
            rc = rill_engine_token_of(c->loop->crypto, hash, name, bound);
        if (rc == RILL_OK)
            rc = rill_tokens_add_hash(all, bound, owner);
    }
    rill_wipe(hash, sizeof hash);
    return rc;
}

int rill_connector_know_own_tokens(rill_connector *c, const rill_config *config,
                                   rill_tokens *tokens)
{
    const rill_config_account *accounts = config->accounts.items;
    int rc = RILL_OK;
    for (size_t i = 0; i < config->accounts.count && rc == RILL_OK; i++) {
        if (accounts[i].settlement->tokens.count > 0)
            rc = know_own(c, &accounts[i], tokens);
    }
    return rc;
}

int rill_connector_open_engines(rill_connector *c)
{
    const rill_config_engines *config = &c->config.engines;
    const rill_engine_port_options o = {
        .host = config->host,
        .port = (uint16_t)config->port,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .core = c->core,
        .tokens = &c->engine_tokens,
        .own_tokens = &c->own_engine_tokens,
        .log = rill_connector_port_line,
        .closed = rill_connector_one_port_less,
        .user = c,
    };
    char line[120];
    if (config->port == RILL_CONFIG_NO_PORT)
        return RILL_OK;
    int rc = rill_connector_know_secrets(c, &config->tokens, &c->engine_tokens);
    if (rc != RILL_OK)
        return rc;
    rc = rill_connector_know_own_tokens(c, &c->config, &c->own_engine_tokens);
    if (rc != RILL_OK)
        return rc;
    rc = rill_engine_port_open(&c->engines, c->loop, &o);
    if (rc != RILL_OK) {
        rill_connector_problem(&c->options, config->place, rill_connector_port_problem(rc));
        return rc;
    }
    c->open_ports++;
    (void)snprintf(line, sizeof line, "settlement engines on %.60s:%u", config->host,
                   (unsigned)rill_engine_port_number(c->engines));
    rill_connector_tell(c, line);
    return RILL_OK;
}
