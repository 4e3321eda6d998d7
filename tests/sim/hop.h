/* SPDX-License-Identifier: Apache-2.0 */
/* A connector: it exchanges, limits, and shortens expiries, as ilp-connector and Rafiki do. */
#ifndef SIM_HOP_H
#define SIM_HOP_H

#include "path.h"

typedef struct sim_bucket {
    uint64_t at; /* virtual nanoseconds of the last refill */
    uint64_t level;
} sim_bucket;

typedef struct sim_hop {
    sim_hop_config config;
    sim_adversary adversary;
    sim_bucket packets[2];
    sim_bucket value[2];
    uint64_t owed[2]; /* by the neighbours at side 0 and side 1 */
    uint64_t settled_at[2];
    sim_report *report;
} sim_hop;

void sim_hop_init(sim_hop *h, const sim_hop_config *config, sim_report *report, uint64_t seed);
void sim_hop_calm(sim_hop *h);
/*
 * A Prepare from that side. It is changed in place to what goes on, or answered by a Reject that is
 * written over it.
 */
sim_verdict sim_hop_forward(sim_hop *h, unsigned side, uint64_t now, uint8_t *packet, size_t *len);
uint64_t sim_hop_exchange(const sim_hop *h, unsigned side, uint64_t amount);
/* The fewest units that become so many. */
uint64_t sim_hop_needs(const sim_hop *h, unsigned side, uint64_t amount);
/* A packet of that amount from that side was not fulfilled after all. */
void sim_hop_refund(sim_hop *h, unsigned side, uint64_t amount);
uint64_t sim_wall_ms(uint64_t now);

#endif
