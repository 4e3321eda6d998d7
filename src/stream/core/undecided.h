/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming packets of a connection whose money waits for the application's decision. */
#ifndef RILL_STREAM_UNDECIDED_H
#define RILL_STREAM_UNDECIDED_H

#include "base/list.h"
#include <rill/connection.h>

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
    uint64_t decision;
    uint64_t request;
    uint64_t sequence;
    uint64_t amount;
    uint64_t expires_at;  /* wall milliseconds */
    uint64_t deadline_ns; /* monotonic, of the same */
    uint8_t fulfillment[32];
    uint8_t packet_id[32];
    uint32_t part_count;
    struct {
        rill_stream *stream;
        uint64_t amount;
    } parts[];
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

#endif
