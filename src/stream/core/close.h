/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection is closed, by either side. */
#ifndef RILL_STREAM_CLOSE_H
#define RILL_STREAM_CLOSE_H

#include "stream/core/connection_internal.h"

/* Everything that rill_connection_end waits for has happened: the other side is told. */
void rill_connection_close_well(rill_connection *c, uint64_t now_ns);
/* Closes from our side: the other is told. error is for the application. */
void rill_connection_fail(rill_connection *c, uint8_t code, int error, const char *message,
                          uint64_t now_ns);
/* So, for all packets of its key have been used up. */
void rill_connection_exhaust(rill_connection *c, uint64_t now_ns);
/* The other side closed; with an error of ours where that says more than its code. */
void rill_connection_closed_by_remote(rill_connection *c, uint8_t code, int error,
                                      rill_bytes message, uint64_t now_ns);
/*
 * Its client has begun anew with the same credentials, and will go on with
 * nothing of it: ends as if the other side had closed, with RILL_ERR_REMOTE, and makes way.
 */
void rill_connection_superseded(rill_connection *c, rill_now now);
/* The other side closed while our close was under way: that is as good as an answer to it, which
 * may not come any more. */
void rill_connection_closes_cross(rill_connection *c, uint64_t now_ns);
/* Nothing more leaves: its end is reported once the last reply has come. */
void rill_connection_shut(rill_connection *c, uint64_t now_ns);
void rill_connection_closing_on_deadline(rill_connection *c, uint64_t now_ns);
/* From now on it closes by itself, once its streams are done: they end as well. */
void rill_connection_start_ending(rill_connection *c, uint64_t now_ns);
/* It is over at once: what is under way is given up, and no reader waited for. */
void rill_connection_give_up(rill_connection *c, int error, uint64_t now_ns);

#endif
