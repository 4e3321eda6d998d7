/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/congestion_queue.h"

#include "base/muldiv.h"

/* Waiting that counts as a queue: a quarter of the round trip, within these. */
#define LEAST_QUEUE (5 * RILL_MS)
#define MOST_QUEUE  (100 * RILL_MS)
/* Samples that tell the quickest packet, where the round trip is not over yet. */
#define QUEUE_SAMPLES 16
#define VAIN_CUTS     3
#define RTT_FORGOTTEN (10 * RILL_SECOND)

static uint64_t allowed(const rill_congestion *c)
{
    return at_most(at_least(c->min_rtt / 4, LEAST_QUEUE), MOST_QUEUE);
}

/*
 * The quickest packet of a round trip has waited too long: to what the path
 * holds without a queue. All packets wait in a queue, so what the quickest has
 * waited is taken off the mean, which has the path's own variation in it.
 */
static void cut(rill_queue *q, rill_congestion *c, const rill_limit *l, uint64_t now_ns,
                uint64_t *window, uint64_t *floor)
{
    if (q->cuts > 0 && q->quickest > q->cut_rtt - q->cut_rtt / 32) {
        if (++q->cuts > VAIN_CUTS) {
            /* It is no queue of ours: as many a second as before, on a longer path. */
            uint64_t longer = rill_mul_div_floor_sat(q->uncut, q->quickest, c->min_rtt);
            c->min_rtt = q->quickest;
            q->min_rtt_at = now_ns;
            q->cuts = 0;
            longer = at_most(at_most(longer, 4 * q->uncut), l->most);
            *window = at_least(longer, l->window);
            *floor = l->window / 2;
            return;
        }
    } else {
        q->cuts = 1;
        q->uncut = l->window;
    }
    q->cut_rtt = q->quickest;
    uint64_t mean = at_least(c->smoothed_rtt, q->quickest);
    uint64_t waited = q->quickest - c->min_rtt;
    uint64_t less = rill_mul_div_floor_sat(l->window, mean - waited, mean);
    less -= less / 32;
    *window = at_least(less, l->window / 2);
    *floor = less / 2;
}

static rill_queue_says watch(rill_queue *q, rill_congestion *c, const rill_limit *packets,
                             uint64_t now_ns, uint64_t sent_ns, uint64_t rtt, uint64_t *window,
                             uint64_t *floor)
{
    rill_queue_says says = RILL_QUEUE_NOTHING;

    /* Those that come last of all that were sent together are the slow ones, queue or not. */
    if (sent_ns < q->samples_from || rill_limit_is_old(packets, sent_ns))
        return says;
    q->newest = at_least(q->newest, sent_ns);
    q->quickest = q->samples == 0 ? rtt : at_most(q->quickest, rtt);
    q->samples++;
    bool over = sent_ns >= q->round_at;
    uint64_t wanted = packets->slow_start ? 0 : packets->window / 4;
    bool enough = q->samples >= at_least(wanted, QUEUE_SAMPLES);
    if (!over && !enough)
        return says;
    if (now_ns - q->min_rtt_at > RTT_FORGOTTEN) {
        c->min_rtt = q->quickest;
        q->min_rtt_at = now_ns;
    }
    uint64_t base = c->min_rtt + 2 * q->jitter;
    if (q->quickest > base + allowed(c) / 4)
        says = RILL_QUEUE_NEAR;
    if (q->quickest <= base + allowed(c)) {
        q->cuts = 0;
    } else if (packets->window > 2) {
        cut(q, c, packets, now_ns, window, floor);
        says = RILL_QUEUE_SET;
    }
    q->samples = 0;
    q->samples_from = q->newest + 1;
    q->round_at = now_ns;
    return says;
}

rill_queue_says rill_queue_measure(rill_queue *q, rill_congestion *c, const rill_limit *packets,
                                   uint64_t now_ns, uint64_t sent_ns, uint64_t *window,
                                   uint64_t *floor)
{
    /* 0 stands for unknown. */
    uint64_t rtt = at_least(rill_sub_sat(now_ns, sent_ns), 1);

    if (c->min_rtt == 0 || rtt <= c->min_rtt + c->min_rtt / 16)
        q->min_rtt_at = now_ns;
    if (c->min_rtt == 0 || rtt < c->min_rtt)
        c->min_rtt = rtt;
    uint64_t last = q->last_rtt != 0 ? q->last_rtt : rtt;
    q->jitter = q->jitter - q->jitter / 16 + (rtt > last ? rtt - last : last - rtt) / 16;
    q->last_rtt = rtt;
    if (c->smoothed_rtt == 0) {
        c->smoothed_rtt = rtt;
        c->rtt_variance = rtt / 2;
    } else {
        uint64_t off = rtt > c->smoothed_rtt ? rtt - c->smoothed_rtt : c->smoothed_rtt - rtt;
        c->rtt_variance = c->rtt_variance - c->rtt_variance / 4 + off / 4;
        c->smoothed_rtt = c->smoothed_rtt - c->smoothed_rtt / 8 + rtt / 8;
    }
    return watch(q, c, packets, now_ns, sent_ns, rtt, window, floor);
}
