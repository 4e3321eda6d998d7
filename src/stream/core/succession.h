/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server's connections with the same credentials, one after another: what is left of one that is
 * over takes its place in the endpoint's table, until nothing that it saw can be replayed.
 */
#ifndef RILL_STREAM_SUCCESSION_H
#define RILL_STREAM_SUCCESSION_H

#include "stream/core/beginning.h"
#include <rill/endpoint.h>

typedef struct rill_succession {
    rill_past *past;            /* what was before, and what will be left; NULL: a client */
    rill_past *left;            /* what is left, where it has made way; while former is set */
    rill_connection *waits_for; /* the one before: its end is told before anything of this */
    rill_connection *holds;     /* the one that waits for this */
    bool unsure;                /* its first packet may have gone on with something forgotten */
    bool replaced;              /* another life of its client has begun */
} rill_succession;

/* past: what was before, from now on this connection's to free; NULL: somebody else's again. */
static inline void rill_succession_begin(rill_succession *s, rill_past *past)
{
    s->past = past;
}
/* Its first packet may have gone on with something forgotten, */
static inline void rill_succession_unsure(rill_succession *s)
{
    s->unsure = true;
}
/* and now it is known that it did not. */
static inline void rill_succession_sure(rill_succession *s)
{
    s->unsure = false;
}
/* Another life of its client has begun. open: it was in use until then. */
static inline void rill_succession_replace(rill_succession *s, bool open)
{
    s->replaced = true;
    s->past->was_open = open;
}
/* Whether the one before was in use until this one began. That is told once. */
RILL_MUST_CHECK static inline bool rill_succession_ends_another(rill_succession *s)
{
    bool open = s->past->was_open;
    s->past->was_open = false;
    return open;
}

/*
 * No packet is for c any more, though readers and replies may still keep it: what is left of it
 * takes its place in the table, so that another one can begin. Not where several wait already.
 */
void rill_succession_make_way(rill_connection *c, rill_now now);
/* c begins where another one has made way: its events come once that one's end has been fetched. */
void rill_succession_follow(rill_connection *c);
/*
 * The end of c has been fetched: what is left of it is kept, and the next one's turn comes. False:
 * nothing is left of it, and its entry in the table is still its own.
 */
RILL_MUST_CHECK bool rill_succession_leave(rill_connection *c, rill_now now);
/* All that it saw has expired; not where its connection is still there. */
void rill_succession_forget(rill_endpoint *e, rill_past *past, rill_now now);

#endif
