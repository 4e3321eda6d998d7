/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/packet_gap.h"

#include <assert.h>

#include "base/muldiv.h"
#include "base/wide.h"

#define LEAST (RILL_MS / 100)
#define MOST  RILL_SECOND
/* More packets a round trip a window says well enough; fewer than FEW it does not. */
#define PACKETS 16
#define FEW     12
/* One packet a second more, each second, doubled as often. */
#define FASTER_DOUBLE (RILL_SECOND / 10)
#define MOST_DOUBLED  30
/* By which part a gap becomes longer: 1/16, then 1/8, 1/4, 1/2. */
#define PART        16u
#define MOST_IN_ROW 3
/* From such a gap on that is too fast: each packet would ask for more than there is. */
#define SLOW      (RILL_SECOND / 8)
#define SLOW_PART 8u
#define SLOW_MORE 64

static uint64_t within(uint64_t ns)
{
    return ns < LEAST ? LEAST : ns > MOST ? MOST : ns;
}

bool rill_packet_gap_is_finer(uint64_t rtt, uint64_t window)
{
    return window <= 1 || (window < FEW && rtt / window >= 2 * LEAST);
}

static void note_refusal(rill_packet_gap *g, uint64_t now_ns)
{
    g->refused_at = now_ns;
    g->passed = false;
}

void rill_packet_gap_begin(rill_packet_gap *g, uint64_t now_ns, uint64_t rtt, uint64_t window)
{
    assert(window > 0); /* no window is without a packet */
    g->ns = within(rtt / window);
    g->row = 0;
    note_refusal(g, now_ns);
}

void rill_packet_gap_refused(rill_packet_gap *g, uint64_t now_ns)
{
    assert(g->ns > 0); /* it has begun */
    g->ns = within(g->ns + g->ns / ((g->ns > SLOW ? SLOW_PART : PART) >> g->row));
    if (g->row < MOST_IN_ROW)
        g->row++;
    note_refusal(g, now_ns);
}

void rill_packet_gap_passed(rill_packet_gap *g, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt,
                            bool used)
{
    g->row = 0;
    if (g->ns == 0 || !used || sent_ns < g->refused_at)
        return; /* it may have left before one that was refused */
    if (!g->passed)
        g->passed_at = now_ns;
    g->passed = true;
    const uint64_t one = RILL_SECOND * RILL_SECOND;
    rill_u128 more = rill_wide_product(g->ns, g->ns);
    uint64_t since = g->refused_at;
    if (g->ns > SLOW) {
        if (rill_wide_less(rill_wide(one / SLOW_MORE), more))
            more = rill_wide(one / SLOW_MORE);
        since = g->passed_at;
    }
    uint64_t doubled = rill_sub_sat(now_ns, since) / FASTER_DOUBLE;
    uint64_t by = UINT64_C(1) << (doubled < MOST_DOUBLED ? doubled : MOST_DOUBLED);
    more = rill_wide_times(more, rill_wide(by));
    /* gap / (1 + gap^2), in seconds: the rate grows by one a second, for a gap. */
    g->ns = rill_wide_low(
        rill_wide_div(rill_wide_product(g->ns, one), rill_wide_add(rill_wide(one), more)));
    if (g->ns <= within(rtt / PACKETS))
        g->ns = 0;
}

void rill_packet_gap_scale(rill_packet_gap *g, uint64_t window, uint64_t before)
{
    if (g->ns != 0)
        g->ns = within(rill_mul_div_floor_sat(g->ns, before, window));
}

uint64_t rill_packet_gap_window(const rill_packet_gap *g, uint64_t rtt)
{
    uint64_t packets = g->ns == 0 ? PACKETS : rtt / g->ns;
    return packets < 1 ? 1 : packets > PACKETS ? PACKETS : packets;
}
