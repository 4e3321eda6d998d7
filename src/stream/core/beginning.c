/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/beginning.h"

#include <assert.h>

/*
 * So many packets may a peer lose that counts, and tells no address, before its
 * first one arrives. The reference, interledger-rs and Quilt tell an address
 * until they have been answered; Rafiki's sender does not.
 */
#define FEW 1024u

#define HAS(packet, frame) (((packet)->types & RILL_FRAME_BIT(RILL_FRAME_##frame)) != 0)

bool rill_continues_bytes(const rill_stream_packet *packet)
{
    rill_frame_walk walk;
    rill_frames_begin(&walk, packet);
    if (!HAS(packet, STREAM_DATA))
        return false;
    for (const rill_frame *frame; (frame = rill_frame_walk_next(&walk)) != NULL;)
        if (frame->type == RILL_FRAME_STREAM_DATA && frame->value > 0)
            return true;
    return false;
}

static bool brings_nothing(const rill_stream_packet *packet)
{
    return !HAS(packet, STREAM_DATA) && !HAS(packet, STREAM_MONEY);
}

/* Only the close is in it: nobody who begins would say that. */
static bool takes_leave(const rill_stream_packet *packet)
{
    return HAS(packet, CONNECTION_CLOSE) && brings_nothing(packet);
}

/* Of the connection that is over, after all that was seen of it; its sender was not told. */
static rill_beginning judge_late(const rill_past *past)
{
    if (past->replaced)
        return RILL_REPLACED;
    return past->well ? RILL_ENDS : RILL_FORGOTTEN;
}

/* The first packets of a Rill client, which say so. */
static rill_beginning judge_life(const rill_stream_packet *packet, uint64_t life, uint32_t who,
                                 const rill_past *past)
{
    if (!past || rill_life_is_later(life, who, past->life, past->who))
        return takes_leave(packet) ? RILL_ENDS : RILL_BEGINS;
    if (rill_life_is_later(past->life, past->who, life, who))
        return RILL_REPLACED;
    uint64_t count = packet->sequence - rill_life_first_number(life);
    return past->any && count <= past->highest ? RILL_REPLAYED : judge_late(past);
}

static rill_beginning judge_marked(const rill_stream_packet *packet, const rill_past *past)
{
    uint64_t number = packet->sequence;
    bool same = past && past->marked && number >> 32 == rill_number_prefix(past->mark);
    if (same && past->any && (uint32_t)number <= past->highest)
        return RILL_REPLAYED;
    if (takes_leave(packet))
        return RILL_ENDS;
    return same ? judge_late(past) : RILL_FORGOTTEN;
}

/*
 * A peer that counts, and was here a moment ago: its numbers may be used again
 * once nobody has packets of before any more.
 */
static rill_beginning judge_counted_again(const rill_stream_packet *packet, const rill_past *past)
{
    if (past->any && packet->sequence <= past->highest)
        return RILL_REPLAYED;
    /* Of bytes and money it must not think that they came. */
    bool over = takes_leave(packet) || (past->well && brings_nothing(packet));
    return over ? RILL_ENDS : RILL_FORGOTTEN;
}

static rill_beginning judge_counted(const rill_stream_packet *packet)
{
    bool middle = rill_continues_bytes(packet);
    if (HAS(packet, CONNECTION_NEW_ADDRESS)) /* nobody has answered it */
        return middle ? RILL_BEGINS_LATER : RILL_BEGINS;
    if (takes_leave(packet))
        return RILL_ENDS;
    if (middle || packet->sequence >= FEW)
        return RILL_FORGOTTEN;
    return packet->sequence <= 1 ? RILL_BEGINS : RILL_BEGINS_UNSURE;
}

bool rill_is_of_another(const rill_stream_packet *packet, const rill_past *past)
{
    uint64_t number = packet->sequence;
    bool former = past && past->marked && number >> 32 == rill_number_prefix(past->mark);
    return rill_number_is_marked(number) && !former;
}

rill_beginning rill_judge_beginning(const rill_stream_packet *packet, const rill_past *past)
{
    uint64_t life;
    uint32_t who;
    assert(packet->sequence < RILL_NUMBER_SERVER); /* whose own that is has been refused before */
    if (rill_life_read(packet->after, &life, &who))
        return judge_life(packet, life, who, past);
    if (rill_number_is_marked(packet->sequence))
        return judge_marked(packet, past);
    return past ? judge_counted_again(packet, past) : judge_counted(packet);
}
