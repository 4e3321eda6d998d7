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

static uint64_t allowed(const rill_round_trip *t)
{
    return at_most(at_least(t->least / 4, LEAST_QUEUE), MOST_QUEUE);
}

/* It is no queue of ours: as many packets a second as before, on a longer path. */
static rill_queue_word longer_path(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                   uint64_t now_ns)
{
    uint64_t longer = rill_mul_div_floor_sat(q->uncut, q->quickest, t->least);

    longer = at_most(at_most(longer, 4 * q->uncut), packets->most);
    rill_round_trip_renew(t, now_ns, q->quickest);
    q->cuts = 0;
    return (rill_queue_word){RILL_QUEUE_SET, at_least(longer, packets->window),
                             packets->window / 2};
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
    if (q->cuts > 0 && q->quickest > q->cut_rtt - q->cut_rtt / 32) {
        if (++q->cuts > VAIN_CUTS)
            return longer_path(q, t, packets, now_ns);
    } else {
        q->cuts = 1;
        q->uncut = packets->window;
    }
    q->cut_rtt = q->quickest;
    uint64_t mean = at_least(t->smoothed, q->quickest);
    uint64_t waited = q->quickest - t->least;
    uint64_t less = rill_mul_div_floor_sat(packets->window, mean - waited, mean);
    less -= less / 32;
    return (rill_queue_word){RILL_QUEUE_SET, at_least(less, packets->window / 2), less / 2};
}

rill_queue_word rill_queue_watch(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                 uint64_t now_ns, uint64_t sent_ns, uint64_t rtt)
{
    rill_queue_word word = {.says = RILL_QUEUE_NOTHING};

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
    if (now_ns - t->least_at > RTT_FORGOTTEN)
        rill_round_trip_renew(t, now_ns, q->quickest);
    uint64_t base = t->least + 2 * t->jitter;
    if (q->quickest > base + allowed(t) / 4)
        word.says = RILL_QUEUE_NEAR;
    if (q->quickest <= base + allowed(t))
        q->cuts = 0;
    else if (packets->window > 2)
        word = cut(q, t, packets, now_ns);
    q->samples = 0;
    q->samples_from = q->newest + 1;
    q->round_at = now_ns;
    return word;
}
