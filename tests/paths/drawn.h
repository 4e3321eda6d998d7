/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PATHS_DRAWN_H
#define PATHS_DRAWN_H

#include "cases.h"

typedef struct paths_drawn {
    paths_case c; /* with a name of its own, and the changes of the path */
    paths_config then;
    char name[320];
} paths_drawn;

/* Draws the path of a seed. d must not move afterwards. */
void paths_draw(paths_drawn *d, uint64_t seed);

#endif
