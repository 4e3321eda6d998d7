/* SPDX-License-Identifier: Apache-2.0 */
/* The effects of control and data frames, from Prepares and from replies. */
#include "stream/core/apply.h"

#include <assert.h>
#include <string.h>

#include <rill/receipt.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/close.h"
#include "stream/core/closed_streams.h"
#include "stream/core/connection.h"
#include "stream/core/data_flow.h"
#include "stream/core/doubt.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/marks.h"
#include "stream/core/numbering.h"
#include "stream/core/peer.h"
#include "stream/core/queues.h"
#include "stream/core/stream.h"
#include "stream/core/streams.h"
#include "stream/core/unsure.h"

/* Of a frame that came in a Prepare; else in a reply. */
static bool in_prepare(const rill_frame_source *from)
{
    return from->closed != NULL;
}

/* How long bytes that a close overtook are waited for. */
#define CLOSE_LINGER (500 * RILL_MS)

uint8_t rill_apply_close_code(int error)
{
    switch (error) {
    case RILL_ERR_FLOW_CONTROL:
        return RILL_CLOSE_FLOW_CONTROL_ERROR;
    case RILL_ERR_STREAM_ID:
        return RILL_CLOSE_STREAM_ID_ERROR;
    case RILL_ERR_TRUNCATED:
    case RILL_ERR_MALFORMED:
    case RILL_ERR_RANGE:
        return RILL_CLOSE_FRAME_FORMAT_ERROR;
    case RILL_ERR_NOMEM:
    case RILL_ERR_LIMIT:
        return RILL_CLOSE_ENDPOINT_BUSY;
    default:
        return RILL_CLOSE_PROTOCOL_VIOLATION;
    }
}

static int apply_address(rill_connection *c, const rill_frame *frame, bool prepare)
{
    if (frame->text.len > 0 && !rill_address_valid(frame->text))
        return prepare ? RILL_ERR_MALFORMED : RILL_OK;
    rill_connection_tell(c, RILL_TELL(ASSET) | RILL_TELL(MAX_STREAM_ID), false);
    bool changed;
    int err = rill_peer_set_address(&c->peer, c->endpoint->allocator, frame->text, c->numbers.next,
                                    &changed);
    if (changed)
        rill_connection_ready(c);
    return err;
}

/* The timer goes on: others may be blocked still. It ends where it finds none. */
static void unblocked(rill_connection *c)
{
    rill_connection_ready(c);
}

/*
 * Limits only rise. But the reference counts only the streams that are open,
 * on both sides: a lower limit in a reply to what left after the limit was
 * known shows such a peer. (Not to any later packet: packets overtake each other.)
 */
static void apply_connection_max_data(rill_connection *c, uint64_t limit,
                                      const rill_frame_source *from)
{
    bool later = !in_prepare(from) && from->sequence > c->data.limit_sequence;
    if (later && c->data.closed_sent > 0 &&
        limit <= rill_sub_sat(c->data.send_window.limit, c->data.closed_sent))
        rill_peer_forgets_closed(&c->peer);
    if (c->peer.forgets_closed && !in_prepare(from) && !later)
        return; /* from before the limit fell */
    if (c->peer.forgets_closed && later)
        rill_data_flow_set_limit(&c->data, limit);
    else if (!rill_send_window_raise(&c->data.send_window, limit))
        return;
    /* Replies to what has left by now may be older than this. */
    if (later && c->peer.forgets_closed)
        rill_data_flow_limit_is_of(&c->data, from->sequence);
    else
        rill_data_flow_limit_is_of(&c->data, c->numbers.next - 1);
    unblocked(c);
}

static void apply_max_stream_id(rill_connection *c, uint64_t id)
{
    if (!rill_peer_raise_max_stream_id(&c->peer, id))
        return;
    if (rill_streams_may_open(&c->streams, id))
        rill_connection_notify(c, RILL_EVENT_STREAMS_AVAILABLE);
}

/*
 * interledger-rs tells that nothing has come, whatever has, and that it takes anything. That is no
 * word of what became of money: who believes it pays twice.
 */
static bool counts(const rill_stream *s, const rill_frame *frame)
{
    return frame->total > 0 || frame->value < UINT64_MAX || s->theirs.received > 0 ||
           rill_numbering_takes_duplicates(&s->connection->numbers);
}

static void apply_max_money(rill_stream *s, const rill_frame *frame, const rill_frame_source *from,
                            uint64_t now_ns)
{
    if (!in_prepare(from) && counts(s, frame))
        rill_doubt_told(s, frame->total, from->sequence, now_ns);
    if (frame->total > s->theirs.received)
        s->theirs.received = frame->total;
    /* The first word replaces our assumption of no limit; from then on it only rises. */
    if (!s->max_told || frame->value > s->theirs.max)
        s->theirs.max = frame->value;
    s->max_told = true;
    /* Whether that lets a whole unit of ours through is found when it is scheduled. */
    if (s->out->blocked)
        rill_hold_begin_again(&s->connection->holdoffs.refusals);
    rill_stream_mark(s, RILL_MARK_MONEY);
}

static int apply_data(rill_stream *s, const rill_frame *frame)
{
    rill_connection *c = s->connection;
    uint64_t end;
    if (!rill_add_u64(frame->value, frame->text.len, &end) ||
        !rill_receive_window_allows(&s->receive_window, end))
        return RILL_ERR_FLOW_CONTROL;
    if (!s->reassembly) {
        int err = rill_reassembly_new(&s->reassembly, c->endpoint->allocator);
        if (err != RILL_OK)
            return err;
        rill_reassembly_share(s->reassembly, rill_endpoint_spares(c->endpoint));
    }
    uint64_t highest = rill_reassembly_highest(s->reassembly);
    uint64_t growth = end > highest ? end - highest : 0;
    if (!rill_receive_window_allows(&c->data.receive_window, c->data.open_received + growth))
        return RILL_ERR_FLOW_CONTROL;
    uint64_t before = rill_reassembly_contiguous(s->reassembly);
    uint64_t fresh;
    int err = rill_reassembly_insert(s->reassembly, frame->value, frame->text, &fresh);
    if (err != RILL_OK)
        return err;
    /* Where no byte came, the offset alone counts for nothing. */
    growth = rill_reassembly_highest(s->reassembly) - highest;
    /* Both windows were asked before: what they let come they have room for. */
    assert(rill_reassembly_highest(s->reassembly) <= s->receive_window.limit);
    rill_data_flow_came(&c->data, growth);
    rill_receive_window_use(&s->receive_window, end);
    if (rill_reassembly_contiguous(s->reassembly) > before)
        rill_stream_notify(s, RILL_EVENT_DATA);
    if (s->receive_window.limit > s->receive_window.advertised)
        rill_stream_tell(s, RILL_TELL(MAX_DATA), false);
    if (c->data.receive_window.limit > c->data.receive_window.advertised)
        rill_connection_tell(c, RILL_TELL(CONNECTION_MAX_DATA), false);
    return RILL_OK;
}

static void apply_max_data(rill_stream *s, uint64_t limit)
{
    if (!rill_send_window_raise(&s->send_window, limit))
        return;
    s->data_blocked = false;
    unblocked(s->connection);
    rill_stream_mark(s, RILL_MARK_DATA);
}

/*
 * The reference may say in a reply that a stream is closed while the last of
 * its bytes are still on their way in a Prepare.
 */
static void linger(rill_stream *s, uint64_t now_ns)
{
    s->linger_until = now_ns + CLOSE_LINGER;
    rill_stream_mark(s, RILL_MARK_TIMER);
}

static void apply_close(rill_stream *s, const rill_frame *frame, const rill_frame_source *from)
{
    int error = frame->code == RILL_CLOSE_NO_ERROR ? RILL_OK : RILL_ERR_REMOTE;
    if (!in_prepare(from) && !s->closed && !s->ours)
        linger(s, from->now_ns);
    if (s->closed) {
        /* Both sides closed: neither needs to be told. */
        s->close_done = true;
        rill_stream_mark(s, RILL_MARK_ANY);
    } else {
        rill_stream_shut(s, frame->code, (const char *)frame->text.data, frame->text.len, true,
                         error);
    }
}

/*
 * Bytes for a stream that is over: nobody reads them, but their sender has
 * counted them against the connection's window, and may not know of the end.
 */
static void drop_data(rill_connection *c, const rill_frame *frame, rill_closed_streams *closed,
                      uint64_t now_ns)
{
    rill_closed_streams_note(closed, frame->stream, true);
    rill_data_flow_came_for_none(&c->data, frame->text.len);
    rill_connection_update_receive_window(c, now_ns);
}

/*
 * Answers may overtake each other, so the greatest total is the latest. Without memory the next one
 * is kept: it says as much.
 */
static void keep_receipt(rill_stream *s, rill_bytes text)
{
    rill_receipt before, now;
    if (rill_receipt_decode(&now, text) != RILL_OK || now.stream_id != s->id)
        return;
    if (s->receipt == NULL)
        s->receipt = rill_alloc(s->connection->endpoint->allocator, RILL_RECEIPT_LEN);
    else if (rill_receipt_decode(&before, (rill_bytes){s->receipt, RILL_RECEIPT_LEN}) == RILL_OK &&
             before.total_received >= now.total_received)
        return;
    if (s->receipt != NULL)
        memcpy(s->receipt, text.data, RILL_RECEIPT_LEN);
}

static int apply_to_stream(rill_stream *s, const rill_frame *frame, const rill_frame_source *from)
{
    bool prepare = in_prepare(from);
    if (frame->type == RILL_FRAME_STREAM_CLOSE) {
        apply_close(s, frame, from);
        return RILL_OK;
    }
    /* The last money's comes when the stream may have closed. */
    if (frame->type == RILL_FRAME_STREAM_RECEIPT) {
        if (!prepare)
            keep_receipt(s, frame->text);
        return RILL_OK;
    }
    bool overtaken =
        frame->type == RILL_FRAME_STREAM_DATA && s->closed_remote && s->linger_until != 0;
    if (s->closed && !overtaken) {
        if (prepare && frame->type == RILL_FRAME_STREAM_DATA)
            drop_data(s->connection, frame, from->closed, from->now_ns);
        return RILL_OK;
    }
    switch (frame->type) {
    case RILL_FRAME_STREAM_MAX_MONEY:
        apply_max_money(s, frame, from, from->now_ns);
        return RILL_OK;
    case RILL_FRAME_STREAM_DATA:
        return prepare ? apply_data(s, frame) : RILL_OK;
    case RILL_FRAME_STREAM_MAX_DATA:
        apply_max_data(s, frame->value);
        if (!prepare)
            rill_unsure_told(s, frame->value, from->sequence, from->now_ns);
        return RILL_OK;
    case RILL_FRAME_STREAM_MONEY_BLOCKED:
        rill_stream_tell(s, RILL_TELL(MAX_MONEY), false);
        return RILL_OK;
    case RILL_FRAME_STREAM_DATA_BLOCKED:
        if (frame->value > s->remote_wants)
            s->remote_wants = frame->value;
        rill_stream_tell(s, RILL_TELL(MAX_DATA), false);
        return RILL_OK;
    default:
        return RILL_OK;
    }
}

/* Frames that the reference opens streams with: not only money and data, but limits too. */
static bool opens(uint8_t type)
{
    return type == RILL_FRAME_STREAM_DATA || type == RILL_FRAME_STREAM_MAX_MONEY ||
           type == RILL_FRAME_STREAM_MAX_DATA;
}

/*
 * Who is blocked waits for a limit, and a stream that is gone has none to tell. Its sender may
 * not know: a server without its client's address cannot send what tells of an end.
 */
static bool waits(uint8_t type)
{
    return type == RILL_FRAME_STREAM_MONEY_BLOCKED || type == RILL_FRAME_STREAM_DATA_BLOCKED;
}

/* A close that comes before what it closes: what comes later must not open the stream. */
static int close_unopened(rill_connection *c, const rill_frame *frame)
{
    if (rill_connection_check_stream(c, frame->stream) != RILL_OK)
        return RILL_OK;
    int err = rill_id_set_add(&c->streams.opened_by_remote, c->endpoint->allocator, frame->stream);
    if (err == RILL_OK)
        rill_connection_allow_another(c);
    return err;
}

static int apply_stream_frame(rill_connection *c, const rill_frame *frame,
                              const rill_frame_source *from)
{
    bool prepare = in_prepare(from);
    rill_stream *s = rill_streams_find(&c->streams, frame->stream);
    if (!s && prepare && opens(frame->type)) {
        int err = rill_connection_accept_stream(c, frame->stream, &s, from->now_ns);
        if (err == RILL_ERR_CLOSED && frame->type == RILL_FRAME_STREAM_DATA)
            drop_data(c, frame, from->closed, from->now_ns);
        if (err == RILL_ERR_CLOSED)
            return RILL_OK;
        if (err != RILL_OK)
            return err;
    }
    if (!s && prepare && frame->type == RILL_FRAME_STREAM_CLOSE)
        return close_unopened(c, frame);
    if (!s && prepare && waits(frame->type) &&
        rill_connection_check_stream(c, frame->stream) == RILL_ERR_CLOSED)
        rill_closed_streams_note(from->closed, frame->stream, false);
    return s ? apply_to_stream(s, frame, from) : RILL_OK;
}

int rill_apply_frame(rill_connection *c, const rill_frame *frame, const rill_frame_source *from)
{
    assert(in_prepare(from) || from->sequence < c->numbers.next); /* what is answered has left */
    switch (frame->type) {
    case RILL_FRAME_CONNECTION_CLOSE:
        rill_connection_closed_by_remote(
            c, frame->code, frame->code == RILL_CLOSE_NO_ERROR ? RILL_OK : RILL_ERR_REMOTE,
            frame->text, from->now_ns);
        return RILL_OK;
    case RILL_FRAME_CONNECTION_NEW_ADDRESS:
        return apply_address(c, frame, in_prepare(from));
    case RILL_FRAME_CONNECTION_ASSET_DETAILS:
        return rill_peer_learn_asset(&c->peer, frame->text, frame->code);
    case RILL_FRAME_CONNECTION_MAX_DATA:
        apply_connection_max_data(c, frame->value, from);
        return RILL_OK;
    case RILL_FRAME_CONNECTION_MAX_STREAM_ID:
        apply_max_stream_id(c, frame->value);
        return RILL_OK;
    case RILL_FRAME_CONNECTION_DATA_BLOCKED:
        rill_connection_tell(c, RILL_TELL(CONNECTION_MAX_DATA), false);
        return RILL_OK;
    case RILL_FRAME_CONNECTION_STREAM_ID_BLOCKED:
        rill_connection_tell(c, RILL_TELL(MAX_STREAM_ID), false);
        return RILL_OK;
    default:
        return apply_stream_frame(c, frame, from);
    }
}
