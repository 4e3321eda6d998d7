/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets as they pass, for people who watch. There may be far more than anybody can read, so each
 * who watches is shown a sample, spread evenly over all that passes, and is told how many there
 * were. Nothing that is called for a packet waits or allocates. It knows no connections and has no
 * clock. While nobody watches there is none of this (rill_core_watch_packets).
 *
 * Where a packet goes, and what others said about it, is not shown: only the log of packets has
 * that, as far as its configuration wants it.
 */
#ifndef RILL_CONNECTOR_PACKET_LIVE_H
#define RILL_CONNECTOR_PACKET_LIVE_H

#include <rill/ilp.h>
#include <rill/types.h>

#include "connector/packet_line.h"
#include "store/store.h"

/* More may not watch. */
#define RILL_LIVE_WATCHES 8
/* New packets that each of them is shown between two looks, at most: 100 in a second. */
#define RILL_LIVE_SHOWN 20
/* Packets that are remembered for all of them: the newest. */
#define RILL_LIVE_KEPT 512
/* How often each is told how many packets passed. */
#define RILL_LIVE_EVERY RILL_SECOND

typedef enum rill_live_outcome {
    RILL_LIVE_ALL,
    RILL_LIVE_OPEN, /* under way when somebody looks, and so for longer than most */
    RILL_LIVE_FULFILLED,
    RILL_LIVE_REJECTED, /* with any code */
    RILL_LIVE_EXPIRED,  /* nobody answered in time */
    RILL_LIVE_CODE,     /* rejected with this one */
} rill_live_outcome;

/* Which packets somebody wants to see. */
typedef struct rill_live_filter {
    char account[RILL_STORE_NAME_MAX + 1]; /* from it, or to it; empty: all */
    rill_live_outcome outcome;
    char code[4];
} rill_live_filter;

/* "open", "fulfilled", "rejected", "expired", or a code. False: it is none of these. */
RILL_MUST_CHECK bool rill_live_parse_outcome(const char *text, rill_live_filter *out);

typedef struct rill_live rill_live;

/* RILL_ERR_NOMEM. */
RILL_MUST_CHECK int rill_live_new(rill_live **out, const rill_allocator *allocator);
/* NULL is allowed. */
void rill_live_free(rill_live *l);

/* One more watches, from now on: *watch is its number. RILL_ERR_LIMIT. */
RILL_MUST_CHECK int rill_live_watch(rill_live *l, const rill_live_filter *filter, rill_now now,
                                    unsigned *watch);
void rill_live_leave(rill_live *l, unsigned watch);
bool rill_live_is_idle(const rill_live *l);

/* ---- on a packet's way ---- */

typedef struct rill_live_packet {
    const char *from;
    const char *to;           /* NULL: it was never sent */
    const uint8_t *condition; /* NULL: not known */
    uint64_t in;              /* units that it was to take from the source */
    uint64_t out;             /* units that it was to bring */
    uint64_t begun_ns;        /* when it came: monotonic */
    /* Of one that is over. */
    const rill_ilp_code *code; /* NULL: it was fulfilled */
    bool by_node;              /* rejected by this node, and not by the neighbour */
} rill_live_packet;

/* Numbers that rill_live_sent gives are at most this. */
#define RILL_LIVE_NUMBER_MAX (RILL_LIVE_KEPT + 1)

/* A packet goes on. A number for rill_live_over, which is told of all of them; never 0. */
uint32_t rill_live_sent(rill_live *l, const rill_live_packet *p, rill_now now);
/* It is over. A number from before all of this began is known as such, and ignored. */
void rill_live_over(rill_live *l, uint32_t number, const rill_live_packet *p, rill_now now);
/* One that was never sent. */
void rill_live_refused(rill_live *l, const rill_live_packet *p, rill_now now);
/* Nobody will be told how those end that are under way. */
void rill_live_forget(rill_live *l);

/* ---- looking ---- */

/* The time between two of these is that of RILL_LIVE_SHOWN. */
void rill_live_look(rill_live *l, rill_now now);

typedef struct rill_live_event {
    const char *name; /* "packet" or "count" */
    const char *data; /* JSON in one line; good until the next call */
} rill_live_event;

/* What there is to tell, the oldest packets first. False: nothing any more, until the next look. */
RILL_MUST_CHECK bool rill_live_next(rill_live *l, unsigned watch, rill_live_event *out);

#endif
