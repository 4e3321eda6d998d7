/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming packets of a connection whose money waits for the application's decision. */
#ifndef RILL_STREAM_UNDECIDED_H
#define RILL_STREAM_UNDECIDED_H

#include "base/list.h"
#include "stream/core/part.h"
#include <rill/endpoint.h>

/*
 * An incoming packet that the application has been asked about. Once it can only
 * be refused (it has expired, or its connection ends) it is settled: it lets go of its
 * streams, and stays to be answered by whoever was asked.
 */
typedef struct rill_undecided {
    rill_list node;              /* of the connection: waiting, or settled */
    rill_list ask_node;          /* of the connection, while the event waits to be fetched */
    rill_list old_node;          /* of the endpoint, once it is settled and the event was fetched */
    rill_connection *connection; /* NULL: freed, which only a settled one outlives */
    bool settled;
    bool limits_open; /* the application sets a limit that the parts are held against */
    uint64_t decision;
    uint64_t request;
    uint64_t sequence;
    uint64_t amount;
    uint64_t expires_at;  /* wall milliseconds */
    uint64_t deadline_ns; /* monotonic, of the same */
    uint8_t fulfillment[32];
    uint8_t packet_id[32];
    uint32_t part_count;
    rill_part parts[];
} rill_undecided;

/* Those of one connection. */
typedef struct rill_undecided_set {
    rill_list waiting;
    rill_list settled;        /* to be refused, whenever that is asked for */
    rill_list unasked;        /* of both, whose event waits to be fetched */
    uint64_t deadline;        /* not after the first of those that wait */
    uint32_t count;           /* that wait */
    uint32_t unasked_settled; /* settled, and not fetched */
} rill_undecided_set;

void rill_undecided_init(rill_undecided_set *set);
/* Whether one more packet of c may wait for a decision. */
bool rill_undecided_has_room(const rill_connection *c);
/* What the application is asked about. */
typedef struct rill_question {
    uint64_t request;
    uint64_t sequence;
    uint64_t amount;      /* of all parts */
    uint64_t expires_at;  /* wall milliseconds */
    uint64_t deadline_ns; /* monotonic, of the same */
    const uint8_t *fulfillment;
    const uint8_t *packet_id;
    const rill_part *parts; /* one for each stream */
    uint32_t part_count;
    bool limits_open;
} rill_question;
/*
 * Asks the application. The parts are reserved until it has decided, or the packet can only be
 * refused. RILL_ERR_NOMEM: all is as it was.
 */
RILL_MUST_CHECK int rill_undecided_add(rill_connection *c, const rill_question *q);
/* Those that have expired: settled. */
void rill_undecided_expire(rill_connection *c, uint64_t now_ns);
/* All of them: the connection ends, and takes no money any more. */
void rill_undecided_settle_all(rill_connection *c);
/* The next whose event waits to be fetched: it is fetched now. NULL: none. */
rill_undecided *rill_undecided_ask_next(rill_connection *c);
/* Gives back what was reserved, and lets go of the streams: it is decided, or can only be refused.
 */
void rill_undecided_release(rill_undecided *u);
/* One that is settled is answered: if its event waits to be fetched, it does not any more. */
void rill_undecided_unask(rill_undecided *u);
/* It has been answered, or never will be. */
void rill_undecided_free(rill_endpoint *e, rill_undecided *u);
/* The connection is freed: those that were asked about can still be answered. */
void rill_undecided_orphan(rill_connection *c);
void rill_undecided_free_old(rill_endpoint *e);

#endif
