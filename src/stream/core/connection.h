/* SPDX-License-Identifier: Apache-2.0 */
/* The making of a connection, and of the streams that the other side opens. */
#ifndef RILL_STREAM_CONNECTION_H
#define RILL_STREAM_CONNECTION_H

#include "stream/core/connection_internal.h"
#include "stream/core/queues.h"

rill_connection *rill_connection_create(rill_endpoint *e, rill_now now, bool server,
                                        const rill_connection_options *own);
void rill_connection_destroy(rill_connection *c);
/* RILL_ERR_STREAM_ID, RILL_ERR_PROTOCOL (parity), RILL_ERR_CLOSED (was open), RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_connection_accept_stream(rill_connection *c, uint64_t id,
                                                  rill_stream **out, uint64_t now_ns);
/* An authentic packet or reply of the other side has come: it is there. */
static inline void rill_connection_authentic(rill_connection *c, uint64_t now_ns)
{
    if (rill_contact_heard(&c->contact, now_ns) && !c->server)
        rill_connection_notify(c, RILL_EVENT_CONNECTED);
}

#endif
