/* SPDX-License-Identifier: Apache-2.0 */
/* The time at which a connection has to be looked at again. */
#ifndef RILL_STREAM_TIMER_H
#define RILL_STREAM_TIMER_H

#include "stream/core/endpoint_internal.h"

/* A sign of life is due then; RILL_NEVER. */
uint64_t rill_connection_alive_deadline(const rill_connection *c);
/* When the oldest packet that is waited for is no longer; RILL_NEVER. */
uint64_t rill_connection_overdue_deadline(const rill_connection *c);
/*
 * Whatever it waits for may have changed. Its timer is set when somebody asks for the endpoint's
 * deadline, once for all packets of a turn. What is still to come at now_ns is not missed, though
 * it may be past when the timer is set: then the timer is due at once.
 */
static inline void rill_connection_retime(rill_connection *c, uint64_t now_ns)
{
    rill_endpoint *e = c->endpoint;
    if (!e->untimed || now_ns < e->untimed_ns)
        e->untimed_ns = now_ns;
    if (c->untimed)
        return;
    c->untimed = true;
    c->next_untimed = e->untimed;
    e->untimed = c;
}
/* Sets the timers of those connections, each to the earliest of all that it waits for. */
void rill_endpoint_set_timers(const rill_endpoint *e);

#endif
