/* SPDX-License-Identifier: Apache-2.0 */
/* The next packet that a connection sends. */
#ifndef RILL_STREAM_SCHEDULE_H
#define RILL_STREAM_SCHEDULE_H

#include "stream/core/connection_internal.h"

/* The next Prepare of this connection, or *len 0. */
RILL_MUST_CHECK int rill_connection_next_packet(rill_connection *c, rill_now now, uint8_t *packet,
                                                size_t *len, uint64_t *request);

#endif
