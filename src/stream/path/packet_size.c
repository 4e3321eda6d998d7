/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/packet_size.h"

#include <assert.h>

#include <rill/error.h>

#include "base/muldiv.h"

/* A found limit may have risen meanwhile: one packet of a larger amount is tried so often. */
#define PROBE_INTERVAL (5 * RILL_SECOND)
/* The search ends when it is as close to the limit as this part of it. */
#define PRECISION 64
/*
 * So many refusals in a row, each in spite of the maximum that the one before
 * told: then what is told is not true, and halving finds the limit.
 */
#define MAX_BELIEVED 4

void rill_packet_size_init(rill_packet_size *p, uint64_t configured)
{
    *p = (rill_packet_size){.configured = configured, .refused = UINT64_MAX};
}

static uint64_t at_most(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t at_least_one(uint64_t a)
{
    return a > 0 ? a : 1;
}

bool rill_packet_size_known(const rill_packet_size *p)
{
    if (p->refused == UINT64_MAX)
        return true;
    return p->refused - p->passed <= 1 + p->passed / PRECISION;
}

/* What passes is less than what does not: between them is the limit, or there is none. */
static void check(const rill_packet_size *p)
{
    assert(p->refused == UINT64_MAX || p->passed < p->refused);
    (void)p;
}

/* Between what passes and what does not. Both distances at least halve in a few steps. */
static uint64_t middle(const rill_packet_size *p)
{
    uint64_t size;

    /* Far apart only where the limit has risen: rather a few times too low than often refused. */
    if (p->passed > 0 && p->refused / p->passed >= 4)
        size = p->passed * 2;
    else
        size = p->passed + (p->refused - p->passed) / 2;
    assert(p->passed < size && size < p->refused); /* so that a search ends, whatever is answered */
    return size;
}

uint64_t rill_packet_size_next(const rill_packet_size *p, uint64_t now_ns)
{
    uint64_t next;

    if (p->refused == UINT64_MAX)
        return p->configured;
    if (!rill_packet_size_known(p))
        next = middle(p);
    else if (now_ns < p->probe_after)
        next = p->passed;
    else
        next = rill_add_sat(p->passed, p->modest ? p->passed / 8 + 1 : at_least_one(p->passed));
    return at_most(next, p->configured);
}

void rill_packet_size_sent(rill_packet_size *p, uint64_t amount, uint64_t now_ns)
{
    if (amount <= p->passed || p->refused == UINT64_MAX || !rill_packet_size_known(p))
        return;
    p->probe = amount;
    p->probe_after = rill_add_sat(now_ns, PROBE_INTERVAL);
}

void rill_packet_size_passed(rill_packet_size *p, uint64_t amount, uint64_t now_ns)
{
    bool searching = !rill_packet_size_known(p);

    p->refusals = 0;
    amount = at_most(amount, p->configured);
    if (amount <= p->passed)
        return;
    p->passed = amount;
    if (amount >= p->refused) {
        /* The limit has risen; by how much, only trying tells. */
        p->refused = UINT64_MAX;
        p->exact = false;
    } else if (searching && rill_packet_size_known(p)) {
        p->probe_after = rill_add_sat(now_ns, PROBE_INTERVAL);
    }
    check(p);
}

/* The maximum told for a packet of amount (at least 1); false where data tells none. */
static bool told_maximum(uint64_t amount, rill_bytes data, uint64_t *maximum)
{
    rill_amount_too_large told;

    if (rill_amount_too_large_decode(&told, data) != RILL_OK || told.received <= told.maximum)
        return false;
    if (told.maximum == 0) {
        *maximum = 0;
        return true;
    }
    /* In the connector's units; ours are in the proportion of what arrived there. */
    *maximum = rill_mul_div_floor_sat(amount, told.maximum, told.received);
    if (*maximum == 0)
        *maximum = 1;
    *maximum = at_most(*maximum, amount - 1);
    return true;
}

bool rill_packet_size_is_told(uint64_t amount, rill_bytes data)
{
    uint64_t maximum;

    return amount > 1 && told_maximum(amount, data, &maximum) && maximum > 0;
}

void rill_packet_size_refused(rill_packet_size *p, uint64_t amount, rill_bytes data,
                              uint64_t now_ns)
{
    uint64_t maximum;
    bool probe =
        p->probe != 0 ? amount == p->probe : rill_packet_size_known(p) && now_ns >= p->probe_after;
    /* One of many packets that left before the first of them came back. */
    bool stale = amount >= p->refused && !probe;

    /* Nothing is too large about no money: whoever says so is not answered by sending less. */
    if (amount == 0)
        return;
    /* UINT64_MAX stands for none. */
    amount = at_most(amount, UINT64_MAX - 1);
    if (!stale && p->refusals <= MAX_BELIEVED)
        p->refusals += 1;
    if (probe)
        p->probe = 0;
    if (p->refusals <= MAX_BELIEVED && told_maximum(amount, data, &maximum)) {
        /* Of stale packets only what rounding makes of the maximum differs: the least counts. */
        if (stale && maximum >= p->passed)
            return;
        p->passed = maximum;
        p->refused = maximum + 1;
        p->exact = true;
    } else if (probe && amount > p->refused && p->passed > 0) {
        p->exact = false; /* what was known still holds */
        p->modest = !p->modest;
    } else if (!stale) {
        if (amount <= p->passed)
            p->passed = 0;
        p->refused = amount;
        p->exact = false;
    }
    check(p);
    if (!stale)
        p->probe_after = rill_add_sat(now_ns, PROBE_INTERVAL);
}
