/* SPDX-License-Identifier: Apache-2.0 */
/* The endpoint: the table of connections and what they share. */
#ifndef RILL_STREAM_ENDPOINT_INTERNAL_H
#define RILL_STREAM_ENDPOINT_INTERNAL_H

#include "stream/core/connection_internal.h"
#include "stream/core/shared.h"

/* See refusal.h. */
typedef struct rill_refusal {
    const rill_connection *connection; /* NULL: it is gone */
    rill_last_reject last;
} rill_refusal;

struct rill_endpoint {
    const rill_allocator *allocator;
    rill_shared *shared; /* scratch, cryptography, and what is lent */
    rill_crypto *crypto; /* of shared */
    bool owns_shared;
    rill_token_keys token_keys;
    bool one_of_many; /* its tokens are of it alone, and others of its secret make others */
    bool accept;
    bool ending;
    bool refuse_money; /* the application cannot take note of it now */
    uint32_t max_connections;
    uint32_t max_remembered;
    rill_connection_options connection_options;
    void (*wake)(void *user);
    void *wake_user;
    rill_now (*clock)(void *user);
    uint64_t (*wall_ns)(void *user);

    char *address; /* NULL: no account yet */
    size_t address_len;
    char asset_code[RILL_MAX_ASSET_CODE + 1];
    uint8_t asset_scale;

    rill_map table; /* by hash of token: rill_deadline of connections and of what is left of some */
    rill_list connections;
    rill_list ready;
    rill_list events;
    size_t open_count;
    size_t past_count; /* of the table: over, and remembered */
    rill_heap heap;
    rill_connection *untimed;   /* whose place in the heap is to be found anew (timer.h) */
    uint64_t untimed_ns;        /* monotonic: the earliest time at which one came to be so */
    rill_flight_table *flights; /* of shared */
    rill_spares *spares;        /* of streams' buffers; NULL until a stream has some */
    rill_refusal *refusal;      /* the last reject that one of its clients has met; NULL */
    rill_path *unused_path;     /* of server connections that never sent a packet */
    uint64_t last_life;         /* of clients of this endpoint */
    rill_map decisions;
    uint64_t next_decision;
    uint32_t max_undecided; /* of all connections */
    uint32_t undecided_count;
    rill_list old_decisions; /* settled and asked about, oldest first */
    uint32_t old_decision_count;

    /* what the last event pointed at, to be freed before the next */
    rill_stream *ended_stream;
    rill_connection *ended_connection;

    rill_now latest; /* of the latest call that brought the time (endpoint.h) */
};

/* Larger blocks of streams' buffers are not kept for the next stream. */
#define RILL_SPARE_MAX (UINT32_C(1) << 20)

/* Blocks of streams' buffers that the next stream may have. NULL: there is no memory for them now,
 * and the stream does without. */
static inline rill_spares *rill_endpoint_spares(rill_endpoint *e)
{
    return rill_spares_at(&e->spares, e->allocator, RILL_SPARE_MAX);
}

#endif
