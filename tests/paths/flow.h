/* SPDX-License-Identifier: Apache-2.0 */
/* One sender and its receiver on a path: Rill's own endpoints, or the model of another sender. */
#ifndef PATHS_FLOW_H
#define PATHS_FLOW_H

#include "bottleneck.h"
#include <rill/rill.h>

#define PATHS_MAX_STREAMS 4

typedef struct paths_work {
    uint64_t total;      /* units to send; RILL_UNLIMITED: without end */
    uint64_t max_packet; /* most units in a packet; 0: no limit */
    uint64_t bytes;      /* bytes of data to send */
    uint32_t window;     /* most packets in flight; 0: the sender's own limit */
    bool rate_given;     /* the rate is given; otherwise it is probed */
    /* streams with weights 1, 2, 3, ... that share total's flow without end; 0: one stream */
    unsigned streams;
} paths_work;

typedef struct paths_result {
    uint64_t first_ns; /* when the first unit was fulfilled, from the start; 0: never */
    /* when everything was fulfilled or acknowledged, from the start; 0: never */
    uint64_t done_ns;
    uint64_t fulfilled;                 /* units sent */
    uint64_t delivered;                 /* units of the other side that arrived */
    uint64_t packets;                   /* packets that left */
    uint64_t stream[PATHS_MAX_STREAMS]; /* units sent on each stream */
    int error;
} paths_result;

/* A sender of any kind, and its receiver. */
typedef struct paths_sender {
    const char *name;
    /* It starts by itself at `start`. */
    void *(*create)(paths *p, unsigned flow, uint64_t start, const paths_work *work);
    void (*destroy)(void *flow);
    void (*result)(const void *flow, paths_result *out);
} paths_sender;

/* Rill at both ends. */
extern const paths_sender paths_rill;
/*
 * Models of other senders by their published constants: interledger-rs, @interledger/pay, and
 * ilp-protocol-stream. They model only when the senders send, and how much. The receiver takes
 * everything; for the last model, everything that the sender's minimum allows.
 */
extern const paths_sender paths_rs;
extern const paths_sender paths_pay;
extern const paths_sender paths_stream;
/* Always as many packets in flight as it may have. It asks nothing of the path. */
extern const paths_sender paths_fixed;

#endif
