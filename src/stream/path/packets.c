/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/packets.h"

#include "base/muldiv.h"

#define INITIAL 64
/* In flight where they leave at a rate: twice what a round trip holds, and so many at least. */
#define GAP_PACKETS 4

void rill_packets_init(rill_packets *p, uint32_t most)
{
    assert(most > 0); /* or nothing would ever be sent */
    *p = (rill_packets){
        .limit = {.most = most, .window = at_most(most, INITIAL), .slow_start = true}};
}

uint32_t rill_packets_window(const rill_packets *p)
{
    /* Or nothing would ever be sent again, or more than was asked for. */
    assert(p->limit.window >= 1 && p->limit.window <= p->limit.most);
    if (p->gap.ns == 0)
        return (uint32_t)p->limit.window;
    /* Those that leave one by one need not wait for one that was lost. */
    return (uint32_t)at_most(p->limit.most, at_least(2 * p->limit.window, GAP_PACKETS));
}

void rill_packets_sent(rill_packets *p, uint64_t now_ns, uint64_t rtt)
{
    rill_limit_sent(&p->limit, now_ns, p->in_flight);
    if (p->gap.ns != 0)
        p->not_before = rill_limit_follow(&p->limit, now_ns, p->gap.ns);
    else if (!p->limit.slow_start && rtt > RILL_LIMIT_QUANTUM)
        p->not_before = rill_limit_pace(&p->limit, now_ns, rtt, 1);
}

static void gap_passed(rill_packets *p, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt)
{
    rill_limit *l = &p->limit;
    uint64_t before = p->gap.ns;

    rill_packet_gap_passed(&p->gap, now_ns, sent_ns, rtt, rill_limit_was_filled(l, sent_ns));
    l->window = at_most(rill_packet_gap_window(&p->gap, rtt), l->most);
    l->step = 0;
    l->credit = 0;
    if (p->gap.ns < before) { /* the wait that was begun is too long */
        l->pace_at = at_most(l->pace_at, rill_add_sat(now_ns, p->gap.ns));
        p->not_before = at_most(p->not_before, l->pace_at);
    }
}

void rill_packets_passed(rill_packets *p, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt)
{
    if (p->gap.ns != 0)
        gap_passed(p, now_ns, sent_ns, rtt);
    else
        rill_limit_grow(&p->limit, now_ns, sent_ns, 1, false);
}

void rill_packets_refused(rill_packets *p, uint64_t now_ns, uint64_t sent_ns, uint64_t rtt)
{
    rill_limit *l = &p->limit;

    if (rtt == 0) /* what was refused went some of the way */
        rtt = at_least(rill_sub_sat(now_ns, sent_ns), RILL_LIMIT_QUANTUM);
    if (p->gap.ns != 0) {
        rill_packet_gap_refused(&p->gap, now_ns);
    } else if (rill_limit_is_old(l, sent_ns)) {
        l->window = at_least(l->window - 1, at_most(l->window, l->floor));
        return;
    } else {
        rill_limit_set(l, now_ns, rill_sub_sat(l->window - l->window / 20, 1), l->window / 8);
        if (!rill_packet_gap_is_finer(rtt, l->window))
            return;
        rill_packet_gap_begin(&p->gap, now_ns, rtt, l->window);
    }
    l->window = at_most(rill_packet_gap_window(&p->gap, rtt), l->most);
    p->not_before = rill_add_sat(now_ns, p->gap.ns);
}

void rill_packets_set(rill_packets *p, uint64_t now_ns, uint64_t window, uint64_t floor)
{
    uint64_t before = p->limit.window;

    rill_limit_set(&p->limit, now_ns, window, floor);
    rill_packet_gap_scale(&p->gap, p->limit.window, before);
}
