/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much of a stream's money the next packet carries, and the least that it
 * must bring: so that stream and connection keep their minimum over all that
 * they send, and nothing is sent that does not arrive.
 */
#include "stream/core/schedule_amount.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/stream.h"

/* Between a packet size that passed and one that was refused. */
bool rill_amount_searches(const rill_connection *c)
{
    return c->path->packet_size.refused != UINT64_MAX &&
           !rill_packet_size_known(&c->path->packet_size);
}

uint64_t rill_amount_limit(const rill_connection *c)
{
    if (rill_amount_searches(c))
        return 0;
    return c->path->packet_size.refused == UINT64_MAX ? c->path->packet_size.configured
                                                      : c->path->packet_size.passed;
}

/* No packet of whole units is rounded, as far as is known. */
static bool never_rounds(const rill_connection *c)
{
    rill_ratio rate = rill_rate_guess(&c->path->rate);
    return rate.den == 1 && c->path->worth.enough == 0;
}

/* The first packets may lose a unit of so many each: less than waiting for one of them costs. */
#define FIRST_FINE 100

/* What the first packet brings decides on the size of all: it is waited for. */
static bool first_is_coarse(const rill_connection *c, uint64_t most)
{
    return !rill_rate_is_known(&c->path->rate) && !never_rounds(c) &&
           rill_ratio_floor(rill_rate_minimum(&c->path->rate), most) < FIRST_FINE;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* For the stream's sake, and for the connection's. */
static uint64_t demand(const rill_connection *c, const rill_stream *s, uint64_t amount, bool spare)
{
    uint64_t least = rill_tally_demand(&c->path->tally, amount, spare);
    if (rill_wide_equal(s->out->tally.balance,
                        c->path->tally.balance)) /* it is the only one that has sent */
        return least;
    return larger(least, rill_tally_demand(&s->out->tally, amount, spare));
}

static bool take(rill_choice *out, const rill_offer *o, uint64_t minimum)
{
    /* A packet that demands more than it can be hoped to bring would be refused for certain. */
    assert(o->amount > 0 && minimum <= o->brings);
    *out = (rill_choice){
        .amount = o->amount, .minimum = minimum, .brings = o->brings, .trial = o->trial};
    return true;
}

/* Without using up the unit that may be missing in the end. */
static bool fits(const rill_connection *c, const rill_stream *s, const rill_offer *o,
                 rill_choice *out)
{
    if (o->amount == 0)
        return false;
    uint64_t minimum = larger(demand(c, s, o->amount, false), 1);
    if (o->trial)
        minimum = larger(minimum, o->brings);
    return o->brings >= minimum && take(out, o, minimum);
}

/* Some of it is sent, or under way: it brings something. What is in doubt for good may not. */
static bool has_begun(const rill_stream *s)
{
    return s->out->money.sent > 0 || rill_money_open(&s->out->money) > 0;
}

/*
 * All that the stream has, in one packet: its last. Where it is known to bring
 * less than its own minimum, what others have earned may make up for it.
 */
static bool choose_all(const rill_connection *c, const rill_stream *s, uint64_t all,
                       rill_choice *out)
{
    rill_offer o = {.amount = all,
                    .brings = rill_worth_expects(&c->path->worth, &c->path->rate, all)};
    uint64_t spare = demand(c, s, all, true);
    /* What is left of a payment may bring nothing: but for that, something arrives. */
    if (spare == 0 && !has_begun(s))
        spare = 1;
    uint64_t minimum = larger(spare, rill_tally_usual(&c->path->tally, all));
    bool dust = all <= c->path->worth.dust && all <= c->path->worth.barren;
    if (o.brings >= minimum && !dust && !rill_worth_in_vain(&c->path->worth, all))
        return take(out, &o, minimum);
    if (dust || rill_rate_is_low(&c->path->rate) || c->path->worth.refused >= RILL_WORTH_TRIALS)
        return false;
    return o.brings >= spare && take(out, &o, larger(o.brings, spare));
}

/* The path takes nothing that does not lose some of that unit: all packets together do not use it
 * up. */
static bool fits_together(const rill_connection *c, const rill_stream *s, const rill_offer *o,
                          uint64_t all, rill_choice *out)
{
    if (o->amount == 0 || o->trial)
        return false;
    uint64_t packets = (all - 1) / o->amount + 1;
    uint64_t minimum = larger(demand(c, s, o->amount, true), 1);
    /* No worse than it is known to be. */
    uint64_t usual = rill_tally_usual(&c->path->tally, o->amount);
    minimum = larger(minimum, usual < o->brings ? usual : o->brings);
    return !rill_rate_is_low(&c->path->rate) && o->brings >= minimum &&
           rill_tally_bears(&c->path->tally, o->amount, o->brings, packets) &&
           rill_tally_bears(&s->out->tally, o->amount, o->brings, packets) && take(out, o, minimum);
}

/*
 * All of it, to see: the rate may lie so far above what has been seen that the
 * minimum is kept but for the unit that may be missing in the end.
 */
static bool try_all(const rill_connection *c, const rill_stream *s, uint64_t all, rill_choice *out)
{
    uint64_t minimum = larger(demand(c, s, all, true), rill_tally_usual(&c->path->tally, all));
    const rill_ratio needed = {minimum, all};
    rill_offer o = {.amount = all, .brings = minimum, .trial = true};
    if (all <= c->path->worth.barren || rill_rate_is_low(&c->path->rate) ||
        c->path->worth.refused >= RILL_WORTH_TRIALS || !rill_rate_may_be(&c->path->rate, needed))
        return false;
    take(out, &o, minimum);
    out->alone = true;
    return true;
}

static bool choose(const rill_connection *c, const rill_stream *s, uint64_t room, uint64_t most,
                   rill_choice *out)
{
    const rill_rate *r = &c->path->rate;
    uint64_t all = rill_stream_sendable(s);
    /* Only when all else of it is settled is it known what is the last. */
    bool last = room == all && all <= most;
    rill_offer whole = {.amount = all, .brings = rill_worth_expects(&c->path->worth, r, all)};
    if (last && !rill_worth_in_vain(&c->path->worth, all) && fits(c, s, &whole, out))
        return true;
    last = last && rill_money_open(&s->out->money) == 0;
    if (last && choose_all(c, s, all, out))
        return true;
    most = room < most ? room : most;
    rill_offer o = {.amount = most, .brings = UINT64_MAX};
    /* A search goes by the sizes that it tries: cut short it would not come to an end. */
    if (rill_amount_searches(c) && most == rill_packet_size_next(&c->path->packet_size, 0))
        return fits(c, s, &o, out);
    o = rill_worth_offer(&c->path->worth, r, most, all);
    if (o.amount > 0 && o.amount <= c->path->suspected && most > c->path->suspected)
        o = (rill_offer){.amount = most, .brings = UINT64_MAX};
    if (fits(c, s, &o, out)) {
        out->alone = o.trial || first_is_coarse(c, most);
        return true;
    }
    rill_offer even = rill_worth_even(&c->path->worth, r, most);
    if (fits(c, s, &even, out)) {
        out->alone = even.trial;
        return true;
    }
    if (fits_together(c, s, &o, all, out))
        return true;
    /* What is hoped for would not do: what has been seen may. */
    rill_offer seen = rill_worth_seen(&c->path->worth, r, most);
    if ((o.trial && fits_together(c, s, &seen, all, out)) || (last && try_all(c, s, all, out)))
        return true;
    if (!rill_rate_is_low(r) || (all <= c->path->worth.barren && !has_begun(s)))
        return false;
    /* Too low in any size: the rate may be better again, and the receiver refuses it if not. */
    o = (rill_offer){.amount = most, .brings = UINT64_MAX};
    return fits(c, s, &o, out);
}

bool rill_amount_choose(const rill_connection *c, const rill_stream *s, uint64_t room,
                        uint64_t most, rill_choice *out)
{
    assert(room <= rill_stream_sendable(s)); /* the other side's limits only take from ours */
    bool any = choose(c, s, room, most, out);
    assert(!any || (out->amount <= room && out->amount <= most));
    return any;
}

bool rill_amount_choose_shared(const rill_connection *c, uint64_t most, uint64_t all,
                               rill_choice *out)
{
    rill_offer o = rill_worth_offer(&c->path->worth, &c->path->rate, most, all);
    if (all <= most && !o.trial)
        o = (rill_offer){.amount = all,
                         .brings = rill_worth_expects(&c->path->worth, &c->path->rate, all)};
    if (o.amount == 0 || o.trial || rill_amount_searches(c) || first_is_coarse(c, most))
        return false;
    uint64_t minimum = larger(rill_tally_demand(&c->path->tally, o.amount, false), 1);
    assert(o.amount <= most && o.amount <= all);
    return o.brings >= minimum && take(out, &o, minimum);
}

/*
 * The receiver divides what arrives, and rounds each stream's part down; some
 * lose the rest. So much is demanded that no stream gets too little by that.
 */
bool rill_amount_share(rill_flight *f, uint64_t brings)
{
    for (unsigned i = 0; i < f->money_count; i++) {
        const rill_flight_money *m = &f->money[i];
        if (m->amount == 0)
            continue;
        uint64_t needed = larger(rill_tally_demand(&m->stream->out->tally, m->amount, false), 1);
        f->minimum = larger(f->minimum, rill_mul_div_ceil_sat(needed, f->amount, m->amount));
    }
    return f->minimum <= brings && f->minimum < UINT64_MAX;
}

int rill_amount_problem(const rill_connection *c, const rill_stream *s)
{
    if (!has_begun(s) &&
        rill_worth_nothing(&c->path->worth, &c->path->rate, rill_stream_sendable(s)))
        return s->out->money.abandoned > 0 ? RILL_ERR_IN_DOUBT : RILL_ERR_TOO_LITTLE;
    return RILL_ERR_RATE;
}

void rill_amount_give_up_vain(rill_connection *c)
{
    c->in_vain = false;
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        int error = s->out->vain;
        if (error == RILL_OK)
            continue;
        s->out->vain = RILL_OK;
        rill_amount_give_up(s, error);
    }
}

void rill_amount_give_up(rill_stream *s, int error)
{
    if (s->out->goal_set)
        rill_stream_fail_goal(s, error);
    else if (s->ending && !s->closed)
        rill_stream_shut(s, RILL_CLOSE_NO_ERROR, NULL, 0, false, error);
}
