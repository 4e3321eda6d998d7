/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which Request-Ids a neighbour has used, for as long as the packets of them could be paid: one
 * that comes again is the same request, and is not forwarded a second time.
 */
#ifndef RILL_LINKS_HTTP_HTTP_SEEN_H
#define RILL_LINKS_HTTP_HTTP_SEEN_H

#include "base/heap.h"
#include "base/map.h"
#include "links/http/http_id.h"

typedef struct http_seen {
    const rill_allocator *allocator;
    rill_map by_id;
    rill_heap by_end; /* milliseconds */
    size_t max;
} http_seen;

void http_seen_init(http_seen *s, const rill_allocator *allocator, uint64_t seed, size_t max);
void http_seen_clear(http_seen *s);
/*
 * Remembers the id until then; those whose time is over are forgotten before. RILL_ERR_EXISTS: it
 * has been used. RILL_ERR_LIMIT: too many are remembered, or this one cannot be told from another.
 * RILL_ERR_NOMEM.
 */
RILL_MUST_CHECK int http_seen_add(http_seen *s, const http_id *id, uint64_t now_ms,
                                  uint64_t until_ms);
/* Nothing came of it. It is there. */
void http_seen_remove(http_seen *s, const http_id *id);

#endif
