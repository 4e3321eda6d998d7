/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Virtual time: what happens when. Events of one instant happen in the order in which they were put
 * in.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void sim_action(void *context, uint64_t argument);

typedef struct sim_event {
    uint64_t at; /* virtual nanoseconds */
    uint64_t order;
    sim_action *action;
    /* Releases context if the run ends before the event; may be NULL. */
    void (*drop)(void *context);
    void *context;
    uint64_t argument;
} sim_event;

typedef struct sim_queue {
    sim_event *items;
    size_t count;
    size_t capacity;
    uint64_t order;
    uint64_t now;
} sim_queue;

void sim_queue_init(sim_queue *q);
void sim_queue_free(sim_queue *q);
/* at must not be before now; if it is, it becomes now. */
void sim_queue_put(sim_queue *q, uint64_t at, sim_action *action, void *context, uint64_t argument,
                   void (*drop)(void *context));
/* UINT64_MAX if there is none. */
uint64_t sim_queue_next(const sim_queue *q);
/* Moves time to the next event and runs it; false if there is none. */
bool sim_queue_step(sim_queue *q);

#endif
