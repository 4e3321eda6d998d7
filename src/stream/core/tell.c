/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control frames: what is to be told is a bit, and its value is read when the
 * frame is written, so that the latest is told and nothing is queued.
 */
#include "stream/core/tell.h"

#include <assert.h>

#include "stream/core/endpoint_internal.h"
#include "stream/core/flights.h"
#include "stream/core/marks.h"
#include "stream/core/queues.h"
#include "stream/core/stream.h"

#include <string.h>

/* Room kept for money frames and the smallest useful piece of data. */
#define ROOM_KEPT 256u

_Static_assert(RILL_TELL_HELLO < 16, "what is to be told are bits of sixteen");

static bool stream_frame(rill_stream *s, unsigned what, rill_frame *out)
{
    *out = (rill_frame){.stream = s->id};
    switch (what) {
    case RILL_TELL_MAX_MONEY:
        out->type = RILL_FRAME_STREAM_MAX_MONEY;
        out->value = rill_receive_window_advertise(&s->in.window);
        out->total = s->in.received;
        return !s->closed;
    case RILL_TELL_MAX_DATA:
        out->type = RILL_FRAME_STREAM_MAX_DATA;
        out->value = rill_receive_window_advertise(&s->receive_window);
        return !s->closed;
    case RILL_TELL_CLOSE:
        out->type = RILL_FRAME_STREAM_CLOSE;
        out->code = s->close_code;
        if (s->message)
            out->text = (rill_bytes){(const uint8_t *)s->message, strlen(s->message)};
        return s->closed && !s->close_done;
    case RILL_TELL_MONEY_BLOCKED:
        out->type = RILL_FRAME_STREAM_MONEY_BLOCKED;
        out->value = rill_money_max(&s->out->money);
        out->total = s->out->money.sent;
        return (s->out->blocked || s->out->doubt != RILL_DOUBT_NONE) && !s->closed;
    case RILL_TELL_DATA_BLOCKED:
        out->type = RILL_FRAME_STREAM_DATA_BLOCKED;
        out->value = s->sendbuf ? rill_sendbuf_written(s->sendbuf) : 0;
        return s->data_blocked && !s->closed;
    default:
        return false;
    }
}

static uint64_t wanted_offset(const rill_connection *c)
{
    uint64_t wanted = c->data.send_window.used;
    for (const rill_list *n = c->streams.with_data.next; n != &c->streams.with_data; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, rill_stream, data_node);
        wanted += rill_sendbuf_written(s->sendbuf) - rill_sendbuf_sent(s->sendbuf);
    }
    return wanted;
}

static bool connection_frame(rill_connection *c, unsigned what, char *address, rill_frame *out)
{
    rill_endpoint *e = c->endpoint;
    *out = (rill_frame){0};
    switch (what) {
    case RILL_TELL_ADDRESS:
        /* A real one, or none: some peers cannot read an empty one. */
        out->type = RILL_FRAME_CONNECTION_NEW_ADDRESS;
        /* rill_endpoint_set_account leaves room for the longest token. */
        assert(e->address_len + 1 + c->identity.token_len <= RILL_ILP_MAX_ADDRESS);
        memcpy(address, e->address, e->address_len);
        address[e->address_len] = '.';
        memcpy(address + e->address_len + 1, c->identity.token, c->identity.token_len);
        out->text =
            (rill_bytes){(const uint8_t *)address, e->address_len + 1 + c->identity.token_len};
        return c->options->tell_address;
    case RILL_TELL_ASSET:
        out->type = RILL_FRAME_CONNECTION_ASSET_DETAILS;
        out->text = (rill_bytes){(const uint8_t *)e->asset_code, strlen(e->asset_code)};
        out->code = e->asset_scale;
        return true;
    case RILL_TELL_CONNECTION_MAX_DATA:
        out->type = RILL_FRAME_CONNECTION_MAX_DATA;
        out->value = rill_receive_window_advertise(&c->data.receive_window);
        return true;
    case RILL_TELL_MAX_STREAM_ID:
        out->type = RILL_FRAME_CONNECTION_MAX_STREAM_ID;
        out->value = c->streams.max_remote_id;
        return true;
    case RILL_TELL_CONNECTION_DATA_BLOCKED:
        out->type = RILL_FRAME_CONNECTION_DATA_BLOCKED;
        out->value = wanted_offset(c);
        return true;
    case RILL_TELL_STREAM_ID_BLOCKED:
        out->type = RILL_FRAME_CONNECTION_STREAM_ID_BLOCKED;
        out->value = c->streams.next_id;
        return c->streams.wants_another;
    default:
        return false;
    }
}

static bool is_full(const rill_flight *f)
{
    return f->control_count == RILL_FLIGHT_CONTROL;
}

static void record(rill_flight *f, rill_stream *s, unsigned what)
{
    assert(!is_full(f)); /* who calls looks first: what is told and not recorded would be lost */
    f->control[f->control_count++] = (rill_flight_control){.stream = s, .what = (uint8_t)what};
    if (s)
        s->references++;
}

static bool room_for(const rill_packet_writer *p, const rill_flight *f, const rill_frame *frame)
{
    if (f && is_full(f))
        return false;
    size_t left = rill_packet_left(p);
    if (RILL_LIKELY(frame->text.len == 0 && left >= RILL_FRAME_MOST_NUMBERS + ROOM_KEPT))
        return true;
    return left >= rill_frame_size(frame) + ROOM_KEPT;
}

/*
 * A close told in a reply counts as told only where we cannot send: a reply
 * may be lost, and what is lost there is not sent again.
 */
static bool told_in_reply(const rill_stream *s, unsigned what)
{
    return what != RILL_TELL_CLOSE || !s->connection->peer.address;
}

/*
 * What became of lost money (doubt.c) is answered by the reply to a packet. One
 * with money may be decided on for long, while other replies tell the total.
 */
static bool not_to_be_asked_here(const rill_stream *s, unsigned what, const rill_flight *f)
{
    return what == RILL_TELL_MONEY_BLOCKED && s->out->doubt != RILL_DOUBT_NONE &&
           (!f || f->amount > 0);
}

/*
 * The reader is to know that there was more: in the same packet as the close, and
 * before it, for a close without that is one after all bytes.
 */
static bool add_cut(const rill_stream *s, unsigned what, rill_packet_writer *p)
{
    if (what != RILL_TELL_CLOSE || !rill_stream_is_cut(s))
        return true;
    rill_frame frame = {.type = RILL_FRAME_STREAM_DATA_BLOCKED,
                        .stream = s->id,
                        .value = rill_sendbuf_written(s->sendbuf)};
    return rill_packet_add(p, &frame);
}

/* False where there was no room. */
static bool tell_stream(rill_stream *s, rill_packet_writer *p, rill_flight *f)
{
    assert(s->tell < RILL_TELL(ADDRESS)); /* the others are a connection's */
    for (unsigned due = s->tell; due != 0; due &= due - 1) {
        unsigned what = (unsigned)__builtin_ctz(due);
        if (not_to_be_asked_here(s, what, f))
            continue;
        rill_frame frame;
        bool needed = stream_frame(s, what, &frame);
        /* No packet may refer to a stream whose end has been announced. */
        if (f && s->over)
            needed = false;
        if (needed && !room_for(p, f, &frame))
            return false;
        if (needed && (!add_cut(s, what, p) || !rill_packet_add(p, &frame)))
            return false;
        if (needed && f)
            record(f, s, what);
        if (needed && !f && !told_in_reply(s, what))
            continue;
        s->tell = (uint16_t)(s->tell & ~(1u << what));
        s->urgent = (uint16_t)(s->urgent & ~(1u << what));
        if (needed && !f && what == RILL_TELL_CLOSE) {
            s->close_done = true;
            rill_stream_mark(s, RILL_MARK_ANY);
        }
    }
    return true;
}

static bool tell_connection(rill_connection *c, rill_packet_writer *p, rill_flight *f)
{
    char address[RILL_ILP_MAX_ADDRESS + 1];
    assert((c->telling.due & (RILL_TELL(ADDRESS) - 1)) == 0); /* those are a stream's */
    for (unsigned due = c->telling.due; due != 0; due &= due - 1) {
        unsigned what = (unsigned)__builtin_ctz(due);
        rill_frame frame;
        if (connection_frame(c, what, address, &frame)) {
            if (!room_for(p, f, &frame) || !rill_packet_add(p, &frame))
                return false;
            if (f)
                record(f, NULL, what);
            /* In replies the address is not relied upon (RFC 29 section 4.3.2). */
            if (!f && what == RILL_TELL_ADDRESS)
                continue;
        } else if (what == RILL_TELL_HELLO) {
            if (!f || is_full(f))
                continue;
            record(f, NULL, what);
        }
        c->telling.due = (uint16_t)(c->telling.due & ~(1u << what));
        c->telling.urgent = (uint16_t)(c->telling.urgent & ~(1u << what));
    }
    return true;
}

/* There is something to tell. */
RILL_NOINLINE static void tell(rill_connection *c, rill_packet_writer *p, rill_flight *flight)
{
    if (c->telling.due && !tell_connection(c, p, flight))
        return;
    for (rill_list *n = c->streams.telling.next, *next; n != &c->streams.telling; n = next) {
        next = n->next;
        rill_stream *s = RILL_CONTAINER(n, rill_stream, tell_node);
        assert(s->tell != 0 && (s->urgent & ~s->tell) == 0); /* it stands in line for something */
        bool all = tell_stream(s, p, flight);
        if (s->tell == 0)
            rill_list_remove(&s->tell_node);
        if (!all)
            return;
    }
}

void rill_tell_frames(rill_connection *c, rill_packet_writer *p, rill_flight *flight)
{
    assert((c->telling.urgent & ~c->telling.due) == 0); /* or packets would leave for nothing */
    if (c->telling.due || !rill_list_empty(&c->streams.telling))
        tell(c, p, flight);
}

bool rill_tell_urgent(const rill_connection *c)
{
    if (c->telling.urgent)
        return true;
    for (const rill_list *n = c->streams.telling.next; n != &c->streams.telling; n = n->next)
        if (RILL_CONTAINER(n, rill_stream, tell_node)->urgent)
            return true;
    return false;
}

/* Every first packet of a client carries these: of many that are lost one is enough. */
#define WHO_WE_ARE (RILL_TELL(ADDRESS) | RILL_TELL(ASSET))

/*
 * Until something has come back every packet of a client says who it is: when
 * some of many are refused, the others still say it.
 */
static bool said_by_others(const rill_connection *c, uint32_t bit)
{
    return !c->contact.connected && !c->server && rill_flights_awaited(&c->path->flights) > 1 &&
           (bit & WHO_WE_ARE) != 0;
}

/*
 * Answers that had no word in them may have been another server's, which is no more: only one
 * that speaks is known to have what it answers.
 */
bool rill_tells_who_we_are(const rill_flight *f)
{
    bool tells = false;
    for (unsigned i = 0; i < f->control_count; i++)
        tells = tells || f->control[i].what == RILL_TELL_ASSET;
    return tells;
}

void rill_tell_anew(rill_connection *c, uint32_t bits)
{
    c->telling.known = (uint16_t)(c->telling.known & ~bits);
    c->telling.known_from = c->numbers.next;
}

void rill_tell_who_we_are(rill_connection *c)
{
    rill_tell_anew(c, WHO_WE_ARE);
    rill_connection_tell(c, WHO_WE_ARE, true);
}

void rill_tell_again(rill_connection *c, const rill_flight_control *control)
{
    uint32_t bit = 1u << control->what;
    if (!control->stream) {
        if ((c->telling.known & bit) == 0)
            rill_connection_tell(c, bit, !said_by_others(c, bit));
        return;
    }
    rill_stream *s = control->stream;
    if (s->closed && (bit != RILL_TELL(CLOSE) || s->close_done))
        return;
    rill_stream_tell(s, bit, true);
}

void rill_tell_acknowledged(rill_connection *c, const rill_flight_control *control,
                            uint64_t sequence)
{
    if (control->stream && control->what == RILL_TELL_CLOSE)
        control->stream->close_done = true; /* released with the flight's reference */
    if (!control->stream && sequence >= c->telling.known_from)
        c->telling.known = (uint16_t)(c->telling.known | ((1u << control->what) & WHO_WE_ARE));
}
