/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happens in a connector, for whoever follows it. No packet is an event: while somebody
 * follows, the counters of the accounts are looked at now and then, and what has changed is told,
 * summed since the last time. So nothing on a packet's way knows that anybody follows, and the
 * sums are exact however much there is. It knows no connections and has no clock.
 */
#ifndef RILL_CONNECTOR_EVENTS_H
#define RILL_CONNECTOR_EVENTS_H

#include <jansson.h>

#include "connector/core.h"

/* How often rill_events_look is to be called while somebody follows. */
#define RILL_EVENTS_LOOK_MS 200
/* A look goes on with the accounts where the last one ended: at most so many of them, */
#define RILL_EVENTS_ACCOUNTS 2048
/* and to the next one only while it has told less than this. */
#define RILL_EVENTS_TOLD 100
/* Each account at most that often. */
#define RILL_EVENTS_EVERY RILL_SECOND
/* What is kept for those who are behind, or come back: events, and bytes of them. */
#define RILL_EVENTS_KEPT  4096
#define RILL_EVENTS_BYTES ((size_t)1024 * 1024)
/* Settlements that are remembered, whether anybody follows or not. */
#define RILL_EVENTS_ENTRIES 100
/* After the last one has gone it goes on for so long, so that who comes back has missed nothing. */
#define RILL_EVENTS_PATIENCE (60 * RILL_SECOND)
/* Bytes of the name of an event, as who follows shows it again, with a NUL. */
#define RILL_EVENTS_ID 48

typedef struct rill_events rill_events;

typedef struct rill_event {
    uint64_t number;  /* 0: it is about this reader, and has no id */
    const char *name; /* of its kind: docs/connector.md has the table */
    const char *data; /* JSON in one line; good until anything else is called */
} rill_event;

/* run: another one for each run of the node. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_events_new(rill_events **out, const rill_allocator *allocator,
                                    uint64_t run);
/* NULL is allowed. */
void rill_events_free(rill_events *e);

/* One more follows, or one less. */
void rill_events_follow(rill_events *e);
void rill_events_leave(rill_events *e, rill_now now);
/* Nobody follows, nor may come back: rill_events_look is not wanted. What was kept is forgotten. */
bool rill_events_is_idle(rill_events *e, rill_now now);

/* Looks what has changed since the last time. Without memory something is missed, and that is told.
 */
void rill_events_look(rill_events *e, const rill_core *core);

/* ---- what is not seen by looking ---- */

/* As `entered` of rill_core_options: it is told once the books are kept up to the group. */
void rill_events_enter(rill_events *e, const rill_holder_account *a, const rill_store_entry *entry,
                       uint64_t group);
/* The configuration was read again, with so many changes. */
void rill_events_reload(rill_events *e, rill_now now, const char *who, size_t changes);
/* The entries that are remembered, the newest first; NULL: no memory. */
json_t *rill_events_entries(const rill_events *e);

/* ---- reading ---- */

/* Where who comes now begins; at least 1. */
uint64_t rill_events_end(const rill_events *e);
/*
 * Where who had this event last goes on. What is not there any more, or is of an earlier run, is
 * told as missed. 0: nobody knows how much it was.
 */
uint64_t rill_events_after(const rill_events *e, rill_bytes id);
/* The next one: false if there is none yet. *cursor is one of the above at first. */
bool rill_events_next(rill_events *e, uint64_t *cursor, rill_event *out);
/* "18c3f2a1b40.57" */
void rill_events_id(const rill_events *e, uint64_t number, char out[RILL_EVENTS_ID]);

#endif
