/* SPDX-License-Identifier: Apache-2.0 */
/* One run: builds what a scenario says, lets time pass, and judges how it ended. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "report.h"
#include "scenario.h"

/* Everything that happens follows from the scenario and the seed. */
void sim_world_run(const sim_scenario *s, uint64_t seed, sim_report *report);

#endif
