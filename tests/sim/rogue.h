/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A peer that holds the shared secret and keeps no rule of RFC 29. It has no endpoint, but writes
 * packets itself: sometimes right ones, so that there is a connection to abuse, and wrong ones of
 * every kind. It plays the client of a server's endpoint, or the server of a client's.
 */
#ifndef SIM_ROGUE_H
#define SIM_ROGUE_H

#include "books.h"
#include "forge.h"
#include "path.h"
#include "queue.h"

typedef struct sim_rogue_config {
    unsigned packets;  /* packets that it sends; 0: there is no rogue */
    uint64_t duration; /* nanoseconds over which they are spread */
    bool serves;
    bool deaf;            /* it answers nothing once faults have stopped */
    uint64_t amount_high; /* of a packet */
    /* permille of its Prepares, and of the frames in its replies */
    uint32_t bad_frames;     /* cut, miscounted, with bits flipped */
    uint32_t bad_header;     /* another version, another type */
    uint32_t unknown_frames; /* and junk at the end */
    uint32_t bad_sequence;   /* the same again, old ones, the last possible one */
    uint32_t bad_condition;
    uint32_t bad_expiry;
    uint32_t high_minimum; /* more than the amount */
    uint32_t wrong_parity; /* streams that only the other side may open */
    uint32_t high_stream;  /* above the limit; 0 */
    uint32_t many_streams; /* opened and closed without end */
    uint32_t no_shares;    /* StreamMoney of 0 */
    uint32_t huge_shares;  /* whose sum overflows */
    uint32_t many_parts;   /* StreamMoney for many streams, or for one many times */
    uint32_t money_over;   /* amounts up to 2^64 - 1 */
    uint32_t contradict;   /* other bytes for the same place */
    uint32_t holes;        /* bytes with gaps, hundreds */
    uint32_t giant_offset; /* up to 2^64 - 1 */
    uint32_t past_limit;   /* bytes beyond the window */
    uint32_t shrink_limits;
    uint32_t huge_limits; /* limits that saturate, also of more than eight bytes */
    uint32_t third_party; /* its address is somebody else's, or nobody's */
    uint32_t bad_address;
    uint32_t asset_change;
    uint32_t false_blocked;
    uint32_t false_receipt;
    uint32_t false_close; /* of streams that never existed, or that are the other side's */
    uint32_t close_all;   /* sends ConnectionClose, and goes on */
    uint32_t flood;       /* many packets at once */
    /* permille of its replies */
    uint32_t reply_late;
    uint32_t reply_never;
    uint32_t reply_refuses;  /* with an authentic Reject of any code */
    uint32_t reply_amount;   /* lies about what arrived */
    uint32_t reply_sequence; /* of another packet */
    uint32_t reply_type;
    uint32_t reply_frames; /* with frames of the kinds above */
} sim_rogue_config;

#define SIM_ROGUE_ADDRESS   "test.rogue"
#define SIM_ROGUE_STRANGERS 4

typedef struct sim_rogue {
    sim_rogue_config config;
    sim_report *report;
    sim_queue *queue;
    sim_rng rng;
    sim_path *path;
    unsigned side;
    unsigned pair;
    sim_keys keys;
    uint64_t pattern;
    char target[1100]; /* where the other end receives; "" while it is not known */
    char strangers[SIM_ROGUE_STRANGERS][200];
    unsigned stranger_count;
    uint64_t sequence;
    uint64_t theirs[8];  /* streams of the other side that it has seen */
    uint64_t written[8]; /* bytes, of its own streams */
    uint64_t newest;     /* stream that it opened */
    uint64_t requests;
    bool calm;
    sim_forge forge;
    sim_stream_packet scratch;
    uint8_t text[SIM_FORGE_TEXT + 40];
    uint8_t packet[SIM_MAX_PACKET];
} sim_rogue;

void sim_rogue_init(sim_rogue *r, const sim_rogue_config *config, sim_report *report,
                    sim_queue *queue, uint64_t seed);
/* Its end of the path. */
sim_port sim_rogue_port(sim_rogue *r);
void sim_rogue_start(sim_rogue *r);
/* Faults stop: it sends no more, and answers as it should, or not at all. */
void sim_rogue_calm(sim_rogue *r);

/* rogue_frames.c: frames for one packet, right and wrong; prepare false: for a reply. */
void sim_rogue_frames(sim_rogue *r, bool prepare, uint64_t amount);
bool sim_rogue_does(sim_rogue *r, uint32_t permille, sim_feature trick);

#endif
