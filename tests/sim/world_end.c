/* SPDX-License-Identifier: Apache-2.0 */
/* How a run ends: faults stop, everything that was asked is done, everything is ended, and judged.
 */
#include "world_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* Virtual time in which everything is done once faults have stopped, and ended once it is done. */
#define SETTLE_TIME (300 * RILL_SECOND) /* since something went on last */
#define FINISH_TIME (200 * RILL_SECOND)
#define HOUR        (3600 * RILL_SECOND)
/* What is over is remembered until its packets have expired, and somebody may have put that far
 * off. */
#define DRAIN_TIME (2 * 3600 * RILL_SECOND + 400 * RILL_SECOND)

static const char *waits_for(world *w)
{
    for (unsigned i = 0; i < w->host_count; i++) {
        const char *what = sim_app_waits_for(w->hosts[i]->app);
        if (what != NULL)
            return what;
    }
    return NULL;
}

static uint64_t progress(const world *w)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < w->host_count; i++)
        sum += sim_app_progress(w->hosts[i]->app);
    return sum;
}

static void faults_stop(world *w)
{
    sim_trace(w->report, "faults stop");
    w->calm = true;
    for (unsigned i = 0; i < w->path_count; i++)
        sim_path_calm(w->paths[i]);
    if (w->rogue != NULL)
        sim_rogue_calm(w->rogue);
    for (unsigned i = 0; i < w->host_count; i++) {
        sim_host *h = w->hosts[i];
        sim_world_restart(w, i);
        sim_host_resume(h);
        sim_host_reconnect(h);
        h->memory.fail = 0;
        h->wall_offset = w->scenario->wall_offset[h->server ? 0 : 1];
    }
}

/* What was lost is known to be only when it has expired; what cannot be sent is given up then. */
static uint64_t patience(const world *w)
{
    const rill_connection_options *o[] = {&w->scenario->client_options,
                                          &w->scenario->server_options};
    uint64_t most = 0;
    for (unsigned i = 0; i < 2; i++) {
        uint64_t connect = o[i]->connect_timeout_ns < HOUR ? o[i]->connect_timeout_ns : HOUR;
        if (o[i]->packet_lifetime_ns + connect > most)
            most = o[i]->packet_lifetime_ns + connect;
    }
    return most;
}

/* Until the last handler that takes its time is done. */
static void let_handlers_end(world *w)
{
    for (unsigned i = 0; i < w->host_count; i++)
        while (sim_host_is_busy(w->hosts[i]) && !w->report->failed)
            sim_world_run_until(w, w->hosts[i]->busy_until);
}

void sim_world_settle(world *w)
{
    for (unsigned i = 0; i < w->host_count; i++)
        sim_app_hasten(w->hosts[i]->app);
    let_handlers_end(w);
    faults_stop(w);
    sim_world_each(w, sim_app_settle);
    uint64_t until = w->queue.now + SETTLE_TIME + patience(w);
    uint64_t before = progress(w);
    const char *what = waits_for(w);
    while (what != NULL && !w->report->failed && w->queue.now < until) {
        sim_world_run_until(w, w->queue.now + RILL_SECOND / 2);
        what = waits_for(w);
        /* Few packets in flight on a long path take their time. */
        if (progress(w) != before)
            until = w->queue.now + SETTLE_TIME + patience(w);
        before = progress(w);
    }
    if (what != NULL)
        sim_violation(w->report, "never done: %s", what);
}

static size_t open_connections(const world *w)
{
    size_t open = 0;
    for (unsigned i = 0; i < w->host_count; i++)
        open += rill_endpoint_connection_count(w->hosts[i]->endpoint);
    return open;
}

/* Not everything that was begun can come to an end by itself. */
static bool gives_up(const world *w)
{
    const sim_scenario *s = w->scenario;
    return s->hostile || w->rogue != NULL || s->restart_at != 0 || s->begin_again != 0 ||
           s->suspend_at != 0 || s->roll_at != 0 ||
           /* Of two servers the one that it was begun at waits for its client. */
           (s->fleet != 0 && s->disconnects != 0);
}

void sim_world_finish(world *w)
{
    sim_trace(w->report, "everything is ended");
    sim_world_each(w, sim_app_finish);
    uint64_t until = w->queue.now + FINISH_TIME + patience(w);
    while (open_connections(w) != 0 && !w->report->failed && w->queue.now < until)
        sim_world_run_until(w, w->queue.now + RILL_SECOND / 2);
    if (open_connections(w) != 0 && gives_up(w)) {
        /* Money that may not leave below the minimum rate is waited for: an application gives up.
         */
        sim_world_each(w, sim_app_close);
        sim_world_run_until(w, w->queue.now + FINISH_TIME + patience(w));
    }
    if (open_connections(w) != 0)
        sim_violation(w->report, "%zu connections never ended", open_connections(w));
    until = w->queue.now + DRAIN_TIME;
    sim_world_run_until(w, until);
    for (unsigned i = 0; i < w->host_count && !w->report->failed; i++)
        if (rill_endpoint_deadline(w->hosts[i]->endpoint) != RILL_NEVER)
            sim_violation(w->report, "host %u: has a deadline when all is over", i);
}

static bool server_idled(const world *w, unsigned pair)
{
    return w->hosts[0]->books->ledgers[pair].idled ||
           (w->twin != NULL && w->twin->books->ledgers[pair].idled);
}

void sim_world_judge(world *w)
{
    for (unsigned i = 0; i < w->host_count && !w->report->failed; i++) {
        for (unsigned k = 0; k < w->directory.count; k++) {
            int error = sim_app_error(w->hosts[i]->app, k);
            /* Who goes on with what a server has forgotten is told, and tells it. */
            if (w->hosts[i]->books->ledgers[k].restarted &&
                (error == RILL_ERR_FORGOTTEN || error == RILL_ERR_REMOTE ||
                 error == RILL_ERR_UNREACHABLE || error == RILL_ERR_PATH))
                continue;
            /*
             * Its handler took so long that its server ended for idleness, and nobody read that. Or
             * its timer came late: then it looks around before it ends for idleness itself.
             */
            if ((w->hosts[i]->blocked != 0 || w->scenario->timer_lag != 0) &&
                error == RILL_ERR_FORGOTTEN && server_idled(w, k))
                continue;
            /*
             * The same if it was the server's handler, and its client that ended and forgot: nobody
             * takes its packets then, nor any size with which it probes.
             */
            if (w->hosts[i]->blocked != 0 && w->hosts[i]->server &&
                (error == RILL_ERR_UNREACHABLE || error == RILL_ERR_PATH) &&
                !w->directory.pairs[k].rogue &&
                w->hosts[w->directory.pairs[k].client]->books->ledgers[k].idled)
                continue;
            /* Nobody answered its first packets while it waited: its server's handler took longer.
             */
            if (!w->hosts[i]->server && error == RILL_ERR_UNREACHABLE &&
                w->hosts[0]->blocked >= w->scenario->client_options.connect_timeout_ns &&
                !w->hosts[i]->books->ledgers[k].heard)
                continue;
            if (w->scenario->numbered != 0 &&
                (error == RILL_ERR_EXHAUSTED || error == RILL_ERR_REMOTE))
                continue;
            if (error != RILL_OK && !w->scenario->hostile && !w->directory.pairs[k].rogue)
                sim_violation(w->report, "host %u: connection %u died on a fair path: %s", i, k,
                              rill_error_name(error));
        }
        sim_books_close(w->hosts[i]->books);
    }
    const sim_app *servers[SIM_SERVERS] = {w->hosts[0]->app, w->twin != NULL ? w->twin->app : NULL};
    unsigned server_count = w->twin != NULL ? 2 : 1;
    for (unsigned i = 1; i <= w->scenario->clients && !w->report->failed; i++) {
        const sim_app *client = w->hosts[i]->app;
        sim_app_compare(client, NULL, servers, server_count);
        for (unsigned k = 0; k < server_count; k++)
            sim_app_compare(servers[k], servers[1 - k], &client, 1);
    }
}
