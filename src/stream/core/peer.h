/* SPDX-License-Identifier: Apache-2.0 */
/* What we know of the other side: where it is, what it counts in, and how it behaves. */
#ifndef RILL_STREAM_PEER_H
#define RILL_STREAM_PEER_H

#include <rill/connection.h>

typedef struct rill_peer {
    char *address;          /* where packets for it go; NULL: it has told none */
    uint64_t address_since; /* our first sequence that went there */
    uint16_t address_len;
    bool validated; /* an authentic reply came from there */
    bool asset_known;
    uint8_t asset_scale;
    char asset_code[RILL_MAX_ASSET_CODE + 1];
    bool forgets_closed;    /* it counts open streams only, as the reference does */
    bool tells_limits;      /* a server: its replies to bytes say the limits of streams, as the
                               reference's do */
    uint64_t max_stream_id; /* ids that we may open */
} rill_peer;

#endif
