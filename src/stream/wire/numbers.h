/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the number of a packet says of whom it is from, and what may stand
 * behind the frames of a packet (docs/protocol.md, "Sequence numbers").
 *
 *   below 2^30         peers that count: from 0 or 1 on
 *   2^30 to 2^31       a Rill client that has not heard of the server yet, or whose
 *                      server is not Rill: counted on from a place that its life gives
 *   2^61 to 2^62       a Rill client of a Rill server: the server's mark, and a count
 *   2^62 on            a server's own: its mark and a count, or for others from its clock
 *
 * RFC 29 section 5.2: what follows the frames of a packet is ignored. There a
 * Rill client says which of its lives begins the connection, and a Rill server
 * by which mark it knows the connection.
 */
#ifndef RILL_STREAM_NUMBERS_H
#define RILL_STREAM_NUMBERS_H

#include <rill/types.h>

#define RILL_NUMBER_CLIENT (UINT64_C(1) << 30)
/* Peers that count, and those that only think so of us, take no number from here on. */
#define RILL_NUMBER_LIMIT  (UINT64_C(1) << 31)
#define RILL_NUMBER_CLOCK  (UINT64_C(1) << 40) /* nobody counts so far */
#define RILL_NUMBER_MARKED (UINT64_C(1) << 61)
#define RILL_NUMBER_SERVER (UINT64_C(1) << 62)
/* A server's numbers start from the clock: so many binary digits below its milliseconds. */
#define RILL_NUMBER_CLOCK_SHIFT 20
/* RFC 29 section 5.1.3: for one key. */
#define RILL_MAX_PACKETS (UINT64_C(1) << 31)

#define RILL_MARK_BITS 29

/*
 * A life of a client, by when it began: the wall clock's milliseconds times 2^20, and below that
 * the microseconds of that millisecond times 2^10, with ten random binary digits; or twenty random
 * ones, where no more than the milliseconds are known. Never 0.
 */
uint64_t rill_life_at(uint64_t wall_ns, uint32_t random);
uint64_t rill_life_of(uint64_t wall_ms, uint32_t random);
/* Of two lives the later one. who: of each client another number, for those of one moment. */
static inline bool rill_life_is_later(uint64_t life, uint32_t who, uint64_t than, uint32_t than_who)
{
    return life != than ? life > than : who > than_who;
}
/* The first number of that life: of two lives hardly ever the same. */
uint64_t rill_life_first_number(uint64_t life);

static inline uint64_t rill_number_marked(uint32_t mark, uint64_t count)
{
    return RILL_NUMBER_MARKED | (uint64_t)mark << 32 | count;
}

/* Above the count of a marked number. */
static inline uint32_t rill_number_prefix(uint32_t mark)
{
    return (uint32_t)(rill_number_marked(mark, 0) >> 32);
}

/* Of a number of either side that has one. */
static inline uint32_t rill_number_mark(uint64_t number)
{
    return (uint32_t)(number >> 32) % (UINT32_C(1) << RILL_MARK_BITS);
}

static inline bool rill_number_is_marked(uint64_t number)
{
    return number >= RILL_NUMBER_MARKED && number < RILL_NUMBER_SERVER;
}

/* A client's packet that came back to it: both sides encrypt with one key. */
static inline bool rill_number_is_of_client(uint64_t number)
{
    return (number >= RILL_NUMBER_CLIENT && number < RILL_NUMBER_LIMIT) ||
           (number >= RILL_NUMBER_CLOCK && number < RILL_NUMBER_SERVER);
}

typedef enum rill_trailer_kind {
    RILL_TRAILER_NONE = 0,
    RILL_TRAILER_LIFE = 'L',      /* Prepare of a client: value is its life */
    RILL_TRAILER_MARK = 'M',      /* reply to such a packet: value is the connection's mark */
    RILL_TRAILER_FORGOTTEN = 'F', /* reply: nothing is known of this connection (any more) */
    RILL_TRAILER_REPLACED = 'R'   /* reply: another life has begun since */
} rill_trailer_kind;

#define RILL_TRAILER_SIZE 13
/* Follows a mark where an earlier connection was ended for this one. Padding is zeros. */
#define RILL_TRAILER_ENDED 'E'

/* To at[RILL_TRAILER_SIZE]; its length. */
size_t rill_trailer_write(uint8_t *at, rill_trailer_kind kind, uint64_t value);
/* From what follows a packet's frames; NONE: padding, or somebody else's. */
rill_trailer_kind rill_trailer_read(rill_bytes after, uint64_t *value);

/* A life, and whose it is: that follows it, and earlier versions do not tell it (0). */
#define RILL_LIFE_SIZE (RILL_TRAILER_SIZE + 4)
/* To at[RILL_LIFE_SIZE]; its length. */
size_t rill_life_write(uint8_t *at, uint64_t life, uint32_t who);
/* From what follows a packet's frames. False: it says no life, and nothing is set. */
bool rill_life_read(rill_bytes after, uint64_t *life, uint32_t *who);

/* Of what begins with a mark: RILL_TRAILER_ENDED follows. */
bool rill_trailer_ended(rill_bytes after);

#endif
