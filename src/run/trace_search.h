/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which values of a row are asked so that every change of the outcome is found: first both ends,
 * then always between two neighbours whose outcomes differ, until they are close to each other. No
 * input or output, and no memory of its own.
 */
#ifndef RILL_RUN_TRACE_SEARCH_H
#define RILL_RUN_TRACE_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RILL_TRACE_POINTS 96

typedef struct rill_trace_point {
    uint64_t at;
    size_t outcome;
    uint64_t passes; /* the largest value that its refusal said would pass; UINT64_MAX: unknown */
} rill_trace_point;

typedef struct rill_trace_search {
    /* Two values are close if they differ by no more than this, or by this part of the smaller. */
    uint64_t close;
    uint64_t close_part;
    rill_trace_point points[RILL_TRACE_POINTS]; /* in order */
    size_t count;
} rill_trace_search;

/* close: at least 1. close_part: 64 means a 64th. */
void rill_trace_search_init(rill_trace_search *s, uint64_t close, uint64_t close_part);
/* What came of a value that was not noted yet. Nothing happens when there is no room. */
void rill_trace_search_note(rill_trace_search *s, rill_trace_point point);
/* The next value to ask about; false: all is known, or there is no room for more. */
bool rill_trace_search_next(const rill_trace_search *s, uint64_t *out);
/*
 * The end of the row of points with the same outcome that begins at the index `from`: the index
 * after its last.
 */
size_t rill_trace_search_row(const rill_trace_search *s, size_t from);

#endif
