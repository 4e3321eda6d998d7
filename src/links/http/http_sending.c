/* SPDX-License-Identifier: Apache-2.0 */
/* The requests of a link: those that wait, those on a connection, and what becomes of them. */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include <rill/ilp.h>

#include "base/muldiv.h"
#include "links/http/client_impl.h"
#include "links/http/http_async.h"
#include "links/http/http_client.h"
#include "links/http/http_outbox.h"

enum {
    MAX_SOCKETS = 64, /* of HTTP/1.1 */
    MAX_MULTIPLEXED = 4,
    MAX_CONNECTING = 8,
    MAX_TRIES = 4
};

/* No node holds a packet for longer than an hour. */
#define MAX_WAIT (3600 * RILL_SECOND + LATER)
/* Of what says no time. */
#define SOME_WAIT (35 * RILL_SECOND)
#define MIN_WAIT  (100 * RILL_MS)
#define LATER     (1000 * RILL_MS) /* than its expiry: an answer of that moment is still on its way */

/* Of the asynchronous form: the neighbour has it, and its reply comes by a port. */
static bool is_parked(const http_sending *x)
{
    return x->part != NULL && x->part->parked;
}

static bool has_answers(const http_link *k)
{
    return k->async != NULL && !rill_list_empty(&k->async->ready);
}

void http_link_pump(http_link *k)
{
    bool wanted = !rill_list_empty(&k->queue) || k->blocked || k->refused || has_answers(k);
    if (wanted && (!k->closing || k->lingering))
        rill_loop_defer(k->link.loop, &k->pump);
}

/* ---- requests ---- */

static void unlink_sending(http_link *k, http_sending *x)
{
    rill_list_remove(&x->node);
    if (x->socket == NULL && !is_parked(x))
        k->queued--;
    else
        k->open_count--;
}

void http_sending_free(http_link *k, http_sending *x)
{
    http_due_clear(&k->dues, &x->due);
    http_async_end(k, x);
    rill_blocks_give(&k->blocks, x);
}

/* Its owner is told that there is no answer. */
static void unanswered(http_link *k, http_sending *x, int error, bool sent)
{
    rill_link *l = &k->link;
    uint64_t cookie = x->cookie;
    unlink_sending(k, x);
    http_sending_free(k, x);
    l->on.unanswered(l, cookie, error, sent, l->user);
}

void http_sendings_fail(http_link *k, int error)
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
    unsigned most = k->pausing ? 0 : k->multiplexed ? MAX_MULTIPLEXED : MAX_SOCKETS;
    unsigned room = k->socket_count < most ? most - k->socket_count : 0;
    unsigned want = k->multiplexed ? 1 : k->queued + (k->async != NULL ? k->async->answers : 0);
    unsigned allowed = k->multiplexed ? 1 : MAX_CONNECTING;
    want = want > k->connecting ? want - k->connecting : 0;
    allowed = allowed > k->connecting ? allowed - k->connecting : 0;
    if (want > room)
        want = room;
    return want < allowed ? want : allowed;
}

/* Replies first: their time is shorter. */
static void dispatch_answers(http_link *k)
{
    http_socket *s;
    http_sending *x;
    while ((x = http_outbox_next(k)) != NULL && (s = pick(k)) != NULL) {
        if (http_socket_send(s, x) != RILL_OK)
            break;
        http_outbox_sent(k, x);
    }
}

void http_sendings_dispatch(http_link *k)
{
    http_socket *s;
    if (k->async != NULL)
        dispatch_answers(k);
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
    if (rill_list_empty(&k->queue) && !has_answers(k))
        return;
    if (k->state != LINK_UP && !k->lingering)
        return;
    for (unsigned more = wanted(k); more > 0; more--)
        if (http_socket_open(k) != RILL_OK)
            break;
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

/* The neighbour has it, or may have it: its reply comes by a port, until its packet is due. */
static void park(http_link *k, http_sending *x)
{
    x->socket = NULL;
    x->part->parked = true;
    http_link_pump(k);
}

/* Its reply was faster than this. */
static bool is_told(http_link *k, http_sending *x)
{
    if (x->part == NULL || !x->part->told)
        return false;
    unlink_sending(k, x);
    http_sending_free(k, x);
    http_link_pump(k);
    return true;
}

static bool is_packet(const rill_http_message *m)
{
    return m->body_len != 0 && (m->body[0] == RILL_ILP_FULFILL || m->body[0] == RILL_ILP_REJECT);
}

/* True: nothing is to be said of this response. */
static bool take_accepted(http_link *k, http_sending *x, const rill_http_message *m)
{
    if (x->part->answer) {
        http_outbox_answered(k, x, m->status);
        http_link_pump(k);
        return true;
    }
    if (is_told(k, x))
        return true;
    if (m->status != 202 && (m->status / 100 != 2 || m->body_len != 0))
        return false;
    k->proven = true;
    park(k, x);
    return true;
}

void http_sending_answered(http_link *k, http_sending *x, const rill_http_message *m)
{
    rill_link *l = &k->link;
    uint64_t cookie = x->cookie;
    char why[64];
    if (x->part != NULL && take_accepted(k, x, m))
        return;
    unlink_sending(k, x);
    http_sending_free(k, x);
    http_link_pump(k);
    if (m->status == 200 && is_packet(m)) {
        k->proven = true;
        l->on.reply(l, cookie, m->body, m->body_len, l->user);
    } else if (m->status == 401 || m->status == 403) {
        /* Before it has taken anything it will not take the next one either. */
        if (!k->proven) {
            k->refused = true;
            http_link_pump(k);
            l->on.unanswered(l, cookie, RILL_ERR_AUTH, false, l->user);
            return;
        }
        reject(k, cookie, RILL_ILP_T01_PEER_UNREACHABLE, "the neighbour refused the token");
    } else if (m->status == 502 || m->status == 504) {
        /* A proxy before it: the neighbour may have the packet. */
        l->on.unanswered(l, cookie, RILL_ERR_REMOTE, true, l->user);
    } else {
        snprintf(why, sizeof why, "the neighbour answered with HTTP status %u", m->status);
        reject(k, cookie, RILL_ILP_T00_INTERNAL_ERROR,
               m->status == 200 ? "the neighbour answered with something else than a packet" : why);
    }
}

void http_sending_failed(http_link *k, http_sending *x, int error, bool sent)
{
    if (x->part != NULL && x->part->answer) {
        http_outbox_failed(k, x, sent);
        return;
    }
    if (is_told(k, x))
        return;
    if (x->part != NULL && sent && !k->closing) {
        park(k, x);
        return;
    }
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
    http_link_pump(k);
}

uint64_t http_sending_wait(http_link *k, const uint8_t *packet, size_t len)
{
    rill_prepare p;
    uint64_t now = rill_loop_now(k->link.loop).wall_ms;
    if (rill_prepare_decode(&p, packet, len) != RILL_OK)
        return SOME_WAIT;
    uint64_t left = p.expires_at_ms > now ? p.expires_at_ms - now : 0;
    uint64_t wait = rill_add_sat(rill_mul_div_floor_sat(left, RILL_MS, 1), LATER);
    return wait > MAX_WAIT ? MAX_WAIT : wait < MIN_WAIT ? MIN_WAIT : wait;
}

/* There is no reply to one that may have been sent; its response is not waited for either. */
void http_sending_let_go(http_link *k, http_sending *x, int error)
{
    bool told = x->part != NULL && x->part->told;
    http_socket *s = x->socket;
    rill_link *l = &k->link;
    uint64_t cookie = x->cookie;
    unlink_sending(k, x);
    if (s != NULL && error == RILL_ERR_TIMEOUT)
        http_socket_give_up(s, x);
    else if (s != NULL)
        http_socket_cancel(s, x);
    http_sending_free(k, x);
    if (!told)
        l->on.unanswered(l, cookie, error, true, l->user);
}

void http_sending_too_late(http_link *k, http_sending *x)
{
    if (x->part != NULL && x->part->answer)
        http_outbox_due(k, x);
    else if (x->socket == NULL && !is_parked(x))
        unanswered(k, x, RILL_ERR_TIMEOUT, false);
    else
        http_sending_let_go(k, x, RILL_ERR_TIMEOUT);
}

void http_link_take_reply(http_awaited *w, rill_bytes packet)
{
    http_part *part = RILL_CONTAINER(w, http_part, awaited);
    http_sending *x = part->sending;
    http_link *k = RILL_CONTAINER(w->link, http_link, link);
    rill_link *l = &k->link;
    uint64_t cookie = x->cookie;
    http_desk_forget(k->async->desk, w);
    k->proven = true;
    if (x->socket != NULL) {
        part->told = true; /* and the response to its Prepare is still to come */
    } else {
        unlink_sending(k, x);
        http_sending_free(k, x);
    }
    l->on.reply(l, cookie, packet.data, packet.len, l->user);
}
