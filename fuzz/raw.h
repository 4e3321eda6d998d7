/* SPDX-License-Identifier: Apache-2.0 */
/* A peer that has the keys and keeps no rules: its packets are what the input says. */
#ifndef RILL_FUZZ_RAW_H
#define RILL_FUZZ_RAW_H

#include "world.h"

/* Makes a Prepare to the endpoint, and gives it to the path. */
void raw_send(world *w, program *p);
/* Makes a reply to one of the endpoint's Prepares. Takes the item. */
void raw_answer(world *w, program *p, world_item *item);

#endif
