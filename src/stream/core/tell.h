/* SPDX-License-Identifier: Apache-2.0 */
/* The frames for what is to be told. What is due is noted in queues.h. */
#ifndef RILL_STREAM_TELL_H
#define RILL_STREAM_TELL_H

#include "stream/core/connection_internal.h"

/*
 * Adds frames for what is to be told. flight: records them there, to be sent
 * again when lost; NULL: in a reply, where they count as told.
 */
void rill_tell_frames(rill_connection *c, rill_packet_writer *p, rill_flight *flight);
/* Something is to be told that is worth a packet. */
bool rill_tell_urgent(const rill_connection *c);
/* Each of a client's packets does, until one is answered. */
bool rill_tells_who_we_are(const rill_flight *f);
/* Our address and asset: to somebody who may not know them yet. */
void rill_tell_who_we_are(rill_connection *c);
/* What the other side knew of this has changed: only what leaves from now on tells it. */
void rill_tell_anew(rill_connection *c, uint32_t bits);
/* A frame recorded in a flight was lost: to be told again. */
void rill_tell_again(rill_connection *c, const rill_flight_control *control);
void rill_tell_acknowledged(rill_connection *c, const rill_flight_control *control,
                            uint64_t sequence);

#endif
