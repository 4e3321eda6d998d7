/* SPDX-License-Identifier: Apache-2.0 */
/* Which bytes travel in the next packet, and what happens when the other side lets none. */
#include "stream/core/schedule_data.h"

#include <assert.h>
#include <string.h>

#include "base/muldiv.h"
#include "stream/core/blocked.h"
#include "stream/core/data_flow.h"
#include "stream/core/queues.h"
#include "stream/core/unsure.h"

/* Bytes of a packet kept free of data, for the control frames that a resend may travel with. */
#define CONTROL_ROOM 1500u
/* Type, length, stream id, offset and length of a StreamData frame at most. */
#define FRAME_OVERHEAD 32u
/* A piece at most, to an address that is not validated. */
#define UNVALIDATED_PIECE 1024u
#define SMALLEST_PIECE    64u

static uint64_t new_allowed(rill_connection *c, rill_stream *s, uint64_t now_ns)
{
    if (!rill_sendbuf_has_new(s->sendbuf))
        return 0;
    uint64_t stream_left = rill_sub_sat(s->send_window.limit, rill_sendbuf_sent(s->sendbuf));
    uint64_t connection_left = rill_connection_send_left(c);
    bool blocked = stream_left == 0;
    if (blocked && !s->data_blocked) {
        rill_stream_tell(s, RILL_TELL(DATA_BLOCKED), true);
        rill_blocked_note(c, now_ns);
    } else if (!blocked && connection_left == 0 && c->blocked.ask_at == 0) {
        rill_connection_tell(c, RILL_TELL(CONNECTION_DATA_BLOCKED), true);
        rill_blocked_note(c, now_ns);
    }
    s->data_blocked = blocked;
    return stream_left < connection_left ? stream_left : connection_left;
}

bool rill_schedule_data_wanted(rill_connection *c, uint64_t now_ns)
{
    for (rill_list *n = c->streams.with_data.next; n != &c->streams.with_data; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, data_node);
        if (rill_sendbuf_has_lost(s->sendbuf) || new_allowed(c, s, now_ns) > 0)
            return true;
    }
    return false;
}

static bool add_piece(rill_packet_writer *p, rill_flight *f, rill_stream *s, rill_send_piece *piece)
{
    assert(f->piece_count < RILL_FLIGHT_PIECES); /* who calls looks first */
    uint8_t *bytes = rill_packet_add_data(p, s->id, piece->offset, piece->len);
    if (!bytes) {
        rill_sendbuf_lose(s->sendbuf, piece);
        return false;
    }
    rill_sendbuf_copy(s->sendbuf, piece, bytes);
    f->pieces[f->piece_count++] = (rill_flight_piece){.stream = s, .piece = piece};
    s->references++;
    return true;
}

/* False where the packet is full. */
static bool add_lost(rill_packet_writer *p, rill_flight *f, rill_stream *s)
{
    uint32_t len = rill_sendbuf_lost_len(s->sendbuf);
    if (rill_packet_left(p) < len + FRAME_OVERHEAD)
        return false;
    rill_send_piece *piece = rill_sendbuf_take_lost(s->sendbuf);
    return !piece || add_piece(p, f, s, piece);
}

static bool add_new(rill_connection *c, rill_packet_writer *p, rill_flight *f, rill_stream *s,
                    bool *starved, uint64_t now_ns)
{
    size_t left = rill_packet_left(p);
    if (left < CONTROL_ROOM + FRAME_OVERHEAD + SMALLEST_PIECE)
        return false;
    uint64_t max = new_allowed(c, s, now_ns);
    if (max > left - CONTROL_ROOM - FRAME_OVERHEAD)
        max = left - CONTROL_ROOM - FRAME_OVERHEAD;
    if (!c->peer.validated && max > UNVALIDATED_PIECE)
        max = UNVALIDATED_PIECE;
    if (max == 0)
        return true;
    rill_send_piece *piece = rill_sendbuf_take_new(s->sendbuf, (uint32_t)max);
    if (!piece) {
        *starved = true;
        return false;
    }
    rill_send_window_use(&c->data.send_window, piece->len);
    return add_piece(p, f, s, piece);
}

bool rill_schedule_data_add(rill_connection *c, rill_packet_writer *p, rill_flight *f,
                            uint64_t now_ns)
{
    bool room = true;
    bool starved = false;
    for (rill_list *n = c->streams.with_data.next, *next; room && n != &c->streams.with_data;
         n = next) {
        next = n->next;
        rill_stream *s = RILL_CONTAINER(n, rill_stream, data_node);
        while (room && f->piece_count < RILL_FLIGHT_PIECES && rill_sendbuf_has_lost(s->sendbuf))
            room = add_lost(p, f, s);
        if (room && f->piece_count < RILL_FLIGHT_PIECES)
            room = add_new(c, p, f, s, &starved, now_ns);
        if (f->piece_count == RILL_FLIGHT_PIECES)
            room = false;
    }
    if (f->piece_count == 0)
        return !starved;
    /* To the end of the line, so that none starves. */
    for (unsigned i = 0; i < f->piece_count; i++) {
        rill_list_remove(&f->pieces[i].stream->data_node);
        rill_stream_want_data(f->pieces[i].stream);
    }
    return true;
}

/*
 * A raise of a limit travels in replies, which may be lost, or which a peer
 * that knows no address of ours has no other way to send: so it is asked for.
 */
void rill_blocked_on_deadline(rill_connection *c, uint64_t now_ns)
{
    if (c->blocked.ask_at == 0 || c->blocked.ask_at > now_ns)
        return;
    bool any = false;
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        if (s->closed)
            continue;
        if (s->out->blocked)
            rill_stream_tell(s, RILL_TELL(MONEY_BLOCKED), true);
        if (s->data_blocked)
            rill_stream_tell(s, RILL_TELL(DATA_BLOCKED), true);
        bool unsure = rill_unsure_ask(s, now_ns);
        if (unsure)
            rill_connection_tell(c, RILL_TELL(HELLO), true);
        any = any || s->out->blocked || s->data_blocked || unsure;
    }
    if (!rill_list_empty(&c->streams.with_data) && rill_connection_send_left(c) == 0) {
        rill_connection_tell(c, RILL_TELL(CONNECTION_DATA_BLOCKED), true);
        any = true;
    }
    if (c->streams.wants_another) {
        rill_connection_tell(c, RILL_TELL(STREAM_ID_BLOCKED), true);
        any = true;
    }
    rill_blocked_asked(c, any, now_ns);
}
