/* SPDX-License-Identifier: Apache-2.0 */
#include "world_internal.h"

#include "randomness.h"
#include "stream/core/connection_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_EVENTS  3000000 /* of one run: more is a run without end */
#define MAX_PACKETS 10000   /* after which faults stop early */
/*
 * After so many packets applications ask for no more money. Otherwise a run may be as good as
 * endless: if a connector has made all packets as small as one unit, and no link has a delay, a
 * million of them take a tenth of a second of virtual time.
 */
#define ENOUGH_PACKETS 100000
#define ENOUGH_BYTES   (UINT64_C(512) << 20) /* all of which are encrypted */
#define MEMORY_LIMIT   ((size_t)16 << 20)
/* Servers of one secret: with names. */
#define NAMED 2
/* Of two servers, the bytes that the second writes are of lives that the first does not come to. */
#define LIVES_OF_FIRST (SIM_CLIENT_LIVES / 2)

void sim_world_each(world *w, void (*what)(sim_app *a))
{
    for (unsigned i = 0; i < w->host_count && !w->report->failed; i++) {
        if (w->hosts[i]->endpoint == NULL)
            continue;
        sim_host_enter(w->hosts[i]);
        what(w->hosts[i]->app);
        sim_host_acted(w->hosts[i]);
    }
}

/* The next thing that happens; false at the end of all, or at the limit of time. */
static bool step(world *w, uint64_t until)
{
    if (w->report->failed || sim_queue_next(&w->queue) > until)
        return false;
    if (++w->events > MAX_EVENTS) {
        sim_violation(w->report, "a run without end");
        return false;
    }
    bool enough = w->report->packets >= ENOUGH_PACKETS || w->report->bytes >= ENOUGH_BYTES;
    if (enough && !w->enough) {
        w->enough = true;
        sim_trace(w->report, "enough packets");
        sim_world_each(w, sim_app_enough);
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

void sim_world_run_until(world *w, uint64_t until)
{
    while (w->watch_at < until && !w->report->failed) {
        run_until(w, w->watch_at);
        for (unsigned i = 0; i < w->host_count && !w->report->failed; i++)
            sim_app_watch(w->hosts[i]->app);
        w->watch_at += RILL_SECOND;
    }
    run_until(w, until);
}

static void connect_now(void *context, uint64_t pair);

static sim_host *make_host(world *w, unsigned index, uint64_t seed)
{
    const sim_scenario *s = w->scenario;
    bool twin = index > s->clients;
    bool server = index == 0 || twin;
    const rill_connection_options *options = server ? &s->server_options : &s->client_options;
    sim_host *h = sim_allocate(sizeof(*h));
    memset(h, 0, sizeof(*h));
    h->index = index;
    h->server = server;
    h->memory_limit = MEMORY_LIMIT;
    h->timer_lag = s->timer_lag;
    h->mono_offset = (sim_mix(seed + index) >> 20) + s->suspend_for; /* it may stand still */
    h->wall_offset = s->wall_offset[server ? 0 : 1];
    if (h->wall_offset != 0)
        sim_count(w->report, SIM_SKEW);
    if (server)
        snprintf(h->address, sizeof(h->address), "test.server");
    else
        snprintf(h->address, sizeof(h->address), "test.client%u", index);
    snprintf((char *)h->server_secret, sizeof(h->server_secret), "sim%u", server ? 0 : index);
    rill_endpoint_options o;
    rill_endpoint_options_init(&o);
    o.server_secret = h->server_secret;
    o.accept = server;
    if (server && s->few_connections != 0)
        o.max_connections = s->few_connections;
    if (server && s->few_remembered != 0)
        o.max_remembered = s->few_remembered;
    if (server && s->fleet == NAMED)
        o.instance = twin ? "b" : "a";
    o.connection = options;
    h->books = sim_books_new(w->report, &w->directory, index, server, seed);
    for (unsigned k = 0; twin && k < SIM_MAX_PAIRS; k++)
        h->books->ledgers[k].written = LIVES_OF_FIRST;
    sim_host_init(h, w->report, &w->queue, seed, &o);
    h->books->asks = options->ask_before_fulfill;
    h->books->default_receive_max = options->default_receive_max;
    h->books->options = options;
    sim_app_config app = server ? s->server_app : s->client_app;
    app.hostile = s->hostile;
    h->app = sim_app_new(h, &app, seed, options);
    return h;
}

static void join(world *w, unsigned client, uint64_t seed)
{
    sim_host *c = w->hosts[client];
    sim_host *servers[SIM_SERVERS] = {w->hosts[0], w->twin};
    unsigned leg = servers[0]->route_count;
    sim_route *from_client = &c->routes[c->route_count++];
    *from_client = (sim_route){.host = c, .peer = servers[0], .twin = w->twin};
    from_client->prefix = servers[0]->address;
    sim_port end = {0};
    for (unsigned i = 0; i < SIM_SERVERS && servers[i] != NULL; i++) {
        sim_route *r = &servers[i]->routes[servers[i]->route_count++];
        *r = (sim_route){.host = servers[i], .peer = c, .side = 1, .index = leg};
        r->prefix = c->address;
        r->front = w->front;
        r->server = i;
        end = sim_host_port(r);
    }
    if (w->front != NULL)
        end = sim_front_port(w->front, leg);
    sim_path *p = sim_path_new(&w->scenario->path[client - 1], &w->queue, w->report, seed + client,
                               sim_host_port(from_client), end);
    from_client->path = p;
    for (unsigned i = 0; i < SIM_SERVERS && servers[i] != NULL; i++) {
        sim_route *r = &servers[i]->routes[leg];
        r->path = p;
        if (w->front != NULL)
            sim_front_join(w->front, leg, p, 1, i, sim_host_port(r));
    }
    w->paths[w->path_count++] = p;
}

/* The rogue and the endpoint that it abuses. */
static void join_rogue(world *w, uint64_t seed)
{
    const sim_scenario *s = w->scenario;
    sim_rogue *r = sim_allocate(sizeof(*r));
    sim_rogue_init(r, &s->rogue, w->report, &w->queue, seed);
    sim_host *h = w->hosts[s->rogue.serves ? 1 : 0];
    sim_route *route = &h->routes[h->route_count];
    *route = (sim_route){.host = h, .side = 1, .index = h->route_count++};
    route->prefix = SIM_ROGUE_ADDRESS;
    sim_path *p = sim_path_new(&s->path[s->clients], &w->queue, w->report, seed + 99,
                               sim_rogue_port(r), sim_host_port(route));
    route->path = p;
    r->path = p;
    r->side = 0;
    w->paths[w->path_count++] = p;
    w->rogue = r;
    /* Whom it may name instead of itself. */
    snprintf(r->strangers[0], sizeof(r->strangers[0]), "test.nowhere.x");
    snprintf(r->strangers[1], sizeof(r->strangers[1]), "test.client1");
    snprintf(r->strangers[2], sizeof(r->strangers[2]), "test.server");
    snprintf(r->strangers[3], sizeof(r->strangers[3]), "test.client1.0123456789abcdef");
    r->stranger_count = SIM_ROGUE_STRANGERS;
}

static void rogue_starts(void *context, uint64_t argument)
{
    (void)argument;
    world *w = context;
    if (!w->report->failed)
        sim_rogue_start(w->rogue);
}

/* The pair of the rogue, which is its client or its server. */
static void add_rogue_pair(world *w, sim_rng *r)
{
    const sim_scenario *s = w->scenario;
    sim_rogue *rogue = w->rogue;
    unsigned index = w->directory.count++;
    sim_pair *p = &w->directory.pairs[index];
    rill_credentials *c = &w->credentials[index];
    *p = (sim_pair){.rogue = true, .rogue_serves = s->rogue.serves, .client = 1};
    w->directory.scrawls = s->rogue.bad_frames != 0;
    rogue->pair = index;
    if (!s->rogue.serves) {
        char tag[8];
        rill_credentials_options o;
        snprintf(tag, sizeof(tag), "p%u", index);
        rill_credentials_options_init(&o);
        o.tag = tag;
        p->client = MAX_HOSTS;
        int error = rill_endpoint_generate_credentials(w->hosts[0]->endpoint, &o, c);
        if (error != RILL_OK)
            sim_violation(w->report, "rill_endpoint_generate_credentials: %s",
                          rill_error_name(error));
        snprintf(rogue->target, sizeof(rogue->target), "%s", c->destination_account);
    } else {
        snprintf(c->destination_account, sizeof(c->destination_account), SIM_ROGUE_ADDRESS ".x");
        sim_rng_fill(r, c->shared_secret, sizeof(c->shared_secret));
        sim_queue_put(&w->queue, sim_rng_below(r, RILL_SECOND), connect_now, w, index, NULL);
    }
    sim_keys_derive(&p->keys, c->shared_secret, sizeof(c->shared_secret));
    rogue->keys = p->keys;
    sim_queue_put(&w->queue, sim_rng_below(r, RILL_SECOND), rogue_starts, w, 0, NULL);
}

/* Another implementation, and what the first client has to pay it with. */
static void add_peer(world *w, uint64_t seed, sim_rng *r)
{
    const sim_scenario *s = w->scenario;
    sim_host *h = w->hosts[1];
    unsigned index = w->directory.count++;
    sim_pair *pair = &w->directory.pairs[index];
    rill_credentials *c = &w->credentials[index];
    sim_route *route = &h->routes[h->route_count];
    sim_peer *p = sim_allocate(sizeof(*p));
    sim_peer_init(p, s->peer, w->report, h->books);
    *route = (sim_route){.host = h, .index = h->route_count++, .prefix = SIM_PEER_ADDRESS};
    route->path = p->path = sim_path_new(&s->path[s->clients], &w->queue, w->report, seed + 98,
                                         sim_host_port(route), sim_peer_port(p));
    w->paths[w->path_count++] = p->path;
    w->peer = p;
    *pair = (sim_pair){.stands_in = true, .client = 1};
    snprintf(c->destination_account, sizeof(c->destination_account), SIM_PEER_ADDRESS ".x");
    sim_rng_fill(r, c->shared_secret, sizeof(c->shared_secret));
    sim_keys_derive(&pair->keys, c->shared_secret, sizeof(c->shared_secret));
    p->keys = pair->keys;
    sim_count(w->report, SIM_PEER);
    sim_queue_put(&w->queue, 0, connect_now, w, index, NULL);
}

static void connect_now(void *context, uint64_t pair)
{
    world *w = context;
    sim_host *h = w->hosts[w->directory.pairs[pair].client];
    if (w->report->failed)
        return;
    /* It may have begun again before it was to begin. */
    if (h->endpoint == NULL || h->books->ledgers[pair].connection != NULL)
        return;
    if (h->asleep) {
        sim_queue_put(&w->queue, w->queue.now + RILL_SECOND, connect_now, w, pair, NULL);
        return;
    }
    sim_host_enter(h);
    const rill_credentials *c = &w->credentials[pair];
    rill_connection *connection;
    int error = rill_endpoint_connect(h->endpoint, sim_host_now(h), c->destination_account,
                                      c->shared_secret, sizeof(c->shared_secret),
                                      &w->scenario->client_options, &connection);
    if (error != RILL_OK) {
        if (error != RILL_ERR_NOMEM || h->memory.refused == 0)
            sim_violation(w->report, "host %u: rill_endpoint_connect: %s", h->index,
                          rill_error_name(error));
        sim_host_turn(h);
        return;
    }
    connection->numbers.given += w->scenario->numbered;
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
    /* Who makes them has them for its own, where servers have names. */
    const sim_host *maker = w->twin != NULL && sim_rng_chance(r, 500) ? w->twin : w->hosts[0];
    int error = rill_endpoint_generate_credentials(maker->endpoint, &o, c);
    if (error != RILL_OK)
        sim_violation(w->report, "rill_endpoint_generate_credentials: %s", rill_error_name(error));
    sim_keys_derive(&p->keys, c->shared_secret, sizeof(c->shared_secret));
    p->client = client;
    uint64_t at = index == 0 ? 0 : sim_rng_below(r, RILL_SECOND);
    sim_queue_put(&w->queue, at, connect_now, w, index, NULL);
}

/* Clocks that differ by less show a packet's expiry within the second that its sender allows. */
#define AGREE_MS 1000

/*
 * What a receiver counts can be compared with what was sent, to the unit. There are two exceptions.
 * Less of lost packets may arrive than the rate says (docs/protocol.md, Money in doubt). And a
 * packet may be fulfilled after its sender's expiry; whoever changed the expiry pays for it.
 */
static bool steady(const sim_scenario *s)
{
    int64_t apart = s->wall_offset[0] - s->wall_offset[1];
    bool agree = apart > -AGREE_MS && apart < AGREE_MS && s->clock_jumps == 0;
    if (!agree || s->worsen_at != 0)
        return false;
    for (unsigned i = 0; i < s->clients; i++)
        for (unsigned k = 0; k < s->path[i].hops; k++) {
            const sim_adversary_config *a = &s->path[i].hop[k].adversary;
            if (a->lower_amount != 0 || a->change_expiry != 0)
                return false;
        }
    return true;
}

static void worsen(void *context, uint64_t argument)
{
    (void)argument;
    world *w = context;
    sim_trace(w->report, "the rate falls");
    sim_count(w->report, SIM_WORSEN);
    for (unsigned i = 0; i < w->scenario->clients; i++)
        sim_path_worsen(w->paths[i], w->scenario->worsen);
}

/* ---- what befalls hosts ---- */

static void reconnect(void *context, uint64_t host)
{
    world *w = context;
    sim_host_reconnect(w->hosts[host]);
}

/* The pairs that a server may have: of two with one secret the other one may have it. */
static void pairs_of(const world *w, const sim_host *h, bool has[SIM_MAX_PAIRS])
{
    const sim_host *other = h == w->twin ? w->hosts[0] : w->twin;
    for (unsigned k = 0; k < w->directory.count; k++) {
        const sim_ledger *l = &h->books->ledgers[sim_books_known(h->books, k)];
        has[k] = other == NULL || l->connection != NULL || l->ended ||
                 other->books->ledgers[sim_books_known(other->books, k)].connection == NULL;
    }
}

/* What this server had is told to be forgotten: by itself, made again, or by the other one. */
static void forgets(world *w, const bool had[SIM_MAX_PAIRS])
{
    for (unsigned i = 0; i < w->host_count; i++)
        for (unsigned k = 0; k < w->directory.count; k++) {
            sim_ledger *l = &w->hosts[i]->books->ledgers[k];
            bool begun = l->connection != NULL || l->ended;
            bool goes_on = w->twin != NULL && w->hosts[i]->server;
            l->restarted = l->restarted || ((begun || goes_on) && had[k]);
        }
}

static void disconnect(void *context, uint64_t host)
{
    world *w = context;
    bool had[SIM_MAX_PAIRS];
    if (w->calm || w->hosts[host]->link_down)
        return;
    /* Its node does not know it again. Where servers have names, each says what is its own. */
    if (w->twin != NULL && w->hosts[host]->server && w->scenario->fleet != NAMED) {
        pairs_of(w, w->hosts[host], had);
        forgets(w, had);
    }
    sim_host_disconnect(w->hosts[host]);
    uint64_t back = w->queue.now + sim_rng_below(&w->rng, w->scenario->away) + 1;
    sim_queue_put(&w->queue, back, reconnect, w, host, NULL);
}

static void jump(void *context, uint64_t host)
{
    world *w = context;
    sim_host *h = w->hosts[host];
    if (w->calm || w->report->failed)
        return;
    int64_t by = (int64_t)sim_rng_below(&w->rng, (uint64_t)w->scenario->jump_ms * 2 + 1) -
                 w->scenario->jump_ms;
    h->wall_offset = by;
    sim_count(w->report, SIM_CLOCK_JUMPS);
    sim_trace(w->report, "host %u: its wall clock is off by %" PRId64 " ms", h->index, by);
}

void sim_world_restart(void *context, uint64_t host)
{
    world *w = context;
    sim_host *h = w->hosts[host];
    if (w->report->failed || h->endpoint != NULL)
        return;
    sim_trace(w->report, "host %u: starts again", h->index);
    uint32_t fail = h->memory.fail;
    h->memory.fail = 0;
    sim_host_restart(h);
    h->memory.fail = fail;
    sim_host_reconnect(h);
    /* A client comes with the credentials that it has. */
    for (unsigned k = 0; !h->server && k < w->directory.count; k++)
        if (w->directory.pairs[k].client == host) {
            w->directory.pairs[k].life++;
            connect_now(w, k);
        }
}

/* The other side finds out by what comes back, or does not. */
static void crash(void *context, uint64_t host)
{
    world *w = context;
    sim_host *h = w->hosts[host];
    bool had[SIM_MAX_PAIRS] = {false};
    if (w->calm || h->endpoint == NULL || h->asleep)
        return;
    if (h->server)
        pairs_of(w, h, had);
    if (h == w->twin)
        sim_count(w->report, SIM_ROLL);
    sim_host_crash(h);
    if (h->server)
        forgets(w, had);
    for (unsigned i = 0; !h->server && i < w->host_count; i++)
        for (unsigned k = 0; k < w->directory.count; k++)
            if (w->directory.pairs[k].client == host)
                w->hosts[i]->books->ledgers[k].restarted = true;
    sim_queue_put(&w->queue, w->queue.now + w->scenario->restart_for + 1, sim_world_restart, w,
                  host, NULL);
}

static void resume(void *context, uint64_t argument)
{
    (void)argument;
    world *w = context;
    sim_host_resume(w->hosts[1]);
}

static void suspend(void *context, uint64_t argument)
{
    (void)argument;
    world *w = context;
    if (w->calm || w->hosts[1]->endpoint == NULL)
        return;
    sim_host_suspend(w->hosts[1]);
    for (unsigned i = 0; i < w->host_count; i++)
        for (unsigned k = 0; k < w->directory.count; k++)
            if (w->directory.pairs[k].client == 1)
                w->hosts[i]->books->ledgers[k].restarted = true;
    sim_queue_put(&w->queue, w->queue.now + w->scenario->suspend_for, resume, w, 0, NULL);
}

static void no_memory(void *context, uint64_t permille)
{
    world *w = context;
    for (unsigned i = 0; i < w->host_count && !w->report->failed; i++)
        w->hosts[i]->memory.fail = (uint32_t)permille;
}

static void plan_troubles(world *w, uint64_t seed)
{
    const sim_scenario *s = w->scenario;
    sim_rng_seed(&w->rng, seed, 3);
    uint64_t span = s->client_app.duration;
    for (unsigned i = 0; i < w->host_count; i++) {
        for (unsigned k = 0; k < s->disconnects; k++)
            sim_queue_put(&w->queue, sim_rng_below(&w->rng, span), disconnect, w, i, NULL);
        for (unsigned k = 0; k < s->clock_jumps; k++)
            sim_queue_put(&w->queue, sim_rng_below(&w->rng, span), jump, w, i, NULL);
    }
    if (s->restart_at != 0)
        sim_queue_put(&w->queue, s->restart_at, crash, w, 0, NULL);
    if (s->roll_at != 0 && w->twin != NULL)
        sim_queue_put(&w->queue, s->roll_at, crash, w, w->twin->index, NULL);
    if (s->begin_again != 0)
        sim_queue_put(&w->queue, s->begin_again, crash, w, 1, NULL);
    if (s->suspend_at != 0)
        sim_queue_put(&w->queue, s->suspend_at, suspend, w, 0, NULL);
    if (s->no_memory != 0)
        sim_queue_put(&w->queue, sim_rng_below(&w->rng, span), no_memory, w, s->no_memory, NULL);
    bool faithful = true;
    for (unsigned i = 0; i < s->clients; i++) {
        for (unsigned k = 0; k <= s->path[i].hops; k++)
            faithful = faithful && s->path[i].link[k].duplicate == 0;
        for (unsigned k = 0; k < s->path[i].hops; k++)
            faithful = faithful && s->path[i].hop[k].adversary.replay == 0;
    }
    w->directory.faithful = faithful;
    w->directory.steady = steady(s);
}

static void build(world *w, uint64_t seed)
{
    const sim_scenario *s = w->scenario;
    sim_rng r;
    sim_rng_seed(&r, seed, 2);
    sim_randomness_seed(seed);
    w->host_count = 1 + s->clients + (s->fleet != 0);
    for (unsigned i = 0; i < w->host_count; i++)
        w->hosts[i] = make_host(w, i, seed);
    if (s->fleet != 0) {
        w->twin = w->hosts[w->host_count - 1];
        w->front = sim_front_new(w->report, &w->queue, seed);
        w->directory.fleet = true;
        sim_count(w->report, SIM_FLEET);
    }
    for (unsigned i = 1; i <= s->clients; i++)
        join(w, i, seed);
    for (unsigned i = 0; i < s->clients && !w->report->failed; i++)
        for (unsigned k = 0; k < s->connections[i]; k++)
            add_pair(w, i + 1, &r);
    if (s->rogue.packets != 0 && w->directory.count < SIM_MAX_PAIRS) {
        join_rogue(w, seed);
        add_rogue_pair(w, &r);
    }
    if (s->peer != SIM_PEER_NONE && w->rogue == NULL && w->directory.count < SIM_MAX_PAIRS &&
        !w->report->failed)
        add_peer(w, seed, &r);
    for (unsigned i = 0; i < w->host_count; i++)
        sim_app_start(w->hosts[i]->app);
    if (s->worsen_at != 0)
        sim_queue_put(&w->queue, s->worsen_at, worsen, w, 0, NULL);
    plan_troubles(w, seed);
}

static void tear_down(world *w)
{
    for (unsigned i = 0; i < w->host_count; i++)
        sim_host_free(w->hosts[i]);
    sim_queue_free(&w->queue);
    for (unsigned i = 0; i < w->path_count; i++)
        sim_path_free(w->paths[i]);
    free(w->rogue);
    free(w->peer);
    sim_front_free(w->front);
    free(w->directory.fulfilled.slots);
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
    if (s->calm_at > duration)
        duration = s->calm_at;
    /* A connector that lies about its maximum makes packets of one unit: enough of those. */
    while (w->queue.now < duration + RILL_SECOND && report->packets < MAX_PACKETS &&
           !report->failed)
        sim_world_run_until(w, w->queue.now + RILL_SECOND / 10);
    if (!report->failed)
        sim_world_settle(w);
    if (!report->failed)
        sim_world_finish(w);
    if (!report->failed)
        sim_world_judge(w);
    sim_digest(report, report->units);
    tear_down(w);
    report->now = NULL;
    free(w);
}
