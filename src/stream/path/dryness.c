/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/path/dryness.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/path/limit.h"

#define LEAST_WAIT (10 * RILL_MS)
#define MOST_WAIT  RILL_SECOND
/* Waits for part of a round trip each, before they double; or for part of the time that it was dry
 * before: a balance is settled again and again, and nobody asks more often than that is worth. */
#define PATIENT_WAITS 32
#define LASTED_PART   16
/* Waits, each of which makes what asks half as large; and so often at most. */
#define HALVED_AFTER 4
#define MOST_HALVED  15
/* So many: any size is tried. */
#define LONG_WAITS 64

static unsigned halvings(const rill_dryness *d)
{
    return d->widened ? 0 : (unsigned)at_most(d->waits / HALVED_AFTER, MOST_HALVED);
}

void rill_dryness_wait(rill_dryness *d, uint64_t now_ns, uint64_t rtt)
{
    if (d->whole_next) /* small ones pass: they need not be smaller */
        d->whole_next = false;
    else if (d->waits < UINT32_MAX && ++d->waits % HALVED_AFTER == 0)
        d->trickled = 0;
    if (d->waits <= PATIENT_WAITS)
        d->wait = at_least(at_least(rtt / 4, d->lasted / LASTED_PART), LEAST_WAIT);
    else
        d->wait = rill_add_sat(d->wait, d->wait);
    d->wait = at_most(d->wait, MOST_WAIT);
    d->wait_until = rill_add_sat(now_ns, d->wait);
}

uint64_t rill_dryness_asks(const rill_dryness *d, uint64_t whole)
{
    return at_least(whole >> (d->whole_next ? 0 : halvings(d)), 1);
}

bool rill_dryness_is_long(const rill_dryness *d)
{
    return d->waits >= LONG_WAITS;
}

rill_dryness_says rill_dryness_passed(rill_dryness *d, uint64_t whole, uint64_t amount,
                                      uint64_t *asks)
{
    uint64_t piece = at_least(whole >> halvings(d), 1);

    assert(amount > 0); /* what carries no money says nothing about whether money passes */
    if (!d->dry || halvings(d) == 0 || amount >= whole)
        return RILL_DRYNESS_OVER;
    d->trickled = rill_add_sat(d->trickled, amount);
    *asks = piece;
    /* Of what is left of a balance one that is half as large as those refused passes once. */
    if (d->trickled >= whole || d->trickled / 4 >= piece)
        return RILL_DRYNESS_SMALL;
    d->whole_next = true;
    d->wait_until = 0;
    return RILL_DRYNESS_TRICKLES;
}

void rill_dryness_end(rill_dryness *d, uint64_t now_ns)
{
    bool was = d->dry && d->waits > 1; /* all the time */
    uint64_t dry_at = was ? now_ns : d->dry_at;
    uint64_t lasted = was ? rill_sub_sat(now_ns, d->since) : d->lasted;

    *d = (rill_dryness){.dry_at = dry_at, .lasted = lasted};
}
