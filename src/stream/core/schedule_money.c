/* SPDX-License-Identifier: Apache-2.0 */
/* Which streams' money travels in the next packet, and how much of it. */
#include "stream/core/schedule_money.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/blocked.h"
#include "stream/core/connection_internal.h"
#include "stream/core/contact.h"
#include "stream/core/flight.h"
#include "stream/core/outcome.h"
#include "stream/core/patience.h"
#include "stream/core/queues.h"
#include "stream/core/schedule_amount.h"

/* Streams in line that have nothing worth sending, eight at a time, are passed so often while
 * others' money is under way. */
#define MOST_TURNS 128
/* Streams of weight 1 that share a packet, where all have enough: more would cost more. */
#define SHARING 2u

/* What is in doubt for good is not: it makes room for nothing, and no answer to it comes. */
static bool under_way(const rill_stream *s)
{
    return rill_money_open(&s->out->money) > 0;
}

/* The receiver's limit is for it to keep: it takes up to 1 % over, for rounding. */
static uint64_t within_limit(const rill_connection *c, const rill_stream *s)
{
    const rill_money *m = &s->out->money;
    uint64_t known = m->delivered > s->theirs.received ? m->delivered : s->theirs.received;
    uint64_t left = rill_sub_sat(s->theirs.max, rill_add_sat(known, m->expected));
    if (left == 0)
        return 0;
    /* The fewest units that bring all of it, where that is not more than it takes. */
    uint64_t amount = rill_rate_needed_ceil(&c->path->rate, left);
    uint64_t brings = rill_rate_delivers(&c->path->rate, amount);
    if (brings <= left)
        return amount;
    uint64_t under = rill_rate_needed_floor(&c->path->rate, left);
    if (under > 0 || under_way(s))
        return under;
    /* No whole unit of ours fits: one that brings slightly more is taken as well. */
    return brings <= rill_add_sat(left, left / 100 + 1) ? amount : 0;
}

static uint64_t within_remote_max(const rill_connection *c, const rill_stream *s)
{
    return s->theirs.max == RILL_UNLIMITED ? RILL_UNLIMITED : within_limit(c, s);
}

static void note_blocked(rill_connection *c, rill_stream *s, uint64_t now_ns)
{
    rill_stream_tell(s, RILL_TELL(MONEY_BLOCKED), true);
    rill_blocked_note(c, now_ns);
    s->out->blocked = true;
    s->out->blocked_by = s->theirs.max;
}

uint64_t rill_schedule_money_room(const rill_connection *c, const rill_stream *s)
{
    uint64_t ours = rill_stream_sendable(s);
    uint64_t theirs = within_remote_max(c, s);
    return ours < theirs ? ours : theirs;
}

static uint64_t allowed(rill_connection *c, rill_stream *s, uint64_t now_ns)
{
    if (s->out->doubt != RILL_DOUBT_NONE)
        return 0;
    uint64_t amount = rill_stream_sendable(s);
    uint64_t room = within_remote_max(c, s);
    if (room >= amount || under_way(s)) {
        s->out->blocked = false;
        return amount < room ? amount : room;
    }
    if (room == 0 && !s->out->blocked)
        note_blocked(c, s, now_ns);
    /* Too little once is too little until it is raised (give_up). */
    if (room > 0 && s->out->blocked_by != s->theirs.max)
        s->out->blocked = false;
    return room;
}

bool rill_schedule_money_wanted(const rill_connection *c)
{
    return !rill_list_empty(&c->streams.with_money) && rill_rate_has_minimum(&c->path->rate);
}

uint64_t rill_schedule_money_not_before(const rill_connection *c)
{
    if (rill_list_empty(&c->streams.with_money))
        return RILL_NEVER;
    uint64_t at = rill_congestion_money_not_before(c->path->congestion);
    if (c->holdoffs.refusals.until > at)
        at = c->holdoffs.refusals.until;
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
    uint64_t turn;
    if (__builtin_mul_overflow(share, s->weight, &turn))
        turn = UINT64_MAX;
    /* Packets may have become smaller since its turn began. */
    if (s->out->credit == 0 || s->out->credit > turn)
        s->out->credit = turn;
}

static uint64_t usable(const rill_stream *s, uint64_t room)
{
    return room < s->out->credit ? room : s->out->credit;
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
            m->stream->out->credit = rill_sub_sat(m->stream->out->credit, more);
            amount -= more;
        }
    }
    assert(amount == 0); /* the last round takes whatever has room, and there is room for all */
}

/* The same for one stream, whose room is not less than amount. */
static void take_all(rill_flight_money *m, uint64_t packet, uint64_t amount)
{
    uint64_t left = amount;
    for (unsigned round = 0; left > 0 && round < 3; round++) {
        begin_turn(m->stream, packet);
        uint64_t now = round < 2 ? usable(m->stream, left) : left;
        m->stream->out->credit = rill_sub_sat(m->stream->out->credit, now);
        left -= now;
    }
    m->amount = amount;
}

static void hold(rill_connection *c, rill_flight *f)
{
    rill_flight_hold_tallies(c, f);
    unsigned kept = 0;
    for (unsigned i = 0; i < f->money_count; i++) {
        if (f->money[i].amount == 0)
            continue;
        if (i > kept)
            f->money[kept] = f->money[i];
        rill_flight_money *m = &f->money[kept++];
        rill_stream *s = m->stream;
        m->expected = rill_money_hold(&s->out->money, &c->path->money, m->amount,
                                      rill_rate_delivers(&c->path->rate, m->amount));
        s->references++;
        s->out->told_from = c->numbers.next;
        if (s->out->credit == 0)
            rill_list_remove(&s->money_node); /* to the end of the line */
        rill_stream_want_money(s);
    }
    f->money_count = (uint8_t)kept;
}

/* Money whose answer may come soon: what is overdue is not waited for. */
static bool answer_awaited(const rill_connection *c)
{
    if (!rill_money_awaits_reply(&c->path->money))
        return false;
    for (const rill_list *n = c->path->flights.out.next; n != &c->path->flights.out; n = n->next)
        if (rill_flight_value(RILL_CONTAINER(n, const rill_flight, node)) > 0)
            return true;
    return false;
}

static bool may_send_money(const rill_connection *c, uint64_t now_ns)
{
    if (rill_congestion_money_not_before(c->path->congestion) > now_ns ||
        c->holdoffs.refusals.until > now_ns)
        return false;
    /* One at a time where its answer decides what comes next: after a refusal, and while the packet
     * size is searched. */
    bool one = c->holdoffs.refusals.rounds > 0 || c->path->patience.low_rate_since != 0 ||
               rill_amount_searches(c);
    return !one || !answer_awaited(c);
}

/* Streams that are next in line, and what each may send: into f->money and room. */
typedef struct candidates {
    uint64_t room[RILL_FLIGHT_MONEY];
    uint64_t packet; /* its size, by the path */
    uint64_t total;  /* of room */
    uint64_t all;    /* without the other side's maxima */
    rill_list *next; /* in line, behind them */
} candidates;

static void gather(rill_connection *c, rill_flight *f, rill_list *from, candidates *k,
                   uint64_t now_ns)
{
    uint64_t enough = 0;
    k->total = 0;
    k->all = 0;
    k->next = &c->streams.with_money;
    for (rill_list *n = from; n != &c->streams.with_money; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, money_node);
        uint64_t amount = allowed(c, s, now_ns);
        if (amount == 0)
            continue;
        assert(f->money_count < RILL_FLIGHT_MONEY); /* a full packet ends this below */
        k->room[f->money_count] = amount;
        f->money[f->money_count] = (rill_flight_money){.stream = s};
        f->money_count++;
        rill_tally_begin(&s->out->tally, rill_rate_minimum(&c->path->rate),
                         rill_rate_era(&c->path->rate));
        begin_turn(s, k->packet);
        enough = rill_add_sat(enough, usable(s, amount));
        k->total = rill_add_sat(k->total, amount);
        k->all = rill_add_sat(k->all, rill_stream_sendable(s));
        if (enough >= k->packet || f->money_count == RILL_FLIGHT_MONEY) {
            k->next = n->next;
            return;
        }
    }
}

/* Several streams' money in one packet, where no stream loses by that. */
static bool plan_shared(rill_connection *c, rill_flight *f, const candidates *k, uint64_t most)
{
    uint64_t credit[RILL_FLIGHT_MONEY];
    rill_choice choice;
    most = most < k->total ? most : k->total;
    if (f->money_count < 2 || !rill_amount_choose_shared(c, most, k->all, &choice))
        return false;
    for (unsigned i = 0; i < f->money_count; i++)
        credit[i] = f->money[i].stream->out->credit;
    divide(f, k->room, k->packet, choice.amount);
    f->amount = choice.amount;
    f->minimum = choice.minimum;
    if (rill_amount_share(f, choice.brings))
        return true;
    for (unsigned i = 0; i < f->money_count; i++) {
        f->money[i].stream->out->credit = credit[i];
        f->money[i].amount = 0;
    }
    f->amount = 0;
    return false;
}

/* The first of the streams that has something worth sending. */
static bool plan_alone(rill_connection *c, rill_flight *f, candidates *k, uint64_t most)
{
    for (unsigned i = 0; i < f->money_count; i++) {
        rill_choice choice;
        rill_stream *s = f->money[i].stream;
        if (!rill_amount_choose(c, s, k->room[i], most, &choice))
            continue;
        if (choice.alone && answer_awaited(c))
            return false;
        if (i > 0)
            f->money[0] = f->money[i];
        f->money_count = 1;
        take_all(&f->money[0], k->packet, choice.amount);
        f->amount = choice.amount;
        f->minimum = choice.minimum;
        f->trial = choice.trial;
        return true;
    }
    return false;
}

/*
 * Nothing of theirs is worth a packet, however large the path lets it be. False
 * where an answer that is under way may change that.
 */
static bool give_up(rill_connection *c, const rill_flight *f, const candidates *k, uint64_t most,
                    uint64_t now_ns)
{
    bool searches = rill_amount_searches(c);
    if (answer_awaited(c))
        return false;
    for (unsigned i = 0; i < f->money_count; i++) {
        rill_stream *s = f->money[i].stream;
        uint64_t all = rill_stream_sendable(s);
        if (searches && all > most) /* more may be possible soon */
            continue;
        if (k->room[i] < all) { /* so it may here; but what the other side takes is not enough */
            if (!under_way(s) && !s->out->blocked && !rill_rate_is_low(&c->path->rate))
                note_blocked(c, s, now_ns);
            continue;
        }
        /* What is late may come back; and only when it is settled there is a last packet. */
        if (under_way(s))
            continue;
        int problem = rill_amount_problem(c, s);
        if (problem == RILL_ERR_RATE && rill_patience_may_recover(c, s, now_ns))
            continue;
        /* Who only may send more waits for more. */
        if (!s->out->goal_set && !s->ending)
            continue;
        s->out->vain = (int8_t)problem;
        c->in_vain = true;
    }
    return c->state == RILL_STATE_OPEN;
}

/* The same while others' money is under way; and it is not the window that they wait for. */
static bool pass_by(const rill_connection *c, const rill_flight *f, const candidates *k,
                    uint64_t most)
{
    rill_choice choice;
    for (unsigned i = 0; i < f->money_count; i++)
        if (rill_amount_choose(c, f->money[i].stream, k->room[i], most, &choice))
            return false;
    return true;
}

/* window: what the path's window of value lets go in one packet. */
static bool plan(rill_connection *c, rill_flight *f, candidates *k, uint64_t most, uint64_t window)
{
    for (;;) {
        uint64_t now = most < window ? most : window;
        bool any = rill_congestion_is_last_resort(c->path->congestion) && now > c->path->suspected;
        bool fine = now == most || rill_congestion_is_worth(c->path->congestion, now) || any;
        if (now > 0 && fine && (plan_shared(c, f, k, now) || plan_alone(c, f, k, now)))
            return true;
        if (most <= window || rill_congestion_has_value(c->path->congestion))
            return false;
        /* It doubles: this ends. */
        uint64_t before = window;
        rill_congestion_useless(c->path->congestion);
        window = rill_congestion_value(c->path->congestion);
        if (window <= before)
            return false;
    }
}

/* Those before it have nothing worth sending: they go to the end, in the same order. */
static void begin_line(rill_connection *c, rill_list *from)
{
    rill_list_remove(&c->streams.with_money);
    rill_list_push_back(from, &c->streams.with_money);
}

/* Not so much that the path would have to bring more than there are numbers for. */
static uint64_t largest(const rill_connection *c, uint64_t now_ns)
{
    uint64_t most = rill_packet_size_next(&c->path->packet_size, now_ns);
    uint64_t bears = rill_tally_largest(&c->path->tally);
    return most < bears ? most : bears;
}

/* Of less in one packet too little arrives, or nothing at all. */
static uint64_t least(const rill_connection *c)
{
    uint64_t grain = rill_rate_grain(&c->path->rate);
    return grain > c->path->suspected ? grain : c->path->suspected + 1;
}

bool rill_schedule_money_plan(rill_connection *c, uint64_t now_ns, rill_flight *f)
{
    if (!may_send_money(c, now_ns))
        return false;
    rill_tally_begin(&c->path->tally, rill_rate_minimum(&c->path->rate),
                     rill_rate_era(&c->path->rate));
    uint64_t most = largest(c, now_ns);
    rill_congestion_set_sizes(c->path->congestion, least(c), most);
    rill_list *from = c->streams.with_money.next;
    for (unsigned turn = 0; most > 0 && from != &c->streams.with_money; turn++) {
        bool idle = !rill_congestion_has_value(c->path->congestion);
        uint64_t window = rill_congestion_value(c->path->congestion);
        candidates k;
        k.packet = window < most ? window : most;
        gather(c, f, from, &k, now_ns);
        if (k.total > 0 && plan(c, f, &k, most, window)) {
            begin_line(c, from);
            hold(c, f);
            rill_packet_size_sent(&c->path->packet_size, f->amount, now_ns);
            return true;
        }
        bool on =
            idle ? give_up(c, f, &k, most, now_ns) : turn < MOST_TURNS && pass_by(c, f, &k, most);
        f->money_count = 0;
        if (!on)
            return false;
        from = k.next;
    }
    return false;
}

/* A StreamMoney frame at most: type, length, and two numbers of up to nine bytes. */
#define MONEY_FRAME (2u + 2u * 9u)
_Static_assert(RILL_FLIGHT_MONEY *MONEY_FRAME < RILL_PACKET_MAX_PLAINTEXT / 2,
               "all money frames of a packet fit, whatever else it begins with");

void rill_schedule_money_frames(rill_packet_writer *p, const rill_flight *f)
{
    for (unsigned i = 0; i < f->money_count; i++) {
        rill_frame frame = {.type = RILL_FRAME_STREAM_MONEY,
                            .stream = f->money[i].stream->id,
                            .value = f->money[i].amount};
        rill_packet_put(p, &frame);
    }
}
