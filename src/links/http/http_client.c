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
#include "links/http/http_async.h"
#include "links/http/http_outbox.h"

enum {
    MAX_OPEN = 10000,  /* requests, waiting or on their way */
    MAX_QUEUED = 2000, /* of these, the ones that wait for a socket */
    MAX_KEPT = 16 * 1024 * 1024
};

#define LINGER (5 * RILL_SECOND)

static const uint64_t delays_ms[] = {0, 100, 500, 1000, 2000, 5000};

static http_link *link_of(rill_link *l)
{
    return RILL_CONTAINER(l, http_link, link);
}

static void on_pump(rill_task *task)
{
    http_link *k = RILL_CONTAINER(task, http_link, pump);
    rill_link *l = &k->link;
    if (k->closing && !k->lingering)
        return;
    if (k->refused && !k->closing) {
        k->refused = false;
        k->state = LINK_ENDED;
        for (rill_list *n = k->sockets.next, *next; n != &k->sockets; n = next) {
            next = n->next;
            http_socket_retire(RILL_CONTAINER(n, http_socket, node), RILL_ERR_AUTH);
        }
        http_sendings_fail(k, RILL_ERR_AUTH);
        l->on.down(l, RILL_ERR_AUTH, "the node refused the token", true, l->user);
        return;
    }
    http_sendings_dispatch(k);
    if (k->blocked && k->queued < MAX_QUEUED / 4 && k->state == LINK_UP) {
        k->blocked = false;
        l->on.writable(l, l->user);
    }
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
    int error = http_due_set(&k->dues, &x->due, http_sending_wait(k, packet, len));
    if (error == RILL_OK && k->async != NULL)
        error = http_async_begin(k, x);
    if (error != RILL_OK) {
        http_sending_free(k, x);
        return error;
    }
    rill_list_push_back(&k->queue, &x->node);
    k->queued++;
    http_sendings_dispatch(k);
    return RILL_OK;
}

/* ---- up and down ---- */

static uint64_t next_delay_ms(http_link *k)
{
    size_t last = sizeof delays_ms / sizeof delays_ms[0] - 1;
    size_t i = k->attempts < last ? k->attempts : last;
    k->attempts++;
    return delays_ms[i];
}

static int try_again_in(http_link *k, uint64_t ms)
{
    return http_due_set(&k->dues, &k->retry, ms * RILL_MS);
}

static void go_down(http_link *k, int error, const char *detail)
{
    rill_link *l = &k->link;
    bool final = !k->reconnect;
    bool was_up = k->state == LINK_UP;
    uint64_t wait_ms = next_delay_ms(k);
    if (was_up)
        k->down_since = rill_loop_now(l->loop).mono_ns;
    snprintf(k->last_detail, sizeof k->last_detail, "%.*s", (int)sizeof k->last_detail - 1, detail);
    k->state = final ? LINK_ENDED : LINK_WAITING;
    http_sendings_fail(k, error);
    if (k->closing)
        return;
    if (!final && try_again_in(k, wait_ms) != RILL_OK)
        final = true;
    if (!final && !was_up &&
        rill_tries_again(&k->tries, error, uv_now(l->loop->uv), wait_ms,
                         k->connect_timeout / RILL_MS))
        return;
    k->tries = (rill_tries){.ends = 0};
    l->on.down(l, error, detail, final, l->user);
}

static void on_opened(http_link *k)
{
    rill_link *l = &k->link;
    k->attempts = 0;
    k->tries = (rill_tries){.ends = 0};
    k->pausing = false;
    k->last_detail[0] = '\0';
    if (k->state == LINK_CONNECTING) {
        k->state = LINK_UP;
        l->on.up(l, l->user);
    }
    http_link_pump(k);
}

/* One that is of use, or may be. */
static bool has_socket(const http_link *k, bool open)
{
    for (rill_list *n = k->sockets.next; n != &k->sockets; n = n->next) {
        const http_socket *s = RILL_CONTAINER(n, http_socket, node);
        if (!s->over && (!open || s->http != NULL))
            return true;
    }
    return false;
}

/* The neighbour had its time to take our replies. */
static void linger_no_more(http_link *k)
{
    k->over = true;
    rill_loop_defer(k->link.loop, &k->ending);
}

/*
 * Another connection could not be made. While one is open, packets have that, and a further one is
 * tried after a pause. While others are being made, the last of them says how it is. Each that
 * failed would open the next one otherwise, as fast as they are refused, and the link would never
 * be down.
 */
static void pause(http_link *k)
{
    bool open = has_socket(k, true);
    k->pausing = true;
    if (open && !k->closing && k->attempts == 0)
        k->attempts = 1; /* the first delay is none */
    if (open && !k->closing && try_again_in(k, next_delay_ms(k)) != RILL_OK)
        k->pausing = false;
}

/* That an idle connection ends is nothing: the next packet opens another one. */
static void on_lost(http_link *k, bool opened, int error, const char *detail)
{
    bool none = !opened && !has_socket(k, false);
    if (!opened && !none)
        pause(k);
    /* There is no time for a pause; and a link that is up has another connection soon. */
    if (opened && (k->lingering || !has_socket(k, false)))
        k->pausing = false;
    if (k->lingering && none)
        linger_no_more(k);
    else if (k->lingering)
        http_link_pump(k);
    if (k->closing || k->state == LINK_ENDED || k->state == LINK_WAITING)
        return;
    if (none)
        go_down(k, error, detail);
    else
        http_link_pump(k);
}

static void attempt(http_link *k)
{
    char detail[512];
    k->pausing = false;
    k->state = LINK_CONNECTING;
    int error = http_socket_open(k);
    if (error == RILL_OK)
        return;
    snprintf(detail, sizeof detail, "cannot connect to %s: %s", k->uri.host_header,
             rill_strerror(error));
    go_down(k, error, detail);
}

static void on_retry(http_link *k)
{
    if (k->closing) {
        linger_no_more(k);
    } else if (k->state == LINK_UP) {
        k->pausing = false;
        http_link_pump(k);
    } else {
        attempt(k);
    }
}

static void on_due(void *owner, http_due *due)
{
    if (due->kind == DUE_REQUEST)
        http_sending_too_late(owner, RILL_CONTAINER(due, http_sending, due));
    else if (due->kind == DUE_SOCKET)
        http_socket_too_late(RILL_CONTAINER(due, http_socket, due));
    else
        on_retry(owner);
}

/* ---- the end ---- */

static void part_closed(http_link *k)
{
    assert(k->parts > 0);
    if (--k->parts != 0)
        return;
    rill_loop *loop = k->link.loop;
    k->link.on.closed(&k->link, k->link.user);
    http_async_free(k);
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

/* Replies that the neighbour does not have yet are money: they get a moment more. */
static bool linger(http_link *k)
{
    if (k->async == NULL)
        return false;
    while (!rill_list_empty(&k->open))
        http_sending_let_go(k, RILL_CONTAINER(k->open.next, http_sending, node), RILL_ERR_CLOSED);
    http_sendings_fail(k, RILL_ERR_CLOSED);
    if (k->over || http_outbox_is_empty(k))
        return false;
    if (k->lingering)
        return true;
    k->lingering = http_due_set(&k->dues, &k->retry, LINGER) == RILL_OK;
    if (k->lingering)
        http_sendings_dispatch(k);
    return k->lingering;
}

static void end(rill_task *task)
{
    http_link *k = RILL_CONTAINER(task, http_link, ending);
    rill_task_cancel(&k->pump);
    if (linger(k))
        return;
    k->lingering = false;
    http_dues_stop(&k->dues);
    if (k->async != NULL)
        http_outbox_abandon(k);
    for (rill_list *n = k->sockets.next, *next; n != &k->sockets; n = next) {
        next = n->next;
        http_socket_retire(RILL_CONTAINER(n, http_socket, node), RILL_ERR_CLOSED);
    }
    http_sendings_fail(k, RILL_ERR_CLOSED);
    http_dues_close(&k->dues, on_dues_closed);
}

static void link_close(rill_link *l)
{
    http_link *k = link_of(l);
    if (k->closing)
        return;
    k->closing = true;
    k->state = LINK_ENDED;
    http_async_leave(k);
    if (k->async == NULL)
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

static void link_part(rill_link *l)
{
    http_async_part(link_of(l));
}

static bool link_is_busy(const rill_link *l)
{
    const http_link *k = RILL_CONTAINER(l, const http_link, link);
    return k->queued + k->open_count > 0 || (k->async != NULL && !http_outbox_is_empty(k));
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
    .answered = http_sending_answered,
    .failed = http_sending_failed,
    .room = http_link_pump,
    .lost = on_lost,
    .closed = part_closed,
};

static const rill_link_ops link_ops = {
    .is_up = link_is_up,
    .send = link_send,
    .reply = link_reply,
    .close = link_close,
    .waiting = link_waiting,
    .part = link_part,
    .is_busy = link_is_busy,
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
    if (error == RILL_OK && options->callback_url != NULL)
        error = http_async_open(k, options, problem);
    return error;
}

int rill_http_link_open(rill_link **out, rill_loop *loop, const char *uri,
                        const rill_link_options *options, const rill_link_handlers *handlers,
                        void *user, const char **problem)
{
    http_link *k = rill_calloc(rill_allocator_default(), 1, sizeof *k);
    if (k == NULL)
        return RILL_ERR_NOMEM;
    k->link.loop = loop;
    http_dues_init(&k->dues, loop, on_due, k);
    k->retry.kind = DUE_RETRY;
    int error = prepare(k, uri, options, problem);
    if (error == RILL_OK)
        error = http_due_set(&k->dues, &k->retry, 0);
    if (error != RILL_OK) {
        http_async_free(k);
        rill_tls_context_free(k->tls);
        http_dues_clear(&k->dues);
        rill_wipe(k, sizeof *k);
        rill_free(rill_allocator_default(), k);
        return error;
    }
    k->on = &socket_handlers;
    k->link.ops = &link_ops;
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
