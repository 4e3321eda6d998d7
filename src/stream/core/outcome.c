/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a flight: each of its parts takes effect once, whatever the outcome. */
#include "stream/core/outcome.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/doubt.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flight.h"
#include "stream/core/flights.h"
#include "stream/core/marks.h"
#include "stream/core/numbering.h"
#include "stream/core/queues.h"
#include "stream/core/stream.h"
#include "stream/core/tell.h"
#include "stream/core/unsure.h"
#include "stream/money/shares.h"

/* What a packet takes along is what it takes of its streams: no unit is nobody's. */
static bool is_whole(const rill_flight *f)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < f->money_count; i++)
        sum += f->money[i].amount;
    return sum == rill_flight_value(f);
}

/* A stream's part of what arrives at least: the receiver rounds down, some lose the rest. */
static uint64_t least_part(const rill_flight *f, unsigned i, uint64_t delivered)
{
    if (f->money_count == 1)
        return delivered;
    return rill_mul_div_floor_sat(delivered, f->money[i].amount, f->amount);
}

void rill_flight_hold_tallies(rill_connection *c, rill_flight *f)
{
    assert(is_whole(f) && f->amount > 0); /* as it is to leave */
    f->era = rill_rate_era(&c->path->rate);
    f->held = rill_tally_hold(&c->path->tally, f->amount, f->minimum);
    for (unsigned i = 0; i < f->money_count; i++) {
        rill_flight_money *m = &f->money[i];
        if (m->amount == f->amount &&
            rill_wide_is_zero(rill_wide_bits(f->held))) { /* all of it, and it may lose nothing */
            m->held = f->held;
            continue;
        }
        m->held = rill_tally_hold(&m->stream->out->tally, m->amount, least_part(f, i, f->minimum));
    }
}

/* What left under another minimum counts for none. */
static bool counts(const rill_connection *c, const rill_flight *f)
{
    return f->amount > 0 && f->money_count > 0 && f->era == rill_rate_era(&c->path->rate);
}

static void release_tallies(rill_connection *c, const rill_flight *f)
{
    if (!counts(c, f))
        return;
    rill_tally_release(&c->path->tally, f->held);
    for (unsigned i = 0; i < f->money_count; i++)
        rill_tally_release(&f->money[i].stream->out->tally, f->money[i].held);
}

static void commit_tallies(rill_connection *c, const rill_flight *f, uint64_t delivered)
{
    if (!counts(c, f))
        return;
    bool changed = rill_tally_commit(&c->path->tally, f->held, f->amount, delivered);
    if (!changed && f->money_count == 1 && rill_wide_equal(f->money[0].held, f->held))
        return;
    for (unsigned i = 0; i < f->money_count; i++)
        (void)rill_tally_commit(&f->money[i].stream->out->tally, f->money[i].held,
                                f->money[i].amount, least_part(f, i, delivered));
}

static void release(rill_connection *c, rill_flight *f)
{
    assert(is_whole(f)); /* as it left */
    for (unsigned i = 0; i < f->money_count; i++) {
        const rill_flight_money *m = &f->money[i];
        rill_money_release(&m->stream->out->money, &c->path->money, m->amount, m->expected);
    }
    release_tallies(c, f);
}

/*
 * Our estimate of the receiver's division: it divides what arrived by the same shares. It rounds
 * as we do; but the rest it may give to another, by what its streams have room for, or to none.
 */
static void divide_delivered(const rill_flight *f, uint64_t delivered, rill_share *parts)
{
    for (unsigned i = 0; i < f->money_count; i++)
        parts[i] = (rill_share){
            .stream = f->money[i].stream->id, .shares = f->money[i].amount, .room = RILL_UNLIMITED};
    if (f->money_count == 1) {
        parts[0].amount = delivered;
        return;
    }
    int err = rill_shares_divide(parts, f->money_count, delivered);
    assert(err == RILL_OK); /* the parts are of one packet, whose amount has 64 bits */
    (void)err;
}

static void note_drift(const rill_flight *f, uint64_t delivered, const rill_share *parts)
{
    uint64_t rest = delivered;
    for (unsigned i = 0; i < f->money_count; i++)
        rest -= least_part(f, i, delivered);
    for (unsigned i = 0; i < f->money_count && rest > 0; i++) {
        rill_drift *drift = &f->money[i].stream->out->drift;
        uint64_t taken = parts[i].amount - least_part(f, i, delivered);
        assert(taken <= rest); /* each gets its part at least, and of the rest no more than it is */
        drift->over = rill_add_sat(drift->over, taken);
        drift->under = rill_add_sat(drift->under, rest - taken);
    }
}

static void commit(rill_connection *c, rill_flight *f, uint64_t delivered, uint64_t now_ns)
{
    rill_share parts[RILL_FLIGHT_MONEY];
    assert(is_whole(f)); /* as it left */
    if (f->money_count == 0) {
        rill_money_gift(&c->path->money, delivered);
        return;
    }
    divide_delivered(f, delivered, parts);
    if (f->money_count > 1)
        note_drift(f, delivered, parts);
    for (unsigned i = 0; i < f->money_count; i++) {
        const rill_flight_money *m = &f->money[i];
        rill_stream *s = m->stream;
        rill_money_commit(&s->out->money, &c->path->money, m->amount, m->expected, parts[i].amount);
        s->progress_ns = now_ns;
        s->event_out = rill_add_sat(s->event_out, m->amount);
        rill_stream_notify(s, RILL_EVENT_OUTGOING_MONEY);
    }
}

static void acknowledge_control(rill_connection *c, const rill_flight_control *control,
                                uint64_t sequence)
{
    if (control->stream && control->what == RILL_TELL_MONEY_BLOCKED)
        rill_doubt_acknowledged(control->stream, sequence);
    rill_tell_acknowledged(c, control, sequence);
}

static void acknowledge(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    for (unsigned i = 0; i < f->piece_count; i++) {
        rill_stream *s = f->pieces[i].stream;
        rill_sendbuf_ack(s->sendbuf, f->pieces[i].piece);
        s->progress_ns = now_ns;
        rill_stream_check_writable(s);
    }
    for (unsigned i = 0; i < f->control_count; i++)
        acknowledge_control(c, &f->control[i], f->sequence);
}

static void send_again(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    for (unsigned i = 0; i < f->piece_count; i++) {
        rill_unsure_lost(f->pieces[i].stream, f->pieces[i].piece, f->unsure, now_ns);
    }
    for (unsigned i = 0; i < f->control_count; i++)
        rill_tell_again(c, &f->control[i]);
}

static void let_go(rill_stream *s)
{
    assert(s->references > 0); /* each part of a flight has one */
    s->references--;
    rill_stream_mark(s, RILL_MARK_MONEY);
}

/* Lets go of the streams that the parts point at. */
static void drop_parts(rill_flight *f, bool money)
{
    if (money)
        for (unsigned i = 0; i < f->money_count; i++)
            let_go(f->money[i].stream);
    for (unsigned i = 0; i < f->piece_count; i++)
        let_go(f->pieces[i].stream);
    for (unsigned i = 0; i < f->control_count; i++)
        if (f->control[i].stream)
            let_go(f->control[i].stream);
    f->piece_count = 0;
    f->control_count = 0;
}

static void finish(rill_connection *c, rill_flight *f)
{
    rill_flights_remove(&c->path->flights, f);
    drop_parts(f, true);
    rill_flight_close(c->endpoint->flights, f);
    rill_connection_ready(c);
    rill_connection_mark_packet(c);
}

void rill_flight_succeed(rill_connection *c, rill_flight *f, uint64_t delivered, uint64_t now_ns)
{
    commit_tallies(c, f, delivered);
    commit(c, f, delivered, now_ns);
    acknowledge(c, f, now_ns);
    finish(c, f);
}

void rill_flight_refuse(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    release(c, f);
    acknowledge(c, f, now_ns);
    finish(c, f);
}

void rill_flight_lose(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    release(c, f);
    send_again(c, f, now_ns);
    finish(c, f);
}

/* All that an overdue packet carried but for its money, as a new packet's to carry. */
static void carry_again(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    if (f->piece_count > 0 && !rill_numbering_takes_duplicates(&c->numbers))
        return;
    send_again(c, f, now_ns);
    drop_parts(f, false);
}

void rill_flight_overdue(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    rill_flights_overdue(&c->path->flights, f);
    carry_again(c, f, now_ns);
    rill_connection_ready(c);
}

void rill_flight_overdue_bytes(rill_connection *c, uint64_t now_ns)
{
    rill_list *aside = &c->path->flights.aside;
    for (rill_list *n = aside->next; n != aside; n = n->next) {
        rill_flight *f = RILL_CONTAINER(n, rill_flight, node);
        if (f->overdue && !f->in_doubt)
            carry_again(c, f, now_ns);
    }
    rill_connection_ready(c);
}

void rill_flight_found(rill_connection *c, rill_flight *f)
{
    if (rill_flights_found(&c->path->flights, f))
        rill_congestion_readmit(c->path->congestion, rill_flight_value(f));
}

void rill_flight_doubt(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    assert(f->kind == RILL_FLIGHT_NORMAL && f->amount > 0); /* else there is nothing to doubt */
    assert(is_whole(f));
    rill_flights_doubt(&c->path->flights, f);
    send_again(c, f, now_ns);
    drop_parts(f, false);
    for (unsigned i = 0; i < f->money_count; i++)
        rill_money_doubt(&f->money[i].stream->out->money, &c->path->money, f->money[i].amount);
}

void rill_flight_expire(rill_connection *c, rill_flight *f, uint64_t now_ns)
{
    if (f->kind != RILL_FLIGHT_NORMAL || f->amount == 0) {
        f->unsure = true;
        rill_flight_lose(c, f, now_ns);
        return;
    }
    if (!f->in_doubt)
        rill_flight_doubt(c, f, now_ns);
    rill_doubt_lost(c, f);
}
