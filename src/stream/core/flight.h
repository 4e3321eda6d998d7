/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record for each Prepare that waits for its reply: what it carried, so that
 * its outcome can be applied to every stream once. A record is large, and is in use for one round
 * trip: so they are pooled, and endpoints that share something share the pool.
 */
#ifndef RILL_STREAM_FLIGHT_H
#define RILL_STREAM_FLIGHT_H

#include "base/list.h"
#include "stream/bytes/sendbuf.h"
#include "stream/money/tally.h"
#include <rill/connection.h>

#define RILL_FLIGHT_MONEY   8  /* streams whose money one packet carries at most */
#define RILL_FLIGHT_PIECES  8  /* pieces of data */
#define RILL_FLIGHT_CONTROL 24 /* frames that are sent again when they are lost */

typedef struct rill_flight_money {
    rill_stream *stream;
    uint64_t amount;   /* our units */
    uint64_t expected; /* other side's units, as estimated at sending */
    rill_i128 held;    /* of the stream's tally */
} rill_flight_money;

typedef struct rill_flight_piece {
    rill_stream *stream;
    rill_send_piece *piece;
} rill_flight_piece;

typedef struct rill_flight_control {
    rill_stream *stream; /* NULL: of the connection */
    uint8_t what;        /* RILL_TELL_* bit number */
} rill_flight_control;

typedef enum rill_flight_kind {
    RILL_FLIGHT_NORMAL,
    RILL_FLIGHT_PROBE, /* unfulfillable, to learn the rate */
    RILL_FLIGHT_CLOSE  /* unfulfillable, carries ConnectionClose */
} rill_flight_kind;

typedef struct rill_flight {
    rill_list node; /* of the connection, in the order of sending */
    rill_connection *connection;
    uint64_t request;
    uint64_t sequence;
    uint64_t amount;
    uint64_t minimum;
    uint64_t sent_ns;
    uint64_t expires_ns; /* monotonic: no reply is waited for after it */
    uint8_t fulfillment[32];
    rill_flight_kind kind;
    uint32_t era;   /* of the minimum rate that it left with */
    rill_i128 held; /* of the connection's tally */
    bool in_doubt;  /* no reply can come any more */
    bool overdue;   /* its reply should have come long ago: not waited for, but for its money */
    bool trial;     /* it demands what was hoped for, not only the minimum */
    bool shared;    /* by streams; known once it is lost */
    bool unsure;    /* lost, as far as we know, but it may have arrived */
    bool first;     /* it left before any answer had come: who answers now may not be who took it */
    uint8_t volley; /* of a probe */
    uint8_t money_count;
    uint8_t piece_count;
    uint8_t control_count;
    rill_flight_money money[RILL_FLIGHT_MONEY];
    rill_flight_piece pieces[RILL_FLIGHT_PIECES];
    rill_flight_control control[RILL_FLIGHT_CONTROL];
} rill_flight;

/* Counted in a byte each. */
_Static_assert(RILL_FLIGHT_MONEY <= UINT8_MAX && RILL_FLIGHT_PIECES <= UINT8_MAX &&
                   RILL_FLIGHT_CONTROL <= UINT8_MAX,
               "the counts of a flight hold what it carries");

/* The money at stake: nobody can take a probe's. */
static inline uint64_t rill_flight_value(const rill_flight *f)
{
    return f->kind == RILL_FLIGHT_NORMAL ? f->amount : 0;
}

/* Records that nobody has. As many as were ever in use at once are kept. */
typedef struct rill_flight_pool {
    const rill_allocator *allocator;
    rill_list *unused; /* node of the latest, whose next is that of the one before; NULL: none */
} rill_flight_pool;

void rill_flight_pool_init(rill_flight_pool *p, const rill_allocator *a);
/* After the tables that take from it. */
void rill_flight_pool_clear(rill_flight_pool *p);

/* The records of one endpoint, by request: a slot's number and how often it was used. */
typedef struct rill_flight_table {
    const rill_allocator *allocator;
    rill_flight_pool *pool;
    rill_flight **slots; /* NULL where nothing is out */
    uint32_t *generations;
    uint32_t capacity;
    uint32_t *unused; /* a stack of slot numbers */
    uint32_t unused_count;
} rill_flight_table;

void rill_flight_table_init(rill_flight_table *t, const rill_allocator *a, rill_flight_pool *pool);
void rill_flight_table_clear(rill_flight_table *t);
/* A cleared record with its request set; NULL without memory. */
rill_flight *rill_flight_open(rill_flight_table *t);
/* NULL where no such request is open. */
rill_flight *rill_flight_find(const rill_flight_table *t, uint64_t request);
/* The record must be in no list. */
void rill_flight_close(rill_flight_table *t, rill_flight *f);

#endif
