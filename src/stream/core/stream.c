/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/stream.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/contact.h"
#include "stream/core/data_flow.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/queues.h"
#include "stream/core/streams.h"

/* What a peer assumes of a stream's data window until it is told (the reference does). */
#define ASSUMED_STREAM_WINDOW 16384u

rill_stream *rill_stream_create(rill_connection *c, uint64_t id, bool ours, uint64_t now_ns)
{
    rill_endpoint *e = c->endpoint;
    rill_stream *s = rill_calloc(e->allocator, 1, sizeof *s);
    if (!s)
        return NULL;
    s->connection = c;
    s->id = id;
    s->ours = ours;
    rill_list_init(&s->node);
    rill_list_init(&s->event_node);
    rill_list_init(&s->tell_node);
    rill_list_init(&s->unsettled_node);
    rill_list_init(&s->money_node);
    rill_list_init(&s->data_node);
    s->deadline.kind = RILL_DEADLINE_STREAM;
    s->astray = UINT64_MAX;
    s->theirs.max = RILL_UNLIMITED;
    s->weight = 1;
    s->out = &e->shared->unused_out;
    s->in.goal_deadline = RILL_NEVER;
    rill_receive_window_init(&s->in.window, 0, c->options->default_receive_max);
    rill_send_window_init(&s->send_window, ASSUMED_STREAM_WINDOW);
    rill_receive_window_init(&s->receive_window, ASSUMED_STREAM_WINDOW,
                             c->options->stream_receive_buffer);
    rill_receive_tuning_init(&s->receive_tuning, c->options->stream_receive_buffer, now_ns);
    /* A place in the heap: from now on the timer is only moved. */
    if (rill_heap_add(&e->heap, &s->deadline.timer, RILL_NEVER) != RILL_OK ||
        rill_streams_name(&c->streams, s) != RILL_OK) {
        rill_heap_remove(&e->heap, &s->deadline.timer);
        rill_free(e->allocator, s);
        return NULL;
    }
    rill_list_push_back(&c->streams.all, &s->node);
    rill_stream_counted(s);
    return s;
}

bool rill_stream_own_out(rill_stream *s)
{
    const rill_endpoint *e = s->connection->endpoint;
    assert(s->out == &e->shared->unused_out);
    rill_money_out *own = rill_alloc(e->allocator, sizeof *own);
    if (!own)
        return false;
    *own = e->shared->unused_out;
    own->lent = false;
    s->out = own;
    return true;
}

void rill_stream_destroy(rill_stream *s)
{
    rill_connection *c = s->connection;
    const rill_allocator *a = c->endpoint->allocator;
    rill_stream_uncounted(s);
    rill_heap_remove(&c->endpoint->heap, &s->deadline.timer);
    rill_list_remove(&s->node);
    rill_list_remove(&s->event_node);
    rill_list_remove(&s->tell_node);
    rill_list_remove(&s->money_node);
    rill_list_remove(&s->data_node);
    rill_map_remove(&c->streams.by_id, s->id);
    rill_sendbuf_free(s->sendbuf);
    if (s->reassembly) {
        rill_data_flow_gone(&c->data, rill_reassembly_highest(s->reassembly),
                            rill_reassembly_consumed(s->reassembly));
    }
    rill_reassembly_free(s->reassembly);
    /* Not before: streams that are closed and not yet read take memory too. */
    if (s->closed && !s->ours && c->state == RILL_STATE_OPEN)
        rill_connection_allow_another(c);
    if (!s->out->lent)
        rill_free(a, s->out);
    rill_free(a, s->message);
    rill_free(a, s->receipt);
    rill_free(a, s);
}

void rill_stream_check_writable(rill_stream *s)
{
    if (!s->want_writable || s->closed ||
        rill_sendbuf_room(s->sendbuf) < s->connection->options->stream_send_buffer / 2)
        return;
    s->want_writable = false;
    rill_stream_notify(s, RILL_EVENT_WRITABLE);
}

void rill_stream_finish_sending(rill_stream *s, int error)
{
    rill_money_out *out = s->out;
    assert(out->goal_set);
    out->goal_set = false;
    rill_streams_paid(&s->connection->streams);
    out->goal_deadline = RILL_NEVER;
    s->sent_error = (int8_t)error;
    if (error != RILL_OK && !s->closed) {
        rill_money_forgo(&out->money);
        out->given_up = true;
    }
    rill_stream_notify(s, RILL_EVENT_SEND_TOTAL_END);
    rill_stream_mark(s, RILL_MARK_MONEY | RILL_MARK_TIMER);
}

void rill_stream_finish_receiving(rill_stream *s, int error)
{
    assert(s->receive_goal_set); /* a wait ends once */
    s->receive_goal_set = false;
    s->in.goal_deadline = RILL_NEVER;
    s->received_error = (int8_t)error;
    rill_stream_notify(s, RILL_EVENT_RECEIVE_TOTAL_END);
    rill_stream_mark(s, RILL_MARK_TIMER);
}

void rill_stream_fail_goal(rill_stream *s, int error)
{
    if (s->out->goal_set)
        rill_stream_finish_sending(s, error);
}

void rill_stream_credit(rill_stream *s, uint64_t amount)
{
    assert(amount <= UINT64_MAX - s->in.received); /* it was planned: that checks it */
    s->in.received += amount;
    s->event_in = rill_add_sat(s->event_in, amount);
    rill_receive_window_use(&s->in.window, s->in.received);
    rill_stream_tell(s, RILL_TELL(MAX_MONEY), false);
    if (amount > 0)
        rill_stream_notify(s, RILL_EVENT_MONEY);
    rill_stream_mark(s, RILL_MARK_ANY);
}

static void keep_message(rill_stream *s, const char *message, size_t len)
{
    if (!message || len == 0)
        return;
    if (len > RILL_MAX_MESSAGE)
        len = RILL_MAX_MESSAGE;
    s->message = rill_alloc(s->connection->endpoint->allocator, len + 1);
    if (!s->message)
        return; /* a text for people: the code says it too */
    memcpy(s->message, message, len);
    s->message[len] = '\0';
}

void rill_stream_shut(rill_stream *s, uint8_t code, const char *message, size_t message_len,
                      bool remote, int error)
{
    rill_connection *c = s->connection;
    if (s->closed)
        return;
    assert(!s->over); /* what is over was closed before */
    s->undone = s->ending && rill_stream_sendable(s) > 0;
    s->closed = true;
    s->closed_remote = remote;
    s->close_code = code;
    s->end_error = (int8_t)error;
    keep_message(s, message, message_len);
    rill_list_remove(&s->money_node);
    rill_list_remove(&s->data_node);
    if (s->sendbuf)
        rill_data_flow_closed(&c->data, rill_sendbuf_sent(s->sendbuf));
    s->close_done = remote || c->state != RILL_STATE_OPEN;
    s->tell = 0;
    s->urgent = 0;
    rill_list_remove(&s->tell_node);
    if (!s->close_done)
        rill_stream_tell(s, RILL_TELL(CLOSE), true);
    rill_stream_mark(s, RILL_MARK_ANY);
}

void rill_stream_start_ending(rill_stream *s, uint64_t now_ns)
{
    s->ending = true;
    s->progress_ns = now_ns;
    rill_stream_mark(s, RILL_MARK_TIMER);
}

/*
 * What a stream still has to send when it ends is not waited for without any
 * progress. A packet is known to be lost only when it has expired.
 */
static uint64_t give_up_at(const rill_stream *s)
{
    const rill_connection_options *o = s->connection->options;
    if (s->out->goal_set && s->out->goal_deadline != RILL_NEVER)
        return s->out->goal_deadline;
    uint64_t patience = rill_add_sat(o->connect_timeout_ns, o->packet_lifetime_ns + RILL_SECOND);
    return rill_add_sat(s->progress_ns, patience);
}

void rill_stream_rearm(rill_stream *s)
{
    uint64_t at = s->out->goal_set ? s->out->goal_deadline : RILL_NEVER;
    if (s->receive_goal_set && s->in.goal_deadline < at)
        at = s->in.goal_deadline;
    if (s->ending && !s->closed && give_up_at(s) < at)
        at = give_up_at(s);
    if (s->linger_until != 0 && s->linger_until < at)
        at = s->linger_until;
    rill_heap_move(&s->connection->endpoint->heap, &s->deadline.timer, at);
}

/* The time is over: was it the rate that stopped the money? */
static int late_reason(const rill_stream *s)
{
    const rill_connection *c = s->connection;
    const rill_patience *p = &c->path->patience;
    return p->low_rate_since != 0 || p->look_at != 0 ? RILL_ERR_RATE : RILL_ERR_TIMEOUT;
}

bool rill_stream_is_acknowledged(const rill_stream *s)
{
    return !s->sendbuf || rill_sendbuf_acknowledged(s->sendbuf) == rill_sendbuf_written(s->sendbuf);
}

bool rill_stream_lacks_bytes(const rill_stream *s)
{
    return s->sendbuf && (s->astray != UINT64_MAX || !rill_stream_is_acknowledged(s));
}

bool rill_stream_is_cut(const rill_stream *s)
{
    return s->closed && !s->closed_remote && rill_stream_lacks_bytes(s);
}

uint64_t rill_stream_arrived(const rill_stream *s)
{
    uint64_t answered = s->sendbuf ? rill_sendbuf_acknowledged(s->sendbuf) : 0;
    return answered < s->astray ? answered : s->astray;
}

uint64_t rill_stream_unread(const rill_stream *s)
{
    if (!s->reassembly)
        return 0;
    return rill_reassembly_contiguous(s->reassembly) - rill_reassembly_consumed(s->reassembly);
}

void rill_stream_update_receive_window(rill_stream *s, uint64_t now_ns)
{
    rill_connection *c = s->connection;
    uint64_t consumed = s->reassembly ? rill_reassembly_consumed(s->reassembly) : 0;
    uint64_t buffer = rill_receive_tune(&s->receive_tuning, consumed, now_ns,
                                        rill_congestion_round_trip(c->path->congestion),
                                        c->options->max_stream_receive_buffer);
    uint64_t limit = rill_add_sat(consumed, buffer);
    if (limit <= s->receive_window.limit)
        return;
    if (!rill_receive_window_set(&s->receive_window, limit) || s->closed)
        return;
    if (rill_receive_window_worth_telling(&s->receive_window, buffer / 2))
        rill_stream_tell(s, RILL_TELL(MAX_DATA), true);
}

void rill_stream_expire(rill_stream *s, uint64_t now_ns)
{
    if (s->out->goal_set && s->out->goal_deadline <= now_ns)
        rill_stream_finish_sending(s,
                                   s->out->money.sent >= s->out->goal ? RILL_OK : late_reason(s));
    if (s->receive_goal_set && s->in.goal_deadline <= now_ns)
        rill_stream_finish_receiving(s, RILL_ERR_TIMEOUT);
    if (s->linger_until != 0 && s->linger_until <= now_ns)
        s->linger_until = 0;
    if (s->ending && !s->closed && give_up_at(s) <= now_ns)
        rill_stream_shut(s, RILL_CLOSE_NO_ERROR, NULL, 0, false, RILL_ERR_BLOCKED);
    rill_stream_mark(s, RILL_MARK_TIMER);
}
