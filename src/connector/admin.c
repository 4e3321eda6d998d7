/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "connector/admin.h"

#include <string.h>

#include "base/alloc.h"
#include "http/bearer.h"

/* An answer that waits until the books are kept. */
typedef struct waiting {
    rill_list of_connection; /* rill_web_connection.requests */
    rill_list of_admin;      /* in the order of groups */
    rill_web_connection *connection;
    uint64_t handle;
    rill_admin_answer answer;
} waiting;

struct rill_admin {
    rill_admin_options options;
    rill_loop *loop;
    rill_web web;
    rill_listener *listener;
    rill_list waiting;
    unsigned parts; /* listener and web */
    bool closing;
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- answers ---- */

static void respond(rill_web_connection *c, uint64_t handle, const rill_admin_answer *answer)
{
    rill_http_field fields[3];
    size_t count = 0;
#define FIELD(n, v)                                                                                \
    fields[count++] = (rill_http_field)                                                            \
    {                                                                                              \
        {(const uint8_t *)(n), strlen(n)},                                                         \
        {                                                                                          \
            (const uint8_t *)(v), strlen(v)                                                        \
        }                                                                                          \
    }
    if (answer->body != NULL)
        FIELD("content-type", answer->type);
    FIELD("cache-control", "no-store");
    if (answer->status == 401)
        FIELD("www-authenticate", "Bearer");
    else if (answer->allow != NULL)
        FIELD("allow", answer->allow);
#undef FIELD
    const rill_http_response r = {
        .status = answer->status,
        .fields = fields,
        .field_count = count,
        .body = {(const uint8_t *)answer->body, answer->body == NULL ? 0 : strlen(answer->body)},
    };
    int rc = rill_web_respond(c, handle, &r);
    if (rc != RILL_OK && rc != RILL_ERR_NOT_FOUND && !c->over)
        rill_web_drop(c);
}

static void end_waiting(waiting *w)
{
    rill_list_remove(&w->of_connection);
    rill_list_remove(&w->of_admin);
    rill_admin_free(&w->answer);
    rill_free(memory(), w);
}

/* Without memory the answer says less than it could: that it is not known yet. */
static void wait_for_group(rill_admin *a, rill_web_connection *c, uint64_t handle,
                           rill_admin_answer *answer)
{
    waiting *w = rill_alloc(memory(), sizeof *w);
    if (w == NULL) {
        rill_admin_free(answer);
        answer->status = 503;
        respond(c, handle, answer);
        return;
    }
    *w = (waiting){.connection = c, .handle = handle, .answer = *answer};
    rill_list_push_back(&c->requests, &w->of_connection);
    rill_list_push_back(&a->waiting, &w->of_admin);
}

void rill_admin_kept(rill_admin *a, uint64_t group)
{
    while (!rill_list_empty(&a->waiting)) {
        waiting *w = RILL_CONTAINER(a->waiting.next, waiting, of_admin);
        if (w->answer.group > group)
            return;
        respond(w->connection, w->handle, &w->answer);
        end_waiting(w);
    }
}

/* ---- requests ---- */

static bool shows_token(const rill_admin *a, const rill_http_message *m)
{
    rill_bytes value;
    rill_bytes token;
    return rill_http_find(m, "authorization", &value) == RILL_OK &&
           rill_bearer_parse(value, &token) == RILL_OK &&
           rill_tokens_find(a->options.tokens, token) != NULL;
}

static void on_request(void *owner, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m)
{
    rill_admin *a = owner;
    rill_admin_answer answer;
    const rill_admin_request request = {
        .method = rill_http_text(m, m->method),
        .path = rill_http_text(m, m->path),
        .body = {m->body, m->body_len},
        .known = shows_token(a, m),
    };
    if (m->too_large || m->overflown) {
        rill_web_say(c, handle, 413, "too large");
        return;
    }
    rill_admin_ask(a->options.core, &request, &answer);
    if (answer.group != 0 && !rill_core_has_kept(a->options.core, answer.group)) {
        wait_for_group(a, c, handle, &answer);
        return;
    }
    respond(c, handle, &answer);
    rill_admin_free(&answer);
}

static void on_gone(void *owner, rill_web_connection *c, uint64_t handle)
{
    (void)owner;
    for (rill_list *n = c->requests.next; n != &c->requests; n = n->next) {
        waiting *w = RILL_CONTAINER(n, waiting, of_connection);
        if (w->handle == handle) {
            end_waiting(w);
            return;
        }
    }
}

static void on_over(void *owner, rill_web_connection *c)
{
    (void)owner;
    while (!rill_list_empty(&c->requests))
        end_waiting(RILL_CONTAINER(c->requests.next, waiting, of_connection));
}

static void on_log(void *owner, const char *line)
{
    const rill_admin *a = owner;
    a->options.log(a->options.user, line);
}

static const rill_web_handlers web_handlers = {
    .request = on_request,
    .gone = on_gone,
    .over = on_over,
    .log = on_log,
};

/* ---- its life ---- */

static void on_part_closed(void *owner)
{
    rill_admin *a = owner;
    if (--a->parts > 0)
        return;
    void (*closed)(void *user) = a->options.closed;
    void *user = a->options.user;
    rill_web_clear(&a->web);
    rill_free(memory(), a);
    closed(user);
}

int rill_admin_open(rill_admin **out, rill_loop *loop, const rill_admin_options *options)
{
    rill_protocol protocols[RILL_WEB_PROTOCOLS];
    rill_listener_options listen;
    rill_admin *a = rill_calloc(memory(), 1, sizeof *a);
    if (a == NULL)
        return RILL_ERR_NOMEM;
    a->options = *options;
    a->loop = loop;
    rill_list_init(&a->waiting);
    rill_web_init(&a->web, loop, &web_handlers, a);
    a->web.limits.max_body = RILL_ADMIN_MAX_BODY;
    a->web.blocks.wipe = rill_wipe; /* tokens come in requests */
    rill_web_protocols(&a->web, protocols);
    rill_listener_options_init(&listen);
    listen.host = options->host;
    listen.port = options->port;
    listen.cert_file = options->cert_file;
    listen.key_file = options->key_file;
    listen.protocols = protocols;
    listen.protocol_count = RILL_WEB_PROTOCOLS;
    listen.max_strangers = 64;
    listen.log = on_log;
    listen.user = a;
    int rc = rill_listener_open(&a->listener, loop, &listen);
    if (rc != RILL_OK) {
        rill_web_clear(&a->web);
        rill_free(memory(), a);
        return rc;
    }
    rill_web_start(&a->web);
    a->parts = 2;
    *out = a;
    return RILL_OK;
}

uint16_t rill_admin_port(const rill_admin *a)
{
    return rill_listener_port(a->listener);
}

void rill_admin_close(rill_admin *a)
{
    if (a->closing)
        return;
    a->closing = true;
    rill_listener_close(a->listener, on_part_closed);
    rill_web_close(&a->web, on_part_closed);
}
