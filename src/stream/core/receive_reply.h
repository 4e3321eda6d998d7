/* SPDX-License-Identifier: Apache-2.0 */
/* The replies to our own Prepares. */
#ifndef RILL_STREAM_RECEIVE_REPLY_H
#define RILL_STREAM_RECEIVE_REPLY_H

#include "stream/core/flight.h"

/* packet[len] is what came for f; whatever it is, f is over, or in doubt. */
void rill_connection_reply(rill_connection *c, rill_now now, rill_flight *f, const uint8_t *packet,
                           size_t len);

#endif
