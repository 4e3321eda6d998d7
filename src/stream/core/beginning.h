/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Only what begins a connection may begin one. Which packets do, at a server
 * that has no connection for them, and what the others are told.
 */
#ifndef RILL_STREAM_BEGINNING_H
#define RILL_STREAM_BEGINNING_H

#include "stream/core/deadline.h"
#include "stream/wire/numbers.h"
#include "stream/wire/packet.h"

/*
 * What is left of a server's connection that is over, until every packet that
 * it saw has expired: so that none is taken a second time. While the connection
 * is open it holds what was before it, with the same credentials.
 */
typedef struct rill_past {
    rill_deadline deadline; /* in the endpoint's heap where the connection is over */
    uint64_t hash;          /* of its token */
    uint64_t life;          /* of the latest Rill client; 0: there was none */
    uint64_t highest;       /* number that was seen; of a marked client its count */
    uint64_t expires_at;    /* wall ms: what was received has all expired then */
    uint64_t numbered;      /* packets under this key, sent */
    uint64_t received;      /* ... and received */
    uint32_t mark;
    uint32_t who;                   /* of that life */
    struct rill_connection *former; /* it has made way, and its end has not been fetched; or NULL */
    bool any;                       /* highest is valid */
    bool marked;                    /* life and mark are those of the connection that ended last */
    bool replaced;                  /* it ended since another life began */
    bool well;                      /* it ended without an error */
    bool was_open;                  /* so it was when another life began, which is not told yet */
} rill_past;

typedef enum rill_beginning {
    RILL_BEGINS,
    RILL_BEGINS_UNSURE, /* a peer that counts, maybe in the middle of something forgotten */
    RILL_BEGINS_LATER,  /* not with this packet, but it may with another of its first ones */
    RILL_REPLAYED,      /* came before, or may have */
    RILL_FORGOTTEN,     /* goes on with what is not known here */
    RILL_REPLACED,      /* so too, and another life has begun since */
    RILL_ENDS           /* it is over, without an error: takes leave, or was not told of the end */
} rill_beginning;

/* past may be NULL. The packet is authentic, decoded, and not one of a server's. */
rill_beginning rill_judge_beginning(const rill_stream_packet *packet, const rill_past *past);

/*
 * It goes on with a connection of another server of the same secret, or of this one before it was
 * started again: by its mark, which is not that of what is left here.
 */
bool rill_is_of_another(const rill_stream_packet *packet, const rill_past *past);

/* Bytes for some stream that do not start with its first. */
bool rill_continues_bytes(const rill_stream_packet *packet);

#endif
