/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of a connection's packets: those that we give, and those that we have seen. */
#ifndef RILL_STREAM_NUMBERING_H
#define RILL_STREAM_NUMBERING_H

#include <assert.h>

#include "stream/core/beginning.h"
#include "stream/wire/numbers.h"
#include "stream/wire/packet.h"
#include "stream/wire/sequence_window.h"

typedef struct rill_numbering {
    uint64_t next;             /* number of our next packet */
    uint64_t given;            /* under this key: by those before it with these credentials too */
    uint64_t taken_before;     /* packets received under this key: by those before it */
    uint64_t life;             /* the client's, which began it; at a server the latest there was */
    uint32_t who;              /* of that life (numbers.h) */
    uint32_t mark;             /* valid where marked, as the next */
    uint32_t their_prefix;     /* of the other side's numbers: above the count */
    bool server;               /* these are a server's numbers */
    bool marked;               /* the other side is Rill: the client's numbers have the mark */
    bool opening;              /* a client: no STREAM packet of the server has come yet */
    rill_sequence_window seen; /* numbers; of a marked client its counts */
    uint64_t max_expires_at;   /* latest expiry of a packet that was received, wall ms */
} rill_numbering;

/* A server's connection has its mark ready for when a life begins it. */
void rill_numbering_init_server(rill_numbering *n, uint64_t wall_ms, uint32_t random);
/* last_life: of the endpoint's clients; a new one is later than all of them. */
void rill_numbering_init_client(rill_numbering *n, uint64_t life, uint32_t random,
                                uint64_t *last_life);
void rill_numbering_clear(rill_numbering *n, const rill_allocator *a);
/* A server's, whose key others had before it: they have used up some of its packets. */
void rill_numbering_go_on(rill_numbering *n, const rill_past *past);

/* Whose life it is: a client's own, which is random. */
static inline void rill_numbering_set_who(rill_numbering *n, uint32_t who)
{
    n->who = who;
}
/* A server: the latest life that there was under this key. */
static inline void rill_numbering_set_life(rill_numbering *n, uint64_t life, uint32_t who)
{
    n->life = life;
    n->who = who;
}
/* Both sides are Rill, and number with this mark from now on. */
void rill_numbering_set_mark(rill_numbering *n, uint32_t mark);
/*
 * A client: what stands behind the frames of the server's answer to a first packet. It decides how
 * we go on numbering: with its mark, where it is Rill, and else as everybody does. *ended_another:
 * set where an earlier connection was ended for this one. False: some of our first packets went to
 * one server and some to another, or to one that was started again between them; neither got all.
 */
RILL_MUST_CHECK bool rill_numbering_hear(rill_numbering *n, rill_bytes after, bool *ended_another);

/*
 * Bytes that come twice do no harm: to Rill itself. The reference's streams stall for good by them,
 * so bytes whose reply is merely late are sent again only to Rill.
 */
static inline bool rill_numbering_takes_duplicates(const rill_numbering *n)
{
    return n->marked;
}

/* Packets under this key: no more may be sent, or were received (RFC 29 section 5.1.3). */
bool rill_numbering_is_exhausted(const rill_numbering *n, uint64_t received);
/* The same; most are far from it. received: since it began. */
static inline bool rill_numbering_exhausted(const rill_numbering *n, uint64_t received)
{
    uint64_t any = n->given | received | n->taken_before;
    if (any < RILL_MAX_PACKETS / 4 && (n->next + 1) >> 31 != 1)
        return false;
    return rill_numbering_is_exhausted(n, received);
}
/* Not even the packet is left that is kept for our close. */
static inline bool rill_numbering_is_used_up(const rill_numbering *n)
{
    bool counted = n->next >= RILL_NUMBER_LIMIT && n->next < RILL_NUMBER_CLOCK;
    return n->given >= RILL_MAX_PACKETS || counted;
}
/* A packet has left with the next number. */
static inline void rill_numbering_give(rill_numbering *n)
{
    assert(!rill_numbering_is_used_up(n)); /* whoever sends has asked, also where it is the close */
    n->next++;
    n->given++;
}

/* Whose packet is it, by its number? */
typedef enum rill_place {
    RILL_PLACE_HERE,
    RILL_PLACE_REFLECTED, /* it is our own, come back: both sides encrypt with one key */
    RILL_PLACE_REPLAYED,  /* it came when there was the connection before this one */
    RILL_PLACE_ANEW,      /* a client that was killed, say, and begins again */
    RILL_PLACE_FORGOTTEN, /* of a connection that is not this one */
    RILL_PLACE_REPLACED   /* of a client that began before this one's did */
} rill_place;
/*
 * past: of a server, what was before it. *number: where it is HERE, its place in the window. A
 * client whose server says its mark before any reply has come goes on with that mark.
 */
rill_place rill_numbering_place(rill_numbering *n, const rill_past *past,
                                const rill_stream_packet *packet, uint64_t *number);
/*
 * Notes that this number was seen. RILL_ERR_NOMEM; RILL_ERR_EXISTS: it was before, or is too far
 * behind to know.
 */
RILL_MUST_CHECK static inline int rill_numbering_take(rill_numbering *n, const rill_allocator *a,
                                                      uint64_t number)
{
    return rill_sequence_window_mark(&n->seen, a, number);
}
/* Notes until when a packet that has come may come again. */
void rill_numbering_note_expiry(rill_numbering *n, uint64_t wall_ms, uint64_t expires_at);

#endif
