/* SPDX-License-Identifier: Apache-2.0 */
/* What happens when nothing happens. */
#ifndef RILL_STREAM_TIMEOUT_H
#define RILL_STREAM_TIMEOUT_H

#include "stream/core/connection_internal.h"

/* No reply can come any more. sent: it may have arrived. */
void rill_connection_unanswered(rill_connection *c, rill_now now, rill_flight *f, bool sent);
/* The time due_ns has come, that the connection's timer was set to, or the stream's. */
void rill_connection_on_deadline(rill_connection *c, rill_now now, uint64_t due_ns);
void rill_stream_on_deadline(rill_stream *s, uint64_t now_ns);

#endif
