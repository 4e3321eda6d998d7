/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of a run share. */
#ifndef SIM_WORLD_INTERNAL_H
#define SIM_WORLD_INTERNAL_H

#include "world.h"

#define MAX_HOSTS (SIM_SERVERS + SIM_MAX_CLIENTS) /* the server first, and its twin last */

typedef struct world {
    const sim_scenario *scenario;
    sim_report *report;
    sim_queue queue;
    sim_directory directory;
    rill_credentials credentials[SIM_MAX_PAIRS];
    sim_host *hosts[MAX_HOSTS];
    unsigned host_count;
    sim_host *twin;   /* a second server with the secret of the first; NULL: none */
    sim_front *front; /* before both */
    sim_path *paths[SIM_MAX_PATHS];
    unsigned path_count;
    sim_rogue *rogue; /* NULL: none */
    sim_peer *peer;   /* NULL: none */
    sim_rng rng;      /* of what befalls hosts */
    bool calm;
    bool enough; /* packets */
    uint64_t events;
    uint64_t watch_at; /* virtual time: when what waits is looked at next */
} world;

void sim_world_each(world *w, void (*what)(sim_app *a));
void sim_world_run_until(world *w, uint64_t until);
/* A host that is gone is made again. */
void sim_world_restart(void *context, uint64_t host);

/* ---- world_end.c ---- */
/* Faults stop, and what was asked for is done. */
void sim_world_settle(world *w);
/* All connections end. */
void sim_world_finish(world *w);
void sim_world_judge(world *w);

#endif
