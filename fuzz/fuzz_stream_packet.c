/* SPDX-License-Identifier: Apache-2.0 */
/* STREAM packets. What was decoded must encode to bytes that decode to the same. */
#include <rill/error.h>

#include "fuzz.h"
#include "stream/wire/packet.h"

static void check_same(const rill_frame *p, const rill_frame *q)
{
    CHECK(p->type == q->type && p->code == q->code && p->stream == q->stream);
    CHECK(p->value == q->value && p->total == q->total);
    CHECK(same_bytes(p->text, q->text));
}

/* Data takes the scheduler's way, which writes the bytes itself. */
static bool add(rill_packet_writer *w, const rill_frame *frame)
{
    if (frame->type != RILL_FRAME_STREAM_DATA)
        return rill_packet_add(w, frame);
    uint8_t *at = rill_packet_add_data(w, frame->stream, frame->value, frame->text.len);
    if (at != NULL && frame->text.len != 0)
        memcpy(at, frame->text.data, frame->text.len);
    return at != NULL;
}

/* The frames that were kept, and those that are read again, must be all frames in order. */
static void check_walk(const rill_stream_packet *p)
{
    rill_frame_walk walk;
    rill_frames_begin(&walk, p);
    rill_reader frames = p->frames;
    uint64_t left = p->frame_count;
    rill_frame frame;
    const rill_frame *same;
    while (rill_stream_packet_next(&frames, &left, &frame)) {
        CHECK((same = rill_frame_walk_next(&walk)) != NULL);
        check_same(same, &frame);
    }
    CHECK(rill_frame_walk_next(&walk) == NULL);
}

/* Reads known frames, as many as one of our packets holds. Returns how many. */
static unsigned encode(const rill_stream_packet *p, uint8_t *buf, size_t cap, size_t *len)
{
    rill_packet_writer w;
    rill_reader frames = p->frames;
    uint64_t left = p->frame_count;
    unsigned written = 0;
    rill_frame frame;

    rill_packet_begin(&w, buf, cap, p->type, p->sequence, p->amount);
    while (written < RILL_PACKET_MAX_FRAMES && rill_stream_packet_next(&frames, &left, &frame)) {
        bool known = rill_frame_size(&frame) > 0;
        CHECK((known ? add : rill_packet_add)(&w, &frame) == known);
        written += known;
    }
    *len = rill_packet_end(&w);
    CHECK(*len > 0);
    return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t encoded[RILL_PACKET_MAX_PLAINTEXT + 64];
    rill_stream_packet p, q;
    rill_frame from_p, from_q;
    bool header_ok;
    size_t len;

    if (size > RILL_PACKET_MAX_PLAINTEXT)
        return 0;
    if (rill_stream_packet_decode(&p, data, size, &header_ok) != RILL_OK)
        return 0;
    CHECK(header_ok);
    check_walk(&p);
    unsigned written = encode(&p, encoded, sizeof encoded, &len);
    CHECK(rill_stream_packet_decode(&q, encoded, len, &header_ok) == RILL_OK);
    CHECK(q.type == p.type && q.sequence == p.sequence && q.amount == p.amount);
    CHECK(q.frame_count == written);
    while (rill_stream_packet_next(&q.frames, &q.frame_count, &from_q)) {
        do
            CHECK(rill_stream_packet_next(&p.frames, &p.frame_count, &from_p));
        while (rill_frame_size(&from_p) == 0);
        check_same(&from_p, &from_q);
    }
    return 0;
}
