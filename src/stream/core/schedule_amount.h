/* SPDX-License-Identifier: Apache-2.0 */
/* How much of a stream's money the next packet carries, and the least that it must bring. */
#ifndef RILL_STREAM_SCHEDULE_AMOUNT_H
#define RILL_STREAM_SCHEDULE_AMOUNT_H

#include "stream/core/connection_internal.h"

typedef struct rill_choice {
    uint64_t amount;
    uint64_t minimum; /* that it must bring */
    uint64_t brings;  /* as hoped */
    bool trial;       /* that it brings so much has not been seen */
    bool alone;       /* its answer decides what comes next */
} rill_choice;
/* A packet size is searched, between what passed and what was refused. */
bool rill_amount_searches(const rill_connection *c);
/* Packets of money may be so large, as far as is known; 0 while that is searched. */
uint64_t rill_amount_limit(const rill_connection *c);
/* A packet of s, which may send room units, of at most `most`. False: none is worth it. */
bool rill_amount_choose(const rill_connection *c, const rill_stream *s, uint64_t room,
                        uint64_t most, rill_choice *out);
/* One for several streams together, who have all to send. */
bool rill_amount_choose_shared(const rill_connection *c, uint64_t most, uint64_t all,
                               rill_choice *out);
/* Raises f->minimum so that each stream of f keeps its own; false where more than brings. */
bool rill_amount_share(rill_flight *f, uint64_t brings);
/* Why nothing of s is worth a packet: RILL_ERR_RATE, RILL_ERR_TOO_LITTLE, or RILL_ERR_IN_DOUBT
 * where the rest of the payment is. */
int rill_amount_problem(const rill_connection *c, const rill_stream *s);
/* What s has to send will not be sent: its goal, or its end, fails. */
void rill_amount_give_up(rill_stream *s, int error);
/* All those of which nothing is worth sending. */
void rill_amount_give_up_vain(rill_connection *c);

#endif
