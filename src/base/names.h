/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of things that are found by name (bytes), in time that does not grow
 * with their number. Names come from strangers, so the hash is keyed
 * (SipHash-2-4): nobody outside can choose names that collide. Two names of
 * one 64-bit hash are so unlikely that the second is simply refused.
 */
#ifndef RILL_BASE_NAMES_H
#define RILL_BASE_NAMES_H

#include "base/map.h"

/* Intrusive; name points to bytes that stay while the node is in the set. */
typedef struct rill_name {
    rill_bytes bytes;
} rill_name;

typedef struct rill_names {
    rill_map map;
    uint64_t key[2];
} rill_names;

/* key: 16 random bytes. */
void rill_names_init(rill_names *n, const rill_allocator *allocator, const uint64_t key[2]);
/* The things themselves are their owner's. */
void rill_names_clear(rill_names *n);
/* RILL_ERR_EXISTS, RILL_ERR_LIMIT (another name has its hash), RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_names_put(rill_names *n, rill_name *name, rill_bytes bytes);
/* NULL where there is none. */
rill_name *rill_names_find(const rill_names *n, rill_bytes bytes);
/*
 * The same in steps, so that who has something else to do need not wait for
 * memory: begin, with what the next two are to be given; candidate, which has
 * not been looked at (nor may be, before it is there); and whether it is the one.
 */
uint64_t rill_names_begin(const rill_names *n, rill_bytes bytes);
rill_name *rill_names_candidate(const rill_names *n, uint64_t begun);
bool rill_name_is(const rill_name *name, rill_bytes bytes);
void rill_names_remove(rill_names *n, rill_name *name);
size_t rill_names_count(const rill_names *n);
/* Each once, in no order: start with *cursor 0; NULL at the end. Removing meanwhile is allowed. */
rill_name *rill_names_next(const rill_names *n, size_t *cursor);

uint64_t rill_siphash(const uint64_t key[2], const uint8_t *data, size_t len);

#endif
