/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One type for every limit that only rises (RFC 29 section 4.4.4): bytes of a
 * stream and of a connection, stream ids, money of a stream.
 */
#ifndef RILL_STREAM_WINDOW_H
#define RILL_STREAM_WINDOW_H

#include <rill/types.h>

/* What the other side allows us. */
typedef struct rill_send_window {
    uint64_t limit; /* as advertised to us */
    uint64_t used;  /* at most limit, unless the limit was a guess */
} rill_send_window;

void rill_send_window_init(rill_send_window *w, uint64_t limit);
/* True where the limit rose; a lower one is ignored. */
bool rill_send_window_raise(rill_send_window *w, uint64_t limit);
/* Also lower: for a peer whose limit falls. */
void rill_send_window_set(rill_send_window *w, uint64_t limit);
void rill_send_window_use(rill_send_window *w, uint64_t amount);

/* What we allow the other side. */
typedef struct rill_receive_window {
    uint64_t limit;      /* what we accept now */
    uint64_t advertised; /* what the other side was told, never lowered */
    uint64_t used;       /* the highest that it has used */
} rill_receive_window;

/* assumed: what the other side takes for granted until it is told; at most limit. */
void rill_receive_window_init(rill_receive_window *w, uint64_t assumed, uint64_t limit);
/* True where the limit rose; a lower one is ignored. */
bool rill_receive_window_raise(rill_receive_window *w, uint64_t limit);
/* False where limit is below what was advertised. */
RILL_MUST_CHECK bool rill_receive_window_set(rill_receive_window *w, uint64_t limit);
/* Whether the other side may use up to `total`. */
bool rill_receive_window_allows(const rill_receive_window *w, uint64_t total);
void rill_receive_window_use(rill_receive_window *w, uint64_t total);
/* There is a raise to tell, and it is worth a packet of its own: at least `step`. */
bool rill_receive_window_worth_telling(const rill_receive_window *w, uint64_t step);
/*
 * The buffer behind a receive window. Where half of it is read within two
 * round trips, it is the window that holds the sender back: it doubles.
 */
typedef struct rill_receive_tuning {
    uint64_t size;
    uint64_t from; /* bytes that had been read when half of it was, last */
    uint64_t at;   /* monotonic ns: and when that was */
} rill_receive_tuning;

void rill_receive_tuning_init(rill_receive_tuning *t, uint64_t size, uint64_t now_ns);
/* `consumed` bytes have been read now. rtt 0: unknown. The size, at most `most` if it grows. */
uint64_t rill_receive_tune(rill_receive_tuning *t, uint64_t consumed, uint64_t now_ns, uint64_t rtt,
                           uint64_t most);

/* The value to write in a frame; from then on it counts as advertised. */
uint64_t rill_receive_window_advertise(rill_receive_window *w);

#endif
