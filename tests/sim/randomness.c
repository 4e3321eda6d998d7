/* SPDX-License-Identifier: Apache-2.0 */
/* OpenSSL has deprecated its own way to replace the generator, and offers no short new one. */
#define OPENSSL_API_COMPAT 0x10100000L

#include "randomness.h"

#include "rng.h"

#include <openssl/rand.h>
#include <stdlib.h>

static sim_rng generator;

static int fill(unsigned char *out, int len)
{
    sim_rng_fill(&generator, out, (uint64_t)len);
    return 1;
}

static int ready(void)
{
    return 1;
}

void sim_randomness_seed(uint64_t seed)
{
    static const RAND_METHOD method = {NULL, fill, NULL, NULL, fill, ready};
    sim_rng_seed(&generator, seed, 999);
    if (RAND_set_rand_method(&method) != 1)
        abort();
}
