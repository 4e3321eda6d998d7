/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What endpoints of one thread may share (rill/shared.h), and each has: the scratch of the packet
 * that is being handled, of which nothing outlives a call, records for packets that are out, and
 * the contexts of its cryptography.
 */
#ifndef RILL_STREAM_SHARED_H
#define RILL_STREAM_SHARED_H

#include "crypto/crypto.h"
#include "stream/core/flight.h"
#include "stream/core/part.h"
#include "stream/money/shares.h"
#include "stream/wire/packet.h"
#include <rill/ilp.h>
#include <rill/shared.h>

struct rill_shared {
    const rill_allocator *allocator;
    rill_crypto *crypto;
    uint32_t endpoints; /* that have it */
    rill_flight_pool flights;
    rill_stream_packet incoming;
    rill_share *shares; /* RILL_MAX_PARTS, made when first needed */
    rill_part parts[RILL_MAX_PARTS];
    uint8_t plaintext[RILL_ILP_MAX_DATA_READ];
};

/* Memory for the shares of a packet's parts; NULL: there is none. */
rill_share *rill_shared_shares(rill_shared *s);

/* Nothing that was decrypted is left, nor the key that sealed the latest address. */
void rill_shared_wipe(rill_shared *s);

#endif
