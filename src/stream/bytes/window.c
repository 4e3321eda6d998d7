/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/bytes/window.h"

#include <assert.h>

#include "base/muldiv.h"

/* Of a path that nothing is known about. */
#define ASSUMED_ROUND_TRIP (100 * RILL_MS)

void rill_send_window_init(rill_send_window *w, uint64_t limit)
{
    w->limit = limit;
    w->used = 0;
}

bool rill_send_window_raise(rill_send_window *w, uint64_t limit)
{
    if (limit <= w->limit)
        return false;
    w->limit = limit;
    return true;
}

void rill_send_window_set(rill_send_window *w, uint64_t limit)
{
    w->limit = limit;
}

void rill_send_window_use(rill_send_window *w, uint64_t amount)
{
    w->used = rill_add_sat(w->used, amount);
}

void rill_receive_window_init(rill_receive_window *w, uint64_t assumed, uint64_t limit)
{
    assert(assumed <= limit); /* who relies on it may send that much */
    w->limit = limit;
    w->advertised = assumed;
    w->used = 0;
}

bool rill_receive_window_raise(rill_receive_window *w, uint64_t limit)
{
    if (limit <= w->limit)
        return false;
    w->limit = limit;
    return true;
}

bool rill_receive_window_set(rill_receive_window *w, uint64_t limit)
{
    assert(w->advertised <= w->limit); /* what has been told is held to */
    if (limit < w->advertised)
        return false;
    w->limit = limit;
    return true;
}

bool rill_receive_window_allows(const rill_receive_window *w, uint64_t total)
{
    return total <= w->limit;
}

void rill_receive_window_use(rill_receive_window *w, uint64_t total)
{
    if (total > w->used)
        w->used = total;
}

bool rill_receive_window_worth_telling(const rill_receive_window *w, uint64_t step)
{
    uint64_t raise = rill_sub_sat(w->limit, w->advertised);

    return raise > 0 && raise >= step;
}

uint64_t rill_receive_window_advertise(rill_receive_window *w)
{
    assert(w->advertised <= w->limit); /* no frame of ours takes back what one has told */
    w->advertised = w->limit;
    return w->limit;
}

void rill_receive_tuning_init(rill_receive_tuning *t, uint64_t size, uint64_t now_ns)
{
    *t = (rill_receive_tuning){.size = size, .at = now_ns};
}

uint64_t rill_receive_tune(rill_receive_tuning *t, uint64_t consumed, uint64_t now_ns, uint64_t rtt,
                           uint64_t most)
{
    /* What was read stays so: less would look like very much. */
    assert(t->size > 0 && t->from <= consumed);
    if (consumed - t->from < t->size - t->size / 2)
        return t->size;
    if (rtt == 0)
        rtt = ASSUMED_ROUND_TRIP;
    if (now_ns - t->at <= rill_add_sat(rtt, rtt) && t->size < most)
        t->size = t->size < most - t->size ? t->size * 2 : most;
    t->from = consumed;
    t->at = now_ns;
    return t->size;
}
