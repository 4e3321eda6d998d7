/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/data_flow.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/queues.h"

/* What a peer assumes of a connection's data window until it is told (the reference does). */
#define ASSUMED_CONNECTION_WINDOW 65534u

void rill_data_flow_init(rill_data_flow *d, uint64_t buffer, uint64_t now_ns)
{
    rill_send_window_init(&d->send_window, ASSUMED_CONNECTION_WINDOW);
    rill_receive_window_init(&d->receive_window, ASSUMED_CONNECTION_WINDOW, buffer);
    rill_receive_tuning_init(&d->receive_tuning, buffer, now_ns);
}

/*
 * RFC 29 counts the bytes of all streams there ever were. The reference
 * forgets those of streams that are closed, and with them lowers its limit.
 */
uint64_t rill_connection_send_left(const rill_connection *c)
{
    uint64_t used = c->data.send_window.used;
    assert(c->data.closed_sent <= used); /* what was sent on streams that are closed was sent */
    if (c->peer.forgets_closed)
        used = rill_sub_sat(used, c->data.closed_sent);
    return rill_sub_sat(c->data.send_window.limit, used);
}

void rill_connection_update_receive_window(rill_connection *c, uint64_t now_ns)
{
    /* Nobody reads what has not come; what has and was not read is of streams that there are. */
    assert(c->data.consumed <= c->data.received &&
           c->data.received - c->data.consumed <= c->data.open_received);
    uint64_t buffer = rill_receive_tune(&c->data.receive_tuning, c->data.consumed, now_ns,
                                        rill_congestion_round_trip(c->path->congestion),
                                        c->options->max_connection_receive_buffer);
    uint64_t limit = rill_add_sat(c->data.consumed, buffer);
    if (limit <= c->data.receive_window.limit ||
        !rill_receive_window_set(&c->data.receive_window, limit))
        return;
    if (c->state != RILL_STATE_OPEN)
        return;
    if (rill_receive_window_worth_telling(&c->data.receive_window, buffer / 2))
        rill_connection_tell(c, RILL_TELL(CONNECTION_MAX_DATA), true);
}
