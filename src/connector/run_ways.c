/* SPDX-License-Identifier: Apache-2.0 */
/* The ways by which neighbours come: ports, and links that we open. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/run_impl.h"

/* Bytes of the longest token in a link's URI. */
enum { TOKEN_IN_URI = 511 };

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- ports ---- */

static int on_authenticate(void *owner, rill_bytes name, rill_bytes token, rill_link *session,
                           const rill_link_handlers **handlers, void **user)
{
    const connector_port *p = owner;
    if (p->owner->stopped)
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

static const char *port_problem(int rc)
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
        rill_connector_problem(&c->options, config->place, port_problem(rc));
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

static void on_admin_line(void *user, const char *line)
{
    rill_connector_line(user, RILL_LOG_WARNING, line);
}

static void on_admin_closed(void *user)
{
    rill_connector *c = user;
    c->open_ports--;
    c->events->gone(c);
}

static int know_operators(rill_connector *c)
{
    const rill_text *tokens = c->config.admin.tokens.items;
    for (size_t i = 0; i < c->config.admin.tokens.count; i++) {
        char token[RILL_TOKEN_MAX + 1];
        int rc = rill_config_secret(tokens[i].text, token, sizeof token);
        if (rc == RILL_OK)
            rc = rill_tokens_add(&c->operators, (rill_bytes){(const uint8_t *)token, strlen(token)},
                                 c);
        rill_wipe(token, sizeof token);
        if (rc != RILL_OK) {
            char what[300];
            snprintf(what, sizeof what, "the token %.200s cannot be read: %s", tokens[i].text,
                     rc == RILL_ERR_NOT_FOUND ? "there is none" : rill_strerror(rc));
            rill_connector_problem(&c->options, tokens[i].place, what);
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
                      : rc == RILL_ERR_IO           ? strerror(errno)
                                                    : rill_strerror(rc);
    if (of_path)
        (void)snprintf(what, sizeof what,
                       "admin: the socket %.200s cannot be made: %.100s; \"socket\" names another",
                       c->socket, why);
    rill_connector_problem(&c->options, config->place.line != 0 ? config->place : c->config.place,
                           of_path ? what : port_problem(rc));
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
        .log = on_admin_line,
        .closed = on_admin_closed,
        .user = c,
    };
    if (o.path == NULL && o.host == NULL)
        return RILL_OK;
    rc = know_operators(c);
    if (rc != RILL_OK)
        return rc;
    rc = rill_admin_open(&c->admin, c->loop, &o, &of_path);
    if (rc == RILL_OK)
        c->open_ports++;
    else
        report_admin(c, rc, of_path);
    return rc;
}

/* ---- links that we open ---- */

/* The parent may not hold the account in something else than we do. */
static bool is_agreed(const connector_link *k, const rill_ildcp_info *info)
{
    const rill_config_asset *asset = &k->config->asset;
    size_t len = strlen(asset->code);
    char what[200];
    if (info->asset_scale == asset->scale && info->asset_code.len == len &&
        memcmp(info->asset_code.data, asset->code, len) == 0)
        return true;
    snprintf(what, sizeof what, "the parent holds this account in %.*s/%u, not in %s/%u",
             info->asset_code.len > 60 ? 60 : (int)info->asset_code.len,
             (const char *)info->asset_code.data, (unsigned)info->asset_scale, asset->code,
             (unsigned)asset->scale);
    rill_connector_problem(&k->owner->options, k->config->place, what);
    return false;
}

static void on_address(rill_way *w, const rill_ildcp_info *info, void *user)
{
    const connector_link *k = user;
    rill_connector *c = k->owner;
    (void)w;
    if (!is_agreed(k, info)) {
        c->events->failed(c, RILL_ERR_ASSET);
        return;
    }
    char *address = rill_arena_alloc(&c->arena, info->address.len + 1);
    if (address == NULL) {
        c->events->failed(c, RILL_ERR_NOMEM);
        return;
    }
    memcpy(address, info->address.data, info->address.len);
    c->config.address = address;
    c->events->addressed(c);
}

static void on_no_address(rill_way *w, int error, const char *why, void *user)
{
    const connector_link *k = user;
    (void)w;
    rill_connector_problem(&k->owner->options, k->config->link.place, why);
    k->owner->events->failed(k->owner, error);
}

static void on_waiting(rill_way *w, const char *why, void *user)
{
    const connector_link *k = user;
    char line[300];
    (void)w;
    snprintf(line, sizeof line, "account %.100s: waiting for our address: %.150s", k->config->name,
             why);
    rill_connector_line(k->owner, RILL_LOG_WARNING, line);
}

static void on_way_closed(rill_way *w, void *user)
{
    const connector_link *k = user;
    (void)w;
    k->owner->open_links--;
    k->owner->events->gone(k->owner);
}

static const rill_way_handlers way_handlers = {on_address, on_no_address, on_waiting,
                                               on_way_closed};

/* scheme://:TOKEN@rest. NULL: it has been complained about. */
static char *uri_with_token(rill_connector *c, const rill_config_link *config, const char *token)
{
    const char *slashes = strstr(config->uri, "://");
    size_t size = strlen(config->uri) + strlen(token) + 3;
    if (slashes == NULL || strchr(config->uri, '@') != NULL) {
        rill_connector_problem(&c->options, config->place,
                               "uri: it must be like btp+wss://host/path, without a token");
        return NULL;
    }
    if (strpbrk(token, "/@?#: \t") != NULL) {
        rill_connector_problem(&c->options, config->place,
                               "token: a token of a link has none of / @ ? # : and no blanks");
        return NULL;
    }
    char *uri = rill_arena_alloc(&c->arena, size);
    if (uri != NULL)
        snprintf(uri, size, "%.*s://:%s@%s", (int)(slashes - config->uri), config->uri, token,
                 slashes + 3);
    return uri;
}

static int open_uri(connector_link *k, const char *uri)
{
    rill_connector *c = k->owner;
    const rill_config_link *config = &k->config->link;
    const char *problem = NULL;
    rill_link_options o;
    rill_link_options_init(&o);
    o.connections = (uint32_t)config->connections;
    bool asks = c->config.address == NULL;
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

static int open_link(connector_link *k)
{
    rill_connector *c = k->owner;
    const rill_config_link *config = &k->config->link;
    char token[TOKEN_IN_URI + 1] = "";
    if (config->token != NULL) {
        int rc = rill_config_secret(config->token, token, sizeof token);
        if (rc != RILL_OK) {
            char what[300];
            snprintf(what, sizeof what, "the token %.200s cannot be read: %s", config->token,
                     rc == RILL_ERR_NOT_FOUND ? "there is none" : rill_strerror(rc));
            rill_connector_problem(&c->options, config->place, what);
            return RILL_ERR_INVALID;
        }
    }
    char *uri = uri_with_token(c, config, token);
    rill_wipe(token, sizeof token);
    if (uri == NULL)
        return RILL_ERR_INVALID;
    int rc = open_uri(k, uri);
    rill_wipe(uri, strlen(uri)); /* the link has a copy */
    return rc;
}

int rill_connector_prepare_links(rill_connector *c)
{
    const rill_config_account *accounts = c->config.accounts.items;
    c->links = rill_calloc(memory(), c->config.accounts.count + 1, sizeof *c->links);
    if (c->links == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < c->config.accounts.count; i++) {
        if (accounts[i].link.uri == NULL)
            continue;
        connector_link *k = rill_calloc(memory(), 1, sizeof *k);
        if (k == NULL)
            return RILL_ERR_NOMEM;
        k->owner = c;
        k->config = &accounts[i];
        c->links[c->link_count++] = k;
    }
    return RILL_OK;
}

void rill_connector_free_links(rill_connector *c)
{
    for (size_t i = 0; i < c->link_count; i++)
        rill_free(memory(), c->links[i]);
    rill_free(memory(), c->links);
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
        const rill_holder_account *holder = rill_core_account(c->core, i);
        if (holder->config->link.uri == NULL)
            continue;
        connector_link *k = c->links[next++];
        if (!k->open)
            rc = open_link(k);
        if (rc == RILL_OK)
            rc = rill_way_attach(&k->way, rill_core_hub(c->core), holder->account);
    }
    return rc;
}
