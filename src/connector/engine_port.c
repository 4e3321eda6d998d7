/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "connector/engine_port.h"

#include <string.h>

#include "base/alloc.h"
#include "http/bearer.h"
#include "web/waiting.h"

/* More than the data of a packet: RILL_ILP_MAX_DATA. */
enum { MAX_BODY = 40000 };

/* A reply that waits until the books are kept, or a neighbour has answered. */
typedef struct waiting {
    rill_web_waiting web; /* first */
    rill_engine_reply reply;
} waiting;

struct rill_engine_port {
    rill_engine_port_options options;
    rill_web web;
    rill_list groups;   /* that wait for the books, in the order of groups */
    rill_list messages; /* that wait for a neighbour */
};

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- replies ---- */

static void respond(rill_web_connection *c, uint64_t handle, unsigned status, const char *type,
                    rill_bytes body)
{
    rill_http_field fields[3];
    size_t count = 0;
    fields[count++] = rill_web_field("content-type", type);
    if (status == 401)
        fields[count++] = rill_web_field("www-authenticate", "Bearer");
    if (status == 405)
        fields[count++] = rill_web_field("allow", "POST");
    const rill_http_response r = {
        .status = status, .fields = fields, .field_count = count, .body = body};
    rill_web_give(c, handle, &r);
}

static void reply(rill_web_connection *c, uint64_t handle, const rill_engine_reply *r)
{
    respond(c, handle, r->status, r->type, (rill_bytes){(const uint8_t *)r->body, strlen(r->body)});
}

static void end_waiting(rill_web_waiting *w)
{
    rill_web_stop_waiting(w);
    rill_free(memory(), w); /* it is the first member */
}

/* Without memory the engine is told to ask again: with its key that is safe. */
static void wait(rill_engine_port *p, rill_web_connection *c, uint64_t handle,
                 const rill_engine_reply *r)
{
    waiting *w = rill_calloc(memory(), 1, sizeof *w);
    if (w == NULL) {
        rill_web_say(c, handle, 503, "out of memory");
        return;
    }
    w->reply = *r;
    if (r->message != 0)
        rill_web_wait(&w->web, c, handle, &p->messages, 0);
    else
        rill_web_wait(&w->web, c, handle, &p->groups, r->group);
}

void rill_engine_port_kept(rill_engine_port *p, uint64_t group)
{
    waiting *w;
    while ((w = (waiting *)rill_web_first_waiting(&p->groups, group)) != NULL) {
        rill_web_stop_waiting(&w->web);
        reply(w->web.connection, w->web.handle, &w->reply);
        rill_free(memory(), w);
    }
}

void rill_engine_port_messaged(rill_engine_port *p, uint64_t message, unsigned status,
                               rill_bytes data)
{
    for (rill_list *at = p->messages.next; at != &p->messages; at = at->next) {
        waiting *w = (waiting *)RILL_CONTAINER(at, rill_web_waiting, of_line);
        if (w->reply.message != message)
            continue;
        rill_web_stop_waiting(&w->web);
        respond(w->web.connection, w->web.handle, status, "application/octet-stream", data);
        rill_free(memory(), w);
        return;
    }
}

/* ---- requests ---- */

int rill_engine_token_of(rill_crypto *crypto, const uint8_t hash[RILL_SHA256_LEN],
                         rill_bytes account, uint8_t out[RILL_SHA256_LEN])
{
    uint8_t both[RILL_SHA256_LEN + RILL_STORE_NAME_MAX];
    const size_t len = account.len < RILL_STORE_NAME_MAX ? account.len : RILL_STORE_NAME_MAX;
    memcpy(both, hash, RILL_SHA256_LEN);
    if (len > 0)
        memcpy(both + RILL_SHA256_LEN, account.data, len);
    int rc = rill_crypto_sha256(crypto, both, RILL_SHA256_LEN + len, out);
    rill_wipe(both, sizeof both);
    return rc;
}

/* Is it of the engine of this account, and no other? */
static bool is_its_own(const rill_engine_port *p, rill_bytes account, rill_bytes token)
{
    uint8_t hash[RILL_SHA256_LEN];
    uint8_t bound[RILL_SHA256_LEN];
    rill_crypto *crypto = p->options.own_tokens->crypto;
    bool good = token.len <= RILL_TOKEN_MAX &&
                rill_crypto_sha256(crypto, token.data, token.len, hash) == RILL_OK &&
                rill_engine_token_of(crypto, hash, account, bound) == RILL_OK &&
                rill_tokens_find_hash(p->options.own_tokens, bound) != NULL;
    rill_wipe(hash, sizeof hash);
    rill_wipe(bound, sizeof bound);
    return good;
}

/* *person: where its token is from; NULL: it needs none. */
static bool is_known(const rill_engine_port *p, const rill_http_message *m, rill_bytes path,
                     const char **person)
{
    rill_bytes value;
    rill_bytes token = {NULL, 0};
    rill_bytes account;
    bool shown = rill_http_find(m, "authorization", &value) == RILL_OK &&
                 rill_bearer_parse(value, &token) == RILL_OK;
    *person = NULL;
    if (rill_core_engine_has_tokens(p->options.core, path, &account)) {
        *person = "a token of its settlement";
        return shown && is_its_own(p, account, token);
    }
    if (p->options.tokens->count == 0)
        return true;
    *person = shown ? rill_tokens_find(p->options.tokens, token) : NULL;
    return *person != NULL;
}

static void on_request(void *owner, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m)
{
    rill_engine_port *p = owner;
    rill_engine_reply r;
    rill_bytes key = {NULL, 0};
    const char *person = NULL;
    if (m->too_large || m->overflown) {
        rill_web_say(c, handle, 413, "too large");
        return;
    }
    /* No engine is a page in a browser, and such a page could ask for all who use the machine. */
    if (rill_http_find(m, "origin", &key) != RILL_ERR_NOT_FOUND) {
        rill_web_say(c, handle, 403, "this port is not for pages of browsers");
        return;
    }
    if (rill_http_find(m, "idempotency-key", &key) != RILL_OK)
        key = (rill_bytes){NULL, 0};
    const rill_bytes path = rill_http_text(m, m->path);
    bool known = is_known(p, m, path, &person);
    const rill_engine_request request = {
        .method = rill_http_text(m, m->method),
        .path = path,
        .key = key,
        .body = {m->body, m->body_len},
        .known = known,
        .person = person,
    };
    rill_core_engine_ask(p->options.core, &request, &r);
    bool waits = r.message != 0 || (r.group != 0 && !rill_core_has_kept(p->options.core, r.group));
    if (waits)
        wait(p, c, handle, &r);
    else
        reply(c, handle, &r);
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
    const rill_engine_port *p = owner;
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
    rill_engine_port *p = owner;
    void (*closed)(void *user) = p->options.closed;
    void *user = p->options.user;
    rill_web_clear(&p->web);
    rill_free(memory(), p);
    closed(user);
}

int rill_engine_port_open(rill_engine_port **out, rill_loop *loop,
                          const rill_engine_port_options *options)
{
    rill_listener_options port;
    rill_engine_port *p = rill_calloc(memory(), 1, sizeof *p);
    if (p == NULL)
        return RILL_ERR_NOMEM;
    p->options = *options;
    rill_list_init(&p->groups);
    rill_list_init(&p->messages);
    rill_web_init(&p->web, loop, &web_handlers, p);
    p->web.limits.max_body = MAX_BODY;
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

uint16_t rill_engine_port_number(const rill_engine_port *p)
{
    return rill_web_port(&p->web);
}

int rill_engine_port_renew_tls(const rill_engine_port *p, const char *cert_file,
                               const char *key_file)
{
    return rill_web_renew_tls(&p->web, cert_file, key_file);
}

void rill_engine_port_close(rill_engine_port *p)
{
    rill_web_close(&p->web, on_closed);
}
