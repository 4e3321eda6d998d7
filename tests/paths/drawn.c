/* SPDX-License-Identifier: Apache-2.0 */
/* Paths that are drawn by chance, so that nobody has chosen them. */
#include "drawn.h"

#include <inttypes.h>
#include <stdio.h>

#define SEC(x) ((x)*RILL_SECOND)

static uint64_t changed(sim_rng *r, uint64_t rate)
{
    uint64_t by = UINT64_C(1) << sim_rng_below(r, 5);
    if (sim_rng_below(r, 2) == 0)
        return rate * by;
    return rate / by > 0 ? rate / by : 1;
}

/* One of the limits that a path may have. */
static void limit(sim_rng *r, paths_config *c)
{
    switch (sim_rng_below(r, 4)) {
    case 0: /* a queue that holds at least two round trips and 20 packets */
        c->packets_per_second = sim_rng_magnitude(r, 20, 4000);
        c->queue = (unsigned)(20 + c->packets_per_second * 4 * c->delay / RILL_SECOND);
        c->silent_queue = sim_rng_below(r, 2) == 0;
        break;
    case 1:
        c->packets_per_second = sim_rng_magnitude(r, 20, 4000);
        c->burst_ms = sim_rng_magnitude(r, 4000 / c->packets_per_second + 20, 1000);
        break;
    case 2:
        c->value_per_second = sim_rng_magnitude(r, 1000, 100000000);
        c->burst_ms = sim_rng_magnitude(r, 20, 1000);
        break;
    default:
        c->refill_ms = sim_rng_magnitude(r, 50, 5000);
        c->balance = sim_rng_magnitude(r, 1000, 10000000);
        break;
    }
}

void paths_draw(paths_drawn *d, uint64_t seed)
{
    sim_rng r;
    sim_rng_seed(&r, seed, 7);
    *d = (paths_drawn){.c = {.name = d->name,
                             .work = {.total = RILL_UNLIMITED, .rate_given = true},
                             .measure_from = SEC(10),
                             .measure_to = SEC(20),
                             .reach = 800,
                             .most_refused = 150}};
    paths_config *p = &d->c.config;
    p->delay = sim_rng_magnitude(&r, 1, 300) * RILL_MS;
    p->jitter = sim_rng_below(&r, 4) == 0 ? sim_rng_below(&r, p->delay / 2) : 0;
    p->lose = sim_rng_below(&r, 8) == 0 ? (unsigned)sim_rng_magnitude(&r, 1, 30) : 0;
    p->silent = sim_rng_below(&r, 2) == 0;
    limit(&r, p);
    /* Packets of money so large that a thousand a second would do, and 16 are within the limit. */
    uint64_t least = 1, most = 1000;
    if (p->value_per_second != 0) {
        least = p->value_per_second / 1000 + 1;
        most = p->value_per_second * p->burst_ms / 16000;
    } else if (p->balance != 0) {
        least = p->balance / p->refill_ms + 1;
        most = p->balance / 16;
    }
    d->c.work.max_packet = sim_rng_magnitude(&r, least, most > least ? most : least);
    if (sim_rng_below(&r, 2) == 0) {
        d->then = *p;
        d->then.packets_per_second = p->packets_per_second ? changed(&r, p->packets_per_second) : 0;
        d->then.value_per_second = p->value_per_second ? changed(&r, p->value_per_second) : 0;
        d->then.balance = p->balance ? changed(&r, p->balance) : 0;
        if (p->burst_ms != 0) /* at least one packet */
            d->then.burst_ms = p->burst_ms * 16;
        p->then = &d->then;
        p->then_at = SEC(5);
    }
    /* Drawn last, and apart from the rest, which is as it was without. */
    sim_rng_seed(&r, seed, 11);
    if (sim_rng_below(&r, 4) == 0) { /* a connector that commits to its disk, slowly now and then */
        p->commit = sim_rng_magnitude(&r, 1, 20) * RILL_MS;
        p->commit_most = p->commit + sim_rng_magnitude(&r, 1, 60) * RILL_MS;
        p->commit_slow = (unsigned)sim_rng_magnitude(&r, 10, 1000);
        d->then.commit = p->commit;
        d->then.commit_most = p->commit_most;
        d->then.commit_slow = p->commit_slow;
    }
    snprintf(d->name, sizeof d->name,
             "%" PRIu64 ": %" PRIu64 " ms%s, %" PRIu64 "/s q%u%s b%" PRIu64 ", %" PRIu64
             " units/s, bal %" PRIu64 "/%" PRIu64 " ms, lose %u%s, packets of %" PRIu64
             ", then %" PRIu64 ", commits %" PRIu64 " to %" PRIu64 " ms %u",
             seed, p->delay / RILL_MS, p->jitter ? " jitter" : "", p->packets_per_second, p->queue,
             p->silent_queue ? " silent" : "", p->burst_ms, p->value_per_second, p->balance,
             p->refill_ms, p->lose, p->silent ? " silent" : "", d->c.work.max_packet,
             p->then == NULL
                 ? 0
                 : d->then.packets_per_second + d->then.value_per_second + d->then.balance,
             p->commit / RILL_MS, p->commit_most / RILL_MS, p->commit_slow);
}
