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
/* The path's clock: the time of day for its connectors at virtual time 0. */
#define SIM_WALL_MS UINT64_C(1767225600000)

typedef struct sim_link_config {
    uint64_t delay; /* nanoseconds */
    uint64_t jitter;
    uint64_t bytes_per_second; /* 0: any */
    bool ordered;              /* in order, as over TCP */
    uint32_t lose_request;     /* permille, here and below */
    uint32_t lose_reply;
    uint32_t duplicate;
    uint32_t reorder; /* held back for a long time */
    /* ILP over HTTP: a response of 500 to a packet that went on; a stream that is reset */
    uint32_t http_error;
    uint32_t http_reset;
} sim_link_config;

typedef struct sim_hop_config {
    rill_ratio rate[2];          /* outgoing units for incoming ones, from side 0 and from side 1 */
    uint64_t max_packet[2];      /* incoming units; 0: none */
    bool max_told;               /* F08 with data */
    uint64_t packets_per_second; /* packets in a second; 0: no limit; otherwise T05 */
    uint64_t value_per_second;   /* value in a second; 0: no limit; otherwise T04 */
    uint64_t burst;              /* burst of both, in seconds / 1000 */
    uint64_t margin_ms;          /* taken off the expiry */
    uint64_t min_window_ms;      /* with less than this left: R02 */
    uint64_t down_every_ms;      /* T01 phases: 0 never */
    uint64_t dry_from_ms;        /* from then on T04 for all money, for so long; 0: never */
    uint64_t dry_for_ms;
    uint64_t down_for_ms;
    /* the longest time that it holds a packet; it cuts the expiry to that */
    uint64_t hold_ms;
    /* the most incoming units that each neighbour may owe, else T04; 0: no limit */
    uint64_t balance;
    uint64_t settle_every_ms; /* after so long the neighbour owes nothing again */
    sim_adversary_config adversary;
} sim_hop_config;

typedef struct sim_path_config {
    unsigned hops; /* at least 1 */
    sim_hop_config hop[SIM_MAX_HOPS];
    sim_link_config link[SIM_MAX_HOPS + 1]; /* link[0] is at side 0 */
    uint32_t report_loss; /* permille of losses on the sender's own link of which it is told */
    uint64_t replay_for;  /* how long packets are sent again, nanoseconds; 0: 20 s */
} sim_path_config;

/* What the path calls at the node at one of its ends. */
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
/* The reply to a Prepare that came by a port. Further replies to it are ignored. */
void sim_path_answer(sim_path *p, uint64_t handle, const uint8_t *packet, size_t len);
/*
 * The link of that end breaks or comes back. What was on it is lost. Replies to packets that
 * crossed it before never come.
 */
void sim_path_link(sim_path *p, unsigned side, bool up);
/* Faults stop: from now on nothing is lost, limited or tampered with. Rates and sizes stay. */
void sim_path_calm(sim_path *p);
/* The rate falls at every connector, to this part of what it is. */
void sim_path_worsen(sim_path *p, rill_ratio part);
/* Which request of which side a Prepare came from. False if a connector has sent it again. */
bool sim_path_origin(const sim_path *p, uint64_t handle, unsigned *side, uint64_t *request);
/* What a packet of amount from that side would become, now. */
uint64_t sim_path_delivers(const sim_path *p, unsigned side, uint64_t amount);
/*
 * The fewest units that bring so much, and the most that one packet may carry, by its connectors.
 */
uint64_t sim_path_needs(const sim_path *p, unsigned side, uint64_t delivered);
uint64_t sim_path_largest(const sim_path *p, unsigned side);

#endif
