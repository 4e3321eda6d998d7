/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines in which connections and streams wait: to send, to tell something, to have their events
 * fetched. Whoever is in line already stays where it is.
 */
#ifndef RILL_STREAM_QUEUES_H
#define RILL_STREAM_QUEUES_H

#include "stream/core/connection_internal.h"

/* It may have something to send. */
void rill_connection_ready(rill_connection *c);
void rill_connection_notify(rill_connection *c, uint32_t event_type);
void rill_connection_tell(rill_connection *c, uint32_t bits, bool urgent);
/* Something of this connection changed by the application's hand. */
void rill_connection_wake(rill_connection *c);
/* Notes what is to be told; urgent: with a packet of its own if need be. */
void rill_stream_tell(rill_stream *s, uint32_t bits, bool urgent);
void rill_stream_notify(rill_stream *s, uint32_t event_type);
/* Puts the stream in the line of those with something to send, or out of it. */
void rill_stream_want_money(rill_stream *s);
void rill_stream_want_data(rill_stream *s);

#endif
