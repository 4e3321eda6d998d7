/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node before several servers with one secret. It gives each packet to one of them by the rule
 * of src/node/owners.c, which is the program's own code. Everything else of a node is in path.c.
 */
#ifndef SIM_FRONT_H
#define SIM_FRONT_H

#include "path.h"
#include "queue.h"

#define SIM_SERVERS    2
#define SIM_FRONT_LEGS 4 /* ways that lead to it */

struct sim_host;
typedef struct sim_front sim_front;

sim_front *sim_front_new(sim_report *report, sim_queue *queue, uint64_t seed);
void sim_front_free(sim_front *f);
/* The node's end of a path; server: the other end at each of the servers, in their order. */
sim_port sim_front_port(sim_front *f, unsigned leg);
void sim_front_join(sim_front *f, unsigned leg, sim_path *path, unsigned side, unsigned server,
                    sim_port port);
/* The link of one of the servers is there, or has broken. */
void sim_front_link(sim_front *f, unsigned server, bool up);
/* A server sends a Prepare, and answers one. */
void sim_front_send(sim_front *f, unsigned leg, unsigned server, uint64_t request,
                    const uint8_t *packet, size_t len);
void sim_front_answer(sim_front *f, unsigned leg, unsigned server, uint64_t transit,
                      const uint8_t *packet, size_t len);
/* Which server a request that came by a path belongs to, and that server's number for it. */
unsigned sim_front_sender(uint64_t *request);

#endif
