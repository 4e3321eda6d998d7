/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming packets whose fulfillment the application decides. */
#include <string.h>

#include "base/alloc.h"
#include "stream/endpoint_internal.h"

/* Gives back what was reserved, and lets go of the streams. */
void rill_undecided_release(rill_undecided *u)
{
    rill_connection *c = u->connection;
    rill_endpoint *e = c->endpoint;
    rill_list_remove(&u->node);
    rill_list_remove(&u->ask_node);
    rill_map_remove(&e->decisions, u->decision);
    c->undecided_count--;
    for (uint32_t i = 0; i < u->part_count; i++) {
        rill_stream *s = u->parts[i].stream;
        s->in.reserved -= u->parts[i].amount;
        s->references--;
        rill_stream_check_goals(s);
        rill_stream_release(s);
    }
    rill_wipe(u->fulfillment, sizeof u->fulfillment);
    rill_free(e->allocator, u);
}

static void after_release(rill_connection *c)
{
    rill_connection_check_end(c);
    rill_connection_check_closed(c);
}

/* It is too late for the link as well: nobody waits for a reply any more. */
void rill_undecided_expire(rill_connection *c, uint64_t now_ns)
{
    if (c->undecided_deadline > now_ns)
        return;
    c->undecided_deadline = RILL_NEVER;
    for (rill_list *n = c->undecided.next, *next; n != &c->undecided; n = next) {
        next = n->next;
        rill_undecided *u = RILL_CONTAINER(n, rill_undecided, node);
        if (u->deadline_ns <= now_ns) {
            c->stats.packets_refused++;
            rill_undecided_release(u);
        } else if (u->deadline_ns < c->undecided_deadline) {
            c->undecided_deadline = u->deadline_ns;
        }
    }
    after_release(c);
}

static int refuse(rill_undecided *u, bool expired, uint8_t *reply, size_t *reply_len)
{
    rill_connection *c = u->connection;
    uint64_t sequence = u->sequence;
    uint64_t amount = u->amount;
    c->stats.packets_refused++;
    rill_undecided_release(u);
    int err = rill_reply_reject(
        c, expired ? RILL_ILP_R00_TRANSFER_TIMED_OUT : RILL_ILP_F99_APPLICATION_ERROR, sequence,
        amount, reply, reply_len);
    after_release(c);
    return err;
}

static int accept(rill_undecided *u, uint8_t *reply, size_t *reply_len)
{
    rill_connection *c = u->connection;
    rill_endpoint *e = c->endpoint;
    uint8_t fulfillment[32];
    uint64_t sequence = u->sequence;
    uint64_t amount = u->amount;
    memcpy(fulfillment, u->fulfillment, sizeof fulfillment);
    e->part_count = u->part_count;
    /* Credited before the reservation is released: a goal may be met by it, on a closed stream too.
     */
    for (uint32_t i = 0; i < u->part_count; i++) {
        e->parts[i].stream = u->parts[i].stream;
        e->parts[i].amount = u->parts[i].amount;
        rill_stream_credit(u->parts[i].stream, u->parts[i].amount);
    }
    rill_undecided_release(u);
    c->stats.received += amount;
    int err = rill_reply_fulfill(c, sequence, amount, fulfillment, reply, reply_len);
    rill_wipe(fulfillment, sizeof fulfillment);
    e->part_count = 0;
    after_release(c);
    return err;
}

/* Its streams had room when it came, and that room has been kept since. */
static bool still_open(const rill_undecided *u)
{
    return u->connection->state == RILL_STATE_OPEN;
}

static bool total_fits(const rill_undecided *u)
{
    return u->connection->stats.received <= UINT64_MAX - u->amount;
}

int rill_endpoint_decide(rill_endpoint *e, rill_now now, uint64_t decision, bool fulfill,
                         uint8_t *reply, size_t *reply_len, bool *fulfilled)
{
    *reply_len = 0;
    e->last_now = now;
    e->closed_count = 0;
    if (fulfilled)
        *fulfilled = false;
    rill_undecided *u = rill_map_get(&e->decisions, decision);
    if (!u)
        return RILL_ERR_NOT_FOUND;
    rill_connection *c = u->connection;
    bool expired = u->expires_at <= now.wall_ms || u->deadline_ns <= now.mono_ns;
    int err;
    if (fulfill && !expired && still_open(u) && total_fits(u)) {
        err = accept(u, reply, reply_len);
        if (fulfilled)
            *fulfilled = true;
    } else {
        err = refuse(u, expired, reply, reply_len);
    }
    rill_connection_rearm(c, now.mono_ns);
    return err;
}
