/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for packets in the log of packets, a small step at a time, so that who writes the log is
 * never kept for long. What is found are the lines as they are in the files: each was read, so that
 * none is anything else than what was written there.
 */
#ifndef RILL_CONNECTOR_PACKET_SEARCH_H
#define RILL_CONNECTOR_PACKET_SEARCH_H

#include <rill/ilp.h>

#include "connector/packet_log.h"

/* Lines that one search finds at most. */
#define RILL_PACKET_FOUND_MAX 1000
/* Bytes of files that one search reads; and that one step of it reads. */
#define RILL_PACKET_SEARCH_BYTES ((uint64_t)32 * 1024 * 1024)
#define RILL_PACKET_SEARCH_STEP  ((size_t)128 * 1024)
#define RILL_PACKET_ACCOUNT      256

/* Lines, with commas between them. */
typedef struct rill_packet_lines {
    char *text; /* NULL: none */
    size_t len;
    size_t cap;
    size_t count;
} rill_packet_lines;

/* Where a search is: behind so many bytes of a file. All zero: at the beginning. */
typedef struct rill_packet_place {
    uint64_t number;
    uint64_t offset;
} rill_packet_place;

typedef struct rill_packet_search rill_packet_search;
struct rill_packet_search {
    /* What is looked for. Empty texts are for all. */
    char account[RILL_PACKET_ACCOUNT];          /* it came from there, or was sent there */
    char destination[RILL_ILP_MAX_ADDRESS + 1]; /* what the address begins with */
    char id[2 * RILL_PACKET_ID + 1];            /* what its digits begin with */
    char code[4];                               /* what the code begins with */
    bool rejected;                              /* those that were rejected alone */
    uint64_t from_ms;                           /* over at this time or later, */
    uint64_t to_ms;                             /* and before this one */
    size_t most;                                /* lines; 1 to RILL_PACKET_FOUND_MAX */
    rill_packet_place place; /* where it goes on; in the end, where the next one does */
    bool at_end;             /* it goes on at the end of what there is */
    /* Called once it is over, by who was asked to look. */
    void (*done)(rill_packet_search *s);
    void *user;
    /* What was found, if rc is RILL_OK. RILL_ERR_NOMEM, RILL_ERR_IO, RILL_ERR_CLOSED. */
    int rc;
    int error; /* errno, with RILL_ERR_IO */
    rill_packet_lines packets;
    rill_packet_lines events; /* about the log, in the same time */
    uint64_t unreadable;      /* lines that are none of ours */
    bool more;                /* there is more to look for behind `place` at once */
    /* The search's. */
    uint64_t bytes; /* that were read */
    char *block;
    int file; /* -1: none is open */
    bool begun;
    bool finished; /* there is no more of the file at `place` */
    rill_packet_search *next;
};

/* Does what it can in one step. True: it is over. */
RILL_MUST_CHECK bool rill_packet_search_step(const rill_packet_log *l, rill_packet_search *s);
/* Gives up what is under way. */
void rill_packet_search_stop(const rill_packet_files *files, rill_packet_search *s);
/* Frees what was found. It is over, or was stopped, or has never begun. */
void rill_packet_search_clear(const rill_allocator *allocator, rill_packet_search *s);

#endif
