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
    uint64_t delivered; /* of the other side */
    uint64_t packets;   /* that left */
    uint64_t stream[PATHS_MAX_STREAMS]; /* units of each */
    int error;
} paths_result;

/* A sender of some kind and its receiver. */
typedef struct paths_sender {
    const char *name;
    /* Starts by itself at `start`. */
    void *(*create)(paths *p, unsigned flow, uint64_t start, const paths_work *work);
    void (*destroy)(void *flow);
    void (*result)(const void *flow, paths_result *out);
} paths_sender;

/* Rill, both ends. */
extern const paths_sender paths_rill;
/*
 * Other senders as their published constants describe them: interledger-rs, @interledger/pay, and
 * ilp-protocol-stream. Only what decides when and how much they send is modelled; the receiver
 * takes everything, of the last what the sender's minimum allows.
 */
extern const paths_sender paths_rs;
extern const paths_sender paths_pay;
extern const paths_sender paths_stream;

#endif
