/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goes out for a Prepare that came: its bytes but for the 25 of amount and expiry,
 * in parts, so that nothing is copied but into the link's own storage.
 */
#ifndef RILL_NODE_OUTGOING_H
#define RILL_NODE_OUTGOING_H

#include <rill/ilp.h>
#include <rill/link.h>

typedef struct rill_outgoing {
    rill_bytes parts[3];
    size_t count;
} rill_outgoing;

/* All zero at first. What it wrote last stays until the next call. */
typedef struct rill_rewriter {
    uint64_t expiry_ms; /* what `changed` says after the amount; 0: nothing yet */
    /* Amount and expiry, as a Prepare has them. Most packets in a row end at the same time. */
    uint8_t changed[8 + 17];
    /* Where a packet is put together: of all, a Reject takes most. */
    uint8_t out[RILL_ILP_MAX_PACKET + RILL_ILP_MAX_MESSAGE];
} rill_rewriter;

/*
 * *out is what came (decoded from packet) with other fields; *result borrows from
 * both and from the rewriter. The errors of rill_prepare_encode.
 */
RILL_MUST_CHECK int rill_rewrite(rill_rewriter *w, rill_bytes packet, const rill_prepare *came,
                                 const rill_prepare *out, rill_outgoing *result);
/* The errors of rill_link_send; RILL_ERR_BUFFER. */
RILL_MUST_CHECK int rill_outgoing_send(rill_rewriter *w, rill_link *link, uint64_t outgoing_id,
                                       const rill_outgoing *out);

#endif
