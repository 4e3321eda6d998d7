/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of the log of packets on their way from the thread that forwards packets to the one that
 * writes. Neither waits for the other: if there is no room, a line is missing, is counted, and the
 * next one for which there is room is preceded by one that says how many were.
 */
#ifndef RILL_CONNECTOR_PACKET_RING_H
#define RILL_CONNECTOR_PACKET_RING_H

#include "connector/packet_line.h"

/* Bytes: about 20,000 lines of the usual length. */
#define RILL_PACKET_RING ((size_t)4 * 1024 * 1024)

typedef struct rill_packet_ring rill_packet_ring;

/* size: a power of two, at least 32 KiB. RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_packet_ring_new(rill_packet_ring **out, const rill_allocator *allocator,
                                         size_t size);
/* NULL is allowed. */
void rill_packet_ring_free(rill_packet_ring *r);

/* ---- the thread that forwards ---- */

/* A copy of it goes on, if there is room. */
void rill_packet_ring_put(rill_packet_ring *r, const rill_packet_line *line);
/* One that was over at this time is missing for another reason. */
void rill_packet_ring_miss(rill_packet_ring *r, uint64_t at_ms);
/* Says how many are missing, if that was not said and there is room. */
void rill_packet_ring_tell(rill_packet_ring *r, uint64_t now_ms);
/* How many were missing since it began. */
uint64_t rill_packet_ring_missing(const rill_packet_ring *r);

/* ---- either ---- */

/* Bytes that wait to be written. */
size_t rill_packet_ring_used(const rill_packet_ring *r);

/* ---- the thread that writes ---- */

/* The next line: it points into the ring until rill_packet_ring_drop. False: there is none. */
RILL_MUST_CHECK bool rill_packet_ring_next(rill_packet_ring *r, rill_packet_line *out);
/* The line that `next` gave is done with. */
void rill_packet_ring_drop(rill_packet_ring *r);

#endif
