/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where an address leads: a table of prefixes, of which the longest that matches by whole segments
 * decides. Looking up costs one hash for each length of prefix (in segments) that is in the table,
 * and one slot of 16 bytes, however many prefixes there are.
 *
 * A prefix is known by its hash of 64 bits (SipHash with a random key, so that nobody outside can
 * choose names that collide) and is not kept: that two prefixes have the same one happens once in
 * some hundred thousand years of new routes.
 *
 * The local node has one entry: its own address, whose children are its accounts, found by name. A
 * connector adds routes to its neighbours.
 */
#ifndef RILL_NODE_ROUTES_H
#define RILL_NODE_ROUTES_H

#include <rill/ilp.h>

#include "base/map.h"

#define RILL_ROUTE_MAX_SEGMENTS 32

struct rill_account;
struct rill_terms;

typedef enum rill_hop_kind {
    RILL_HOP_NONE,     /* no route */
    RILL_HOP_CHILDREN, /* ourselves, or the account that the next segment names */
    RILL_HOP_ACCOUNT,  /* that neighbour */
    RILL_HOP_TERMS     /* the neighbour with these terms (hub.h) */
} rill_hop_kind;

typedef struct rill_hop {
    rill_hop_kind kind;
    union {
        struct rill_account *account; /* RILL_HOP_ACCOUNT */
        struct rill_terms *terms;     /* RILL_HOP_TERMS */
    };
    rill_bytes prefix; /* RILL_HOP_CHILDREN: the one that matched; valid until it is removed */
} rill_hop;

typedef struct rill_routes {
    const rill_allocator *allocator;
    rill_map map; /* from a prefix's hash to an account, to terms, or to whose children it has */
    uint64_t key[2];
    uint32_t by_segments[RILL_ROUTE_MAX_SEGMENTS + 1]; /* prefixes of so many segments */
    size_t deepest;                                    /* segments of the longest prefix */
} rill_routes;

/* key: 16 random bytes. */
void rill_routes_init(rill_routes *r, const rill_allocator *allocator, const uint64_t key[2]);
void rill_routes_clear(rill_routes *r);
/*
 * prefix is copied; hop.prefix is not looked at. RILL_ERR_ADDRESS, RILL_ERR_EXISTS,
 * RILL_ERR_LIMIT (over RILL_ROUTE_MAX_SEGMENTS), RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int rill_routes_add(rill_routes *r, rill_bytes prefix, rill_hop hop);
/* The same, and another hop where there is one for the prefix: that cannot fail. */
RILL_MUST_CHECK int rill_routes_set(rill_routes *r, rill_bytes prefix, rill_hop hop);
/* RILL_ERR_NOT_FOUND. */
RILL_MUST_CHECK int rill_routes_remove(rill_routes *r, rill_bytes prefix);
/* What there is for this very prefix; kind RILL_HOP_NONE: nothing. */
rill_hop rill_routes_of(const rill_routes *r, rill_bytes prefix);
rill_hop rill_routes_find(const rill_routes *r, rill_bytes destination);
/*
 * The same in two steps, so that who has something else to do need not wait for memory: the slot
 * of the longest prefix is on its way into the cache after the first. Nothing may be added or
 * removed in between.
 */
typedef struct rill_route_search {
    size_t ends[RILL_ROUTE_MAX_SEGMENTS + 1]; /* of the destination's segments */
    size_t longest;                           /* in segments */
    uint64_t hash;                            /* of so many */
    bool any;                                 /* there are prefixes that are short enough */
} rill_route_search;

void rill_routes_begin(const rill_routes *r, rill_bytes destination, rill_route_search *search);
rill_hop rill_routes_end(const rill_routes *r, rill_bytes destination,
                         const rill_route_search *search);

#endif
