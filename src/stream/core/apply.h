/* SPDX-License-Identifier: Apache-2.0 */
/* The effects of control and data frames, from Prepares and from replies. */
#ifndef RILL_STREAM_APPLY_H
#define RILL_STREAM_APPLY_H

#include "stream/core/closed_streams.h"
#include "stream/wire/frame.h"
#include <rill/connection.h>

/* Where a frame comes from. */
typedef struct rill_frame_source {
    uint64_t now_ns;
    uint64_t sequence;           /* of our packet, that the reply is to; valid in a reply */
    rill_closed_streams *closed; /* in a Prepare; NULL in a reply, which is not answered */
} rill_frame_source;

/* Effects of one checked control or data frame. RILL_ERR_NOMEM; else the error to close with. */
RILL_MUST_CHECK int rill_apply_frame(rill_connection *c, const rill_frame *frame,
                                     const rill_frame_source *from);
/* The close code that tells the other side of an error of its frames. */
uint8_t rill_apply_close_code(int error);

#endif
