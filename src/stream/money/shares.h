/* SPDX-License-Identifier: Apache-2.0 */
/* How the money of one packet is divided among streams (RFC 29 section 5.3.8). */
#ifndef RILL_STREAM_SHARES_H
#define RILL_STREAM_SHARES_H

#include <rill/types.h>

typedef struct rill_share {
    uint64_t stream; /* id */
    uint64_t shares;
    uint64_t room;   /* what the stream can still take */
    uint64_t amount; /* out: its part */
} rill_share;

/*
 * Divides amount by shares, rounding down, and gives the remainder to the
 * lowest-numbered stream with room for all of it, else as much as has room to
 * each in ascending order of ids, and what is left over then to the
 * lowest-numbered stream: the sum of the parts is always amount. Rooms limit
 * only the remainder; the caller checks parts against rooms.
 * RILL_ERR_RANGE: shares add up to 0 or to more than 2^64 - 1.
 */
RILL_MUST_CHECK int rill_shares_divide(rill_share *parts, size_t count, uint64_t amount);

#endif
