/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/queues.h"

#include <assert.h>

#include "stream/core/connection.h"
#include "stream/core/endpoint_internal.h"

/* ---- a connection ---- */

void rill_connection_ready(rill_connection *c)
{
    if (c->state < RILL_STATE_CLOSED && !rill_list_linked(&c->ready_node))
        rill_list_push_back(&c->endpoint->ready, &c->ready_node);
}

void rill_connection_notify(rill_connection *c, uint32_t event_type)
{
    if (c->state == RILL_STATE_GONE)
        return;
    if (event_type != 0)
        c->events = (uint16_t)(c->events | RILL_EVENT_BIT(event_type));
    if (!c->succession.waits_for && !rill_list_linked(&c->event_node))
        rill_list_push_back(&c->endpoint->events, &c->event_node);
}

void rill_connection_tell(rill_connection *c, uint32_t bits, bool urgent)
{
    c->telling.due = (uint16_t)(c->telling.due | bits);
    if (urgent) {
        c->telling.urgent = (uint16_t)(c->telling.urgent | bits);
        rill_connection_ready(c);
    }
}

void rill_connection_wake(rill_connection *c)
{
    rill_endpoint *e = c->endpoint;
    if (e->wake && (!rill_list_empty(&e->ready) || !rill_list_empty(&e->events)))
        e->wake(e->wake_user);
}

/* ---- a stream ---- */

void rill_stream_tell(rill_stream *s, uint32_t bits, bool urgent)
{
    rill_connection *c = s->connection;
    s->tell = (uint16_t)(s->tell | bits);
    if (urgent) {
        s->urgent = (uint16_t)(s->urgent | bits);
        rill_connection_ready(c);
    }
    if (!rill_list_linked(&s->tell_node))
        rill_list_push_back(&c->streams.telling, &s->tell_node);
}

void rill_stream_notify(rill_stream *s, uint32_t event_type)
{
    rill_connection *c = s->connection;
    if (s->end_fetched)
        return;
    /* Whoever fetches the end may free it: nothing points at it any more. */
    assert(event_type != RILL_EVENT_STREAM_END || (s->closed && s->references == 0));
    s->events = (uint16_t)(s->events | RILL_EVENT_BIT(event_type));
    if (!rill_list_linked(&s->event_node))
        rill_list_push_back(&c->streams.eventful, &s->event_node);
    rill_connection_notify(c, 0);
}

void rill_stream_want_money(rill_stream *s)
{
    rill_connection *c = s->connection;
    if (rill_stream_sendable(s) == 0) {
        rill_list_remove(&s->money_node);
        if (s->out->blocked)
            s->out->blocked = false;
        return;
    }
    if (!rill_list_linked(&s->money_node))
        rill_list_push_back(&c->streams.with_money, &s->money_node);
    rill_connection_ready(c);
}

void rill_stream_want_data(rill_stream *s)
{
    rill_connection *c = s->connection;
    bool some = !s->closed && s->sendbuf &&
                (rill_sendbuf_has_lost(s->sendbuf) || rill_sendbuf_has_new(s->sendbuf));
    if (!some) {
        rill_list_remove(&s->data_node);
        return;
    }
    if (!rill_list_linked(&s->data_node))
        rill_list_push_back(&c->streams.with_data, &s->data_node);
    rill_connection_ready(c);
}
