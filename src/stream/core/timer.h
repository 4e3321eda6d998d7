/* SPDX-License-Identifier: Apache-2.0 */
/* The time at which a connection has to be looked at again. */
#ifndef RILL_STREAM_TIMER_H
#define RILL_STREAM_TIMER_H

#include "stream/core/connection_internal.h"

/* A sign of life is due then; RILL_NEVER. */
uint64_t rill_connection_alive_deadline(const rill_connection *c);
/* When the oldest packet that is waited for is no longer; RILL_NEVER. */
uint64_t rill_connection_overdue_deadline(const rill_connection *c);
/* Sets its timer to the earliest of all that it waits for. */
void rill_connection_rearm(rill_connection *c, uint64_t now_ns);

#endif
