/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/settle.h"

#include <assert.h>

#include "stream/core/close.h"
#include "stream/core/connection.h"
#include "stream/core/doubt.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/queues.h"
#include "stream/core/stream.h"
#include "stream/core/timer.h"

/* ---- a stream ---- */

static void settle_doubt(rill_stream *s)
{
    if (s->out->doubt == RILL_DOUBT_NONE)
        return;
    if (s->closed) /* nobody can be asked any more */
        rill_doubt_abandon(s);
    else
        rill_doubt_ask(s);
}

static void settle_send_goal(rill_stream *s)
{
    const rill_money *m = &s->out->money;
    if (m->sent >= s->out->goal) {
        rill_stream_finish_sending(s, RILL_OK);
    } else if (rill_money_open(m) == 0 && s->closed) {
        s->undone = true;
        rill_stream_finish_sending(s, s->end_error != RILL_OK ? s->end_error : RILL_ERR_CLOSED);
    } else if (rill_money_open(m) == 0 && m->abandoned > 0 && rill_stream_sendable(s) == 0) {
        rill_stream_finish_sending(s, RILL_ERR_IN_DOUBT);
    }
}

static void settle_receive_goal(rill_stream *s)
{
    if (s->in.received >= s->in.goal) {
        rill_stream_finish_receiving(s, RILL_OK);
    } else if (s->closed && s->in.reserved == 0) {
        s->undone = true;
        rill_stream_finish_receiving(s, RILL_ERR_CLOSED);
    }
}

/* It has done all that rill_stream_end waits for. */
static bool has_ended(const rill_stream *s)
{
    return s->ending && !s->closed && rill_money_open(&s->out->money) == 0 &&
           rill_stream_sendable(s) == 0 && rill_stream_is_acknowledged(s);
}

/* The other side knows of the close, or cannot be told. */
static bool close_is_known(const rill_stream *s)
{
    return s->close_done || !s->connection->peer.address;
}

/*
 * Nothing is under way any more: so its totals are final, and the other side knows of the close, or
 * was the one to close and every byte that it sent has been read.
 */
static bool is_over(const rill_stream *s)
{
    const rill_connection *c = s->connection;
    if (!s->closed || s->references > 0)
        return false;
    if (!close_is_known(s) && c->state == RILL_STATE_OPEN)
        return false;
    if (s->closed_remote && !c->closing.forced && rill_stream_unread(s) > 0)
        return false;
    return s->linger_until == 0 || c->state != RILL_STATE_OPEN;
}

/* The other side has closed, and had more bytes than have come, as far as it has said. */
static bool bytes_missing(const rill_stream *s)
{
    uint64_t end = s->remote_wants;
    uint64_t got = 0;
    if (s->reassembly) {
        got = rill_reassembly_contiguous(s->reassembly);
        if (rill_reassembly_highest(s->reassembly) > end)
            end = rill_reassembly_highest(s->reassembly);
    }
    return s->closed_remote && got < end;
}

/* Closed without an error, but not all that was asked is done: that is one. */
static void judge_end(rill_stream *s)
{
    rill_connection *c = s->connection;
    int undone = RILL_OK;
    if (s->undone || s->astray != UINT64_MAX || !rill_stream_is_acknowledged(s) || bytes_missing(s))
        undone = RILL_ERR_CLOSED;
    if (s->out->money.abandoned > 0)
        undone = RILL_ERR_IN_DOUBT;
    if (s->end_error == RILL_OK)
        s->end_error = (int8_t)undone;
    if (s->end_error == RILL_ERR_BLOCKED)
        undone = RILL_ERR_BLOCKED;
    rill_closing_note_undone(&c->closing, undone);
}

static void announce_end(rill_stream *s)
{
    rill_connection *c = s->connection;
    assert(rill_money_open(&s->out->money) == 0); /* a unit under way would have a reference */
    judge_end(s);
    rill_streams_over(&c->streams);
    s->over = true;
    rill_stream_notify(s, RILL_EVENT_STREAM_END);
}

/* Whether the end of the connection waits for it. What the other side opened since does not count.
 */
static void settle_wait(rill_stream *s)
{
    rill_connection *c = s->connection;
    bool done = s->closed && s->references == 0 && close_is_known(s);
    bool waited = (s->ending || s->closed) && !done && !s->over;
    if (waited == s->waited)
        return;
    s->waited = waited;
    if (waited)
        rill_streams_wait(&c->streams);
    else
        rill_streams_wait_no_more(&c->streams);
}

/* Of one that ends, or is closed. */
static void settle_end(rill_stream *s)
{
    if (has_ended(s)) { /* which marks it again: what follows from that is looked at anew */
        rill_stream_shut(s, RILL_CLOSE_NO_ERROR, NULL, 0, false,
                         s->out->money.abandoned > 0 ? RILL_ERR_IN_DOUBT : RILL_OK);
        return;
    }
    if (!s->over && is_over(s))
        announce_end(s);
    settle_wait(s);
}

/*
 * The order is that of causes: what becomes of money in doubt decides on what may be sent, that on
 * goals, those on the end.
 */
static void settle_stream(rill_stream *s)
{
    unsigned marks = s->marks;
    s->marks = 0;
    rill_list_remove(&s->unsettled_node);
    settle_doubt(s);
    if (s->out->given_up)
        rill_money_forgo(&s->out->money);
    if (marks & RILL_MARK_MONEY)
        rill_stream_want_money(s);
    if (marks & RILL_MARK_DATA)
        rill_stream_want_data(s);
    if (marks & RILL_MARK_TIMER)
        rill_stream_rearm(s);
    if (s->out->goal_set)
        settle_send_goal(s);
    if (s->receive_goal_set)
        settle_receive_goal(s);
    if (s->ending || s->closed)
        settle_end(s);
}

/* In the order in which they were marked; one that its own end has changed goes on at once. */
static void settle_streams(rill_connection *c)
{
    while (!rill_list_empty(&c->streams.unsettled)) {
        rill_stream *s = RILL_CONTAINER(c->streams.unsettled.next, rill_stream, unsettled_node);
        do
            settle_stream(s);
        while (rill_list_linked(&s->unsettled_node));
    }
}

/* ---- a connection ---- */

/* Packets that are out, or wait for a decision, may change anything still. */
static bool is_quiet(const rill_connection *c)
{
    return c->path->flights.count == 0 && c->undecided->count == 0;
}

/* Everything that rill_connection_end waits for has happened. */
static bool may_close(const rill_connection *c)
{
    return c->closing.ending && c->state == RILL_STATE_OPEN && is_quiet(c) &&
           c->streams.waited == 0;
}

static bool connection_is_over(const rill_connection *c)
{
    return c->state == RILL_STATE_CLOSED && is_quiet(c) && c->streams.not_over == 0;
}

/* Of one that ends. Its streams may be marked again by that. */
RILL_NOINLINE static void settle_connection(rill_connection *c, uint64_t now_ns)
{
    if (may_close(c))
        rill_connection_close_well(c, now_ns);
    else if (connection_is_over(c))
        rill_connection_notify(c, RILL_EVENT_CONNECTION_END);
}

void rill_settle_now(rill_connection *c, uint64_t now_ns)
{
    while (c->unsettled) {
        settle_streams(c);
        c->unsettled = false;
        if (c->closing.ending || c->state != RILL_STATE_OPEN)
            settle_connection(c, now_ns);
    }
    assert(rill_list_empty(&c->streams.unsettled)); /* whoever marks a stream marks c too */
}

void rill_settle_doubts(rill_connection *c, uint64_t now_ns)
{
    /* All frames of the answer have been read: who has not told by now does not tell. */
    rill_doubt_review(c);
    rill_settle_now(c, now_ns);
}
