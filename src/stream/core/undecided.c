/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming packets whose fulfillment the application decides. */
#include "stream/core/undecided.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/connection.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/queues.h"

void rill_undecided_init(rill_undecided_set *set)
{
    *set = (rill_undecided_set){.deadline = RILL_NEVER};
    rill_list_init(&set->waiting);
    rill_list_init(&set->settled);
    rill_list_init(&set->unasked);
}

/*
 * As many may wait as others could still have (a dynamic threshold): one
 * connection gets half of what the endpoint has, and however many there are,
 * one more finds room.
 */
bool rill_undecided_has_room(const rill_connection *c)
{
    const rill_endpoint *e = c->endpoint;
    uint64_t waiting = (uint64_t)c->undecided->count + c->undecided->unasked_settled;
    return waiting < c->options->max_undecided && e->undecided_count < e->max_undecided &&
           waiting < e->max_undecided - e->undecided_count;
}

/* Into the lists and counts; its parts are reserved. */
static void enlist(rill_connection *c, rill_undecided *u)
{
    rill_list_init(&u->old_node);
    rill_list_push_back(&c->undecided->waiting, &u->node);
    rill_list_push_back(&c->undecided->unasked, &u->ask_node);
    c->undecided->count++;
    c->endpoint->undecided_count++;
    if (u->deadline_ns < c->undecided->deadline)
        c->undecided->deadline = u->deadline_ns;
    rill_connection_notify(c, RILL_EVENT_INCOMING);
}

/* False: no memory. */
static bool own_set(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    if (c->undecided != &e->shared->no_undecided)
        return true;
    rill_undecided_set *own = rill_alloc(e->allocator, sizeof *own);
    if (!own)
        return false;
    rill_undecided_init(own);
    c->undecided = own;
    return true;
}

int rill_undecided_add(rill_connection *c, const rill_question *q)
{
    rill_endpoint *e = c->endpoint;
    if (!own_set(c))
        return RILL_ERR_NOMEM;
    rill_undecided *u = rill_alloc(e->allocator, sizeof *u + q->part_count * sizeof u->parts[0]);
    if (!u)
        return RILL_ERR_NOMEM;
    *u = (rill_undecided){.connection = c,
                          .decision = e->next_decision + 1,
                          .request = q->request,
                          .sequence = q->sequence,
                          .amount = q->amount,
                          .expires_at = q->expires_at,
                          .deadline_ns = q->deadline_ns,
                          .limits_open = q->limits_open,
                          .part_count = q->part_count};
    if (rill_map_put(&e->decisions, u->decision, u) != RILL_OK) {
        rill_free(e->allocator, u);
        return RILL_ERR_NOMEM;
    }
    e->next_decision++;
    memcpy(u->fulfillment, q->fulfillment, sizeof u->fulfillment);
    memcpy(u->packet_id, q->packet_id, sizeof u->packet_id);
    uint64_t all = 0;
    for (uint32_t i = 0; i < q->part_count; i++) {
        u->parts[i] = q->parts[i];
        all += u->parts[i].amount;
        u->parts[i].stream->in.reserved += u->parts[i].amount;
        u->parts[i].stream->references++;
    }
    assert(all == q->amount); /* every unit is some stream's, if it is accepted */
    (void)all;
    enlist(c, u);
    return RILL_OK;
}

void rill_undecided_free(rill_endpoint *e, rill_undecided *u)
{
    rill_map_remove(&e->decisions, u->decision);
    rill_list_remove(&u->node);
    rill_list_remove(&u->ask_node);
    if (rill_list_linked(&u->old_node))
        e->old_decision_count--;
    rill_list_remove(&u->old_node);
    rill_free(e->allocator, u);
}

/* Where its event was fetched it is kept to be answered; if nobody ever does, not for ever. */
static void keep_old(rill_endpoint *e, rill_undecided *u)
{
    rill_list_push_back(&e->old_decisions, &u->old_node);
    if (++e->old_decision_count > e->max_undecided)
        rill_undecided_free(e, RILL_CONTAINER(e->old_decisions.next, rill_undecided, old_node));
}

rill_undecided *rill_undecided_ask_next(rill_connection *c)
{
    rill_list *n = rill_list_pop_front(&c->undecided->unasked);
    if (!n)
        return NULL;
    rill_undecided *u = RILL_CONTAINER(n, rill_undecided, ask_node);
    if (u->settled) {
        c->undecided->unasked_settled--;
        keep_old(c->endpoint, u);
    }
    return u;
}

void rill_undecided_unask(rill_undecided *u)
{
    assert(u->settled);
    if (!rill_list_linked(&u->ask_node))
        return;
    assert(u->connection && u->connection->undecided->unasked_settled > 0); /* or all were asked */
    rill_list_remove(&u->ask_node);
    u->connection->undecided->unasked_settled--;
}

void rill_undecided_release(rill_undecided *u)
{
    rill_connection *c = u->connection;
    assert(!u->settled && c->undecided->count > 0); /* what is reserved is given back once */
    assert(c->endpoint->undecided_count >= c->undecided->count);
    u->settled = true;
    rill_list_remove(&u->node);
    rill_list_push_back(&c->undecided->settled, &u->node);
    c->undecided->count--;
    c->endpoint->undecided_count--;
    rill_connection_mark(c);
    for (uint32_t i = 0; i < u->part_count; i++) {
        rill_stream *s = u->parts[i].stream;
        assert(s->references > 0 && s->in.reserved >= u->parts[i].amount); /* by u itself */
        s->in.reserved -= u->parts[i].amount;
        s->references--;
        rill_stream_mark(s, RILL_MARK_ANY);
    }
    u->part_count = 0;
    rill_wipe(u->fulfillment, sizeof u->fulfillment);
}

static void settle(rill_undecided *u)
{
    rill_undecided_release(u);
    u->connection->counts.packets_refused++;
    if (rill_list_linked(&u->ask_node))
        u->connection->undecided->unasked_settled++;
    else
        keep_old(u->connection->endpoint, u);
}

/* It is too late for the link as well; but who was asked, or is to be, may say no. */
void rill_undecided_expire(rill_connection *c, uint64_t now_ns)
{
    if (c->undecided->deadline > now_ns)
        return;
    c->undecided->deadline = RILL_NEVER;
    for (rill_list *n = c->undecided->waiting.next, *next; n != &c->undecided->waiting; n = next) {
        next = n->next;
        rill_undecided *u = RILL_CONTAINER(n, rill_undecided, node);
        if (u->deadline_ns <= now_ns) {
            settle(u);
        } else if (u->deadline_ns < c->undecided->deadline) {
            c->undecided->deadline = u->deadline_ns;
        }
    }
}

void rill_undecided_settle_all(rill_connection *c)
{
    c->undecided->deadline = RILL_NEVER;
    while (!rill_list_empty(&c->undecided->waiting))
        settle(RILL_CONTAINER(c->undecided->waiting.next, rill_undecided, node));
}

void rill_undecided_orphan(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    rill_undecided_settle_all(c);
    while (!rill_list_empty(&c->undecided->settled)) {
        rill_undecided *u = RILL_CONTAINER(c->undecided->settled.next, rill_undecided, node);
        rill_list_remove(&u->node);
        u->connection = NULL;
        /* Only where the endpoint goes are there any that nobody was asked about. */
        if (!rill_list_linked(&u->old_node))
            rill_undecided_free(e, u);
    }
}

void rill_undecided_free_old(rill_endpoint *e)
{
    while (!rill_list_empty(&e->old_decisions))
        rill_undecided_free(e, RILL_CONTAINER(e->old_decisions.next, rill_undecided, old_node));
}
