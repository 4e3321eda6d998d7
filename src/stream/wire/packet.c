/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/wire/packet.h"

#include <assert.h>
#include <rill/error.h>

#include "ilp/oer.h"

/* Type byte and an empty body: no frame is shorter. */
#define MIN_FRAME_SIZE 2
/* Version, type, two numbers, and the count of frames. */
#define MOST_HEADER (1 + 1 + 9 + 9 + 2)

static int read_header(rill_stream_packet *out, rill_reader *r)
{
    uint8_t version;

    if (!rill_read_u8(r, &version))
        return RILL_ERR_TRUNCATED;
    if (version != RILL_STREAM_VERSION)
        return RILL_ERR_UNSUPPORTED;
    if (!rill_read_u8(r, &out->type))
        return RILL_ERR_TRUNCATED;
    int rc = rill_oer_read_varuint(r, &out->sequence);
    if (rc == RILL_OK)
        rc = rill_oer_read_varuint(r, &out->amount);
    return rc;
}

int rill_stream_packet_decode(rill_stream_packet *out, const uint8_t *plaintext, size_t len,
                              bool *header_ok)
{
    rill_reader r = rill_reader_of(plaintext, len);

    out->type = 0;
    out->frame_count = 0;
    out->types = 0;
    out->after = (rill_bytes){NULL, 0};
    *header_ok = false;
    int rc = read_header(out, &r);
    if (rc != RILL_OK)
        return rc;
    *header_ok = true;
    uint64_t count;
    rc = rill_oer_read_varuint(&r, &count);
    if (rc != RILL_OK)
        return rc;
    /* Nobody's count makes us loop for longer than its packet is. */
    if (count > rill_reader_left(&r) / MIN_FRAME_SIZE)
        return RILL_ERR_TRUNCATED;
    out->frames = r;
    for (uint64_t i = 0; i < count; i++) {
        rill_frame passed;
        rill_frame *frame = i < RILL_PACKET_KEPT_FRAMES ? &out->kept[i] : &passed;
        if (i == RILL_PACKET_KEPT_FRAMES)
            out->rest = r;
        rc = rill_frame_read_from(plaintext, &r, frame);
        if (rc != RILL_OK)
            return rc;
        out->types |= RILL_FRAME_BIT(frame->type);
    }
    out->frame_count = count;
    out->after = (rill_bytes){r.at, rill_reader_left(&r)};
    return RILL_OK;
}

const rill_frame *rill_frame_walk_rest(rill_frame_walk *w)
{
    if (w->index == RILL_PACKET_KEPT_FRAMES)
        w->rest = w->packet->rest;
    w->index++;
    /* Cannot fail in a packet that was decoded. */
    return rill_frame_read(&w->rest, &w->spare) == RILL_OK ? &w->spare : NULL;
}

bool rill_stream_packet_next(rill_reader *frames, uint64_t *left, rill_frame *out)
{
    if (*left == 0)
        return false;
    *left -= 1;
    /* Cannot fail in a packet that was decoded; ends the walk where it was not. */
    return rill_frame_read(frames, out) == RILL_OK;
}

/* Where a header may be too long for the room. */
static uint8_t *write_header(rill_writer *w, uint8_t type, uint64_t sequence, uint64_t amount)
{
    rill_write_u8(w, RILL_STREAM_VERSION);
    rill_write_u8(w, type);
    rill_oer_write_varuint(w, sequence);
    rill_oer_write_varuint(w, amount);
    rill_oer_write_length(w, 1);
    return rill_write_reserve(w, 1);
}

/* Where there is room for the longest. */
static uint8_t *put_header(rill_writer *w, uint8_t type, uint64_t sequence, uint64_t amount)
{
    w->at[0] = RILL_STREAM_VERSION;
    w->at[1] = type;
    uint8_t *at = rill_oer_put_varuint(w->at + 2, sequence);
    at = rill_oer_put_varuint(at, amount);
    at[0] = 1;
    w->at = at + 2;
    return at + 1;
}

void rill_packet_begin(rill_packet_writer *p, uint8_t *plaintext, size_t cap, uint8_t type,
                       uint64_t sequence, uint64_t amount)
{
    p->w = rill_writer_of(plaintext, cap);
    p->count = 0;
    /* The frame count is a VarUInt of one byte, filled in at the end. */
    p->count_at = RILL_LIKELY(cap >= MOST_HEADER) ? put_header(&p->w, type, sequence, amount)
                                                  : write_header(&p->w, type, sequence, amount);
}

bool rill_packet_add(rill_packet_writer *p, const rill_frame *frame)
{
    if (p->count < RILL_PACKET_MAX_FRAMES && rill_frame_write_short(&p->w, frame)) {
        p->count += 1;
        return true;
    }
    size_t size = rill_frame_size(frame);

    if (size == 0 || p->count == RILL_PACKET_MAX_FRAMES || size > rill_packet_left(p))
        return false;
    rill_frame_write(&p->w, frame);
    p->count += 1;
    return true;
}

void rill_packet_put(rill_packet_writer *p, const rill_frame *frame)
{
    bool added = rill_packet_add(p, frame);
    assert(added); /* a packet is much larger than the frames that are put first */
    (void)added;
}

uint8_t *rill_packet_add_data(rill_packet_writer *p, uint64_t stream, uint64_t offset, size_t len)
{
    size_t body = rill_oer_varuint_size(stream) + rill_oer_varuint_size(offset) +
                  rill_oer_length_size(len) + len;

    if (p->count == RILL_PACKET_MAX_FRAMES ||
        1 + rill_oer_length_size(body) + body > rill_packet_left(p))
        return NULL;
    if (RILL_LIKELY(len > 7)) { /* what numbers are written with is overwritten by the bytes */
        uint8_t *at = p->w.at;
        *at++ = RILL_FRAME_STREAM_DATA;
        at = rill_oer_put_length(at, body);
        at = rill_oer_put_varuint(at, stream);
        at = rill_oer_put_varuint(at, offset);
        at = rill_oer_put_length(at, len);
        p->w.at = at + len;
        p->count += 1;
        return at;
    }
    rill_write_u8(&p->w, RILL_FRAME_STREAM_DATA);
    rill_oer_write_length(&p->w, body);
    rill_oer_write_varuint(&p->w, stream);
    rill_oer_write_varuint(&p->w, offset);
    rill_oer_write_length(&p->w, len);
    p->count += 1;
    return rill_write_reserve(&p->w, len);
}

size_t rill_packet_left(const rill_packet_writer *p)
{
    return p->w.failed ? 0 : rill_writer_left(&p->w);
}

size_t rill_packet_end(rill_packet_writer *p)
{
    if (p->w.failed || p->count_at == NULL)
        return 0;
    *p->count_at = (uint8_t)p->count;
    return rill_writer_len(&p->w);
}
