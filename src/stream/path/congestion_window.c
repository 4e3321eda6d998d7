/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default algorithm. Two windows, as a path limits packets (rate limits,
 * queues) and value (credit, bandwidth in money) independently of each other;
 * both are steered alike.
 *
 * Refusals that name congestion (T05 and its kin for packets, T04 for value)
 * take what was refused off the window, and a twentieth once a round trip: so
 * a window that was far too large becomes what passed, in one round trip, and
 * one that was slightly too large loses little. A refusal costs less in
 * Interledger than waiting in a queue does, and is work for others all the same.
 *
 * Where only a few packets a round trip pass, or not even one, they leave at a rate
 * instead (congestion_gap.h).
 *
 * So does value where a window of it would be a few packets only, or less than one
 * (congestion_piece.h).
 *
 * A balance that is used up until it is settled passes nothing at all. That
 * says nothing of the window, which is kept: one packet at a time asks whether
 * there is value again.
 *
 * A path that has become slow says so by time before it refuses
 * (congestion_queue.h).
 *
 * Packets that fail without such a reason (T00, no reply) may be an accident:
 * they count as congestion where they are more than is usual on this path.
 *
 * Once limited, packets and value are spread over the round trip, as a limit
 * with a small burst would refuse most of a window sent at once.
 */
#include "stream/path/congestion.h"

#include "base/muldiv.h"
#include "stream/path/congestion_failures.h"
#include "stream/path/congestion_gap.h"
#include "stream/path/congestion_limit.h"
#include "stream/path/congestion_piece.h"
#include "stream/path/congestion_queue.h"

#define INITIAL_PACKETS 64
#define MIN_BACKOFF     (10 * RILL_MS)
#define MAX_BACKOFF     RILL_SECOND
/* A packet that is so much smaller than others says nothing of how large they may be. */
#define TINY_PART 64
/* In flight where they leave at a rate: twice what a round trip holds, and so many at least. */
#define GAP_PACKETS 4
/* Waits for a round trip each, before they double. */
#define PATIENT_WAITS 32
/* Waits, each of which makes what asks a dry path half as large. */
#define HALVED_AFTER 4
/* So many: any size is tried. */
#define DRY_LONG 64
/* After so long, and so many round trips, of neither being used up nor dry a value window is
 * forgotten. */
#define FORGET_AFTER       RILL_SECOND
#define FORGET_ROUND_TRIPS 8
/* Packets of a value window at least, that it can be spread; or as many as may be in flight. */
#define PIECES 16
/* A window of fewer whole packets is none: value leaves piece by piece until it is so many more. */
#define FEW_PIECES  8
#define MANY_PIECES 16
typedef struct window_state {
    rill_congestion base;
    rill_limit packets;
    rill_limit value;
    uint64_t backoff; /* the last wait; 0: none since the last delivery */
    uint64_t backoff_until;
    uint32_t waits;
    rill_gap gap;
    uint64_t value_passed; /* money that was sent after the last decrease of value, and arrived */
    bool widened;          /* the window had become too small to be of use */
    bool dry;              /* money passed before, and does not now: one packet asks again */
    bool trial;            /* dry, but a small packet passed: the next is a large one */
    uint64_t trickled;     /* passed in packets smaller than that, since they became so small */
    uint64_t largest_passed;
    uint64_t largest_sent;
    rill_piece piece;
    uint64_t dry_at; /* it still was, last */
    rill_queue queue;
    rill_failures failures;
} window_state;

static window_state *state_of(rill_congestion *c)
{
    return (window_state *)(void *)c;
}

/* Of so many packets is a window of value: no more than may be in flight, or it is never used up.
 */
static uint64_t pieces(const window_state *s)
{
    return at_least(at_most(s->packets.window, PIECES), 1);
}

/* A packet of the size that passed before the path ran dry. */
static uint64_t full_piece(const window_state *s)
{
    return at_least(at_most(s->value.window / pieces(s), s->largest_passed), 1);
}

/* What asks a path that is dry is smaller, the longer it takes. */
static unsigned halvings(const window_state *s)
{
    return s->widened ? 0 : (unsigned)at_most(s->waits / HALVED_AFTER, 15);
}

/* What the outside sees. */
static void publish(rill_congestion *c)
{
    window_state *s = state_of(c);

    c->packet_window = (uint32_t)s->packets.window;
    /* Those that leave one by one need not wait for one that was lost. */
    if (s->gap.ns != 0)
        c->packet_window =
            (uint32_t)at_most(s->packets.most, at_least(2 * s->packets.window, GAP_PACKETS));
    c->last_resort = false;
    c->by_pieces = s->piece.size != 0;
    if (c->by_pieces) {
        c->last_resort = rill_piece_is_last_resort(&s->piece);
        c->value_piece = s->piece.size;
        c->value_window = rill_piece_window(&s->piece, c->smoothed_rtt);
        return;
    }
    c->value_window = s->value.window;
    c->value_piece =
        s->value.window == UINT64_MAX
            ? UINT64_MAX
            : at_least(s->value.window / pieces(s),
                       at_least(c->least_piece, at_most(c->good_piece, s->value.window)));
    if (s->dry) {
        /* One at a time, and no larger than what has passed. */
        c->last_resort = s->waits >= DRY_LONG;
        c->value_piece = at_least(full_piece(s) >> (s->trial ? 0 : halvings(s)),
                                  c->last_resort ? 1 : at_most(c->least_piece, c->most_piece));
        c->value_window = c->value_piece;
    }
}

/* As large as packets are: some that left before were larger than the path takes. */
static uint64_t largest(const rill_congestion *c)
{
    return at_most(((const window_state *)(const void *)c)->largest_sent, c->most_piece);
}

static void note_passed(rill_congestion *c, uint64_t amount)
{
    window_state *s = state_of(c);

    if (amount <= s->largest_passed)
        return;
    if (s->largest_passed != 0 || amount >= c->good_piece || amount >= largest(c) / TINY_PART)
        s->largest_passed = amount;
}

static void window_init(rill_congestion *c, uint32_t max_packets)
{
    window_state *s = state_of(c);

    s->packets.most = max_packets;
    s->packets.window = at_most(max_packets, INITIAL_PACKETS);
    s->packets.slow_start = true;
    s->value.most = UINT64_MAX;
    s->value.window = UINT64_MAX;
    publish(c);
}

/* ---- sending ---- */

static void money_not_before(rill_congestion *c, uint64_t paced)
{
    window_state *s = state_of(c);

    if (s->piece.size != 0)
        paced = at_least(paced, s->piece.not_before);
    c->not_before = at_least(s->backoff_until, paced);
}

static void window_sent(rill_congestion *c, uint64_t now_ns, uint64_t amount)
{
    window_state *s = state_of(c);

    rill_congestion_add(c, amount);
    rill_limit_sent(&s->packets, now_ns, c->packets_in_flight);
    if (s->gap.ns != 0)
        c->paced_until = rill_limit_follow(&s->packets, now_ns, s->gap.ns);
    else if (!s->packets.slow_start && c->smoothed_rtt > RILL_LIMIT_QUANTUM)
        c->paced_until = rill_limit_pace(&s->packets, now_ns, c->smoothed_rtt, 1);
    s->largest_sent = at_least(s->largest_sent, amount);
    if (s->piece.size != 0 && amount > 0) {
        rill_piece_sent(&s->piece, now_ns, amount);
        money_not_before(c, 0);
    }
    if (s->piece.size != 0 || s->value.window == UINT64_MAX || amount == 0)
        return;
    rill_limit_sent(&s->value, now_ns, c->value_in_flight);
    if (!s->value.slow_start && c->smoothed_rtt > RILL_LIMIT_QUANTUM)
        money_not_before(c, rill_limit_pace(&s->value, now_ns, c->smoothed_rtt, amount));
}

static void window_neutral(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount)
{
    (void)now_ns;
    (void)sent_ns;
    rill_congestion_take(c, amount);
}

/* ---- growth and decrease ---- */

/* Money waits, longer if it has been waiting for long. */
static void back_off(rill_congestion *c, uint64_t now_ns)
{
    window_state *s = state_of(c);

    if (s->trial) /* small ones pass: they need not be smaller */
        s->trial = false;
    else if (s->waits < UINT32_MAX && ++s->waits % HALVED_AFTER == 0)
        s->trickled = 0;
    if (s->waits <= PATIENT_WAITS)
        s->backoff = at_least(c->smoothed_rtt / 4, MIN_BACKOFF);
    else
        s->backoff = rill_add_sat(s->backoff, s->backoff);
    s->backoff = at_most(s->backoff, MAX_BACKOFF);
    s->backoff_until = rill_add_sat(now_ns, s->backoff);
    money_not_before(c, 0);
}

/* For another reason than a refusal. */
static void set_packets(rill_congestion *c, uint64_t now_ns, uint64_t window, uint64_t floor)
{
    window_state *s = state_of(c);
    uint64_t before = s->packets.window;

    rill_limit_set(&s->packets, now_ns, window, floor);
    rill_gap_scale(&s->gap, s->packets.window, before);
}

static void refuse_packets(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    window_state *s = state_of(c);
    rill_limit *l = &s->packets;
    uint64_t rtt = c->smoothed_rtt;

    if (rtt == 0) /* what was refused went some of the way */
        rtt = at_least(rill_sub_sat(now_ns, sent_ns), RILL_LIMIT_QUANTUM);
    if (s->gap.ns != 0) {
        rill_gap_refused(&s->gap, now_ns);
    } else if (rill_limit_is_old(l, sent_ns)) {
        l->window = at_least(l->window - 1, at_most(l->window, l->floor));
        return;
    } else {
        rill_limit_set(l, now_ns, rill_sub_sat(l->window - l->window / 20, 1), l->window / 8);
        if (!rill_gap_is_finer(rtt, l->window))
            return;
        rill_gap_begin(&s->gap, now_ns, rtt, l->window);
    }
    l->window = rill_gap_window(&s->gap, rtt);
    c->paced_until = rill_add_sat(now_ns, s->gap.ns);
}

static void gap_passed(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    window_state *s = state_of(c);
    rill_limit *l = &s->packets;
    uint64_t before = s->gap.ns;

    rill_gap_passed(&s->gap, now_ns, sent_ns, c->smoothed_rtt, rill_limit_was_filled(l, sent_ns));
    l->window = at_most(rill_gap_window(&s->gap, c->smoothed_rtt), l->most);
    l->step = 0;
    l->credit = 0;
    if (s->gap.ns < before) { /* the wait that was begun is too long */
        l->pace_at = at_most(l->pace_at, rill_add_sat(now_ns, s->gap.ns));
        c->paced_until = at_most(c->paced_until, l->pace_at);
    }
}

/* Once may be an accident: twice in a row the path has been dry all the time. */
static void note_dry(window_state *s, uint64_t now_ns)
{
    if (s->dry)
        s->dry_at = now_ns;
    s->dry = true;
}

/* A single packet was too much. in_flight is its amount. */
static void refuse_alone(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount)
{
    window_state *s = state_of(c);
    rill_limit *l = &s->value;

    if (s->largest_passed != 0 && l->window != UINT64_MAX) {
        note_dry(s, now_ns);
        if (sent_ns >= s->backoff_until)
            back_off(c, now_ns);
        return;
    }
    /* Nothing has passed yet: how much does, has to be searched, which needs no waiting... */
    rill_limit_set(l, now_ns, at_most(l->window, amount) / 8, 1);
    s->value_passed = 0;
    l->slow_start = true;
    l->filled = true;
    l->filled_at = now_ns;
    /* ... unless it is nothing. */
    if (amount <= PIECES || s->widened)
        back_off(c, now_ns);
}

/* What is left of a window, or of what is in flight where there is none, is few packets. */
static bool begin_pieces(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t used)
{
    window_state *s = state_of(c);
    uint64_t rtt = c->smoothed_rtt != 0 ? c->smoothed_rtt : rill_sub_sat(now_ns, sent_ns);
    uint64_t window = s->value.window == UINT64_MAX ? used : s->value.window;

    if (window / FEW_PIECES >= largest(c))
        return false;
    if (s->largest_passed == 0)
        rill_piece_begin(&s->piece, now_ns, largest(c), 0);
    else
        rill_piece_begin(&s->piece, now_ns, s->largest_passed,
                         at_least(rill_mul_div_floor_sat(rtt, s->largest_passed, window), 1));
    /* A window that there was is better than a guess. */
    s->piece.measured = s->value.window != UINT64_MAX;
    return true;
}

/* `in_flight` includes the refused packet. */
static void refuse_value(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                         uint64_t in_flight)
{
    window_state *s = state_of(c);
    rill_limit *l = &s->value;
    bool old = rill_limit_is_old(l, sent_ns);
    uint64_t used = at_most(l->window, in_flight);

    if (s->piece.size != 0 || (!old && begin_pieces(c, now_ns, sent_ns, used))) {
        rill_piece_refused(&s->piece, now_ns, sent_ns, amount, c->least_piece,
                           at_least(c->good_piece, c->least_piece));
        money_not_before(c, 0);
        return;
    }
    /* Of nothing but refusals in a round trip the window learns no more. */
    uint64_t much = (l->window == UINT64_MAX ? in_flight : l->window) / PIECES;
    bool nothing_passes = !old && l->decreased && s->largest_passed != 0 && s->value_passed < much;

    if (in_flight <= amount && (!old || s->largest_passed == 0)) {
        refuse_alone(c, now_ns, sent_ns, amount);
    } else if (s->dry || nothing_passes) {
        /* Several may ask together, where the application wants small packets. */
        if (s->dry && sent_ns >= s->backoff_until)
            back_off(c, now_ns);
        note_dry(s, now_ns);
    } else if (old) {
        l->window = at_least(rill_sub_sat(l->window, amount), at_most(l->window, l->floor));
    } else {
        rill_limit_set(l, now_ns, at_least(rill_sub_sat(used - used / 20, amount), used / 2),
                       used / 2);
        s->value_passed = 0;
        l->filled = true;
        l->filled_at = now_ns;
    }
}

static void measure_round_trip(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    window_state *s = state_of(c);
    uint64_t window;
    uint64_t floor;

    switch (rill_queue_measure(&s->queue, c, &s->packets, now_ns, sent_ns, &window, &floor)) {
    case RILL_QUEUE_NEAR:
        s->packets.step = 0;
        break;
    case RILL_QUEUE_SET:
        set_packets(c, now_ns, window, floor);
        break;
    case RILL_QUEUE_NOTHING:
        break;
    }
}

/* ---- failures ---- */

/* Of enough packets it is known whether they failed: more than usual? */
static void watch_failures(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    window_state *s = state_of(c);
    rill_limit *l = &s->packets;
    uint64_t less = 0;
    bool all = false;

    if (!rill_failures_too_many(&s->failures, l, &less, &all) || rill_limit_is_old(l, sent_ns))
        return;
    if (l->window == 1 && all)
        back_off(c, now_ns);
    set_packets(c, now_ns, l->window - less, l->window / 4);
}

static void failed(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    window_state *s = state_of(c);

    if (rill_failures_add(&s->failures) && !rill_limit_is_old(&s->packets, sent_ns)) {
        /* Nothing arrives at all: that is no accident. */
        set_packets(c, now_ns, s->packets.window / 2, 1);
        back_off(c, now_ns);
    }
    if (rill_failures_tell(&s->failures, &s->packets))
        watch_failures(c, now_ns, sent_ns);
}

/* ---- what happens ---- */

/*
 * The path is dry, and a packet smaller than those before has passed: the end
 * of a balance, of which less than a whole packet is left, or the first of a
 * new one, or is it only small ones that pass now?
 */
static bool only_trickles(rill_congestion *c, uint64_t amount)
{
    window_state *s = state_of(c);
    uint64_t full = full_piece(s);
    uint64_t piece = at_least(full >> halvings(s), 1);

    if (!s->dry || halvings(s) == 0 || amount >= full)
        return false;
    s->trickled = rill_add_sat(s->trickled, amount);
    /* Of what is left of a balance one that is half as large as those refused passes once. */
    if (s->trickled >= full || s->trickled / 4 >= piece) {
        s->largest_passed = piece;
        s->value.window = at_most(s->value.window, rill_mul_div_floor_sat(piece, pieces(s), 1));
        s->value.credit = 0;
        s->value.step = 0;
        return false;
    }
    s->trial = true;
    s->backoff_until = 0;
    c->not_before = 0;
    return true;
}

/* Back to a window, or to none, where value is no longer what is short. */
static void end_pieces(rill_congestion *c, uint64_t now_ns)
{
    window_state *s = state_of(c);
    rill_piece *p = &s->piece;
    uint64_t forget = rill_mul_div_floor_sat(c->smoothed_rtt, FORGET_ROUND_TRIPS, 1);
    uint64_t idle = at_least(at_least(forget, FORGET_AFTER), p->gap);
    uint64_t many = rill_mul_div_floor_sat(p->gap, MANY_PIECES, 1);

    if (p->gap == 0)
        return;
    if (rill_sub_sat(now_ns, p->limited_at) > idle) {
        s->largest_passed = p->size;
        s->value.window = UINT64_MAX;
        p->size = 0;
        c->not_before = 0;
    } else if (p->size >= largest(c) && many < c->smoothed_rtt) {
        rill_limit_set(&s->value, now_ns, rill_mul_div_floor_sat(p->size, c->smoothed_rtt, p->gap),
                       p->size);
        p->size = 0;
        c->not_before = 0;
    }
}

static void money_delivered(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount)
{
    window_state *s = state_of(c);
    uint64_t forget = rill_mul_div_floor_sat(c->smoothed_rtt, FORGET_ROUND_TRIPS, 1);

    if (s->piece.size != 0) {
        note_passed(c, amount);
        rill_piece_passed(&s->piece, now_ns, sent_ns, amount, largest(c));
        s->backoff_until = 0;
        money_not_before(c, 0);
        end_pieces(c, now_ns);
        return;
    }
    if (!rill_limit_is_old(&s->value, sent_ns))
        s->value_passed = rill_add_sat(s->value_passed, amount);
    if (only_trickles(c, amount))
        return;
    if (s->dry && s->waits > 1) /* it was limited all the time */
        s->dry_at = now_ns;
    s->backoff = 0;
    s->waits = 0;
    s->dry = false;
    s->trial = false;
    s->trickled = 0;
    s->widened = false;
    if (s->backoff_until != 0) {
        s->backoff_until = 0;
        c->not_before = 0;
    }
    note_passed(c, amount);
    if (s->value.window == UINT64_MAX)
        return;
    uint64_t limited_at = at_least(s->value.filled_at, s->dry_at);
    if (rill_sub_sat(now_ns, limited_at) > at_least(forget, FORGET_AFTER)) {
        s->value.window = UINT64_MAX;
        c->not_before = 0;
        return;
    }
    rill_limit_grow(&s->value, now_ns, sent_ns, amount, true);
}

static void window_delivered(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                             bool app_limited)
{
    window_state *s = state_of(c);

    (void)app_limited; /* filled_at says it of the whole flight */
    rill_congestion_take(c, amount);
    measure_round_trip(c, now_ns, sent_ns);
    rill_failures_none(&s->failures);
    if (rill_failures_tell(&s->failures, &s->packets))
        watch_failures(c, now_ns, sent_ns);
    if (s->gap.ns != 0)
        gap_passed(c, now_ns, sent_ns);
    else
        rill_limit_grow(&s->packets, now_ns, sent_ns, 1, false);
    /* What carries no money says nothing about whether money passes. */
    if (amount > 0)
        money_delivered(c, now_ns, sent_ns, amount);
    publish(c);
}

static void window_signal(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                          rill_congestion_signal signal)
{
    uint64_t in_flight = c->value_in_flight;

    rill_congestion_take(c, amount);
    switch (signal) {
    case RILL_SIGNAL_VALUE:
        /* Liquidity cannot be short for no money: whatever it is, fewer packets help. */
        if (amount > 0)
            refuse_value(c, now_ns, sent_ns, amount, in_flight);
        else
            refuse_packets(c, now_ns, sent_ns);
        break;
    case RILL_SIGNAL_PACKETS:
    case RILL_SIGNAL_LATE:
        refuse_packets(c, now_ns, sent_ns);
        break;
    case RILL_SIGNAL_FAILED:
    case RILL_SIGNAL_LOST:
        failed(c, now_ns, sent_ns);
        break;
    }
    publish(c);
}

static void window_tested(rill_congestion *c, uint64_t now_ns, uint64_t passes, uint64_t too_much)
{
    window_state *s = state_of(c);

    if (s->largest_sent != 0)
        return;
    rill_piece_begin_below(&s->piece, now_ns, passes, too_much);
    publish(c);
}

static void window_useless(rill_congestion *c)
{
    window_state *s = state_of(c);

    s->widened = true;
    if (s->piece.size != 0)
        rill_piece_widen(&s->piece);
    s->value.window = rill_add_sat(s->value.window, s->value.window);
    if (s->dry)
        s->largest_passed = rill_add_sat(s->largest_passed, s->largest_passed);
    publish(c);
}

const rill_congestion_ops rill_congestion_window = {
    .name = "window",
    .size = sizeof(window_state),
    .init = window_init,
    .on_sent = window_sent,
    .on_delivered = window_delivered,
    .on_signal = window_signal,
    .on_neutral = window_neutral,
    .on_tested = window_tested,
    .on_sizes = publish,
    .on_useless = window_useless,
};
