/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a connection, and those of them that wait for something. */
#ifndef RILL_STREAM_STREAMS_H
#define RILL_STREAM_STREAMS_H

#include "base/list.h"
#include "base/map.h"
#include "stream/core/stream_internal.h"
#include "stream/wire/id_set.h"
#include <rill/connection.h>

typedef struct rill_streams {
    rill_map by_id;
    rill_list all;        /* ascending by opening */
    rill_list eventful;   /* with events to be fetched */
    rill_list telling;    /* with something to be told */
    rill_list with_money; /* that may have money to send */
    rill_list with_data;  /* that may have bytes to send */
    rill_list unsettled;  /* that are marked (settle.h) */
    uint32_t not_over;    /* whose end has not been announced */
    uint32_t waited;      /* that end or are closed, and that the connection's end waits for */
    rill_id_set opened_by_remote;
    uint64_t next_id;       /* of ours */
    uint64_t max_remote_id; /* ids that the other side may open */
    uint32_t paying;        /* streams with a total that is to be sent */
    bool wants_another;     /* the application wants one more than we may open */
} rill_streams;

/* NULL: there is none. Most connections have one stream, which is at hand. */
static inline rill_stream *rill_streams_find(const rill_streams *streams, uint64_t id)
{
    rill_stream *first = NULL;
    if (!rill_list_empty(&streams->all))
        first = RILL_CONTAINER(streams->all.next, rill_stream, node);
    return first && first->id == id ? first : rill_map_get(&streams->by_id, id);
}
/*
 * What becomes of a stream with this id, where a frame names it. RILL_OK: it is open, or may be
 * opened; RILL_ERR_STREAM_ID, RILL_ERR_PROTOCOL (parity), RILL_ERR_CLOSED (was open).
 */
RILL_MUST_CHECK int rill_connection_check_stream(const rill_connection *c, uint64_t id);
/* A stream that the other side opened is over: it may open another one. */
void rill_connection_allow_another(rill_connection *c);

#endif
