/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares what was sent with what arrived of it, over a stream and over a connection. Whichever of
 * the packets under way are fulfilled, everything together must bring the sender's minimum rate,
 * all but a unit. Packets without a reply are judged by what their receiver did.
 */
#include "books_internal.h"

#include <inttypes.h>

/* Nobody takes a packet for longer than this after it has expired by our clock. */
#define CLOCKS RILL_SECOND

static oracle_i128 gain(const sim_ledger *l, uint64_t sent, uint64_t delivered)
{
    return (oracle_i128)((oracle_u128)l->min_rate.den * delivered) -
           (oracle_i128)((oracle_u128)l->min_rate.num * sent);
}

static oracle_i128 positive(oracle_i128 a)
{
    return a > 0 ? a : 0;
}

/* The least that a part brings: its receiver rounds down, and the rest may be another stream's. */
static uint64_t part_of(const sim_flight *f, unsigned part, uint64_t delivered)
{
    return f->amount == 0 ? 0
                          : (uint64_t)((oracle_u128)delivered * f->parts[part].amount / f->amount);
}

/*
 * The most: with all of the rest. Whose that is the sender learns from a total, which is all that
 * tells of a packet whose answer was lost.
 */
static uint64_t most_of(const sim_flight *f, unsigned part, uint64_t delivered)
{
    uint64_t rest = delivered;
    for (unsigned i = 0; i < f->part_count; i++)
        rest -= part_of(f, i, delivered);
    return part_of(f, part, delivered) + (f->part_count > 0 ? rest : 0);
}

/*
 * What its sender need not know of counts, and may do so for less: for `least`. What came too late
 * may count or not: its sender was told nothing, or that it was not fulfilled.
 */
static void book(sim_tally *t, oracle_i128 gain, oracle_i128 least, bool late)
{
    oracle_i128 most = late ? positive(gain) : gain;
    least = late ? -positive(-gain) : least;
    t->balance += most;
    t->unsure += most - least;
}

static void add(sim_books *b, const sim_flight *f, uint64_t paid, uint64_t delivered, bool known)
{
    sim_ledger *l = &b->ledgers[f->pair];
    for (unsigned i = 0; i < f->part_count; i++) {
        uint64_t brought = known ? part_of(f, i, delivered) : most_of(f, i, delivered);
        oracle_i128 part = gain(l, paid != 0 ? f->parts[i].amount : 0, brought);
        oracle_i128 least =
            -positive(-gain(l, paid != 0 ? f->parts[i].amount : 0, part_of(f, i, f->minimum)));
        book(&l->streams[f->parts[i].book].tally, part, known ? part : least, f->late);
    }
    oracle_i128 all = gain(l, paid, delivered);
    book(&l->tally, all, known ? all : -positive(-gain(l, paid, f->minimum)), f->late);
}

void sim_books_minimum_told(sim_books *b, const sim_flight *f, uint64_t delivered)
{
    add(b, f, f->amount, delivered, true);
}

void sim_books_minimum_untold(sim_books *b, const sim_flight *f)
{
    sim_ledger *l = &b->ledgers[f->pair];
    if (!f->fulfillable)
        return;
    if (f->reached) {
        add(b, f, f->amount, f->arrived, false);
        return;
    }
    /* Its sender may have it in doubt for good. */
    l->tally.unsure += positive(-gain(l, f->amount, f->minimum));
    for (unsigned i = 0; i < f->part_count; i++)
        l->streams[f->parts[i].book].tally.unsure +=
            positive(-gain(l, f->parts[i].amount, part_of(f, i, f->minimum)));
}

void sim_books_minimum_kept(sim_books *b, const sim_flight *f)
{
    if (f->fulfillable && f->reached)
        add(b, f, 0, f->arrived, false);
}

void sim_books_minimum_free(sim_books *b, const sim_incoming *in)
{
    sim_ledger *l = &b->ledgers[in->pair];
    book(&l->tally, gain(l, 0, in->amount), 0, true);
    for (unsigned i = 0; i < l->stream_count; i++)
        for (unsigned k = 0; k < in->part_count; k++)
            if (in->parts[k].stream == l->streams[i].id)
                book(&l->streams[i].tally, gain(l, 0, in->parts[k].amount), 0, true);
}

void sim_books_minimum_reached(sim_flight *f, uint64_t arrived)
{
    f->arrived = arrived;
    f->late = f->missed;
}

/* An endpoint reckons with terms below 2^63, by one that is lower where there is none. */
static rill_ratio reckoned(rill_ratio r)
{
    while (r.num > INT64_MAX || r.den > INT64_MAX)
        r = (rill_ratio){r.num / 2, r.den / 2 + r.den % 2};
    return r;
}

void sim_books_learn_minimum(sim_ledger *l, const sim_books *b)
{
    rill_connection_stats stats;
    if (l->connection == NULL)
        return;
    rill_connection_get_stats(l->connection, &stats);
    rill_ratio rate = reckoned(stats.min_rate);
    if (l->min_rate.num == 0)
        l->min_rate = rate;
    else if (l->min_rate.num != rate.num || l->min_rate.den != rate.den)
        sim_violation(b->report, "host %u: the minimum rate changed", b->host);
}

static void lose(sim_books *b, sim_flight *f, oracle_i128 *worst, rill_now now)
{
    sim_ledger *l = &b->ledgers[f->pair];
    bool over = f->expires_ns + CLOCKS <= now.mono_ns;
    uint64_t brings = over && f->reached ? f->arrived : f->minimum;
    f->missed = over && !f->reached;
    if (f->missed)
        return;
    /* A packet that may still be refused need not bring more than its minimum, or anything. */
    bool sure = over && !f->late;
    oracle_i128 all = gain(l, f->amount, brings);
    *worst += sure || (f->late ? all > 0 : all < 0) ? all : 0;
    for (unsigned i = 0; i < f->part_count; i++) {
        uint64_t brought = sure ? most_of(f, i, brings) : part_of(f, i, brings);
        oracle_i128 part = gain(l, f->parts[i].amount, brought);
        l->streams[f->parts[i].book].worst += sure || (f->late ? part > 0 : part < 0) ? part : 0;
    }
}

void sim_books_check_minimum(sim_books *b, unsigned pair, rill_now now)
{
    sim_ledger *l = &b->ledgers[pair];
    oracle_i128 worst = l->tally.balance;
    oracle_i128 least = -(oracle_i128)l->min_rate.den;
    if (l->min_rate.num == 0 || sim_books_by_rogue(b, pair))
        return;
    for (unsigned i = 0; i < l->stream_count; i++)
        l->streams[i].worst = l->streams[i].tally.balance;
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

static oracle_i128 least(const sim_tally *t)
{
    return t->balance - t->unsure;
}

sim_spare sim_books_spare(sim_books *b, unsigned pair, uint64_t stream)
{
    unsigned place = sim_books_known(b, pair);
    const sim_ledger *l = &b->ledgers[place];
    const sim_stream_book *s = sim_books_app_stream(b, pair, stream);
    sim_spare out = {l->min_rate, least(&l->tally), least(&s->tally)};
    for (unsigned i = 0; i < b->flight_count; i++) {
        const sim_flight *f = &b->flights[i];
        if (f->pair != place || !f->fulfillable)
            continue;
        uint64_t brings = f->reached && f->arrived < f->minimum ? f->arrived : f->minimum;
        out.connection -= positive(-gain(l, f->amount, brings));
        for (unsigned k = 0; k < f->part_count; k++)
            if (f->parts[k].stream == stream)
                out.stream -= positive(-gain(l, f->parts[k].amount, part_of(f, k, brings)));
    }
    return out;
}

static bool bears(rill_ratio rate, oracle_i128 spare, uint64_t amount, uint64_t brings, bool last)
{
    const oracle_i128 unit = (oracle_i128)rate.den - 1;
    oracle_i128 lost = (oracle_i128)((oracle_u128)rate.num * amount) -
                       (oracle_i128)((oracle_u128)rate.den * brings);
    if (last)
        return lost <= spare + unit;
    return lost <= (positive(spare) < unit ? positive(spare) : unit);
}

bool sim_spare_bears(const sim_spare *s, uint64_t amount, uint64_t brings, bool last)
{
    return bears(s->rate, s->connection, amount, brings, last) &&
           bears(s->rate, s->stream, amount, brings, last);
}
