/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/value.h"

#include "base/muldiv.h"

/* A packet that is so much smaller than others, the rest of a payment, says nothing of how large
 * they may be; and a test not either. */
#define TINY_PART 8
/* After so long, and so many round trips, of neither being used up nor dry a window is forgotten.
 */
#define FORGET_AFTER       RILL_SECOND
#define FORGET_ROUND_TRIPS 8
/* Packets of a window at least, that it can be spread; or as many as may be in flight. */
#define PIECES 16
/* A window of fewer whole packets is none: value leaves at a rate until it is so many more. */
#define FEW_PIECES 8
/* A window is used up but for this part of it. */
#define REST_PART 4
/* Where no size has passed yet, one is searched by this part. */
#define SEARCH_PART 8

void rill_value_init(rill_value *v, rill_traffic traffic)
{
    *v = (rill_value){.limit = {.window = UINT64_MAX, .most = UINT64_MAX},
                      .least = 1,
                      .good = 1,
                      .most = UINT64_MAX};
    rill_value_update(v, traffic);
}

static bool is_limited(const rill_value *v)
{
    return v->limit.window != UINT64_MAX;
}

/* Of so many packets is a window of value: no more than may be in flight, or it is never used up.
 */
static uint64_t pieces(rill_traffic traffic)
{
    assert(traffic.packets > 0);
    return at_most(traffic.packets, PIECES);
}

/* A packet of the size that passed before the path ran dry. */
static uint64_t whole(const rill_value *v, rill_traffic traffic)
{
    return at_least(at_most(v->limit.window / pieces(traffic), v->largest_passed), 1);
}

static uint64_t piece_of_window(const rill_value *v, rill_traffic traffic)
{
    if (!is_limited(v))
        return UINT64_MAX;
    return at_least(v->limit.window / pieces(traffic),
                    at_least(v->least, at_most(v->good, v->limit.window)));
}

void rill_value_update(rill_value *v, rill_traffic traffic)
{
    assert(v->least > 0);
    v->by_pieces = rill_value_rate_in_use(&v->rate);
    if (v->by_pieces) {
        v->last_resort = rill_value_rate_is_last_resort(&v->rate);
        v->piece = v->rate.size;
        v->window = rill_value_rate_window(&v->rate, traffic.rtt);
    } else if (v->dryness.dry) {
        /* One at a time, and no larger than what has passed. */
        v->last_resort = rill_dryness_is_long(&v->dryness);
        v->piece = at_least(rill_dryness_asks(&v->dryness, whole(v, traffic)),
                            v->last_resort ? 1 : at_most(v->least, v->most));
        v->window = v->piece;
    } else {
        v->last_resort = false;
        v->piece = piece_of_window(v, traffic);
        v->window = v->limit.window;
    }
}

/* As large as packets are: some that left before were larger than the path takes. */
static uint64_t largest(const rill_value *v)
{
    return at_most(v->largest_sent, v->most);
}

static void note_passed(rill_value *v, uint64_t amount)
{
    if (amount <= v->largest_passed)
        return;
    if (v->largest_passed != 0 || amount >= largest(v) / TINY_PART)
        v->largest_passed = amount;
}

static void set_not_before(rill_value *v, uint64_t paced)
{
    if (rill_value_rate_in_use(&v->rate))
        paced = at_least(paced, v->rate.not_before);
    v->not_before = at_least(v->dryness.wait_until, paced);
}

/* ---- sending ---- */

void rill_value_sent(rill_value *v, uint64_t now_ns, rill_traffic traffic, uint64_t amount)
{
    v->largest_sent = at_least(v->largest_sent, amount);
    if (amount == 0)
        return;
    if (rill_value_rate_in_use(&v->rate)) {
        rill_value_rate_sent(&v->rate, now_ns, amount);
        set_not_before(v, 0);
        return;
    }
    if (!is_limited(v))
        return;
    rill_limit_sent(&v->limit, now_ns, v->in_flight);
    if (!v->limit.slow_start && traffic.rtt > RILL_LIMIT_QUANTUM)
        set_not_before(v, rill_limit_pace(&v->limit, now_ns, traffic.rtt, amount));
}

uint64_t rill_value_allowed(const rill_value *v)
{
    uint64_t left = rill_sub_sat(v->window, v->in_flight);

    if (v->surveying && v->in_flight > 0)
        return 0;
    /* Or nothing would ever be sent again. */
    if (v->in_flight == 0 && left == 0)
        return 1;
    if (left >= v->piece)
        return v->piece;
    /* The rest of a window may be too little to be worth a packet: more comes with an answer. But
     * what is not used up does not grow. */
    uint64_t enough = v->by_pieces ? v->good : v->window / REST_PART;
    if (enough > v->least && !v->by_pieces)
        enough = v->least;
    return left >= enough || left >= v->most || v->in_flight == 0 ? left : 0;
}

void rill_value_wait(rill_value *v, uint64_t now_ns, rill_traffic traffic)
{
    rill_dryness_wait(&v->dryness, now_ns, traffic.rtt);
    set_not_before(v, 0);
}

/* ---- refusals ---- */

static void ask_again(rill_value *v, uint64_t now_ns, uint64_t sent_ns, rill_traffic traffic)
{
    if (sent_ns >= v->dryness.wait_until)
        rill_value_wait(v, now_ns, traffic);
}

/* A single packet was too much. in_flight is its amount. */
static void refuse_alone(rill_value *v, uint64_t now_ns, uint64_t sent_ns, rill_traffic traffic,
                         uint64_t amount)
{
    if (v->largest_passed != 0 && is_limited(v)) {
        rill_dryness_refused(&v->dryness, now_ns);
        ask_again(v, now_ns, sent_ns, traffic);
        return;
    }
    /* Nothing has passed yet: how much does, has to be searched, which needs no waiting... */
    rill_limit_set(&v->limit, now_ns, at_most(v->limit.window, amount) / SEARCH_PART, 1);
    v->passed = 0;
    v->limit.slow_start = true;
    v->limit.filled = true;
    v->limit.filled_at = now_ns;
    /* ... unless it is nothing. */
    if (amount <= PIECES || v->dryness.widened)
        rill_value_wait(v, now_ns, traffic);
}

/* What passes in a round trip is less than a few packets: they leave at a rate. */
static void begin_rate(rill_value *v, uint64_t now_ns, uint64_t rtt, uint64_t window)
{
    /* A window that there was is better than a guess. */
    bool measured = is_limited(v) && !v->surveying;
    uint64_t size = v->largest_passed;
    uint64_t gap = 0;

    if (size == 0 && v->probed >= largest(v) / TINY_PART)
        size = at_most(v->probed, largest(v));
    if (size != 0)
        gap = at_least(rill_mul_div_floor_sat(rtt, size, at_least(window, size)), 1);
    rill_value_rate_begin(&v->rate, now_ns, size != 0 ? size : largest(v), gap, measured);
}

static bool is_few(const rill_value *v, uint64_t window)
{
    return window / FEW_PIECES < largest(v);
}

static void refuse_at_a_rate(rill_value *v, uint64_t now_ns, uint64_t sent_ns, uint64_t amount)
{
    rill_value_rate_refused(&v->rate, now_ns, sent_ns, amount, v->least,
                            at_least(v->good, v->least));
    set_not_before(v, 0);
}

/*
 * The first refusal, before it is known that many packets pass: whether they do
 * is told by those that are under way with it. What was refused is
 * answered sooner than what passes, since it has not gone all the way.
 */
static void begin_survey(rill_value *v, uint64_t now_ns, uint64_t used)
{
    uint64_t passed = v->passed;

    rill_limit_set(&v->limit, now_ns, used / 2, used / 2);
    v->limit.filled = true;
    v->limit.filled_at = now_ns;
    v->passed = passed;
    v->surveying = true;
}

static void end_survey(rill_value *v, uint64_t now_ns, rill_traffic traffic)
{
    rill_limit *l = &v->limit;
    uint64_t passed = v->passed;

    if (is_few(v, passed)) {
        begin_rate(v, now_ns, traffic.rtt, passed);
        refuse_at_a_rate(v, now_ns, now_ns, v->rate.size);
    } else {
        /* Spread over the round trip more of them may pass than did at once. */
        l->window = at_least(at_most(l->window, rill_add_sat(passed, passed)), passed);
    }
    v->surveying = false;
    v->passed = 0;
}

void rill_value_refused(rill_value *v, uint64_t now_ns, uint64_t sent_ns, rill_traffic traffic,
                        uint64_t amount, uint64_t in_flight)
{
    rill_limit *l = &v->limit;
    bool old = rill_limit_is_old(l, sent_ns);
    uint64_t used = at_most(l->window, in_flight);

    assert(amount > 0 && in_flight >= amount); /* liquidity cannot be short for no money */
    if (v->surveying)
        return;
    uint64_t window = is_limited(v) ? l->window : used;
    if (!rill_value_rate_in_use(&v->rate) && !old && is_few(v, window)) {
        uint64_t rtt = traffic.rtt != 0 ? traffic.rtt : rill_sub_sat(now_ns, sent_ns);
        begin_rate(v, now_ns, rtt, window);
    }
    if (rill_value_rate_in_use(&v->rate)) {
        refuse_at_a_rate(v, now_ns, sent_ns, amount);
        return;
    }
    if (!is_limited(v) && is_few(v, v->passed)) {
        begin_survey(v, now_ns, used);
        return;
    }
    /* Of nothing but refusals in a round trip the window learns no more. */
    uint64_t much = (is_limited(v) ? l->window : in_flight) / PIECES;
    bool nothing_passes = !old && l->decreased && v->largest_passed != 0 && v->passed < much;

    if (in_flight <= amount && (!old || v->largest_passed == 0)) {
        refuse_alone(v, now_ns, sent_ns, traffic, amount);
    } else if (v->dryness.dry || nothing_passes) {
        /* Several may ask together, where the application wants small packets. */
        if (v->dryness.dry)
            ask_again(v, now_ns, sent_ns, traffic);
        rill_dryness_refused(&v->dryness, now_ns);
    } else if (old) {
        l->window = at_least(rill_sub_sat(l->window, amount), at_most(l->window, l->floor));
    } else {
        rill_limit_set(l, now_ns, at_least(rill_sub_sat(used - used / 20, amount), used / 2),
                       used / 2);
        v->passed = 0;
        l->filled = true;
        l->filled_at = now_ns;
    }
}

/* ---- what passes ---- */

/* A limit that has held nothing back for so long is none. */
static uint64_t forgotten_after(rill_traffic traffic)
{
    return at_least(rill_mul_div_floor_sat(traffic.rtt, FORGET_ROUND_TRIPS, 1), FORGET_AFTER);
}

/* Back to a window, or to none, where value is no longer what is short. */
static void end_rate(rill_value *v, uint64_t now_ns, rill_traffic traffic)
{
    uint64_t window = rill_value_rate_as_window(&v->rate, now_ns, traffic.rtt,
                                                forgotten_after(traffic), largest(v));
    uint64_t piece = v->rate.size;

    if (window == 0)
        return;
    if (window == UINT64_MAX) {
        v->largest_passed = piece;
        v->limit.window = UINT64_MAX;
    } else {
        rill_limit_set(&v->limit, now_ns, window, piece);
    }
    v->rate.size = 0;
    v->not_before = 0;
}

static void rate_passed(rill_value *v, uint64_t now_ns, uint64_t sent_ns, rill_traffic traffic,
                        uint64_t amount)
{
    note_passed(v, amount);
    rill_value_rate_passed(&v->rate, now_ns, sent_ns, amount, largest(v));
    v->dryness.wait_until = 0;
    set_not_before(v, 0);
    end_rate(v, now_ns, traffic);
}

/* False where one packet is not the flow. */
static bool flows(rill_value *v, rill_traffic traffic, uint64_t amount)
{
    uint64_t asks;

    if (!v->dryness.dry)
        return true;
    switch (rill_dryness_passed(&v->dryness, whole(v, traffic), amount, &asks)) {
    case RILL_DRYNESS_TRICKLES:
        v->not_before = 0;
        return false;
    case RILL_DRYNESS_SMALL: /* the window is for packets of that size */
        v->largest_passed = asks;
        v->limit.window =
            at_most(v->limit.window, rill_mul_div_floor_sat(asks, pieces(traffic), 1));
        v->limit.credit = 0;
        v->limit.step = 0;
        break;
    case RILL_DRYNESS_OVER:
        break;
    }
    return true;
}

void rill_value_passed(rill_value *v, uint64_t now_ns, uint64_t sent_ns, rill_traffic traffic,
                       uint64_t amount)
{
    assert(amount > 0); /* what carries no money says nothing about whether money passes */
    if (rill_value_rate_in_use(&v->rate)) {
        rate_passed(v, now_ns, sent_ns, traffic, amount);
        return;
    }
    if (v->surveying || !rill_limit_is_old(&v->limit, sent_ns))
        v->passed = rill_add_sat(v->passed, amount);
    if (!flows(v, traffic, amount))
        return;
    if (v->dryness.wait_until != 0)
        v->not_before = 0;
    rill_dryness_end(&v->dryness, now_ns);
    note_passed(v, amount);
    if (!is_limited(v))
        return;
    uint64_t limiting_at = at_least(v->limit.filled_at, v->dryness.dry_at);
    if (rill_sub_sat(now_ns, limiting_at) > forgotten_after(traffic)) {
        v->limit.window = UINT64_MAX;
        v->not_before = 0;
        return;
    }
    rill_limit_grow(&v->limit, now_ns, sent_ns, amount, true);
}

/* ---- what else is said ---- */

void rill_value_answered(rill_value *v, uint64_t now_ns, rill_traffic traffic)
{
    if (v->surveying && v->in_flight == 0)
        end_survey(v, now_ns, traffic);
}

void rill_value_probed(rill_value *v, uint64_t passes)
{
    v->probed = at_least(v->probed, passes);
}

void rill_value_tested(rill_value *v, uint64_t now_ns, uint64_t passes, uint64_t refused)
{
    assert(passes < refused);
    if (v->largest_sent != 0)
        return;
    v->largest_sent = refused; /* packets would be so large, if the path took them */
    rill_value_rate_begin_below(&v->rate, now_ns, passes, refused);
}

void rill_value_widen(rill_value *v)
{
    assert(v->in_flight == 0); /* else an answer may bring more */
    v->dryness.widened = true;
    if (rill_value_rate_in_use(&v->rate))
        rill_value_rate_widen(&v->rate);
    v->limit.window = rill_add_sat(v->limit.window, v->limit.window);
    if (v->dryness.dry)
        v->largest_passed = rill_add_sat(v->largest_passed, v->largest_passed);
}
