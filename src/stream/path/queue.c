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

/* Replies that come within this count as one answer: timers are no finer. */
#define TOGETHER RILL_LIMIT_QUANTUM
/* That answers a good part of what was in flight: an eighth, and so many or half of it at least. */
#define GOOD_PART  8
#define GOOD_COUNT 4
/* A silence that is a smaller part of the round trip than this explains nothing. */
#define LONG_PART 4
/* A packet may come while the path stands still already, and then waits for the next time too. */
#define STANDSTILLS 2

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
 * waited is taken off the mean, which has the path's own variation in it. took: how long that was
 * under way while the path did not stand still.
 */
static rill_queue_word cut(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                           uint64_t took, uint64_t now_ns)
{
    assert(took > t->least); /* it has waited */
    if (q->cuts > 0 && q->quickest > q->cut_rtt - q->cut_rtt / 32) {
        if (++q->cuts > VAIN_CUTS)
            return longer_path(q, t, packets, now_ns);
    } else {
        q->cuts = 1;
        q->uncut = packets->window;
    }
    q->cut_rtt = q->quickest;
    uint64_t mean = at_least(t->smoothed, q->quickest);
    uint64_t waited = took - t->least;
    uint64_t less = rill_mul_div_floor_sat(packets->window, mean - waited, mean);
    less -= less / 32;
    return (rill_queue_word){RILL_QUEUE_SET, at_least(less, packets->window / 2), less / 2};
}

/* A reply is here. Keeps the longest silence that this packet, or those that came before, met. */
static void listen(rill_queue *q, uint32_t in_flight, uint64_t now_ns, uint64_t sent_ns)
{
    uint64_t silence = rill_sub_sat(now_ns, at_least(q->heard_at, sent_ns));

    q->heard_at = now_ns;
    if (silence >= q->silence || sent_ns >= q->silence_end) {
        q->silence = silence;
        q->silence_end = now_ns;
        q->out = in_flight + 1;
        q->together = 0;
    }
    if (now_ns - q->moment > TOGETHER || q->together == 0) {
        q->moment = now_ns;
        q->count = 0;
    }
    q->count++;
    if (q->count > q->together)
        q->together = q->count;
}

/* How long the path may have stood still while the quickest was out. */
static uint64_t standstill(const rill_queue *q)
{
    bool silent = q->silence >= q->quickest / LONG_PART;
    uint64_t good = at_least(q->out / GOOD_PART, at_most(q->out / 2, GOOD_COUNT));

    return silent && q->together >= good ? STANDSTILLS * q->silence : 0;
}

/* The path was silent until now, and it is not known yet how much comes together. */
static bool is_early(const rill_queue *q, uint64_t now_ns)
{
    return q->silence >= q->quickest / LONG_PART && now_ns - q->silence_end <= TOGETHER;
}

rill_queue_word rill_queue_watch(rill_queue *q, rill_round_trip *t, const rill_limit *packets,
                                 uint32_t in_flight, uint64_t now_ns, uint64_t sent_ns,
                                 uint64_t rtt)
{
    rill_queue_word word = {.says = RILL_QUEUE_NOTHING};

    listen(q, in_flight, now_ns, sent_ns);
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
    uint64_t still = standstill(q);
    uint64_t took = rill_sub_sat(q->quickest, still);
    if (took > base + allowed(t) / 4) {
        if (still == 0 && is_early(q, now_ns))
            return word;
        word.says = RILL_QUEUE_NEAR;
    }
    if (took <= base + allowed(t))
        q->cuts = 0;
    else if (packets->window > 2)
        word = cut(q, t, packets, took, now_ns);
    q->samples = 0;
    q->samples_from = q->newest + 1;
    q->round_at = now_ns;
    return word;
}
