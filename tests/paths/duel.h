/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same payment on the same path, by Rill and by the model of the reference. Rill must not be
 * worse.
 */
#ifndef PATHS_DUEL_H
#define PATHS_DUEL_H

#include "flow.h"

/* Returns how many were lost. only: part of a name, or NULL. number: of TAP's lines. */
int paths_duels_named(uint64_t seed, const char *only, bool tap, unsigned *number);
int paths_duels_drawn(uint64_t seed, uint64_t count, bool tap, unsigned *number);

#endif
