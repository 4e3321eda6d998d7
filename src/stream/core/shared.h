/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What endpoints of one thread may share (rill/shared.h), and each has: the scratch of the packet
 * that is being handled, of which nothing outlives a call, records of packets that are out, the
 * contexts of its cryptography, and what connections and streams are lent until they need their
 * own: in that nothing is ever changed.
 */
#ifndef RILL_STREAM_SHARED_H
#define RILL_STREAM_SHARED_H

#include "crypto/crypto.h"
#include "stream/core/flight.h"
#include "stream/core/part.h"
#include "stream/core/probing.h"
#include "stream/core/stream_internal.h"
#include "stream/core/undecided.h"
#include "stream/money/shares.h"
#include "stream/wire/packet.h"
#include <rill/ilp.h>
#include <rill/shared.h>

struct rill_shared {
    const rill_allocator *allocator;
    rill_crypto *crypto;
    uint32_t endpoints; /* that have it */
    rill_flight_pool pool;
    rill_flight_table flights;       /* of all endpoints: a request is of one of them */
    rill_probing unused_probing;     /* of connections that never probe */
    rill_money_out unused_out;       /* of streams that were never to send money */
    rill_undecided_set no_undecided; /* of connections that never asked the application */
    rill_stream_packet incoming;
    rill_share *shares; /* RILL_MAX_PARTS, made when first needed */
    rill_part parts[RILL_MAX_PARTS];
    uint8_t plaintext[RILL_ILP_MAX_DATA_READ];
};

/* Memory for the shares of a packet's parts; NULL: there is none. */
rill_share *rill_shared_shares(rill_shared *s);

/* What is lent to many has not changed. */
void rill_shared_check(const rill_shared *s);

/* Nothing that was decrypted is left, nor the key that sealed the latest address. */
void rill_shared_wipe(rill_shared *s);

#endif
