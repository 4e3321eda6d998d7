/* SPDX-License-Identifier: Apache-2.0 */
/* One run, here or in a process of its own, so that a crash or an endless loop is a result too. */
#ifndef SIM_RUN_H
#define SIM_RUN_H

#include "report.h"
#include "scenario.h"

typedef struct sim_job {
    const char *scenario; /* NULL: drawn from the seed */
    uint64_t seed;
    sim_cut cut;
    bool trace;
} sim_job;

/* No pointers: it is handed from process to process. */
typedef struct sim_result {
    bool failed;
    char text[640]; /* what was wrong */
    char rule[200]; /* which rule that broke: equal for equal faults */
    uint64_t digest;
    uint64_t packets;
    uint64_t fulfilled;
    uint64_t units;
    bool on[SIM_FEATURE_COUNT];
    uint32_t counts[SIM_FEATURE_COUNT];
} sim_result;

/* False if there is no such scenario. */
bool sim_run(const sim_job *job, sim_result *result);
/* The same in a child. */
void sim_run_apart(const sim_job *job, sim_result *result);
/* What became of a child that ended without a result. */
void sim_result_of_crash(sim_result *result, int status);
/* A run of this process that takes too long ends it with this status. */
#define SIM_HANGS 86
void sim_watch(void);
/* Options that make the job again, without the program's name; room in out for SIM_COMMAND. */
#define SIM_COMMAND 2048
void sim_job_command(const sim_job *job, char *out);
/* Numbers of a cut by name, for options and for the shrinker; NULL after the last. */
const char *sim_cut_name(unsigned i);
uint64_t *sim_cut_number(sim_cut *cut, unsigned i);

#endif
