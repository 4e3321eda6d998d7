/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/lost.h"

#include "base/muldiv.h"

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
static bool by_ratio(const rill_lost *l, uint64_t arrived, uint64_t *least, uint64_t *most)
{
    uint64_t others = l->amount - l->vanishing;
    uint64_t seen = rill_sub_sat(arrived, l->unseen);
    uint64_t dear = rill_mul_div_floor_sat(arrived, l->dearest.num, l->dearest.den);
    *least = rill_mul_div_ceil_sat(seen, l->cheapest.num, l->cheapest.den);
    *most = dear < others ? dear : others;
    if (*least > *most)
        return false;
    *most += l->vanishing;
    return true;
}

/* So many of a size, beside `other` of what others brought, for arrived to be possible. */
static bool count_of(const rill_lost_size *s, uint64_t low, uint64_t high, uint64_t arrived,
                     uint64_t *fewest, uint64_t *largest)
{
    if (low > arrived)
        return false;
    uint64_t room = arrived - low;
    uint64_t needed = rill_sub_sat(arrived, high);
    if (s->count == 0) {
        *fewest = *largest = 0;
        return needed == 0;
    }
    *fewest = needed / s->most + (needed % s->most != 0);
    *largest = room / s->least < s->count ? room / s->least : s->count;
    return *fewest <= *largest;
}

/* Every number of the second size, and what that leaves for the first. */
static bool by_size(const rill_lost *l, uint64_t arrived, uint64_t *least, uint64_t *most)
{
    const rill_lost_size *a = &l->sizes[0];
    const rill_lost_size *b = &l->sizes[1];
    bool any = false;
    for (uint64_t i = 0; i <= b->count; i++) {
        uint64_t fewest, largest;
        uint64_t low = rill_mul_div_floor_sat(i, b->least, 1);
        uint64_t high = rill_add_sat(l->unseen, rill_mul_div_floor_sat(i, b->most, 1));
        if (!count_of(a, low, high, arrived, &fewest, &largest))
            continue;
        uint64_t from = i * b->amount + fewest * a->amount;
        uint64_t to = i * b->amount + largest * a->amount;
        *least = any && *least < from ? *least : from;
        *most = any && *most > to ? *most : to;
        any = true;
    }
    if (any)
        *most += l->vanishing;
    return any;
}

bool rill_lost_bounds(const rill_lost *l, uint64_t arrived, uint64_t *least, uint64_t *most)
{
    *least = 0;
    *most = l->vanishing;
    if (l->most < arrived) { /* more than all of it: the rate is better than was thought */
        *least = *most = l->amount;
        return true;
    }
    if (l->amount == l->vanishing)
        return true;
    return l->many ? by_ratio(l, arrived, least, most) : by_size(l, arrived, least, most);
}
