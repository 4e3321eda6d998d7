/* SPDX-License-Identifier: Apache-2.0 */
/* Takes from a failing run what it can, as long as it goes on breaking the same rule. */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "run.h"

/* job and result become those of the smallest run found; how many were tried. */
unsigned sim_shrink(sim_job *job, sim_result *result);

#endif
