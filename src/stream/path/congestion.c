/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which part is told of what. A refusal that names congestion is for packets (T05 and its kin) or
 * for value (T04). A packet that fails without such a reason may be an accident, and counts for
 * packets where there are more of them than is usual. What arrives is for all parts.
 */
#include "stream/path/congestion.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/muldiv.h"

rill_congestion *rill_congestion_new(const rill_allocator *a, uint32_t max_packets)
{
    rill_congestion *c = rill_calloc(a, 1, sizeof *c);

    if (c == NULL)
        return NULL;
    rill_packets_init(&c->packets, max_packets > 0 ? max_packets : 1);
    rill_value_init(&c->value, rill_congestion_traffic(c));
    return c;
}

void rill_congestion_free(const rill_allocator *a, rill_congestion *c)
{
    rill_free(a, c);
}

static void add(rill_congestion *c, uint64_t amount)
{
    rill_packets_add(&c->packets);
    rill_value_add(&c->value, amount);
}

static void take(rill_congestion *c, uint64_t amount)
{
    rill_packets_take(&c->packets);
    rill_value_take(&c->value, amount);
    /* All value is in packets: where none is in flight there is none. */
    assert(c->packets.in_flight > 0 || c->value.in_flight == 0);
}

void rill_congestion_readmit(rill_congestion *c, uint64_t amount)
{
    add(c, amount);
}

void rill_congestion_neutral(rill_congestion *c, uint64_t amount)
{
    take(c, amount);
}

void rill_congestion_sent(rill_congestion *c, uint64_t now_ns, uint64_t amount)
{
    /* Where the last one was neutral nobody has asked. */
    rill_value_answered(&c->value, now_ns, rill_congestion_traffic(c));
    add(c, amount);
    rill_packets_sent(&c->packets, now_ns, c->trip.smoothed);
    rill_value_sent(&c->value, now_ns, rill_congestion_traffic(c), amount);
}

static void measure_round_trip(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    rill_packets *p = &c->packets;
    uint64_t rtt = rill_round_trip_measure(&c->trip, now_ns, sent_ns);
    rill_queue_word word = rill_queue_watch(&c->queue, &c->trip, &p->limit, now_ns, sent_ns, rtt);

    switch (word.says) {
    case RILL_QUEUE_NEAR:
        p->limit.step = 0;
        break;
    case RILL_QUEUE_SET:
        rill_packets_set(p, now_ns, word.window, word.floor);
        p->limit.slow_start = word.slow_start;
        break;
    case RILL_QUEUE_NOTHING:
        break;
    }
}

/* Where of enough packets it is known whether they failed: more than usual? */
static void watch_failures(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    rill_limit *l = &c->packets.limit;

    if (!rill_failures_known(&c->failures, l))
        return;
    rill_failures_word word = rill_failures_judge(&c->failures, l);
    if (!word.too_many || rill_limit_is_old(l, sent_ns))
        return;
    if (l->window == 1 && word.all)
        rill_value_wait(&c->value, now_ns, rill_congestion_traffic(c));
    assert(word.less < l->window); /* by as much as failed, but not to nothing */
    rill_packets_set(&c->packets, now_ns, l->window - word.less, l->window / 4);
}

static void failed(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns)
{
    rill_limit *l = &c->packets.limit;

    if (rill_failures_add(&c->failures) && !rill_limit_is_old(l, sent_ns)) {
        /* Nothing arrives at all: that is no accident. */
        rill_packets_set(&c->packets, now_ns, l->window / 2, 1);
        rill_value_wait(&c->value, now_ns, rill_congestion_traffic(c));
    }
    watch_failures(c, now_ns, sent_ns);
}

void rill_congestion_delivered(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns,
                               uint64_t amount)
{
    take(c, amount);
    measure_round_trip(c, now_ns, sent_ns);
    rill_failures_none(&c->failures);
    watch_failures(c, now_ns, sent_ns);
    rill_packets_passed(&c->packets, now_ns, sent_ns, c->trip.smoothed);
    if (amount > 0)
        rill_value_passed(&c->value, now_ns, sent_ns, rill_congestion_traffic(c), amount);
    rill_value_answered(&c->value, now_ns, rill_congestion_traffic(c));
    rill_value_update(&c->value, rill_congestion_traffic(c));
}

void rill_congestion_refused(rill_congestion *c, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                             rill_congestion_signal signal)
{
    uint64_t in_flight = c->value.in_flight;

    take(c, amount);
    /* Liquidity cannot be short for no money: whatever it is, fewer packets help. */
    if (signal == RILL_SIGNAL_VALUE && amount == 0)
        signal = RILL_SIGNAL_PACKETS;
    switch (signal) {
    case RILL_SIGNAL_VALUE:
        rill_value_refused(&c->value, now_ns, sent_ns, rill_congestion_traffic(c), amount,
                           in_flight);
        break;
    case RILL_SIGNAL_PACKETS:
    case RILL_SIGNAL_LATE:
        rill_packets_refused(&c->packets, now_ns, sent_ns, c->trip.smoothed);
        break;
    case RILL_SIGNAL_FAILED:
    case RILL_SIGNAL_LOST:
        failed(c, now_ns, sent_ns);
        break;
    }
    rill_value_answered(&c->value, now_ns, rill_congestion_traffic(c));
    rill_value_update(&c->value, rill_congestion_traffic(c));
}

void rill_congestion_tested(rill_congestion *c, uint64_t now_ns, uint64_t passes, uint64_t too_much)
{
    rill_value_probed(&c->value, passes);
    if (too_much != UINT64_MAX)
        rill_value_tested(&c->value, now_ns, passes, too_much);
    rill_value_update(&c->value, rill_congestion_traffic(c));
}

void rill_congestion_useless(rill_congestion *c)
{
    rill_value_widen(&c->value);
    rill_value_update(&c->value, rill_congestion_traffic(c));
}
