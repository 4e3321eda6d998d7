/* SPDX-License-Identifier: Apache-2.0 */
/* A set of stream ids of one parity, kept as ranges: the streams that have been opened. */
#ifndef RILL_STREAM_ID_SET_H
#define RILL_STREAM_ID_SET_H

#include <rill/types.h>

typedef struct rill_id_range {
    uint64_t first; /* index of an id: id / 2 */
    uint64_t last;
} rill_id_range;

typedef struct rill_id_set {
    rill_id_range *ranges; /* ascending, not touching */
    uint32_t count;
    uint32_t capacity;
} rill_id_set;

void rill_id_set_init(rill_id_set *s);
void rill_id_set_clear(rill_id_set *s, const rill_allocator *a);
bool rill_id_set_has(const rill_id_set *s, uint64_t id);
/* RILL_ERR_NOMEM; nothing where it is in already. */
RILL_MUST_CHECK int rill_id_set_add(rill_id_set *s, const rill_allocator *a, uint64_t id);

#endif
