/* SPDX-License-Identifier: Apache-2.0 */
/* The STREAM packet (RFC 29 section 5.2), before encryption. */
#ifndef RILL_STREAM_PACKET_H
#define RILL_STREAM_PACKET_H

#include "stream/wire/frame.h"

#define RILL_STREAM_VERSION 1
/* Frames that one of our packets carries at most: its count then takes one byte. */
#define RILL_PACKET_MAX_FRAMES 255
/* Plaintext that fits in the data of an ILP packet: 32767 less the envelope's 28. */
#define RILL_PACKET_MAX_PLAINTEXT 32739

#define RILL_FRAME_BIT(type) (UINT32_C(1) << ((type) % 32u))
/* Frames that are kept decoded; a packet seldom has more. */
#define RILL_PACKET_KEPT_FRAMES 8u

typedef struct rill_stream_packet {
    uint8_t type; /* rill_ilp_type that it must travel in */
    uint64_t sequence;
    uint64_t amount; /* Prepare: minimum; Fulfill and Reject: what arrived */
    uint64_t frame_count;
    uint32_t types; /* which frames there are: 1 << (type % 32) of each, so some bits are shared */
    rill_reader frames; /* at the first frame */
    rill_reader rest;   /* at the first that is not kept */
    rill_bytes after;   /* what follows the last frame: padding, mostly */
    rill_frame kept[RILL_PACKET_KEPT_FRAMES];
} rill_stream_packet;

/*
 * The header and, by one pass over them, the syntax of every frame. What
 * follows the last frame is not looked at.
 * RILL_ERR_UNSUPPORTED another version; RILL_ERR_TRUNCATED, RILL_ERR_MALFORMED, RILL_ERR_RANGE.
 * *header_ok says that type, sequence and amount were read, so that a broken
 * packet of an authentic peer can be answered; it has no frames then.
 */
RILL_MUST_CHECK int rill_stream_packet_decode(rill_stream_packet *out, const uint8_t *plaintext,
                                              size_t len, bool *header_ok);

/* Frame after frame of a packet that has been decoded: false at the end. */
bool rill_stream_packet_next(rill_reader *frames, uint64_t *left, rill_frame *out);

/* The same, without decoding again what is kept: NULL at the end. Starts from rill_frames_begin. */
typedef struct rill_frame_walk {
    const rill_stream_packet *packet;
    uint64_t index;
    rill_reader rest;
    rill_frame spare;
} rill_frame_walk;

/* Not a function that returns a walk: all of that would be copied. */
static inline void rill_frames_begin(rill_frame_walk *w, const rill_stream_packet *p)
{
    w->packet = p;
    w->index = 0;
}

const rill_frame *rill_frame_walk_rest(rill_frame_walk *w);

static inline const rill_frame *rill_frame_walk_next(rill_frame_walk *w)
{
    if (w->index >= w->packet->frame_count)
        return NULL;
    if (w->index < RILL_PACKET_KEPT_FRAMES)
        return &w->packet->kept[w->index++];
    return rill_frame_walk_rest(w);
}

/* Writes a packet in one pass: begin, frames, end. */
typedef struct rill_packet_writer {
    rill_writer w;
    uint8_t *count_at;
    unsigned count;
} rill_packet_writer;

void rill_packet_begin(rill_packet_writer *p, uint8_t *plaintext, size_t cap, uint8_t type,
                       uint64_t sequence, uint64_t amount);
/* False, with nothing written, where the frame does not fit or there are RILL_PACKET_MAX_FRAMES. */
bool rill_packet_add(rill_packet_writer *p, const rill_frame *frame);
/* Where there is room for certain: the first frames of a packet. */
void rill_packet_put(rill_packet_writer *p, const rill_frame *frame);
/*
 * A StreamData frame but for its bytes, which the caller writes where it says;
 * NULL where it does not fit.
 */
uint8_t *rill_packet_add_data(rill_packet_writer *p, uint64_t stream, uint64_t offset, size_t len);
/* Bytes that are left for frames. */
size_t rill_packet_left(const rill_packet_writer *p);
/* The plaintext's length; 0 where the header did not fit. */
size_t rill_packet_end(rill_packet_writer *p);

#endif
