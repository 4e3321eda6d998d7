/* SPDX-License-Identifier: Apache-2.0 */
/* The replies that carry a STREAM packet of their own. */
#include <string.h>

#include "ilp/oer.h"
#include "stream/endpoint_internal.h"
#include "stream/receipt.h"

static void add_receipts(rill_connection *c, rill_packet_writer *p)
{
    const rill_endpoint *e = c->endpoint;
    if (!c->receipt_details)
        return;
    for (uint32_t i = 0; i < e->part_count; i++) {
        rill_stream *s = e->parts[i].stream;
        uint8_t receipt[RILL_RECEIPT_LEN];
        /* Receipts count streams in one byte. */
        if (s->id > UINT8_MAX ||
            rill_receipt_create(e->crypto, c->receipt_details,
                                c->receipt_details + RILL_RECEIPT_NONCE_LEN, (uint8_t)s->id,
                                s->in.received, receipt) != RILL_OK)
            continue;
        rill_frame frame = {
            .type = RILL_FRAME_STREAM_RECEIPT, .stream = s->id, .text = {receipt, sizeof receipt}};
        if (!rill_packet_add(p, &frame))
            return;
    }
}

static void add_close(rill_connection *c, rill_packet_writer *p)
{
    bool added = rill_connection_add_close(c, p);
    (void)added; /* an empty packet has room */
}

/* Money or bytes came for streams that are over: not all of them may have been taken. */
static void add_closed_streams(rill_connection *c, rill_packet_writer *p)
{
    rill_endpoint *e = c->endpoint;
    for (uint32_t i = 0; i < e->closed_count; i++) {
        rill_frame frame = {.type = RILL_FRAME_STREAM_CLOSE,
                            .code = RILL_CLOSE_STREAM_STATE_ERROR,
                            .stream = e->closed_streams[i]};
        bool added = rill_packet_add(p, &frame);
        (void)added; /* an empty packet has room */
    }
    e->closed_count = 0;
}

/* Writes and seals a STREAM packet; its length, 0 on failure. */
static size_t seal(rill_connection *c, uint8_t type, uint64_t sequence, uint64_t amount,
                   uint8_t *envelope)
{
    rill_packet_writer p;
    rill_packet_begin(&p, envelope + RILL_ENVELOPE_OVERHEAD, RILL_PACKET_MAX_PLAINTEXT, type,
                      sequence, amount);
    if (c->state != RILL_STATE_OPEN) {
        if (!c->closed_remote)
            add_close(c, &p);
    } else {
        if (type == RILL_ILP_FULFILL)
            add_receipts(c, &p);
        add_closed_streams(c, &p);
        rill_tell_frames(c, &p, NULL);
    }
    size_t plain = rill_packet_end(&p);
    if (plain == 0)
        return 0;
    if (c->options->padding) {
        memset(envelope + RILL_ENVELOPE_OVERHEAD + plain, 0, RILL_PACKET_MAX_PLAINTEXT - plain);
        plain = RILL_PACKET_MAX_PLAINTEXT;
    }
    return rill_keys_seal(c->keys, envelope, plain) == RILL_OK ? plain + RILL_ENVELOPE_OVERHEAD : 0;
}

/*
 * The money is committed: the fulfillment goes back even if its STREAM packet
 * could not be made.
 */
int rill_reply_fulfill(rill_connection *c, uint64_t sequence, uint64_t amount,
                       const uint8_t fulfillment[32], uint8_t *reply, size_t *len)
{
    size_t at = RILL_ROOM_BEFORE_DATA(32);
    size_t sealed = seal(c, RILL_ILP_FULFILL, sequence, amount, reply + at);
    rill_fulfill fulfill = {.fulfillment = fulfillment, .data = {NULL, sealed}};
    int err = rill_fulfill_encode(&fulfill, reply, RILL_PACKET_BUFFER, len);
    if (err == RILL_OK)
        rill_packet_close_gap(reply, *len, at, sealed);
    return err;
}

int rill_reply_reject(rill_connection *c, rill_ilp_code_id code, uint64_t sequence, uint64_t amount,
                      uint8_t *reply, size_t *len)
{
    /* Code, our address, no message. */
    size_t at = RILL_ROOM_BEFORE_DATA(3 + rill_oer_length_size(c->endpoint->address_len) +
                                      c->endpoint->address_len + 1);
    size_t sealed = seal(c, RILL_ILP_REJECT, sequence, amount, reply + at);
    rill_reject reject = {
        /* Without a STREAM packet any other code would be taken for the path's word. */
        .code = rill_ilp_code_of(sealed > 0 ? code : RILL_ILP_T00_INTERNAL_ERROR),
        .triggered_by = {(const uint8_t *)c->endpoint->address, c->endpoint->address_len},
        .data = {NULL, sealed},
    };
    int err = rill_reject_encode(&reject, reply, RILL_PACKET_BUFFER, len);
    if (err == RILL_OK)
        rill_packet_close_gap(reply, *len, at, sealed);
    return err;
}
