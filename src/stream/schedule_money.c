/* SPDX-License-Identifier: Apache-2.0 */
/* Which streams' money travels in the next packet, and how much of it. */
#include "base/muldiv.h"
#include "stream/endpoint_internal.h"

/* Streams of weight 1 that share a packet, where all have enough: more would cost more. */
#define SHARING 2u
/* Units that arrive of a packet, rather, where value is short. */
#define FINE 400
#define FEW  50 /* where nothing is rounded */

/* The receiver's limit is for it to keep: it takes up to 1 % over, for rounding. */
static uint64_t within_remote_max(const rill_connection *c, const rill_stream *s)
{
    if (s->out.remote_max == RILL_UNLIMITED)
        return RILL_UNLIMITED;
    uint64_t known =
        s->out.delivered > s->out.remote_received ? s->out.delivered : s->out.remote_received;
    uint64_t left = rill_sub_sat(s->out.remote_max, rill_add_sat(known, s->out.expected));
    if (left == 0)
        return 0;
    /* The fewest units that bring all of it, where that is not more than it takes. */
    uint64_t amount = rill_rate_needed_ceil(&c->rate, left);
    uint64_t brings = rill_rate_delivers(&c->rate, amount);
    if (brings <= left)
        return amount;
    uint64_t under = rill_rate_needed_floor(&c->rate, left);
    if (under > 0 || s->out.held > 0)
        return under;
    /* No whole unit of ours fits: one that brings slightly more is taken as well. */
    return brings <= rill_add_sat(left, left / 100 + 1) ? amount : 0;
}

static uint64_t allowed(rill_connection *c, rill_stream *s)
{
    if (s->out.doubt != RILL_DOUBT_NONE)
        return 0;
    uint64_t amount = rill_stream_sendable(s);
    uint64_t room = within_remote_max(c, s);
    bool blocked = amount > 0 && room == 0 && s->out.held == 0;
    if (blocked && !s->out.blocked) {
        rill_stream_tell(s, RILL_TELL(MONEY_BLOCKED), true);
        rill_note_blocked(c);
    }
    s->out.blocked = blocked;
    return amount < room ? amount : room;
}

bool rill_money_wanted(const rill_connection *c)
{
    return !rill_list_empty(&c->money_streams) && c->rate.minimum.num != 0;
}

uint64_t rill_money_not_before(const rill_connection *c)
{
    if (rill_list_empty(&c->money_streams))
        return RILL_NEVER;
    uint64_t at = c->congestion->not_before;
    if (c->hold_until > at)
        at = c->hold_until;
    return at != 0 ? at : RILL_NEVER;
}

/*
 * Streams take turns (deficit round robin): in its turn a stream may send its
 * weight times half a packet, over as many packets as that takes, and then
 * goes to the end of the line.
 */
static void begin_turn(rill_stream *s, uint64_t packet)
{
    uint64_t share = packet / SHARING > 0 ? packet / SHARING : 1;
    uint64_t turn = rill_mul_div_floor_sat(share, s->out.weight, 1);
    /* Packets may have become smaller since its turn began. */
    if (s->out.credit == 0 || s->out.credit > turn)
        s->out.credit = turn;
}

static uint64_t usable(const rill_stream *s, uint64_t room)
{
    return room < s->out.credit ? room : s->out.credit;
}

/*
 * Each stream's part of `amount`, which is not more than all room: what is left
 * of its turn, then what a further turn allows, and then what is left at all.
 */
static void divide(rill_flight *f, const uint64_t *room, uint64_t packet, uint64_t amount)
{
    for (unsigned round = 0; amount > 0 && round < 3; round++) {
        for (unsigned i = 0; i < f->money_count && amount > 0; i++) {
            rill_flight_money *m = &f->money[i];
            uint64_t more = room[i] - m->amount;
            if (more == 0)
                continue;
            begin_turn(m->stream, packet);
            if (round < 2)
                more = usable(m->stream, more);
            more = more < amount ? more : amount;
            m->amount += more;
            m->stream->out.credit = rill_sub_sat(m->stream->out.credit, more);
            amount -= more;
        }
    }
}

static void hold(rill_connection *c, rill_flight *f)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < f->money_count; i++) {
        rill_flight_money m = f->money[i];
        if (m.amount == 0)
            continue;
        m.expected = rill_rate_delivers(&c->rate, m.amount);
        /* A peer may claim any rate: what is added here is what is subtracted later. */
        if (m.expected > UINT64_MAX - m.stream->out.expected)
            m.expected = UINT64_MAX - m.stream->out.expected;
        m.stream->out.held += m.amount;
        m.stream->out.expected += m.expected;
        m.stream->references++;
        m.stream->out.told_from = c->next_sequence;
        f->money[kept++] = m;
        if (m.stream->out.credit == 0)
            rill_list_remove(&m.stream->money_node); /* to the end of the line */
        rill_stream_want_money(m.stream);
    }
    f->money_count = (uint8_t)kept;
}

/* Between a packet size that passed and one that was refused. */
static bool searching_size(const rill_connection *c)
{
    return c->packet_size.refused != UINT64_MAX && !rill_packet_size_known(&c->packet_size);
}

/* Money whose answer may come soon: what is overdue is not waited for. */
static bool answer_awaited(const rill_connection *c)
{
    if (rill_sum_equal(&c->in_flight, &c->in_doubt))
        return false;
    for (const rill_list *n = c->flights.next; n != &c->flights; n = n->next)
        if (rill_flight_value(RILL_CONTAINER(n, const rill_flight, node)) > 0)
            return true;
    return false;
}

static bool may_send_money(const rill_connection *c, uint64_t now_ns)
{
    if (c->congestion->not_before > now_ns || c->hold_until > now_ns)
        return false;
    /* One at a time where its answer decides what comes next: after a refusal, and while the packet
     * size is searched. */
    bool one = c->refusals > 0 || c->low_rate_since != 0 || searching_size(c);
    return !one || !answer_awaited(c);
}

/*
 * What arrives is rounded down: of `amount` only as much is sent as brings
 * what the whole would, and none where that is nothing. The last of a payment
 * goes whatever it brings, so that in all less than one unit there is lost.
 */
static uint64_t worth_sending(const rill_connection *c, uint64_t amount, uint64_t all)
{
    if (amount == all)
        return amount;
    if (amount <= c->barren)
        return 0;
    /* A search goes by the sizes that it tries: cut short it would not come to an end. */
    if (c->rate.latest.num == 0 || searching_size(c))
        return amount;
    uint64_t brings = rill_rate_delivers(&c->rate, amount);
    uint64_t needed = brings > 0 ? rill_rate_needed_ceil(&c->rate, brings) : 0;
    return needed < amount ? needed : amount;
}

/* The path takes less at a time than one unit of the other side's: as if the rate were too low. */
static void nothing_arrives(rill_connection *c, uint64_t now_ns)
{
    c->hold_until = now_ns + RILL_SECOND;
    rill_low_rate(c, now_ns);
}

/* What of amount the congestion window lets go, and is worth it. */
static uint64_t within_window(rill_connection *c, uint64_t amount, uint64_t all)
{
    for (;;) {
        uint64_t window = rill_congestion_value(c->congestion);
        uint64_t worth = worth_sending(c, amount < window ? amount : window, all);
        if (worth > 0 || amount <= window || c->congestion->value_in_flight > 0)
            return worth;
        /* It doubles: this ends. */
        c->congestion->ops->on_useless(c->congestion);
        if (rill_congestion_value(c->congestion) <= window)
            return 0;
    }
}

/* Of so many that arrive a unit matters little, also where several hops take one each. */
static uint64_t good_piece(const rill_rate *r)
{
    if (r->latest.num == 0)
        return 1;
    return rill_rate_needed_ceil(r, r->guess.den == 1 ? FEW : FINE);
}

bool rill_plan_money(rill_connection *c, uint64_t now_ns, rill_flight *f)
{
    uint64_t room[RILL_FLIGHT_MONEY];
    uint64_t total = 0;
    uint64_t all = 0;
    if (!may_send_money(c, now_ns))
        return false;
    c->congestion->least_piece = rill_rate_grain(&c->rate);
    c->congestion->good_piece = good_piece(&c->rate);
    uint64_t packet = rill_packet_size_next(&c->packet_size, now_ns);
    uint64_t window = rill_congestion_value(c->congestion);
    if (window < packet)
        packet = window;
    uint64_t enough = 0;
    for (rill_list *n = c->money_streams.next; n != &c->money_streams; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, money_node);
        uint64_t amount = allowed(c, s);
        if (amount == 0)
            continue;
        room[f->money_count] = amount;
        f->money[f->money_count] = (rill_flight_money){.stream = s};
        f->money_count++;
        begin_turn(s, packet);
        enough = rill_add_sat(enough, usable(s, amount));
        total = rill_add_sat(total, amount);
        all = rill_add_sat(all, rill_stream_sendable(s));
        if (enough >= packet || f->money_count == RILL_FLIGHT_MONEY)
            break;
    }
    uint64_t amount = total ? rill_packet_size_spread(&c->packet_size, total, now_ns) : 0;
    bool possible = amount > 0;
    uint64_t worth = within_window(c, amount, all);
    if (worth == 0) {
        f->money_count = 0;
        /* What is left of a window in use is not all that the path takes. */
        if (possible && c->congestion->value_in_flight == 0)
            nothing_arrives(c, now_ns);
        return false;
    }
    amount = worth;
    divide(f, room, packet, amount);
    hold(c, f);
    rill_packet_size_sent(&c->packet_size, amount, now_ns);
    f->amount = amount;
    f->minimum = rill_rate_minimum(&c->rate, amount);
    return true;
}

void rill_add_money_frames(rill_packet_writer *p, const rill_flight *f)
{
    for (unsigned i = 0; i < f->money_count; i++) {
        rill_frame frame = {.type = RILL_FRAME_STREAM_MONEY,
                            .stream = f->money[i].stream->id,
                            .value = f->money[i].amount};
        /* The first frames of a packet always fit. */
        bool added = rill_packet_add(p, &frame);
        (void)added;
    }
}
