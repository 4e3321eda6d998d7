/* SPDX-License-Identifier: Apache-2.0 */
/* The paths that are measured, and what must be reached on each. */
#ifndef PATHS_CASES_H
#define PATHS_CASES_H

#include "flow.h"

typedef struct paths_case {
    const char *name;
    paths_config config;
    paths_work work;
    unsigned flows;      /* 0: one */
    uint64_t stagger;    /* between their starts */
    uint64_t measure_to; /* the run ends then */
    uint64_t measure_from;
    unsigned reach;     /* permille of the capacity used, at least; 0: not asked */
    unsigned wait_most; /* queueing, permille of the round trip without queue, from measure_from */
    uint64_t done_before; /* 0: not asked */
    uint64_t first_before;
    unsigned most_refused; /* percent of the packets that pass; 0: 50 */
    unsigned fair;         /* Jain's index, permille, at least */
    bool rill_only;
} paths_case;

extern const paths_case paths_cases[];
extern const unsigned paths_case_count;

#endif
