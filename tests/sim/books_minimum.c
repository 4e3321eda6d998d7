/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was sent against what arrived of it, over a stream and over a connection:
 * whichever of the packets under way are fulfilled, all brings the sender's
 * minimum rate but for a unit. What no reply told of is judged by what its
 * receiver did.
 */
#include "books_internal.h"

#include <inttypes.h>

/* Nobody takes a packet that has expired by our clock for longer than this. */
#define CLOCKS RILL_SECOND

static oracle_i128 gain(const sim_ledger *l, uint64_t sent, uint64_t delivered)
{
    return (oracle_i128)((oracle_u128)l->min_rate.den * delivered) -
           (oracle_i128)((oracle_u128)l->min_rate.num * sent);
}

/* The least that comes of a part: its receiver rounds down, and the rest may be another's. */
static uint64_t part_of(const sim_flight *f, unsigned part, uint64_t delivered)
{
    return f->amount == 0 ? 0
                          : (uint64_t)((oracle_u128)delivered * f->parts[part].amount / f->amount);
}

static void add(sim_books *b, const sim_flight *f, bool paid, uint64_t delivered)
{
    sim_ledger *l = &b->ledgers[f->pair];
    l->tally += gain(l, paid ? f->amount : 0, delivered);
    for (unsigned i = 0; i < f->part_count; i++)
        l->streams[f->parts[i].book].tally +=
            gain(l, paid ? f->parts[i].amount : 0, part_of(f, i, delivered));
}

void sim_books_minimum_told(sim_books *b, const sim_flight *f, uint64_t delivered)
{
    add(b, f, true, delivered);
}

void sim_books_minimum_untold(sim_books *b, const sim_flight *f)
{
    if (f->fulfillable && f->reached)
        add(b, f, true, f->arrived);
}

void sim_books_minimum_kept(sim_books *b, const sim_flight *f)
{
    if (f->fulfillable && f->reached)
        add(b, f, false, f->arrived);
}

void sim_books_minimum_free(sim_books *b, const sim_incoming *in)
{
    sim_ledger *l = &b->ledgers[in->pair];
    l->tally += gain(l, 0, in->amount);
    for (unsigned i = 0; i < l->stream_count; i++)
        for (unsigned k = 0; k < in->part_count; k++)
            if (in->parts[k].stream == l->streams[i].id)
                l->streams[i].tally += gain(l, 0, in->parts[k].amount);
}

void sim_books_minimum_reached(sim_books *b, sim_flight *f, uint64_t arrived)
{
    f->arrived = arrived;
    /* By a clock that is behind: its sender was told that nobody had taken it. */
    if (f->missed)
        b->ledgers[f->pair].tally_vague = true;
}

static void lose(sim_books *b, sim_flight *f, oracle_i128 *worst, rill_now now)
{
    sim_ledger *l = &b->ledgers[f->pair];
    bool over = f->expires_ns + CLOCKS <= now.mono_ns;
    uint64_t brings = over && f->reached ? f->arrived : f->minimum;
    f->missed = over && !f->reached;
    if (f->missed)
        return;
    oracle_i128 all = gain(l, f->amount, brings);
    /* What may yet be refused need not bring more than its minimum, or anything. */
    *worst += over || all < 0 ? all : 0;
    for (unsigned i = 0; i < f->part_count; i++) {
        oracle_i128 part = gain(l, f->parts[i].amount, part_of(f, i, brings));
        l->streams[f->parts[i].book].worst += over || part < 0 ? part : 0;
    }
}

void sim_books_check_minimum(sim_books *b, unsigned pair, rill_now now)
{
    sim_ledger *l = &b->ledgers[pair];
    oracle_i128 worst = l->tally;
    oracle_i128 least = -(oracle_i128)l->min_rate.den;
    if (l->min_rate.num == 0 || l->tally_vague || sim_books_by_rogue(b, pair))
        return;
    for (unsigned i = 0; i < l->stream_count; i++)
        l->streams[i].worst = l->streams[i].tally;
    for (unsigned i = 0; i < b->flight_count; i++)
        if (b->flights[i].pair == pair && b->flights[i].fulfillable)
            lose(b, &b->flights[i], &worst, now);
    if (worst <= least)
        sim_violation(b->report,
                      "host %u: all that connection %u sends may bring a unit less than its "
                      "minimum rate",
                      b->host, pair);
    for (unsigned i = 0; i < l->stream_count; i++)
        if (l->streams[i].worst <= least)
            sim_violation(b->report,
                          "host %u connection %u: all that stream %" PRIu64
                          " sends may bring a unit less than the minimum rate",
                          b->host, pair, l->streams[i].id);
}
