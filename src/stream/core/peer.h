/* SPDX-License-Identifier: Apache-2.0 */
/* What we know of the other side: where it is, what it counts in, and how it behaves. */
#ifndef RILL_STREAM_PEER_H
#define RILL_STREAM_PEER_H

#include <rill/connection.h>
#include <rill/error.h>

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

void rill_peer_init(rill_peer *p);
void rill_peer_clear(rill_peer *p, const rill_allocator *a);
/*
 * Packets from the number `next` on go there. *changed: it is another address, that nobody has
 * answered from. An empty one changes nothing. RILL_ERR_NOMEM: all is as it was.
 */
RILL_MUST_CHECK int rill_peer_set_address(rill_peer *p, const rill_allocator *a, rill_bytes address,
                                          uint64_t next, bool *changed);
/* It came over a channel that is authentic: nobody was tricked into naming its address. */
static inline void rill_peer_is_there(rill_peer *p)
{
    p->validated = true;
}
/* We may open ids up to max. False: we may already. */
RILL_MUST_CHECK static inline bool rill_peer_raise_max_stream_id(rill_peer *p, uint64_t max)
{
    if (max <= p->max_stream_id)
        return false;
    p->max_stream_id = max;
    return true;
}
/* As the reference does; it does not change. */
static inline void rill_peer_forgets_closed(rill_peer *p)
{
    p->forgets_closed = true;
}
static inline void rill_peer_tells_limits(rill_peer *p)
{
    p->tells_limits = true;
}
/* A reply has come to our packet of that number: somebody is there. */
static inline void rill_peer_answered(rill_peer *p, uint64_t sequence)
{
    if (sequence >= p->address_since)
        p->validated = true;
}
/* RFC 29 section 4.3.3: the asset does not change. RILL_ERR_ASSET: it did. */
RILL_MUST_CHECK int rill_peer_learn_asset(rill_peer *p, rill_bytes code, uint8_t scale);

#endif
