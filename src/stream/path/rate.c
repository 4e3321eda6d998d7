/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/rate.h"

#include <assert.h>

#include "base/muldiv.h"
#include "base/wide.h"

/* What is nearer than this part of it needs no closer look. */
#define PRECISION 128

/* So many packets that bring too little, each of them for its size maybe, say that it is the rate:
 * fewer where they are not much smaller than one that brought it. */
#define DOUBTS       8
#define DOUBTS_LARGE 3
#define LARGE_PART   4

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t grain_of(const rill_rate *r)
{
    if (r->latest.num == 0)
        return 1;
    uint64_t loss = larger(r->loss, r->missing);
    uint64_t one = rill_ratio_inverse_ceil(r->guess, 1);
    /* Of which every multiple is exact, unless more than the last hop rounds. */
    uint64_t even = loss == 1 ? r->guess.den : UINT64_MAX;
    rill_u128 rate = rill_wide_product(r->guess.num, r->minimum.den);
    rill_u128 least = rill_wide_product(r->minimum.num, r->guess.den);
    uint64_t bears = UINT64_MAX;
    if (rill_wide_less(least, rate)) {
        /* Of so many, what rounding takes at most is less than lies between. */
        rill_u128 dens = rill_wide_product(r->guess.den, r->minimum.den);
        rill_u128 each =
            rill_wide_div(rill_wide_sub(dens, rill_wide(1)), rill_wide_sub(rate, least));
        bears = rill_mul_div_floor_sat(rill_add_sat(rill_wide_sat(each), 1), loss, 1);
    }
    uint64_t enough = larger(bears < even ? bears : even, one);
    return loss == 1 || enough < r->latest.den ? enough : r->latest.den;
}

/* The rate is known to be no more than a small part better than what has been seen. */
static bool is_near(const rill_rate *r)
{
    const rill_ratio part = {PRECISION + 1, PRECISION};
    return rill_ratio_compare(r->above, rill_ratio_multiply_floor(r->latest, part)) <= 0;
}

static void set_minimum(rill_rate *r, rill_ratio minimum)
{
    assert(minimum.den > 0); /* a ratio, also where it is nothing */
    r->minimum = minimum;
    r->era++;
    r->grain = grain_of(r);
}

void rill_rate_set_minimum(rill_rate *r, rill_ratio minimum)
{
    r->fixed = true;
    if (rill_ratio_compare(minimum, r->minimum) == 0) /* what was sent goes on counting */
        return;
    set_minimum(r, minimum);
}

void rill_rate_init(rill_rate *r, rill_ratio minimum, rill_ratio slippage)
{
    const rill_ratio unknown = {.num = 0, .den = 1};

    *r = (rill_rate){.slippage = slippage,
                     .latest = unknown,
                     .before = unknown,
                     .above = {.num = 1, .den = 0},
                     .loss = 1,
                     .guess = unknown,
                     .probed = unknown};
    r->fixed = minimum.num != 0 && minimum.den != 0;
    set_minimum(r, r->fixed ? minimum : unknown);
}

void rill_rate_probe(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    if (sent == 0)
        return;
    if (delivered > r->probed.num || (delivered == r->probed.num && sent < r->probed.den))
        r->probed = (rill_ratio){.num = delivered, .den = sent};
    rill_rate_learn(r, sent, delivered);
}

bool rill_rate_ready(const rill_rate *r)
{
    uint64_t enough = 1;

    for (int i = 1; i < RILL_RATE_DIGITS; i++)
        enough *= 10;
    return r->fixed || r->probed.num >= enough;
}

bool rill_rate_settle(rill_rate *r)
{
    if (r->fixed)
        return true;
    if (r->probed.num == 0)
        return false;
    set_minimum(r, rill_ratio_multiply_floor(r->probed, rill_ratio_complement(r->slippage)));
    return true;
}

/*
 * Whether rounding alone explains that `sent` arrived as `delivered`, which is
 * less than at the rate that is known. A path of several hops rounds more than
 * once, for which a further unit is allowed.
 */
static bool rounding_explains(const rill_rate *r, uint64_t sent, uint64_t delivered)
{
    uint64_t less = rill_sub_sat(rill_ratio_floor(r->latest, sent), delivered);
    /* A rate that has fallen takes more of larger packets; rounding does not. */
    bool same = r->missing != 0 && sent / 2 >= r->missing_of;
    return less <= r->loss || (same && less <= r->missing);
}

/*
 * However often it is rounded: two packets in one bring no less than both of them. A unit is
 * nobody's fault.
 */
static bool has_fallen(const rill_rate *r, uint64_t sent, uint64_t delivered, bool explained)
{
    uint64_t brings = rill_add_sat(delivered, explained ? 1 : 0);
    return rill_wide_less(rill_wide(brings),
                          rill_wide_product(sent / r->latest.den, r->latest.num));
}

/* What rounding takes more would have arrived, if the rate were that. */
static rill_ratio not_reached(const rill_rate *r, uint64_t sent, uint64_t delivered)
{
    if (delivered > UINT64_MAX - r->loss)
        return (rill_ratio){.num = 1, .den = 0};
    return (rill_ratio){.num = delivered + r->loss, .den = sent};
}

/* It is higher than a smaller packet has said that it can be: that lost more; or it has risen. */
static void note_loss(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    if (r->above.den == 0 || r->above.den >= sent)
        return;
    uint64_t expected = rill_ratio_floor((rill_ratio){delivered, sent}, r->above.den);
    uint64_t brought = rill_sub_sat(r->above.num, r->loss);
    r->loss = larger(r->loss, rill_sub_sat(expected, brought));
}

/* A reply says less than what is known of the rate, or more: from here on it counts. */
static void replace(rill_rate *r, uint64_t sent, uint64_t delivered, bool changed)
{
    rill_ratio before = r->before.num != 0 ? r->before : r->latest;
    /* What the packet that tells the rate could have lost, also where all else is forgotten. */
    rill_ratio most = r->latest.num != 0 ? not_reached(r, r->latest.den, r->latest.num)
                                         : (rill_ratio){.num = 1, .den = 0};
    r->before = (rill_ratio){.num = 0, .den = 1};
    r->latest = (rill_ratio){.num = delivered > 0 ? delivered : 1, .den = sent};
    if (changed)
        r->loss = 1;
    if (!changed && (rill_ratio_compare(r->latest, r->above) >= 0 ||
                     rill_ratio_compare(r->latest, most) >= 0)) {
        note_loss(r, sent, delivered);
        r->before = before;
        changed = true;
    }
    rill_ratio limit = not_reached(r, sent, delivered);
    if (changed || rill_ratio_compare(limit, r->above) < 0)
        r->above = limit;
    /* Nothing arrives: the most that it can be. */
    r->guess = delivered > 0 ? rill_ratio_simplest(r->latest, r->above) : r->latest;
    r->doubts = 0;
    r->missing = 0;
    r->missing_of = 0;
    r->grain = grain_of(r);
    r->near = is_near(r);
}

/* Less than rounding is known to take. True: it is the rate. */
static bool doubt(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    uint64_t expected = rill_ratio_floor(r->latest, sent);

    if (r->doubts < UINT8_MAX)
        r->doubts++;
    if (r->doubts >= (sent >= r->latest.den / LARGE_PART ? DOUBTS_LARGE : DOUBTS))
        return true;
    r->missing = larger(r->missing, rill_sub_sat(expected, delivered) + 1);
    r->missing_of = larger(r->missing_of, sent);
    r->grain = grain_of(r);
    return false;
}

/* A unit less than the rate brings at least: it is rounded twice. */
static void note_twice(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    if (r->loss > 1 || rill_ratio_floor(r->latest, sent) <= delivered)
        return;
    r->loss = 2;
    r->grain = grain_of(r);
}

/* Another packet brings what it should: it was not the rate, but rounding. */
static void dispel(rill_rate *r, uint64_t sent)
{
    r->doubts = 0;
    if (r->missing == 0 || sent < r->latest.den / LARGE_PART)
        return;
    r->loss = larger(r->loss, r->missing);
    r->missing = 0;
    r->missing_of = 0;
    r->grain = grain_of(r);
}

/* More than the rate before brings: one packet was no exception. */
static void confirm(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    if (r->before.num == 0 || sent < r->latest.den / LARGE_PART)
        return;
    if (rill_sub_sat(delivered, rill_ratio_floor(r->before, sent)) > r->loss)
        r->before.num = 0;
}

/*
 * Connectors round down, so that the rate is never below what one packet
 * brought: the best of them tells it most exactly. A reply that brought less is
 * explained by rounding, and says at most that the rate is not much higher, or it
 * means that the rate has fallen; then it replaces what was known, however
 * coarse: the next precise reply refines it. Of a packet that is smaller than the
 * best it may also mean that a hop in the middle rounds off more than is known:
 * then larger packets tell.
 */
void rill_rate_learn(rill_rate *r, uint64_t sent, uint64_t delivered)
{
    bool known = r->latest.num != 0;

    if (sent == 0)
        return;
    /* Between what was seen and what was never reached, or there is no rate to guess. */
    assert(!known || (r->latest.den > 0 && rill_ratio_compare(r->latest, r->above) <= 0));
    if (!known) {
        if (delivered > 0)
            replace(r, sent, delivered, false);
        else
            rill_rate_not_reached(r, not_reached(r, sent, delivered));
        return;
    }
    int more = rill_ratio_compare((rill_ratio){.num = delivered, .den = sent}, r->latest);
    bool explained = more >= 0 || rounding_explains(r, sent, delivered);
    /* Which no rounding explains, however much of it there was. */
    if (has_fallen(r, sent, delivered, explained)) {
        replace(r, sent, delivered, true);
        return;
    }
    if (explained)
        dispel(r, sent);
    if (more > 0) {
        replace(r, sent, delivered, false);
        return;
    }
    if (!explained && doubt(r, sent, delivered)) {
        replace(r, sent, delivered, true);
        return;
    }
    if (explained)
        note_twice(r, sent, delivered);
    confirm(r, sent, delivered);
    rill_rate_not_reached(r, not_reached(r, sent, delivered));
}

void rill_rate_not_reached(rill_rate *r, rill_ratio rate)
{
    /* Where several hops round, less arrives than the rate allows: no word on the rate. */
    if (rill_ratio_compare(rate, r->above) >= 0 || rill_ratio_compare(rate, r->latest) <= 0)
        return;
    r->above = rate;
    r->near = is_near(r);
    if (r->latest.num == 0)
        return;
    r->guess = rill_ratio_simplest(r->latest, r->above);
    r->grain = grain_of(r);
}

void rill_rate_forget_bound(rill_rate *r)
{
    r->above = (rill_ratio){.num = 1, .den = 0};
    r->near = false;
    r->guess = r->latest;
    r->grain = grain_of(r);
}

bool rill_rate_is_low(const rill_rate *r)
{
    return rill_ratio_compare(r->above, r->minimum) <= 0;
}

bool rill_rate_may_be(const rill_rate *r, rill_ratio rate)
{
    return rill_ratio_compare(rate, r->latest) > 0 && rill_ratio_compare(rate, r->above) < 0;
}

/* The latest, or before any reply what the application expects at least. */
static rill_ratio best_guess(const rill_rate *r)
{
    return r->latest.num != 0 ? r->latest : r->minimum;
}

uint64_t rill_rate_delivers(const rill_rate *r, uint64_t amount)
{
    return rill_ratio_floor(best_guess(r), amount);
}

uint64_t rill_rate_needed_ceil(const rill_rate *r, uint64_t delivered)
{
    return rill_ratio_inverse_ceil(best_guess(r), delivered);
}

uint64_t rill_rate_needed_floor(const rill_rate *r, uint64_t delivered)
{
    return rill_ratio_inverse_floor(best_guess(r), delivered);
}
