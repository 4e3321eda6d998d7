/* SPDX-License-Identifier: Apache-2.0 */
#include "base/names.h"

#include <rill/error.h>

#include <assert.h>
#include <string.h>

#include "base/cursor.h"

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
}

/* Little-endian on every machine, so that the published test vectors hold. */
static inline uint64_t load_whole(const uint8_t data[8])
{
    return __builtin_bswap64(rill_load_u64(data));
}

/* The same of fewer than eight bytes. */
static uint64_t load(const uint8_t *data, size_t len)
{
    uint64_t word = 0;
    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)data[i] << (8 * i);
    return word;
}

uint64_t rill_siphash(const uint64_t key[2], const uint8_t *data, size_t len)
{
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575),
        key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261),
        key[1] ^ UINT64_C(0x7465646279746573),
    };
    size_t whole = len & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8)
        absorb(v, load_whole(data + i));
    /* data may be NULL where there is nothing left of it. */
    uint64_t rest = len > whole ? load(data + whole, len - whole) : 0;
    absorb(v, rest | (uint64_t)len << 56);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static bool same(rill_bytes a, rill_bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

void rill_names_init(rill_names *n, const rill_allocator *allocator, const uint64_t key[2])
{
    memcpy(n->key, key, sizeof n->key);
    rill_map_init(&n->map, allocator, key[0] ^ key[1]);
}

void rill_names_clear(rill_names *n)
{
    rill_map_clear(&n->map);
}

rill_name *rill_names_find(const rill_names *n, rill_bytes bytes)
{
    rill_name *name = rill_map_get(&n->map, rill_siphash(n->key, bytes.data, bytes.len));
    return name != NULL && same(name->bytes, bytes) ? name : NULL;
}

uint64_t rill_names_begin(const rill_names *n, rill_bytes bytes)
{
    uint64_t hash = rill_siphash(n->key, bytes.data, bytes.len);
    rill_map_prefetch(&n->map, hash);
    return hash;
}

rill_name *rill_names_candidate(const rill_names *n, uint64_t begun)
{
    return rill_map_get(&n->map, begun);
}

bool rill_name_is(const rill_name *name, rill_bytes bytes)
{
    return same(name->bytes, bytes);
}

int rill_names_put(rill_names *n, rill_name *name, rill_bytes bytes)
{
    uint64_t hash = rill_siphash(n->key, bytes.data, bytes.len);
    const rill_name *other = rill_map_get(&n->map, hash);
    if (other != NULL)
        return same(other->bytes, bytes) ? RILL_ERR_EXISTS : RILL_ERR_LIMIT;
    name->bytes = bytes;
    return rill_map_put(&n->map, hash, name);
}

void rill_names_remove(rill_names *n, rill_name *name)
{
    uint64_t hash = rill_siphash(n->key, name->bytes.data, name->bytes.len);
    const void *removed = rill_map_remove(&n->map, hash);
    assert(removed == name);
    (void)removed;
}

size_t rill_names_count(const rill_names *n)
{
    return rill_map_count(&n->map);
}

rill_name *rill_names_next(const rill_names *n, size_t *cursor)
{
    uint64_t hash = 0;
    void *value = NULL;
    return rill_map_next(&n->map, cursor, &hash, &value) ? value : NULL;
}
