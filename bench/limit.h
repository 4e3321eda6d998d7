/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All cryptography of one packet, both ends, and nothing else: the most that any
 * implementation on this machine with this library can reach.
 *   sender:   seal, fulfillment and condition, open the reply
 *   receiver: open, fulfillment and condition, seal the reply
 * Either by OpenSSL as directly as it can be called, or through Rill's own
 * interface to the library.
 */
#ifndef RILL_BENCH_LIMIT_H
#define RILL_BENCH_LIMIT_H

#include "rill/rill.h"

#define LIMIT_MONEY_LEN 64    /* a money packet's frames; its reply is no longer */
#define LIMIT_DATA_LEN  32700 /* a data packet's bytes */

typedef struct bench_limit bench_limit;

/* backend is that of Rill's interface. */
bench_limit *bench_limit_new(rill_crypto_backend backend);
void bench_limit_free(bench_limit *l);
/* Packets of len bytes a second, measured for so much processor time. */
double bench_limit_packets(bench_limit *l, bool directly, size_t len, uint64_t ns);

#endif
