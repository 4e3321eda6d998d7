/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a path is too bad for what waits to be sent, and when it is looked at
 * again until then. Rates move: what has been good enough may be so again, and
 * what was learnt from packets that were refused may be true no more. What
 * follows from rounding alone is true for good, and is told at once.
 */
#include "stream/core/patience.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/schedule_amount.h"

/* A path that never was good enough, or takes no size that is. */
#define BAD_PATIENCE (2 * RILL_SECOND)
/* One whose rate was, and has fallen. */
#define FALLEN_PATIENCE (10 * RILL_SECOND)
/* Looks are so much further apart from one to the next; those after a few, twice as far. */
#define LOOK_STEP    (50 * RILL_MS)
#define EVEN_LOOKS   8
#define MOST_LOOKS   16
#define LOOK_AT_MOST (10 * RILL_SECOND)
_Static_assert(BAD_PATIENCE <= FALLEN_PATIENCE, "what was good may be so again");
_Static_assert((EVEN_LOOKS * LOOK_STEP) << (MOST_LOOKS - EVEN_LOOKS) >= LOOK_AT_MOST,
               "looks become rarer until they are as rare as they may be");

/* A path that takes long to answer is not judged by less than two answers. */
static uint64_t patience(const rill_connection *c, uint64_t usual)
{
    uint64_t answers = rill_congestion_patience(c->path->congestion);
    uint64_t most = c->options->connect_timeout_ns;
    if (answers != RILL_NEVER && rill_mul_div_floor_sat(answers, 2, 1) > usual)
        usual = rill_mul_div_floor_sat(answers, 2, 1);
    return usual < most ? usual : most;
}

/* By money, or by the probe that the minimum was made of. */
static bool was_good(const rill_connection *c)
{
    return c->path->money.sent > 0 || (!c->path->rate.fixed && c->path->rate.probed.num > 0);
}

/*
 * Answers that come faster than before may bring the end nearer, and never behind us: who asks is
 * told of no end that is past, and one that was told has come when it is there.
 */
void rill_patience_low_rate(rill_connection *c, uint64_t now_ns)
{
    rill_patience *p = &c->path->patience;
    uint64_t usual = was_good(c) ? FALLEN_PATIENCE : BAD_PATIENCE;
    if (p->low_rate_since == 0)
        p->low_rate_since = now_ns;
    p->low_rate_until = rill_add_sat(p->low_rate_since, patience(c, usual));
    if (p->low_rate_until < now_ns)
        p->low_rate_until = now_ns;
}

uint64_t rill_patience_deadline(const rill_connection *c)
{
    return c->path->patience.low_rate_since != 0 ? c->path->patience.low_rate_until : RILL_NEVER;
}

static void give_up_at_this_rate(rill_connection *c)
{
    c->path->patience.low_rate_since = 0;
    rill_worth_again(&c->path->worth);
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        if (s->out->goal_set || rill_stream_sendable(s) > 0)
            rill_amount_give_up(s, RILL_ERR_RATE);
    }
}

static uint64_t until_next_look(rill_connection *c)
{
    if (c->path->patience.looks < MOST_LOOKS)
        c->path->patience.looks++;
    if (c->path->patience.looks <= EVEN_LOOKS)
        return c->path->patience.looks * LOOK_STEP;
    assert(c->path->patience.looks <= MOST_LOOKS); /* or it would be shifted out of its 64 bits */
    uint64_t delay = (EVEN_LOOKS * LOOK_STEP) << (c->path->patience.looks - EVEN_LOOKS);
    return delay < LOOK_AT_MOST ? delay : LOOK_AT_MOST;
}

bool rill_patience_may_recover(rill_connection *c, rill_stream *s, uint64_t now_ns)
{
    bool waits = s->out->goal_set || s->ending;
    if (!c->path->worth.soured || (waits && !was_good(c)))
        return false;
    if (s->out->vain_since == 0 || s->progress_ns > s->out->vain_since)
        s->out->vain_since = now_ns;
    uint64_t until = rill_add_sat(s->out->vain_since, patience(c, BAD_PATIENCE));
    if (waits && until <= now_ns)
        return false;
    if (c->path->patience.look_at == 0)
        c->path->patience.look_at = now_ns + until_next_look(c);
    if (waits && until < c->path->patience.look_at)
        c->path->patience.look_at = until;
    return true;
}

void rill_patience_on_deadline(rill_connection *c, uint64_t now_ns)
{
    if (rill_patience_deadline(c) <= now_ns)
        give_up_at_this_rate(c);
    if (c->path->patience.look_at == 0 || c->path->patience.look_at > now_ns)
        return;
    c->path->patience.look_at = 0;
    rill_worth_again(&c->path->worth);
    rill_rate_forget_bound(&c->path->rate);
}
