/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: of neighbours, and the operator's. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/run_impl.h"

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- ports ---- */

static int on_authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                           const rill_link_handlers **handlers, void **user)
{
    const connector_port *p = owner;
    if (p->owner->stopped && !rill_port_takes_replies(p->port))
        return RILL_ERR_CLOSED;
    return rill_core_admit(handlers, user, p->owner->core, session, name, token);
}

static void on_port_line(void *owner, const char *line)
{
    const connector_port *p = owner;
    rill_connector_line(p->owner, RILL_LOG_WARNING, line);
}

void rill_connector_port_closed(void *owner)
{
    connector_port *p = owner;
    p->port = NULL;
    p->owner->open_ports--;
    p->owner->events->gone(p->owner);
}

const char *rill_connector_port_problem(int rc)
{
    switch (rc) {
    case RILL_ERR_ADDRESS_IN_USE:
        return "the address is in use: is another node running?";
    case RILL_ERR_TLS:
        return "cert or key cannot be used: is each a PEM file, and do they belong together?";
    case RILL_ERR_INVALID:
        return "the host is no address of this machine";
    default:
        return rill_strerror(rc);
    }
}

static int open_port(rill_connector *c, const rill_config_port *config)
{
    connector_port *p = &c->ports[c->port_count];
    rill_port_options o;
    rill_port_options_init(&o);
    o.listen.host = config->host;
    o.listen.port = (uint16_t)config->port;
    o.listen.cert_file = config->cert_file;
    o.listen.key_file = config->key_file;
    o.http = config->http;
    if (c->options.max_strangers != 0)
        o.listen.max_strangers = c->options.max_strangers;
    if (c->options.max_sessions != 0)
        o.max_sessions = c->options.max_sessions;
    o.authenticate = on_authenticate;
    o.log = on_port_line;
    o.owner = p;
    *p = (connector_port){.owner = c, .config = config};
    int rc = rill_port_open(&p->port, c->loop, &o);
    if (rc != RILL_OK) {
        rill_connector_problem(&c->options, config->place, rill_connector_port_problem(rc));
        return rc;
    }
    c->port_count++;
    c->open_ports++;
    return RILL_OK;
}

int rill_connector_open_ports(rill_connector *c)
{
    const rill_config_port *configs = c->config.listen.items;
    int rc = RILL_OK;
    c->ports = rill_calloc(memory(), c->config.listen.count + 1, sizeof *c->ports);
    if (c->ports == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < c->config.listen.count && rc == RILL_OK; i++)
        rc = open_port(c, &configs[i]);
    return rc;
}

/* ---- the operator's port ---- */

void rill_connector_port_line(void *user, const char *line)
{
    rill_connector_line(user, RILL_LOG_WARNING, line);
}

void rill_connector_one_port_less(void *user)
{
    rill_connector *c = user;
    c->open_ports--;
    c->events->gone(c);
}

int rill_connector_secret_hash(const rill_connector *c, const rill_text *where,
                               uint8_t hash[RILL_SHA256_LEN])
{
    union {
        const rill_connector_options *given;
        void *user;
    } options = {.given = &c->options};
    char token[RILL_TOKEN_MAX + 1];
    char what[300];
    if (rill_config_token_hash(where->text, hash))
        return RILL_OK;
    int rc = rill_config_secret(where->text, token, sizeof token);
    if (rc == RILL_OK)
        rc = rill_crypto_sha256(c->loop->crypto, (const uint8_t *)token, strlen(token), hash);
    rill_wipe(token, sizeof token);
    if (rc == RILL_OK)
        return RILL_OK;
    (void)snprintf(what, sizeof what, "the token %.200s cannot be read: %s", where->text,
                   rc == RILL_ERR_NOT_FOUND ? "there is none" : rill_strerror(rc));
    rill_connector_problem(options.user, where->place, what);
    return RILL_ERR_INVALID;
}

/*
 * *first: whose it is; one that is there twice is the first's. RILL_ERR_INVALID: what is wrong has
 * been reported.
 */
static int know_secret(const rill_connector *c, const rill_text *where, const void *owner,
                       rill_tokens *all, const void **first)
{
    uint8_t hash[RILL_SHA256_LEN];
    void *its = (void *)(uintptr_t)owner;
    int rc = rill_connector_secret_hash(c, where, hash);
    if (rc != RILL_OK)
        return rc;
    rc = rill_tokens_add_hash(all, hash, its);
    if (rc == RILL_OK || rc == RILL_ERR_EXISTS)
        *first = rill_tokens_find_hash(all, hash);
    rill_wipe(hash, sizeof hash);
    return rc == RILL_ERR_EXISTS ? RILL_OK : rc;
}

int rill_connector_know_secrets(rill_connector *c, const rill_items *secrets, rill_tokens *all)
{
    const rill_text *tokens = secrets->items;
    int rc = RILL_OK;
    for (size_t i = 0; i < secrets->count && rc == RILL_OK; i++) {
        const void *first;
        rc = know_secret(c, &tokens[i], tokens[i].text, all, &first);
    }
    return rc;
}

int rill_connector_know_operators(rill_connector *c, const rill_config *config, rill_tokens *all)
{
    const rill_config_operator *operators = config->admin.tokens.items;
    for (size_t i = 0; i < config->admin.tokens.count; i++) {
        const rill_text where = {operators[i].place, operators[i].token};
        const void *first = NULL;
        int rc = know_secret(c, &where, &operators[i], all, &first);
        if (rc != RILL_OK)
            return rc;
        const rill_config_operator *of = first;
        if (of != NULL && of->scopes != operators[i].scopes) {
            rill_connector_problem(&c->options, where.place,
                                   "another token is the same, and has other scopes");
            return RILL_ERR_INVALID;
        }
    }
    return RILL_OK;
}

static void report_admin(rill_connector *c, int rc, bool of_path)
{
    const rill_config_admin *config = &c->config.admin;
    char what[400];
    const char *why = rc == RILL_ERR_ADDRESS_IN_USE ? "another node uses it"
                      : rc == RILL_ERR_EXISTS       ? "something else than a socket is there"
                      : rc == RILL_ERR_TOO_LARGE    ? "the path is too long for a socket"
                      : rc == RILL_ERR_INVALID
                          ? "it was passed, and everybody may connect to it: SocketMode=0600"
                      : rc == RILL_ERR_IO ? strerror(errno)
                                          : rill_strerror(rc);
    if (of_path)
        (void)snprintf(what, sizeof what,
                       "admin: the socket %.200s cannot be made: %.100s; \"socket\" names another",
                       c->socket, why);
    rill_connector_problem(&c->options, config->place.line != 0 ? config->place : c->config.place,
                           of_path ? what : rill_connector_port_problem(rc));
}

int rill_connector_open_admin(rill_connector *c)
{
    const rill_config_admin *config = &c->config.admin;
    bool of_path = true;
    int rc = rill_config_socket(&c->config, c->socket, sizeof c->socket);
    if (rc != RILL_OK) {
        report_admin(c, RILL_ERR_TOO_LARGE, true);
        return RILL_ERR_INVALID;
    }
    const rill_admin_options o = {
        .path = c->socket[0] == '\0' ? NULL : c->socket,
        .host = config->port == RILL_CONFIG_NO_PORT ? NULL : config->host,
        .port = (uint16_t)config->port,
        .cert_file = config->cert_file,
        .key_file = config->key_file,
        .core = c->core,
        .tokens = &c->operators,
        .control = &c->control,
        .log = rill_connector_port_line,
        .closed = rill_connector_one_port_less,
        .user = c,
    };
    if (o.path == NULL && o.host == NULL)
        return RILL_OK;
    rc = rill_connector_know_operators(c, &c->config, &c->operators);
    if (rc != RILL_OK)
        return rc;
    rc = rill_admin_open(&c->admin, c->loop, &o, &of_path);
    if (rc == RILL_OK)
        c->open_ports++;
    else
        report_admin(c, rc, of_path);
    return rc;
}

/* ---- certificates anew ---- */

static int renew(rill_connector *c, rill_listener *listener, rill_place place, const char *cert,
                 const char *key)
{
    int rc = cert == NULL ? RILL_OK : rill_listener_renew_tls(listener, cert, key);
    if (rc == RILL_OK)
        return RILL_OK;
    rill_connector_problem(&c->options, place, rill_connector_port_problem(rc));
    return RILL_ERR_INVALID;
}

int rill_connector_renew_tls(rill_connector *c, const rill_config *fresh)
{
    const rill_config_port *ports = fresh->listen.items;
    const rill_config_admin *admin = &fresh->admin;
    int rc = RILL_OK;
    for (size_t i = 0; i < c->port_count && rc == RILL_OK; i++)
        rc = renew(c, rill_port_listener(c->ports[i].port), ports[i].place, ports[i].cert_file,
                   ports[i].key_file);
    if (rc == RILL_OK && c->admin != NULL && admin->cert_file != NULL &&
        rill_admin_renew_tls(c->admin, admin->cert_file, admin->key_file) != RILL_OK) {
        rill_connector_problem(&c->options, admin->place,
                               rill_connector_port_problem(RILL_ERR_TLS));
        rc = RILL_ERR_INVALID;
    }
    if (rc == RILL_OK && c->peering != NULL && fresh->peering.accept.cert_file != NULL &&
        rill_peering_port_renew_tls(c->peering, fresh->peering.accept.cert_file,
                                    fresh->peering.accept.key_file) != RILL_OK) {
        rill_connector_problem(&c->options, fresh->peering.accept.place,
                               rill_connector_port_problem(RILL_ERR_TLS));
        rc = RILL_ERR_INVALID;
    }
    if (rc == RILL_OK && c->engines != NULL && fresh->engines.cert_file != NULL &&
        rill_engine_port_renew_tls(c->engines, fresh->engines.cert_file, fresh->engines.key_file) !=
            RILL_OK) {
        rill_connector_problem(&c->options, fresh->engines.place,
                               rill_connector_port_problem(RILL_ERR_TLS));
        rc = RILL_ERR_INVALID;
    }
    return rc;
}
