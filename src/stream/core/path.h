/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection knows of the way to the other side, and what it has sent there. Only who sends
 * has it: a server that just replies is lent its endpoint's, in which nothing is ever written.
 */
#ifndef RILL_STREAM_PATH_H
#define RILL_STREAM_PATH_H

#include "stream/core/flights.h"
#include "stream/core/patience.h"
#include "stream/money/money.h"
#include "stream/money/tally.h"
#include "stream/path/congestion.h"
#include "stream/path/packet_size.h"
#include "stream/path/rate.h"
#include "stream/path/worth.h"

typedef struct rill_path {
    rill_congestion *congestion;
    rill_packet_size packet_size;
    rill_rate rate;
    rill_worth worth;
    uint64_t suspected; /* the largest that met F08 where much larger ones passed; 0: none */
    uint8_t suspicions; /* of those, since anything passed */
    bool lent;          /* it is the endpoint's */
    rill_patience patience;
    rill_tally tally;      /* of all streams */
    rill_money_sums money; /* so too */
    rill_flights flights;
} rill_path;

/* One of which nothing is known. NULL: no memory. */
RILL_MUST_CHECK rill_path *rill_path_new(const rill_allocator *a, const rill_connection_options *o);
/* Nothing may be under way. NULL is allowed. */
void rill_path_free(const rill_allocator *a, rill_path *path);
/* A packet of amount was not refused for its size. */
static inline void rill_path_passed(rill_path *path, uint64_t amount, uint64_t now_ns)
{
    path->suspicions = 0;
    rill_packet_size_passed(&path->packet_size, amount, now_ns);
}
/* Nobody has written into it since it was made. */
bool rill_path_is_unused(const rill_path *path);

/* c has a path of its own from now on. False: no memory, and c is as it was. */
RILL_MUST_CHECK bool rill_path_own(rill_connection *c);

#endif
