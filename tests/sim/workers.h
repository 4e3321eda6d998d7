/* SPDX-License-Identifier: Apache-2.0 */
/* Many seeds, in processes of their own that share what they have done. */
#ifndef SIM_WORKERS_H
#define SIM_WORKERS_H

#include "run.h"

typedef struct sim_totals {
    uint64_t runs;
    uint64_t packets;
    uint64_t fulfilled;
    uint64_t units;
    uint64_t violations;
    uint64_t on[SIM_FEATURE_COUNT];     /* runs that had it */
    uint64_t counts[SIM_FEATURE_COUNT]; /* how often it happened */
} sim_totals;

typedef struct sim_plan {
    const char *scenario;
    sim_cut cut;
    uint64_t start;
    uint64_t seeds; /* 0: until time is up */
    double hours;   /* 0: until all seeds are run */
    unsigned jobs;
    bool keep_going;
    bool shrink;
    bool progress;    /* a line each minute */
    const char *mark; /* before each line: "" or "# " */
} sim_plan;

/* Adds to totals. True if nothing was found. */
bool sim_workers_run(const sim_plan *plan, sim_totals *totals);
void sim_totals_print(const sim_totals *t, const char *mark);
/* How often each feature was there and happened. */
void sim_coverage_print(const sim_totals *t, const char *mark);

#endif
