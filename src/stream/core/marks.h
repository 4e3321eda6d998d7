/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What has changed, and has not been settled. Whatever changes a stream or a connection leaves a
 * mark; what follows from it is found in settle.h.
 */
#ifndef RILL_STREAM_MARKS_H
#define RILL_STREAM_MARKS_H

#include "stream/core/connection_internal.h"
#include "stream/core/queues.h"

/* What has changed of a stream, beside what is always looked at: its goals and its end. */
enum {
    RILL_MARK_ANY = 0,
    RILL_MARK_MONEY = 1 << 0, /* how much it may send */
    RILL_MARK_DATA = 1 << 1,  /* the bytes that wait to be sent */
    RILL_MARK_TIMER = 1 << 2  /* a time that it waits for */
};

/* No goal, no end, no doubt: as most streams are. Whoever changes that leaves a mark. */
static inline bool rill_stream_is_merely_open(const rill_stream *s)
{
    return s->out->doubt == RILL_DOUBT_NONE && !s->out->given_up && !s->out->goal_set &&
           !s->receive_goal_set && !s->ending && !s->closed;
}

static inline void rill_stream_mark(rill_stream *s, unsigned what)
{
    rill_connection *c = s->connection;
    if (what == RILL_MARK_ANY && rill_stream_is_merely_open(s))
        return;
    /* Only that it stands in line follows: at once, but not before others that were marked. */
    if (what == RILL_MARK_MONEY && rill_list_empty(&c->streams.unsettled) &&
        rill_stream_is_merely_open(s)) {
        rill_stream_want_money(s);
        return;
    }
    s->marks = (uint8_t)(s->marks | what);
    c->unsettled = true;
    if (!rill_list_linked(&s->unsettled_node))
        rill_list_push_back(&c->streams.unsettled, &s->unsettled_node);
}
/* A decision was made, a stream has gone, or its own state changed. */
static inline void rill_connection_mark(rill_connection *c)
{
    c->unsettled = true;
}
/* A packet of it has ended: that matters to one that ends. Whoever begins that leaves a mark. */
static inline void rill_connection_mark_packet(rill_connection *c)
{
    if (c->closing.ending || c->state != RILL_STATE_OPEN)
        c->unsettled = true;
}
/* All of its streams: something changed that the end of each may depend on. */
void rill_connection_mark_all(rill_connection *c);
/* Its state changed, and with it what its timer is for. */
void rill_connection_mark_timer(rill_connection *c);

/* A stream comes, or goes. */
void rill_stream_counted(rill_stream *s);
void rill_stream_uncounted(rill_stream *s);

#endif
