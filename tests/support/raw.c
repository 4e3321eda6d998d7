/* SPDX-License-Identifier: Apache-2.0 */
#include "raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/crypto.h"
#include "ilp/address.h"
#include "stream/wire/packet.h"

#define LIFETIME 30000u

void raw_open(raw_peer *r, const char *destination, const uint8_t secret[32])
{
    memset(r, 0, sizeof *r);
    r->crypto = rill_crypto_new(rill_allocator_default());
    assert_non_null(r->crypto);
    assert_int_equal(rill_keys_new(&r->keys, r->crypto, secret, 32), RILL_OK);
    assert_true(strlen(destination) < sizeof r->destination);
    memcpy(r->destination, destination, strlen(destination) + 1);
    r->sequence = 1;
}

void raw_close(raw_peer *r)
{
    rill_keys_free(r->keys);
    rill_crypto_free(r->crypto);
}

void raw_begin(raw_peer *r, uint64_t life)
{
    r->life = life;
    r->sequence = rill_life_first_number(life);
}

void raw_go_on(raw_peer *r, const raw_reply *reply)
{
    assert_int_equal(reply->trailer, RILL_TRAILER_MARK);
    r->sequence = rill_number_marked((uint32_t)reply->trailer_value,
                                     r->sequence - rill_life_first_number(r->life));
    r->life = 0;
}

static size_t seal(raw_peer *r, const raw_packet *packet, uint8_t *envelope)
{
    rill_packet_writer w;
    uint8_t *plain = envelope + RILL_ENVELOPE_OVERHEAD;
    uint8_t type = packet->type ? packet->type : RILL_ILP_PREPARE;
    uint64_t sequence = packet->sequence ? packet->sequence : r->sequence++;
    rill_packet_begin(&w, plain, RILL_ILP_MAX_DATA_READ - RILL_ENVELOPE_OVERHEAD, type, sequence,
                      packet->minimum);
    for (unsigned i = 0; i < packet->frame_count; i++)
        assert_true(rill_packet_add(&w, &packet->frames[i]));
    if (packet->broken)
        w.count++;
    size_t len = rill_packet_end(&w);
    assert_true(len > 0);
    if (packet->tail.len > 0)
        memcpy(plain + len, packet->tail.data, packet->tail.len);
    len += packet->tail.len;
    if (r->life != 0 && type == RILL_ILP_PREPARE)
        len += r->who != 0 ? rill_life_write(plain + len, r->life, r->who)
                           : rill_trailer_write(plain + len, RILL_TRAILER_LIFE, r->life);
    assert_int_equal(rill_keys_seal(r->keys, envelope, len), RILL_OK);
    return len + RILL_ENVELOPE_OVERHEAD;
}

size_t raw_write(raw_peer *r, rill_now now, const raw_packet *packet, uint8_t *out)
{
    static uint8_t envelope[RILL_ILP_MAX_DATA_READ];
    uint8_t condition[32];
    size_t len;
    size_t sealed = seal(r, packet, envelope);
    assert_int_equal(rill_keys_fulfill(r->keys, envelope, sealed, NULL, condition), RILL_OK);
    if (packet->unfulfillable)
        condition[0] ^= 1;
    uint64_t lifetime = packet->expires_in ? packet->expires_in : LIFETIME;
    rill_prepare prepare = {
        .amount = packet->amount,
        .expires_at_ms = lifetime == 1 ? now.wall_ms : now.wall_ms + lifetime,
        .condition = condition,
        .destination = {(const uint8_t *)r->destination, strlen(r->destination)},
        .data = {envelope, sealed},
    };
    /* A peer without rules may write more than an honest one. */
    assert_int_equal(rill_prepare_encode_any_size(&prepare, out, RILL_PACKET_BUFFER, &len),
                     RILL_OK);
    return len;
}

static void read_packet(raw_peer *r, rill_bytes data, raw_reply *out)
{
    rill_stream_packet packet;
    bool header_ok;
    if (data.len <= RILL_ENVELOPE_OVERHEAD ||
        rill_keys_open(r->keys, data.data, data.len, out->plaintext) != RILL_OK)
        return;
    assert_int_equal(rill_stream_packet_decode(&packet, out->plaintext,
                                               data.len - RILL_ENVELOPE_OVERHEAD, &header_ok),
                     RILL_OK);
    out->authentic = true;
    out->sequence = packet.sequence;
    out->amount = packet.amount;
    out->trailer = rill_trailer_read(packet.after, &out->trailer_value);
    (void)rill_life_read(packet.after, &out->trailer_value, &out->who);
    out->ended = rill_trailer_ended(packet.after);
    uint64_t left = packet.frame_count;
    while (out->frame_count < RAW_FRAMES &&
           rill_stream_packet_next(&packet.frames, &left, &out->frames[out->frame_count]))
        out->frame_count++;
}

void raw_read_answer(raw_peer *r, raw_reply *reply)
{
    rill_fulfill fulfill;
    rill_reject reject;
    if (reply->len == 0)
        return;
    reply->type = reply->bytes[0];
    if (reply->type == RILL_ILP_FULFILL) {
        assert_int_equal(rill_fulfill_decode(&fulfill, reply->bytes, reply->len), RILL_OK);
        read_packet(r, fulfill.data, reply);
    } else {
        assert_int_equal(rill_reject_decode(&reject, reply->bytes, reply->len), RILL_OK);
        assert_int_equal(reject.message.len, 0);
        reply->code = rill_ilp_code_find(reject.code);
        read_packet(r, reject.data, reply);
    }
}

void raw_deliver(raw_peer *r, rill_endpoint *to, rill_now now, const uint8_t *bytes, size_t len,
                 raw_reply *reply)
{
    memset(reply, 0, offsetof(raw_reply, bytes));
    assert_int_equal(
        rill_endpoint_receive_prepare(to, now, 1, bytes, len, reply->bytes, &reply->len), RILL_OK);
    raw_read_answer(r, reply);
}

void raw_send(raw_peer *r, rill_endpoint *to, rill_now now, const raw_packet *packet,
              raw_reply *reply)
{
    static uint8_t bytes[RILL_PACKET_BUFFER];
    size_t len = raw_write(r, now, packet, bytes);
    raw_deliver(r, to, now, bytes, len, reply);
}

const rill_frame *raw_find(const raw_reply *reply, uint8_t type)
{
    for (unsigned i = 0; i < reply->frame_count; i++)
        if (reply->frames[i].type == type)
            return &reply->frames[i];
    return NULL;
}

void raw_read(raw_peer *r, const uint8_t *prepare, size_t len, raw_reply *out)
{
    rill_prepare decoded;
    memset(out, 0, offsetof(raw_reply, bytes));
    assert_int_equal(rill_prepare_decode(&decoded, prepare, len), RILL_OK);
    read_packet(r, decoded.data, out);
}

size_t raw_answer(raw_peer *r, const uint8_t *prepare, size_t len, bool fulfill,
                  rill_ilp_code_id code, uint64_t amount, const rill_frame *frames,
                  unsigned frame_count, uint8_t *out)
{
    static raw_reply question;
    static uint8_t envelope[RILL_ILP_MAX_DATA_READ];
    uint8_t fulfillment[32];
    rill_prepare decoded;
    size_t written;
    raw_read(r, prepare, len, &question);
    assert_true(question.authentic);
    assert_int_equal(rill_prepare_decode(&decoded, prepare, len), RILL_OK);
    assert_int_equal(
        rill_keys_fulfill(r->keys, decoded.data.data, decoded.data.len, fulfillment, NULL),
        RILL_OK);
    raw_packet packet = {.type = fulfill ? RILL_ILP_FULFILL : RILL_ILP_REJECT,
                         .sequence = question.sequence,
                         .minimum = amount,
                         .frames = frames,
                         .frame_count = frame_count};
    rill_bytes data = {envelope, seal(r, &packet, envelope)};
    rill_fulfill yes = {.fulfillment = fulfillment, .data = data};
    rill_reject no = {.code = rill_ilp_code_of(code), .data = data};
    int err = fulfill ? rill_fulfill_encode_any_size(&yes, out, RILL_PACKET_BUFFER, &written)
                      : rill_reject_encode_any_size(&no, out, RILL_PACKET_BUFFER, &written);
    assert_int_equal(err, RILL_OK);
    return written;
}
