/* SPDX-License-Identifier: Apache-2.0 */
/* The largest amount that the path takes in one packet, learnt from F08 with data and without. */
#ifndef RILL_STREAM_PACKET_SIZE_H
#define RILL_STREAM_PACKET_SIZE_H

#include <rill/ilp.h>
#include <rill/types.h>

typedef struct rill_packet_size {
    uint64_t configured;  /* never above it */
    uint64_t passed;      /* the largest amount that is known to pass since the last change */
    uint64_t refused;     /* the smallest known to be refused; UINT64_MAX where none */
    uint64_t probe_after; /* monotonic ns: a larger amount may be tried again then */
    uint64_t probe;       /* the larger amount that is being tried; 0: none */
    bool exact;           /* refused was told with data: passed = refused - 1 is the maximum */
    bool modest;          /* the last was refused: not so much larger next time */
    uint32_t refusals;    /* since a packet last passed: data is believed a few times only */
} rill_packet_size;

void rill_packet_size_init(rill_packet_size *p, uint64_t configured);
/* The amount to try next: at least 1, unless the path takes nothing (0). */
uint64_t rill_packet_size_next(const rill_packet_size *p, uint64_t now_ns);
/* A packet of amount leaves: one that tries a larger size is the only one for a while. */
void rill_packet_size_sent(rill_packet_size *p, uint64_t amount, uint64_t now_ns);
/* A packet of amount was not refused for its size. */
void rill_packet_size_passed(rill_packet_size *p, uint64_t amount, uint64_t now_ns);
/*
 * A packet of amount was refused F08; data as in the reject, maybe empty or
 * malformed, and never trusted further than: the maximum is below amount.
 */
void rill_packet_size_refused(rill_packet_size *p, uint64_t amount, rill_bytes data,
                              uint64_t now_ns);
/* Whether the data of an F08 tells a maximum, and not that the packet was no larger than that. */
bool rill_packet_size_is_told(uint64_t amount, rill_bytes data);
/* Found: no search is under way. */
bool rill_packet_size_known(const rill_packet_size *p);

#endif
