/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The default algorithm. Two windows, as a path limits packets (rate limits,
 * queues) and value (credit, bandwidth in money) independently of each other.
 *
 * Packets: slow start from INITIAL_PACKETS; after the first signal one packet
 * more for each full window delivered, 3/10 less for a signal, once a round trip.
 *
 * Value: not limited until a T04; then 7/10 of what was in flight, growing in
 * proportion to what is delivered (by half a window a round trip far below
 * where it was refused, by an eighth near it), and forgotten when it has not
 * been used up for long.
 *
 * Where even a single packet is refused, money waits: for a round trip at
 * first, doubling to MAX_BACKOFF. The wait ends, a window is at least one
 * packet of one unit: it slows down but never stops.
 */
#include "stream/congestion.h"

#include "base/muldiv.h"

#define INITIAL_PACKETS 32
#define MIN_BACKOFF     (10 * RILL_MS)
#define MAX_BACKOFF     RILL_SECOND
/* A value window is forgotten after so long, and so many round trips, of not being used up. */
#define FORGET_AFTER       RILL_SECOND
#define FORGET_ROUND_TRIPS 8

typedef struct window_state {
    rill_congestion base;
    bool slow_start;
    bool packets_decreased; /* packets_decreased_at is valid */
    bool packets_filled;    /* packets_filled_at is valid */
    bool value_decreased;   /* value_decreased_at is valid */
    bool value_delivered;   /* money arrived since the last decrease of value */
    uint32_t credit;        /* packets delivered since the window last grew */
    uint64_t packets_decreased_at;
    uint64_t packets_filled_at; /* the packet window was last used up */
    uint64_t value_decreased_at;
    uint64_t value_filled_at; /* the value window was last used up, nearly */
    uint64_t value_refused;   /* in flight when it was too much */
    uint64_t backoff;         /* the last wait; 0: none since the last delivery */
} window_state;

static window_state *state_of(rill_congestion *c)
{
    return (window_state *)(void *)c;
}

static void window_init(rill_congestion *c, uint32_t max_packets)
{
    c->packet_window = max_packets < INITIAL_PACKETS ? max_packets : INITIAL_PACKETS;
    c->value_window = UINT64_MAX;
    state_of(c)->slow_start = true;
}

static void window_sent(rill_congestion *c, uint64_t now_ns, uint64_t amount)
{
    window_state *s = state_of(c);

    c->packets_in_flight += 1;
    /* Exact: value is UINT64_MAX at most, so that what it allows never overflows. */
    c->value_in_flight = rill_add_sat(c->value_in_flight, amount);
    if (c->packets_in_flight >= c->packet_window) {
        s->packets_filled = true;
        s->packets_filled_at = now_ns;
    }
    if (c->value_in_flight >= c->value_window / 2)
        s->value_filled_at = now_ns;
}

static void window_release(rill_congestion *c, uint64_t amount)
{
    if (c->packets_in_flight > 0)
        c->packets_in_flight -= 1;
    c->value_in_flight = rill_sub_sat(c->value_in_flight, amount);
}

static void window_neutral(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount)
{
    (void)now_ns;
    (void)sent_ns;
    window_release(c, amount);
}

static void measure_round_trip(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    uint64_t rtt = rill_sub_sat(now_ns, sent_ns);

    /* 0 stands for unknown. */
    if (rtt == 0)
        rtt = 1;
    if (c->min_rtt == 0 || rtt < c->min_rtt)
        c->min_rtt = rtt;
    if (c->smoothed_rtt == 0)
        c->smoothed_rtt = rtt;
    else
        c->smoothed_rtt = c->smoothed_rtt - c->smoothed_rtt / 8 + rtt / 8;
}

static void grow_packets(rill_congestion *c, uint64_t sent_ns)
{
    window_state *s = state_of(c);

    if (c->packet_window >= c->max_packets)
        return;
    /* Growth needs the evidence of a window that was used up after this packet left. */
    if (!s->packets_filled || sent_ns > s->packets_filled_at)
        return;
    /* What left before the last decrease says nothing about the window since. */
    if (s->packets_decreased && sent_ns < s->packets_decreased_at)
        return;
    if (!s->slow_start && ++s->credit < c->packet_window)
        return;
    s->credit = 0;
    c->packet_window += 1;
}

static void grow_value(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount)
{
    window_state *s = state_of(c);
    uint64_t forget = rill_mul_div_floor_sat(c->smoothed_rtt, FORGET_ROUND_TRIPS, 1);

    if (c->value_window == UINT64_MAX)
        return;
    if (forget < FORGET_AFTER)
        forget = FORGET_AFTER;
    if (rill_sub_sat(now_ns, s->value_filled_at) > forget) {
        c->value_window = UINT64_MAX;
        return;
    }
    /* As for packets. */
    if (sent_ns > s->value_filled_at || sent_ns < s->value_decreased_at)
        return;
    uint64_t more = c->value_window < s->value_refused / 2 ? amount / 2 : amount / 8;
    c->value_window = rill_add_sat(c->value_window, more > 0 ? more : 1);
}

static void window_delivered(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                             bool app_limited)
{
    window_state *s = state_of(c);

    window_release(c, amount);
    measure_round_trip(c, now_ns, sent_ns);
    if (!app_limited)
        grow_packets(c, sent_ns);
    /* What carries no money says nothing about whether money passes. */
    if (amount == 0)
        return;
    s->value_delivered = true;
    s->backoff = 0;
    c->not_before = 0;
    grow_value(c, now_ns, sent_ns, amount);
}

/* Money waits, twice as long as the last time. */
static void back_off(rill_congestion *c, uint64_t now_ns)
{
    window_state *s = state_of(c);

    if (s->backoff == 0)
        s->backoff = c->smoothed_rtt > MIN_BACKOFF ? c->smoothed_rtt : MIN_BACKOFF;
    else
        s->backoff = rill_add_sat(s->backoff, s->backoff);
    if (s->backoff > MAX_BACKOFF)
        s->backoff = MAX_BACKOFF;
    c->not_before = rill_add_sat(now_ns, s->backoff);
}

/* 7/10, without overflow. */
static uint64_t decreased(uint64_t v)
{
    return v / 10 * 7 + v % 10 * 7 / 10;
}

static void decrease_packets(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, bool wait)
{
    window_state *s = state_of(c);

    /* It left before the last decrease, which was for it too. */
    if (s->packets_decreased && sent_ns < s->packets_decreased_at)
        return;
    if (c->packet_window == 1 && wait)
        back_off(c, now_ns);
    c->packet_window = (uint32_t)decreased(c->packet_window);
    if (c->packet_window == 0)
        c->packet_window = 1;
    s->slow_start = false;
    s->credit = 0;
    s->packets_decreased = true;
    s->packets_decreased_at = now_ns;
}

/* `in_flight` includes the refused packet. */
static void decrease_value(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                           uint64_t in_flight)
{
    window_state *s = state_of(c);
    bool alone = in_flight <= amount;
    bool old = s->value_decreased && sent_ns < s->value_decreased_at;
    uint64_t least = amount / 2;

    /*
     * Of a flight that the last decrease was for, only its last packet says
     * anything new, where none of it arrived: that a single one is too much.
     */
    if (old && !(alone && !s->value_delivered))
        return;
    uint64_t window = alone ? least : decreased(in_flight);
    if (window < least)
        window = least;
    if (window == 0)
        window = 1;
    if (window < c->value_window)
        c->value_window = window;
    if (alone)
        back_off(c, now_ns);
    /* While nothing arrives at all, the first that was refused says the most about the path. */
    if (!s->value_decreased || s->value_delivered || in_flight > s->value_refused)
        s->value_refused = in_flight;
    s->value_decreased = true;
    s->value_delivered = false;
    s->value_decreased_at = now_ns;
    /* It was used up just now, or we would not be here. */
    s->value_filled_at = now_ns;
}

static void window_signal(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                          rill_congestion_signal signal)
{
    uint64_t in_flight = c->value_in_flight;

    window_release(c, amount);
    switch (signal) {
    case RILL_SIGNAL_VALUE:
        /* Liquidity cannot be short for no money: whatever it is, fewer packets help. */
        if (amount > 0)
            decrease_value(c, now_ns, sent_ns, amount, in_flight);
        else
            decrease_packets(c, now_ns, sent_ns, true);
        break;
    case RILL_SIGNAL_PACKETS:
    case RILL_SIGNAL_LATE:
        decrease_packets(c, now_ns, sent_ns, true);
        break;
    case RILL_SIGNAL_LOST:
        /* Its time-out was wait enough. */
        decrease_packets(c, now_ns, sent_ns, false);
        break;
    }
}

const rill_congestion_ops rill_congestion_window = {
    .name = "window",
    .size = sizeof(window_state),
    .init = window_init,
    .on_sent = window_sent,
    .on_delivered = window_delivered,
    .on_signal = window_signal,
    .on_neutral = window_neutral,
};
