/* SPDX-License-Identifier: Apache-2.0 */
/* The core on a loop: its clock, its store, its ports and its links. */
#define _POSIX_C_SOURCE 200809L

#include "connector/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wide_text.h"
#include "connector/core.h"
#include "io/large_pages.h"
#include "io/loop.h"
#include "links/port.h"
#include "store/sqlite.h"
#include "store/writer.h"

enum { LINE = 1024, TOKEN_IN_URI = 511 };

typedef struct connector_port {
    rill_connector *owner;
    rill_port *port; /* NULL: it is closed */
    const rill_config_port *config;
} connector_port;

struct rill_connector {
    rill_loop *loop;
    rill_connector_options options;
    rill_connector_handlers on;
    void *user;
    char *path; /* of the configuration */
    rill_arena arena;
    rill_config config;
    rill_core *core;
    rill_store *store;
    connector_port *ports;
    size_t port_count;
    size_t open_ports;
    rill_link **links; /* that we opened */
    size_t link_count;
    size_t open_links;
    uv_timer_t tick;  /* the hub's */
    uv_timer_t retry; /* the clerk's */
    uv_async_t written;
    unsigned handles;
    rill_task turn;
    rill_task draining;
    bool begun; /* what is booked belongs into the store */
    bool stopped;
    bool closing;
    bool finishing; /* ports and links are gone; the store is asked for the rest */
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- what is wrong ---- */

static void say(const rill_connector_options *o, const char *what)
{
    char line[LINE];
    if (o->report == NULL)
        return;
    snprintf(line, sizeof line, "%s: %s", o->config, what);
    o->report(o->report_user, line);
}

static void on_problem(void *user, rill_place place, const char *problem)
{
    const rill_connector_options *o = user;
    char line[LINE];
    if (o->report == NULL)
        return;
    snprintf(line, sizeof line, "%s:%" PRIu32 ":%" PRIu32 ": %s", o->config, place.line,
             place.column, problem);
    o->report(o->report_user, line);
}

/* ---- the file ---- */

static int read_file(const rill_connector_options *o, rill_arena *arena, const char **text,
                     size_t *len)
{
    FILE *file = fopen(o->config, "r");
    int error = errno;
    if (file == NULL) {
        say(o, strerror(error));
        return error == ENOENT ? RILL_ERR_NOT_FOUND : RILL_ERR_IO;
    }
    char *all = rill_arena_alloc(arena, RILL_CONFIG_MAX + 1);
    int rc = all == NULL ? RILL_ERR_NOMEM : RILL_OK;
    if (rc == RILL_OK) {
        *len = fread(all, 1, RILL_CONFIG_MAX + 1, file);
        error = errno;
        rc = ferror(file) != 0 ? RILL_ERR_IO : *len > RILL_CONFIG_MAX ? RILL_ERR_LIMIT : RILL_OK;
    }
    (void)fclose(file);
    if (rc != RILL_OK)
        say(o, rc == RILL_ERR_LIMIT ? "is larger than 16 MiB"
               : rc == RILL_ERR_IO  ? strerror(error)
                                    : rill_strerror(rc));
    *text = all;
    return rc;
}

static int read_config(const rill_connector_options *o, rill_config *out, rill_arena *arena)
{
    const char *text = NULL;
    size_t len = 0;
    rill_arena file;
    rill_arena_init(&file, memory());
    int rc = read_file(o, &file, &text, &len);
    if (rc == RILL_OK) {
        union {
            const rill_connector_options *given;
            void *user;
        } options = {.given = o};
        rc = rill_config_read(out, arena, text, len, on_problem, options.user);
        if (rc != RILL_OK && rc != RILL_ERR_MALFORMED)
            say(o, rill_strerror(rc));
    }
    rill_arena_clear(&file);
    return rc;
}

int rill_connector_check(const rill_connector_options *options)
{
    rill_arena arena;
    rill_config config;
    rill_arena_init(&arena, memory());
    int rc = read_config(options, &config, &arena);
    rill_arena_clear(&arena);
    return rc;
}

char *rill_connector_schema(void)
{
    rill_arena arena;
    char *copy = NULL;
    rill_arena_init(&arena, memory());
    const char *text = rill_config_schema(&arena);
    if (text != NULL)
        copy = rill_alloc(memory(), strlen(text) + 1);
    if (copy != NULL)
        memcpy(copy, text, strlen(text) + 1);
    rill_arena_clear(&arena);
    return copy;
}

void rill_connector_free_text(char *text)
{
    rill_free(memory(), text);
}

/* ---- what the core asks for ---- */

static rill_now on_now(void *user)
{
    const rill_connector *c = user;
    return rill_loop_clock(c->loop);
}

static void start_timer(const rill_connector *c, uv_timer_t *timer, uv_timer_cb call,
                        uint64_t deadline)
{
    if (deadline == RILL_NEVER) {
        uv_timer_stop(timer);
        return;
    }
    uint64_t now = rill_loop_clock(c->loop).mono_ns;
    uint64_t ms = deadline > now ? (deadline - now + RILL_MS - 1) / RILL_MS : 0;
    (void)uv_timer_start(timer, call, ms, 0);
}

static void on_tick(uv_timer_t *timer)
{
    const rill_connector *c = timer->data;
    rill_loop_stale(c->loop);
    rill_hub_tick(rill_core_hub(c->core));
}

static void on_wake(void *user, uint64_t deadline)
{
    rill_connector *c = user;
    if (!c->closing)
        start_timer(c, &c->tick, on_tick, deadline);
}

static void on_drained(void *user)
{
    rill_connector *c = user;
    if (!c->closing)
        rill_loop_defer(c->loop, &c->draining);
}

static void say_drained(rill_task *task)
{
    rill_connector *c = RILL_CONTAINER(task, rill_connector, draining);
    rill_loop_push(c->loop);
    if (c->on.drained != NULL)
        c->on.drained(c->user);
    rill_loop_stale(c->loop);
}

/* All that a turn of the loop booked is one group. */
static void on_soon(void *user)
{
    rill_connector *c = user;
    rill_loop_before_wait(c->loop, &c->turn);
}

static void finish(rill_connector *c);

static void take_turn(rill_task *task)
{
    rill_connector *c = RILL_CONTAINER(task, rill_connector, turn);
    rill_core_turn(c->core);
}

static void on_retry(uv_timer_t *timer)
{
    rill_connector *c = timer->data;
    rill_loop_stale(c->loop);
    rill_core_turn(c->core);
}

static int on_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    return rill_config_secret(where, out, cap);
}

static void on_line(void *user, rill_log_level level, const char *line)
{
    rill_connector *c = user;
    if (c->on.log != NULL)
        c->on.log(level, line, c->user);
}

/* ---- the store ---- */

/* From the writing thread. */
static void on_store_wakes(void *user)
{
    rill_connector *c = user;
    (void)uv_async_send(&c->written);
}

static void on_async(uv_async_t *async)
{
    rill_connector *c = async->data;
    rill_loop_stale(c->loop);
    if (c->store != NULL)
        rill_store_collect(c->store);
}

static void on_written(void *user, const rill_store_batch *batch, int rc, const char *problem)
{
    rill_connector *c = user;
    (void)batch;
    rill_core_written(c->core, rc, problem);
    start_timer(c, &c->retry, on_retry, rill_core_deadline(c->core));
    if (c->finishing)
        finish(c);
}

static int know(void *user, const rill_store_account *account, rill_i128 booked)
{
    rill_connector *c = user;
    return rill_core_know(c->core, account, booked);
}

static int open_store(rill_connector *c)
{
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *file = NULL;
    const rill_sqlite_options o = {
        .allocator = memory(),
        .path = c->config.store.path,
        .durability = (rill_durability)c->config.store.durability,
        .now_ms = rill_loop_now(c->loop).wall_ms,
    };
    const rill_writer_options w = {
        .allocator = memory(), .wake = on_store_wakes, .written = on_written, .user = c};
    int rc = rill_sqlite_open(&file, &o, problem);
    if (rc != RILL_OK) {
        on_problem(&c->options, c->config.store.place, problem);
        return rc;
    }
    const rill_store_reader reader = {know, c};
    rc = rill_sqlite_read(file, &reader);
    if (rc != RILL_OK)
        on_problem(&c->options, c->config.store.place, rill_sqlite_problem(file));
    if (rc == RILL_OK) {
        rc = rill_writer_new(&c->store, file, &w);
        if (rc != RILL_OK)
            on_problem(&c->options, c->config.store.place, rill_strerror(rc));
    }
    if (rc != RILL_OK)
        rill_sqlite_close(file);
    return rc;
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
    on_line(p->owner, RILL_LOG_WARNING, line);
}

static void on_port_closed(void *owner)
{
    connector_port *p = owner;
    p->port = NULL;
    p->owner->open_ports--;
    finish(p->owner);
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
        on_problem(&c->options, config->place, port_problem(rc));
        return rc;
    }
    c->port_count++;
    c->open_ports++;
    return RILL_OK;
}

static int open_ports(rill_connector *c)
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
 * The hub's handlers are called with its session. `closed` is ours, too: it comes through a wrapper
 * that counts.
 */
typedef struct connector_link {
    rill_connector *owner;
    const rill_link_handlers *on; /* the hub's */
    void *session;
} connector_link;

static void link_up(rill_link *l, void *user)
{
    const connector_link *k = user;
    k->on->up(l, k->session);
}

static void link_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    const connector_link *k = user;
    k->on->down(l, error, detail, final, k->session);
}

static void link_prepare(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    const connector_link *k = user;
    k->on->prepare(l, id, packet, len, k->session);
}

static void link_reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    const connector_link *k = user;
    k->on->reply(l, id, packet, len, k->session);
}

static void link_unanswered(rill_link *l, uint64_t id, int error, bool sent, void *user)
{
    const connector_link *k = user;
    k->on->unanswered(l, id, error, sent, k->session);
}

static void link_writable(rill_link *l, void *user)
{
    const connector_link *k = user;
    k->on->writable(l, k->session);
}

static void link_closed(rill_link *l, void *user)
{
    connector_link *k = user;
    rill_connector *c = k->owner;
    k->on->closed(l, k->session);
    for (size_t i = 0; i < c->link_count; i++) {
        if (c->links[i] == l)
            c->links[i] = NULL;
    }
    c->open_links--;
    finish(c);
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
        on_problem(&c->options, config->place,
                   "uri: it must be like btp+wss://host/path, without a token");
        return NULL;
    }
    if (strpbrk(token, "/@?#: \t") != NULL) {
        on_problem(&c->options, config->place,
                   "token: a token of a link has none of / @ ? # : and no blanks");
        return NULL;
    }
    char *uri = rill_arena_alloc(&c->arena, size);
    if (uri != NULL)
        snprintf(uri, size, "%.*s://:%s@%s", (int)(slashes - config->uri), config->uri, token,
                 slashes + 3);
    return uri;
}

static int open_uri(rill_connector *c, rill_holder_account *holder, const char *uri)
{
    const rill_config_link *config = &holder->config->link;
    const char *problem = NULL;
    rill_link_options o;
    rill_link_options_init(&o);
    o.connections = (uint32_t)config->connections;
    connector_link *k = rill_arena_alloc(&c->arena, sizeof *k);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    k->owner = c;
    rill_link *link = NULL;
    int rc = rill_link_open(&link, c->loop, uri, &o, &link_handlers, k, &problem);
    if (rc != RILL_OK) {
        on_problem(&c->options, config->place, problem != NULL ? problem : rill_strerror(rc));
        return rc;
    }
    rc = rill_hub_attach(&k->on, &k->session, rill_core_hub(c->core), link, holder->account);
    if (rc != RILL_OK)
        return rc; /* no memory: the link stays without an end, and the process goes */
    c->links[c->link_count++] = link;
    c->open_links++;
    return RILL_OK;
}

static int open_link(rill_connector *c, rill_holder_account *holder)
{
    const rill_config_link *config = &holder->config->link;
    char token[TOKEN_IN_URI + 1] = "";
    if (config->token != NULL) {
        int rc = rill_config_secret(config->token, token, sizeof token);
        if (rc != RILL_OK) {
            char what[300];
            snprintf(what, sizeof what, "the token %.200s cannot be read: %s", config->token,
                     rc == RILL_ERR_NOT_FOUND ? "there is none" : rill_strerror(rc));
            on_problem(&c->options, config->place, what);
            return RILL_ERR_INVALID;
        }
    }
    const char *uri = uri_with_token(c, config, token);
    rill_wipe(token, sizeof token);
    return uri == NULL ? RILL_ERR_INVALID : open_uri(c, holder, uri);
}

static int open_links(rill_connector *c)
{
    int rc = RILL_OK;
    c->links = rill_calloc(memory(), rill_core_accounts(c->core) + 1, sizeof(rill_link *));
    if (c->links == NULL)
        return RILL_ERR_NOMEM;
    for (size_t i = 0; i < rill_core_accounts(c->core) && rc == RILL_OK; i++) {
        rill_holder_account *holder = rill_core_account(c->core, i);
        if (holder->config->link.uri != NULL)
            rc = open_link(c, holder);
    }
    return rc;
}

/* ---- its life ---- */

static void release(rill_connector *c)
{
    rill_core_free(c->core);
    rill_arena_clear(&c->arena);
    rill_free(memory(), c->ports);
    rill_free(memory(), c->links);
    rill_free(memory(), c->path);
    rill_free(memory(), c);
}

static void on_handle_closed(uv_handle_t *handle)
{
    rill_connector *c = handle->data;
    rill_loop *loop = c->loop;
    if (--c->handles > 0)
        return;
    if (c->on.closed != NULL)
        c->on.closed(c->user);
    rill_loop_stale(loop);
    release(c);
    rill_loop_drop(loop);
}

static void close_handles(rill_connector *c)
{
    rill_task_cancel(&c->turn);
    rill_task_cancel(&c->draining);
    uv_close((uv_handle_t *)&c->tick, on_handle_closed);
    uv_close((uv_handle_t *)&c->retry, on_handle_closed);
    uv_close((uv_handle_t *)&c->written, on_handle_closed);
}

/*
 * Once no port and no link is open: what was booked goes to the store, and then all is gone. A
 * store that fails is not waited for any longer.
 */
static void finish(rill_connector *c)
{
    if (!c->closing || c->open_ports + c->open_links > 0)
        return;
    c->finishing = true;
    if (c->begun && c->store != NULL && rill_core_deadline(c->core) == RILL_NEVER &&
        !rill_core_is_kept(c->core)) {
        rill_core_turn(c->core);
        return;
    }
    rill_store *store = c->store;
    c->store = NULL;
    rill_store_close(store);
    close_handles(c);
}

static int start_handles(rill_connector *c)
{
    uv_loop_t *uv = rill_loop_uv(c->loop);
    c->tick.data = c;
    c->retry.data = c;
    c->written.data = c;
    if (uv_async_init(uv, &c->written, on_async) != 0)
        return RILL_ERR_FILES;
    (void)uv_timer_init(uv, &c->tick);
    (void)uv_timer_init(uv, &c->retry);
    c->handles = 3;
    return RILL_OK;
}

static int begin(rill_connector *c)
{
    const char *problem = NULL;
    const rill_core_options o = {
        .allocator = rill_allocator_large_pages(),
        .config = &c->config,
        .crypto = c->loop->crypto,
        .now = on_now,
        .wake = on_wake,
        .drained = on_drained,
        .log = {on_line, c, c->options.log_level},
        .soon = on_soon,
        .secret = on_secret,
        .user = c,
    };
    int rc = rill_core_new(&c->core, &o, &problem);
    if (rc == RILL_OK)
        rc = open_store(c);
    if (rc == RILL_OK)
        rc = rill_core_begin(c->core, c->store, on_problem, &c->options);
    if (rc == RILL_OK)
        rc = open_ports(c);
    if (rc == RILL_OK)
        rc = open_links(c);
    if (rc == RILL_ERR_NOMEM || rc == RILL_ERR_CRYPTO)
        say(&c->options, rill_strerror(rc));
    return rc;
}

int rill_connector_open(rill_connector **out, rill_loop *loop,
                        const rill_connector_options *options,
                        const rill_connector_handlers *handlers, void *user)
{
    rill_connector *c = rill_calloc(memory(), 1, sizeof *c);
    size_t size = strlen(options->config) + 1;
    char *path = c == NULL ? NULL : rill_alloc(memory(), size);
    if (path == NULL) {
        rill_free(memory(), c);
        return RILL_ERR_NOMEM;
    }
    memcpy(path, options->config, size);
    c->loop = loop;
    c->options = *options;
    c->options.config = path;
    c->path = path;
    c->on = *handlers;
    c->user = user;
    rill_arena_init(&c->arena, memory());
    rill_task_init(&c->turn, take_turn);
    rill_task_init(&c->draining, say_drained);
    int rc = read_config(&c->options, &c->config, &c->arena);
    if (rc == RILL_OK)
        rc = start_handles(c);
    if (rc != RILL_OK) {
        release(c);
        return rc;
    }
    rill_loop_hold(loop);
    rc = begin(c);
    if (rc != RILL_OK) {
        c->on = (rill_connector_handlers){0}; /* it was never there */
        rill_connector_close(c);
        return rc;
    }
    c->begun = true;
    *out = c;
    return RILL_OK;
}

void rill_connector_stop(rill_connector *c)
{
    if (c->stopped || c->closing)
        return;
    c->stopped = true;
    for (size_t i = 0; i < c->port_count; i++)
        rill_port_stop(c->ports[i].port);
    rill_hub_drain(rill_core_hub(c->core));
}

void rill_connector_abandon(rill_connector *c)
{
    if (!c->closing)
        rill_hub_abandon(rill_core_hub(c->core));
}

void rill_connector_close(rill_connector *c)
{
    if (c->closing)
        return;
    c->closing = true;
    c->stopped = true;
    uv_timer_stop(&c->tick);
    for (size_t i = 0; i < c->port_count; i++)
        rill_port_close(c->ports[i].port, on_port_closed);
    for (size_t i = 0; i < c->link_count; i++)
        rill_link_close(c->links[i]);
    finish(c);
}

/* ---- looking ---- */

uint64_t rill_connector_open_packets(const rill_connector *c)
{
    return rill_hub_open(rill_core_hub(c->core));
}

size_t rill_connector_ports(const rill_connector *c)
{
    return c->port_count;
}

void rill_connector_port_text(const rill_connector *c, size_t index, char *out, size_t cap)
{
    const connector_port *p = &c->ports[index];
    bool ipv6 = strchr(p->config->host, ':') != NULL;
    snprintf(out, cap, ipv6 ? "[%s]:%u" : "%s:%u", p->config->host,
             (unsigned)rill_listener_port(rill_port_listener(p->port)));
}

const char *rill_connector_address(const rill_connector *c)
{
    return c->config.address;
}

size_t rill_connector_accounts(const rill_connector *c)
{
    return rill_core_accounts(c->core);
}

static void sum_text(rill_sum sum, char out[RILL_WIDE_TEXT])
{
    rill_wide_text(rill_wide_of(sum.high, sum.low), out);
}

void rill_connector_account_at(const rill_connector *c, size_t index, rill_connector_account *out)
{
    const rill_holder_account *holder = rill_core_account(c->core, index);
    const char *name = holder->config->name;
    *out = (rill_connector_account){
        .name = name, .asset = holder->config->asset.code, .scale = holder->config->asset.scale};
    rill_wide_signed_text(holder->balance.booked, out->booked);
    sum_text(holder->balance.held, out->held);
    sum_text(holder->balance.coming, out->coming);
    int rc = rill_hub_account(rill_core_hub(c->core),
                              (rill_bytes){(const uint8_t *)name, strlen(name)}, &out->traffic);
    (void)rc; /* it is there */
}
