/* SPDX-License-Identifier: Apache-2.0 */
/* Two endpoints back to back in one process, no link between them. */
#ifndef RILL_BENCH_PAIR_H
#define RILL_BENCH_PAIR_H

#include "rill/rill.h"

#define PAIR_PACKET 1000 /* units that a packet carries */

typedef struct bench_pair {
    rill_endpoint *client;
    rill_endpoint *server;
    uint64_t packets;       /* Prepares that the client sent */
    uint64_t prepare_bytes; /* of these */
    uint64_t reply_bytes;
    uint64_t received; /* bytes of data that the server read */
} bench_pair;

/* allocator is the server's. */
void bench_pair_open(bench_pair *p, uint32_t connections, uint32_t streams,
                     const rill_allocator *allocator, rill_crypto_backend crypto);
void bench_pair_close(bench_pair *p);
rill_connection *bench_pair_connect(bench_pair *p, uint32_t streams);
rill_stream *bench_pair_stream(rill_connection *c);
/* One loop turn of both: false where nothing moved. */
bool bench_pair_turn(bench_pair *p);

#endif
