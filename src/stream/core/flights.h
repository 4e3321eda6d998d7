/* SPDX-License-Identifier: Apache-2.0 */
/* The Prepares of a connection that are out, and those of them whose answer is late. */
#ifndef RILL_STREAM_FLIGHTS_H
#define RILL_STREAM_FLIGHTS_H

#include <assert.h>

#include "stream/core/flight.h"

/* Each is in one of the three lists, and counted once in count. */
typedef struct rill_flights {
    rill_list out;        /* in the order of sending: a reply is awaited */
    rill_list aside;      /* in doubt or overdue, by expiry */
    rill_list lost;       /* in doubt, and expired */
    uint32_t count;       /* of all */
    uint32_t doubt_count; /* that nobody can answer any more */
    uint32_t overdue_count;
    uint32_t lost_count; /* of those in doubt */
} rill_flights;

void rill_flights_init(rill_flights *fs);
/* One that has just been opened: it is out. */
static inline void rill_flights_add(rill_flights *fs, rill_flight *f)
{
    rill_list_push_back(&fs->out, &f->node);
    fs->count++;
}
/* Its outcome is known, and it was never in doubt. */
static inline void rill_flights_remove(rill_flights *fs, rill_flight *f)
{
    assert(fs->count > 0 && !f->in_doubt);
    rill_list_remove(&f->node);
    fs->count--;
    fs->overdue_count -= f->overdue;
}
/* All of them, with the connection. */
static inline void rill_flights_dropped(rill_flights *fs, uint32_t dropped)
{
    assert(dropped == fs->count); /* each was in one of the lines, and counted once */
    (void)dropped;
    fs->count = 0;
}
/* Its reply should have come long ago. */
void rill_flights_overdue(rill_flights *fs, rill_flight *f);
/* Its reply has come, or cannot come any more: as if it had never been overdue. False: it was not.
 */
bool rill_flights_found(rill_flights *fs, rill_flight *f);
/* No reply can come any more. */
void rill_flights_doubt(rill_flights *fs, rill_flight *f);
/* One in doubt has expired. */
void rill_flights_lost(rill_flights *fs, rill_flight *f);
/* What became of one that was lost is known. */
void rill_flights_resolve(rill_flights *fs, rill_flight *f);
/* Those whose reply is awaited. */
static inline uint32_t rill_flights_awaited(const rill_flights *fs)
{
    return fs->count - fs->doubt_count - fs->overdue_count;
}
/* The one that waits for longest, of out or aside; NULL: none. */
static inline rill_flight *rill_flights_first(const rill_list *list)
{
    return rill_list_empty(list) ? NULL : RILL_CONTAINER(list->next, rill_flight, node);
}
/* When the last of those that have not expired does; RILL_NEVER: there is none. */
uint64_t rill_flights_last_expiry(const rill_flights *fs);

#endif
