/* SPDX-License-Identifier: Apache-2.0 */
/* The next packet that a connection sends. */
#ifndef RILL_STREAM_SCHEDULE_H
#define RILL_STREAM_SCHEDULE_H

#include "stream/core/connection_internal.h"
#include "stream/core/turn.h"

/*
 * The next Prepare of this connection, where it has one to send. RILL_ERR_NOMEM, RILL_ERR_CRYPTO:
 * it could not be made, and what it would have carried is sent later.
 */
RILL_MUST_CHECK int rill_connection_next_packet(rill_connection *c, const rill_turn *turn);

#endif
