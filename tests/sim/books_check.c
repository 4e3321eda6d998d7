/* SPDX-License-Identifier: Apache-2.0 */
/* Compares what an endpoint says about itself with the books. */
#include "books_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How long an endpoint may still wait for a reply after the packet's expiry. */
#define GRACE (5 * RILL_SECOND)
/* With more packets in flight than this, the books are not compared after each event, but soon. */
#define MANY 256U

static void add(sim_bounds *b, uint64_t amount, bool certain)
{
    b->high = b->high + amount < amount ? UINT64_MAX : b->high + amount;
    b->low += certain ? amount : 0;
}

static void forget_expired(sim_books *b, uint64_t now_ns)
{
    for (unsigned i = 0; i < b->flight_count;) {
        if (b->flights[i].expires_ns + GRACE + b->late < now_ns) {
            sim_books_lost(b, &b->flights[i]);
            b->flights[i] = b->flights[--b->flight_count];
        } else {
            i++;
        }
    }
}

static void add_flight(sim_outstanding *o, const sim_flight *f, uint64_t amount, uint64_t now_ns)
{
    bool fresh = f->expires_ns > now_ns;
    /* A probe can never be fulfilled, so the endpoint decides whether it counts as in flight. */
    if (!f->fulfillable) {
        add(&o->in_flight, amount, false);
        add(&o->in_doubt, f->state == SIM_FLIGHT_OPEN && fresh ? 0 : amount, false);
        return;
    }
    if (!fresh)
        o->expired += amount;
    add(&o->in_flight, amount, fresh && f->state != SIM_FLIGHT_SPOILT);
    if (f->state != SIM_FLIGHT_OPEN)
        add(&o->in_doubt, amount, fresh && f->state == SIM_FLIGHT_DOUBT);
    /* Once it has expired, the core may find out by itself that no reply can come. */
    if (f->state == SIM_FLIGHT_OPEN && !fresh)
        add(&o->in_doubt, amount, false);
}

static void outside(sim_books *b, unsigned pair, uint64_t stream, const char *what, uint64_t is,
                    sim_bounds should)
{
    if (is < should.low || is > should.high)
        sim_violation(b->report,
                      "host %u connection %u stream %" PRIu64 ": %s is %" PRIu64
                      ", the link says %" PRIu64 " to %" PRIu64,
                      b->host, pair, stream, what, is, should.low, should.high);
}

static void exactly(sim_books *b, unsigned pair, uint64_t stream, const char *what, uint64_t is,
                    uint64_t should)
{
    outside(b, pair, stream, what, is, (sim_bounds){should, should});
}

/* How much of each stream of the ledger has no answer yet: one pass over all flights. */
static void sum_flights(sim_books *b, unsigned pair, uint64_t now_ns)
{
    sim_ledger *l = &b->ledgers[pair];
    for (unsigned i = 0; i < l->stream_count; i++)
        l->streams[i].open = (sim_outstanding){.divided = l->streams[i].divided};
    for (unsigned i = 0; i < b->flight_count; i++) {
        const sim_flight *f = &b->flights[i];
        for (unsigned k = 0; f->pair == pair && k < f->part_count; k++) {
            sim_outstanding *o = &l->streams[f->parts[k].book].open;
            o->divided = o->divided || f->divided;
            add_flight(o, f, f->parts[k].amount, now_ns);
        }
    }
}

/*
 * A packet that expired without a reply is in doubt until the receiver tells that it arrived. Then
 * it is sent.
 */
static void check_sent(sim_books *b, unsigned pair, uint64_t stream, uint64_t is, uint64_t link,
                       const sim_fate *fate, const sim_outstanding *o)
{
    outside(b, pair, stream, "sent", is, (sim_bounds){link, link + fate->lost + o->expired});
}

/*
 * Nothing may be paid twice: everything that the receiver fulfilled is sent, or is still in flight.
 */
static void check_reached(sim_books *b, unsigned pair, uint64_t stream, const sim_fate *fate,
                          uint64_t sent, uint64_t in_flight)
{
    if (!b->directory->steady || sim_books_by_rogue(b, pair))
        return;
    if (fate->reached > sent + in_flight + fate->kept)
        sim_violation(b->report,
                      "host %u connection %u stream %" PRIu64 ": %" PRIu64
                      " fulfilled, of which %" PRIu64 " sent, %" PRIu64 " in flight, %" PRIu64
                      " kept on the way",
                      b->host, pair, stream, fate->reached, sent, in_flight, fate->kept);
}

static void check_stream(sim_books *b, unsigned pair, const sim_stream_book *s,
                         const rill_stream_totals *t)
{
    if (t->in_flight > s->send_bound || t->sent > s->send_bound - t->in_flight)
        sim_violation(b->report,
                      "host %u connection %u stream %" PRIu64 ": sent %" PRIu64
                      " and in flight %" PRIu64 " are above the send max %" PRIu64,
                      b->host, pair, s->id, t->sent, t->in_flight, s->send_bound);
    if (t->sent + t->in_flight > t->send_max)
        sim_violation(b->report, "host %u stream %" PRIu64 ": more than its own send max", b->host,
                      s->id);
    if (t->in_doubt > t->in_flight)
        sim_violation(b->report, "host %u stream %" PRIu64 ": more in doubt than in flight",
                      b->host, s->id);
    bool vague = b->ledgers[pair].vague;
    if (!s->open.divided && !vague) {
        check_sent(b, pair, s->id, t->sent, s->sent, &s->fate, &s->open);
        check_reached(b, pair, s->id, &s->fate, t->sent, t->in_flight);
        sim_bounds in_flight = {s->open.in_flight.low, s->open.in_flight.high + s->fate.lost};
        sim_bounds in_doubt = {s->open.in_doubt.low, s->open.in_doubt.high + s->fate.lost};
        outside(b, pair, s->id, "in flight", t->in_flight, in_flight);
        outside(b, pair, s->id, "in doubt", t->in_doubt, in_doubt);
    }
    if (!s->receive_divided && !vague)
        outside(b, pair, s->id, "received", t->received, (sim_bounds){s->received_low, UINT64_MAX});
}

typedef struct sums {
    uint64_t sent;
    uint64_t received;
    uint64_t delivered;
    uint64_t in_flight;
} sums;

static sums check_streams(sim_books *b, unsigned pair, uint64_t now_ns)
{
    sums sum = {0, 0, 0, 0};
    const sim_ledger *l = &b->ledgers[pair];
    sum_flights(b, pair, now_ns);
    for (unsigned i = 0; i < l->stream_count; i++) {
        const sim_stream_book *s = &l->streams[i];
        rill_stream_totals t = s->final;
        if (s->stream != NULL) {
            rill_stream_get_totals(s->stream, &t);
            check_stream(b, pair, s, &t);
        }
        sim_sum_up(&sum.sent, t.sent);
        sim_sum_up(&sum.received, t.received);
        sim_sum_up(&sum.delivered, t.delivered);
        sim_sum_up(&sum.in_flight, t.in_flight);
    }
    return sum;
}

static void check_connection(sim_books *b, unsigned pair, uint64_t now_ns)
{
    const sim_ledger *l = &b->ledgers[pair];
    rill_connection_stats s;
    rill_connection_get_stats(l->connection, &s);
    sim_outstanding o = {.divided = false};
    for (unsigned i = 0; i < b->flight_count; i++)
        if (b->flights[i].pair == pair)
            add_flight(&o, &b->flights[i], b->flights[i].amount, now_ns);
    check_sent(b, pair, 0, s.sent, l->sent, &l->fate, &o);
    check_reached(b, pair, 0, &l->fate, s.sent, s.in_flight);
    exactly(b, pair, 0, "received", s.received, l->received);
    exactly(b, pair, 0, "packets_sent", s.packets_sent, l->prepares);
    exactly(b, pair, 0, "packets_fulfilled", s.packets_fulfilled, l->fulfilled);
    /* If no reply told of it, the receiver's totals may. */
    bool told = l->fate.lost + o.expired > 0;
    outside(b, pair, 0, "delivered", s.delivered,
            (sim_bounds){l->delivered_low, told ? UINT64_MAX : l->delivered_high});
    outside(b, pair, 0, "in flight", s.in_flight,
            (sim_bounds){o.in_flight.low, o.in_flight.high + l->fate.lost});
    outside(b, pair, 0, "in doubt", s.in_doubt,
            (sim_bounds){o.in_doubt.low, o.in_doubt.high + l->fate.lost});
    sim_books_check_buffers(b, pair);
    sums sum = check_streams(b, pair, now_ns);
    exactly(b, pair, 0, "sum of what streams sent", sum.sent, s.sent);
    exactly(b, pair, 0, "sum of what streams received", sum.received, s.received);
    /* Other implementations fulfil what a connector added, although no stream has a share of it. */
    bool adds_up = !b->directory->pairs[sim_pair_of(pair)].stands_in;
    if (!sim_books_by_rogue(b, pair))
        outside(b, pair, 0, "sum of what streams delivered", sum.delivered,
                (sim_bounds){adds_up ? s.delivered : 0, s.delivered});
}

void sim_books_check(sim_books *b, rill_now now)
{
    forget_expired(b, now.mono_ns);
    /* A pass over hundreds of packets for each of them would take most of the time. */
    if (b->flight_count > MANY && ++b->unchecked < b->flight_count / (MANY / 4))
        return;
    b->unchecked = 0;
    for (unsigned i = 0; i < SIM_PLACES; i++)
        if (b->ledgers[i].connection != NULL && !b->ledgers[i].reopened)
            check_connection(b, i, now.mono_ns);
}

static uint64_t unanswered(const sim_books *b, unsigned pair)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < b->flight_count; i++)
        sum += b->flights[i].pair == pair && b->flights[i].fulfillable ? b->flights[i].amount : 0;
    return sum;
}

void sim_books_connection_ended(sim_books *b, unsigned pair)
{
    pair = sim_books_known(b, pair);
    sim_ledger *l = &b->ledgers[pair];
    rill_connection_get_stats(l->connection, &l->final);
    for (unsigned i = 0; i < l->stream_count; i++)
        if (l->streams[i].stream != NULL)
            sim_violation(b->report,
                          "host %u: connection %u ended before its stream %" PRIu64 " did", b->host,
                          pair, l->streams[i].id);
    if (l->reopened) {
        l->connection = NULL;
        return;
    }
    sim_outstanding o = {.expired = unanswered(b, pair)};
    check_sent(b, pair, 0, l->final.sent, l->sent, &l->fate, &o);
    check_reached(b, pair, 0, &l->fate, l->final.sent, l->final.in_flight);
    exactly(b, pair, 0, "received at the end", l->final.received, l->received);
    l->connection = NULL;
    l->ended = true;
}

void sim_books_idle(sim_books *b, unsigned pair, rill_now now, uint64_t idle_timeout)
{
    sim_ledger *l = &b->ledgers[sim_books_known(b, pair)];
    uint64_t idle = l->told_close ? l->idle_ns : now.mono_ns - l->last_ns;
    if (idle < idle_timeout && !l->reopened)
        sim_violation(b->report,
                      "host %u: connection %u ended for idleness %" PRIu64
                      " ms after the last packet",
                      b->host, pair, idle / RILL_MS);
    l->idled = true;
}

static void renew(sim_ledger *l)
{
    sim_stream_book *streams = l->streams;
    unsigned capacity = l->stream_capacity;
    bool restarted = l->restarted || l->connection != NULL || l->ended;
    *l = (sim_ledger){.restarted = restarted,
                      .life = l->life + 1,
                      .written = l->written,
                      .came = l->came,
                      .provoked = l->provoked,
                      .streams = streams,
                      .stream_capacity = capacity};
}

void sim_books_crash(sim_books *b)
{
    b->flight_count = 0;
    b->incoming_count = 0;
    for (unsigned i = 0; i < SIM_PLACES; i++) {
        renew(&b->ledgers[i]);
        b->ledgers[i].written++;
    }
}

/*
 * Its application has not been told of its end yet. Its books make room for those of the next
 * connection.
 */
static void set_aside(sim_books *b, unsigned pair)
{
    sim_ledger *l = &b->ledgers[pair];
    sim_ledger *former = &b->ledgers[pair + SIM_FORMER];
    sim_ledger empty = {.streams = former->streams, .stream_capacity = former->stream_capacity};
    if (former->connection != NULL)
        sim_violation(b->report, "host %u: connection %u has three lives at once", b->host, pair);
    *former = *l;
    l->streams = empty.streams;
    l->stream_capacity = empty.stream_capacity;
    for (unsigned i = 0; i < b->flight_count; i++)
        if (b->flights[i].pair == pair)
            b->flights[i].pair = pair + SIM_FORMER;
    for (unsigned i = 0; i < b->incoming_count; i++)
        if (b->incoming[i].pair == pair)
            b->incoming[i].pair = pair + SIM_FORMER;
}

void sim_books_begin_again(sim_books *b, unsigned pair, unsigned life)
{
    sim_ledger *l = &b->ledgers[pair];
    if (l->connection != NULL)
        set_aside(b, pair);
    for (unsigned i = 0; i < b->flight_count;)
        if (b->flights[i].pair == pair)
            b->flights[i] = b->flights[--b->flight_count];
        else
            i++;
    renew(l);
    l->client_life = life;
}

void sim_books_close(sim_books *b)
{
    /* Each Prepare has had its reply: at once, or from the application that was asked. */
    if (b->incoming_count != 0)
        sim_violation(b->report, "host %u: %u packets were never answered", b->host,
                      b->incoming_count);
    for (unsigned i = 0; i < SIM_PLACES; i++) {
        const sim_ledger *l = &b->ledgers[i];
        if (!l->ended || l->reopened)
            continue;
        exactly(b, i, 0, "received after the end", l->final.received, l->received);
        /* What was in doubt at the end may have been sent, but not more than that. */
        uint64_t lost = l->fate.lost + unanswered(b, i);
        lost = lost < l->final.sent ? lost : l->final.sent;
        sim_bounds sent = {l->final.sent - lost, l->final.sent + l->final.in_flight};
        outside(b, i, 0, "sent after the end", l->sent, sent);
    }
}
