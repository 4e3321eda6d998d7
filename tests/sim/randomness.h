/* SPDX-License-Identifier: Apache-2.0 */
/* The cryptography's random bytes, taken from the seed: equal runs have equal packets. */
#ifndef SIM_RANDOMNESS_H
#define SIM_RANDOMNESS_H

#include <stdint.h>

void sim_randomness_seed(uint64_t seed);

#endif
