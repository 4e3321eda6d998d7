/* SPDX-License-Identifier: Apache-2.0 */
/* What one stream gets of an incoming packet's money. */
#ifndef RILL_STREAM_PART_H
#define RILL_STREAM_PART_H

#include <rill/stream.h>

/* StreamMoney frames of one incoming packet at most; it is refused with more. */
#define RILL_MAX_PARTS 1024

typedef struct rill_part {
    rill_stream *stream;
    uint64_t amount;
} rill_part;

#endif
