/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "connector/peering_port.h"

#include <stdio.h>
#include <string.h>

#include <uv.h>

#include "base/alloc.h"
#include "connector/admin_api.h"
#include "web/waiting.h"

/* Strangers have no more: the process needs its files for its neighbours. */
enum { MOST_CONNECTIONS = 128 };

/* An answer that waits until the books are kept. */
typedef struct waiting {
    rill_web_waiting web; /* first */
    unsigned status;
    char body[RILL_PEERING_BODY];
} waiting;

struct rill_peering_port {
    rill_peering_port_options options;
    rill_web web;
    rill_list groups; /* that wait for the books, in the order of groups */
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- answers ---- */

static void respond(rill_web_connection *c, uint64_t handle, unsigned status, const char *body)
{
    rill_http_field fields[4];
    size_t count = 0;
    fields[count++] = rill_web_field("content-type", "application/json; charset=utf-8");
    fields[count++] = rill_web_field("cache-control", "no-store");
    if (status == 405)
        fields[count++] = rill_web_field("allow", "POST");
    if (status == 429)
        fields[count++] = rill_web_field("retry-after", "60");
    const rill_http_response r = {.status = status,
                                  .fields = fields,
                                  .field_count = count,
                                  .body = {(const uint8_t *)body, strlen(body)}};
    rill_web_give(c, handle, &r);
}

static void refuse(rill_web_connection *c, uint64_t handle, unsigned status, const char *why)
{
    char body[RILL_PEERING_BODY];
    rill_peering_write_error(RILL_PEERING_BAD_REQUEST, status, why, body);
    respond(c, handle, status, body);
}

static void free_waiting(waiting *w)
{
    rill_wipe(w, sizeof *w);
    rill_free(memory(), w);
}

static void end_waiting(rill_web_waiting *w)
{
    rill_web_stop_waiting(w);
    free_waiting((waiting *)w);
}

/* Without memory it is to ask again, which is safe. */
static void wait(rill_peering_port *p, rill_web_connection *c, uint64_t handle,
                 const rill_peering_reply *r)
{
    waiting *w = rill_calloc(memory(), 1, sizeof *w);
    if (w == NULL) {
        refuse(c, handle, 503, "out of memory: ask again");
        return;
    }
    w->status = r->status;
    memcpy(w->body, r->body, sizeof w->body);
    rill_web_wait(&w->web, c, handle, &p->groups, r->group);
}

void rill_peering_port_kept(rill_peering_port *p, uint64_t group)
{
    waiting *w;
    while ((w = (waiting *)rill_web_first_waiting(&p->groups, group)) != NULL) {
        rill_web_stop_waiting(&w->web);
        respond(w->web.connection, w->web.handle, w->status, w->body);
        free_waiting(w);
    }
}

/* ---- requests ---- */

static void source_of(const rill_web_connection *c, rill_peering_source *out)
{
    struct sockaddr_storage at;
    int len = sizeof at;
    if (c->tcp == NULL || uv_tcp_getpeername(&c->tcp->handle, (struct sockaddr *)&at, &len) != 0 ||
        uv_ip_name((const struct sockaddr *)&at, out->text, sizeof out->text) != 0)
        (void)snprintf(out->text, sizeof out->text, "unknown");
    rill_peering_source_key(out);
}

static bool is(rill_bytes a, const char *text)
{
    return a.len == strlen(text) && memcmp(a.data, text, a.len) == 0;
}

static void take(rill_peering_port *p, rill_web_connection *c, uint64_t handle, rill_bytes body)
{
    rill_core *core = p->options.core;
    rill_peering_source source;
    rill_peering_reply reply;
    source_of(c, &source);
    if (!rill_peering_may_ask(rill_core_peering(core), &rill_core_config(core)->peering.accept,
                              &source, rill_core_now(core).mono_ns)) {
        refuse(c, handle, 429, "Too many requests: ask again in a minute");
        return;
    }
    rill_peering_accept(core, p->options.control, &source, body, &reply);
    if (reply.group != 0 && !rill_core_has_kept(core, reply.group))
        wait(p, c, handle, &reply);
    else
        respond(c, handle, reply.status, reply.body);
    rill_wipe(&reply, sizeof reply);
}

static void on_request(void *owner, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m)
{
    rill_peering_port *p = owner;
    rill_bytes value = {NULL, 0};
    if (m->too_large || m->overflown)
        refuse(c, handle, 413, "The request is too large");
    /* No node is a page in a browser. */
    else if (rill_http_find(m, "origin", &value) != RILL_ERR_NOT_FOUND)
        refuse(c, handle, 403, "This port is not for pages of browsers");
    else if (!is(rill_http_text(m, m->path), "/"))
        refuse(c, handle, 404, "There is no such resource");
    else if (!is(rill_http_text(m, m->method), "POST"))
        refuse(c, handle, 405, "This resource takes POST");
    else
        take(p, c, handle, (rill_bytes){m->body, m->body_len});
}

static void on_gone(void *owner, rill_web_connection *c, uint64_t handle)
{
    (void)owner;
    rill_web_end_waiting(c, handle, end_waiting);
}

static void on_over(void *owner, rill_web_connection *c)
{
    (void)owner;
    rill_web_end_all_waiting(c, end_waiting);
}

static void on_log(void *owner, const char *line)
{
    const rill_peering_port *p = owner;
    p->options.log(p->options.user, line);
}

static const rill_web_handlers web_handlers = {
    .request = on_request,
    .gone = on_gone,
    .over = on_over,
    .log = on_log,
};

/* ---- its life ---- */

static void on_closed(void *owner)
{
    rill_peering_port *p = owner;
    void (*closed)(void *user) = p->options.closed;
    void *user = p->options.user;
    rill_web_clear(&p->web);
    rill_free(memory(), p);
    closed(user);
}

int rill_peering_port_open(rill_peering_port **out, rill_loop *loop,
                           const rill_peering_port_options *options)
{
    rill_listener_options port;
    rill_peering_port *p = rill_calloc(memory(), 1, sizeof *p);
    if (p == NULL)
        return RILL_ERR_NOMEM;
    p->options = *options;
    rill_list_init(&p->groups);
    rill_web_init(&p->web, loop, &web_handlers, p);
    p->web.limits.max_body = RILL_PEERING_BODY;
    p->web.max_connections = MOST_CONNECTIONS;
    p->web.idle_timeout = 10 * RILL_SECOND;
    p->web.blocks.wipe = rill_wipe; /* tokens come in requests */
    rill_listener_options_init(&port);
    port.host = options->host;
    port.port = options->port;
    port.cert_file = options->cert_file;
    port.key_file = options->key_file;
    port.max_strangers = 64;
    int rc = rill_web_listen(&p->web, &port);
    if (rc != RILL_OK) {
        rill_web_clear(&p->web);
        rill_free(memory(), p);
        return rc;
    }
    *out = p;
    return RILL_OK;
}

uint16_t rill_peering_port_number(const rill_peering_port *p)
{
    return rill_web_port(&p->web);
}

int rill_peering_port_renew_tls(const rill_peering_port *p, const char *cert_file,
                                const char *key_file)
{
    return rill_web_renew_tls(&p->web, cert_file, key_file);
}

void rill_peering_port_close(rill_peering_port *p)
{
    rill_web_close(&p->web, on_closed);
}
