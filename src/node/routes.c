/* SPDX-License-Identifier: Apache-2.0 */
#include "node/routes.h"

#include <rill/error.h>

#include <string.h>

#include "base/alloc.h"
#include "base/names.h"

/* RILL_HOP_CHILDREN */
typedef struct parent {
    rill_bytes prefix;
    uint8_t bytes[];
} parent;

/* The lowest bits of a value say what it is; all that is pointed at begins at a multiple of 4. */
enum { IS_ACCOUNT = 0, IS_PARENT = 1, IS_TERMS = 2, IS = 3 };

static void *mark(void *p, unsigned is)
{
    return (char *)p + is;
}

static void *marked(void *value, unsigned is)
{
    return ((uintptr_t)value & IS) == is ? (char *)value - is : NULL;
}

static parent *parent_of(void *value)
{
    return marked(value, IS_PARENT);
}

static rill_hop hop_of(void *value)
{
    const parent *p = parent_of(value);
    if (p != NULL)
        return (rill_hop){.kind = RILL_HOP_CHILDREN, .prefix = p->prefix};
    void *terms = marked(value, IS_TERMS);
    if (terms != NULL)
        return (rill_hop){.kind = RILL_HOP_TERMS, .terms = terms};
    return (rill_hop){.kind = RILL_HOP_ACCOUNT, .account = value};
}

void rill_routes_init(rill_routes *r, const rill_allocator *allocator, const uint64_t key[2])
{
    memset(r, 0, sizeof *r);
    r->allocator = allocator;
    memcpy(r->key, key, sizeof r->key);
    rill_map_init(&r->map, allocator, key[0] ^ key[1]);
}

void rill_routes_clear(rill_routes *r)
{
    size_t cursor = 0;
    uint64_t hash;
    void *value;
    while (rill_map_next(&r->map, &cursor, &hash, &value))
        rill_free(r->allocator, parent_of(value));
    rill_map_clear(&r->map);
}

/*
 * Where each of the address's segments ends, at most `max` of them; returns
 * their number, 0 for an empty address.
 */
static size_t segment_ends(rill_bytes address, size_t max, size_t *ends)
{
    size_t count = 0;
    for (size_t i = 0; i < address.len && count < max; i++) {
        if (i + 1 == address.len || address.data[i + 1] == '.')
            ends[count++] = i + 1;
    }
    return count;
}

static size_t count_segments(rill_bytes prefix)
{
    /* One more than is allowed, so that too many shows. */
    size_t ends[RILL_ROUTE_MAX_SEGMENTS + 1];
    return segment_ends(prefix, RILL_ROUTE_MAX_SEGMENTS + 1, ends);
}

static uint64_t hash_of(const rill_routes *r, rill_bytes prefix)
{
    return rill_siphash(r->key, prefix.data, prefix.len);
}

/* What the table has for a hop; NULL: no memory. */
static void *value_of(const rill_routes *r, rill_bytes prefix, rill_hop hop)
{
    if (hop.kind == RILL_HOP_ACCOUNT)
        return hop.account;
    if (hop.kind == RILL_HOP_TERMS)
        return mark(hop.terms, IS_TERMS);
    parent *p = rill_alloc(r->allocator, sizeof *p + prefix.len);
    if (p == NULL)
        return NULL;
    if (prefix.len > 0)
        memcpy(p->bytes, prefix.data, prefix.len);
    p->prefix = (rill_bytes){p->bytes, prefix.len};
    return mark(p, IS_PARENT);
}

int rill_routes_add(rill_routes *r, rill_bytes prefix, rill_hop hop)
{
    if (!rill_address_prefix_valid(prefix))
        return RILL_ERR_ADDRESS;
    size_t segments = count_segments(prefix);
    if (segments > RILL_ROUTE_MAX_SEGMENTS)
        return RILL_ERR_LIMIT;
    void *value = value_of(r, prefix, hop);
    if (value == NULL)
        return RILL_ERR_NOMEM;
    int rc = rill_map_put(&r->map, hash_of(r, prefix), value);
    if (rc != RILL_OK) {
        rill_free(r->allocator, parent_of(value));
        return rc;
    }
    r->by_segments[segments]++;
    if (segments > r->deepest)
        r->deepest = segments;
    return RILL_OK;
}

int rill_routes_set(rill_routes *r, rill_bytes prefix, rill_hop hop)
{
    uint64_t hash = hash_of(r, prefix);
    void *known = rill_map_get(&r->map, hash);
    if (known == NULL || hop.kind == RILL_HOP_CHILDREN)
        return rill_routes_add(r, prefix, hop);
    rill_free(r->allocator, parent_of(known));
    bool there = rill_map_replace(&r->map, hash, value_of(r, prefix, hop));
    return there ? RILL_OK : RILL_ERR_NOT_FOUND;
}

int rill_routes_remove(rill_routes *r, rill_bytes prefix)
{
    void *value = rill_map_remove(&r->map, hash_of(r, prefix));
    if (value == NULL)
        return RILL_ERR_NOT_FOUND;
    rill_free(r->allocator, parent_of(value));
    r->by_segments[count_segments(prefix)]--;
    while (r->deepest > 0 && r->by_segments[r->deepest] == 0)
        r->deepest--;
    return RILL_OK;
}

rill_hop rill_routes_of(const rill_routes *r, rill_bytes prefix)
{
    void *value = rill_map_get(&r->map, hash_of(r, prefix));
    return value == NULL ? (rill_hop){.kind = RILL_HOP_NONE} : hop_of(value);
}

/* The next length that there are prefixes of, from *n on downward. */
static bool next_length(const rill_routes *r, size_t *n)
{
    while (r->by_segments[*n] == 0) {
        if (*n == 0)
            return false;
        --*n;
    }
    return true;
}

void rill_routes_begin(const rill_routes *r, rill_bytes destination, rill_route_search *search)
{
    search->ends[0] = 0;
    search->longest = segment_ends(destination, r->deepest, search->ends + 1);
    search->any = next_length(r, &search->longest);
    if (!search->any)
        return;
    search->hash = hash_of(r, (rill_bytes){destination.data, search->ends[search->longest]});
    rill_map_prefetch(&r->map, search->hash);
}

rill_hop rill_routes_end(const rill_routes *r, rill_bytes destination,
                         const rill_route_search *search)
{
    uint64_t hash = search->hash;
    size_t n = search->longest;
    bool any = search->any;
    while (any) {
        void *value = rill_map_get(&r->map, hash);
        if (value != NULL)
            return hop_of(value);
        if (n-- == 0)
            break;
        any = next_length(r, &n);
        if (any)
            hash = hash_of(r, (rill_bytes){destination.data, search->ends[n]});
    }
    return (rill_hop){.kind = RILL_HOP_NONE};
}

rill_hop rill_routes_find(const rill_routes *r, rill_bytes destination)
{
    rill_route_search search;
    rill_routes_begin(r, destination, &search);
    return rill_routes_end(r, destination, &search);
}
