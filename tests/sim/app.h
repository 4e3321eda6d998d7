/* SPDX-License-Identifier: Apache-2.0 */
/* The application on one host: opens, pays, writes, reads, limits, decides and ends by chance. */
#ifndef SIM_APP_H
#define SIM_APP_H

#include "host.h"

typedef struct sim_app_config {
    unsigned actions;     /* of each host */
    uint64_t duration;    /* nanoseconds over which they are spread */
    unsigned max_streams; /* of each host */
    uint64_t amount_low;  /* of one payment, our units */
    uint64_t amount_high;
    uint64_t data_high;   /* bytes of one message; 0: none */
    bool pays;            /* this host sends money */
    uint32_t slow_reader; /* permille of streams */
    uint32_t weights;     /* permille of actions: a stream gets another weight */
    uint32_t closes;      /* permille of actions */
    uint32_t ends;
    uint32_t timeouts; /* permille of payments with a deadline */
    uint32_t lowers;   /* permille of actions: send max back to what is sent */
    uint32_t late;     /* permille of decisions: later */
    uint32_t too_late; /* ... after the expiry */
    uint32_t never;    /* ... not at all */
    uint32_t refuses;  /* ... with no */
    uint32_t blocks;   /* permille of handlers asked for one that take their time */
    uint64_t block_high_ms;
    uint64_t timeout_high_ms; /* of a payment with a deadline; 0: 5 s */
    bool patient;             /* no payment under way ends with its connection's idleness */
    bool hostile; /* the path may have lied about its rate: money may be left that cannot be sent */
    bool raises;  /* receive max starts low and is raised now and then */
} sim_app_config;

typedef struct sim_app sim_app;

sim_app *sim_app_new(sim_host *h, const sim_app_config *config, uint64_t seed,
                     const rill_connection_options *options);
void sim_app_free(sim_app *a);
/* The client's end of a connection that was opened. */
void sim_app_connected(sim_app *a, unsigned pair, rill_connection *c);
void sim_app_start(sim_app *a);
void sim_app_event(sim_app *a, const rill_event *e);
/* Its handlers take no time from now on. */
void sim_app_hasten(sim_app *a);
/* No more actions: limits are lifted, readers read, decisions are made at once. */
void sim_app_settle(sim_app *a);
/* Money that has not left yet is not to be sent any more, and no other is asked for. */
void sim_app_enough(sim_app *a);
/* NULL where everything asked for is done; else what is not. */
const char *sim_app_waits_for(sim_app *a);
/* Ends streams or connections. */
void sim_app_finish(sim_app *a);
/* Closes connections at once. */
void sim_app_close(sim_app *a);
/* The error that this host's end of a connection ended with; RILL_OK where it did not. */
int sim_app_error(const sim_app *a, unsigned pair);
/* Its endpoint will be gone: what it has got is noted. */
void sim_app_dying(sim_app *a);
/* Its endpoint is gone: so are its connections and streams, without an event. */
void sim_app_crash(sim_app *a);
/* Calls with a deadline that is over have ended. */
void sim_app_check_deadlines(sim_app *a);
/* Whatever is waited for is told, and has a bound. Asked every second. */
void sim_app_watch(sim_app *a);
/* Rises with everything that is sent, acknowledged or read. */
uint64_t sim_app_progress(const sim_app *a);

/*
 * What one side wrote to a stream and ended well must be what the other side read: one of it.
 * twin: the other server of the writer's secret, or NULL.
 */
void sim_app_compare(const sim_app *writer, const sim_app *twin, const sim_app *const readers[],
                     unsigned count);

#endif
