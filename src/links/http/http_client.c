/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/http/http_client.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <rill/ilp.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "links/http/client_impl.h"

enum {
    MAX_OPEN = 10000,  /* requests, waiting or on their way */
    MAX_QUEUED = 2000, /* of these, the ones that wait for a socket */
    MAX_SOCKETS = 64,  /* of HTTP/1.1 */
    MAX_MULTIPLEXED = 4,
    MAX_CONNECTING = 8,
    MAX_TRIES = 4,
    MAX_KEPT = 16 * 1024 * 1024
};

#define MAX_WAIT (35 * RILL_SECOND)
#define MIN_WAIT (100 * RILL_MS)
#define LATER    (1000 * RILL_MS) /* than its expiry: an answer of that moment is still on its way */

static const uint64_t delays_ms[] = {0, 100, 500, 1000, 2000, 5000};

static http_link *link_of(rill_link *l)
{
    return RILL_CONTAINER(l, http_link, link);
}

static void pump(http_link *k)
{
    if (!k->closing && (!rill_list_empty(&k->queue) || k->blocked || k->refused))
        rill_loop_defer(k->link.loop, &k->pump);
}

/* ---- requests ---- */

static void unlink_sending(http_link *k, http_sending *x)
{
    rill_list_remove(&x->node);
    if (x->socket == NULL)
        k->queued--;
    else
        k->open_count--;
}

static void free_sending(http_link *k, http_sending *x)
{
    http_due_clear(&k->dues, &x->due);
    rill_blocks_give(&k->blocks, x);
}

/* Its owner is told that there is no answer. */
static void unanswered(http_link *k, http_sending *x, int error, bool sent)
{
    rill_link *l = &k->link;
    uint64_t cookie = x->cookie;
    unlink_sending(k, x);
    free_sending(k, x);
    l->on.unanswered(l, cookie, error, sent, l->user);
}

static void fail_all(http_link *k, int error)
{
    while (!rill_list_empty(&k->queue))
        unanswered(k, RILL_CONTAINER(k->queue.next, http_sending, node), error, false);
}

static http_socket *pick(http_link *k)
{
    for (rill_list *n = k->sockets.next; n != &k->sockets; n = n->next) {
        http_socket *s = RILL_CONTAINER(n, http_socket, node);
        if (http_socket_has_room(s))
            return s;
    }
    return NULL;
}

/* How many more connections what waits is worth. */
static unsigned wanted(const http_link *k)
{
    unsigned most = k->multiplexed ? MAX_MULTIPLEXED : MAX_SOCKETS;
    unsigned room = k->socket_count < most ? most - k->socket_count : 0;
    unsigned want = k->multiplexed ? 1 : k->queued;
    unsigned allowed = k->multiplexed ? 1 : MAX_CONNECTING;
    want = want > k->connecting ? want - k->connecting : 0;
    allowed = allowed > k->connecting ? allowed - k->connecting : 0;
    if (want > room)
        want = room;
    return want < allowed ? want : allowed;
}

static void dispatch(http_link *k)
{
    http_socket *s;
    while (!rill_list_empty(&k->queue) && (s = pick(k)) != NULL) {
        http_sending *x = RILL_CONTAINER(k->queue.next, http_sending, node);
        int error = http_socket_send(s, x);
        if (error != RILL_OK)
            break;
        rill_list_remove(&x->node);
        k->queued--;
        rill_list_push_back(&k->open, &x->node);
        k->open_count++;
    }
    if (rill_list_empty(&k->queue) || k->state != LINK_UP)
        return;
    for (unsigned more = wanted(k); more > 0; more--)
        if (http_socket_open(k) != RILL_OK)
            break;
}

static void on_pump(rill_task *task)
{
    http_link *k = RILL_CONTAINER(task, http_link, pump);
    rill_link *l = &k->link;
    if (k->closing)
        return;
    if (k->refused) {
        k->refused = false;
        k->state = LINK_ENDED;
        for (rill_list *n = k->sockets.next, *next; n != &k->sockets; n = next) {
            next = n->next;
            http_socket_retire(RILL_CONTAINER(n, http_socket, node), RILL_ERR_AUTH);
        }
        fail_all(k, RILL_ERR_AUTH);
        l->on.down(l, RILL_ERR_AUTH, "the node refused the token", true, l->user);
        return;
    }
    dispatch(k);
    if (k->blocked && k->queued < MAX_QUEUED / 4 && k->state == LINK_UP) {
        k->blocked = false;
        l->on.writable(l, l->user);
    }
}

/* What the neighbour says instead of a packet, as one. */
static void reject(http_link *k, uint64_t cookie, rill_ilp_code_id code, const char *why)
{
    rill_link *l = &k->link;
    const rill_reject r = {.code = rill_ilp_code_of(code),
                           .message = {(const uint8_t *)why, strlen(why)}};
    uint8_t packet[256];
    size_t len = 0;
    if (rill_reject_encode(&r, packet, sizeof packet, &len) == RILL_OK)
        l->on.reply(l, cookie, packet, len, l->user);
    else
        l->on.unanswered(l, cookie, RILL_ERR_REMOTE, true, l->user);
}

static void on_answered(http_link *k, http_sending *x, const rill_http_message *m)
{
    rill_link *l = &k->link;
    uint64_t cookie = x->cookie;
    char why[64];
    unlink_sending(k, x);
    free_sending(k, x);
    pump(k);
    if (m->status == 200 && m->body_len != 0 &&
        (m->body[0] == RILL_ILP_FULFILL || m->body[0] == RILL_ILP_REJECT)) {
        k->proven = true;
        l->on.reply(l, cookie, m->body, m->body_len, l->user);
    } else if (m->status == 401 || m->status == 403) {
        /* Before it has taken anything it will not take the next one either. */
        if (!k->proven) {
            k->refused = true;
            pump(k);
            l->on.unanswered(l, cookie, RILL_ERR_AUTH, false, l->user);
            return;
        }
        reject(k, cookie, RILL_ILP_T01_PEER_UNREACHABLE, "the neighbour refused the token");
    } else {
        snprintf(why, sizeof why, "the neighbour answered with HTTP status %u", m->status);
        reject(k, cookie, RILL_ILP_T00_INTERNAL_ERROR,
               m->status == 200 ? "the neighbour answered with something else than a packet" : why);
    }
}

static void on_failed(http_link *k, http_sending *x, int error, bool sent)
{
    if (sent || x->tries >= MAX_TRIES || k->closing || k->state != LINK_UP) {
        unanswered(k, x, error, sent);
        return;
    }
    /* Nothing of it was seen: it goes first on another connection. */
    rill_list_remove(&x->node);
    k->open_count--;
    x->socket = NULL;
    rill_list_push_front(&k->queue, &x->node);
    k->queued++;
    pump(k);
}

static uint64_t wait_for(http_link *k, const uint8_t *packet, size_t len)
{
    rill_prepare p;
    uint64_t now = rill_loop_now(k->link.loop).wall_ms;
    if (rill_prepare_decode(&p, packet, len) != RILL_OK)
        return MAX_WAIT;
    uint64_t left = p.expires_at_ms > now ? p.expires_at_ms - now : 0;
    uint64_t wait = rill_add_sat(rill_mul_div_floor_sat(left, RILL_MS, 1), LATER);
    return wait > MAX_WAIT ? MAX_WAIT : wait < MIN_WAIT ? MIN_WAIT : wait;
}

static int link_send(rill_link *l, uint64_t cookie, const uint8_t *packet, size_t len)
{
    http_link *k = link_of(l);
    if (k->state != LINK_UP)
        return RILL_ERR_NOT_CONNECTED;
    if (k->queued + k->open_count >= MAX_OPEN)
        return RILL_ERR_LIMIT;
    if (k->queued >= MAX_QUEUED) {
        k->blocked = true;
        return RILL_ERR_BLOCKED;
    }
    if (len > k->limits.max_body)
        return RILL_ERR_TOO_LARGE;
    http_sending *x = rill_blocks_take(&k->blocks, sizeof *x + len);
    if (x == NULL)
        return RILL_ERR_NOMEM;
    *x = (http_sending){.due = {.kind = DUE_REQUEST}, .cookie = cookie, .len = len};
    memcpy(x->packet, packet, len);
    rill_list_init(&x->node);
    int error = http_due_set(&k->dues, &x->due, wait_for(k, packet, len));
    if (error != RILL_OK) {
        rill_blocks_give(&k->blocks, x);
        return error;
    }
    rill_list_push_back(&k->queue, &x->node);
    k->queued++;
    dispatch(k);
    return RILL_OK;
}

/* ---- up and down ---- */

static void go_down(http_link *k, int error, const char *detail)
{
    rill_link *l = &k->link;
    bool final = !k->reconnect;
    if (k->state == LINK_UP)
        k->down_since = rill_loop_now(l->loop).mono_ns;
    snprintf(k->last_detail, sizeof k->last_detail, "%.*s", (int)sizeof k->last_detail - 1, detail);
    k->state = final ? LINK_ENDED : LINK_WAITING;
    fail_all(k, error);
    if (k->closing)
        return;
    size_t last = sizeof delays_ms / sizeof delays_ms[0] - 1;
    size_t i = k->attempts < last ? k->attempts : last;
    k->attempts++;
    if (!final && http_due_set(&k->dues, &k->retry, delays_ms[i] * RILL_MS) != RILL_OK)
        final = true;
    l->on.down(l, error, detail, final, l->user);
}

static void on_opened(http_link *k)
{
    rill_link *l = &k->link;
    k->attempts = 0;
    k->last_detail[0] = '\0';
    if (k->state == LINK_CONNECTING) {
        k->state = LINK_UP;
        l->on.up(l, l->user);
    }
    pump(k);
}

static bool has_socket(const http_link *k)
{
    for (rill_list *n = k->sockets.next; n != &k->sockets; n = n->next)
        if (!RILL_CONTAINER(n, http_socket, node)->over)
            return true;
    return false;
}

/* That an idle connection ends is nothing: the next packet opens another one. */
static void on_lost(http_link *k, bool opened, int error, const char *detail)
{
    if (k->closing || k->state == LINK_ENDED || k->state == LINK_WAITING)
        return;
    if (!opened && !has_socket(k)) {
        go_down(k, error, detail);
        return;
    }
    pump(k);
}

static void attempt(http_link *k)
{
    char detail[512];
    k->state = LINK_CONNECTING;
    int error = http_socket_open(k);
    if (error == RILL_OK)
        return;
    snprintf(detail, sizeof detail, "cannot connect to %s: %s", k->uri.host_header,
             rill_strerror(error));
    go_down(k, error, detail);
}

static void too_late(http_link *k, http_sending *x)
{
    bool sent = x->socket != NULL;
    http_socket *s = x->socket;
    if (!sent) {
        unanswered(k, x, RILL_ERR_TIMEOUT, false);
        return;
    }
    rill_link *l = &k->link;
    uint64_t cookie = x->cookie;
    unlink_sending(k, x);
    http_socket_cancel(s, x);
    free_sending(k, x);
    l->on.unanswered(l, cookie, RILL_ERR_TIMEOUT, true, l->user);
}

static void on_due(void *owner, http_due *due)
{
    if (due->kind == DUE_REQUEST)
        too_late(owner, RILL_CONTAINER(due, http_sending, due));
    else if (due->kind == DUE_SOCKET)
        http_socket_too_late(RILL_CONTAINER(due, http_socket, due));
    else
        attempt(owner);
}

/* ---- the end ---- */

static void part_closed(http_link *k)
{
    assert(k->parts > 0);
    if (--k->parts != 0)
        return;
    rill_loop *loop = k->link.loop;
    k->link.on.closed(&k->link, k->link.user);
    rill_tls_context_free(k->tls);
    http_dues_clear(&k->dues);
    rill_blocks_clear(&k->blocks);
    rill_wipe(k, sizeof *k);
    rill_free(rill_allocator_default(), k);
    rill_loop_drop(loop);
}

static void on_dues_closed(void *owner)
{
    part_closed(owner);
}

static void end(rill_task *task)
{
    http_link *k = RILL_CONTAINER(task, http_link, ending);
    rill_task_cancel(&k->pump);
    for (rill_list *n = k->sockets.next, *next; n != &k->sockets; n = next) {
        next = n->next;
        http_socket_retire(RILL_CONTAINER(n, http_socket, node), RILL_ERR_CLOSED);
    }
    fail_all(k, RILL_ERR_CLOSED);
    http_dues_close(&k->dues, on_dues_closed);
}

static void link_close(rill_link *l)
{
    http_link *k = link_of(l);
    if (k->closing)
        return;
    k->closing = true;
    k->state = LINK_ENDED;
    http_dues_stop(&k->dues);
    rill_loop_defer(l->loop, &k->ending);
}

static bool link_is_up(const rill_link *l)
{
    return RILL_CONTAINER(l, const http_link, link)->state == LINK_UP;
}

/* Nothing comes that could be answered. */
static int link_reply(rill_link *l, uint64_t request, const uint8_t *packet, size_t len)
{
    (void)l;
    (void)request;
    (void)packet;
    (void)len;
    return RILL_ERR_NOT_CONNECTED;
}

static void link_waiting(const rill_link *l, rill_waiting *out)
{
    const http_link *k = RILL_CONTAINER(l, const http_link, link);
    if (k->state == LINK_UP || k->state == LINK_ENDED)
        return;
    out->since_ns = k->down_since;
    out->until_ns = rill_add_sat(rill_loop_now(l->loop).mono_ns, http_dues_wait(&k->dues));
    rill_waiting_set(out, RILL_WAIT_CONNECT,
                     k->last_detail[0] != '\0' ? k->last_detail : k->uri.host_header);
}

static const http_socket_handlers socket_handlers = {
    .opened = on_opened,
    .answered = on_answered,
    .failed = on_failed,
    .room = pump,
    .lost = on_lost,
    .closed = part_closed,
};

static const rill_link_ops link_ops = {
    .is_up = link_is_up,
    .send = link_send,
    .reply = link_reply,
    .close = link_close,
    .waiting = link_waiting,
};

/* ---- the beginning ---- */

static int read_uri(http_link *k, const char *uri, const char **problem)
{
    int error = rill_uri_parse(&k->uri, uri, problem);
    if (error != RILL_OK)
        return error;
    if (k->uri.account[0] != '\0') {
        *problem =
            "ILP over HTTP has no name of an account: leave out what stands before the colon";
        return RILL_ERR_URI;
    }
    k->prior = strcmp(k->uri.base, "ilp+h2c") == 0;
    k->multiplexed = k->prior;
    if (k->uri.token[0] != '\0')
        k->authorization_len =
            (size_t)snprintf(k->authorization, sizeof k->authorization, "Bearer %s", k->uri.token);
    return RILL_OK;
}

/* What can fail before anything is registered with libuv. */
static int prepare(http_link *k, const char *uri, const rill_link_options *options,
                   const char **problem)
{
    static const char *const protocols[] = {"h2", "http/1.1"};
    int error = read_uri(k, uri, problem);
    if (error == RILL_OK && k->uri.tls)
        error = rill_tls_client_context(&k->tls, options->ca_file, options->verify, problem);
    if (error == RILL_OK && k->uri.tls && options->cert_file != NULL)
        error = rill_tls_context_identify(k->tls, options->cert_file, options->key_file, problem);
    if (error == RILL_OK && k->uri.tls)
        error = rill_tls_context_offer(k->tls, protocols, 2);
    return error;
}

int rill_http_link_open(rill_link **out, rill_loop *loop, const char *uri,
                        const rill_link_options *options, const rill_link_handlers *handlers,
                        void *user, const char **problem)
{
    http_link *k = rill_calloc(rill_allocator_default(), 1, sizeof *k);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    http_dues_init(&k->dues, loop, on_due, k);
    k->retry.kind = DUE_RETRY;
    int error = prepare(k, uri, options, problem);
    if (error == RILL_OK)
        error = http_due_set(&k->dues, &k->retry, 0);
    if (error != RILL_OK) {
        rill_tls_context_free(k->tls);
        http_dues_clear(&k->dues);
        rill_wipe(k, sizeof *k);
        rill_free(rill_allocator_default(), k);
        return error;
    }
    k->on = &socket_handlers;
    k->link.ops = &link_ops;
    k->link.loop = loop;
    k->link.on = *handlers;
    k->link.user = user;
    k->connect_timeout = options->connect_timeout_ns;
    k->reconnect = options->reconnect;
    k->state = LINK_WAITING;
    k->parts = 1;
    rill_http_limits_init(&k->limits);
    rill_blocks_init(&k->blocks, rill_allocator_default(), MAX_KEPT);
    rill_list_init(&k->sockets);
    rill_list_init(&k->queue);
    rill_list_init(&k->open);
    rill_task_init(&k->pump, on_pump);
    rill_task_init(&k->ending, end);
    k->down_since = rill_loop_now(loop).mono_ns;
    rill_loop_hold(loop);
    http_dues_start(&k->dues);
    *out = &k->link;
    return RILL_OK;
}
