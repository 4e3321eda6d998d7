/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Value that leaves piece by piece, where a path allows so little of it at a
 * time that a window of value would be a few packets, or less than one.
 *
 * Each packet costs its rounding, and work for others: so packets stay as large
 * as the path takes them, a third smaller at a time and never below what is
 * worth sending, and there is time between them. How much value a second passes
 * is measured from one shortage to the next; pieces leave at that rate, and
 * somewhat faster until the next shortage. What is short is asked for again by
 * one piece, after waits that double.
 */
#ifndef RILL_STREAM_CONGESTION_PIECE_H
#define RILL_STREAM_CONGESTION_PIECE_H

#include <rill/types.h>

typedef struct rill_piece {
    uint64_t size;       /* units; 0: not in use */
    uint64_t gap;        /* ns from one to the next; 0: nothing is known of it yet */
    uint64_t not_before; /* monotonic ns: the next */
    uint64_t changed_at; /* what was sent before says nothing any more */
    uint64_t passed;     /* units since counted_at */
    uint64_t counted_at; /* a shortage, or the beginning */
    uint64_t since;      /* units since the last refusal */
    uint64_t largest;    /* that has passed */
    uint64_t part;       /* units of the piece that passes next */
    uint64_t cap;        /* a size that was refused in vain: no larger one until cap_until */
    uint64_t cap_until;
    uint64_t small; /* much smaller than the size at the beginning of this row */
    uint64_t grown_at;
    uint64_t wait;
    uint64_t limited_at; /* it was what held money back, last */
    uint32_t row;        /* refusals since anything passed */
    uint32_t passes;     /* pieces that passed since a refusal */
    bool measured;       /* gap was, once */
    bool used;           /* the last one left as soon as it might */
    bool widened;        /* since the last refusal: what is smaller is worth nothing */
} rill_piece;

/* Pieces of this size from now on, which has passed; gap 0: what passes is to be found. */
void rill_piece_begin(rill_piece *p, uint64_t now_ns, uint64_t size, uint64_t gap);
/* The same, where it is known that `refused` does not pass; what passes in a second is to be found.
 */
void rill_piece_begin_below(rill_piece *p, uint64_t now_ns, uint64_t size, uint64_t refused);
/* A packet leaves. */
void rill_piece_sent(rill_piece *p, uint64_t now_ns, uint64_t amount);
/* It has passed. most: no packet is larger than that. */
void rill_piece_passed(rill_piece *p, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                       uint64_t most);
/*
 * It was refused for its value. Less than good is tried where that is refused for long, and less
 * than least as a last resort only.
 */
void rill_piece_refused(rill_piece *p, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                        uint64_t least, uint64_t good);
/* Pieces of this size are worth nothing: twice as large, and as much in a second. */
void rill_piece_widen(rill_piece *p);
/* Refused for so long that any size is tried. */
bool rill_piece_is_last_resort(const rill_piece *p);
/* Units that may be in flight. */
uint64_t rill_piece_window(const rill_piece *p, uint64_t rtt);

#endif
