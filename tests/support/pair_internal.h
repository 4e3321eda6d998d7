/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a pair share. */
#ifndef RILL_TESTS_PAIR_INTERNAL_H
#define RILL_TESTS_PAIR_INTERNAL_H

#include "pair.h"

typedef struct pair_item {
    struct pair_item *next;
    uint64_t due;
    uint64_t serial;
    bool reply;
    bool answer_lost;
    pair_side to;
    uint64_t request; /* the sender's name for it */
    uint64_t amount;  /* at the sender */
    uint64_t delay;
    size_t len;
    uint8_t bytes[];
} pair_item;

/* What the clocks of a side show. The monotonic one stands still while the side is asleep. */
rill_now pair_now(const pair *p, pair_side side);
void pair_start_time(pair *p);
void pair_set_time(pair *p, uint64_t mono_ns);

void pair_free_items(pair_item *i);
/* Whether there was anything. */
bool pair_send_all(pair *p, pair_side side);
bool pair_deliver_due(pair *p);

#endif
