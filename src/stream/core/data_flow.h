/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes of all streams of a connection: what either side may send. */
#ifndef RILL_STREAM_DATA_FLOW_H
#define RILL_STREAM_DATA_FLOW_H

#include <assert.h>

#include "base/muldiv.h"
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

void rill_data_flow_init(rill_data_flow *d, uint64_t buffer, uint64_t now_ns);
/* The other side's limit, which has fallen: only where it forgets streams that are closed. */
static inline void rill_data_flow_set_limit(rill_data_flow *d, uint64_t limit)
{
    rill_send_window_set(&d->send_window, limit);
}
/* Replies to packets up to this one may be older than the limit. */
static inline void rill_data_flow_limit_is_of(rill_data_flow *d, uint64_t sequence)
{
    d->limit_sequence = sequence;
}
/* The highest offset of a stream has grown by that much, */
static inline void rill_data_flow_came(rill_data_flow *d, uint64_t growth)
{
    d->received += growth;
    d->open_received += growth;
    /* What goes beyond it was refused, so nobody makes us keep more than we told. */
    assert(d->open_received <= d->receive_window.limit);
}
/* or so many bytes came for a stream that there is not. */
static inline void rill_data_flow_came_for_none(rill_data_flow *d, uint64_t len)
{
    d->received += len;
    d->consumed += len;
}
/* A reader took so many bytes. */
static inline void rill_data_flow_read(rill_data_flow *d, uint64_t len)
{
    d->consumed += len;
}
/* A stream is closed on which we have sent so many bytes, */
static inline void rill_data_flow_closed(rill_data_flow *d, uint64_t sent)
{
    d->closed_sent = rill_add_sat(d->closed_sent, sent);
}
/* or is gone, and what nobody read of it no longer counts against the window. highest: its
 * offset; consumed: what was read. */
static inline void rill_data_flow_gone(rill_data_flow *d, uint64_t highest, uint64_t consumed)
{
    assert(consumed <= highest && highest <= d->open_received);
    d->open_received -= highest;
    d->consumed += highest - consumed;
}

/* Bytes that may still be sent, of all streams. */
uint64_t rill_connection_send_left(const rill_connection *c);
/* The window to advertise follows what readers have consumed. */
void rill_connection_update_receive_window(rill_connection *c, uint64_t now_ns);

#endif
