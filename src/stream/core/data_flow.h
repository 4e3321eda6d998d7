/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of all streams of a connection: what either side may send. */
#ifndef RILL_STREAM_DATA_FLOW_H
#define RILL_STREAM_DATA_FLOW_H

#include "stream/bytes/window.h"
#include <rill/connection.h>

typedef struct rill_data_flow {
    rill_send_window send_window;
    uint64_t limit_sequence; /* replies to packets up to it may be older than the send limit */
    uint64_t closed_sent;    /* bytes sent on streams that are closed */
    rill_receive_window receive_window;
    rill_receive_tuning receive_tuning;
    uint64_t received;      /* highest offsets of all streams ever, and what came for none */
    uint64_t open_received; /* highest offsets of the streams that there are */
    uint64_t consumed;
} rill_data_flow;

/* Bytes that may still be sent, of all streams. */
uint64_t rill_connection_send_left(const rill_connection *c);
/* The window to advertise follows what readers have consumed. */
void rill_connection_update_receive_window(rill_connection *c, uint64_t now_ns);

#endif
