/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "io/listener.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "io/acceptor.h"

/*
 * So long a stranger may stay, however many come after: enough to authenticate. Less where few may
 * be there: a thousand a second always pass, two at first.
 */
#define STRANGER_MS 500

struct rill_listener {
    rill_loop *loop;
    rill_acceptor acceptor;
    rill_tls_context *tls;
    rill_protocol protocols[RILL_LISTENER_MAX_PROTOCOLS];
    size_t protocol_count;
    uint32_t max_strangers;
    uint64_t hello_timeout_ms;
    void (*log)(void *user, const char *line);
    void *user;
    rill_strangers strangers;
    rill_list visitors;
    bool accepting; /* the acceptor still points here */
    bool closing;
    bool given; /* opening succeeded: the owner knows of us */
    void (*closed)(void *user);
    rill_task ending;
};

/* A connection that was taken, and not handed over yet. */
typedef struct visitor {
    rill_listener *listener;
    rill_tcp *tcp;
    rill_list node;
    size_t seen_len;
    uint8_t seen[RILL_SNIFF_MAX]; /* of what came before this read */
} visitor;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static void log_line(const rill_listener *l, const char *line)
{
    if (l->log != NULL)
        l->log(l->user, line);
}

/* ---- first bytes ---- */

rill_sniffed rill_sniff_http2(const uint8_t *data, size_t len)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    static_assert(sizeof preface - 1 == RILL_SNIFF_MAX, "what is shown is what decides");
    size_t all = sizeof preface - 1;
    if (memcmp(data, preface, len < all ? len : all) != 0)
        return RILL_SNIFF_NO;
    return len < all ? RILL_SNIFF_MORE : RILL_SNIFF_YES;
}

/* RFC 9110 section 5.6.2, of which methods are made; those in use have capitals and '-' alone. */
static bool of_a_method(uint8_t byte)
{
    return (byte >= 'A' && byte <= 'Z') || byte == '-' || byte == '_';
}

rill_sniffed rill_sniff_http1(const uint8_t *data, size_t len)
{
    size_t method = 0;
    while (method < len && of_a_method(data[method]))
        method++;
    if (method < len)
        return method > 0 && data[method] == ' ' ? RILL_SNIFF_YES : RILL_SNIFF_NO;
    return len < RILL_SNIFF_MAX ? RILL_SNIFF_MORE : RILL_SNIFF_NO;
}

/* ---- handing over ---- */

static void maybe_free(rill_listener *l);

/* It has no part in the connection any more. */
static void leave(visitor *v)
{
    rill_list_remove(&v->node);
    rill_free(memory(), v);
}

/* False: it stays, and is being closed. */
static bool hand_over(visitor *v, const rill_protocol *p)
{
    rill_tcp *t = v->tcp;
    int error = p->take(p->user, t);
    if (error != RILL_OK) {
        char line[RILL_TCP_NAME + 64];
        snprintf(line, sizeof line, "%s was turned away: %s", t->name, rill_strerror(error));
        log_line(v->listener, line);
        rill_tcp_close(t);
        return false;
    }
    assert(t->owner != v);
    leave(v);
    t->on->open(t->owner);
    return true;
}

static const rill_protocol *by_alpn(const rill_listener *l, const char *name)
{
    for (size_t i = 0; i < l->protocol_count; i++)
        if (l->protocols[i].alpn != NULL && strcmp(l->protocols[i].alpn, name) == 0)
            return &l->protocols[i];
    return NULL;
}

/* The first that the bytes say yes to, where all before it have said no. NULL: none, or not yet. */
static const rill_protocol *by_bytes(const rill_listener *l, const uint8_t *data, size_t len,
                                     bool *more)
{
    *more = false;
    for (size_t i = 0; i < l->protocol_count; i++) {
        const rill_protocol *p = &l->protocols[i];
        if (p->sniff == NULL)
            return p;
        rill_sniffed says = len > 0 ? p->sniff(data, len) : RILL_SNIFF_MORE;
        assert(says != RILL_SNIFF_MORE || len < RILL_SNIFF_MAX);
        if (says == RILL_SNIFF_YES)
            return p;
        if (says == RILL_SNIFF_MORE) {
            *more = true;
            return NULL;
        }
    }
    return NULL;
}

static void on_open(void *owner)
{
    visitor *v = owner;
    const char *name = rill_tcp_alpn(v->tcp);
    bool more;
    if (v->listener->closing)
        return;
    /* TLS has chosen among ours: it is one of them. */
    const rill_protocol *p =
        name[0] != '\0' ? by_alpn(v->listener, name) : by_bytes(v->listener, NULL, 0, &more);
    assert(name[0] == '\0' || p != NULL);
    if (p != NULL)
        (void)hand_over(v, p);
}

static void on_read(void *owner, uint8_t *data, size_t len)
{
    visitor *v = owner;
    rill_tcp *t = v->tcp;
    uint8_t seen[RILL_SNIFF_MAX];
    size_t before = v->seen_len;
    size_t room = sizeof v->seen - before;
    bool more;
    if (v->listener->closing || t->error != RILL_OK)
        return;
    memcpy(v->seen + before, data, len < room ? len : room);
    v->seen_len += len < room ? len : room;
    const rill_protocol *p = by_bytes(v->listener, v->seen, v->seen_len, &more);
    if (p == NULL) {
        if (!more)
            rill_tcp_fail(t, RILL_ERR_PROTOCOL, "speaks nothing that is spoken here");
        return;
    }
    memcpy(seen, v->seen, before);
    if (!hand_over(v, p))
        return;
    if (before != 0 && t->state == RILL_TCP_OPEN && t->error == RILL_OK)
        t->on->read(t->owner, seen, before);
    if (t->state == RILL_TCP_OPEN && t->error == RILL_OK)
        t->on->read(t->owner, data, len);
}

static void on_lost(void *owner, int error, const char *detail)
{
    visitor *v = owner;
    /* Coming and going is nobody's business; breaking rules is the operator's. */
    if (error != RILL_ERR_NOT_CONNECTED)
        log_line(v->listener, detail);
    rill_tcp_finish(v->tcp);
}

static void on_drained(void *owner)
{
    (void)owner;
}

static void on_closed(void *owner)
{
    visitor *v = owner;
    rill_listener *l = v->listener;
    leave(v);
    maybe_free(l);
}

static const rill_tcp_handlers visitor_handlers = {
    .open = on_open,
    .read = on_read,
    .lost = on_lost,
    .drained = on_drained,
    .closed = on_closed,
};

/* ---- taking ---- */

/*
 * The oldest stranger goes at once, also where he is told why he is refused and
 * does not listen. False: he came just now, and who comes next has to wait a little.
 */
static bool make_room(rill_listener *l)
{
    rill_tcp *oldest = RILL_CONTAINER(l->strangers.list.next, rill_tcp, stranger);
    uint64_t age = uv_now(l->loop->uv) - oldest->accepted_at;
    uint64_t least = l->max_strangers < STRANGER_MS ? l->max_strangers : STRANGER_MS;
    if (age < least) {
        rill_acceptor_wait(&l->acceptor, least - age);
        return false;
    }
    rill_tcp_drop(oldest, RILL_ERR_LIMIT, "had not authenticated, and gave way to another");
    return true;
}

static void on_dropped(uv_handle_t *handle)
{
    rill_free(memory(), handle);
}

/* One that there is no room for. Not taking it would leave it waiting, and libuv calling. */
static void turn_away(rill_listener *l, uv_stream_t *stream)
{
    uv_tcp_t *handle = rill_calloc(memory(), 1, sizeof *handle);
    if (handle == NULL || uv_tcp_init(l->loop->uv, handle) != 0) {
        rill_free(memory(), handle);
        rill_acceptor_pause(&l->acceptor); /* which drops it */
        return;
    }
    (void)uv_accept(stream, (uv_stream_t *)handle);
    uv_close((uv_handle_t *)handle, on_dropped);
}

static void on_ready(rill_acceptor *acceptor, uv_stream_t *stream)
{
    rill_listener *l = RILL_CONTAINER(acceptor, rill_listener, acceptor);
    if (l->strangers.count >= l->max_strangers && !make_room(l))
        return;
    visitor *v = rill_calloc(memory(), 1, sizeof *v);
    if (v == NULL || rill_tcp_new(&v->tcp, l->loop, &visitor_handlers, v) != RILL_OK) {
        log_line(l, "a client was turned away: out of memory");
        rill_free(memory(), v);
        turn_away(l, stream);
        return;
    }
    v->listener = l;
    rill_list_push_back(&l->visitors, &v->node);
    rill_tcp *t = v->tcp;
    rill_tcp_is_stranger(t, &l->strangers);
    rill_tcp_expire(t, l->hello_timeout_ms);
    if (rill_tcp_accept(t, stream, l->tls) != RILL_OK) {
        turn_away(l, stream); /* where it was not taken yet; else there is nothing to take */
        rill_tcp_close(t);
    }
}

static void on_trouble(rill_acceptor *acceptor, int status)
{
    char line[128];
    snprintf(line, sizeof line, "no connections can be taken for a moment: %s",
             uv_strerror(status));
    log_line(RILL_CONTAINER(acceptor, rill_listener, acceptor), line);
}

static void on_acceptor_closed(rill_acceptor *acceptor)
{
    rill_listener *l = RILL_CONTAINER(acceptor, rill_listener, acceptor);
    l->accepting = false;
    maybe_free(l);
}

/* ---- the listener ---- */

void rill_listener_options_init(rill_listener_options *o)
{
    *o = (rill_listener_options){
        .host = "127.0.0.1",
        .max_strangers = 1024,
        .hello_timeout = 5 * RILL_SECOND,
    };
}

static void maybe_free(rill_listener *l)
{
    if (!l->closing || l->accepting || !rill_list_empty(&l->visitors) ||
        rill_list_linked(&l->ending.node))
        return;
    /* Those that were handed over live on. */
    while (!rill_list_empty(&l->strangers.list))
        rill_tcp_welcome(RILL_CONTAINER(l->strangers.list.next, rill_tcp, stranger));
    rill_tls_context_free(l->tls);
    if (l->given && l->closed != NULL)
        l->closed(l->user);
    rill_free(memory(), l);
}

static void end(rill_task *task)
{
    rill_listener *l = RILL_CONTAINER(task, rill_listener, ending);
    for (rill_list *at = l->visitors.next; at != &l->visitors; at = at->next)
        rill_tcp_close(RILL_CONTAINER(at, visitor, node)->tcp);
    maybe_free(l);
}

/* RILL_ERR_TLS, RILL_ERR_INVALID, RILL_ERR_NOMEM. */
static int new_tls(rill_tls_context **out, const rill_listener *l, const char *cert_file,
                   const char *key_file)
{
    const char *names[RILL_LISTENER_MAX_PROTOCOLS];
    size_t count = 0;
    for (size_t i = 0; i < l->protocol_count; i++)
        if (l->protocols[i].alpn != NULL)
            names[count++] = l->protocols[i].alpn;
    rill_tls_context *tls;
    int error = rill_tls_server_context(&tls, cert_file, key_file, NULL);
    if (error != RILL_OK)
        return error;
    error = rill_tls_context_offer(tls, names, count);
    if (error != RILL_OK)
        rill_tls_context_free(tls);
    else
        *out = tls;
    return error;
}

static bool options_valid(const rill_listener_options *o)
{
    if (o->protocol_count == 0 || o->protocol_count > RILL_LISTENER_MAX_PROTOCOLS ||
        o->max_strangers == 0)
        return false;
    return (o->cert_file == NULL) == (o->key_file == NULL);
}

int rill_listener_open(rill_listener **out, rill_loop *loop, const rill_listener_options *o)
{
    if (!options_valid(o))
        return RILL_ERR_INVALID;
    rill_listener *l = rill_calloc(memory(), 1, sizeof *l);
    if (l == NULL)
        return RILL_ERR_NOMEM;
    l->loop = loop;
    memcpy(l->protocols, o->protocols, o->protocol_count * sizeof *o->protocols);
    l->protocol_count = o->protocol_count;
    l->max_strangers = o->max_strangers;
    l->hello_timeout_ms = o->hello_timeout / RILL_MS;
    l->log = o->log;
    l->user = o->user;
    rill_list_init(&l->strangers.list);
    rill_list_init(&l->visitors);
    rill_task_init(&l->ending, end);
    int error = RILL_OK;
    if (o->cert_file != NULL)
        error = new_tls(&l->tls, l, o->cert_file, o->key_file);
    if (error == RILL_OK) {
        l->acceptor.loop = loop;
        l->acceptor.ready = on_ready;
        l->acceptor.trouble = on_trouble;
        l->acceptor.closed = on_acceptor_closed;
        l->accepting = true;
        error = o->path != NULL ? rill_acceptor_open_unix(&l->acceptor, o->path)
                                : rill_acceptor_open(&l->acceptor, o->host, o->port);
    }
    if (error != RILL_OK) {
        l->closing = true;
        maybe_free(l);
        return error;
    }
    l->given = true;
    *out = l;
    return RILL_OK;
}

uint16_t rill_listener_port(const rill_listener *l)
{
    return rill_acceptor_port(&l->acceptor);
}

int rill_listener_renew_tls(rill_listener *l, const char *cert_file, const char *key_file)
{
    rill_tls_context *renewed;
    if (l->tls == NULL)
        return RILL_ERR_INVALID;
    int error = new_tls(&renewed, l, cert_file, key_file);
    if (error != RILL_OK)
        return error;
    rill_tls_context_free(l->tls);
    l->tls = renewed;
    return RILL_OK;
}

void rill_listener_stop(rill_listener *l)
{
    rill_acceptor_close(&l->acceptor);
}

void rill_listener_close(rill_listener *l, void (*closed)(void *user))
{
    assert(!l->closing);
    l->closing = true;
    l->closed = closed;
    rill_acceptor_close(&l->acceptor);
    rill_loop_defer(l->loop, &l->ending);
}
