/* SPDX-License-Identifier: Apache-2.0 */
/* What the application does with a stream: rill/stream.h. */
#include <assert.h>
#include <string.h>

#include "base/muldiv.h"
#include "base/sized.h"
#include "stream/core/data_flow.h"
#include "stream/core/endpoint.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/queues.h"
#include "stream/core/settle.h"
#include "stream/core/stream.h"

#define MAX_WEIGHT 256u
_Static_assert(MAX_WEIGHT <= UINT16_MAX, "a weight has 16 bits");

uint64_t rill_stream_id(const rill_stream *s)
{
    return s->id;
}

rill_connection *rill_stream_connection(const rill_stream *s)
{
    return s->connection;
}

void rill_stream_get_totals_sized(const rill_stream *s, rill_stream_totals *out, size_t size)
{
    const rill_stream_totals totals = {
        .send_max = rill_money_max(&s->out->money),
        .sent = s->out->money.sent,
        .in_flight = rill_money_held(&s->out->money),
        .in_doubt = rill_money_in_doubt(&s->out->money),
        .delivered = s->out->money.delivered,
        .receive_max = s->in.window.limit,
        .received = s->in.received,
        .remote_receive_max = s->theirs.max,
        .in_doubt_for_good = s->out->money.abandoned,
    };
    rill_sized_give(out, size, &totals, sizeof totals);
}

void rill_stream_set_user(rill_stream *s, void *user)
{
    s->user = user;
}

void *rill_stream_user(const rill_stream *s)
{
    return s->user;
}

int rill_stream_set_send_max(rill_stream *s, uint64_t send_max)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    if (s->closed || s->ending)
        return RILL_ERR_CLOSED;
    if (send_max < rill_money_committed(&s->out->money))
        return RILL_ERR_RANGE;
    if (!rill_stream_may_pay(s))
        return RILL_ERR_NOMEM;
    rill_money_set_max(&s->out->money, send_max);
    s->out->given_up = false;
    s->out->vain = RILL_OK;
    rill_stream_mark(s, RILL_MARK_MONEY);
    rill_settle_call(s->connection, now_ns);
    assert(rill_money_max(&s->out->money) ==
           send_max); /* nothing leaves, or fails, by this alone */
    rill_connection_wake(s->connection);
    return RILL_OK;
}

int rill_stream_set_receive_max(rill_stream *s, uint64_t receive_max)
{
    rill_endpoint_read_clock(s->connection->endpoint);
    if (s->closed)
        return RILL_ERR_CLOSED;
    if (!rill_receive_window_set(&s->in.window, receive_max))
        return RILL_ERR_RANGE;
    rill_stream_tell(s, RILL_TELL(MAX_MONEY), true);
    rill_connection_wake(s->connection);
    return RILL_OK;
}

int rill_stream_send_total(rill_stream *s, uint64_t total, uint64_t deadline_ns)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    if (s->closed || s->ending)
        return RILL_ERR_CLOSED;
    if (s->out->goal_set || (s->events & RILL_EVENT_BIT(RILL_EVENT_SEND_TOTAL_END)))
        return RILL_ERR_STATE;
    if (total < rill_money_committed(&s->out->money))
        return RILL_ERR_RANGE;
    if (!rill_stream_may_pay(s))
        return RILL_ERR_NOMEM;
    if (total > rill_money_max(&s->out->money))
        rill_money_set_max(&s->out->money, total);
    s->out->given_up = false;
    s->out->vain = RILL_OK;
    s->out->goal = total;
    s->out->goal_deadline = deadline_ns;
    s->out->goal_set = true;
    rill_streams_pay(&s->connection->streams);
    rill_stream_mark(s, RILL_MARK_MONEY | RILL_MARK_TIMER);
    rill_settle_call(s->connection, now_ns);
    /* It waits, or it has been told already what it waits for. */
    assert(s->out->goal_set != ((s->events & RILL_EVENT_BIT(RILL_EVENT_SEND_TOTAL_END)) != 0));
    rill_connection_wake(s->connection);
    return RILL_OK;
}

void rill_stream_stop_sending(rill_stream *s)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    if (!s->out->goal_set)
        return;
    rill_stream_fail_goal(s, RILL_ERR_CANCELLED);
    rill_settle_call(s->connection, now_ns);
    assert(rill_stream_sendable(s) == 0); /* nothing more of it leaves */
    rill_connection_wake(s->connection);
}

int rill_stream_receive_total(rill_stream *s, uint64_t total, uint64_t deadline_ns)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    if (s->closed)
        return RILL_ERR_CLOSED;
    if (s->receive_goal_set || (s->events & RILL_EVENT_BIT(RILL_EVENT_RECEIVE_TOTAL_END)))
        return RILL_ERR_STATE;
    if (rill_receive_window_raise(&s->in.window, total))
        rill_stream_tell(s, RILL_TELL(MAX_MONEY), true);
    s->in.goal = total;
    s->in.goal_deadline = deadline_ns;
    s->receive_goal_set = true;
    rill_stream_mark(s, RILL_MARK_TIMER);
    rill_settle_call(s->connection, now_ns);
    assert(s->receive_goal_set !=
           ((s->events & RILL_EVENT_BIT(RILL_EVENT_RECEIVE_TOTAL_END)) != 0));
    rill_connection_wake(s->connection);
    return RILL_OK;
}

int rill_stream_set_weight(rill_stream *s, uint32_t weight)
{
    if (weight < 1 || weight > MAX_WEIGHT)
        return RILL_ERR_RANGE;
    s->weight = (uint16_t)weight;
    return RILL_OK;
}

int rill_stream_write(rill_stream *s, const void *data, size_t len, size_t *accepted)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    rill_connection *c = s->connection;
    *accepted = 0;
    if (s->closed || s->ending)
        return RILL_ERR_CLOSED;
    if (len == 0)
        return RILL_OK;
    if (!s->sendbuf) {
        int err =
            rill_sendbuf_new(&s->sendbuf, c->endpoint->allocator, c->options->stream_send_buffer);
        if (err != RILL_OK)
            return err;
        rill_sendbuf_share(s->sendbuf, rill_endpoint_spares(c->endpoint));
    }
    int err = rill_sendbuf_write(s->sendbuf, data, len, accepted);
    if (err != RILL_OK && *accepted == 0)
        return err;
    /* Who got in less than all waits to be told of room: there is none now. */
    assert(*accepted == len || rill_sendbuf_room(s->sendbuf) == 0);
    if (*accepted < len)
        s->want_writable = true;
    rill_stream_mark(s, RILL_MARK_DATA);
    rill_settle_call(c, now_ns);
    rill_connection_wake(c);
    return *accepted > 0 ? RILL_OK : RILL_ERR_BLOCKED;
}

size_t rill_stream_writable(rill_stream *s)
{
    if (s->closed || s->ending)
        return 0;
    if (!s->sendbuf)
        return s->connection->options->stream_send_buffer;
    size_t room = rill_sendbuf_room(s->sendbuf);
    /* Who is told that there is none waits for some. */
    if (room == 0)
        s->want_writable = true;
    return room;
}

rill_bytes rill_stream_peek(const rill_stream *s)
{
    if (!s->reassembly)
        return (rill_bytes){0};
    return rill_reassembly_peek(s->reassembly);
}

void rill_stream_consume(rill_stream *s, size_t len)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    if (!s->reassembly || len == 0)
        return;
    rill_connection *c = s->connection;
    uint64_t there =
        rill_reassembly_contiguous(s->reassembly) - rill_reassembly_consumed(s->reassembly);
    if (len > there)
        len = (size_t)there;
    rill_reassembly_consume(s->reassembly, len);
    rill_data_flow_read(&c->data, len);
    rill_stream_update_receive_window(s, now_ns);
    rill_connection_update_receive_window(c, now_ns);
    rill_stream_mark(s, RILL_MARK_ANY);
    rill_settle_call(c, now_ns);
    rill_connection_wake(c);
}

void rill_stream_get_offsets_sized(const rill_stream *s, rill_stream_offsets *out, size_t size)
{
    rill_stream_offsets offsets = {0};
    if (s->sendbuf) {
        offsets.written = rill_sendbuf_written(s->sendbuf);
        offsets.acknowledged = rill_stream_arrived(s);
        offsets.answered = rill_sendbuf_acknowledged(s->sendbuf);
    }
    if (s->reassembly) {
        offsets.received = rill_reassembly_contiguous(s->reassembly);
        offsets.consumed = rill_reassembly_consumed(s->reassembly);
    }
    rill_sized_give(out, size, &offsets, sizeof offsets);
}

int rill_stream_get_receipt(const rill_stream *s, uint8_t out[RILL_RECEIPT_LEN])
{
    if (!s->receipt)
        return RILL_ERR_NOT_FOUND;
    memcpy(out, s->receipt, RILL_RECEIPT_LEN);
    return RILL_OK;
}

int rill_stream_end(rill_stream *s)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    if (s->closed || s->ending)
        return RILL_ERR_CLOSED;
    rill_stream_start_ending(s, now_ns);
    rill_settle_call(s->connection, now_ns);
    rill_connection_wake(s->connection);
    return RILL_OK;
}

void rill_stream_close(rill_stream *s, rill_close_code code, const char *message)
{
    uint64_t now_ns = rill_endpoint_read_clock(s->connection->endpoint).mono_ns;
    if (s->closed)
        return;
    rill_connection *c = s->connection;
    rill_stream_shut(s, (uint8_t)code, message, message ? strlen(message) : 0, false,
                     code == RILL_CLOSE_NO_ERROR ? RILL_OK : RILL_ERR_CLOSED);
    rill_settle_call(c, now_ns);
    rill_connection_wake(c);
}

const char *rill_close_code_name(uint8_t code)
{
    static const char *const names[] = {
        "unknown error",     "NoError",          "InternalError",    "EndpointBusy",
        "FlowControlError",  "StreamIdError",    "StreamStateError", "FrameFormatError",
        "ProtocolViolation", "ApplicationError",
    };
    return code < sizeof names / sizeof names[0] ? names[code] : names[0];
}
