/* SPDX-License-Identifier: Apache-2.0 */
/* ILPv4 packets (RFC 27): type, then a VarOctetString of the fields. */
#include <assert.h>
#include <rill/error.h>
#include <rill/ilp.h>
#include <string.h>

#include "ilp/address.h"
#include "ilp/oer.h"

/* A number that other languages can read out of the header. */
static_assert(RILL_ILP_MAX_PACKET ==
                  1 + 4 + 8 + 17 + 32 + 3 + RILL_ILP_MAX_ADDRESS + 3 + RILL_ILP_MAX_DATA_READ,
              "type, length, amount, expiry, condition, address, data");

enum { TIME_LEN = 17, HASH_LEN = 32, CODE_LEN = 3 };

/* The fields inside the envelope of that type. Bytes after it are ignored (RFC 30). */
static int open_envelope(rill_ilp_type type, const uint8_t *packet, size_t len, rill_reader *fields)
{
    rill_reader r = rill_reader_of(packet, len);
    uint8_t found;
    if (!rill_read_u8(&r, &found))
        return RILL_ERR_TRUNCATED;
    if (found != type)
        return RILL_ERR_MALFORMED;
    rill_bytes content;
    int err = rill_oer_read_octets(&r, SIZE_MAX, &content);
    if (err != RILL_OK)
        return err;
    *fields = rill_reader_of(content.data, content.len);
    return RILL_OK;
}

/* The size of a packet whose fields take content bytes. */
static size_t envelope_size(size_t content)
{
    return 1 + rill_oer_length_size(content) + content;
}

static size_t octets_size(size_t len)
{
    return rill_oer_length_size(len) + len;
}

/*
 * Who writes a packet has found out before that all of it fits. A length of several bytes is
 * followed by what it is the length of, so there is room to write it at once.
 */
static uint8_t *put_envelope(uint8_t *p, rill_ilp_type type, size_t content)
{
    *p = (uint8_t)type;
    return rill_oer_put_length(p + 1, content);
}

static uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t len)
{
    memcpy(p, bytes, len);
    return p + len;
}

static uint8_t *put_octets(uint8_t *p, rill_bytes bytes)
{
    p = rill_oer_put_length(p, bytes.len);
    return bytes.len == 0 ? p : put_bytes(p, bytes.data, bytes.len);
}

static_assert(RILL_ILP_MAX_DATA_READ <= UINT16_MAX, "its length takes three bytes at most");

/*
 * The last field of every packet: its bytes, or room for them. They may be there already, so
 * nothing is written beyond their length.
 */
static uint8_t *put_data(uint8_t *p, rill_bytes data)
{
    if (data.len >= 0x100) {
        *p++ = 0x82;
        *p++ = (uint8_t)(data.len >> 8);
    } else if (data.len >= 0x80) {
        *p++ = 0x81;
    }
    *p++ = (uint8_t)data.len;
    if (data.data != NULL && data.len != 0)
        memcpy(p, data.data, data.len);
    return p + data.len;
}

/* p is where the packet ends, which was measured before. */
static int finish(const uint8_t *buf, const uint8_t *p, size_t size, size_t *len)
{
    assert((size_t)(p - buf) == size);
    (void)buf;
    (void)p;
    *len = size;
    return RILL_OK;
}

int rill_prepare_decode(rill_prepare *out, const uint8_t *packet, size_t len)
{
    rill_prepare p;
    int err = rill_prepare_decode_any_address(&p, packet, len);
    if (err == RILL_OK && !rill_address_valid(p.destination))
        err = RILL_ERR_ADDRESS;
    if (err == RILL_OK)
        *out = p;
    return err;
}

int rill_prepare_decode_any_address(rill_prepare *out, const uint8_t *packet, size_t len)
{
    rill_reader r;
    int err = open_envelope(RILL_ILP_PREPARE, packet, len, &r);
    if (err != RILL_OK)
        return err;
    rill_prepare p;
    rill_bytes time;
    rill_bytes condition;
    if (!rill_read_u64(&r, &p.amount) || !rill_read_bytes(&r, TIME_LEN, &time) ||
        !rill_read_bytes(&r, HASH_LEN, &condition))
        return RILL_ERR_TRUNCATED;
    err = rill_ilp_time_decode(time.data, &p.expires_at_ms);
    if (err != RILL_OK)
        return err;
    err = rill_oer_read_octets(&r, RILL_ILP_MAX_ADDRESS, &p.destination);
    if (err != RILL_OK)
        return err;
    err = rill_oer_read_octets(&r, RILL_ILP_MAX_DATA_READ, &p.data);
    if (err != RILL_OK)
        return err;
    p.condition = condition.data;
    *out = p;
    return RILL_OK;
}

int rill_prepare_encode(const rill_prepare *in, uint8_t *buf, size_t cap, size_t *len)
{
    return in->data.len > RILL_ILP_MAX_DATA ? RILL_ERR_TOO_LARGE
                                            : rill_prepare_encode_any_size(in, buf, cap, len);
}

int rill_prepare_encode_any_size(const rill_prepare *in, uint8_t *buf, size_t cap, size_t *len)
{
    if (in->destination.len > RILL_ILP_MAX_ADDRESS || in->data.len > RILL_ILP_MAX_DATA_READ)
        return RILL_ERR_TOO_LARGE;
    uint8_t time[TIME_LEN];
    int err = rill_ilp_time_encode(in->expires_at_ms, time);
    if (err != RILL_OK)
        return err;
    size_t content =
        8 + TIME_LEN + HASH_LEN + octets_size(in->destination.len) + octets_size(in->data.len);
    size_t size = envelope_size(content);
    if (size > cap)
        return RILL_ERR_BUFFER;
    uint8_t *p = put_envelope(buf, RILL_ILP_PREPARE, content);
    rill_store_u64(p, in->amount);
    p = put_bytes(p + 8, time, TIME_LEN);
    p = put_bytes(p, in->condition, HASH_LEN);
    p = put_octets(p, in->destination);
    return finish(buf, put_data(p, in->data), size, len);
}

/*
 * The data of an answer, its last field. Empty if it cannot be read or is too long. What the answer
 * says about the money counts anyway.
 */
static bool read_answer_data(rill_reader *r, rill_bytes *out)
{
    *out = (rill_bytes){NULL, 0};
    return rill_oer_read_octets(r, RILL_ILP_MAX_DATA_READ, out) == RILL_OK;
}

int rill_fulfill_decode(rill_fulfill *out, const uint8_t *packet, size_t len)
{
    bool whole;
    return rill_fulfill_decode_noting(out, packet, len, &whole);
}

int rill_fulfill_decode_noting(rill_fulfill *out, const uint8_t *packet, size_t len, bool *whole)
{
    rill_reader r;
    int err = open_envelope(RILL_ILP_FULFILL, packet, len, &r);
    if (err != RILL_OK)
        return err;
    rill_bytes fulfillment;
    if (!rill_read_bytes(&r, HASH_LEN, &fulfillment))
        return RILL_ERR_TRUNCATED;
    out->fulfillment = fulfillment.data;
    *whole = read_answer_data(&r, &out->data);
    return RILL_OK;
}

int rill_fulfill_encode(const rill_fulfill *in, uint8_t *buf, size_t cap, size_t *len)
{
    return in->data.len > RILL_ILP_MAX_DATA ? RILL_ERR_TOO_LARGE
                                            : rill_fulfill_encode_any_size(in, buf, cap, len);
}

int rill_fulfill_encode_any_size(const rill_fulfill *in, uint8_t *buf, size_t cap, size_t *len)
{
    if (in->data.len > RILL_ILP_MAX_DATA_READ)
        return RILL_ERR_TOO_LARGE;
    size_t content = HASH_LEN + octets_size(in->data.len);
    size_t size = envelope_size(content);
    if (size > cap)
        return RILL_ERR_BUFFER;
    uint8_t *p = put_envelope(buf, RILL_ILP_FULFILL, content);
    p = put_bytes(p, in->fulfillment, HASH_LEN);
    return finish(buf, put_data(p, in->data), size, len);
}

/*
 * A code is shown and compared as text: three visible ASCII characters, known or not. False if one
 * of them was something else.
 */
static bool take_code(rill_bytes text, rill_ilp_code *out)
{
    bool visible = true;
    for (size_t i = 0; i < CODE_LEN; i++) {
        bool odd = text.data[i] <= ' ' || text.data[i] > '~';
        out->text[i] = odd ? '?' : (char)text.data[i];
        visible = visible && !odd;
    }
    out->text[CODE_LEN] = '\0';
    return visible;
}

/* Cuts UTF-8 at whole characters. */
static size_t cut(rill_bytes text, size_t max)
{
    size_t len = max;
    while (len > max - 3 && (text.data[len] & 0xc0) == 0x80)
        len--;
    return len;
}

/*
 * Who rejected, and the message. Neither matters as much as the fact that the packet was rejected.
 */
static bool read_origin(rill_reader *r, rill_reject *p)
{
    bool whole = true;
    p->triggered_by = p->message = (rill_bytes){NULL, 0};
    if (rill_oer_read_octets(r, SIZE_MAX, &p->triggered_by) != RILL_OK)
        return false;
    if (!rill_address_chars_valid(p->triggered_by)) {
        p->triggered_by = (rill_bytes){NULL, 0};
        whole = false;
    }
    if (rill_oer_read_octets(r, SIZE_MAX, &p->message) != RILL_OK)
        return false;
    if (p->message.len > RILL_ILP_MAX_MESSAGE) {
        p->message.len = cut(p->message, RILL_ILP_MAX_MESSAGE);
        whole = false;
    }
    return whole;
}

int rill_reject_decode(rill_reject *out, const uint8_t *packet, size_t len)
{
    bool whole;
    return rill_reject_decode_noting(out, packet, len, &whole);
}

int rill_reject_decode_noting(rill_reject *out, const uint8_t *packet, size_t len, bool *whole)
{
    rill_reader r;
    int err = open_envelope(RILL_ILP_REJECT, packet, len, &r);
    if (err != RILL_OK)
        return err;
    rill_bytes code;
    if (!rill_read_bytes(&r, CODE_LEN, &code))
        return RILL_ERR_TRUNCATED;
    bool visible = take_code(code, &out->code);
    bool origin = read_origin(&r, out);
    bool data = read_answer_data(&r, &out->data);
    *whole = visible && origin && data;
    return RILL_OK;
}

int rill_reject_encode(const rill_reject *in, uint8_t *buf, size_t cap, size_t *len)
{
    return in->data.len > RILL_ILP_MAX_DATA ? RILL_ERR_TOO_LARGE
                                            : rill_reject_encode_any_size(in, buf, cap, len);
}

int rill_reject_encode_any_size(const rill_reject *in, uint8_t *buf, size_t cap, size_t *len)
{
    if (in->triggered_by.len > RILL_ILP_MAX_ADDRESS || in->message.len > RILL_ILP_MAX_MESSAGE ||
        in->data.len > RILL_ILP_MAX_DATA_READ)
        return RILL_ERR_TOO_LARGE;
    size_t content = CODE_LEN + octets_size(in->triggered_by.len) + octets_size(in->message.len) +
                     octets_size(in->data.len);
    size_t size = envelope_size(content);
    if (size > cap)
        return RILL_ERR_BUFFER;
    uint8_t *p = put_envelope(buf, RILL_ILP_REJECT, content);
    p = put_bytes(p, in->code.text, CODE_LEN);
    p = put_octets(p, in->triggered_by);
    p = put_octets(p, in->message);
    return finish(buf, put_data(p, in->data), size, len);
}

int rill_amount_too_large_decode(rill_amount_too_large *out, rill_bytes data)
{
    rill_reader r = rill_reader_of(data.data, data.len);
    rill_amount_too_large found;
    if (!rill_read_u64(&r, &found.received) || !rill_read_u64(&r, &found.maximum))
        return RILL_ERR_TRUNCATED;
    *out = found;
    return RILL_OK;
}

void rill_amount_too_large_encode(rill_amount_too_large in, uint8_t out[16])
{
    rill_writer w = rill_writer_of(out, 16);
    rill_write_u64(&w, in.received);
    rill_write_u64(&w, in.maximum);
}
