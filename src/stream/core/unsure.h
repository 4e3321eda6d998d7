/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that may have arrived, at a peer that stalls where they come twice. */
#ifndef RILL_STREAM_UNSURE_H
#define RILL_STREAM_UNSURE_H

#include "stream/core/stream_internal.h"

/* The piece was lost, as far as we know; may: it may have arrived. */
void rill_unsure_lost(rill_stream *s, rill_send_piece *piece, bool may, uint64_t now_ns);
/* The reply to our packet of this number told the limit of the stream's bytes. */
void rill_unsure_told(rill_stream *s, uint64_t limit, uint64_t sequence, uint64_t now_ns);
/* Something of the stream is unsure: to be asked about now. */
bool rill_unsure_ask(rill_stream *s, uint64_t now_ns);

#endif
