/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How packets of an account ended that were not fulfilled in time: counted, with their amounts.
 * Most accounts have none, so it is allocated when the first of them comes.
 */
#ifndef RILL_CONNECTOR_OUTCOMES_H
#define RILL_CONNECTOR_OUTCOMES_H

#include <rill/ilp.h>

#include "node/terms.h"

/* Amounts saturate. */
typedef struct rill_tally {
    uint64_t packets;
    uint64_t amount; /* units */
} rill_tally;

/* All since the node began. All zero: none yet. */
typedef struct rill_outcomes {
    rill_tally from_rejected; /* packets from it, by the neighbour that they were sent to */
    rill_tally from_failed;   /* ... by this node, but for the next */
    uint64_t limited;         /* ... by this node, as above its packets a second */
    /* Packets to it that it rejected, by rill_ilp_code_id; the last: any other code. */
    uint64_t to_rejected[RILL_ILP_CODE_UNKNOWN + 1];
    uint64_t to_rejected_amount;
    rill_tally to_failed; /* packets to it that it did not answer, or not in time, or wrongly */
    /*
     * Packets to it that were rejected here as too late, or as its link was lost, and that it
     * fulfilled all the same: it has booked them, and this node has not.
     */
    rill_tally late;
    /*
     * Packets to it whose answer could not come any more though they had not expired: it may have
     * fulfilled them. Those of which that is known later are in `late`, too.
     */
    rill_tally unanswered;
    rill_tally late_new; /* of them, those that the audit was not told of */
    uint64_t late_told;  /* when the audit was told last: wall clock, ms; 0: not yet */
} rill_outcomes;

void rill_tally_add(rill_tally *t, uint64_t amount);
/* A packet from it was not fulfilled. */
void rill_outcomes_count_from(rill_outcomes *o, const rill_money_reject *r);
/* A packet to it was not fulfilled. */
void rill_outcomes_count_to(rill_outcomes *o, const rill_money_reject *r);

#endif
