/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All cryptography of one packet, at both ends, and nothing else: the most that any implementation
 * on this machine with this library can reach.
 *
 * sender: seal, fulfillment and condition, open the reply
 *
 * receiver: open, fulfillment and condition, seal the reply
 *
 * It calls OpenSSL as directly as possible, or uses Rill's own interface to the library.
 */
#ifndef RILL_BENCH_LIMIT_H
#define RILL_BENCH_LIMIT_H

#include "rill/rill.h"

#define LIMIT_MONEY_LEN 64    /* the frames of a money packet; its reply is no longer */
#define LIMIT_DATA_LEN  32700 /* the bytes of a data packet */

typedef struct bench_limit bench_limit;

/* backend is for Rill's interface. */
bench_limit *bench_limit_new(rill_crypto_backend backend);
void bench_limit_free(bench_limit *l);
/* Packets of len bytes in a second, measured for this processor time. */
double bench_limit_packets(bench_limit *l, bool directly, size_t len, uint64_t ns);

#endif
