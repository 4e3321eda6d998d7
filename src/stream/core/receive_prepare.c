/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An authentic Prepare: decode all, check all, plan, let the application
 * decide, then commit or leave. Control and data frames take effect whatever
 * becomes of the money; money only with the Fulfill.
 */
#include "stream/core/receive_prepare.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "stream/core/apply.h"
#include "stream/core/arrival.h"
#include "stream/core/beginning.h"
#include "stream/core/close.h"
#include "stream/core/closed_streams.h"
#include "stream/core/connection.h"
#include "stream/core/contact.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/numbering.h"
#include "stream/core/outcome.h"
#include "stream/core/queues.h"
#include "stream/core/reply.h"
#include "stream/core/settle.h"
#include "stream/core/stream.h"
#include "stream/core/streams.h"
#include "stream/core/undecided.h"
#include "stream/money/shares.h"

typedef struct rill_incoming_packet {
    rill_connection *c;
    const rill_arrival *arrival;
    const rill_stream_packet *packet; /* the endpoint's scratch, as what parts points to */
    uint8_t fulfillment[32];
    uint8_t condition[32];
    rill_part *parts; /* how its money is divided, once that is planned */
    uint32_t part_count;
    bool
        asks; /* the application is to be told of one of its streams first, and may set its limit */
    rill_closed_streams closed;
} rill_incoming_packet;

static rill_reply reply_to(const rill_incoming_packet *in)
{
    return (rill_reply){.sequence = in->packet->sequence,
                        .amount = in->arrival->prepare.amount,
                        .closed = &in->closed,
                        .out = in->arrival->reply,
                        .len = in->arrival->reply_len};
}

static int reject(rill_incoming_packet *in, rill_ilp_code_id code)
{
    rill_reply r = reply_to(in);
    in->c->counts.packets_refused++;
    return rill_reply_reject(in->c, &r, code);
}

/* Without a word of the connection. */
static int reject_bare(const rill_arrival *a, rill_ilp_code_id code)
{
    return rill_reply_bare(a->e, code, a->reply, a->reply_len);
}

/* The other side broke the protocol: the packet's money is refused and the connection over. */
static int violate(rill_incoming_packet *in, int error)
{
    const char *text = rill_strerror(error);
    if (error == RILL_ERR_FORGOTTEN) {
        error = RILL_ERR_PROTOCOL;
        text = "bytes that go on with something that is not known here";
    }
    rill_connection_fail(in->c, rill_apply_close_code(error), error, text,
                         in->arrival->now.mono_ns);
    return reject(in, RILL_ILP_F99_APPLICATION_ERROR);
}

#define LATE_FRAMES                                                                                \
    (RILL_FRAME_BIT(RILL_FRAME_STREAM_CLOSE) | RILL_FRAME_BIT(RILL_FRAME_CONNECTION_CLOSE))
#define MONEY_FRAMES RILL_FRAME_BIT(RILL_FRAME_STREAM_MONEY)

static bool is_late(uint8_t type)
{
    return type == RILL_FRAME_STREAM_CLOSE || type == RILL_FRAME_CONNECTION_CLOSE;
}

/* Everything about a frame that can be refused before any frame takes effect. */
static int check_frame(const rill_connection *c, const rill_frame *frame)
{
    switch (frame->type) {
    case RILL_FRAME_STREAM_MONEY:
    case RILL_FRAME_STREAM_DATA:
    case RILL_FRAME_STREAM_MAX_MONEY:
    case RILL_FRAME_STREAM_MAX_DATA:
        break;
    default:
        return RILL_OK;
    }
    const rill_stream *s = rill_streams_find(&c->streams, frame->stream);
    int err = s ? RILL_OK : rill_connection_check_stream(c, frame->stream);
    if (err != RILL_OK)
        return err == RILL_ERR_CLOSED ? RILL_OK : err;
    if (frame->type != RILL_FRAME_STREAM_DATA)
        return RILL_OK;
    /* It would wait for ever for what came before, and be called received. */
    if (c->succession.unsure && frame->value > 0 &&
        !(s && s->reassembly && rill_reassembly_contiguous(s->reassembly) > 0))
        return RILL_ERR_FORGOTTEN;
    uint64_t end;
    uint64_t limit = s ? s->receive_window.limit : c->options->stream_receive_buffer;
    if (!rill_add_u64(frame->value, frame->text.len, &end) || (end > limit && !(s && s->closed)))
        return RILL_ERR_FLOW_CONTROL;
    return RILL_OK;
}

/* What only a first packet has: then no more bytes can be from before. */
static void make_sure(rill_incoming_packet *in)
{
    bool first = in->packet->sequence <= 1 ||
                 (in->packet->types & RILL_FRAME_BIT(RILL_FRAME_CONNECTION_NEW_ADDRESS)) != 0;
    if (first)
        rill_succession_sure(&in->c->succession);
}

static int check_frames(rill_incoming_packet *in)
{
    if (in->c->succession.unsure)
        make_sure(in);
    rill_frame_walk walk;
    rill_frames_begin(&walk, in->packet);
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;) {
        int err = check_frame(in->c, frame);
        if (err != RILL_OK)
            return err;
    }
    return RILL_OK;
}

/* Some are of the kind. */
RILL_NOINLINE static int apply_some(rill_incoming_packet *in, bool late)
{
    rill_frame_walk walk;
    rill_frames_begin(&walk, in->packet);
    const rill_frame_source from = {.now_ns = in->arrival->now.mono_ns, .closed = &in->closed};
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;) {
        if (frame->type == RILL_FRAME_STREAM_MONEY || is_late(frame->type) != late)
            continue;
        rill_settle_ends(in->c, in->arrival->now.mono_ns);
        int err = rill_apply_frame(in->c, frame, &from);
        if (err != RILL_OK)
            return err;
    }
    return RILL_OK;
}

/* late: the closes, which come after the money of the same packet. Most packets have none. */
static int apply_frames(rill_incoming_packet *in, bool late)
{
    uint32_t wanted = late ? LATE_FRAMES : ~(LATE_FRAMES | MONEY_FRAMES);
    return (in->packet->types & wanted) != 0 ? apply_some(in, late) : RILL_OK;
}

/* The application has not been told of it, and decides what it takes (ASK_NEW_STREAMS). */
static bool is_untold(const rill_stream *s)
{
    return (s->events & RILL_EVENT_BIT(RILL_EVENT_STREAM)) != 0 &&
           (s->connection->options->flags & RILL_CONNECTION_ASK_NEW_STREAMS) != 0;
}

static uint64_t room(const rill_stream *s)
{
    if (is_untold(s))
        return UINT64_MAX;
    return rill_sub_sat(s->in.window.limit, rill_add_sat(s->in.received, s->in.reserved));
}

/* The streams of the StreamMoney frames, and their shares. False: refuse. */
static bool collect_parts(rill_incoming_packet *in, rill_share *shares, uint64_t now_ns)
{
    rill_frame_walk walk;
    rill_frames_begin(&walk, in->packet);
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;) {
        if (frame->type != RILL_FRAME_STREAM_MONEY)
            continue;
        rill_stream *s;
        if (in->part_count == RILL_MAX_PARTS)
            return false;
        int err = rill_connection_accept_stream(in->c, frame->stream, &s, now_ns);
        if (err == RILL_ERR_CLOSED || (err == RILL_OK && s->closed))
            rill_closed_streams_note(&in->closed, frame->stream, false); /* who may not know */
        if (err != RILL_OK || s->closed)
            return false;
        rill_stream_tell(s, RILL_TELL(MAX_MONEY), false);
        s->in.planned = 0;
        shares[in->part_count] = (rill_share){
            .stream = s->id,
            .shares = frame->value,
            .room = room(s),
        };
        in->parts[in->part_count++].stream = s;
    }
    return in->part_count > 0;
}

/* What a stream takes: what its receive max leaves, and 1 % for the rounding of rates. */
static bool fits(rill_incoming_packet *in, rill_stream *s, uint64_t part)
{
    uint64_t total;
    uint64_t before = s->in.received + s->in.reserved;
    if (!rill_add_u64(s->in.planned, part, &s->in.planned) ||
        !rill_add_u64(before, s->in.planned, &total))
        return false;
    if (is_untold(s)) {
        in->asks = true;
        return true;
    }
    uint64_t left = rill_sub_sat(s->in.window.limit, before);
    return s->in.planned <= rill_mul_div_ceil_sat(left, 101, 100);
}

/*
 * One part for each stream that gets something, however many frames name it: what waits for a
 * decision is kept with its parts. The sum of a stream's is planned.
 */
RILL_NOINLINE static void merge_parts(rill_incoming_packet *in)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < in->part_count; i++) {
        rill_stream *s = in->parts[i].stream;
        uint64_t amount = s->in.planned;
        s->in.planned = 0;
        if (amount > 0)
            in->parts[count++] = (rill_part){.stream = s, .amount = amount};
    }
    in->part_count = count;
}

static bool plan_money(rill_incoming_packet *in)
{
    uint64_t amount = in->arrival->prepare.amount;
    if (amount == 0)
        return true;
    rill_share *shares = rill_shared_shares(in->c->endpoint->shared);
    if (!shares || !collect_parts(in, shares, in->arrival->now.mono_ns) ||
        rill_shares_divide(shares, in->part_count, amount) != RILL_OK)
        return false;
    for (uint32_t i = 0; i < in->part_count; i++) {
        in->parts[i].amount = shares[i].amount;
        if (!fits(in, in->parts[i].stream, in->parts[i].amount))
            return false;
    }
    if (in->part_count > 1)
        merge_parts(in);
    return true;
}

/* Asks the application: the parts are reserved until it has decided. */
static int ask(rill_incoming_packet *in)
{
    rill_connection *c = in->c;
    const rill_prepare *prepare = &in->arrival->prepare;
    rill_now now = in->arrival->now;
    /* Who waits for the end of the connection before is not asked yet. */
    if (c->succession.waits_for || !rill_undecided_has_room(c))
        return reject(in, RILL_ILP_T02_PEER_BUSY);
    uint64_t lifetime = rill_mul_div_floor_sat(prepare->expires_at_ms - now.wall_ms, RILL_MS, 1);
    rill_question question = {.request = in->arrival->request,
                              .sequence = in->packet->sequence,
                              .amount = prepare->amount,
                              .expires_at = prepare->expires_at_ms,
                              .deadline_ns = rill_add_sat(now.mono_ns, lifetime),
                              .fulfillment = in->fulfillment,
                              .packet_id = in->condition,
                              .parts = in->parts,
                              .part_count = in->part_count,
                              .limits_open = in->asks};
    if (rill_undecided_add(c, &question) != RILL_OK)
        return reject(in, RILL_ILP_T00_INTERNAL_ERROR);
    *in->arrival->reply_len = 0;
    return RILL_OK;
}

static int fulfill(rill_incoming_packet *in)
{
    rill_connection *c = in->c;
    rill_reply r = reply_to(in);
    r.parts = in->parts;
    r.part_count = in->part_count;
    uint64_t all = 0;
    for (uint32_t i = 0; i < in->part_count; i++) {
        all += in->parts[i].amount;
        rill_stream_credit(in->parts[i].stream, in->parts[i].amount);
    }
    assert(all == in->arrival->prepare.amount); /* every unit is some stream's */
    (void)all;
    c->counts.received = rill_add_sat(c->counts.received, in->arrival->prepare.amount);
    return rill_reply_fulfill(c, &r, in->fulfillment);
}

static int decide_money(rill_incoming_packet *in)
{
    rill_connection *c = in->c;
    const rill_prepare *prepare = &in->arrival->prepare;
    int err = rill_keys_fulfill(c->identity.keys, prepare->data.data, prepare->data.len,
                                in->fulfillment, in->condition);
    if (err != RILL_OK)
        return reject(in, RILL_ILP_T00_INTERNAL_ERROR);
    if (!rill_equal_ct(in->condition, prepare->condition, 32))
        return reject(in, RILL_ILP_F99_APPLICATION_ERROR);
    if (prepare->amount < in->packet->amount || !plan_money(in))
        return reject(in, RILL_ILP_F99_APPLICATION_ERROR);
    if (c->endpoint->refuse_money && prepare->amount > 0)
        return reject(in, RILL_ILP_T02_PEER_BUSY);
    if ((c->options->ask_before_fulfill || in->asks) && prepare->amount > 0)
        return ask(in);
    return fulfill(in);
}

static int settle_money(rill_incoming_packet *in)
{
    int result = decide_money(in);
    /* Where it was not given out, whoever finds it can take the money. */
    rill_wipe(in->fulfillment, sizeof in->fulfillment);
    return result;
}

static int handle(rill_incoming_packet *in)
{
    rill_connection *c = in->c;
    int err = check_frames(in);
    if (err == RILL_OK)
        err = apply_frames(in, false);
    if (err != RILL_OK)
        return violate(in, err);
    int result = settle_money(in);
    err = apply_frames(in, true);
    if (err != RILL_OK)
        rill_connection_fail(c, rill_apply_close_code(err), err, rill_strerror(err),
                             in->arrival->now.mono_ns);
    return result;
}

/* A packet that is not for this connection, though it has its key. */
static int misplaced(rill_incoming_packet *in, rill_place place)
{
    rill_connection *c = in->c;
    const rill_arrival *a = in->arrival;
    if (place == RILL_PLACE_REFLECTED || place == RILL_PLACE_REPLAYED)
        return reject_bare(a, RILL_ILP_F99_APPLICATION_ERROR);
    if (place == RILL_PLACE_ANEW) {
        /* Its next packet opens a connection. */
        rill_connection_superseded(c, in->arrival->now);
        rill_settle(c, a->now.mono_ns);
        return reject_bare(a, RILL_ILP_T02_PEER_BUSY);
    }
    rill_over over = {
        .why = place == RILL_PLACE_REPLACED ? RILL_TRAILER_REPLACED : RILL_TRAILER_FORGOTTEN,
        .of_another = rill_is_of_another(in->packet, c->succession.past),
        .sequence = in->packet->sequence,
        .amount = a->prepare.amount,
    };
    return rill_reply_over(a->e, c->identity.keys, c->options, &over, a->reply, a->reply_len);
}

/* So many packets that one key is used up: the connection ends, and takes nothing of this one. */
static int exhaust(rill_incoming_packet *in)
{
    rill_connection_exhaust(in->c, in->arrival->now.mono_ns);
    return reject(in, RILL_ILP_F99_APPLICATION_ERROR);
}

int rill_connection_receive(rill_connection *c, const rill_arrival *a, const uint8_t *plaintext,
                            size_t len)
{
    bool header_ok;
    rill_endpoint *e = c->endpoint;
    rill_incoming_packet in;
    /* The table has only those whose end has not been fetched. */
    assert(c->state != RILL_STATE_GONE && e == a->e);
    in.c = c;
    in.arrival = a;
    in.packet = &e->shared->incoming;
    in.parts = e->shared->parts;
    in.part_count = 0;
    in.asks = false;
    in.closed.count = 0;
    in.closed.dropped = 0;
    rill_settle_check(c);
    int err = rill_stream_packet_decode(&e->shared->incoming, plaintext, len, &header_ok);
    if (!header_ok || in.packet->type != RILL_ILP_PREPARE)
        return reject_bare(a, RILL_ILP_F06_UNEXPECTED_PAYMENT);
    if (a->prepare.expires_at_ms <= a->now.wall_ms)
        return reject_bare(a, RILL_ILP_R00_TRANSFER_TIMED_OUT);
    uint64_t number;
    bool opening = c->numbers.opening;
    rill_place place = rill_numbering_place(&c->numbers, c->succession.past, in.packet, &number);
    if (place != RILL_PLACE_HERE)
        return misplaced(&in, place);
    int fresh = rill_numbering_take(&c->numbers, e->allocator, number);
    if (fresh == RILL_ERR_NOMEM)
        return reject_bare(a, RILL_ILP_T00_INTERNAL_ERROR);
    if (fresh != RILL_OK)
        return reject_bare(a, RILL_ILP_F99_APPLICATION_ERROR);
    c->counts.packets_received++;
    rill_numbering_note_expiry(&c->numbers, a->now.wall_ms, a->prepare.expires_at_ms);
    if (c->state != RILL_STATE_OPEN) {
        int refused = reject(&in, RILL_ILP_F99_APPLICATION_ERROR);
        rill_closing_tell(&c->closing); /* in that */
        if (err == RILL_OK && (in.packet->types & RILL_FRAME_BIT(RILL_FRAME_CONNECTION_CLOSE)) != 0)
            rill_connection_closes_cross(c, a->now.mono_ns);
        rill_settle(c, a->now.mono_ns);
        return refused;
    }
    rill_connection_authentic(c, a->now.mono_ns);
    if (opening)
        rill_flight_overdue_bytes(c, a->now.mono_ns);
    bool exhausted = rill_numbering_exhausted(&c->numbers, c->counts.packets_received);
    int result = err != RILL_OK ? violate(&in, err) : exhausted ? exhaust(&in) : handle(&in);
    rill_settle(c, a->now.mono_ns);
    return result;
}
