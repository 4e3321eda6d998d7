/* SPDX-License-Identifier: Apache-2.0 */
/* Incoming Prepares of a connection. */
#ifndef RILL_STREAM_RECEIVE_PREPARE_H
#define RILL_STREAM_RECEIVE_PREPARE_H

#include "stream/core/arrival.h"

/*
 * A Prepare for c whose envelope has been opened: plaintext[len]. Writes the reply, or none where
 * the application decides. An error: no reply could be written.
 */
RILL_MUST_CHECK int rill_connection_receive(rill_connection *c, const rill_arrival *a,
                                            const uint8_t *plaintext, size_t len);

#endif
