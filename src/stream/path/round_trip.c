/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/round_trip.h"

#include <assert.h>

#include "base/muldiv.h"

/* Beyond a round trip: applications may take a moment to decide. */
#define LEAST_PATIENCE (200 * RILL_MS)
/* Before any round trip is known: what is lost then must not fill a small window for long. */
#define FIRST_PATIENCE (3 * RILL_SECOND)

static uint64_t apart(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

uint64_t rill_round_trip_measure(rill_round_trip *t, uint64_t now_ns, uint64_t sent_ns)
{
    /* 0 stands for unknown. */
    uint64_t rtt = now_ns > sent_ns ? now_ns - sent_ns : 1;

    if (t->least == 0 || rtt <= t->least + t->least / 16)
        t->least_at = now_ns;
    if (t->least == 0 || rtt < t->least)
        t->least = rtt;
    uint64_t last = t->last != 0 ? t->last : rtt;
    t->jitter = t->jitter - t->jitter / 16 + apart(rtt, last) / 16;
    t->last = rtt;
    if (t->smoothed == 0) {
        t->smoothed = rtt;
        t->variance = rtt / 2;
    } else {
        t->variance = t->variance - t->variance / 4 + apart(rtt, t->smoothed) / 4;
        t->smoothed = t->smoothed - t->smoothed / 8 + rtt / 8;
    }
    return rtt;
}

void rill_round_trip_renew(rill_round_trip *t, uint64_t now_ns, uint64_t least)
{
    assert(least > 0); /* or it would count as unknown */
    t->least = least;
    t->least_at = now_ns;
}

uint64_t rill_round_trip_patience(const rill_round_trip *t)
{
    uint64_t more = rill_mul_div_floor_sat(t->variance, 4, 1);

    if (t->smoothed == 0)
        return FIRST_PATIENCE;
    if (more < t->smoothed)
        more = t->smoothed;
    if (more < LEAST_PATIENCE)
        more = LEAST_PATIENCE;
    return rill_add_sat(t->smoothed, more);
}
