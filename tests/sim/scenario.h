/* SPDX-License-Identifier: Apache-2.0 */
/* What a run is made of: drawn from a seed, or one of the named ones with a seed for the rest. */
#ifndef SIM_SCENARIO_H
#define SIM_SCENARIO_H

#include "app.h"
#include "path.h"

#define SIM_MAX_CLIENTS 3

typedef struct sim_scenario {
    const char *name;
    unsigned clients;
    unsigned connections[SIM_MAX_CLIENTS];
    sim_path_config path[SIM_MAX_CLIENTS];
    rill_connection_options server_options;
    rill_connection_options client_options;
    sim_app_config server_app;
    sim_app_config client_app;
    uint64_t timer_lag;         /* nanoseconds by which hosts may be late */
    int64_t server_wall_offset; /* milliseconds */
    int64_t client_wall_offset;
    uint64_t worsen_at; /* nanoseconds; 0 never: the rate falls by worsen */
    rill_ratio worsen;
    bool hostile; /* connections may die of it, payments fail */
} sim_scenario;

/* NULL name: drawn from the seed. False where there is no such name. */
bool sim_scenario_make(sim_scenario *s, const char *name, uint64_t seed);
/* The names, one after the other; NULL after the last. */
const char *sim_scenario_name(unsigned index);
void sim_scenario_print(const sim_scenario *s);

#endif
