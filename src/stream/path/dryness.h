/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A path that passed money before and passes none now: a balance is used up until it is settled, or
 * a connector has no liquidity. That says nothing of how much passes at a time, so what was known
 * of that is kept: one packet at a time asks whether there is value again, after waits that become
 * longer, and with less in it the longer it takes.
 *
 * A small packet that passes may be the end of a balance, or the first of a new one: before small
 * ones are taken for all that passes, a whole one is tried.
 */
#ifndef RILL_STREAM_DRYNESS_H
#define RILL_STREAM_DRYNESS_H

#include <rill/types.h>

/* All zero at first. Times are monotonic ns. */
typedef struct rill_dryness {
    bool dry;
    bool whole_next; /* a small packet has passed: a whole one is next */
    bool widened;    /* what asked was too little to be worth anything: it is halved no more */
    uint32_t waits;  /* since something passed */
    uint64_t wait;   /* the last of them, ns; 0: none since something passed */
    uint64_t wait_until;
    uint64_t trickled; /* passed in packets that were halved so often, or less */
    uint64_t dry_at;   /* it still was, last */
    uint64_t since;    /* it is dry */
    uint64_t lasted; /* ns that it was dry the last time, or, where that was an accident, before */
} rill_dryness;

typedef enum rill_dryness_says {
    RILL_DRYNESS_OVER,     /* value flows as before */
    RILL_DRYNESS_TRICKLES, /* less than a whole packet passes: one is tried */
    RILL_DRYNESS_SMALL     /* only packets of the size that asks pass, and no larger ones */
} rill_dryness_says;

/* Money was refused, and passed before. Once may be an accident: twice in a row it has been dry all
 * the time. */
static inline void rill_dryness_refused(rill_dryness *d, uint64_t now_ns)
{
    if (d->dry)
        d->dry_at = now_ns;
    else
        d->since = now_ns;
    d->dry = true;
}
/* Money waits from now on, longer if it has been waiting for long. rtt: ns; 0 where unknown. */
void rill_dryness_wait(rill_dryness *d, uint64_t now_ns, uint64_t rtt);
/* So much asks a dry path, where `whole` is a packet of the size that passed before: 1 at least. */
uint64_t rill_dryness_asks(const rill_dryness *d, uint64_t whole);
/* Dry for so long that any size is tried. */
bool rill_dryness_is_long(const rill_dryness *d);
/* A packet has passed. asks: what RILL_DRYNESS_SMALL is about, where it is that. */
rill_dryness_says rill_dryness_passed(rill_dryness *d, uint64_t whole, uint64_t amount,
                                      uint64_t *asks);
/* It is over, at now_ns. */
void rill_dryness_end(rill_dryness *d, uint64_t now_ns);

#endif
