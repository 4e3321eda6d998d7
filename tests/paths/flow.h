/* SPDX-License-Identifier: Apache-2.0 */
/* One sender and its receiver on a path: Rill's own endpoints, or the model of another sender. */
#ifndef PATHS_FLOW_H
#define PATHS_FLOW_H

#include "bottleneck.h"
#include <rill/rill.h>

#define PATHS_MAX_STREAMS 4

typedef struct paths_work {
    uint64_t total;      /* units to send; RILL_UNLIMITED without end */
    uint64_t max_packet; /* units a packet at most; 0: any */
    uint64_t bytes;      /* of data to send */
    bool rate_given;     /* else probed */
    unsigned streams;    /* that share total's flow without end; weights 1, 2, 3, ...; 0: one */
} paths_work;

typedef struct paths_result {
    uint64_t first_ns;  /* the first unit was fulfilled, from the start; 0 never */
    uint64_t done_ns;   /* all was fulfilled or acknowledged, from the start; 0 never */
    uint64_t fulfilled; /* units */
    uint64_t stream[PATHS_MAX_STREAMS]; /* units of each */
    int error;
} paths_result;

typedef struct paths_flow paths_flow;

/* Rill, both ends. Starts by itself at `start`. */
paths_flow *paths_rill_new(paths *p, unsigned flow, uint64_t start, const paths_work *work);
void paths_rill_free(paths_flow *f);
void paths_rill_result(const paths_flow *f, paths_result *out);

#endif
