/* SPDX-License-Identifier: Apache-2.0 */
/* The paths that are measured, and what must be reached on each. */
#ifndef PATHS_CASES_H
#define PATHS_CASES_H

#include "flow.h"

typedef struct paths_case {
    const char *name;
    paths_config config;
    paths_work work;
    unsigned flows;      /* number of senders; 0: one */
    uint64_t stagger;    /* time between their starts */
    uint64_t measure_to; /* when the run ends */
    uint64_t measure_from;
    unsigned reach; /* least part of the capacity that must be used, permille; 0: not checked */
    /* longest queueing from measure_from on, in permille of the round trip without queue */
    unsigned wait_most;
    /* packets that pass from measure_from on, permille of those of a window that is always full;
     * 0: not checked */
    unsigned of_fixed;
    uint64_t done_before; /* 0: not checked */
    uint64_t first_before;
    unsigned most_refused; /* refused packets in percent of those that pass; 0: 50 */
    unsigned fair;         /* least Jain's index, permille */
    bool rill_only;
} paths_case;

extern const paths_case paths_cases[];
extern const unsigned paths_case_count;

#endif
