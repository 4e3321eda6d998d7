/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/http/http_outbox.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <rill/ilp.h>

#include "base/muldiv.h"
#include "links/http/http_async.h"

enum {
    MAX_ANSWERS = 20000,
    MAX_BYTES = 64 * 1024 * 1024, /* of those that wait */
    MAX_TRIES = 4,                /* without a pause, where nothing of it was sent */
    TRIES_LEFT = 3                /* the time that is left is enough for so many */
};

/* For the response to one. */
#define MOST_WAIT  (2000 * RILL_MS)
#define LEAST_WAIT (100 * RILL_MS)
/* Until it is tried again; twice as long each time. */
#define FIRST_PAUSE (50 * RILL_MS)
#define LAST_PAUSE  (1000 * RILL_MS)

bool http_outbox_has_room(const http_link *k, size_t more)
{
    return k->async->answers + more < MAX_ANSWERS && k->async->bytes < MAX_BYTES;
}

bool http_outbox_is_empty(const http_link *k)
{
    return k->async->answers == 0;
}

static void pump(http_link *k)
{
    if (!k->closing || k->lingering)
        rill_loop_defer(k->link.loop, &k->pump);
}

/* Nanoseconds until its Prepare expires. 0: it may not leave any more. */
static uint64_t time_left(const http_link *k, const http_sending *x)
{
    uint64_t now = rill_loop_now(k->link.loop).wall_ms;
    uint64_t at = x->part->expires_ms;
    return at > now ? rill_mul_div_floor_sat(at - now, RILL_MS, 1) : 0;
}

static void drop(http_link *k, http_sending *x)
{
    http_async *a = k->async;
    http_due_clear(&k->dues, &x->due);
    rill_list_remove(&x->node);
    a->answers--;
    a->bytes -= x->len;
    http_async_end(k, x);
    rill_blocks_give(&k->blocks, x);
    if (k->lingering && a->answers == 0)
        rill_loop_defer(k->link.loop, &k->ending);
}

/* The neighbour may never learn that it owes: whoever keeps its books has to. */
static void give_up(http_link *k, http_sending *x, const char *why)
{
    char line[512];
    if (x->packet[0] == RILL_ILP_FULFILL && k->async->lost++ == 0) {
        (void)snprintf(
            line, sizeof line,
            "%.250s did not take the Fulfill of a packet that it has sent: %s: its books "
            "may differ from ours",
            k->uri.host_header, why);
        http_desk_log(k->async->desk, line);
    }
    drop(k, x);
}

static void taken(http_link *k, http_sending *x)
{
    char line[512];
    http_async *a = k->async;
    k->proven = true;
    if (a->lost > 0) {
        (void)snprintf(line, sizeof line,
                       "%.250s takes replies again; Fulfills that it did not take: %" PRIu64,
                       k->uri.host_header, a->lost);
        http_desk_log(a->desk, line);
        a->lost = 0;
    }
    drop(k, x);
}

int http_outbox_put(http_link *k, const char id[HTTP_ID_TEXT], uint64_t expires_ms,
                    rill_bytes packet)
{
    http_async *a = k->async;
    if (packet.len == 0 || packet.len > k->limits.max_body)
        return RILL_ERR_TOO_LARGE;
    http_sending *x = rill_blocks_take(&k->blocks, sizeof *x + packet.len);
    if (x == NULL)
        return RILL_ERR_NOMEM;
    *x = (http_sending){.due = {.kind = DUE_REQUEST}, .len = packet.len};
    memcpy(x->packet, packet.data, packet.len);
    rill_list_init(&x->node);
    int error = http_async_begin_answer(k, x, id, expires_ms);
    if (error == RILL_OK)
        error = http_due_set(&k->dues, &x->due, time_left(k, x));
    if (error != RILL_OK) {
        http_async_end(k, x);
        rill_blocks_give(&k->blocks, x);
        return error;
    }
    rill_list_push_back(&a->ready, &x->node);
    a->answers++;
    a->bytes += x->len;
    pump(k);
    return RILL_OK;
}

http_sending *http_outbox_next(http_link *k)
{
    http_async *a = k->async;
    while (!rill_list_empty(&a->ready)) {
        http_sending *x = RILL_CONTAINER(a->ready.next, http_sending, node);
        if (time_left(k, x) > 0)
            return x;
        give_up(k, x, "it expired before");
    }
    return NULL;
}

/* Where its time cannot be set, it is that of before. */
static void set_due(http_link *k, http_sending *x, uint64_t after)
{
    int error = http_due_set(&k->dues, &x->due, after);
    assert(error == RILL_OK || x->due.timer.index == 0);
    if (error != RILL_OK)
        give_up(k, x, rill_strerror(error));
}

static void move(http_sending *x, rill_list *to)
{
    rill_list_remove(&x->node);
    rill_list_push_back(to, &x->node);
}

void http_outbox_sent(http_link *k, http_sending *x)
{
    uint64_t left = time_left(k, x);
    uint64_t wait = left / TRIES_LEFT;
    move(x, &k->async->busy);
    wait = wait > MOST_WAIT ? MOST_WAIT : wait < LEAST_WAIT ? LEAST_WAIT : wait;
    set_due(k, x, wait < left ? wait : left);
}

/* It was not taken: again in a while. */
static void rest(http_link *k, http_sending *x)
{
    uint64_t left = time_left(k, x);
    uint64_t pause = FIRST_PAUSE;
    x->socket = NULL;
    x->tries = 0;
    if (k->closing && !k->lingering) {
        give_up(k, x, "the link has ended");
        return;
    }
    if (left == 0) {
        give_up(k, x, "it expired before");
        return;
    }
    for (unsigned i = 0; i < x->part->pauses && pause < LAST_PAUSE; i++)
        pause *= 2;
    x->part->pauses++;
    move(x, &k->async->resting);
    set_due(k, x, pause < left ? pause : left);
}

/*
 * RFC 35: again after 5xx and after silence, never after 2xx and 4xx. 400 is also what it says of a
 * reply that it has had before.
 */
void http_outbox_answered(http_link *k, http_sending *x, unsigned status)
{
    char why[64];
    if (status / 100 == 2 || (status == 400 && x->part->doubt)) {
        taken(k, x);
    } else if (status / 100 == 4) {
        (void)snprintf(why, sizeof why, "it answered with HTTP status %u", status);
        give_up(k, x, why);
    } else {
        x->part->doubt = true;
        rest(k, x);
    }
}

void http_outbox_failed(http_link *k, http_sending *x, bool sent)
{
    x->part->doubt = x->part->doubt || sent;
    if (sent || x->tries >= MAX_TRIES || k->closing) {
        rest(k, x);
        return;
    }
    x->socket = NULL;
    rill_list_remove(&x->node);
    rill_list_push_front(&k->async->ready, &x->node);
    set_due(k, x, time_left(k, x));
    pump(k);
}

void http_outbox_due(http_link *k, http_sending *x)
{
    if (x->socket != NULL) {
        x->part->doubt = true;
        http_socket_give_up(x->socket, x);
    }
    if (time_left(k, x) == 0) {
        give_up(k, x, "it expired before");
        return;
    }
    move(x, &k->async->ready);
    x->tries = 0;
    set_due(k, x, time_left(k, x));
    pump(k);
}

void http_outbox_abandon(http_link *k)
{
    http_async *a = k->async;
    rill_list *const lists[] = {&a->ready, &a->busy, &a->resting};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        while (!rill_list_empty(lists[i])) {
            http_sending *x = RILL_CONTAINER(lists[i]->next, http_sending, node);
            if (x->socket != NULL)
                http_socket_cancel(x->socket, x);
            give_up(k, x, "the link has ended");
        }
    }
}
