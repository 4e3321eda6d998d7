/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receivers of other implementations. They break no rule of RFC 29 on purpose, but each has its own
 * habits. They fulfil money, and take no bytes.
 */
#ifndef SIM_PEER_H
#define SIM_PEER_H

#include "books.h"
#include "forge.h"
#include "path.h"

typedef enum sim_peer_kind {
    SIM_PEER_NONE,
    SIM_PEER_REFERENCE, /* tells totals, refuses F99 */
    SIM_PEER_STATELESS, /* stream-receiver: no connection, no totals; F05, F04 and closes echoed */
    SIM_PEER_QUILT,     /* closes at numbers above 2^31 */
    SIM_PEER_RUST       /* cannot read a packet with an empty address; says that nothing came */
} sim_peer_kind;
#define SIM_PEER_KINDS 4

#define SIM_PEER_ADDRESS "test.peer"

typedef struct sim_peer {
    unsigned kind;
    sim_report *report;
    sim_path *path;   /* whose side 1 it is */
    sim_books *payer; /* its client's */
    sim_keys keys;
    bool closed;
    uint64_t total[16]; /* by stream */
    sim_forge forge;
    sim_stream_packet scratch;
    uint8_t text[SIM_FORGE_TEXT + 40];
    uint8_t packet[SIM_MAX_PACKET];
} sim_peer;

void sim_peer_init(sim_peer *p, unsigned kind, sim_report *report, sim_books *payer);
sim_port sim_peer_port(sim_peer *p);

#endif
