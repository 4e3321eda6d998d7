/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/congestion_gap.h"

#include "base/muldiv.h"

#define LEAST RILL_MS
#define MOST  RILL_SECOND
/* Packets a second more, each second. */
#define FASTER        1
#define FASTER_DOUBLE (RILL_SECOND / 2)
#define MOST_DOUBLED  20

static uint64_t within(uint64_t ns)
{
    return ns < LEAST ? LEAST : ns > MOST ? MOST : ns;
}

void rill_gap_refused(rill_gap *g, uint64_t now_ns, uint64_t rtt)
{
    g->ns = within(g->ns == 0 ? rtt : g->ns + g->ns / 4);
    g->refused_at = now_ns;
}

void rill_gap_passed(rill_gap *g, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt)
{
    if (g->ns == 0 || sent_ns < g->refused_at)
        return; /* it left before one that was refused */
    uint64_t doubled = rill_sub_sat(now_ns, g->refused_at) / FASTER_DOUBLE;
    uint64_t faster = (uint64_t)FASTER << (doubled < MOST_DOUBLED ? doubled : MOST_DOUBLED);
    /* gap / (1 + faster gap^2), in seconds: the rate grows by faster a second, for a gap. */
    const rill_u128 one = (rill_u128)RILL_SECOND * RILL_SECOND;
    g->ns = (uint64_t)(g->ns * one / (one + (rill_u128)faster * g->ns * g->ns));
    if (g->ns <= within(rtt))
        g->ns = 0;
}
