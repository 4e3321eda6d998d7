/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/queue.h"

#include <assert.h>

#include "base/muldiv.h"

/* Waiting that counts as a queue: a quarter of the round trip, within these. */
#define LEAST_QUEUE (5 * RILL_MS)
#define MOST_QUEUE  (100 * RILL_MS)
/* Samples that tell the quickest packet, where the round trip is not over yet. */
#define QUEUE_SAMPLES 16
#define VAIN_CUTS     3
#define RTT_FORGOTTEN (10 * RILL_SECOND)

/* So much tells how many pass: round trips, and time, since disks are uneven. */
#define FLOW_ROUNDS 2
#define FLOW_TIME   (200 * RILL_MS)
/* During a trial the window is no smaller part than this of what it was. */
#define TRIAL_PART 8
/* A trial so soon after another one is about the same window: the larger one comes back. */
#define SAME_TRIAL RILL_SECOND
/* Parts of a packet, for averages. */
#define FINE 256

static uint64_t allowed(const rill_round_trip *t)
{
    return at_most(at_least(t->least / 4, LEAST_QUEUE), MOST_QUEUE);
}

/* ---- what comes back ---- */

static void flow_add(rill_queue *q, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt)
{
    rill_queue_flow *f = &q->now;

    if (sent_ns < q->trial_at)
        return;
    if (f->since == 0)
        f->since = now_ns;
    if (now_ns == f->since) /* those that come together with the first are of the time before */
        return;
    f->count++;
    f->took += rtt;
}

static bool flow_is_enough(const rill_queue_flow *f, uint64_t now_ns)
{
    uint64_t time = now_ns - f->since;

    return f->count > 0 && time >= FLOW_TIME && time >= FLOW_ROUNDS * (f->took / f->count);
}

static uint64_t per_second(const rill_queue_flow *f)
{
    return rill_mul_div_floor_sat(f->count, FINE * RILL_SECOND, at_least(f->until - f->since, 1));
}

/* On average, in parts of a packet; 1 at least. */
static uint64_t in_flight(const rill_queue_flow *f)
{
    return at_least(rill_mul_div_floor_sat(f->took, FINE, at_least(f->until - f->since, 1)), 1);
}

/* With so much less in flight, fewer can pass: else the two cannot be told apart. */
static bool is_less(const rill_queue_flow *less, const rill_queue_flow *more)
{
    return in_flight(less) <= in_flight(more) - in_flight(more) / 4;
}

/* In a queue as many pass with less in flight. Without one it would be in proportion. */
static bool passes_less(const rill_queue_flow *less, const rill_queue_flow *more)
{
    uint64_t all = per_second(more);
    uint64_t part = rill_mul_div_floor_sat(all, in_flight(less), in_flight(more));

    return per_second(less) < all / 2 + part / 2;
}

/* ---- trials ---- */

/* The flow of now is over, and another one begins. */
static void flow_end(rill_queue *q, uint64_t now_ns, uint64_t since)
{
    q->before = q->now;
    q->before.until = now_ns;
    q->now = (rill_queue_flow){.since = since};
}

static void trial_end(rill_queue *q, uint64_t now_ns)
{
    flow_end(q, now_ns, now_ns);
    q->trial = RILL_QUEUE_NO_TRIAL;
    q->trial_at = 0;
}

static void trial_begin(rill_queue *q, rill_queue_trial trial, uint64_t now_ns)
{
    flow_end(q, now_ns, 0);
    q->trial = trial;
    q->trial_at = now_ns;
    q->slow = false;
    q->quick = false;
}

/* The window is about to be cut. */
static void cut_begin(rill_queue *q, const rill_limit *packets, uint64_t now_ns)
{
    rill_queue_flow last = q->before;
    bool again = q->set_at != 0 && now_ns - q->set_at < SAME_TRIAL;

    if (!again || q->held)
        q->full = packets->window;
    q->held = false;
    q->uncut = packets->window;
    q->full = at_least(q->full, packets->window);
    q->slowest = q->quickest;
    q->cuts = 0;
    trial_begin(q, RILL_QUEUE_CUT, now_ns);
    /* Little has come since the last one was enough: both. */
    if (last.since != 0 && now_ns - q->before.since < FLOW_TIME / 2) {
        q->before.since = last.since;
        q->before.count += last.count;
        q->before.took += last.took;
    }
}

static rill_queue_word set(rill_queue *q, const rill_limit *packets, uint64_t now_ns,
                           uint64_t window)
{
    q->set_at = now_ns;
    return (rill_queue_word){RILL_QUEUE_SET, window, at_most(window, packets->window) / 2, false};
}

/* Quick, slow, and quick again with as much in flight: it is the path that is uneven. */
static rill_queue_word own_waiting(rill_queue *q, const rill_limit *packets, uint64_t now_ns)
{
    trial_end(q, now_ns);
    q->own = q->slowest + q->slowest / 2;
    q->own_at = now_ns;
    rill_queue_word word = set(q, packets, now_ns, at_least(packets->window, q->full));
    word.slow_start = true;
    return word;
}

static rill_queue_word judge_cut(rill_queue *q, const rill_limit *packets, uint64_t now_ns)
{
    /* None was quick yet: the queue is not empty, or the path is longer. */
    if (!q->quick)
        return (rill_queue_word){.says = RILL_QUEUE_NOTHING};
    bool known = q->before.until - q->before.since >= FLOW_TIME / 2;
    bool less = is_less(&q->now, &q->before);
    if (known && !(less && passes_less(&q->now, &q->before))) {
        trial_end(q, now_ns);
        q->held = less;
        return (rill_queue_word){.says = RILL_QUEUE_NOTHING};
    }
    trial_begin(q, RILL_QUEUE_RESTORED, now_ns);
    q->cut_to = packets->window;
    return set(q, packets, now_ns, at_least(q->full, packets->window));
}

static rill_queue_word judge_restored(rill_queue *q, const rill_limit *packets, uint64_t now_ns)
{
    bool compares = is_less(&q->before, &q->now);
    bool more = passes_less(&q->before, &q->now);

    if (compares && more && q->quick)
        return own_waiting(q, packets, now_ns);
    trial_end(q, now_ns);
    q->held = compares && !more;
    if (q->held)
        return set(q, packets, now_ns, at_most(q->cut_to, packets->window));
    return (rill_queue_word){.says = RILL_QUEUE_NOTHING};
}

static rill_queue_word judge(rill_queue *q, const rill_limit *packets, uint64_t now_ns)
{
    q->now.until = now_ns;
    switch (q->trial) {
    case RILL_QUEUE_CUT:
        return judge_cut(q, packets, now_ns);
    case RILL_QUEUE_RESTORED:
        return judge_restored(q, packets, now_ns);
    case RILL_QUEUE_NO_TRIAL:
        break;
    }
    flow_end(q, now_ns, now_ns);
    return (rill_queue_word){.says = RILL_QUEUE_NOTHING};
}

/* ---- round trips ---- */

/* It is no queue of ours: as many packets a second as before, on a longer path. */
static rill_queue_word longer_path(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                   uint64_t now_ns)
{
    uint64_t longer = rill_mul_div_floor_sat(q->uncut, q->quickest, t->least);

    longer = at_most(at_most(longer, 4 * q->uncut), packets->most);
    rill_round_trip_renew(t, now_ns, q->quickest);
    trial_end(q, now_ns);
    return set(q, packets, now_ns, at_least(longer, packets->window));
}

/*
 * The quickest packet of a round trip has waited too long: to what the path
 * holds without a queue. All packets wait in a queue, so what the quickest has
 * waited is taken off the mean, which has the path's own variation in it.
 */
static rill_queue_word cut(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                           uint64_t now_ns)
{
    assert(q->quickest > t->least); /* it has waited */
    if (q->trial == RILL_QUEUE_NO_TRIAL)
        cut_begin(q, packets, now_ns);
    if (q->cuts == 0 || q->quickest <= q->cut_rtt - q->cut_rtt / 32)
        q->cuts = 1;
    else if (++q->cuts > VAIN_CUTS)
        return longer_path(q, t, packets, now_ns);
    q->cut_rtt = q->quickest;
    uint64_t mean = at_least(t->smoothed, q->quickest);
    uint64_t waited = q->quickest - t->least;
    uint64_t less = rill_mul_div_floor_sat(packets->window, mean - waited, mean);
    less = at_least(less - less / 32, at_least(packets->window / 2, q->uncut / TRIAL_PART));
    if (less >= packets->window)
        return (rill_queue_word){.says = RILL_QUEUE_NEAR};
    return set(q, packets, now_ns, less);
}

/* The quickest of a round trip is known. */
static rill_queue_word round_over(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                  uint64_t now_ns)
{
    rill_queue_word word = {.says = RILL_QUEUE_NOTHING};

    if (now_ns - t->least_at > RTT_FORGOTTEN)
        rill_round_trip_renew(t, now_ns, q->quickest);
    if (now_ns - q->own_at > RTT_FORGOTTEN)
        q->own = 0;
    uint64_t base = t->least + 2 * t->jitter;
    bool waits = q->quickest > at_least(base + allowed(t), q->own);
    if (waits) {
        q->slow = true;
        q->slowest = at_least(q->slowest, q->quickest);
    } else {
        q->cuts = 0;
        q->quick |= q->slow || q->trial == RILL_QUEUE_CUT; /* what was cut was slow */
    }
    if (flow_is_enough(&q->now, now_ns))
        word = judge(q, packets, now_ns);
    if (word.says == RILL_QUEUE_SET)
        return word;
    if (waits && packets->window > 2 && q->trial != RILL_QUEUE_RESTORED)
        return cut(q, t, packets, now_ns);
    if (q->quickest > at_least(base + allowed(t) / 4, q->own))
        word.says = RILL_QUEUE_NEAR;
    return word;
}

rill_queue_word rill_queue_watch(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                 uint64_t now_ns, uint64_t sent_ns, uint64_t rtt)
{
    rill_queue_word word = {.says = RILL_QUEUE_NOTHING};

    /* The window has become another for another reason, or all is too long ago. */
    if (q->trial != RILL_QUEUE_NO_TRIAL &&
        (packets->decreased_at != q->set_at || now_ns - q->trial_at > RTT_FORGOTTEN))
        trial_end(q, now_ns);
    flow_add(q, now_ns, sent_ns, rtt);
    /* Those that come last of all that were sent together are the slow ones, queue or not. */
    if (sent_ns < q->samples_from || rill_limit_is_old(packets, sent_ns))
        return word;
    q->newest = at_least(q->newest, sent_ns);
    q->quickest = q->samples == 0 ? rtt : at_most(q->quickest, rtt);
    q->samples++;
    bool over = sent_ns >= q->round_at;
    uint64_t wanted = packets->slow_start ? 0 : packets->window / 4;
    bool enough = q->samples >= at_least(wanted, QUEUE_SAMPLES);
    if (!over && !enough)
        return word;
    word = round_over(q, t, packets, now_ns);
    q->samples = 0;
    q->samples_from = q->newest + 1;
    q->round_at = now_ns;
    return word;
}
