/* SPDX-License-Identifier: Apache-2.0 */
/* The state of one connection. */
#ifndef RILL_STREAM_CONNECTION_INTERNAL_H
#define RILL_STREAM_CONNECTION_INTERNAL_H

#include "stream/core/blocked.h"
#include "stream/core/closing.h"
#include "stream/core/contact.h"
#include "stream/core/data_flow.h"
#include "stream/core/holdoffs.h"
#include "stream/core/identity.h"
#include "stream/core/numbering.h"
#include "stream/core/path.h"
#include "stream/core/peer.h"
#include "stream/core/probing.h"
#include "stream/core/stream_internal.h"
#include "stream/core/streams.h"
#include "stream/core/succession.h"
#include "stream/core/telling.h"
#include "stream/core/undecided.h"
#include "stream/wire/token.h"
#include <rill/endpoint.h>

typedef enum rill_connection_state {
    RILL_STATE_OPEN,
    RILL_STATE_CLOSING, /* our ConnectionClose is to be sent, or under way */
    RILL_STATE_CLOSED,  /* no packet leaves any more; replies may still come */
    RILL_STATE_GONE     /* its end was fetched: freed with the next event */
} rill_connection_state;

/* What is counted, as rill_connection_stats has it: the rest of that is known from the parts. */
typedef struct rill_connection_counts {
    uint64_t received;
    uint64_t packets_sent;
    uint64_t packets_fulfilled;
    uint64_t packets_rejected;
    uint64_t packets_lost;
    uint64_t packets_received;
    uint64_t packets_refused;
    rill_ilp_code last_reject;
    bool ended_another;
} rill_connection_counts;

/*
 * One connection: its parts, each with a header that says what it is, and what ties them together.
 */
struct rill_connection {
    rill_endpoint *endpoint;
    void *user;
    rill_list node;       /* of the endpoint: all of one state */
    rill_list ready_node; /* of the endpoint: may have something to send */
    rill_list event_node; /* of the endpoint: has events */
    rill_deadline deadline;
    const rill_connection_options *options; /* the endpoint's, or its own */
    rill_connection_state state;
    uint16_t events; /* RILL_EVENT_BIT bits that wait to be fetched */
    bool server;
    bool in_table;
    bool money_turn;     /* money and bytes take turns */
    bool doubt_answered; /* of a stream: to be reviewed */
    bool unsettled;      /* marked: see settle.h */
    bool retime;         /* its timer is to be set anew */
    bool in_vain;        /* some stream's out.vain is set: at once, but not amid sending */
    bool untimed;        /* in the endpoint's list of those whose timer is to be set (timer.h) */
    rill_connection *next_untimed;

    rill_identity identity;
    rill_peer peer;
    rill_contact contact;
    rill_numbering numbers;
    rill_succession succession;
    rill_undecided_set *undecided; /* the endpoint's empty one until one has to wait */
    rill_path *path;               /* the endpoint's unused one until something is sent */
    rill_holdoffs holdoffs;
    rill_probing *probing; /* the endpoint's unused one until it begins */
    rill_streams streams;
    rill_data_flow data;
    rill_blocked blocked;
    rill_telling telling;
    rill_closing closing;

    rill_connection_counts counts;
};

/* Before anything is sent, or asked of its path. False: no memory, and it is as it was. */
RILL_MUST_CHECK static inline bool rill_connection_may_send(rill_connection *c)
{
    return !c->path->lent || rill_path_own(c);
}

/* What an idle connection costs, beside its keys and its stream: 16 lines of a cache. */
_Static_assert(sizeof(struct rill_connection) <= 1016, "a connection is not larger than it was");

#endif
