/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/numbering.h"

#include <assert.h>

#include "base/muldiv.h"
#include "stream/core/beginning.h"
#include "stream/core/contact.h"

/* From its sending to its expiry, of everybody's packets. */
#define USUAL_LIFETIME_MS 30000

void rill_numbering_init_server(rill_numbering *n, uint64_t wall_ms, uint32_t random)
{
    *n = (rill_numbering){.server = true,
                          .mark = random % (UINT32_C(1) << RILL_MARK_BITS),
                          .next = wall_ms << RILL_NUMBER_CLOCK_SHIFT | RILL_NUMBER_SERVER};
    rill_sequence_window_init(&n->seen);
}

void rill_numbering_init_client(rill_numbering *n, uint64_t life, uint32_t random,
                                uint64_t *last_life)
{
    *n = (rill_numbering){
        .opening = true, .mark = random % (UINT32_C(1) << RILL_MARK_BITS), .life = life};
    /* Where it is in the same moment, or the clock was set back. */
    if (n->life <= *last_life)
        n->life = *last_life + 1;
    *last_life = n->life;
    n->next = rill_life_first_number(n->life);
    rill_sequence_window_init(&n->seen);
}

void rill_numbering_clear(rill_numbering *n, const rill_allocator *a)
{
    rill_sequence_window_clear(&n->seen, a);
}

void rill_numbering_go_on(rill_numbering *n, const rill_past *past)
{
    n->given = past->numbered;
    n->taken_before = past->received;
}

void rill_numbering_set_mark(rill_numbering *n, uint32_t mark)
{
    /* Both go into the upper half of a number, and must not reach into what says whose it is. */
    assert(mark >> RILL_MARK_BITS == 0);
    uint64_t count = n->server ? 0 : n->next - rill_life_first_number(n->life);
    uint64_t ours = n->server ? RILL_NUMBER_SERVER : RILL_NUMBER_MARKED;
    uint64_t theirs = n->server ? RILL_NUMBER_MARKED : RILL_NUMBER_SERVER;
    n->opening = false;
    n->marked = true;
    n->mark = mark;
    n->their_prefix = (uint32_t)((theirs | (uint64_t)mark << 32) >> 32);
    assert(count >> 32 == 0);
    n->next = ours | (uint64_t)mark << 32 | count;
}

bool rill_numbering_hear(rill_numbering *n, rill_bytes after, bool *ended_another)
{
    uint64_t value = 0;
    rill_trailer_kind kind = rill_trailer_read(after, &value);
    if (kind != RILL_TRAILER_MARK || value >> RILL_MARK_BITS != 0) {
        n->opening = false;
        return true;
    }
    if (n->opening)
        rill_numbering_set_mark(n, (uint32_t)value);
    if (n->marked && n->mark != value)
        return false;
    if (rill_trailer_ended(after))
        *ended_another = true;
    return true;
}

bool rill_numbering_is_exhausted(const rill_numbering *n, uint64_t received)
{
    /* A server that is not Rill knows the count of packets by their numbers. */
    bool last = n->next >= RILL_NUMBER_LIMIT - 1 && n->next < RILL_NUMBER_CLOCK;
    return n->given >= RILL_MAX_PACKETS - 1 || received + n->taken_before >= RILL_MAX_PACKETS - 1 ||
           last;
}

/* At a server. */
static rill_place place_at_server(const rill_numbering *n, const rill_past *past,
                                  const rill_stream_packet *packet, uint64_t *number)
{
    uint64_t life;
    uint32_t who;
    if (packet->sequence >= RILL_NUMBER_SERVER)
        return RILL_PLACE_REFLECTED;
    bool says_life = rill_life_read(packet->after, &life, &who);
    if (says_life) {
        *number = packet->sequence - rill_life_first_number(life);
        if (n->marked && life == n->life && who == n->who && *number < RILL_NUMBER_CLIENT)
            return RILL_PLACE_HERE;
        if (rill_life_is_later(life, who, n->life, n->who))
            return RILL_PLACE_ANEW;
    } else if (!n->marked && !rill_number_is_marked(packet->sequence)) {
        return RILL_PLACE_HERE;
    }
    if (rill_judge_beginning(packet, past) == RILL_REPLAYED)
        return RILL_PLACE_REPLAYED;
    if (says_life)
        return RILL_PLACE_REPLACED;
    bool former = past->marked && packet->sequence >> 32 == rill_number_prefix(past->mark);
    bool replaced = former && rill_life_is_later(n->life, n->who, past->life, past->who);
    return replaced ? RILL_PLACE_REPLACED : RILL_PLACE_FORGOTTEN;
}

/* At a client: a packet of the server may come before any reply does, and bring its mark. */
static rill_place place_at_client(rill_numbering *n, const rill_stream_packet *packet,
                                  uint64_t *number)
{
    if (rill_number_is_of_client(packet->sequence))
        return RILL_PLACE_REFLECTED;
    if (packet->sequence >= RILL_NUMBER_SERVER && n->opening) {
        rill_numbering_set_mark(n, rill_number_mark(packet->sequence));
        *number = (uint32_t)packet->sequence;
        return RILL_PLACE_HERE;
    }
    return n->marked ? RILL_PLACE_FORGOTTEN : RILL_PLACE_HERE;
}

rill_place rill_numbering_place(rill_numbering *n, const rill_past *past,
                                const rill_stream_packet *packet, uint64_t *number)
{
    *number = packet->sequence;
    if (n->marked && packet->sequence >> 32 == n->their_prefix) {
        *number = (uint32_t)packet->sequence;
        return RILL_PLACE_HERE;
    }
    return n->server ? place_at_server(n, past, packet, number)
                     : place_at_client(n, packet, number);
}

/*
 * Whoever carries a packet can write an earlier expiry than its sender did, and send it once more
 * as it was: so it may come again, and not before what is usual.
 */
void rill_numbering_note_expiry(rill_numbering *n, uint64_t wall_ms, uint64_t expires_at)
{
    uint64_t until = rill_add_sat(wall_ms, USUAL_LIFETIME_MS);
    if (expires_at > until)
        until = expires_at;
    if (until > n->max_expires_at)
        n->max_expires_at = until;
}
