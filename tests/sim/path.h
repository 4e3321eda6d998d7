/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way between two ends: links with delay, jitter, loss, reordering and
 * duplication, and one to four connectors between them. The connectors exchange, limit,
 * shorten expiries and check fulfillments, as ilp-connector and Rafiki do.
 */
#ifndef SIM_PATH_H
#define SIM_PATH_H

#include "adversary.h"
#include "queue.h"
#include "report.h"
#include "rng.h"
#include "wire.h"
#include <rill/types.h>

#define SIM_MAX_HOPS 4
/* The path's clock: what its connectors take for the time of day at virtual time 0. */
#define SIM_WALL_MS UINT64_C(1767225600000)

typedef struct sim_link_config {
    uint64_t delay; /* nanoseconds */
    uint64_t jitter;
    uint64_t bytes_per_second; /* 0: any */
    bool ordered;              /* as over TCP: what was sent later comes later */
    uint32_t lose_request;     /* permille, here and below */
    uint32_t lose_reply;
    uint32_t duplicate;
    uint32_t reorder; /* held back for long */
} sim_link_config;

typedef struct sim_hop_config {
    rill_ratio rate[2];          /* outgoing for incoming, from side 0 and from side 1 */
    uint64_t max_packet[2];      /* incoming units; 0: none */
    bool max_told;               /* F08 with data */
    uint64_t packets_per_second; /* 0: any; else T05 */
    uint64_t value_per_second;   /* 0: any; else T04 */
    uint64_t burst;              /* of both, in seconds / 1000 */
    uint64_t margin_ms;          /* taken off the expiry */
    uint64_t min_window_ms;      /* R02 below it */
    uint64_t down_every_ms;      /* T01 phases: 0 never */
    uint64_t dry_from_ms;        /* T04 for all money from then on, for so long: 0 never */
    uint64_t dry_for_ms;
    uint64_t down_for_ms;
    uint64_t hold_ms;         /* the longest that it holds a packet: the expiry is cut to that */
    uint64_t balance;         /* 0: any; incoming units owed by each neighbour at most, else T04 */
    uint64_t settle_every_ms; /* and is owed no more after so long */
    sim_adversary_config adversary;
} sim_hop_config;

typedef struct sim_path_config {
    unsigned hops; /* at least 1 */
    sim_hop_config hop[SIM_MAX_HOPS];
    sim_link_config link[SIM_MAX_HOPS + 1]; /* link[0] is at side 0 */
    uint32_t report_loss; /* permille of what is lost on the sender's own link that it is told of */
    uint64_t replay_for;  /* nanoseconds for which packets are sent again; 0: 20 s */
} sim_path_config;

/* What the path does to the node at one of its ends. */
typedef struct sim_port {
    void *user;
    /* handle is for sim_path_answer; the bytes are the path's. */
    void (*prepare)(void *user, uint64_t handle, uint8_t *packet, size_t len);
    void (*reply)(void *user, uint64_t request, uint8_t *packet, size_t len);
    void (*unanswered)(void *user, uint64_t request, bool sent);
} sim_port;

/* Of who sends nothing by itself: there is no answer that it waits for. */
sim_port sim_port_of_receiver(void *user, void (*prepare)(void *user, uint64_t handle,
                                                          uint8_t *packet, size_t len));

typedef struct sim_path sim_path;

sim_path *sim_path_new(const sim_path_config *config, sim_queue *queue, sim_report *report,
                       uint64_t seed, sim_port side0, sim_port side1);
void sim_path_free(sim_path *p);
/* A Prepare from the node at that side. The bytes are copied. */
void sim_path_send(sim_path *p, unsigned side, uint64_t request, const uint8_t *packet, size_t len);
/* The reply to a Prepare that came by a port. Later ones to the same are ignored. */
void sim_path_answer(sim_path *p, uint64_t handle, const uint8_t *packet, size_t len);
/*
 * The link of that end breaks or comes back. What was on it is lost, and the
 * replies to what crossed it before never come.
 */
void sim_path_link(sim_path *p, unsigned side, bool up);
/* Faults stop: nothing is lost, limited or tampered with from now on; rates and sizes stay. */
void sim_path_calm(sim_path *p);
/* The rate falls, at every connector, to this part of what it is. */
void sim_path_worsen(sim_path *p, rill_ratio part);
/* Where a Prepare came from: which request of which side. False where a connector sent it again. */
bool sim_path_origin(const sim_path *p, uint64_t handle, unsigned *side, uint64_t *request);
/* What a packet of amount from that side would become, now. */
uint64_t sim_path_delivers(const sim_path *p, unsigned side, uint64_t amount);
/* The fewest units that bring so much, and the most that one packet may carry, by its connectors.
 */
uint64_t sim_path_needs(const sim_path *p, unsigned side, uint64_t delivered);
uint64_t sim_path_largest(const sim_path *p, unsigned side);

#endif
