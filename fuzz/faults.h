/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a fuzz target lets fail, and what it makes certain: memory that is counted, random bytes
 * that are the same in every run, and a countdown to the allocation or the call of cryptography
 * that fails.
 */
#ifndef RILL_FUZZ_FAULTS_H
#define RILL_FUZZ_FAULTS_H

#include <rill/types.h>

typedef struct fuzz_faults {
    unsigned allocation; /* counts down; the allocation that reaches 0 fails; 0: none fails */
    unsigned crypto;     /* the same for calls of cryptography */
    unsigned failed;     /* how many have failed since the reset */
    size_t blocks;       /* bytes allocated and not freed */
    size_t bytes;
    size_t peak;
} fuzz_faults;

extern fuzz_faults fuzz_fault;

/* Call it before each input. Nothing may be allocated then. */
void fuzz_faults_reset(uint64_t seed);
/* The deterministic stream of "random" bytes. */
void fuzz_random(uint8_t *out, size_t len);
/* Whether this call of cryptography fails. */
bool fuzz_crypto_fails(void);

const rill_allocator *fuzz_allocator(void);

#endif
