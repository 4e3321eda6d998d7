/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/wire/numbers.h"

#include <assert.h>
#include <string.h>

#include "base/cursor.h"

/* Nobody's padding, which is zeros. */
static const uint8_t magic[4] = {'r', 'i', 'l', 'l'};

#define LIFE_RANDOM_BITS  20 /* below the milliseconds */
#define LIFE_FINE_BITS    10 /* below the microseconds, of which a millisecond has fewer than 2^10 */
#define FIRST_NUMBER_BITS 29

_Static_assert(RILL_TRAILER_SIZE == sizeof magic + 1 + sizeof(uint64_t), "magic, kind and value");
_Static_assert(2 * LIFE_FINE_BITS == LIFE_RANDOM_BITS && RILL_MS / 1000 <= 1 << LIFE_FINE_BITS,
               "microseconds and random digits are as many as random digits alone");
/* Half of the client's numbers are left to count on with, wherever it begins. */
_Static_assert(RILL_NUMBER_CLIENT + (UINT64_C(1) << FIRST_NUMBER_BITS) <=
                   RILL_NUMBER_LIMIT - (UINT64_C(1) << FIRST_NUMBER_BITS),
               "a client's first number is one of a client");
_Static_assert(RILL_NUMBER_MARKED == UINT64_C(1) << (32 + RILL_MARK_BITS) &&
                   RILL_NUMBER_SERVER == 2 * RILL_NUMBER_MARKED,
               "a mark lies between the count and what says whose number it is");

uint64_t rill_life_of(uint64_t wall_ms, uint32_t random)
{
    uint64_t life = wall_ms << LIFE_RANDOM_BITS | random % (UINT32_C(1) << LIFE_RANDOM_BITS);
    return life != 0 ? life : 1;
}

uint64_t rill_life_at(uint64_t wall_ns, uint32_t random)
{
    uint32_t us = (uint32_t)(wall_ns % RILL_MS / 1000);
    return rill_life_of(wall_ns / RILL_MS,
                        us << LIFE_FINE_BITS | random % (UINT32_C(1) << LIFE_FINE_BITS));
}

uint64_t rill_life_first_number(uint64_t life)
{
    /* Spread evenly, also those of lives that follow each other. */
    uint64_t place = life * UINT64_C(0x9e3779b97f4a7c15) >> (64 - FIRST_NUMBER_BITS);
    return RILL_NUMBER_CLIENT | place;
}

size_t rill_trailer_write(uint8_t *at, rill_trailer_kind kind, uint64_t value)
{
    assert(kind != RILL_TRAILER_NONE); /* which is what the reader finds where there is none */
    memcpy(at, magic, sizeof magic);
    at[sizeof magic] = (uint8_t)kind;
    rill_store_u64(at + sizeof magic + 1, value);
    return RILL_TRAILER_SIZE;
}

rill_trailer_kind rill_trailer_read(rill_bytes after, uint64_t *value)
{
    if (after.len < RILL_TRAILER_SIZE || memcmp(after.data, magic, sizeof magic) != 0)
        return RILL_TRAILER_NONE;
    *value = rill_load_u64(after.data + sizeof magic + 1);
    switch (after.data[sizeof magic]) {
    case RILL_TRAILER_LIFE:
    case RILL_TRAILER_MARK:
    case RILL_TRAILER_FORGOTTEN:
    case RILL_TRAILER_REPLACED:
        return (rill_trailer_kind)after.data[sizeof magic];
    default:
        return RILL_TRAILER_NONE;
    }
}

bool rill_trailer_ended(rill_bytes after)
{
    return after.len > RILL_TRAILER_SIZE && after.data[RILL_TRAILER_SIZE] == RILL_TRAILER_ENDED;
}

size_t rill_life_write(uint8_t *at, uint64_t life, uint32_t who)
{
    size_t len = rill_trailer_write(at, RILL_TRAILER_LIFE, life);
    rill_store_u32(at + len, who);
    return len + sizeof who;
}

bool rill_life_read(rill_bytes after, uint64_t *life, uint32_t *who)
{
    uint64_t value;
    if (rill_trailer_read(after, &value) != RILL_TRAILER_LIFE)
        return false;
    *life = value;
    *who = after.len >= RILL_LIFE_SIZE ? rill_load_u32(after.data + RILL_TRAILER_SIZE) : 0;
    return true;
}
