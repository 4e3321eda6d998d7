/* SPDX-License-Identifier: Apache-2.0 */
/* The streams of a connection, and those of them that wait for something. */
#ifndef RILL_STREAM_STREAMS_H
#define RILL_STREAM_STREAMS_H

#include <assert.h>

#include "base/list.h"
#include "base/map.h"
#include "stream/core/stream_internal.h"
#include "stream/wire/id_set.h"
#include <rill/connection.h>
#include <rill/error.h>

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

/* None, of which nobody waits for anything. server: these are a server's. */
static inline void rill_streams_init(rill_streams *streams, bool server)
{
    rill_list_init(&streams->all);
    rill_list_init(&streams->eventful);
    rill_list_init(&streams->telling);
    rill_list_init(&streams->with_money);
    rill_list_init(&streams->with_data);
    rill_list_init(&streams->unsettled);
    rill_id_set_init(&streams->opened_by_remote);
    streams->next_id = server ? 2 : 1;
}
/* So many may the other side open, before one of them is over. */
static inline void rill_streams_allow(rill_streams *streams, uint32_t count)
{
    streams->max_remote_id = 2 * (uint64_t)count;
}
/* One of ours was opened, with the next id. */
static inline void rill_streams_give_id(rill_streams *streams)
{
    streams->next_id += 2;
}
/* The application wants one more than we may open. */
static inline void rill_streams_want_another(rill_streams *streams)
{
    streams->wants_another = true;
}
/* The other side lets us open ids up to max. True: the application has waited for that. */
RILL_MUST_CHECK static inline bool rill_streams_may_open(rill_streams *streams, uint64_t max)
{
    bool waited = streams->wants_another && streams->next_id <= max;
    streams->wants_another = streams->wants_another && !waited;
    return waited;
}
/* A stream has a total to send, */
static inline void rill_streams_pay(rill_streams *streams)
{
    streams->paying++;
}
/* and has sent it, or does not go on. */
static inline void rill_streams_paid(rill_streams *streams)
{
    assert(streams->paying > 0); /* it is one of those that pay */
    streams->paying--;
}
/* A stream is there whose end is to be announced, */
static inline void rill_streams_count(rill_streams *streams)
{
    streams->not_over++;
}
/* and its end has been. */
static inline void rill_streams_over(rill_streams *streams)
{
    assert(streams->not_over > 0); /* it is one of them */
    streams->not_over--;
}
/* The connection's end waits for one stream more, */
static inline void rill_streams_wait(rill_streams *streams)
{
    streams->waited++;
}
/* or one less. */
static inline void rill_streams_wait_no_more(rill_streams *streams)
{
    assert(streams->waited > 0); /* it was counted */
    streams->waited--;
}

/*
 * Before it is put behind all others: what finds it. The first of all is at hand, and most
 * connections have no other. RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK static inline int rill_streams_name(rill_streams *streams, rill_stream *s)
{
    return rill_list_empty(&streams->all) ? RILL_OK : rill_map_put(&streams->by_id, s->id, s);
}
/* NULL: there is none. */
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
