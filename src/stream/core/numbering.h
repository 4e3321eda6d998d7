/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of a connection's packets: those that we give, and those that we have seen. */
#ifndef RILL_STREAM_NUMBERING_H
#define RILL_STREAM_NUMBERING_H

#include "stream/wire/numbers.h"
#include "stream/wire/sequence_window.h"

typedef struct rill_numbering {
    uint64_t next;
    uint64_t given;            /* under this key: by those before it with these credentials too */
    uint64_t taken_before;     /* packets received under this key: by those before it */
    uint64_t life;             /* the client's, which began it; at a server the latest there was */
    uint32_t mark;             /* valid where marked, as the next */
    uint32_t their_prefix;     /* of the other side's numbers: above the count */
    bool marked;               /* the other side is Rill: the client's numbers have the mark */
    bool opening;              /* a client: no STREAM packet of the server has come yet */
    rill_sequence_window seen; /* numbers; of a marked client its counts */
    uint64_t max_expires_at;   /* latest expiry of a packet that was received, wall ms */
} rill_numbering;

#endif
