/* SPDX-License-Identifier: Apache-2.0 */
/* The simulator's only source of chance: xoshiro256**, seeded by splitmix64. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_rng {
    uint64_t s[4];
} sim_rng;

/*
 * lane separates generators of one seed, so that draws of one part do not shift those of another.
 */
void sim_rng_seed(sim_rng *r, uint64_t seed, uint64_t lane);
uint64_t sim_rng_next(sim_rng *r);
/* Less than n; n is not 0. */
uint64_t sim_rng_below(sim_rng *r, uint64_t n);
/* lo to hi, both included. */
uint64_t sim_rng_range(sim_rng *r, uint64_t lo, uint64_t hi);
/* lo to hi, every order of magnitude as likely as the next; lo is not 0. */
uint64_t sim_rng_magnitude(sim_rng *r, uint64_t lo, uint64_t hi);
bool sim_rng_chance(sim_rng *r, uint32_t permille);
void sim_rng_fill(sim_rng *r, uint8_t *out, uint64_t len);
/* A good mix of one word: for patterns and digests. */
uint64_t sim_mix(uint64_t x);

#endif
