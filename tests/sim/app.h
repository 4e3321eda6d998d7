/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The application on one host: it opens, pays, writes, reads, limits, decides and ends by chance.
 */
#ifndef SIM_APP_H
#define SIM_APP_H

#include "host.h"

typedef struct sim_app_config {
    unsigned actions;     /* actions of each host */
    uint64_t duration;    /* nanoseconds over which they are spread */
    unsigned max_streams; /* streams of each host */
    uint64_t amount_low;  /* most units of one payment, ours */
    uint64_t amount_high;
    uint64_t data_high;   /* most bytes of one message; 0: no messages */
    bool pays;            /* this host sends money */
    uint32_t slow_reader; /* permille of streams */
    uint32_t weights;     /* permille of actions that give a stream another weight */
    uint32_t closes;      /* permille of actions */
    uint32_t ends;
    uint32_t timeouts; /* permille of payments with a deadline */
    uint32_t lowers;   /* permille of actions that lower the send max to what is sent */
    uint32_t late;     /* permille of decisions that come later */
    uint32_t too_late; /* ... that come after the expiry */
    uint32_t never;    /* ... that never come */
    uint32_t refuses;  /* ... that are no */
    uint32_t blocks;   /* permille of handlers that take their time */
    uint64_t block_high_ms;
    uint64_t timeout_high_ms; /* time of a payment with a deadline; 0: 5 s */
    bool patient;             /* no payment under way may end because its connection was idle */
    /* the path may have lied about its rate, so money may be left that cannot be sent */
    bool hostile;
    bool raises; /* the receive max starts low and is raised now and then */
} sim_app_config;

typedef struct sim_app sim_app;

sim_app *sim_app_new(sim_host *h, const sim_app_config *config, uint64_t seed,
                     const rill_connection_options *options);
void sim_app_free(sim_app *a);
/* The client's end of a connection was opened. */
void sim_app_connected(sim_app *a, unsigned pair, rill_connection *c);
void sim_app_start(sim_app *a);
void sim_app_event(sim_app *a, const rill_event *e);
/* From now on its handlers take no time. */
void sim_app_hasten(sim_app *a);
/* No more actions: limits are lifted, readers read, decisions are made at once. */
void sim_app_settle(sim_app *a);
/* Money that has not left yet must not be sent any more, and no more is asked for. */
void sim_app_enough(sim_app *a);
/* NULL if everything that was asked for is done; otherwise what is not. */
const char *sim_app_waits_for(sim_app *a);
/* Ends streams or connections. */
void sim_app_finish(sim_app *a);
/* Closes connections at once. */
void sim_app_close(sim_app *a);
/* The error with which this host's end of a connection ended; RILL_OK if it has not ended. */
int sim_app_error(const sim_app *a, unsigned pair);
/* Its endpoint will be destroyed. What it has got is recorded. */
void sim_app_dying(sim_app *a);
/* Its endpoint is destroyed, with its connections and streams, without an event. */
void sim_app_crash(sim_app *a);
/* Checks that calls whose deadline is over have ended. */
void sim_app_check_deadlines(sim_app *a);
/* Checks that every wait is reported and has a bound. Called every second. */
void sim_app_watch(sim_app *a);
/* A number that rises with everything that is sent, acknowledged or read. */
uint64_t sim_app_progress(const sim_app *a);

/*
 * Checks that what one side wrote to a stream and ended without an error is what the other side
 * read. twin: the other server with the writer's secret, or NULL.
 */
void sim_app_compare(const sim_app *writer, const sim_app *twin, const sim_app *const readers[],
                     unsigned count);

#endif
