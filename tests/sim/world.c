/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include "randomness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_HOSTS  (1 + SIM_MAX_CLIENTS) /* the server first */
#define MAX_EVENTS 3000000               /* of one run: more is a run without end */
/* Virtual time in which everything is done once faults have stopped, and ended once it is done. */
#define SETTLE_TIME  (300 * RILL_SECOND)
#define FINISH_TIME  (200 * RILL_SECOND)
#define DRAIN_TIME   (400 * RILL_SECOND)
#define MEMORY_LIMIT ((size_t)64 << 20)

typedef struct world {
    const sim_scenario *scenario;
    sim_report *report;
    sim_queue queue;
    sim_directory directory;
    rill_credentials credentials[SIM_MAX_PAIRS];
    sim_host *hosts[MAX_HOSTS];
    unsigned host_count;
    sim_path *paths[SIM_MAX_CLIENTS];
    uint64_t events;
} world;

/* The next thing that happens; false at the end of all, or at the limit of time. */
static bool step(world *w, uint64_t until)
{
    if (w->report->failed || sim_queue_next(&w->queue) > until)
        return false;
    if (++w->events > MAX_EVENTS) {
        sim_violation(w->report, "a run without end");
        return false;
    }
    return sim_queue_step(&w->queue);
}

static void run_until(world *w, uint64_t until)
{
    while (step(w, until))
        ;
    if (!w->report->failed && w->queue.now < until)
        w->queue.now = until;
}

static sim_host *make_host(world *w, unsigned index, uint64_t seed)
{
    const sim_scenario *s = w->scenario;
    bool server = index == 0;
    const rill_connection_options *options = server ? &s->server_options : &s->client_options;
    sim_host *h = sim_allocate(sizeof(*h));
    memset(h, 0, sizeof(*h));
    h->index = index;
    h->server = server;
    h->memory_limit = MEMORY_LIMIT;
    h->timer_lag = s->timer_lag;
    h->mono_offset = sim_mix(seed + index) >> 20;
    h->wall_offset = server ? s->server_wall_offset : s->client_wall_offset;
    if (server)
        snprintf(h->address, sizeof(h->address), "test.server");
    else
        snprintf(h->address, sizeof(h->address), "test.client%u", index);
    static const uint8_t secret[32] = {'s', 'i', 'm'};
    rill_endpoint_options o;
    rill_endpoint_options_init(&o);
    o.server_secret = secret;
    o.accept = server;
    o.connection = *options;
    h->books = sim_books_new(w->report, &w->directory, index, server, seed);
    sim_host_init(h, w->report, &w->queue, seed, &o);
    h->books->asks = options->ask_before_fulfill;
    h->books->default_receive_max = options->default_receive_max;
    sim_app_config app = server ? s->server_app : s->client_app;
    app.hostile = s->hostile;
    h->app = sim_app_new(h, &app, seed, options);
    return h;
}

static void join(world *w, unsigned client, uint64_t seed)
{
    sim_host *c = w->hosts[client];
    sim_host *s = w->hosts[0];
    sim_route *from_client = &c->routes[c->route_count++];
    sim_route *from_server = &s->routes[s->route_count];
    *from_client = (sim_route){c, s, NULL, 0, 0, s->address};
    *from_server = (sim_route){s, c, NULL, 1, s->route_count++, c->address};
    sim_path *p = sim_path_new(&w->scenario->path[client - 1], &w->queue, w->report, seed + client,
                               sim_host_port(from_client), sim_host_port(from_server));
    from_client->path = p;
    from_server->path = p;
    w->paths[client - 1] = p;
}

static void connect_now(void *context, uint64_t pair)
{
    world *w = context;
    sim_host *h = w->hosts[w->directory.pairs[pair].client];
    if (w->report->failed)
        return;
    sim_host_enter(h);
    const rill_credentials *c = &w->credentials[pair];
    rill_connection *connection;
    int error = rill_endpoint_connect(h->endpoint, sim_host_now(h), c->destination_account,
                                      c->shared_secret, sizeof(c->shared_secret),
                                      &w->scenario->client_options, &connection);
    if (error != RILL_OK) {
        sim_violation(w->report, "host %u: rill_endpoint_connect: %s", h->index,
                      rill_error_name(error));
        return;
    }
    sim_app_connected(h->app, (unsigned)pair, connection);
    sim_host_turn(h);
}

static void add_pair(world *w, unsigned client, sim_rng *r)
{
    unsigned index = w->directory.count++;
    sim_pair *p = &w->directory.pairs[index];
    char tag[8];
    snprintf(tag, sizeof(tag), "p%u", index);
    rill_credentials_options o;
    rill_credentials_options_init(&o);
    o.tag = tag;
    rill_credentials *c = &w->credentials[index];
    int error = rill_endpoint_credentials(w->hosts[0]->endpoint, &o, c);
    if (error != RILL_OK)
        sim_violation(w->report, "rill_endpoint_credentials: %s", rill_error_name(error));
    sim_keys_derive(&p->keys, c->shared_secret, sizeof(c->shared_secret));
    p->client = client;
    uint64_t at = index == 0 ? 0 : sim_rng_below(r, RILL_SECOND);
    sim_queue_put(&w->queue, at, connect_now, w, index, NULL);
}

static void worsen(void *context, uint64_t argument)
{
    (void)argument;
    world *w = context;
    sim_trace(w->report, "the rate falls");
    for (unsigned i = 0; i < w->scenario->clients; i++)
        sim_path_worsen(w->paths[i], w->scenario->worsen);
}

static void build(world *w, uint64_t seed)
{
    const sim_scenario *s = w->scenario;
    sim_rng r;
    sim_rng_seed(&r, seed, 2);
    sim_randomness_seed(seed);
    w->host_count = 1 + s->clients;
    for (unsigned i = 0; i < w->host_count; i++)
        w->hosts[i] = make_host(w, i, seed);
    for (unsigned i = 1; i < w->host_count; i++)
        join(w, i, seed);
    for (unsigned i = 0; i < s->clients && !w->report->failed; i++)
        for (unsigned k = 0; k < s->connections[i]; k++)
            add_pair(w, i + 1, &r);
    for (unsigned i = 0; i < w->host_count; i++)
        sim_app_start(w->hosts[i]->app);
    if (s->worsen_at != 0)
        sim_queue_put(&w->queue, s->worsen_at, worsen, w, 0, NULL);
}

static void each_host(world *w, void (*what)(sim_app *a))
{
    for (unsigned i = 0; i < w->host_count && !w->report->failed; i++) {
        sim_host_enter(w->hosts[i]);
        what(w->hosts[i]->app);
        sim_host_acted(w->hosts[i]);
    }
}

static const char *waits_for(world *w)
{
    for (unsigned i = 0; i < w->host_count; i++) {
        const char *what = sim_app_waits_for(w->hosts[i]->app);
        if (what != NULL)
            return what;
    }
    return NULL;
}

static void settle(world *w)
{
    sim_trace(w->report, "faults stop");
    for (unsigned i = 0; i < w->scenario->clients; i++)
        sim_path_calm(w->paths[i]);
    each_host(w, sim_app_settle);
    uint64_t until = w->queue.now + SETTLE_TIME;
    const char *what = waits_for(w);
    while (what != NULL && !w->report->failed && w->queue.now < until) {
        run_until(w, w->queue.now + RILL_SECOND / 2);
        what = waits_for(w);
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

static void finish(world *w)
{
    sim_trace(w->report, "everything is ended");
    each_host(w, sim_app_finish);
    uint64_t until = w->queue.now + FINISH_TIME;
    while (open_connections(w) != 0 && !w->report->failed && w->queue.now < until)
        run_until(w, w->queue.now + RILL_SECOND / 2);
    if (open_connections(w) != 0 && w->scenario->hostile) {
        /* Money that may not leave below the minimum rate is waited for: an application gives up.
         */
        each_host(w, sim_app_close);
        run_until(w, w->queue.now + FINISH_TIME);
    }
    if (open_connections(w) != 0)
        sim_violation(w->report, "%zu connections never ended", open_connections(w));
    until = w->queue.now + DRAIN_TIME;
    run_until(w, until);
    for (unsigned i = 0; i < w->host_count && !w->report->failed; i++)
        if (rill_endpoint_deadline(w->hosts[i]->endpoint) != RILL_NEVER)
            sim_violation(w->report, "host %u: has a deadline when all is over", i);
}

static void judge(world *w)
{
    for (unsigned i = 0; i < w->host_count && !w->report->failed; i++) {
        int error = 0;
        unsigned errors = sim_app_errors(w->hosts[i]->app, &error);
        if (errors != 0 && !w->scenario->hostile)
            sim_violation(w->report, "host %u: a connection died on a fair path: %s", i,
                          rill_error_name(error));
        sim_books_close(w->hosts[i]->books);
    }
    for (unsigned i = 1; i < w->host_count && !w->report->failed; i++) {
        sim_app_compare(w->hosts[i]->app, w->hosts[0]->app);
        sim_app_compare(w->hosts[0]->app, w->hosts[i]->app);
    }
}

static void tear_down(world *w)
{
    for (unsigned i = 0; i < w->host_count; i++)
        sim_host_free(w->hosts[i]);
    sim_queue_free(&w->queue);
    for (unsigned i = 0; i < w->scenario->clients; i++)
        sim_path_free(w->paths[i]);
    for (unsigned i = 0; i < w->host_count; i++) {
        sim_app_free(w->hosts[i]->app);
        sim_books_free(w->hosts[i]->books);
        free(w->hosts[i]);
    }
}

void sim_world_run(const sim_scenario *s, uint64_t seed, sim_report *report)
{
    world *w = sim_allocate(sizeof(*w));
    memset(w, 0, sizeof(*w));
    w->scenario = s;
    w->report = report;
    sim_queue_init(&w->queue);
    report->now = &w->queue.now;
    build(w, seed);
    uint64_t duration = s->client_app.duration > s->server_app.duration ? s->client_app.duration
                                                                        : s->server_app.duration;
    if (!report->failed)
        run_until(w, duration + RILL_SECOND);
    if (!report->failed)
        settle(w);
    if (!report->failed)
        finish(w);
    if (!report->failed)
        judge(w);
    sim_digest(report, report->units);
    tear_down(w);
    report->now = NULL;
    free(w);
}
