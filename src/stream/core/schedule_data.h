/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes travel in the next packet. */
#ifndef RILL_STREAM_SCHEDULE_DATA_H
#define RILL_STREAM_SCHEDULE_DATA_H

#include "stream/core/connection_internal.h"

/* Bytes may be sent now. */
bool rill_schedule_data_wanted(rill_connection *c, uint64_t now_ns);
/* False where there are bytes to send, and no memory for the record of any. */
RILL_MUST_CHECK bool rill_schedule_data_add(rill_connection *c, rill_packet_writer *p,
                                            rill_flight *f, uint64_t now_ns);
/* Those who are blocked ask again. */
void rill_blocked_on_deadline(rill_connection *c, uint64_t now_ns);

#endif
