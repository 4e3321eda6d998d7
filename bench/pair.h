/* SPDX-License-Identifier: Apache-2.0 */
/* Two endpoints in one process, without a link between them. */
#ifndef RILL_BENCH_PAIR_H
#define RILL_BENCH_PAIR_H

#include "rill/rill.h"

#define PAIR_PACKET 1000 /* units in each packet */

typedef struct bench_pair {
    rill_endpoint *client;
    rill_endpoint *server;
    uint64_t packets;       /* Prepares that the client sent */
    uint64_t prepare_bytes; /* packets of these that were fulfilled */
    uint64_t reply_bytes;
    uint64_t received; /* bytes of data that the server read */
} bench_pair;

/* allocator is the server's. */
void bench_pair_open(bench_pair *p, uint32_t connections, uint32_t streams,
                     const rill_allocator *allocator, rill_crypto_backend crypto);
void bench_pair_close(bench_pair *p);
rill_connection *bench_pair_connect(bench_pair *p, uint32_t streams);
rill_stream *bench_pair_stream(rill_connection *c);
/* One turn of the loop for both sides. False if nothing moved. */
bool bench_pair_turn(bench_pair *p);

#endif
