/* SPDX-License-Identifier: Apache-2.0 */
/* The Prepares of a connection that are out, and those of them whose answer is late. */
#ifndef RILL_STREAM_FLIGHTS_H
#define RILL_STREAM_FLIGHTS_H

#include "stream/core/flight.h"

typedef struct rill_flights {
    rill_list out;        /* in the order of sending */
    rill_list aside;      /* in doubt or overdue, by expiry */
    rill_list lost;       /* in doubt, and expired */
    uint32_t count;       /* of all */
    uint32_t doubt_count; /* that nobody can answer any more */
    uint32_t overdue_count;
    uint32_t lost_count; /* of those in doubt */
} rill_flights;

#endif
