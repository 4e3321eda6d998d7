/* SPDX-License-Identifier: Apache-2.0 */
/* The replies that an endpoint writes to incoming Prepares. */
#ifndef RILL_STREAM_REPLY_H
#define RILL_STREAM_REPLY_H

#include <assert.h>
#include <string.h>

#include "crypto/crypto.h"
#include "stream/core/closed_streams.h"
#include "stream/core/part.h"
#include "stream/wire/numbers.h"
#include <rill/endpoint.h>

/* A reply: to which packet, what it has to tell beside the frames that are due, and where it goes.
 */
typedef struct rill_reply {
    uint64_t sequence;
    uint64_t amount;                   /* that came with the packet */
    const rill_part *parts;            /* of a Fulfill: who got it, for receipts */
    uint32_t part_count;               /* 0: none */
    const rill_closed_streams *closed; /* NULL: none */
    uint8_t *out;                      /* RILL_PACKET_BUFFER bytes */
    size_t *len;                       /* set to what was written */
} rill_reply;

/* The bytes of a packet before its data, where that takes 256 bytes or more; else it is less. */
#define RILL_ROOM_BEFORE_DATA(content) (1 + 3 + (content) + 3)
/*
 * Moves the data of a packet from where it was written to the end of its
 * header, which is known only now: at most a few bytes, and only short data.
 */
static inline void rill_packet_close_gap(uint8_t *packet, size_t len, size_t at, size_t data_len)
{
    assert(data_len <= len && len - data_len <= at); /* else its header has overwritten it */
    if (len - data_len != at)
        memmove(packet + len - data_len, packet + at, data_len);
}

/*
 * The money is committed: the fulfillment goes back even if no STREAM packet could be made to go
 * with it.
 */
RILL_MUST_CHECK int rill_reply_fulfill(rill_connection *c, const rill_reply *r,
                                       const uint8_t fulfillment[32]);
/* Authentic, with frames. code is F99 unless the reason has a better one. */
RILL_MUST_CHECK int rill_reply_reject(rill_connection *c, const rill_reply *r,
                                      rill_ilp_code_id code);
/* A reject that says nothing of us: no STREAM packet, empty message. */
RILL_MUST_CHECK int rill_reply_bare(const rill_endpoint *e, rill_ilp_code_id code, uint8_t *out,
                                    size_t *len);

typedef struct rill_over {
    rill_trailer_kind why; /* NONE: an end without an error */
    bool of_another;       /* of a connection that another server may have */
    uint64_t sequence;
    uint64_t amount;
} rill_over;
/*
 * To a packet that is of no connection that is open here, or of another life of
 * its client: authentic, with ConnectionClose and a message, which ends it there.
 */
RILL_MUST_CHECK int rill_reply_over(const rill_endpoint *e, rill_keys *keys,
                                    const rill_connection_options *options, const rill_over *over,
                                    uint8_t *out, size_t *len);

#endif
