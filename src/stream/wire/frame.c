/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/wire/frame.h"

#include <assert.h>

#include <rill/error.h>

#include "ilp/oer.h"

/*
 * Which fields a type has. All types write them in this order; only
 * ConnectionAssetDetails has its byte after its text.
 */
enum {
    HAS_STREAM = 1,
    HAS_CODE = 2,
    HAS_VALUE = 4,
    VALUE_SATURATES = 8,
    HAS_TOTAL = 16,
    HAS_TEXT = 32,
    HAS_CODE_LAST = 64
};

static const uint8_t fields_by_type[] = {
    [RILL_FRAME_CONNECTION_CLOSE] = HAS_CODE | HAS_TEXT,
    [RILL_FRAME_CONNECTION_NEW_ADDRESS] = HAS_TEXT,
    [RILL_FRAME_CONNECTION_MAX_DATA] = HAS_VALUE,
    [RILL_FRAME_CONNECTION_DATA_BLOCKED] = HAS_VALUE,
    [RILL_FRAME_CONNECTION_MAX_STREAM_ID] = HAS_VALUE,
    [RILL_FRAME_CONNECTION_STREAM_ID_BLOCKED] = HAS_VALUE,
    [RILL_FRAME_CONNECTION_ASSET_DETAILS] = HAS_TEXT | HAS_CODE_LAST,
    [RILL_FRAME_STREAM_CLOSE] = HAS_STREAM | HAS_CODE | HAS_TEXT,
    [RILL_FRAME_STREAM_MONEY] = HAS_STREAM | HAS_VALUE,
    [RILL_FRAME_STREAM_MAX_MONEY] = HAS_STREAM | HAS_VALUE | VALUE_SATURATES | HAS_TOTAL,
    [RILL_FRAME_STREAM_MONEY_BLOCKED] = HAS_STREAM | HAS_VALUE | VALUE_SATURATES | HAS_TOTAL,
    [RILL_FRAME_STREAM_DATA] = HAS_STREAM | HAS_VALUE | HAS_TEXT,
    [RILL_FRAME_STREAM_MAX_DATA] = HAS_STREAM | HAS_VALUE,
    [RILL_FRAME_STREAM_DATA_BLOCKED] = HAS_STREAM | HAS_VALUE,
    [RILL_FRAME_STREAM_RECEIPT] = HAS_STREAM | HAS_TEXT,
};

/* RFC 29 section 5.3 has none above it. */
_Static_assert(sizeof fields_by_type == RILL_FRAME_STREAM_RECEIPT + 1, "one line for each type");

/* 0 for an unknown type. */
static unsigned fields_of(uint8_t type)
{
    return type < sizeof fields_by_type ? fields_by_type[type] : 0;
}

static int read_body(rill_reader *body, unsigned fields, rill_frame *out)
{
    int rc = RILL_OK;

    if (fields & HAS_STREAM)
        rc = rill_oer_read_varuint(body, &out->stream);
    if (rc == RILL_OK && (fields & HAS_CODE) && !rill_read_u8(body, &out->code))
        rc = RILL_ERR_TRUNCATED;
    if (rc == RILL_OK && (fields & VALUE_SATURATES))
        rc = rill_oer_read_varuint_saturating(body, &out->value);
    else if (rc == RILL_OK && (fields & HAS_VALUE))
        rc = rill_oer_read_varuint(body, &out->value);
    if (rc == RILL_OK && (fields & HAS_TOTAL))
        rc = rill_oer_read_varuint(body, &out->total);
    if (rc == RILL_OK && (fields & HAS_TEXT))
        rc = rill_oer_read_octets(body, SIZE_MAX, &out->text);
    if (rc == RILL_OK && (fields & HAS_CODE_LAST) && !rill_read_u8(body, &out->code))
        rc = RILL_ERR_TRUNCATED;
    return rc;
}

/*
 * A VarUInt before `end`, of at most eight bytes; where there are bytes from
 * `start` on, they may be read with it. False, with *at anywhere, for all others.
 */
static inline bool take_varuint(const uint8_t *start, const uint8_t **at, const uint8_t *end,
                                uint64_t *out)
{
    const uint8_t *p = *at;

    if (p == end || *p - 1u > 7 || *p >= (size_t)(end - p))
        return false;
    size_t len = *p++;
    *at = p + len;
    if ((size_t)(*at - start) >= 8) { /* its last byte is the last of eight */
        unsigned others = (unsigned)(64 - 8 * len);
        *out = rill_load_u64(*at - 8) << others >> others;
        return true;
    }
    uint64_t v = 0;
    while (p < *at)
        v = v << 8 | *p++;
    *out = v;
    return true;
}

/* What most frames are: numbers. False for all others, and for what is wrong with these. */
static bool read_numbers(const uint8_t *start, const rill_reader *body, unsigned fields,
                         rill_frame *out)
{
    const uint8_t *at = body->at;

    if ((fields & (HAS_CODE | HAS_TEXT | HAS_CODE_LAST)) != 0)
        return false;
    if ((fields & HAS_STREAM) && !take_varuint(start, &at, body->end, &out->stream))
        return false;
    if ((fields & HAS_VALUE) && !take_varuint(start, &at, body->end, &out->value))
        return false;
    return !(fields & HAS_TOTAL) || take_varuint(start, &at, body->end, &out->total);
}

int rill_frame_read(rill_reader *r, rill_frame *out)
{
    return rill_frame_read_from(r->at, r, out);
}

int rill_frame_read_from(const uint8_t *start, rill_reader *r, rill_frame *out)
{
    rill_bytes bytes;
    uint8_t type;

    if (!rill_read_u8(r, &type))
        return RILL_ERR_TRUNCATED;
    *out = (rill_frame){.type = type};
    int rc = rill_oer_read_octets(r, SIZE_MAX, &bytes);
    if (rc != RILL_OK)
        return rc;
    rill_reader body = rill_reader_of(bytes.data, bytes.len);
    unsigned fields = fields_of(type);
    if (read_numbers(start, &body, fields, out))
        return RILL_OK;
    return read_body(&body, fields, out);
}

static size_t body_size(unsigned fields, const rill_frame *frame)
{
    size_t size = 0;

    if (fields & HAS_STREAM)
        size += rill_oer_varuint_size(frame->stream);
    if (fields & (HAS_CODE | HAS_CODE_LAST))
        size += 1;
    if (fields & HAS_VALUE)
        size += rill_oer_varuint_size(frame->value);
    if (fields & HAS_TOTAL)
        size += rill_oer_varuint_size(frame->total);
    if (fields & HAS_TEXT)
        size += rill_oer_length_size(frame->text.len) + frame->text.len;
    return size;
}

size_t rill_frame_size(const rill_frame *frame)
{
    unsigned fields = fields_of(frame->type);

    if (fields == 0)
        return 0;
    size_t size = body_size(fields, frame);
    return 1 + rill_oer_length_size(size) + size;
}

/* What a number's write may overwrite fits with it. */
_Static_assert(RILL_FRAME_MOST_NUMBERS < 2 + 128, "the length of such a frame is one byte");

bool rill_frame_write_short(rill_writer *w, const rill_frame *frame)
{
    unsigned fields = fields_of(frame->type);

    if (fields == 0 || (fields & (HAS_TEXT | HAS_CODE | HAS_CODE_LAST)) != 0 || w->failed ||
        rill_writer_left(w) < RILL_FRAME_MOST_NUMBERS)
        return false;
    uint8_t *p = w->at + 2;
    if (fields & HAS_STREAM)
        p = rill_oer_put_varuint(p, frame->stream);
    if (fields & HAS_VALUE)
        p = rill_oer_put_varuint(p, frame->value);
    if (fields & HAS_TOTAL)
        p = rill_oer_put_varuint(p, frame->total);
    w->at[0] = frame->type;
    w->at[1] = (uint8_t)(p - w->at - 2);
    w->at = p;
    return true;
}

void rill_frame_write(rill_writer *w, const rill_frame *frame)
{
    unsigned fields = fields_of(frame->type);

    if (fields == 0) {
        w->failed = true;
        return;
    }
    size_t size = rill_writer_len(w) + rill_frame_size(frame);
    rill_write_u8(w, frame->type);
    rill_oer_write_length(w, body_size(fields, frame));
    if (fields & HAS_STREAM)
        rill_oer_write_varuint(w, frame->stream);
    if (fields & HAS_CODE)
        rill_write_u8(w, frame->code);
    if (fields & HAS_VALUE)
        rill_oer_write_varuint(w, frame->value);
    if (fields & HAS_TOTAL)
        rill_oer_write_varuint(w, frame->total);
    if (fields & HAS_TEXT)
        rill_oer_write_octets(w, frame->text);
    if (fields & HAS_CODE_LAST)
        rill_write_u8(w, frame->code);
    assert(w->failed || rill_writer_len(w) == size); /* who asked for room has been told so much */
    (void)size;
}
