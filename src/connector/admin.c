/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "connector/admin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/admin_answer.h"
#include "connector/follow.h"
#include "http/bearer.h"
#include "web/waiting.h"

/* An answer that waits until the books are kept, or something in them is found. */
typedef struct waiting {
    rill_web_waiting web; /* first; in no line: it waits for something to be found */
    void **user;          /* by which that knows who waits; NULL: it waits for something else */
    rill_admin_answer answer;
} waiting;

struct rill_admin {
    rill_admin_options options;
    rill_loop *loop;
    rill_web web;   /* of the port */
    rill_web local; /* of the socket: who comes there is known */
    rill_list waiting;
    rill_list asking; /* that wait for a peer, in the order of tickets */
    rill_followers followers;
    bool follows;   /* they are open */
    unsigned parts; /* that are open: web, local, followers */
    bool closing;
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- answers ---- */

/* The page is built in: it needs nothing from elsewhere, and nobody else may show it. */
static const char policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

enum { MOST_FIELDS = 8 };

typedef struct field_list {
    rill_http_field all[MOST_FIELDS];
    size_t count;
} field_list;

static void add_field(field_list *l, const char *name, const char *value)
{
    l->all[l->count++] = rill_web_field(name, value);
}

static void respond(rill_web_connection *c, uint64_t handle, const rill_admin_answer *answer)
{
    field_list fields = {.count = 0};
    if (answer->body != NULL)
        add_field(&fields, "content-type", answer->type);
    add_field(&fields, "cache-control", answer->page ? "no-cache" : "no-store");
    add_field(&fields, "x-content-type-options", "nosniff");
    if (answer->page) {
        add_field(&fields, "content-security-policy", policy);
        add_field(&fields, "referrer-policy", "no-referrer");
        add_field(&fields, "cross-origin-opener-policy", "same-origin");
        add_field(&fields, "cross-origin-resource-policy", "same-origin");
    }
    if (answer->status == 401)
        add_field(&fields, "www-authenticate", "Bearer");
    else if (answer->allow != NULL)
        add_field(&fields, "allow", answer->allow);
    const rill_http_response r = {
        .status = answer->status,
        .fields = fields.all,
        .field_count = fields.count,
        .body = {(const uint8_t *)answer->body, answer->body == NULL ? 0 : strlen(answer->body)},
    };
    rill_web_give(c, handle, &r);
}

/* What it looks for is the store's until it is found, and then nobody's. */
static void unlink_waiting(waiting *w)
{
    rill_web_stop_waiting(&w->web);
    if (w->user != NULL)
        *w->user = NULL;
}

static void free_waiting(waiting *w)
{
    rill_admin_free(&w->answer);
    rill_free(memory(), w);
}

static void end_waiting(rill_web_waiting *web)
{
    waiting *w = (waiting *)web;
    unlink_waiting(w);
    free_waiting(w);
}

/* NULL, and it has been answered: without memory the answer says less than it could. */
static waiting *begin_waiting(rill_web_connection *c, uint64_t handle, rill_admin_answer *answer)
{
    waiting *w = rill_calloc(memory(), 1, sizeof *w);
    if (w == NULL) {
        rill_admin_free(answer);
        rill_admin_free_look(answer->look);
        rill_admin_free_search(answer->search);
        answer->status = 503;
        respond(c, handle, answer);
        return NULL;
    }
    w->answer = *answer;
    return w;
}

static void wait_for_group(rill_admin *a, rill_web_connection *c, uint64_t handle,
                           rill_admin_answer *answer)
{
    waiting *w = begin_waiting(c, handle, answer);
    if (w != NULL)
        rill_web_wait(&w->web, c, handle, &a->waiting, answer->group);
}

/* Now, or once it is true. */
static void give(rill_admin *a, rill_web_connection *c, uint64_t handle, rill_admin_answer *answer)
{
    if (answer->group != 0 && !rill_core_has_kept(a->options.core, answer->group)) {
        wait_for_group(a, c, handle, answer);
        return;
    }
    respond(c, handle, answer);
    rill_admin_free(answer);
}

/* user: of what is looked for. False: there is no memory, and it has been answered. */
static bool begin_finding(rill_web_connection *c, uint64_t handle, rill_admin_answer *answer,
                          void **user)
{
    waiting *w = begin_waiting(c, handle, answer);
    if (w == NULL)
        return false;
    rill_web_wait(&w->web, c, handle, NULL, 0);
    w->user = user;
    *user = w;
    return true;
}

static void give_found(waiting *w, rill_admin_answer *answer)
{
    unlink_waiting(w);
    respond(w->web.connection, w->web.handle, answer);
    rill_admin_free(answer);
    free_waiting(w);
}

static void on_looked(rill_store_look *look)
{
    rill_admin_look *found = (rill_admin_look *)look;
    rill_admin_answer answer;
    if (look->user != NULL) {
        rill_admin_answer_look(found, &answer);
        give_found(look->user, &answer);
    }
    rill_admin_free_look(found);
}

static void wait_for_look(const rill_admin *a, rill_web_connection *c, uint64_t handle,
                          rill_admin_answer *answer)
{
    rill_store_look *look = &answer->look->look;
    if (!begin_finding(c, handle, answer, &look->user))
        return;
    look->done = on_looked;
    a->options.control->look(a->options.control->user, look);
}

static void on_searched(rill_packet_search *s)
{
    rill_admin_answer answer;
    if (s->user != NULL) {
        rill_admin_answer_search(s, &answer);
        give_found(s->user, &answer);
    }
    rill_admin_free_search(s);
}

static void wait_for_search(const rill_admin *a, rill_web_connection *c, uint64_t handle,
                            rill_admin_answer *answer)
{
    rill_packet_search *s = answer->search;
    if (!begin_finding(c, handle, answer, &s->user))
        return;
    s->done = on_searched;
    int rc = a->options.control->search(a->options.control->user, s);
    if (rc == RILL_OK)
        return; /* another thread has it by now */
    s->rc = rc;
    on_searched(s);
}

/* Without memory nobody is told: the list of peers says what came of it. */
static void wait_for_peer(rill_admin *a, rill_web_connection *c, uint64_t handle,
                          rill_admin_answer *answer)
{
    const uint64_t ticket = answer->ticket;
    waiting *w = begin_waiting(c, handle, answer);
    if (w != NULL)
        rill_web_wait(&w->web, c, handle, &a->asking, ticket);
}

void rill_admin_answered(rill_admin *a, uint64_t ticket, rill_admin_answer *answer)
{
    for (rill_list *at = a->asking.next; at != &a->asking; at = at->next) {
        waiting *w = (waiting *)RILL_CONTAINER(at, rill_web_waiting, of_line);
        if (w->web.order != ticket)
            continue;
        rill_web_connection *c = w->web.connection;
        const uint64_t handle = w->web.handle;
        end_waiting(&w->web);
        give(a, c, handle, answer);
        return;
    }
    rill_admin_free(answer);
}

void rill_admin_kept(rill_admin *a, uint64_t group)
{
    waiting *w;
    while ((w = (waiting *)rill_web_first_waiting(&a->waiting, group)) != NULL) {
        unlink_waiting(w);
        respond(w->web.connection, w->web.handle, &w->answer);
        free_waiting(w);
    }
}

/* ---- requests ---- */

/* Whose token it shows; NULL: nobody's. */
static const rill_config_operator *operator_of(const rill_admin *a, const rill_http_message *m)
{
    rill_bytes value;
    rill_bytes token;
    return rill_http_find(m, "authorization", &value) == RILL_OK &&
                   rill_bearer_parse(value, &token) == RILL_OK
               ? rill_tokens_find(a->options.tokens, token)
               : NULL;
}

/* Empty: it has none. */
static rill_bytes field_of(const rill_http_message *m, const char *name)
{
    rill_bytes value = {NULL, 0};
    int rc = rill_http_find(m, name, &value);
    return rc == RILL_ERR_NOT_FOUND ? (rill_bytes){NULL, 0} : value;
}

static rill_admin_origin origin_of(const rill_http_message *m)
{
    rill_bytes authority = rill_http_text(m, m->authority);
    return (rill_admin_origin){
        .host = authority.len > 0 ? authority : field_of(m, "host"),
        .origin = field_of(m, "origin"),
        .site = field_of(m, "sec-fetch-site"),
        .mode = field_of(m, "sec-fetch-mode"),
    };
}

/* What was asked for goes on: events, or packets as they pass. */
static void follow(rill_admin *a, rill_web_connection *c, uint64_t handle,
                   const rill_http_message *m, const rill_admin_answer *asked)
{
    rill_admin_answer answer = {.status = 503, .type = "application/json"};
    int rc = asked->watches
                 ? rill_followers_watch(&a->followers, c, handle, &asked->live)
                 : rill_followers_add(&a->followers, c, handle, field_of(m, "last-event-id"));
    if (rc == RILL_OK)
        return;
    if (rc == RILL_ERR_LIMIT)
        rill_admin_refuse(&answer, 503, "%d follow already, or %d watch packets, and no more may",
                          RILL_FOLLOWERS_MAX, RILL_LIVE_WATCHES);
    respond(c, handle, &answer);
    rill_admin_free(&answer);
}

/* Root may open it, too. */
static const char *user_of(const rill_web_connection *c, char *out, size_t cap)
{
    uint32_t user;
    if (c->tcp == NULL || !rill_tcp_peer_user(c->tcp, &user))
        return NULL;
    (void)snprintf(out, cap, "socket, user %" PRIu32, user);
    return out;
}

static void on_request(void *owner, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m)
{
    rill_admin *a = owner;
    rill_admin_answer answer;
    char known[64];
    /* The system says who may open the socket: that is the node's own user, who may do all. */
    static const rill_config_operator local = {.token = "socket", .scopes = RILL_SCOPES_ALL};
    const rill_config_operator *who = c->web == &a->local ? &local : operator_of(a, m);
    const rill_admin_request request = {
        .method = rill_http_text(m, m->method),
        .path = rill_http_text(m, m->path),
        .body = {m->body, m->body_len},
        .scopes = who == NULL ? 0 : who->scopes,
        .person = who == NULL ? NULL : who->token,
        .known = who == &local ? user_of(c, known, sizeof known) : NULL,
        .local = who == &local,
        .from = origin_of(m),
        .events = a->followers.events,
    };
    if (m->too_large || m->overflown) {
        rill_web_say(c, handle, 413, "too large");
        return;
    }
    rill_admin_ask(a->options.core, a->options.control, &request, &answer);
    if (answer.follows || answer.watches) {
        follow(a, c, handle, m, &answer);
        return;
    }
    if (answer.look != NULL) {
        wait_for_look(a, c, handle, &answer);
        return;
    }
    if (answer.search != NULL) {
        wait_for_search(a, c, handle, &answer);
        return;
    }
    if (answer.ticket != 0) {
        wait_for_peer(a, c, handle, &answer);
        return;
    }
    give(a, c, handle, &answer);
}

static void on_gone(void *owner, rill_web_connection *c, uint64_t handle)
{
    rill_admin *a = owner;
    rill_followers_gone(&a->followers, c, handle);
    rill_web_end_waiting(c, handle, end_waiting);
}

static void on_over(void *owner, rill_web_connection *c)
{
    rill_admin *a = owner;
    rill_followers_over(&a->followers, c);
    rill_web_end_all_waiting(c, end_waiting);
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
    /* The last to go: connections that end tell it of those who follow. */
    if (a->follows) {
        a->follows = false;
        a->parts++;
        rill_followers_close(&a->followers, on_part_closed, a);
        return;
    }
    void (*closed)(void *user) = a->options.closed;
    void *user = a->options.user;
    rill_web_clear(&a->web);
    rill_web_clear(&a->local);
    rill_free(memory(), a);
    if (closed != NULL)
        closed(user);
}

static void begin_web(rill_admin *a, rill_web *web)
{
    rill_web_init(web, a->loop, &web_handlers, a);
    web->limits.max_body = RILL_ADMIN_MAX_BODY;
    web->blocks.wipe = rill_wipe; /* tokens come in requests */
}

static int listen_for(rill_admin *a, rill_web *web, bool local)
{
    rill_listener_options port;
    const rill_admin_options *o = &a->options;
    rill_listener_options_init(&port);
    if (local) {
        port.path = o->path;
    } else {
        port.host = o->host;
        port.port = o->port;
        port.cert_file = o->cert_file;
        port.key_file = o->key_file;
    }
    port.max_strangers = 64;
    int rc = rill_web_listen(web, &port);
    if (rc == RILL_OK)
        a->parts++;
    return rc;
}

int rill_admin_open(rill_admin **out, rill_loop *loop, const rill_admin_options *options,
                    bool *of_path)
{
    rill_admin *a = rill_calloc(memory(), 1, sizeof *a);
    int rc = RILL_OK;
    *of_path = false;
    if (a == NULL)
        return RILL_ERR_NOMEM;
    a->options = *options;
    a->loop = loop;
    rill_list_init(&a->waiting);
    rill_list_init(&a->asking);
    begin_web(a, &a->web);
    begin_web(a, &a->local);
    rc = rill_followers_open(&a->followers, loop, options->core);
    if (rc != RILL_OK) {
        rill_free(memory(), a);
        return rc;
    }
    a->follows = true;
    if (options->host != NULL)
        rc = listen_for(a, &a->web, false);
    if (rc == RILL_OK && options->path != NULL) {
        rc = listen_for(a, &a->local, true);
        *of_path = rc != RILL_OK;
    }
    if (rc == RILL_OK) {
        *out = a;
        return RILL_OK;
    }
    a->options.closed = NULL; /* it was never there */
    a->parts++;
    rill_admin_close(a);
    on_part_closed(a);
    return rc;
}

uint16_t rill_admin_port(const rill_admin *a)
{
    return rill_web_port(&a->web);
}

void rill_admin_close(rill_admin *a)
{
    if (a->closing)
        return;
    a->closing = true;
    if (a->web.listener != NULL)
        rill_web_close(&a->web, on_part_closed);
    if (a->local.listener != NULL)
        rill_web_close(&a->local, on_part_closed);
}

int rill_admin_renew_tls(const rill_admin *a, const char *cert_file, const char *key_file)
{
    return rill_web_renew_tls(&a->web, cert_file, key_file);
}

void rill_admin_entered(rill_admin *a, const rill_holder_account *account,
                        const rill_store_entry *entry, uint64_t group)
{
    rill_events_enter(a->followers.events, account, entry, group);
}

void rill_admin_reloaded(rill_admin *a, const char *who, size_t changes, bool tokens)
{
    rill_events_reload(a->followers.events, rill_core_now(a->options.core), who, changes);
    if (tokens)
        rill_followers_end(&a->followers, &a->web);
}
