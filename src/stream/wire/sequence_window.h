/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sequence numbers have been seen: a bitmap behind the highest. What
 * lies behind the bitmap counts as seen, so that nothing is taken twice.
 */
#ifndef RILL_STREAM_SEQUENCE_WINDOW_H
#define RILL_STREAM_SEQUENCE_WINDOW_H

#include <rill/types.h>

/* Numbers behind the highest that are still told apart: more than may ever be in flight. */
#define RILL_SEQUENCE_WINDOW_MAX 131072

typedef struct rill_sequence_window {
    uint64_t highest; /* valid where any */
    bool any;
    uint32_t bits;  /* size of the bitmap: a power of two; 64 inline at first, then grown */
    uint64_t floor; /* the lowest that was seen: none below is, and needs no bit for that */
    uint64_t inline_word;
    uint64_t *words; /* a ring; NULL while inline */
} rill_sequence_window;

void rill_sequence_window_init(rill_sequence_window *w);
void rill_sequence_window_clear(rill_sequence_window *w, const rill_allocator *a);
bool rill_sequence_window_seen(const rill_sequence_window *w, uint64_t sequence);
/*
 * Marks a number that was not seen. Grows the bitmap (up to the maximum) so
 * that unseen numbers behind the highest stay told apart, those below all that
 * was seen only when one of them comes. RILL_ERR_NOMEM: not
 * marked. RILL_ERR_EXISTS: seen, or too far behind.
 */
RILL_MUST_CHECK int rill_sequence_window_mark(rill_sequence_window *w, const rill_allocator *a,
                                              uint64_t sequence);

#endif
