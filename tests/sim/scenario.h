/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is made of: drawn from a seed, or one of the named ones with a seed for the rest. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "app.h"
#include "feature.h"
#include "path.h"
#include "peer.h"
#include "rogue.h"

#define SIM_MAX_CLIENTS 3
#define SIM_MAX_PATHS   (SIM_MAX_CLIENTS + 1) /* the rogue's, or the peer's, is the last */

typedef struct sim_scenario {
    const char *name;
    unsigned clients;
    unsigned connections[SIM_MAX_CLIENTS];
    sim_path_config path[SIM_MAX_PATHS];
    rill_connection_options server_options;
    rill_connection_options client_options;
    sim_app_config server_app;
    sim_app_config client_app;
    sim_rogue_config rogue;
    uint64_t timer_lag;     /* nanoseconds by which hosts may be late */
    int64_t wall_offset[2]; /* milliseconds, of the server and of clients */
    unsigned clock_jumps;   /* of each host's wall clock */
    int64_t jump_ms;        /* forward and back, at most */
    unsigned disconnects;   /* of each host's link */
    uint64_t away;          /* nanoseconds, at most */
    uint64_t worsen_at;     /* nanoseconds; 0 never: the rate falls by worsen */
    rill_ratio worsen;
    uint64_t restart_at;  /* nanoseconds; 0 never: the server dies */
    uint64_t restart_for; /* and is made again after so long */
    uint64_t begin_again; /* nanoseconds; 0 never: the first client dies, and connects again */
    uint64_t suspend_at;  /* nanoseconds; 0 never: the first client's host sleeps, */
    uint64_t suspend_for; /* its monotonic clock too */
    uint64_t numbered;    /* packets that a client's connection counts as sent when it begins */
    uint64_t calm_at;     /* nanoseconds; faults stop no sooner */
    unsigned fleet; /* servers of one secret behind one node: 0 one, 1 two, 2 two with names */
    uint32_t few_connections; /* that a server has open at once; 0: as many as there are */
    uint32_t few_remembered;  /* and keeps in mind when they are over */
    unsigned peer;            /* sim_peer_kind: the first client pays it, too */
    uint64_t roll_at;         /* nanoseconds; 0 never: the second of them dies, and is made again */
    uint32_t no_memory;       /* permille of the hosts' allocations that fail */
    bool hostile;             /* connections may die of it, payments fail */
} sim_scenario;

/* What is taken from a scenario, to find the smallest that fails; 0: as it is. */
typedef struct sim_cut {
    bool without[SIM_FEATURE_COUNT];
    uint64_t clients;
    uint64_t connections; /* of each client */
    uint64_t hops;
    uint64_t actions; /* of each host */
    uint64_t streams; /* of each host */
    uint64_t amount;
    uint64_t data;
    uint64_t duration_ms;
    uint64_t rogue_packets;
} sim_cut;

/* NULL name: drawn from the seed. False if there is no such name. */
bool sim_scenario_make(sim_scenario *s, const char *name, uint64_t seed);
void sim_scenario_cut(sim_scenario *s, const sim_cut *cut);
/* The names, one after the other; NULL after the last. */
const char *sim_scenario_name(unsigned index);
/* That scenario, into *s, which is all zero. */
void sim_scenario_named(sim_scenario *s, unsigned index, uint64_t seed);

#endif
