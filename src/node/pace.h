/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an account may be sent in a second, and how much may pass to it and from it. How many
 * packets may come from it is among its terms. Only who has such limits has one of these.
 */
#ifndef RILL_NODE_PACE_H
#define RILL_NODE_PACE_H

#include <rill/types.h>

#include "base/rate_limit.h"

/*
 * The owner of the terms sets the limits, which may change between two packets, and keeps the
 * buckets. All zero: no limits, and full.
 */
typedef struct rill_pace {
    rill_rate_limit packets_to; /* Prepares that are sent to it */
    uint64_t amount_from;       /* units a second in Prepares from it; 0: no limit */
    uint64_t amount_to;         /* units a second in those to it; 0: no limit */
    rill_bucket sent;
    rill_value_bucket from;
    rill_value_bucket to;
} rill_pace;

/* What a packet took, to be given back if it comes to nothing. */
typedef struct rill_paced {
    rill_value_mark from;
    rill_value_mark to;
} rill_paced;

typedef enum rill_pace_verdict {
    RILL_PACE_KEPT,
    RILL_PACE_FROM,     /* T04: the source's amount a second */
    RILL_PACE_TO,       /* T04: the destination's */
    RILL_PACE_SENT,     /* T05: the destination's packets a second */
    RILL_PACE_TOO_LARGE /* F08: more than may pass to the destination in a whole second */
} rill_pace_verdict;

/* Whose limits a packet passes, and how much it has there. */
typedef struct rill_paced_packet {
    rill_pace *source;      /* NULL: it has none */
    rill_pace *destination; /* the same */
    uint64_t amount;        /* units that come */
    uint64_t sent;          /* units that go on */
} rill_paced_packet;

/* The most in a packet from it, which by its terms may have so much. pace may be NULL. */
static inline uint64_t rill_pace_most(const rill_pace *pace, uint64_t most)
{
    return pace != NULL && pace->amount_from != 0 && pace->amount_from < most ? pace->amount_from
                                                                              : most;
}

/* Takes from all buckets, or from none. */
rill_pace_verdict rill_pace_take(const rill_paced_packet *packet, uint64_t mono_ns,
                                 rill_paced *out);
/* Rejected, expired, or never sent. The packet counts all the same. */
void rill_pace_give_back(const rill_paced_packet *packet, const rill_paced *paced,
                         uint64_t mono_ns);

#endif
