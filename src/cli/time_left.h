/* SPDX-License-Identifier: Apache-2.0 */
/* How much is left of the time that somebody gave for all of a command. */
#ifndef RILL_CLI_TIME_LEFT_H
#define RILL_CLI_TIME_LEFT_H

#include <stdbool.h>
#include <stdint.h>

/* All times are monotonic nanoseconds. */
typedef struct time_left {
    uint64_t until;   /* UINT64_MAX: no limit */
    uint64_t stopped; /* since then it does not count; 0: it counts */
} time_left;

/* From now on. limit: 0: none. */
void time_left_begin(time_left *t, uint64_t limit, uint64_t now);
/* What follows takes as long as it takes: a person is asked. Nothing where it is so already. */
void time_left_stop(time_left *t, uint64_t now);
void time_left_go_on(time_left *t, uint64_t now);
/* What a next step may take, into *left (0: no limit). False: nothing is left; *left is 1 then. */
bool time_left_get(const time_left *t, uint64_t now, uint64_t *left);

#endif
