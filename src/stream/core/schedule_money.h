/* SPDX-License-Identifier: Apache-2.0 */
/* Which streams' money travels in the next packet. */
#ifndef RILL_STREAM_SCHEDULE_MONEY_H
#define RILL_STREAM_SCHEDULE_MONEY_H

#include "stream/core/connection_internal.h"

/* Chooses streams and amounts: into the flight. False: no money now. */
bool rill_schedule_money_plan(rill_connection *c, uint64_t now_ns, rill_flight *f);
/* The money could be sent, were it not for the time: when then? RILL_NEVER where there is none. */
uint64_t rill_schedule_money_not_before(const rill_connection *c);
/* What may be sent of s now, by our limits and the other side's. */
uint64_t rill_schedule_money_room(const rill_connection *c, const rill_stream *s);
bool rill_schedule_money_wanted(const rill_connection *c);
void rill_schedule_money_frames(rill_packet_writer *p, const rill_flight *f);

#endif
