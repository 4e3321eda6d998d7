/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a connector: begun from its store, driven as its loop would, killed, begun again. */
#define _POSIX_C_SOURCE 200809L /* mkstemp, pread, pwrite */
#include "parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rill/error.h>

#include "base/alloc.h"

/* How often expired packets of an earlier life are looked for. */
#define CHORES (200 * RILL_MS)
/* A turn of the loop takes in what comes in so long, at most. */
#define TURN_MAX (UINT64_C(300000))
/* Of the list of packets that are out: its head and the first 1023, of 64 bytes each. */
enum { LIST_SLOTS = 1024, LIST_BYTES = 64 * LIST_SLOTS };

/* ---- the list of packets that are out: one file for each node, used by all runs ---- */

typedef struct list {
    char path[40];
    int fd; /* 0: there is none yet */
    rill_flights *file;
    bool bytes;               /* how it was remembered */
    uint8_t left[LIST_BYTES]; /* its first bytes, as the last process left them */
    rill_flight *listed;
    size_t count;
    size_t cap;
} list;

static list lists[NET_NODES];

static void remove_lists(void)
{
    for (unsigned i = 0; i < NET_NODES; i++) {
        rill_flights_close(lists[i].file);
        free(lists[i].listed);
        if (lists[i].fd > 0)
            (void)unlink(lists[i].path);
    }
    memset(lists, 0, sizeof lists); /* a process that was forked comes here twice */
}

void net_node_forget_files(void)
{
    for (unsigned i = 0; i < NET_NODES; i++) {
        rill_flights_close(lists[i].file);
        free(lists[i].listed);
    }
    memset(lists, 0, sizeof lists);
}

static void list_failed(const char *what)
{
    fprintf(stderr, "rill-net-sim: the list of packets: %s\n", what);
    abort();
}

static void open_list(list *l)
{
    char problem[200];
    if (l->fd == 0) {
        if (lists[0].fd == 0)
            (void)atexit(remove_lists);
        snprintf(l->path, sizeof l->path, "/tmp/rill-net-sim-XXXXXX");
        l->fd = mkstemp(l->path);
        if (l->fd <= 0)
            list_failed("no file");
    }
    if (l->file == NULL && rill_flights_open(&l->file, rill_allocator_default(), l->path, problem,
                                             sizeof problem) != RILL_OK)
        list_failed(problem);
}

static void empty_list(list *l)
{
    uint32_t cursor = 0;
    uint32_t slot = 0;
    rill_flight flight;
    while (rill_flights_next(l->file, &cursor, &slot, &flight))
        rill_flights_remove(l->file, slot);
}

/* The process is gone, and its list stays as it is, whatever is done to it from now on. */
static void remember_list(list *l, bool bytes)
{
    uint32_t cursor = 0;
    uint32_t slot = 0;
    size_t count = rill_flights_count(l->file);
    if (count > l->cap) {
        l->cap = count;
        l->listed = sim_reallocate(l->listed, l->cap * sizeof *l->listed);
    }
    for (l->count = 0; l->count < count; l->count++) {
        if (!rill_flights_next(l->file, &cursor, &slot, &l->listed[l->count]))
            list_failed("is shorter than it says");
    }
    l->bytes = bytes && slot < LIST_SLOTS;
    if (l->bytes && pread(l->fd, l->left, sizeof l->left, 0) != (ssize_t)sizeof l->left)
        list_failed("cannot be read");
}

/* Byte by byte, and it is opened again; or, which takes no time, packet by packet. */
static void restore_list(list *l)
{
    if (l->bytes) {
        rill_flights_close(l->file);
        l->file = NULL;
        if (pwrite(l->fd, l->left, sizeof l->left, 0) != (ssize_t)sizeof l->left)
            list_failed("cannot be written");
        return;
    }
    empty_list(l);
    for (size_t i = 0; i < l->count; i++) {
        const rill_flight *flight = &l->listed[i];
        rill_flights_begin(l->file, flight->run);
        uint32_t slot = rill_flights_add(l->file, flight);
        if (flight->group != 0)
            rill_flights_fulfilled(l->file, slot, flight->group, flight->charged);
    }
}

/* ---- what the core asks for ---- */

rill_now net_node_now(const net_node *node)
{
    uint64_t now = net_now(node->net);
    return (rill_now){now + node->mono_offset,
                      (uint64_t)((int64_t)(NET_WALL + now / RILL_MS) + node->wall_offset)};
}

static rill_now on_now(void *user)
{
    return net_node_now(user);
}

static void on_wake(void *user, uint64_t deadline)
{
    net_node *node = user;
    node->wake = deadline;
}

static void on_drained(void *user)
{
    (void)user; /* the owner looks by itself */
}

static void on_line(void *user, rill_log_level level, const char *line)
{
    const net_node *node = user;
    if (!node->dying && level != RILL_LOG_DEBUG)
        sim_trace(&node->net->report, "%s: %s", node->address, line);
}

static int on_secret(void *user, const char *where, char *out, size_t cap)
{
    (void)user;
    snprintf(out, cap, "%s", where + strlen("env:"));
    return RILL_OK;
}

static void on_problem(void *user, rill_place place, const char *problem)
{
    net_node *node = user;
    snprintf(node->problem, sizeof node->problem, "line %u: %s", place.line, problem);
}

static void take_turn(void *context, uint64_t life)
{
    net_node *node = context;
    if (node->life != life || node->net->report.failed)
        return;
    node->turn_planned = false;
    rill_core_turn(node->core);
    net_node_after(node);
}

static void on_soon(void *user)
{
    net_node *node = user;
    net *n = node->net;
    if (node->turn_planned || node->dying)
        return;
    node->turn_planned = true;
    sim_queue_put(&n->queue, net_now(n) + sim_rng_below(&n->rng, TURN_MAX), take_turn, node,
                  node->life, NULL);
}

/* ---- time ---- */

static void looks(void *context, uint64_t life)
{
    net_node *node = context;
    if (node->life != life || node->net->report.failed || net_now(node->net) < node->planned)
        return;
    node->planned = RILL_NEVER;
    uint64_t now = net_node_now(node).mono_ns;
    if (node->wake <= now) {
        node->wake = RILL_NEVER;
        rill_hub_tick(rill_core_hub(node->core));
        net_ledger_ticked(node);
    }
    if (rill_core_deadline(node->core) <= now || rill_core_routes_deadline(node->core) <= now)
        rill_core_turn(node->core);
    net_node_after(node);
}

static void plan(net_node *node)
{
    net *n = node->net;
    uint64_t at = node->wake;
    uint64_t retry = rill_core_deadline(node->core);
    uint64_t speak = rill_core_routes_deadline(node->core);
    at = retry < at ? retry : at;
    if (!node->turn_planned) /* which looks at routes, too */
        at = speak < at ? speak : at;
    if (at == RILL_NEVER)
        return;
    at = at > node->mono_offset ? at - node->mono_offset : 0;
    /* Never twice at one moment. */
    at = at <= net_now(n) ? net_now(n) + 1000 : at;
    if (at >= node->planned)
        return;
    node->planned = at;
    sim_queue_put(&n->queue, at, looks, node, node->life, NULL);
}

void net_node_after(net_node *node)
{
    if (!node->running || node->dying || node->net->report.failed)
        return;
    plan(node);
    net_log_turn(node);
    net_prices_plan(node);
    net_ledger_check(node);
}

static void plan_chores(net_node *node);

/* Configurations before are needed no more once nobody leaves. */
static void free_old(net_node *node)
{
    while (node->old_count > 0)
        rill_arena_clear(&node->old[--node->old_count]);
}

static void chores(void *context, uint64_t life)
{
    net_node *node = context;
    if (node->life != life || node->net->report.failed)
        return;
    node->chores_planned = false;
    rill_core_part(node->core);
    if (!rill_core_is_leaving(node->core))
        free_old(node);
    uint64_t next = rill_core_expire_flights(node->core);
    net_ledger_chores(node);
    net_node_after(node);
    if (next != RILL_NEVER || rill_core_is_leaving(node->core))
        plan_chores(node);
}

static void plan_chores(net_node *node)
{
    net *n = node->net;
    if (node->chores_planned)
        return;
    node->chores_planned = true;
    sim_queue_put(&n->queue, net_now(n) + CHORES, chores, node, node->life, NULL);
}

/* ---- beginning ---- */

static int read_config(net_node *node, rill_config *config, rill_arena *arena)
{
    rill_arena_init(arena, rill_allocator_default());
    return rill_config_read_with(config, arena, node->text, strlen(node->text), NULL,
                                 &node->overlay, on_problem, node);
}

static int open_core(net_node *node)
{
    const char *problem = NULL;
    list *l = &lists[node->index];
    const rill_core_options o = {
        .allocator = rill_allocator_default(),
        .config = &node->config,
        .crypto = node->net->crypto,
        .now = on_now,
        .wake = on_wake,
        .drained = on_drained,
        .log = {on_line, node, RILL_LOG_INFO, NULL},
        .soon = on_soon,
        .engine = net_engine_call,
        .entered = net_settle_entered,
        .secret = on_secret,
        .user = node,
    };
    open_list(l);
    node->flights_file = l->file;
    if (node->life == 1)
        empty_list(l);
    int rc = net_disk_open(&node->disk);
    if (rc == RILL_OK)
        rc = rill_core_new(&node->core, &o, &problem);
    if (rc == RILL_OK)
        rc = rill_core_list_flights(node->core, l->file);
    rill_flights_begin(l->file, node->disk.run);
    if (rc == RILL_OK)
        rc = net_disk_read(&node->disk);
    if (rc == RILL_OK && node->overlay.first != NULL) {
        rill_arena_clear(&node->arena);
        rc = read_config(node, &node->config, &node->arena);
    }
    return rc;
}

void net_node_begin(net_node *node)
{
    net *n = node->net;
    node->life++;
    node->wake = node->planned = RILL_NEVER;
    node->turn_planned = node->draining = node->chores_planned = false;
    if (n->calm)
        net_members_restore(node);
    node->disk.batch = NULL;
    node->disk.given_group = 0;
    node->problem[0] = '\0';
    rill_overlay_init(&node->overlay, rill_allocator_default());
    net_write_config(node);
    if (node->life == 1)
        sim_trace(&n->report, "configuration of %s:\n%s", node->address, node->text);
    int rc = read_config(node, &node->config, &node->arena);
    if (rc == RILL_OK)
        rc = open_core(node);
    net_joiners_check(node);
    if (rc == RILL_OK)
        rc = rill_core_begin(node->core, &node->disk.store, on_problem, node);
    if (rc != RILL_OK) {
        sim_violation(&n->report, "%s: cannot begin: %s: %s", node->address, rill_error_name(rc),
                      node->problem);
        return;
    }
    node->running = true;
    net_log_begin(node);
    net_limits_agree(node, true);
    net_ledger_begun(node);
    n->counts.nodes++;
    sim_trace(&n->report, "%s begins, run %" PRIu64, node->address, node->disk.run);
    net_prices_begun(node);
    chores(node, node->life);
    for (unsigned i = 0; i < node->account_count; i++) {
        if (node->accounts[i].side == 1 && !node->accounts[i].out)
            net_way_reconnect(node->accounts[i].way);
    }
}

bool net_node_admit(net_node *node, net_end *end)
{
    const rill_link_handlers *handlers = NULL;
    const net_account *a = &node->accounts[end->way->side[0].account];
    const rill_bytes name = {(const uint8_t *)a->name, strlen(a->name)};
    const rill_bytes token = {(const uint8_t *)end->way->token, strlen(end->way->token)};
    if (node->draining ||
        rill_core_admit(&handlers, &end->link.user, node->core, &end->link, name, token) != RILL_OK)
        return false;
    end->link.on = *handlers;
    return true;
}

/* ---- ending ---- */

static void drop_end(net_end *end)
{
    end->up = false;
    end->link.on.down(&end->link, RILL_ERR_NOT_CONNECTED, "killed", true, end->link.user);
    end->link.on.closed(&end->link, end->link.user);
    end->attached = false;
}

/* All that the process had is gone; its memory is given back, which nobody sees. */
static void drop(net_node *node)
{
    list *l = &lists[node->index];
    remember_list(l, sim_rng_chance(&node->net->rng, 200));
    net_log_end(node);
    node->dying = true;
    for (unsigned i = 0; i < node->account_count; i++) {
        net_way *w = node->accounts[i].way;
        if (node->accounts[i].side == 1 && w->client.attached)
            drop_end(&w->client);
        for (net_conn *c = w->conns; node->accounts[i].side == 0 && c != NULL; c = c->next) {
            if (c->server.attached)
                drop_end(&c->server);
        }
    }
    rill_hub_abandon(rill_core_hub(node->core));
    rill_core_free(node->core);
    net_disk_close(&node->disk);
    node->core = NULL;
    rill_overlay_clear(&node->overlay);
    rill_arena_clear(&node->arena);
    free_old(node);
    node->dying = false;
    node->running = false;
    restore_list(l);
    for (unsigned i = 0; i < node->account_count; i++)
        net_way_lost(node->accounts[i].way, node->accounts[i].side);
}

static void begins(void *context, uint64_t argument)
{
    net_node *node = context;
    (void)argument;
    if (!node->net->report.failed)
        net_node_begin(node);
}

void net_node_kill(net_node *node)
{
    net *n = node->net;
    uint64_t kept = node->disk.kept[node->disk.run];
    if (!node->running)
        return;
    n->counts.kills++;
    sim_trace(&n->report, "FAULT: %s is killed; its store has group %" PRIu64, node->address, kept);
    drop(node);
    net_ledger_killed(node, kept);
    node->life++;
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, RILL_MS, 8 * RILL_SECOND), begins,
                  node, 0, NULL);
}

static void is_killed(void *context, uint64_t life)
{
    net_node *node = context;
    if (node->life == life && !node->net->report.failed)
        net_node_kill(node);
}

void net_node_kill_soon(net_node *node)
{
    sim_queue_put(&node->net->queue, net_now(node->net), is_killed, node, node->life, NULL);
}

/* Nothing is out, and all is kept. */
static void waits_for_end(void *context, uint64_t life)
{
    net_node *node = context;
    net *n = node->net;
    if (node->life != life || n->report.failed)
        return;
    const bool open = rill_hub_open(rill_core_hub(node->core)) > 0;
    if (open || !rill_core_is_kept(node->core)) {
        /* As who runs a connector: what is left goes to the store. */
        if (!open && rill_core_deadline(node->core) == RILL_NEVER)
            rill_core_turn(node->core);
        net_node_after(node);
        sim_queue_put(&n->queue, net_now(n) + 50 * RILL_MS, waits_for_end, node, life, NULL);
        return;
    }
    sim_trace(&n->report, "%s has drained", node->address);
    drop(node);
    /* What it was left by an earlier life is still listed. */
    net_ledger_killed(node, node->disk.kept[node->disk.run]);
    node->life++;
    sim_queue_put(&n->queue, net_now(n) + sim_rng_range(&n->rng, RILL_MS, RILL_SECOND), begins,
                  node, 0, NULL);
}

void net_node_restart(net_node *node)
{
    if (!node->running || node->draining)
        return;
    node->net->counts.drains++;
    sim_trace(&node->net->report, "FAULT: %s drains", node->address);
    node->draining = true;
    rill_core_drain(node->core);
    net_node_after(node);
    waits_for_end(node, node->life);
}

/* ---- another configuration ---- */

bool net_node_can_reload(const net_node *node)
{
    return node->running && !node->draining &&
           node->old_count < sizeof node->old / sizeof *node->old;
}

static int prepare(net_node *node, rill_config *fresh, rill_arena *arena, rill_core_change **change)
{
    int rc = read_config(node, fresh, arena);
    if (rc == RILL_OK)
        rc = rill_core_prepare(change, node->core, fresh, on_problem, node);
    if (rc != RILL_OK)
        rill_arena_clear(arena);
    return rc;
}

/* What is different is applied, and the node has it from now on. */
static int load(net_node *node)
{
    rill_core_change *change = NULL;
    rill_config fresh;
    rill_arena arena;
    int rc = prepare(node, &fresh, &arena, &change);
    if (rc != RILL_OK)
        return rc;
    rill_core_apply(change, "operator", NULL, NULL);
    node->config = fresh;
    node->old[node->old_count++] = node->arena;
    node->arena = arena;
    plan_chores(node);
    return RILL_OK;
}

void net_node_reload(net_node *node)
{
    net *n = node->net;
    if (!net_node_can_reload(node))
        return;
    n->counts.reloads++;
    net_write_config(node);
    sim_trace(&n->report, "FAULT: %s reloads:\n%s", node->address, node->text);
    int rc = load(node);
    if (rc != RILL_OK) {
        sim_violation(&n->report, "%s: cannot reload: %s: %s", node->address, rill_error_name(rc),
                      node->problem);
        return;
    }
    net_limits_agree(node, false);
    net_node_after(node);
}

/* As who runs a connector does it (connector/run_change.c). */
int net_node_change(net_node *node, const char *kind, const char *name, const char *value,
                    uint64_t *group)
{
    rill_overlay_item *item = rill_overlay_find(&node->overlay, kind, name);
    int rc = RILL_OK;
    if (item == NULL && value == NULL)
        return RILL_ERR_NOT_FOUND;
    if (value == NULL)
        item->gone = true;
    else
        rc = rill_overlay_put(&node->overlay, kind, name, value);
    if (rc == RILL_OK)
        rc = load(node);
    if (rc != RILL_OK) {
        sim_violation(&node->net->report, "%s: %s is refused: %s: %s", node->address, name,
                      rill_error_name(rc), node->problem);
        return rc;
    }
    if (value == NULL)
        rill_overlay_remove(&node->overlay, kind, name);
    const rill_store_setting setting = {kind, name, value == NULL ? "" : value};
    return rill_core_put_setting(node->core, &setting, group);
}

void net_node_reload_wrong(net_node *node)
{
    net *n = node->net;
    rill_core_change *change = NULL;
    rill_config fresh;
    rill_arena arena;
    sim_trace(&n->report, "FAULT: %s is to reload what is wrong:\n%s", node->address, node->text);
    int rc = prepare(node, &fresh, &arena, &change);
    if (rc == RILL_OK) {
        sim_violation(&n->report, "%s: loads what it must refuse", node->address);
        rill_core_forget_change(change);
        rill_arena_clear(&arena);
    }
    net_node_after(node);
}

void net_node_free(net_node *node)
{
    if (node->running)
        drop(node);
    net_disk_free(&node->disk);
    while (!rill_list_empty(&node->flights))
        free(RILL_CONTAINER(rill_list_pop_front(&node->flights), net_flight, link));
}
