/* SPDX-License-Identifier: Apache-2.0 */
/* How fast a count grows over the last seconds. So a stall is seen, and the start is forgotten. */
#ifndef RILL_CLI_SPEED_H
#define RILL_CLI_SPEED_H

#include <rill/types.h>

#define CLI_SPEED_SAMPLES 16

typedef struct cli_speed {
    uint64_t at[CLI_SPEED_SAMPLES]; /* monotonic nanoseconds */
    uint64_t value[CLI_SPEED_SAMPLES];
    unsigned count;
    unsigned next; /* where the next sample goes */
} cli_speed;

/*
 * Adds a sample of the count, which never gets less. Samples closer than a quarter of a second are
 * left out.
 */
void cli_speed_note(cli_speed *s, uint64_t now, uint64_t value);
/* Growth in a second, rounded down. False while nothing is known. */
bool cli_speed_per_second(const cli_speed *s, uint64_t now, uint64_t value, uint64_t *out);
/* Seconds until `remaining` more, rounded up. False if it does not grow, or if nothing is known. */
bool cli_speed_left(const cli_speed *s, uint64_t now, uint64_t value, uint64_t remaining,
                    uint64_t *out);

#endif
