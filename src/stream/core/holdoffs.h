/* SPDX-License-Identifier: Apache-2.0 */
/* What holds a connection's packets back for a while, after refusals. */
#ifndef RILL_STREAM_HOLDOFFS_H
#define RILL_STREAM_HOLDOFFS_H

#include "stream/path/hold.h"

typedef struct rill_holdoffs {
    rill_hold refusals; /* by the receiver: no money leaves before */
    rill_hold path;     /* by connectors: nothing at all leaves before */
    rill_hold plain;    /* of what brings no money: nothing else that brings none leaves before */
} rill_holdoffs;

/* A packet that left at sent_ns was refused on the way: nothing leaves for a while, longer with
 * each round. */
static inline void rill_holdoffs_path(rill_holdoffs *h, uint64_t sent_ns, uint64_t now_ns)
{
    (void)rill_hold_refused(&h->path, sent_ns, now_ns);
}

/* So does nothing but money, where it brought none: until one of its kind is answered, however well
 * money passes. */
static inline void rill_holdoffs_plain(rill_holdoffs *h, uint64_t amount, uint64_t sent_ns,
                                       uint64_t now_ns)
{
    if (amount == 0)
        (void)rill_hold_refused(&h->plain, sent_ns, now_ns);
}

#endif
