/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/worth.h"

#include <assert.h>

#include "base/muldiv.h"

/* What is nearer than this part of it needs no closer look. */
#define PRECISION 128
/* A guess at the rate that has failed so often is not made any more. */
#define MOST_WRONG 2
/* What is known of packets says nothing of those that are so many times larger. */
#define MUCH_LARGER 4

void rill_worth_init(rill_worth *w)
{
    *w = (rill_worth){.believed = {0, 1}, .tried = {0, 1}};
}

void rill_worth_again(rill_worth *w)
{
    uint64_t barren = w->barren;
    uint64_t dust = w->dust;

    rill_worth_init(w);
    w->barren = barren;
    w->dust = dust;
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- learning ---- */

static void note_barren(rill_worth *w, uint64_t amount, uint64_t delivered)
{
    if (delivered == 0 && amount > w->barren)
        w->barren = amount;
    else if (delivered > 0 && amount <= w->barren)
        w->barren = amount - 1;
}

void rill_worth_too_small(rill_worth *w, uint64_t amount)
{
    note_barren(w, amount, 0);
    if (amount > w->dust)
        w->dust = amount;
}

/* More than one rounding is needed to explain so little. */
static bool rounded_twice(rill_ratio rate, uint64_t amount, uint64_t delivered)
{
    if (delivered == UINT64_MAX)
        return false;
    return rill_ratio_compare((rill_ratio){delivered + 1, amount}, rate) <= 0;
}

static void begin_level(rill_worth *w, rill_ratio rate, uint64_t amount, uint64_t delivered)
{
    w->enough = amount;
    w->brings = delivered;
    w->less = 0;
    w->believed = rate;
}

static bool in_vain(const rill_worth *w, uint64_t amount)
{
    return amount > w->vain && amount <= w->vain_to;
}

/* The most that may be worth it, of packets up to most. */
static uint64_t up_to(const rill_worth *w, uint64_t most)
{
    return in_vain(w, most) ? w->vain : most;
}

/* A packet of amount brought too little, though as much as any smaller one does. */
static void note_vain(rill_worth *w, uint64_t amount, uint64_t affords)
{
    if (affords >= amount)
        return;
    bool apart = amount < w->vain || affords > w->vain_to;
    if (apart || affords < w->vain)
        w->vain = affords;
    if (apart || amount > w->vain_to)
        w->vain_to = amount;
    assert(w->vain < w->vain_to); /* what the minimum allows is less than what was refused */
}

/* A packet smaller than `enough`. */
static void note_smaller(rill_worth *w, rill_ratio latest, const rill_word *word)
{
    if (word->delivered >= w->brings) {
        w->enough = word->amount;
        w->brings = word->delivered;
        return;
    }
    if (word->amount <= w->less)
        return;
    w->less = word->amount;
    uint64_t expected = rill_ratio_floor(latest, word->amount);
    bool fell = word->delivered >= RILL_WORTH_FINE &&
                word->delivered >= rill_sub_sat(expected, 1) &&
                rill_ratio_compare(latest, w->believed) < 0;
    if (fell || word->delivered == 0) {
        w->enough = 0; /* the rate has fallen, and it is not the size; or nothing is left to try */
    } else if (word->amount >= up_to(w, w->enough)) {
        begin_level(w, w->believed, word->amount, word->delivered);
        if (word->refused)
            note_vain(w, word->amount, word->affords);
    }
}

/* Fewer units would bring as much, at the rate. */
static bool wasteful(rill_ratio rate, const rill_word *word)
{
    uint64_t needed = rill_ratio_inverse_ceil(rate, word->delivered);

    return needed < word->amount && word->amount - needed > word->amount / PRECISION / 2;
}

/* What the packet says is known, to the unit, and nothing about it is searched: the common case. */
static bool nothing_new(const rill_worth *w, const rill_rate *r, const rill_word *word)
{
    return word->delivered == r->latest.num && word->amount == r->latest.den &&
           word->delivered > 0 && word->amount > w->barren && !word->refused && !word->trial &&
           w->enough == 0 && (word->limit == w->limit || word->limit == 0) && r->before.num == 0;
}

static void note_fulfilled(rill_worth *w)
{
    w->refused = 0;
    w->last = 0;
    w->tried = (rill_ratio){0, 1};
}

static void learn(rill_worth *w, rill_rate *r, const rill_word *word)
{
    rill_ratio before = r->guess;
    bool known = r->latest.num != 0;
    rill_ratio brought = {word->delivered, word->amount};

    if (word->limit != w->limit && word->limit != 0) {
        rill_worth_again(w);
        w->limit = word->limit;
    }
    note_barren(w, word->amount, word->delivered);
    /* The guess was no better than what has been seen. */
    if (known && w->wrong < MOST_WRONG && r->near &&
        word->delivered < rill_ratio_floor(before, word->amount))
        w->wrong++;
    rill_ratio latest = r->latest;
    bool twice = known && rounded_twice(latest, word->amount, word->delivered);
    rill_rate_learn(r, word->amount, word->delivered);
    if (word->refused && word->trial)
        rill_rate_not_reached(r, (rill_ratio){word->hoped, word->amount});
    if (!word->refused) {
        note_fulfilled(w);
    } else {
        w->last = word->amount;
        w->last_brought = word->delivered;
        w->soured = true;
        if (w->refused < UINT8_MAX)
            w->refused++;
        if (rill_ratio_compare(brought, w->tried) > 0)
            w->tried = brought;
        if (!word->trial)
            note_vain(w, word->amount, word->affords);
    }
    /* It was learnt of small packets: of larger ones rounding takes less. */
    if (w->enough != 0 && word->amount / MUCH_LARGER >= w->enough)
        w->enough = 0;
    bool level = w->enough != 0 && (word->trial || word->amount > w->enough - w->enough / 4);
    if (level && word->amount < w->enough)
        note_smaller(w, latest, word);
    else if (!level && twice && word->delivered > 0 && wasteful(before, word))
        begin_level(w, before, word->amount, word->delivered);
}

void rill_worth_learn(rill_worth *w, rill_rate *r, const rill_word *word)
{
    assert(word->amount > 0); /* of no money nothing is learnt */
    /* A trial that brought what was hoped for is not refused. */
    assert(!word->refused || !word->trial || word->delivered < word->hoped);
    if (nothing_new(w, r, word))
        note_fulfilled(w);
    else
        learn(w, r, word);
}

/* ---- choosing ---- */

/*
 * Fewer units that may bring as much as `enough` does: first what the rate says,
 * then the most that the minimum allows, then between what did and what did not.
 */
static uint64_t fewer(const rill_worth *w)
{
    uint64_t high = up_to(w, w->enough);
    uint64_t first = rill_ratio_inverse_ceil(w->believed, w->brings);
    uint64_t next;

    if (w->refused >= RILL_WORTH_TRIALS)
        return 0;
    if (w->brings >= RILL_WORTH_FINE) /* what a later hop rounds off counts for little */
        first = rill_add_sat(first, rill_ratio_inverse_ceil(w->believed, 1));
    if (w->less == 0 && first < w->enough)
        next = at_most(first, high);
    else if (high < w->enough)
        next = high;
    else if (high - w->less > 1 + high / PRECISION && w->less > 0)
        next = w->less + (high - w->less) / 2;
    else
        return 0;
    return next > w->less && next < w->enough ? next : 0;
}

static rill_offer none(void)
{
    return (rill_offer){0};
}

static rill_offer multiple(rill_ratio r, uint64_t most)
{
    uint64_t times = most / r.den;

    return (rill_offer){.amount = times * r.den, .brings = rill_ratio_floor(r, times * r.den)};
}

/*
 * A better rate than has been seen, half-way to what is known not to be reached;
 * where that may bring more than one unit more of all that is to be sent.
 */
static rill_offer better(const rill_rate *r, uint64_t most, uint64_t all)
{
    if (rill_sub_sat(rill_ratio_floor(r->above, all), rill_ratio_floor(r->latest, all)) <= 1)
        return none();
    rill_ratio middle;
    if (!rill_add_u64(r->latest.num, r->above.num, &middle.num) ||
        !rill_add_u64(r->latest.den, r->above.den, &middle.den))
        return none();
    rill_ratio half = rill_ratio_coarser(middle, most);
    if (rill_ratio_compare(half, r->latest) <= 0) /* none of that size: the next above it */
        half = rill_ratio_coarser_above(middle, most);
    if (half.den == 0 || rill_ratio_compare(half, r->above) >= 0)
        return none();
    rill_offer o = multiple(half, most);
    o.trial = true;
    return o;
}

static rill_offer by_rate(const rill_worth *w, const rill_rate *r, uint64_t most, uint64_t all)
{
    bool exact = r->near;
    rill_ratio rate = exact && w->wrong < MOST_WRONG ? r->guess : r->latest;
    uint64_t brings = rill_ratio_floor(rate, most);

    if (brings >= RILL_WORTH_FINE && brings < UINT64_MAX) {
        uint64_t amount = at_most(rill_ratio_inverse_ceil(rate, brings), most);
        if (rill_ratio_floor(r->minimum, amount) < brings)
            return (rill_offer){.amount = amount, .brings = brings};
    } else if (!exact && r->above.den != 0 && all / 2 >= most &&
               w->refused < RILL_WORTH_TRIALS / 2) {
        rill_offer half = better(r, most, all);
        if (half.amount != 0)
            return half;
    }
    rill_offer o = multiple(rill_ratio_coarser(rate, most), most);
    o.trial = o.brings > rill_ratio_floor(r->latest, o.amount);
    return o.brings > 0 ? o : none();
}

static rill_offer offer(const rill_worth *w, const rill_rate *r, uint64_t most, uint64_t all)
{
    most = up_to(w, most);
    if (most <= w->barren)
        return none();
    if (r->latest.num == 0)
        return (rill_offer){.amount = most, .brings = UINT64_MAX};
    if (w->enough != 0 && most / MUCH_LARGER < w->enough) {
        uint64_t next = fewer(w);
        if (next != 0 && next <= most)
            return (rill_offer){.amount = next, .brings = w->brings, .trial = true};
        if (w->enough <= most) {
            uint64_t times = most / w->enough;
            return (rill_offer){.amount = times * w->enough,
                                .brings = rill_mul_div_floor_sat(times, w->brings, 1)};
        }
    }
    rill_offer o = by_rate(w, r, most, all);
    /* Refused already, and larger ones are not: the largest brings the most. */
    if (o.amount < most && in_vain(w, o.amount))
        return (rill_offer){.amount = most, .brings = UINT64_MAX};
    return o;
}

rill_offer rill_worth_offer(const rill_worth *w, const rill_rate *r, uint64_t most, uint64_t all)
{
    rill_offer o = offer(w, r, most, all);
    /* No larger than it may be, and no packet that is hoped to bring nothing. */
    assert(o.amount <= most && (o.amount == 0 || o.brings > 0));
    return o;
}

rill_offer rill_worth_even(const rill_worth *w, const rill_rate *r, uint64_t most)
{
    most = up_to(w, most);
    if (rill_rate_is_low(r) || w->refused >= RILL_WORTH_TRIALS || most <= w->barren)
        return none();
    /* The least that does: if not even that arrives, nothing will. */
    rill_ratio even = rill_ratio_coarser_above(r->minimum, most);
    if (even.den == 0 || rill_ratio_compare(even, r->above) >= 0)
        return none();
    rill_offer o = multiple(even, most);
    /* Where several hops round, less may come of fewer units than the rate says. */
    o.trial = o.brings > rill_ratio_floor(r->latest, o.amount) || o.amount < w->enough;
    return o;
}

rill_offer rill_worth_seen(const rill_worth *w, const rill_rate *r, uint64_t most)
{
    if (r->latest.num == 0 || most <= w->barren)
        return none();
    return multiple(rill_ratio_coarser(r->latest, most), most);
}

bool rill_worth_in_vain(const rill_worth *w, uint64_t amount)
{
    return in_vain(w, amount);
}

uint64_t rill_worth_expects(const rill_worth *w, const rill_rate *r, uint64_t amount)
{
    if (amount == w->last && w->last != 0)
        return w->last_brought;
    if (r->latest.num == 0)
        return amount <= w->barren ? 0 : UINT64_MAX;
    uint64_t brings = rill_ratio_floor(r->guess, amount);
    if (amount <= w->barren)
        return 0;
    if (w->enough == 0)
        return brings;
    if (amount >= w->enough)
        return rill_mul_div_floor_sat(amount / w->enough, w->brings, 1);
    return at_most(brings, w->brings);
}

bool rill_worth_nothing(const rill_worth *w, const rill_rate *r, uint64_t all)
{
    return all <= w->barren ||
           (r->above.den != 0 && rill_ratio_compare(r->above, (rill_ratio){1, all}) <= 0);
}
