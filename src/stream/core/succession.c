/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/succession.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/connection.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/identity.h"
#include "stream/core/queues.h"

/*
 * Closed connections are remembered until all that they received has expired. No
 * longer than this: an hour is the longest that we give a packet, and clocks differ.
 */
#define REMEMBERED_MAX (2 * 3600 * RILL_SECOND)
/* ... and no shorter, where the other side may not know that it is over, and go on. */
#define REMEMBERED_UNTOLD (60 * RILL_SECOND)
/* ... nor is it forgotten before the end of the connection has been fetched: looked at so often. */
#define FORMER_AGAIN RILL_SECOND
/* Connections of one client at a time: its lives before that are not told to have ended, and it. */
#define MOST_OF_ONE 5u

/* How long what is left of it is to be kept, nanoseconds. */
static uint64_t left_for(const rill_connection *c, uint64_t expires_at, uint64_t wall_ms)
{
    uint64_t left = rill_mul_div_floor_sat(rill_sub_sat(expires_at, wall_ms), RILL_MS, 1);
    if (!c->closing.by_remote && left < REMEMBERED_UNTOLD)
        left = REMEMBERED_UNTOLD;
    return left < REMEMBERED_MAX ? left : REMEMBERED_MAX;
}

/* What must be known of a connection that is over, added to what was before it. */
static void sum_up(rill_past *p, const rill_connection *c)
{
    p->hash = rill_token_hash(c->identity.token, c->identity.token_len);
    if (rill_life_is_later(c->numbers.life, c->numbers.who, p->life, p->who)) {
        p->life = c->numbers.life;
        p->who = c->numbers.who;
    }
    p->marked = c->numbers.marked;
    p->mark = c->numbers.mark;
    p->any = c->numbers.seen.any;
    p->highest = c->numbers.seen.highest;
    p->replaced = c->succession.replaced;
    p->well = c->closing.error == RILL_OK;
    p->expires_at =
        c->numbers.max_expires_at > p->expires_at ? c->numbers.max_expires_at : p->expires_at;
    p->numbered = c->numbers.given;
    p->received = c->numbers.taken_before + c->counts.packets_received;
}

/*
 * Stays behind until what the connection fulfilled cannot be replayed, and takes its entry in the
 * table. False: there is nothing to be known of it, or no memory.
 */
static bool remember(rill_connection *c, uint64_t at_least_ns, rill_now now)
{
    rill_endpoint *e = c->endpoint;
    rill_past *past = c->succession.past;
    if (!past || !c->in_table)
        return false;
    sum_up(past, c);
    uint64_t left = left_for(c, past->expires_at, now.wall_ms);
    if (left < at_least_ns)
        left = at_least_ns;
    if (left == 0 ||
        rill_heap_add(&e->heap, &past->deadline.timer, rill_add_sat(now.mono_ns, left)) != RILL_OK)
        return false;
    rill_map_replace(&e->table, past->hash, &past->deadline);
    c->in_table = false;
    c->succession.past = NULL;
    e->past_count++;
    return true;
}

/* How many there are before it, whose ends are to be told first. */
static unsigned before(const rill_connection *c)
{
    unsigned count = 0;
    for (; c->succession.waits_for; c = c->succession.waits_for)
        count++;
    return count;
}

void rill_succession_make_way(rill_connection *c, rill_now now)
{
    rill_past *past = c->succession.past;
    if (before(c) + 1 == MOST_OF_ONE || !remember(c, FORMER_AGAIN, now))
        return; /* once the end of one has been fetched */
    past->former = c;
    c->succession.left = past;
}

void rill_succession_follow(rill_connection *c)
{
    rill_connection *former = c->succession.past->former;
    if (!former)
        return;
    /* One line: nobody has two before it, or two after. */
    assert(!former->succession.holds && !c->succession.waits_for);
    former->succession.left = NULL;
    former->succession.holds = c;
    c->succession.waits_for = former;
    c->succession.past->former = NULL;
}

/* Its end has been told: the next one's turn. */
static void let_go(rill_connection *c)
{
    if (c->succession.left)
        c->succession.left->former = NULL;
    if (c->succession.holds) {
        c->succession.holds->succession.waits_for = NULL;
        rill_connection_notify(c->succession.holds, 0);
    }
    c->succession.left = NULL;
    c->succession.holds = NULL;
}

bool rill_succession_leave(rill_connection *c, rill_now now)
{
    bool left = remember(c, 0, now);
    let_go(c);
    return left;
}

void rill_succession_forget(rill_endpoint *e, rill_past *past, rill_now now)
{
    if (past->former) {
        rill_heap_move(&e->heap, &past->deadline.timer, rill_add_sat(now.mono_ns, FORMER_AGAIN));
        return;
    }
    rill_heap_remove(&e->heap, &past->deadline.timer);
    rill_map_remove(&e->table, past->hash);
    e->past_count--;
    rill_free(e->allocator, past);
}
