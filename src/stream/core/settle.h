/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows from what has changed. Whatever changes a stream or a connection writes down its
 * own change and leaves a mark; what follows from it is found here, once, and nowhere else: whether
 * lost money is asked about, which lines a stream stands in, whether a goal is met, whether a
 * stream or a connection closes by itself, whether it is over, and that its timer is to be set.
 *
 * An endpoint's call leaves nothing unsettled. It settles at its end, and before it goes on with
 * something that depends on what has followed so far: whether a stream has ended by a packet's
 * outcome matters to the frames of its answer, and what one frame ends to the next.
 */
#ifndef RILL_STREAM_SETTLE_H
#define RILL_STREAM_SETTLE_H

#include <assert.h>

#include "stream/core/connection_internal.h"
#include "stream/core/timer.h"

/* At the beginning of a call: the one before has drawn all of them. */
static inline void rill_settle_check(const rill_connection *c)
{
    assert(!c->unsettled);
    (void)c;
}

/* In the middle of a call: what has followed so far. */
void rill_settle_now(rill_connection *c, uint64_t now_ns);
/* Of lost money that was asked about: an answer has come, and was read to its end. */
void rill_settle_doubts(rill_connection *c, uint64_t now_ns);

/* At the end of a call that brings the time. */
static inline void rill_settle(rill_connection *c, uint64_t now_ns)
{
    if (c->unsettled)
        rill_settle_now(c, now_ns);
    if (c->doubt_answered)
        rill_settle_doubts(c, now_ns);
    c->retime = false;
    rill_connection_retime(c, now_ns);
}

/* At the end of a call of the application's: the timer is set where it was marked. */
static inline void rill_settle_call(rill_connection *c, uint64_t now_ns)
{
    if (c->unsettled)
        rill_settle_now(c, now_ns);
    if (!c->retime)
        return;
    c->retime = false;
    rill_connection_retime(c, now_ns);
}

/* Something is about to end, or may be: most connections are far from it. */
static inline bool rill_settle_may_end(const rill_connection *c)
{
    return c->streams.waited > 0 || c->closing.ending || c->state != RILL_STATE_OPEN ||
           (c->path->money.in_doubt.low | c->path->money.in_doubt.high) != 0;
}

/* Between two parts of a packet: what has ended by those before. */
static inline void rill_settle_ends(rill_connection *c, uint64_t now_ns)
{
    if (c->unsettled && rill_settle_may_end(c))
        rill_settle_now(c, now_ns);
}

#endif
