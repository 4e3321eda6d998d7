/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/limit.h"

#include <assert.h>

#include "base/muldiv.h"
#include "base/wide.h"

uint64_t rill_limit_follow(rill_limit *l, uint64_t now_ns, uint64_t time)
{
    uint64_t from = at_least(l->pace_at, rill_sub_sat(now_ns, RILL_LIMIT_QUANTUM));

    l->pace_at = rill_add_sat(from, time);
    return l->pace_at > rill_add_sat(now_ns, RILL_LIMIT_QUANTUM / 2) ? l->pace_at : 0;
}

/* A round trip may be long for one late reply, and the packet that waits be what would show it. */
#define LONGEST RILL_SECOND

uint64_t rill_limit_pace(rill_limit *l, uint64_t now_ns, uint64_t rtt, uint64_t amount)
{
    assert(l->window > 0); /* with none nothing would ever leave again */
    uint64_t time = rill_mul_div_floor_sat(amount, rtt - rtt / 8, l->window);

    return rill_limit_follow(l, now_ns, at_most(time, at_most(rtt, LONGEST)));
}

void rill_limit_sent(rill_limit *l, uint64_t now_ns, uint64_t in_flight)
{
    if (in_flight < l->window - l->window / 4)
        return;
    l->filled = true;
    l->filled_at = now_ns;
}

/* About a hundredth of the window: more than that for small ones, so that they catch up. */
static uint64_t first_step(const rill_limit *l, bool of_value)
{
    unsigned log = 0;

    if (!of_value)
        return 1;
    for (uint64_t w = l->window; w > 1; w /= 2)
        log++;
    return at_least(l->window >> (log / 3), 1);
}

void rill_limit_grow(rill_limit *l, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                     bool of_value)
{
    if (l->window >= l->most)
        return;
    if (!rill_limit_was_filled(l, sent_ns))
        return;
    if (l->decreased && sent_ns < l->decreased_at)
        return;
    if (l->slow_start) {
        l->window = at_most(rill_add_sat(l->window, amount), l->most);
        return;
    }
    if (sent_ns >= l->round_at) {
        l->round_at = now_ns;
        l->step = l->step == 0 ? first_step(l, of_value) : rill_add_sat(l->step, l->step);
        l->step = at_most(l->step, at_least(l->window / 3, 1));
    }
    rill_u128 credit = rill_wide_add(rill_wide_product(l->step, amount), rill_wide(l->credit));
    uint64_t more = rill_wide_low(rill_wide_div(credit, rill_wide(l->window)));
    l->credit = rill_wide_low(credit) - more * l->window;
    assert(l->credit < l->window); /* else it would be a unit of the window */
    l->window = at_most(rill_add_sat(l->window, more), l->most);
}

void rill_limit_set(rill_limit *l, uint64_t now_ns, uint64_t window, uint64_t floor)
{
    l->floor = at_least(floor, 1);
    l->window = at_least(window, 1);
    l->slow_start = false;
    l->credit = 0;
    l->step = 0;
    l->decreased = true;
    l->decreased_at = now_ns;
    l->round_at = now_ns;
}
