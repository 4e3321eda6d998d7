/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection ends, and what is said of it. */
#ifndef RILL_STREAM_CLOSING_H
#define RILL_STREAM_CLOSING_H

#include "stream/wire/packet.h"
#include <rill/connection.h>
#include <rill/error.h>

/* A stream whose bytes had not all arrived when the connection closed, as far as we know. */
typedef struct rill_cut {
    uint64_t stream;
    uint64_t written;
} rill_cut;

typedef struct rill_closing {
    bool ending;    /* rill_connection_end: it closes once all is done */
    bool sent;      /* our ConnectionClose is under way */
    bool told;      /* in an answer to the other side, which may be gone before our close comes */
    bool by_remote; /* the other side closed */
    bool forced;    /* waits for no reader any more */
    uint8_t code;
    int8_t error;  /* why it ended */
    int8_t undone; /* what a stream's end says of things asked and not done; RILL_OK */
    uint32_t cut_count;
    rill_cut *cut;     /* streams whose bytes our close cuts off; NULL: none */
    char *message;     /* for people; NULL: none */
    uint64_t deadline; /* monotonic ns: for the answer to our close, or for readers; 0: not set */
    uint64_t again_at; /* monotonic ns: our close was refused on the way; 0 */
} rill_closing;

/* Of all that streams say, the first thing that was asked and not done counts. */
static inline void rill_closing_note_undone(rill_closing *closing, int undone)
{
    if (closing->undone == RILL_OK)
        closing->undone = (int8_t)undone;
}
/* The other side has been told, in an answer. */
static inline void rill_closing_tell(rill_closing *closing)
{
    closing->told = true;
}
/* Our close has left, */
static inline void rill_closing_sent(rill_closing *closing)
{
    closing->sent = true;
}
/* or could not, or was refused on the way: it may leave then. */
static inline void rill_closing_again(rill_closing *closing, uint64_t at)
{
    closing->sent = false;
    closing->again_at = at;
}
/* Readers have had their time. */
static inline void rill_closing_force(rill_closing *closing)
{
    closing->forced = true;
    closing->deadline = RILL_NEVER;
}

/* The frames of our ConnectionClose, first in a packet: they have room there. */
void rill_closing_put(const rill_closing *closing, rill_packet_writer *p);

#endif
