/* SPDX-License-Identifier: Apache-2.0 */
/* The peer that has the keys and keeps no rule: its packets are what the input says. */
#ifndef RILL_FUZZ_RAW_H
#define RILL_FUZZ_RAW_H

#include "world.h"

/* A Prepare to the endpoint, which the path then has. */
void raw_send(world *w, program *p);
/* A reply to one of the endpoint's Prepares: takes the item. */
void raw_answer(world *w, program *p, world_item *item);

#endif
