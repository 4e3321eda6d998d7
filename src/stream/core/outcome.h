/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What becomes of a flight. Each of these but doubt, overdue and found takes it out of the
 * connection and the table.
 */
#ifndef RILL_STREAM_OUTCOME_H
#define RILL_STREAM_OUTCOME_H

#include "stream/core/connection_internal.h"

/* Before it leaves: what it may lose is taken off the tallies. */
void rill_flight_hold_tallies(rill_connection *c, rill_flight *f);
/* Its money and its frames have arrived: delivered, in the other side's units. */
void rill_flight_succeed(rill_connection *c, rill_flight *f, uint64_t delivered, uint64_t now_ns);
/* Its frames have arrived; its money was not taken. */
void rill_flight_refuse(rill_connection *c, rill_flight *f, uint64_t now_ns);
/* It has not arrived, as far as we know. */
void rill_flight_lose(rill_connection *c, rill_flight *f, uint64_t now_ns);
/* The control and data it carried is sent again, its money stays held. */
void rill_flight_doubt(rill_connection *c, rill_flight *f, uint64_t now_ns);
/* As doubt, but a reply may still come. */
void rill_flight_overdue(rill_connection *c, rill_flight *f, uint64_t now_ns);
/* The other side takes bytes that come twice, as has just been learnt: those of packets that are
 * overdue are sent again. */
void rill_flight_overdue_bytes(rill_connection *c, uint64_t now_ns);
/* It has come, or cannot come any more: as if it had never been overdue. */
void rill_flight_found(rill_connection *c, rill_flight *f);
/* Nobody can take it any more. Its money stays held and in doubt, and is asked about (doubt.h);
 * what carries none is lost. */
void rill_flight_expire(rill_connection *c, rill_flight *f, uint64_t now_ns);

#endif
