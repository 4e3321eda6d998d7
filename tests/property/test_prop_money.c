/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares money with a model that keeps each packet's part by itself. Whatever happens to the
 * parts, in any order, each place has the sum of the parts that are there, and a connection has the
 * sums of its streams.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../oracle.h"
#include "stream/money/money.h"

enum { RUNS = 400, STEPS = 300, STREAMS = 3, PARTS = 24 };

typedef enum place { NONE, AWAY, LATE, LOST } place;

typedef struct part {
    place place;
    uint64_t amount;
    uint64_t expected;
} part;

/* What the model knows of a stream: its parts, and what became of those that have ended. */
typedef struct model {
    uint64_t max;
    part parts[PARTS];
    oracle_u128 sent;
    oracle_u128 abandoned;
    oracle_u128 delivered;
} model;

static rill_money money[STREAMS];
static rill_money_sums all;
static model models[STREAMS];
static unsigned steps_of[8];

static uint64_t state;

static uint64_t next_random(void)
{
    state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t below(uint64_t n)
{
    return next_random() % n;
}

/* Any size from 1 to most; often all of it. */
static uint64_t draw(uint64_t most)
{
    if (below(4) == 0)
        return most;
    uint64_t amount = next_random() >> below(64);
    return amount % most + 1;
}

static uint64_t shown(oracle_u128 sum)
{
    return sum > UINT64_MAX ? UINT64_MAX : (uint64_t)sum;
}

static oracle_u128 in_place(const model *x, place where)
{
    oracle_u128 sum = 0;
    for (unsigned i = 0; i < PARTS; i++)
        sum += x->parts[i].place == where ? x->parts[i].amount : 0;
    return sum;
}

static oracle_u128 expected(const model *x)
{
    oracle_u128 sum = 0;
    for (unsigned i = 0; i < PARTS; i++)
        sum += x->parts[i].place != NONE ? x->parts[i].expected : 0;
    return sum;
}

static oracle_u128 held(const model *x)
{
    return in_place(x, AWAY) + in_place(x, LATE) + in_place(x, LOST) + x->abandoned;
}

static void check_stream(const rill_money *m, const model *x)
{
    assert_true(m->away == in_place(x, AWAY));
    assert_true(m->late == in_place(x, LATE));
    assert_true(m->lost == in_place(x, LOST));
    assert_true(m->abandoned == x->abandoned);
    assert_true(m->sent == x->sent);
    assert_true(m->delivered == shown(x->delivered));
    assert_true(m->expected == expected(x));
    assert_true(rill_money_held(m) == held(x));
    assert_true(rill_money_in_doubt(m) == held(x) - in_place(x, AWAY));
    assert_true(rill_money_open(m) == held(x) - x->abandoned);
    assert_true(rill_money_max(m) == x->max);
    assert_true(m->free == x->max - x->sent - held(x));
}

static void check_all(void)
{
    oracle_u128 sum_held = 0, doubt = 0, sent = 0, delivered = 0;
    for (unsigned i = 0; i < STREAMS; i++) {
        check_stream(&money[i], &models[i]);
        sum_held += held(&models[i]);
        doubt += held(&models[i]) - in_place(&models[i], AWAY);
        sent += models[i].sent;
        delivered += models[i].delivered;
    }
    assert_true(all.held.low == (uint64_t)sum_held && all.held.high == (uint64_t)(sum_held >> 64));
    assert_true(all.in_doubt.low == (uint64_t)doubt &&
                all.in_doubt.high == (uint64_t)(doubt >> 64));
    assert_true(all.sent == shown(sent));
    assert_true(all.delivered == shown(delivered));
    assert_true(rill_money_awaits_reply(&all) == (sum_held != doubt));
}

/* A part that is there, from a random place on; NULL: none. */
static part *any_part(model *x, place where)
{
    unsigned from = (unsigned)below(PARTS);
    for (unsigned i = 0; i < PARTS; i++) {
        part *p = &x->parts[(from + i) % PARTS];
        if (p->place == where)
            return p;
    }
    return NULL;
}

static void raise_or_lower(rill_money *m, model *x)
{
    uint64_t least = (uint64_t)(x->sent + held(x));
    uint64_t more = UINT64_MAX - least;
    if (below(8) == 0) {
        rill_money_forgo(m);
        x->max = least;
        return;
    }
    x->max = more == 0 ? least : least + draw(more);
    rill_money_set_max(m, x->max);
}

static void hold(rill_money *m, model *x)
{
    part *p = any_part(x, NONE);
    uint64_t free = x->max - (uint64_t)(x->sent + held(x));
    if (!p || free == 0)
        return;
    uint64_t amount = draw(free);
    uint64_t claim = below(3) == 0 ? next_random() : amount / 2;
    oracle_u128 room = UINT64_MAX - expected(x);
    uint64_t counted = rill_money_hold(m, &all, amount, claim);
    assert_true(counted == (claim < room ? claim : room));
    *p = (part){AWAY, amount, counted};
}

static void finish(rill_money *m, model *x, part *p, bool arrived)
{
    uint64_t delivered = arrived ? next_random() >> below(64) : 0;
    if (arrived) {
        rill_money_commit(m, &all, p->amount, p->expected, delivered);
        x->sent += p->amount;
        x->delivered += delivered;
    } else {
        rill_money_release(m, &all, p->amount, p->expected);
    }
    p->place = NONE;
}

static void resolve(rill_money *m, model *x)
{
    rill_money_word word = {0};
    uint64_t lost = (uint64_t)in_place(x, LOST);
    for (unsigned i = 0; i < PARTS; i++) {
        if (x->parts[i].place != LOST)
            continue;
        word.expected += x->parts[i].expected;
        x->parts[i].place = NONE;
    }
    if (lost > 0 && below(2) == 0) {
        word.sent = draw(lost);
        word.unsent = lost > word.sent ? below(lost - word.sent + 1) : 0;
        word.delivered = next_random() >> below(64);
    }
    rill_money_resolve(m, &all, &word);
    x->sent += word.sent;
    x->delivered += word.delivered;
    x->abandoned += lost - word.sent - word.unsent;
}

static void step(void)
{
    unsigned i = (unsigned)below(STREAMS);
    rill_money *m = &money[i];
    model *x = &models[i];
    unsigned what = (unsigned)below(10);
    part *away = any_part(x, AWAY);
    part *late = any_part(x, LATE);
    if (what == 0) {
        raise_or_lower(m, x);
        steps_of[0]++;
    } else if (what < 5) {
        hold(m, x);
        steps_of[1]++;
    } else if (what < 7 && away) {
        bool arrived = below(3) > 0;
        finish(m, x, away, arrived);
        steps_of[arrived ? 2 : 3]++;
    } else if (what == 7 && away) {
        rill_money_doubt(m, &all, away->amount);
        away->place = LATE;
        steps_of[4]++;
    } else if (what == 8 && late) {
        rill_money_expire(m, late->amount);
        late->place = LOST;
        steps_of[5]++;
    } else if (what == 9) {
        resolve(m, x);
        steps_of[6]++;
    }
}

static void test_every_unit_is_in_one_place(void **unused)
{
    (void)unused;
    state = 1;
    for (unsigned run = 0; run < RUNS; run++) {
        memset(money, 0, sizeof money);
        memset(models, 0, sizeof models);
        memset(&all, 0, sizeof all);
        for (unsigned i = 0; i < STEPS; i++) {
            step();
            check_all();
        }
    }
    for (unsigned i = 0; i < 7; i++) /* none of them is merely imagined */
        assert_true(steps_of[i] > RUNS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_unit_is_in_one_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
