/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Value that leaves at a rate, in pieces, where a path allows so little of it at a time that a
 * window of value would be a few packets, or less than one.
 *
 * Each packet costs its rounding, and work for others: so packets stay as large
 * as the path takes them, a third smaller at a time and never below what is
 * worth sending, and there is time between them. How much value a second passes
 * is measured from one shortage to the next; pieces leave at that rate, and
 * somewhat faster until the next shortage. What is short is asked for again by
 * one piece, after waits that double.
 */
#ifndef RILL_STREAM_VALUE_RATE_H
#define RILL_STREAM_VALUE_RATE_H

#include <rill/types.h>

/* Amounts in our units, times in ns, and points in time monotonic. */
typedef struct rill_value_rate {
    uint64_t size; /* of a piece; 0: not in use */
    uint64_t gap;  /* from one to the next; 0: nothing is known of it yet, sizes are searched */
    uint64_t not_before; /* the next piece */
    /* what passes */
    uint64_t passed;        /* since counted_at */
    uint64_t counted_at;    /* a shortage, or the beginning */
    uint64_t since_refusal; /* passed since the last one */
    uint64_t of_piece;      /* passed of the piece that is next to count as one */
    uint64_t largest;       /* packet that has passed; 0: none */
    uint32_t pieces;        /* that passed since a refusal */
    uint64_t grown_at;      /* what was sent before is no reason to grow again */
    /* what is refused */
    uint64_t changed_at;      /* what was sent before says nothing any more */
    uint64_t wait;            /* the last one */
    uint32_t row;             /* refusals since anything passed */
    uint64_t too_large;       /* a size that was refused; 0: none */
    uint64_t too_large_until; /* it is remembered */
    uint64_t small; /* much smaller than the size at the beginning of this row: it shrinks rarely */
    uint64_t limiting_at; /* it was what held money back, last */
    bool measured;        /* gap was, once */
    bool on_time;         /* the last piece left as soon as it might */
    bool widened;         /* since the last refusal: what is smaller is worth nothing */
} rill_value_rate;

static inline bool rill_value_rate_in_use(const rill_value_rate *r)
{
    return r->size != 0;
}

/* Pieces of this size from now on. gap: between those that have passed; measured: that is no guess.
 * gap 0: nothing is known to pass, and sizes are searched from there. */
void rill_value_rate_begin(rill_value_rate *r, uint64_t now_ns, uint64_t size, uint64_t gap,
                           bool measured);
/* Pieces of a size that has passed, where it is known that `refused` does not; what passes in a
 * second is to be found. */
void rill_value_rate_begin_below(rill_value_rate *r, uint64_t now_ns, uint64_t size,
                                 uint64_t refused);
/* A packet leaves. */
void rill_value_rate_sent(rill_value_rate *r, uint64_t now_ns, uint64_t amount);
/* It has passed. most: no packet is larger than that. */
void rill_value_rate_passed(rill_value_rate *r, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                            uint64_t most);
/*
 * It was refused for its value. Less than good is tried where that is refused for long, and less
 * than least as a last resort only.
 */
void rill_value_rate_refused(rill_value_rate *r, uint64_t now_ns, uint64_t sent_ns, uint64_t amount,
                             uint64_t least, uint64_t good);
/* Pieces of this size are worth nothing: twice as large, and as much in a second. */
void rill_value_rate_widen(rill_value_rate *r);
/* Refused for so long that any size is tried. */
bool rill_value_rate_is_last_resort(const rill_value_rate *r);
/* Units that may be in flight. rtt: the round trip; 0 where unknown. */
uint64_t rill_value_rate_window(const rill_value_rate *r, uint64_t rtt);
/*
 * Whether value is no longer what is short, and a window says as much: 0 where not, UINT64_MAX
 * where none is needed either. idle: it is that where the rate has held nothing back for so long.
 */
uint64_t rill_value_rate_as_window(const rill_value_rate *r, uint64_t now_ns, uint64_t rtt,
                                   uint64_t idle, uint64_t most);

#endif
