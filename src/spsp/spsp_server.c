/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "spsp/spsp_server.h"

#include <string.h>

#include "base/alloc.h"
#include "base/sized.h"

/* One that was added; its texts follow it. */
typedef struct receiver {
    rill_name path;
    const char *tag; /* NULL: none */
} receiver;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_spsp_server_options_init_sized(rill_spsp_server_options *o, size_t size)
{
    const rill_spsp_server_options defaults = {
        .host = "127.0.0.1",
        .max_connections = 1024,
        .idle_timeout_ns = 60 * RILL_SECOND,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

/* ---- receivers ---- */

static receiver *find(const rill_spsp_server *s, const char *path)
{
    rill_name *name =
        rill_names_find(&s->receivers, (rill_bytes){(const uint8_t *)path, strlen(path)});
    return name == NULL ? NULL : RILL_CONTAINER(name, receiver, path);
}

int rill_spsp_server_add(rill_spsp_server *s, const char *path, const char *tag)
{
    size_t path_len = strlen(path);
    size_t tag_size = tag == NULL ? 0 : strlen(tag) + 1;
    if (s->server == NULL)
        return RILL_ERR_STATE;
    if (path[0] != '/' || path_len < 2 || path_len > RILL_SPSP_MAX_PATH ||
        tag_size > RILL_MAX_TAG + 1)
        return RILL_ERR_INVALID;
    receiver *r = rill_alloc(memory(), sizeof *r + path_len + tag_size);
    if (r == NULL)
        return RILL_ERR_NOMEM;
    uint8_t *text = (uint8_t *)(r + 1);
    memcpy(text, path, path_len);
    if (tag_size > 0)
        memcpy(text + path_len, tag, tag_size);
    r->tag = tag_size > 0 ? (const char *)text + path_len : NULL;
    int error = rill_names_put(&s->receivers, &r->path, (rill_bytes){text, path_len});
    if (error != RILL_OK)
        rill_free(memory(), r);
    return error;
}

int rill_spsp_server_remove(rill_spsp_server *s, const char *path)
{
    receiver *r = find(s, path);
    if (r == NULL)
        return RILL_ERR_NOT_FOUND;
    rill_names_remove(&s->receivers, &r->path);
    rill_free(memory(), r);
    return RILL_OK;
}

static void free_receivers(rill_spsp_server *s)
{
    size_t cursor = 0;
    rill_name *name;
    while ((name = rill_names_next(&s->receivers, &cursor)) != NULL) {
        rill_names_remove(&s->receivers, name);
        rill_free(memory(), RILL_CONTAINER(name, receiver, path));
    }
    rill_names_clear(&s->receivers);
}

/* ---- queries that wait for the application ---- */

static void query_free(rill_spsp_server *s, spsp_query *q)
{
    rill_list_remove(&q->of_connection);
    (void)rill_map_remove(&s->queries, q->id);
    rill_blocks_give(&s->web.blocks, q); /* and overwrites it */
}

static spsp_query *query_new(rill_spsp_server *s, rill_web_connection *c, uint64_t handle,
                             const spsp_request *request)
{
    if (rill_map_count(&s->queries) >= SPSP_MAX_OPEN)
        return NULL;
    spsp_query *q = rill_blocks_take(&s->web.blocks, sizeof *q);
    if (q == NULL)
        return NULL;
    *q = (spsp_query){
        .id = s->next_query,
        .handle = handle,
        .connection = c,
        .older = request->older,
        .receipts = request->receipts,
    };
    memcpy(q->receipt_nonce, request->receipt_nonce, sizeof q->receipt_nonce);
    memcpy(q->receipt_secret, request->receipt_secret, sizeof q->receipt_secret);
    if (rill_map_put(&s->queries, q->id, q) != RILL_OK) {
        rill_blocks_give(&s->web.blocks, q);
        return NULL;
    }
    s->next_query++;
    rill_list_push_back(&c->requests, &q->of_connection);
    return q;
}

/* Answered, or the asker has gone meanwhile: it is over. */
static int ended(rill_spsp_server *s, spsp_query *q, int error)
{
    if (error == RILL_OK || error == RILL_ERR_NOT_FOUND)
        query_free(s, q);
    return error;
}

static int make(rill_server *server, const char *tag, bool receipts, const uint8_t *nonce,
                const uint8_t *secret, rill_credentials *out)
{
    rill_credentials_options o;
    rill_credentials_options_init(&o);
    o.tag = tag;
    o.receipt_nonce = receipts ? nonce : NULL;
    o.receipt_secret = receipts ? secret : NULL;
    return rill_server_generate_credentials(server, &o, out);
}

int rill_spsp_server_hand_out(rill_spsp_server *s, uint64_t query_id, rill_server *server,
                              const char *tag)
{
    rill_credentials credentials;
    spsp_query *q = rill_map_get(&s->queries, query_id);
    if (q == NULL)
        return RILL_ERR_NOT_FOUND;
    int error = make(server, tag, q->receipts, q->receipt_nonce, q->receipt_secret, &credentials);
    if (error == RILL_OK)
        error = ended(s, q,
                      spsp_respond_credentials(q->connection, q->handle, q->older, &credentials,
                                               q->receipts));
    rill_credentials_wipe(&credentials);
    return error;
}

int rill_spsp_server_answer(rill_spsp_server *s, uint64_t query_id,
                            const rill_credentials *credentials, bool receipts)
{
    spsp_query *q = rill_map_get(&s->queries, query_id);
    if (q == NULL)
        return RILL_ERR_NOT_FOUND;
    return ended(
        s, q, spsp_respond_credentials(q->connection, q->handle, q->older, credentials, receipts));
}

int rill_spsp_server_refuse(rill_spsp_server *s, uint64_t query_id, int error)
{
    spsp_query *q = rill_map_get(&s->queries, query_id);
    if (q == NULL)
        return RILL_ERR_NOT_FOUND;
    rill_web_connection *c = q->connection;
    int rc = error == RILL_ERR_NOT_FOUND
                 ? spsp_respond_unknown(c, q->handle, q->older)
                 : spsp_respond_refusal(c, q->handle, 503, "not now; ask again");
    query_free(s, q);
    if (rc != RILL_OK && rc != RILL_ERR_NOT_FOUND)
        rill_web_drop(c);
    return rc == RILL_ERR_NOT_FOUND ? rc : RILL_OK;
}

/* ---- requests ---- */

static int answer_receiver(const rill_spsp_server *s, rill_web_connection *c, uint64_t handle,
                           const spsp_request *request, const receiver *r)
{
    rill_credentials credentials;
    int error = make(s->server, r->tag, request->receipts, request->receipt_nonce,
                     request->receipt_secret, &credentials);
    if (error == RILL_OK)
        error =
            spsp_respond_credentials(c, handle, request->older, &credentials, request->receipts);
    else
        error = spsp_respond_refusal(c, handle, 503, "the receiver is not connected yet");
    rill_credentials_wipe(&credentials);
    return error;
}

static int ask(rill_spsp_server *s, rill_web_connection *c, uint64_t handle,
               const spsp_request *request)
{
    const rill_spsp_asked asked = {
        .path = request->path,
        .host = request->host,
        .receipt_nonce = request->receipts ? request->receipt_nonce : NULL,
        .receipt_secret = request->receipts ? request->receipt_secret : NULL,
    };
    const spsp_query *q = query_new(s, c, handle, request);
    if (q == NULL)
        return spsp_respond_refusal(c, handle, 503, "too many queries are open");
    rill_loop_push(s->loop);
    s->on.asked(s, q->id, &asked, s->user);
    rill_loop_stale(s->loop);
    return RILL_OK;
}

static int answer_get(rill_spsp_server *s, rill_web_connection *c, uint64_t handle,
                      const rill_http_message *m)
{
    spsp_request request = {.receipts = false};
    const char *why = "";
    int error;
    unsigned refused = spsp_request_read(&request, m, &why);
    const receiver *r = refused == 0 ? find(s, request.path) : NULL;
    if (r != NULL)
        error = answer_receiver(s, c, handle, &request, r);
    else if (refused == 404 || (refused == 0 && s->on.asked == NULL))
        error = spsp_respond_unknown(c, handle, request.older);
    else if (refused != 0)
        error = spsp_respond_refusal(c, handle, refused, why);
    else
        error = ask(s, c, handle, &request);
    rill_wipe(request.receipt_secret, sizeof request.receipt_secret);
    return error;
}

/* What is posted is the application's alone to judge. What is too large was refused before. */
static int take_post(rill_spsp_server *s, rill_web_connection *c, uint64_t handle,
                     const rill_http_message *m)
{
    spsp_request request = {.receipts = false};
    const char *why = "";
    unsigned refused = spsp_request_path(&request, m, &why);
    if (refused != 0)
        return spsp_respond_refusal(c, handle, refused, why);
    const spsp_query *q = query_new(s, c, handle, &request);
    if (q == NULL)
        return spsp_respond_refusal(c, handle, 503, "too many queries are open");
    const rill_spsp_posted posted = {request.path, {m->body, m->body_len}};
    rill_loop_push(s->loop);
    s->on.posted(s, q->id, &posted, s->user);
    rill_loop_stale(s->loop);
    return RILL_OK;
}

int rill_spsp_server_reply(rill_spsp_server *s, uint64_t query_id, unsigned status,
                           const char *text)
{
    if (status < 200 || status > 599)
        return RILL_ERR_INVALID;
    spsp_query *q = rill_map_get(&s->queries, query_id);
    if (q == NULL)
        return RILL_ERR_NOT_FOUND;
    return ended(s, q, spsp_respond_text(q->connection, q->handle, status, text));
}

static void on_request(void *owner, rill_web_connection *c, uint64_t handle,
                       const rill_http_message *m)
{
    rill_spsp_server *s = owner;
    rill_bytes method = rill_http_text(m, m->method);
    int error;
    if (rill_http_same(method, "GET") || rill_http_same(method, "HEAD"))
        error = answer_get(s, c, handle, m);
    else if (rill_http_same(method, "OPTIONS"))
        error = spsp_respond_options(c, handle);
    else if (rill_http_same(method, "POST") && s->on.posted != NULL)
        error = take_post(s, c, handle, m);
    else
        error = spsp_respond_refusal(c, handle, 405, "SPSP takes GET");
    if (error != RILL_OK && !c->over)
        rill_web_drop(c);
}

static void on_gone(void *owner, rill_web_connection *c, uint64_t handle)
{
    for (rill_list *n = c->requests.next; n != &c->requests; n = n->next) {
        spsp_query *q = RILL_CONTAINER(n, spsp_query, of_connection);
        if (q->handle == handle) {
            query_free(owner, q);
            return;
        }
    }
}

static void on_over(void *owner, rill_web_connection *c)
{
    while (!rill_list_empty(&c->requests))
        query_free(owner, RILL_CONTAINER(c->requests.next, spsp_query, of_connection));
}

static void on_log(void *owner, const char *line)
{
    const rill_spsp_server *s = owner;
    if (s->on.log != NULL && !s->closing)
        s->on.log(line, s->user);
}

/* ---- the server ---- */

static const rill_web_handlers web_handlers = {
    .request = on_request,
    .gone = on_gone,
    .over = on_over,
    .log = on_log,
};

static void on_closed(void *owner)
{
    rill_spsp_server *s = owner;
    void (*closed)(void *user) = s->on.closed;
    void *user = s->user;
    rill_loop *loop = s->loop;
    free_receivers(s);
    rill_map_clear(&s->queries);
    rill_web_clear(&s->web);
    rill_free(memory(), s);
    if (closed != NULL)
        closed(user);
    rill_loop_drop(loop);
}

static int listen_on(rill_spsp_server *s, const rill_spsp_server_options *o)
{
    rill_listener_options port;
    rill_listener_options_init(&port);
    port.host = o->host;
    port.port = o->port;
    port.cert_file = o->cert_file;
    port.key_file = o->key_file;
    /* Nobody has to say who he is. So all stay strangers, and no one keeps the others out. */
    port.max_strangers = o->max_connections;
    return rill_web_listen(&s->web, &port);
}

static int take_options(rill_spsp_server_options *full, rill_spsp_server_handlers *on,
                        const rill_spsp_server_options *o)
{
    rill_spsp_server_options_init(full);
    *on = (rill_spsp_server_handlers){.size = sizeof *on};
    int error = o != NULL ? rill_sized_take(full, sizeof *full, o) : RILL_OK;
    if (error == RILL_OK && full->handlers != NULL)
        error = rill_sized_take(on, sizeof *on, full->handlers);
    if (error == RILL_OK && (full->host == NULL || full->max_connections == 0))
        error = RILL_ERR_INVALID;
    return error;
}

int rill_spsp_server_open(rill_spsp_server **out, rill_loop *loop,
                          const rill_spsp_server_options *options)
{
    rill_spsp_server_options o;
    rill_spsp_server_handlers on;
    uint64_t seeds[3];
    int error = take_options(&o, &on, options);
    if (error != RILL_OK)
        return error;
    if (rill_crypto_random(loop->crypto, (uint8_t *)seeds, sizeof seeds) != RILL_OK)
        return RILL_ERR_CRYPTO;
    rill_spsp_server *s = rill_calloc(memory(), 1, sizeof *s);
    if (s == NULL)
        return RILL_ERR_NOMEM;
    s->loop = loop;
    s->server = o.server;
    s->on = on;
    s->user = o.user;
    rill_names_init(&s->receivers, memory(), seeds);
    rill_map_init(&s->queries, memory(), seeds[2]);
    rill_web_init(&s->web, loop, &web_handlers, s);
    s->web.idle_timeout = o.idle_timeout_ns;
    s->web.blocks.wipe = rill_wipe;
    error = listen_on(s, &o);
    if (error != RILL_OK) {
        rill_web_clear(&s->web);
        rill_free(memory(), s);
        return error;
    }
    rill_loop_hold(loop);
    *out = s;
    return RILL_OK;
}

uint16_t rill_spsp_server_port(const rill_spsp_server *s)
{
    return rill_web_port(&s->web);
}

int rill_spsp_server_renew_tls(rill_spsp_server *s, const char *cert_file, const char *key_file)
{
    return rill_web_renew_tls(&s->web, cert_file, key_file);
}

void rill_spsp_server_close(rill_spsp_server *s)
{
    if (s->closing)
        return;
    s->closing = true;
    rill_web_close(&s->web, on_closed);
}
