/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where packets are noted, for the log of packets: what is remembered of those that are under way,
 * and the thread that writes lines of those that are over. Nothing that is called for a packet
 * waits or allocates. A disk that is slow or full costs lines, and never a packet.
 */
#ifndef RILL_CONNECTOR_PACKET_DESK_H
#define RILL_CONNECTOR_PACKET_DESK_H

#include "connector/packet_log.h"
#include "connector/packet_search.h"

/* Packets under way that are remembered at a time; of others the log has no line. */
#define RILL_PACKET_NOTES 131072
/* Bytes of an address that are remembered while its packet is under way. */
#define RILL_PACKET_ADDRESS 330
/* Searches that wait. */
#define RILL_PACKET_SEARCHES 16
/* Lines are written so long after the first of them, or earlier. */
#define RILL_PACKET_GATHER_MS 200

typedef struct rill_packet_desk rill_packet_desk;

typedef struct rill_packet_desk_options {
    const rill_allocator *allocator;
    const rill_packet_files *files; /* what they use stays until rill_packet_desk_free */
    rill_packet_limits limits;
    bool addresses;                 /* are they in the log? */
    uint64_t (*now_ms)(void *user); /* from the thread; NULL: the system's clock */
    /* Called from the thread: rill_packet_desk_collect is wanted. */
    void (*wake)(void *user);
    /* rill_packet_desk_turn is wanted at the end of this turn of the loop. */
    void (*soon)(void *user);
    /* The log fails, or is well again, or lines are missing: for people. */
    void (*say)(void *user, const char *line);
    void *user;
} rill_packet_desk_options;

typedef struct rill_packet_desk_state {
    uint64_t lines;   /* that were written since it began */
    uint64_t missing; /* packets that are not in the log, since then */
    uint64_t bytes;   /* of all files */
    uint64_t files;
    uint64_t oldest_ms;  /* when the oldest file was begun; 0: there is none */
    uint64_t failing_ms; /* since when it cannot be written; 0: it can */
    int error;           /* errno, while it cannot */
} rill_packet_desk_state;

/* RILL_ERR_NOMEM, RILL_ERR_FILES, RILL_ERR_LIMIT (no thread). */
RILL_MUST_CHECK int rill_packet_desk_new(rill_packet_desk **out,
                                         const rill_packet_desk_options *options);
/*
 * Nothing is noted any more. What there is is written, unless the disk fails; then `wake` is
 * called, and rill_packet_desk_has_ended is true.
 */
void rill_packet_desk_end(rill_packet_desk *d);
bool rill_packet_desk_has_ended(rill_packet_desk *d);
/* Waits for the thread if it has not ended. Searches that wait are over: RILL_ERR_CLOSED. */
void rill_packet_desk_free(rill_packet_desk *d);

/* What is to be kept from now on. */
void rill_packet_desk_change(rill_packet_desk *d, rill_packet_limits limits, bool addresses);

/* ---- on a packet's way ---- */

/* A packet goes on. */
typedef struct rill_packet_sent {
    rill_bytes address;
    const uint8_t *condition;
    uint64_t in; /* as of rill_packet_line */
    uint64_t out;
    uint64_t expires_ms; /* as it came */
} rill_packet_sent;

/* A number for rill_packet_desk_over; 0: there is no room, and it is counted as missing. */
uint32_t rill_packet_desk_sent(rill_packet_desk *d, const rill_packet_sent *p, rill_now now);
/*
 * It is over: the number is another's after this. line: accounts, and the result; what was known
 * when it was sent is added.
 */
void rill_packet_desk_over(rill_packet_desk *d, uint32_t number, rill_packet_line *line,
                           rill_now now);
/* One that was never sent. */
void rill_packet_desk_refused(rill_packet_desk *d, rill_packet_line *line, rill_now now);

/* ---- from the loop ---- */

void rill_packet_desk_turn(rill_packet_desk *d, rill_now now);
void rill_packet_desk_collect(rill_packet_desk *d, rill_now now);
/* `done` follows, from rill_packet_desk_collect or _free. RILL_ERR_LIMIT: too many wait. */
RILL_MUST_CHECK int rill_packet_desk_search(rill_packet_desk *d, rill_packet_search *s);
void rill_packet_desk_get_state(rill_packet_desk *d, rill_packet_desk_state *out);

#endif
