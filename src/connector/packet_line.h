/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A line of the log of packets: JSON, in ASCII, with its members always in this order, so that it
 * is written and read without a library, and by everybody else with any.
 *
 *   {"at":"2026-11-24T09:30:00.123Z","from":"alice","to":"bob","in":"100","out":"50",
 *    "destination":"g.x.bob.7","id":"<32 digits>","expires":"2026-11-24T09:30:29.000Z","us":1250,
 *    "result":"T04","by":"neighbour","triggered_by":"g.x.bob","message":"no
 * liquidity","unseen":true}
 *
 * What is not known is left out. A line about the log itself has `at` and `event`. No line has data
 * or a fulfillment: there is no member for them.
 */
#ifndef RILL_CONNECTOR_PACKET_LINE_H
#define RILL_CONNECTOR_PACKET_LINE_H

#include <rill/types.h>

/* Bytes of the longest line, with its newline. */
#define RILL_PACKET_LINE_MAX 8192
/* Bytes of a message that are kept. */
#define RILL_PACKET_MESSAGE 128
/* Bytes of a condition, which all nodes on a packet's way see: what it is known by. */
#define RILL_PACKET_ID 16
/* Every line begins with this, and then has 24 characters of time. */
#define RILL_PACKET_LINE_HEAD "{\"at\":\""

typedef enum rill_packet_event {
    RILL_PACKET_OVER,    /* a packet: the others are about the log */
    RILL_PACKET_MISSING, /* so many packets are not in the log */
    RILL_PACKET_BEGUN,   /* the node began to log, where there was no log */
    RILL_PACKET_BEGUN_AFTER_END,
    RILL_PACKET_BEGUN_AFTER_KILL, /* the log before had no end: lines may be missing */
    RILL_PACKET_ENDED,            /* the node stopped, or stopped logging */
} rill_packet_event;

typedef struct rill_packet_line {
    rill_packet_event event;
    uint64_t at_ms;    /* when it was over: wall clock */
    uint64_t since_ms; /* missing: when the first was over */
    uint64_t packets;  /* missing */
    /* Of a packet. */
    rill_bytes from;        /* the account that it came from */
    rill_bytes to;          /* the account that it was sent to; empty: none */
    rill_bytes destination; /* its address; empty: not known, or not to be kept */
    uint64_t in;            /* units that it was to take from the source */
    uint64_t out;           /* units that it was to bring; of one that was sent */
    bool has_id;            /* it was well-formed: id and expires_ms are known */
    uint8_t id[RILL_PACKET_ID];
    uint64_t expires_ms; /* as it came */
    uint64_t took_us;    /* from when it came until it was answered */
    char result[4];      /* the code that it was rejected with; empty: it was fulfilled */
    bool by_node;        /* rejected by this node; else by the account that it was sent to */
    rill_bytes triggered_by;
    rill_bytes message;
    bool unseen; /* its source had left, and was not answered */
} rill_packet_line;

/* Writes it with its newline, and says how long it is. Texts of others lose what is not ASCII. */
size_t rill_packet_line_write(const rill_packet_line *line, char out[RILL_PACKET_LINE_MAX]);
/*
 * Reads one, without its newline. False: it is none that was written here. Texts point into it, as
 * they are there: with \" and \\ for " and \.
 */
RILL_MUST_CHECK bool rill_packet_line_read(const char *text, size_t len, rill_packet_line *out);
/* When a line is of. False: it does not begin as one. */
RILL_MUST_CHECK bool rill_packet_line_time(const char *text, size_t len, uint64_t *at_ms);

#endif
