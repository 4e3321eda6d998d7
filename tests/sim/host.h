/* SPDX-License-Identifier: Apache-2.0 */
/* One endpoint with its clocks and link. It runs the loop turn that endpoint.h prescribes. */
#ifndef SIM_HOST_H
#define SIM_HOST_H

#include "books.h"
#include "front.h"
#include "memory.h"
#include "path.h"

struct sim_app;
struct sim_host;

/* A way to another host. */
typedef struct sim_route {
    struct sim_host *host; /* whose route it is */
    struct sim_host *peer; /* the first server, if there are several */
    struct sim_host *twin; /* the other one; NULL: there is none */
    sim_path *path;
    sim_front *front; /* before this host and its twin; NULL: it is alone */
    unsigned server;  /* there */
    unsigned side;    /* of the path, that host is at */
    unsigned index;
    const char *prefix; /* of the peer's addresses */
} sim_route;

typedef struct sim_host {
    sim_report *report;
    sim_queue *queue;
    unsigned index;
    bool server;
    char address[64];
    uint64_t mono_offset; /* nanoseconds */
    int64_t wall_offset;  /* milliseconds */
    rill_endpoint *endpoint;
    sim_memory memory;
    rill_endpoint_options options;
    uint8_t server_secret[32];
    bool link_down;
    bool asleep;
    uint64_t asleep_since;
    uint64_t timer_lag;  /* how late its timers may come, as in a busy loop; nanoseconds */
    bool interrupted;    /* its last turn ended inside such a handler, and goes on later */
    uint64_t busy_until; /* virtual time until which a handler runs, and nothing else is done */
    /* when the first of several handlers began, between which its timer had no turn */
    uint64_t busy_since;
    uint64_t blocked; /* the longest time from there until the last one ended, nanoseconds */
    unsigned life;    /* the life of its process; what came for another life is lost */
    size_t memory_limit;
    sim_books *books;
    struct sim_app *app;
    sim_route routes[SIM_MAX_PAIRS];
    unsigned route_count;
    sim_rng rng;
    bool woken;
    bool in_turn;
    uint64_t planned; /* the deadline that the timer is set for */
    uint64_t lag;     /* how late it comes, nanoseconds */
    uint64_t timer;   /* generation of the timer that counts */
    uint64_t timeout_at;
    unsigned timeouts; /* at that instant */
    uint8_t packet[RILL_PACKET_BUFFER];
} sim_host;

/* The endpoint is made with these options; allocator and wake are set here. */
void sim_host_init(sim_host *h, sim_report *report, sim_queue *queue, uint64_t seed,
                   const rill_endpoint_options *options);
void sim_host_free(sim_host *h);
rill_now sim_host_now(const sim_host *h);
/*
 * A handler of its application takes so many nanoseconds. Packets, replies and timers wait
 * meanwhile. It goes on at busy_until, if its caller sees to that.
 */
void sim_host_block(sim_host *h, uint64_t ns);
bool sim_host_is_busy(const sim_host *h);
sim_port sim_host_port(sim_route *r);
/* The route of packets to that address; NULL: nobody knows it. */
const sim_route *sim_host_route(sim_host *h, const char *address);
/*
 * Call it before anything is done to the endpoint from outside. It checks that the endpoint's
 * deadline was true.
 */
void sim_host_enter(sim_host *h);
/* Call it afterwards: it handles events, packets, the timer and the books. */
void sim_host_turn(sim_host *h);
/*
 * Call it after the application did something by itself. It checks that the endpoint has woken us
 * if that was needed.
 */
void sim_host_acted(sim_host *h);
/* Its link breaks and comes back. Nobody knows whether what was on it has arrived. */
void sim_host_disconnect(sim_host *h);
void sim_host_reconnect(sim_host *h);
/* The machine sleeps. Nothing runs, packets are lost, and its monotonic clock stands still. */
void sim_host_suspend(sim_host *h);
/* It wakes, and its links are new ones. */
void sim_host_resume(sim_host *h);
/* The process dies with everything that it knows, and starts again with the same secret. */
void sim_host_crash(sim_host *h);
void sim_host_restart(sim_host *h);
/* A reply to a Prepare that came as handle (rill_endpoint_decide's). */
void sim_host_answer(sim_host *h, uint64_t handle, uint8_t *reply, size_t len);

#endif
