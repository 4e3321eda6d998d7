/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/money/money.h"

#include <assert.h>

#include "base/muldiv.h"

/* The only statement that changes where a unit is: it can neither make nor lose one. */
static void move(uint64_t *from, uint64_t *to, uint64_t amount)
{
    uint64_t both = *from + *to;

    assert(amount <= *from); /* nobody moves what is not there */
    *from -= amount;
    *to += amount;               /* all places together are a send max, which has 64 bits */
    assert(*from + *to == both); /* what one place loses the other has */
}

static void add_to(rill_sum *sum, uint64_t amount)
{
    rill_sum_add(sum, amount);
}

static void take_from(rill_sum *sum, uint64_t amount)
{
    assert(sum->high > 0 || amount <= sum->low); /* what a stream has is part of the sum */
    rill_sum_take(sum, amount);
}

static void take_expected(rill_money *m, uint64_t expected)
{
    assert(expected <= m->expected); /* what was counted when it left, once */
    m->expected -= expected;
}

/* What holds after every change: max is what it was before. */
static inline void check(const rill_money *m, uint64_t max)
{
    assert(rill_money_max(m) == max); /* no unit was made or lost */
}

/* A sum is of streams that are gone too: it may be more than what one stream has, and never less.
 */
static inline void check_sum(const rill_sum *sum, uint64_t part)
{
    assert(sum->high > 0 || part <= sum->low);
}

/* Nothing is expected of nothing. */
static inline void check_expected(const rill_money *m)
{
    assert(m->expected == 0 || rill_money_open(m) > 0);
}

void rill_money_set_max(rill_money *m, uint64_t max)
{
    assert(max >= rill_money_committed(m)); /* what has left cannot be forbidden */
    m->free = max - rill_money_committed(m);
}

void rill_money_forgo(rill_money *m)
{
    m->free = 0;
}

uint64_t rill_money_hold(rill_money *m, rill_money_sums *all, uint64_t amount, uint64_t expected)
{
    assert(amount > 0); /* a part of a packet is something */
    if (expected > UINT64_MAX - m->expected)
        expected = UINT64_MAX - m->expected;
    move(&m->free, &m->away, amount);
    m->expected += expected;
    add_to(&all->held, amount);
    check_sum(&all->held, rill_money_held(m));
    return expected;
}

void rill_money_release(rill_money *m, rill_money_sums *all, uint64_t amount, uint64_t expected)
{
    uint64_t max = rill_money_max(m);

    move(&m->away, &m->free, amount);
    take_expected(m, expected);
    take_from(&all->held, amount);
    check(m, max);
    check_expected(m);
    check_sum(&all->held, rill_money_held(m));
}

static void deliver(rill_money *m, rill_money_sums *all, uint64_t sent, uint64_t delivered)
{
    all->sent = rill_add_sat(all->sent, sent);
    m->delivered = rill_add_sat(m->delivered, delivered);
    all->delivered = rill_add_sat(all->delivered, delivered);
}

void rill_money_commit(rill_money *m, rill_money_sums *all, uint64_t amount, uint64_t expected,
                       uint64_t delivered)
{
    move(&m->away, &m->sent, amount);
    take_expected(m, expected);
    take_from(&all->held, amount);
    deliver(m, all, amount, delivered);
    check_expected(m);
    check_sum(&all->held, rill_money_held(m));
}

void rill_money_gift(rill_money_sums *all, uint64_t delivered)
{
    all->delivered = rill_add_sat(all->delivered, delivered);
}

void rill_money_doubt(rill_money *m, rill_money_sums *all, uint64_t amount)
{
    uint64_t max = rill_money_max(m);

    move(&m->away, &m->late, amount);
    add_to(&all->in_doubt, amount);
    check(m, max);
    check_sum(&all->in_doubt, rill_money_in_doubt(m));
}

void rill_money_expire(rill_money *m, uint64_t amount)
{
    move(&m->late, &m->lost, amount);
}

void rill_money_resolve(rill_money *m, rill_money_sums *all, const rill_money_word *word)
{
    uint64_t max = rill_money_max(m);

    move(&m->lost, &m->sent, word->sent);
    move(&m->lost, &m->free, word->unsent);
    take_from(&all->held, word->sent + word->unsent);
    take_from(&all->in_doubt, word->sent + word->unsent);
    move(&m->lost, &m->abandoned, m->lost);
    take_expected(m, word->expected);
    deliver(m, all, word->sent, word->delivered);
    check(m, max);
    check_expected(m);
    check_sum(&all->held, rill_money_held(m));
    check_sum(&all->in_doubt, rill_money_in_doubt(m));
}
