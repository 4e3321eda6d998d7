/* SPDX-License-Identifier: Apache-2.0 */
#include "rng.h"

uint64_t sim_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void sim_rng_seed(sim_rng *r, uint64_t seed, uint64_t lane)
{
    uint64_t x = sim_mix(seed) ^ sim_mix(lane + UINT64_C(0x5151));
    for (unsigned i = 0; i < 4; i++) {
        x = sim_mix(x);
        r->s[i] = x;
    }
}

static uint64_t rotate(uint64_t x, unsigned k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t sim_rng_next(sim_rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t sim_rng_below(sim_rng *r, uint64_t n)
{
    return sim_rng_next(r) % n;
}

uint64_t sim_rng_range(sim_rng *r, uint64_t lo, uint64_t hi)
{
    if (hi - lo == UINT64_MAX)
        return sim_rng_next(r);
    return lo + sim_rng_below(r, hi - lo + 1);
}

uint64_t sim_rng_magnitude(sim_rng *r, uint64_t lo, uint64_t hi)
{
    unsigned low = 63U - (unsigned)__builtin_clzll(lo);
    unsigned high = 63U - (unsigned)__builtin_clzll(hi);
    unsigned bit = (unsigned)sim_rng_range(r, low, high);
    uint64_t from = UINT64_C(1) << bit;
    uint64_t x = from + sim_rng_below(r, from);
    return x < lo ? lo : x > hi ? hi : x;
}

bool sim_rng_chance(sim_rng *r, uint32_t permille)
{
    /*
     * No draw for something that never happens, so that turning a fault off does not move the
     * others.
     */
    return permille != 0 && sim_rng_below(r, 1000) < permille;
}

void sim_rng_fill(sim_rng *r, uint8_t *out, uint64_t len)
{
    for (uint64_t i = 0; i < len; i += 8) {
        uint64_t x = sim_rng_next(r);
        for (uint64_t j = i; j < len && j < i + 8; j++, x >>= 8)
            out[j] = (uint8_t)x;
    }
}
