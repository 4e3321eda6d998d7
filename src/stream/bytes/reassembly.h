/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Received bytes put in order: bounded, tolerant of duplicates and overlaps,
 * never changing a byte that was taken already.
 */
#ifndef RILL_STREAM_REASSEMBLY_H
#define RILL_STREAM_REASSEMBLY_H

#include "base/spares.h"

typedef struct rill_reassembly rill_reassembly;

/* Memory grows with what is buffered, and shrinks back when it is consumed. */
RILL_MUST_CHECK int rill_reassembly_new(rill_reassembly **out, const rill_allocator *a);
void rill_reassembly_free(rill_reassembly *r);
/* From now on takes large blocks from there, and gives them back whenever it is empty. */
void rill_reassembly_share(rill_reassembly *r, rill_spares *spares);

/*
 * Bytes at an offset. The caller has checked offset + len against the window,
 * which bounds the memory. Bytes known already are ignored. *fresh becomes the
 * number of bytes that are new. All or nothing: RILL_ERR_NOMEM; RILL_ERR_LIMIT
 * (more than RILL_REASSEMBLY_MAX_GAPS holes); RILL_ERR_RANGE (past 2^64 - 1).
 */
#define RILL_REASSEMBLY_MAX_GAPS 1024
RILL_MUST_CHECK int rill_reassembly_insert(rill_reassembly *r, uint64_t offset, rill_bytes bytes,
                                           uint64_t *fresh);
/* All below has been received in order; the highest offset seen; all below has been consumed. */
uint64_t rill_reassembly_contiguous(const rill_reassembly *r);
uint64_t rill_reassembly_highest(const rill_reassembly *r);
uint64_t rill_reassembly_consumed(const rill_reassembly *r);
/* In-order bytes not consumed, as far as they lie in one piece. */
rill_bytes rill_reassembly_peek(const rill_reassembly *r);
/* len is at most what is contiguous and not consumed. */
void rill_reassembly_consume(rill_reassembly *r, uint64_t len);

#endif
