/* SPDX-License-Identifier: Apache-2.0 */
/* The replies that carry a STREAM packet of their own. */
#include "stream/core/reply.h"

#include <assert.h>

#include "ilp/oer.h"
#include "stream/core/closing.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/tell.h"
#include "stream/wire/receipt.h"

static void add_receipts(rill_connection *c, const rill_reply *r, rill_packet_writer *p)
{
    const rill_endpoint *e = c->endpoint;
    if (!c->identity.receipt_details)
        return;
    for (uint32_t i = 0; i < r->part_count; i++) {
        const rill_stream *s = r->parts[i].stream;
        uint8_t receipt[RILL_RECEIPT_LEN];
        assert(s->connection == c && s->in.received >= r->parts[i].amount); /* it was credited */
        /* Receipts count streams in one byte. */
        if (s->id > UINT8_MAX ||
            rill_receipt_write(e->crypto, c->identity.receipt_details,
                               c->identity.receipt_details + RILL_RECEIPT_NONCE_LEN, (uint8_t)s->id,
                               s->in.received, receipt) != RILL_OK)
            continue;
        rill_frame frame = {
            .type = RILL_FRAME_STREAM_RECEIPT, .stream = s->id, .text = {receipt, sizeof receipt}};
        if (!rill_packet_add(p, &frame))
            return;
    }
}

/* Of a connection that the packet is not of. */
static void add_over(rill_packet_writer *p, uint8_t code, const char *message)
{
    rill_frame frame = {.type = RILL_FRAME_CONNECTION_CLOSE, .code = code};
    if (message)
        frame.text = (rill_bytes){(const uint8_t *)message, strlen(message)};
    rill_packet_put(p, &frame);
}

/* For people at the other side. */
static const char *over_message(rill_trailer_kind why)
{
    if (why == RILL_TRAILER_REPLACED)
        return "another program has begun a connection with the same credentials, or a clock was "
               "set back";
    return "the receiver knows nothing of this connection (any more)";
}

/* What stands behind the frames of a reply: by which mark a client's next packets are known. */
static rill_trailer_kind trailer_of(const rill_connection *c, uint64_t sequence, uint64_t *value)
{
    *value = c->numbers.mark;
    if (c->succession.replaced)
        return RILL_TRAILER_REPLACED;
    bool first = c->server && c->numbers.marked && sequence < RILL_NUMBER_LIMIT;
    return first ? RILL_TRAILER_MARK : RILL_TRAILER_NONE;
}

/*
 * Something came for streams that are over: their sender may not know, nor all have been taken. The
 * reference takes a close for an error, and not for the end of all that it wrote, where it has a
 * message.
 */
static void add_closed_streams(const rill_closed_streams *closed, rill_packet_writer *p)
{
    static const char message[] = "the stream was closed before";
    for (uint32_t i = 0; closed && i < closed->count; i++) {
        rill_frame frame = {.type = RILL_FRAME_STREAM_CLOSE,
                            .code = RILL_CLOSE_STREAM_STATE_ERROR,
                            .stream = closed->ids[i]};
        if (closed->dropped >> i & 1)
            frame.text = (rill_bytes){(const uint8_t *)message, sizeof message - 1};
        rill_packet_put(p, &frame);
    }
}

/* The plaintext's length on the wire. */
static size_t pad(uint8_t *text, size_t plain, bool padding)
{
    if (!padding)
        return plain;
    assert(plain <= RILL_PACKET_MAX_PLAINTEXT); /* room was kept for what follows the frames */
    memset(text + plain, 0, RILL_PACKET_MAX_PLAINTEXT - plain);
    return RILL_PACKET_MAX_PLAINTEXT;
}

/* Writes and seals a STREAM packet; its length, 0 on failure. */
static size_t seal(rill_connection *c, const rill_reply *r, uint8_t type, uint8_t *envelope)
{
    rill_packet_writer p;
    uint64_t value;
    uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    rill_trailer_kind trailer = trailer_of(c, r->sequence, &value);
    size_t room = RILL_PACKET_MAX_PLAINTEXT;
    if (trailer != RILL_TRAILER_NONE)
        room -= RILL_TRAILER_SIZE + 1;
    rill_packet_begin(&p, text, room, type, r->sequence, r->amount);
    if (c->state != RILL_STATE_OPEN) {
        if (c->succession.replaced)
            add_over(&p, RILL_CLOSE_INTERNAL_ERROR, over_message(trailer));
        else if (!c->closing.by_remote)
            rill_closing_put(&c->closing, &p);
    } else {
        if (type == RILL_ILP_FULFILL)
            add_receipts(c, r, &p);
        add_closed_streams(r->closed, &p);
        rill_tell_frames(c, &p, NULL);
    }
    size_t plain = rill_packet_end(&p);
    if (plain == 0)
        return 0;
    if (trailer != RILL_TRAILER_NONE) {
        plain += rill_trailer_write(text + plain, trailer, value);
        if (trailer == RILL_TRAILER_MARK && c->counts.ended_another)
            text[plain++] = RILL_TRAILER_ENDED;
    }
    plain = pad(text, plain, c->options->padding);
    return rill_keys_seal(c->identity.keys, envelope, plain) == RILL_OK
               ? plain + RILL_ENVELOPE_OVERHEAD
               : 0;
}

int rill_reply_fulfill(rill_connection *c, const rill_reply *r, const uint8_t fulfillment[32])
{
    size_t at = RILL_ROOM_BEFORE_DATA(32);
    size_t sealed = seal(c, r, RILL_ILP_FULFILL, r->out + at);
    rill_fulfill fulfill = {.fulfillment = fulfillment, .data = {NULL, sealed}};
    int err = rill_fulfill_encode(&fulfill, r->out, RILL_PACKET_BUFFER, r->len);
    if (err == RILL_OK)
        rill_packet_close_gap(r->out, *r->len, at, sealed);
    return err;
}

/* Where the data of a Reject of ours begins: code, our address, no message. */
static size_t reject_data_at(const rill_endpoint *e)
{
    return RILL_ROOM_BEFORE_DATA(3 + rill_oer_length_size(e->address_len) + e->address_len + 1);
}

/* Around the data that is there already; sealed: its length, 0 where it could not be made. */
static int write_reject(const rill_endpoint *e, rill_ilp_code_id code, size_t sealed,
                        uint8_t *reply, size_t *len)
{
    size_t at = reject_data_at(e);
    rill_reject reject = {
        /* Without a STREAM packet any other code would be taken for the path's word. */
        .code = rill_ilp_code_of(sealed > 0 ? code : RILL_ILP_T00_INTERNAL_ERROR),
        .triggered_by = {(const uint8_t *)e->address, e->address_len},
        .data = {NULL, sealed},
    };
    int err = rill_reject_encode(&reject, reply, RILL_PACKET_BUFFER, len);
    if (err == RILL_OK)
        rill_packet_close_gap(reply, *len, at, sealed);
    return err;
}

int rill_reply_reject(rill_connection *c, const rill_reply *r, rill_ilp_code_id code)
{
    const rill_endpoint *e = c->endpoint;
    size_t sealed = seal(c, r, RILL_ILP_REJECT, r->out + reject_data_at(e));
    return write_reject(e, code, sealed, r->out, r->len);
}

int rill_reply_bare(const rill_endpoint *e, rill_ilp_code_id code, uint8_t *out, size_t *len)
{
    rill_reject reject = {
        .code = rill_ilp_code_of(code),
        .triggered_by = {(const uint8_t *)e->address, e->address_len},
    };
    return rill_reject_encode(&reject, out, RILL_PACKET_BUFFER, len);
}

/* Of several servers of one secret the next is asked after F06, and nobody after F99. */
static rill_ilp_code_id over_code(const rill_over *over)
{
    return over->of_another ? RILL_ILP_F06_UNEXPECTED_PAYMENT : RILL_ILP_F99_APPLICATION_ERROR;
}

int rill_reply_over(const rill_endpoint *e, rill_keys *keys, const rill_connection_options *options,
                    const rill_over *over, uint8_t *reply, size_t *len)
{
    rill_trailer_kind why = over->why;
    uint8_t *envelope = reply + reject_data_at(e);
    uint8_t *text = envelope + RILL_ENVELOPE_OVERHEAD;
    rill_packet_writer p;
    rill_packet_begin(&p, text, RILL_PACKET_MAX_PLAINTEXT - RILL_TRAILER_SIZE, RILL_ILP_REJECT,
                      over->sequence, over->amount);
    if (why == RILL_TRAILER_NONE)
        add_over(&p, RILL_CLOSE_NO_ERROR, NULL);
    else
        add_over(&p, RILL_CLOSE_INTERNAL_ERROR, over_message(why));
    size_t plain = rill_packet_end(&p);
    if (why != RILL_TRAILER_NONE)
        plain += rill_trailer_write(text + plain, why, 0);
    plain = pad(text, plain, options->padding);
    int err = rill_keys_seal(keys, envelope, plain);
    return write_reject(e, over_code(over), err == RILL_OK ? plain + RILL_ENVELOPE_OVERHEAD : 0,
                        reply, len);
}
