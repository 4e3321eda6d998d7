/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table from 64-bit keys to pointers, with open addressing. It grows a little with each
 * insertion, so no insertion takes long.
 */
#ifndef RILL_BASE_MAP_H
#define RILL_BASE_MAP_H

#include <rill/types.h>

typedef struct rill_map_slot {
    uint64_t key;
    void *value; /* NULL: free; a mark inside map.c: removed */
} rill_map_slot;

typedef struct rill_map {
    const rill_allocator *allocator;
    rill_map_slot *slots; /* the table that insertions go to */
    rill_map_slot *old;   /* the table before it; each put moves a few slots out of it; or NULL */
    rill_map_slot *next;  /* the table after it; each put clears a few slots of it; or NULL */
    size_t capacity;      /* powers of two, or 0 */
    size_t old_capacity;
    size_t next_capacity;
    size_t old_next;     /* slots of old before this one are moved */
    size_t next_cleared; /* slots of next before this one are cleared */
    size_t used;         /* slots of `slots` that are not free: entries and marks */
    size_t count;        /* entries */
    uint64_t seed;       /* random, so that outsiders cannot choose keys that collide */
    bool dense;          /* rill_map_make_dense */
} rill_map;

/* Allocates nothing yet. The allocator is kept. */
void rill_map_init(rill_map *m, const rill_allocator *allocator, uint64_t seed);
void rill_map_clear(rill_map *m);
/*
 * For a table that is looked into rarely: it grows when four fifths of its slots are used, and not
 * when half of them are. So it takes less memory, and a lookup has to pass over more slots. Before
 * the first put; rill_map_clear keeps it.
 */
void rill_map_make_dense(rill_map *m);
/* value is not NULL. RILL_ERR_NOMEM; RILL_ERR_EXISTS. */
RILL_MUST_CHECK int rill_map_put(rill_map *m, uint64_t key, void *value);
/* NULL if there is none. */
void *rill_map_get(const rill_map *m, uint64_t key);
/* Tells the processor that the key will be looked up soon, so that it loads the slot meanwhile. */
void rill_map_prefetch(const rill_map *m, uint64_t key);
/* Gives an entry another value. This cannot fail; false if there is no such entry. */
bool rill_map_replace(rill_map *m, uint64_t key, void *value);
/* Takes an entry out and returns it; NULL if there is none. */
void *rill_map_remove(rill_map *m, uint64_t key);
size_t rill_map_count(const rill_map *m);
/*
 * Gives every entry once, in no particular order. Start with *cursor 0. Returns false at the end.
 * Entries may be removed during the iteration, but none may be put.
 */
bool rill_map_next(const rill_map *m, size_t *cursor, uint64_t *key, void **value);

#endif
