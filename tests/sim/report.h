/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a run has to say: its trace, the first violation, and a digest of everything that happened.
 */
#ifndef SIM_REPORT_H
#define SIM_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "feature.h"
#include <rill/api.h>

typedef struct sim_report {
    const uint64_t *now; /* virtual nanoseconds */
    bool trace;
    bool failed;
    char text[640];   /* the first violation */
    const char *rule; /* the rule that was broken: its format string */
    uint64_t digest;  /* equal for equal runs */
    uint64_t packets;
    uint64_t bytes; /* of those packets */
    uint64_t fulfilled;
    uint64_t units;
    uint64_t events;
    uint32_t counts[SIM_FEATURE_COUNT]; /* how often each happened */
} sim_report;

/* Only the first violation of a run is kept, since what follows is often its consequence. */
void sim_violation(sim_report *r, const char *format, ...) RILL_PRINTF(2, 3);
void sim_trace(const sim_report *r, const char *format, ...) RILL_PRINTF(2, 3);
/* It happened, once more. */
static inline void sim_count(sim_report *r, sim_feature f)
{
    r->counts[f]++;
}

/* A fact that must be the same in every run of this seed. */
void sim_digest(sim_report *r, uint64_t fact);

/* The simulator's own memory. It ends the program if there is none. */
void *sim_allocate(size_t size);
void *sim_reallocate(void *ptr, size_t size);

#endif
