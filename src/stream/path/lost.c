/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/lost.h"

#include <assert.h>

#include "base/muldiv.h"

#define MAX_CHOICES 65536u

static void add_size(rill_lost *l, uint64_t amount, uint64_t least, uint64_t most)
{
    for (unsigned i = 0; i < RILL_LOST_SIZES; i++) {
        rill_lost_size *s = &l->sizes[i];
        if (s->count > 0 && (s->amount != amount || s->least != least || s->most != most))
            continue;
        *s = (rill_lost_size){amount, least, most, s->count + 1};
        return;
    }
    l->many = true;
}

void rill_lost_add(rill_lost *l, uint64_t amount, uint64_t least, uint64_t most)
{
    l->amount = rill_add_sat(l->amount, amount);
    l->least = rill_add_sat(l->least, least);
    l->most = rill_add_sat(l->most, most);
    if (least == 0) {
        l->vanishing = rill_add_sat(l->vanishing, amount);
        l->unseen = rill_add_sat(l->unseen, most);
        return;
    }
    add_size(l, amount, least, most);
    rill_ratio dear = {amount, least};
    rill_ratio cheap = {amount, most};
    if (l->dearest.den == 0 || rill_ratio_compare(dear, l->dearest) > 0)
        l->dearest = dear;
    if (l->cheapest.den == 0 || rill_ratio_compare(cheap, l->cheapest) < 0)
        l->cheapest = cheap;
}

/* By proportion: never tighter than the truth. */
static bool by_ratio(const rill_lost *l, rill_arrived arrived, uint64_t *least, uint64_t *most)
{
    uint64_t others = l->amount - l->vanishing;
    uint64_t seen = rill_sub_sat(arrived.least, l->unseen);
    uint64_t dear = rill_mul_div_floor_sat(arrived.most, l->dearest.num, l->dearest.den);
    *least = rill_mul_div_ceil_sat(seen, l->cheapest.num, l->cheapest.den);
    *most = dear < others ? dear : others;
    if (*least > *most)
        return false;
    *most += l->vanishing;
    return true;
}

/* A choice of parts: how many of each size but the first. */
typedef struct choice {
    uint64_t count[RILL_LOST_SIZES];
    uint64_t amount;
    uint64_t least;
    uint64_t most;
} choice;

/* The next one; false after the last. */
static bool advance(const rill_lost *l, choice *c)
{
    for (unsigned i = 1; i < RILL_LOST_SIZES; i++) {
        const rill_lost_size *s = &l->sizes[i];
        if (c->count[i] < s->count) {
            c->count[i]++;
            c->amount += s->amount;
            c->least = rill_add_sat(c->least, s->least);
            c->most = rill_add_sat(c->most, s->most);
            return true;
        }
        c->amount -= c->count[i] * s->amount;
        /* None of the sums has saturated: see few_choices. */
        c->least -= c->count[i] * s->least;
        c->most -= c->count[i] * s->most;
        c->count[i] = 0;
    }
    return false;
}

/* How many of the first size there can be beside the others, for arrived to be possible. */
static bool first_size(const rill_lost_size *s, const choice *c, rill_arrived arrived,
                       uint64_t *fewest, uint64_t *largest)
{
    if (c->least > arrived.most)
        return false;
    uint64_t room = arrived.most - c->least;
    uint64_t needed = rill_sub_sat(arrived.least, c->most);
    *fewest = needed / s->most + (needed % s->most != 0);
    *largest = room / s->least < s->count ? room / s->least : s->count;
    return *fewest <= *largest;
}

/* Every choice of the other sizes, and what that leaves for the first. */
static bool by_size(const rill_lost *l, rill_arrived arrived, uint64_t *least, uint64_t *most)
{
    const rill_lost_size *first = &l->sizes[0];
    choice c = {.most = l->unseen};
    bool any = false;
    do {
        uint64_t fewest, largest;
        if (!first_size(first, &c, arrived, &fewest, &largest))
            continue;
        uint64_t from = c.amount + fewest * first->amount;
        uint64_t to = c.amount + largest * first->amount;
        *least = any && *least < from ? *least : from;
        *most = any && *most > to ? *most : to;
        any = true;
    } while (advance(l, &c));
    if (any)
        *most += l->vanishing;
    return any;
}

/* Worth going through, and in numbers that do not saturate. */
static bool few_choices(const rill_lost *l)
{
    uint64_t choices = 1;
    for (unsigned i = 1; i < RILL_LOST_SIZES; i++)
        choices = rill_mul_div_floor_sat(choices, l->sizes[i].count + 1, 1);
    return !l->many && choices <= MAX_CHOICES && l->most < UINT64_MAX;
}

bool rill_lost_bounds(const rill_lost *l, rill_arrived arrived, uint64_t *least, uint64_t *most)
{
    assert(arrived.least <= arrived.most);
    *least = 0;
    *most = l->vanishing;
    if (l->most < arrived.least) { /* more than all of it: the rate is better than was thought */
        *least = *most = l->amount;
        return true;
    }
    if (l->amount == l->vanishing)
        return true;
    return few_choices(l) ? by_size(l, arrived, least, most) : by_ratio(l, arrived, least, most);
}
