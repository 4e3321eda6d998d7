/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events are bits that wait on the connection or stream they belong to: any
 * number of packets between two fetches leaves one event of a kind, so nothing
 * is queued and nothing can overflow.
 */
#include <assert.h>
#include <string.h>

#include "base/sized.h"
#include "stream/core/connection.h"
#include "stream/core/data_flow.h"
#include "stream/core/endpoint.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/stream.h"
#include "stream/core/undecided.h"

_Static_assert(RILL_EVENT_PROBED < 16, "each event has a bit of its own, of sixteen");

static bool take(uint16_t *bits, unsigned type)
{
    if (!(*bits & RILL_EVENT_BIT(type)))
        return false;
    *bits = (uint16_t)(*bits & ~RILL_EVENT_BIT(type));
    return true;
}

/* A reader that took longer than one may, or has gone, has not got all: no success is that. */
static void judge_unread(rill_stream *s)
{
    if (!s->closed_remote || s->end_error != RILL_OK || rill_stream_peek(s).len == 0)
        return;
    s->end_error = RILL_ERR_CLOSED;
    rill_closing_note_undone(&s->connection->closing, RILL_ERR_CLOSED);
}

static void end_of_stream(rill_endpoint *e, rill_stream *s, rill_event *out)
{
    assert(s->over && s->events == 0); /* the end is the last of its events */
    assert(!e->ended_stream);          /* free_ended was called before: one at a time */
    judge_unread(s);
    out->error = s->end_error;
    out->close_code = s->close_code;
    out->remote = s->closed_remote;
    out->message = s->message ? s->message : "";
    s->end_fetched = true;
    e->ended_stream = s;
}

/* In the order of rill_event_type: what opens comes first, the end last. */
static bool stream_event(rill_endpoint *e, rill_stream *s, rill_event *out)
{
    if (s->events == 0)
        return false;
    out->type = (rill_event_type)__builtin_ctz(s->events);
    out->stream = s;
    s->events &= (uint16_t)(s->events - 1);
    switch (out->type) {
    case RILL_EVENT_MONEY:
        out->amount = s->event_in;
        s->event_in = 0;
        break;
    case RILL_EVENT_OUTGOING_MONEY:
        out->amount = s->event_out;
        s->event_out = 0;
        break;
    case RILL_EVENT_SEND_TOTAL_END:
        out->error = s->sent_error;
        break;
    case RILL_EVENT_RECEIVE_TOTAL_END:
        out->error = s->received_error;
        break;
    case RILL_EVENT_STREAM_END:
        end_of_stream(e, s, out);
        break;
    default:
        break;
    }
    return true;
}

static bool incoming_event(rill_connection *c, rill_event *out)
{
    const rill_undecided *u = rill_undecided_ask_next(c);
    if (!u) {
        c->events = (uint16_t)(c->events & ~RILL_EVENT_BIT(RILL_EVENT_INCOMING));
        return false;
    }
    out->type = RILL_EVENT_INCOMING;
    out->amount = u->amount;
    out->incoming_id = u->request;
    out->decision_id = u->decision;
    out->expires_at_ms = u->expires_at;
    memcpy(out->packet_id, u->packet_id, sizeof out->packet_id);
    return true;
}

/* What comes before anything of its streams. */
#define BEGINNINGS                                                                                 \
    (RILL_EVENT_BIT(RILL_EVENT_CONNECTION) | RILL_EVENT_BIT(RILL_EVENT_CONNECTED) |                \
     RILL_EVENT_BIT(RILL_EVENT_PROBED))

/* One of them waits. */
static bool beginning_event(rill_connection *c, rill_event *out)
{
    if (take(&c->events, RILL_EVENT_CONNECTION))
        out->type = RILL_EVENT_CONNECTION;
    else if (take(&c->events, RILL_EVENT_CONNECTED))
        out->type = RILL_EVENT_CONNECTED;
    else if (take(&c->events, RILL_EVENT_PROBED))
        out->type = RILL_EVENT_PROBED;
    return true;
}

static bool streams_event(rill_endpoint *e, rill_connection *c, rill_event *out)
{
    while (!rill_list_empty(&c->streams.eventful)) {
        rill_stream *s = RILL_CONTAINER(c->streams.eventful.next, rill_stream, event_node);
        if (stream_event(e, s, out)) {
            if (s->events == 0)
                rill_list_remove(&s->event_node);
            if (rill_list_empty(&c->streams.eventful) && c->events == 0)
                rill_list_remove(&c->event_node); /* it need not be looked at again */
            return true;
        }
        rill_list_remove(&s->event_node);
    }
    return false;
}

static bool connection_event(rill_endpoint *e, rill_connection *c, rill_event *out)
{
    out->connection = c;
    if (c->events & BEGINNINGS)
        return beginning_event(c, out);
    if (streams_event(e, c, out))
        return true;
    if ((c->events & RILL_EVENT_BIT(RILL_EVENT_INCOMING)) && incoming_event(c, out))
        return true;
    if (take(&c->events, RILL_EVENT_STREAMS_AVAILABLE)) {
        out->type = RILL_EVENT_STREAMS_AVAILABLE;
        return true;
    }
    if (!take(&c->events, RILL_EVENT_CONNECTION_END))
        return false;
    /* The last of all its events: another one would be of what is gone. */
    assert(c->events == 0 && rill_list_empty(&c->streams.eventful) && c->streams.not_over == 0);
    out->type = RILL_EVENT_CONNECTION_END;
    /* Success is only where all that was asked is done. */
    out->error = c->closing.error != RILL_OK ? c->closing.error : c->closing.undone;
    out->close_code = c->closing.code;
    out->remote = c->closing.by_remote;
    out->message = c->closing.message ? c->closing.message : "";
    rill_endpoint_retire(c, e->latest);
    return true;
}

static void free_ended(rill_endpoint *e)
{
    if (e->ended_stream) {
        rill_connection *c = e->ended_stream->connection;
        /* A packet that pointed at it would be settled with what is freed. */
        assert(e->ended_stream->end_fetched && e->ended_stream->references == 0);
        rill_stream_destroy(e->ended_stream);
        rill_connection_update_receive_window(c, e->latest.mono_ns);
        e->ended_stream = NULL;
    }
    if (e->ended_connection) {
        assert(e->ended_connection->state == RILL_STATE_GONE); /* rill_endpoint_retire */
        rill_connection_destroy(e->ended_connection);
        e->ended_connection = NULL;
    }
}

static bool no_event(rill_event *out)
{
    out->connection = NULL;
    out->stream = NULL;
    return false;
}

/* Not a part of its caller, which as often as not has nothing to do. */
RILL_NOINLINE static bool next_event(rill_endpoint *e, rill_event *out)
{
    free_ended(e);
    if (rill_list_empty(&e->events))
        return no_event(out);
    /* In two parts, each short enough to be cleared without a loop. */
    memset(out, 0, offsetof(rill_event, packet_id));
    memset(out->packet_id, 0, sizeof *out - offsetof(rill_event, packet_id));
    out->message = "";
    while (!rill_list_empty(&e->events)) {
        rill_connection *c = RILL_CONTAINER(e->events.next, rill_connection, event_node);
        if (connection_event(e, c, out))
            return true;
        rill_list_remove(&c->event_node);
    }
    return false;
}

/* For a program that was built with another version: rare. */
RILL_NOINLINE static bool give_event(rill_endpoint *e, rill_event *out, size_t size)
{
    rill_event event = {.type = 0};
    bool any = rill_endpoint_next_event_sized(e, &event, sizeof event);
    rill_sized_give(out, size, &event, sizeof event);
    return any;
}

bool rill_endpoint_next_event_sized(rill_endpoint *e, rill_event *out, size_t size)
{
    /* Who was built with this version asks often, and gets it without a copy. */
    if (RILL_UNLIKELY(size != sizeof *out))
        return give_event(e, out, size);
    if (rill_list_empty(&e->events) && !e->ended_stream && !e->ended_connection)
        return no_event(out);
    return next_event(e, out);
}
