/* SPDX-License-Identifier: Apache-2.0 */
/* The ways by which neighbours come: ports, and links that we open. */
#define _POSIX_C_SOURCE 200809L

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
    rill_connector_finish(p->owner);
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

/* ---- links that we open ---- */

/*
 * Until the hub has the link (a parent that is asked for our address first), and for what is not
 * the hub's: who goes, and the replies to what we asked ourselves.
 */
static bool has_hub(const connector_link *k)
{
    return k->on != NULL;
}

static void link_up(rill_link *l, void *user)
{
    connector_link *k = user;
    k->up = true;
    if (has_hub(k))
        k->on->up(l, k->session);
    else
        rill_uplink_up(k);
}

static void link_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    connector_link *k = user;
    k->up = false;
    if (has_hub(k))
        k->on->down(l, error, detail, final, k->session);
    else
        rill_uplink_down(k, detail, final);
}

static void refuse_early(rill_link *l, uint64_t id)
{
    static const char why[] = "the node has no address yet";
    uint8_t packet[256];
    size_t len = 0;
    const rill_reject reject = {
        .code = rill_ilp_code_of(RILL_ILP_T03_CONNECTOR_BUSY),
        .message = {(const uint8_t *)why, sizeof why - 1},
    };
    int rc = rill_reject_encode(&reject, packet, sizeof packet, &len);
    if (rc == RILL_OK)
        rc = rill_link_reply(l, id, packet, len);
    (void)rc; /* a link that was lost has nobody to be answered */
}

static void link_prepare(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    const connector_link *k = user;
    if (has_hub(k))
        k->on->prepare(l, id, packet, len, k->session);
    else
        refuse_early(l, id);
}

static void link_reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    connector_link *k = user;
    if (rill_account_query_owns(id))
        rill_uplink_reply(k, id, packet, len);
    else if (has_hub(k))
        k->on->reply(l, id, packet, len, k->session);
}

static void link_unanswered(rill_link *l, uint64_t id, int error, bool sent, void *user)
{
    connector_link *k = user;
    if (rill_account_query_owns(id))
        rill_uplink_unanswered(k, id);
    else if (has_hub(k))
        k->on->unanswered(l, id, error, sent, k->session);
}

static void link_writable(rill_link *l, void *user)
{
    const connector_link *k = user;
    if (has_hub(k))
        k->on->writable(l, k->session);
}

static void link_closed(rill_link *l, void *user)
{
    connector_link *k = user;
    rill_connector *c = k->owner;
    if (has_hub(k))
        k->on->closed(l, k->session);
    k->link = NULL;
    c->open_links--;
    rill_connector_finish(c);
}

static const rill_link_handlers link_handlers = {
    .size = sizeof(rill_link_handlers),
    .up = link_up,
    .down = link_down,
    .prepare = link_prepare,
    .reply = link_reply,
    .unanswered = link_unanswered,
    .writable = link_writable,
    .closed = link_closed,
};

/* scheme://:TOKEN@rest. NULL: it has been complained about. */
static const char *uri_with_token(rill_connector *c, const rill_config_link *config,
                                  const char *token)
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
    int rc = rill_link_open(&k->link, c->loop, uri, &o, &link_handlers, k, &problem);
    if (rc != RILL_OK)
        rill_connector_problem(&c->options, config->place,
                               problem != NULL ? problem : rill_strerror(rc));
    else
        c->open_links++;
    return rc;
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
    const char *uri = uri_with_token(c, config, token);
    rill_wipe(token, sizeof token);
    return uri == NULL ? RILL_ERR_INVALID : open_uri(k, uri);
}

/* The hub gets the link, and is told if it is up already. */
static int attach(connector_link *k, const rill_holder_account *holder)
{
    int rc = rill_hub_attach(&k->on, &k->session, rill_core_hub(k->owner->core), k->link,
                             holder->account);
    if (rc == RILL_OK && k->up)
        k->on->up(k->link, k->session);
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
        connector_link *k = &c->links[c->link_count++];
        *k = (connector_link){.owner = c, .config = &accounts[i]};
        rill_account_query_init(&k->query);
    }
    return RILL_OK;
}

int rill_connector_open_parent(rill_connector *c)
{
    for (size_t i = 0; i < c->link_count; i++) {
        if (c->links[i].config->relation != RILL_RELATION_PARENT)
            continue;
        c->parent = &c->links[i];
        return open_link(c->parent);
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
        connector_link *k = &c->links[next++];
        if (k->link == NULL)
            rc = open_link(k);
        if (rc == RILL_OK)
            rc = attach(k, holder);
    }
    return rc;
}
