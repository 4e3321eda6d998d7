/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The core on a loop: its clock, its store, its ports and its links.
 *
 * Over 600 lines: what the core asks of a loop, and the order in which all of it begins and ends.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "connector/core_kept.h"
#include "connector/print_key.h"
#include "connector/run_impl.h"
#include "io/large_pages.h"
#include "store/sqlite.h"
#include "store/writer.h"

enum { CHORES_MS = 200 };

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- what the core asks for ---- */

static rill_now on_now(void *user)
{
    const rill_connector *c = user;
    return rill_loop_clock(c->loop);
}

static void start_timer(const rill_connector *c, uv_timer_t *timer, uv_timer_cb call,
                        uint64_t deadline)
{
    if (deadline == RILL_NEVER) {
        uv_timer_stop(timer);
        return;
    }
    uint64_t now = rill_loop_clock(c->loop).mono_ns;
    uint64_t ms = deadline > now ? (deadline - now + RILL_MS - 1) / RILL_MS : 0;
    (void)uv_timer_start(timer, call, ms, 0);
}

static void on_tick(uv_timer_t *timer)
{
    const rill_connector *c = timer->data;
    rill_loop_stale(c->loop);
    rill_hub_tick(rill_core_hub(c->core));
}

static void on_wake(void *user, uint64_t deadline)
{
    rill_connector *c = user;
    if (!c->closing)
        start_timer(c, &c->tick, on_tick, deadline);
}

static void on_drained(void *user)
{
    rill_connector *c = user;
    if (!c->closing)
        rill_loop_defer(c->loop, &c->draining);
}

static void say_drained(rill_task *task)
{
    rill_connector *c = RILL_CONTAINER(task, rill_connector, draining);
    rill_loop_push(c->loop);
    if (c->on.drained != NULL)
        c->on.drained(c->user);
    rill_loop_stale(c->loop);
}

/* All that a turn of the loop booked is one group. */
static void on_soon(void *user)
{
    rill_connector *c = user;
    rill_loop_before_wait(c->loop, &c->turn);
}

static void on_speak(uv_timer_t *timer)
{
    on_soon(timer->data);
}

static void take_turn(rill_task *task)
{
    rill_connector *c = RILL_CONTAINER(task, rill_connector, turn);
    rill_core_turn(c->core);
    rill_run_rates_look(c->rates);
    if (!c->closing)
        start_timer(c, &c->speak, on_speak, rill_core_routes_deadline(c->core));
}

/* It may come early, by as much as the loop's time is old when it is started. */
static void on_retry(uv_timer_t *timer)
{
    rill_connector *c = timer->data;
    rill_loop_stale(c->loop);
    rill_core_turn(c->core);
    start_timer(c, &c->retry, on_retry, rill_core_deadline(c->core));
}

static void on_kept(void *user, uint64_t group)
{
    rill_connector *c = user;
    if (c->admin != NULL)
        rill_admin_kept(c->admin, group);
    if (c->engines != NULL)
        rill_engine_port_kept(c->engines, group);
    rill_connector_kept_peers(c, group);
}

/* ---- what operators ask for ---- */

static void on_look(void *user, rill_store_look *look)
{
    const rill_connector *c = user;
    rill_store_look_into(c->store, look);
}

static void on_drain(void *user)
{
    rill_connector *c = user;
    rill_loop_defer(c->loop, &c->stopping);
}

static void say_stop(rill_task *task)
{
    rill_connector *c = RILL_CONTAINER(task, rill_connector, stopping);
    rill_loop_push(c->loop);
    if (c->on.stop != NULL && !c->stopped && !c->closing)
        c->on.stop(c->user);
    rill_loop_stale(c->loop);
}

static int on_load(void *user, const char *who, json_t *changes, json_t *problems)
{
    return rill_connector_load(user, who, changes, problems);
}

static rill_log_level on_level(void *user)
{
    const rill_connector *c = user;
    return c->options.log_level;
}

static void on_set_level(void *user, rill_log_level level)
{
    rill_connector *c = user;
    c->options.log_level = level;
    rill_core_set_log_level(c->core, level);
    if (c->on.level != NULL)
        c->on.level(level, c->user);
}

/* ---- the store ---- */

/* From the writing thread. */
static void on_store_wakes(void *user)
{
    rill_connector *c = user;
    (void)uv_async_send(&c->written);
}

static void on_async(uv_async_t *async)
{
    rill_connector *c = async->data;
    rill_loop_stale(c->loop);
    if (c->store != NULL)
        rill_store_collect(c->store);
}

static void finish(rill_connector *c);

/* Packets of accounts that the store does not have yet are refused, so nobody is ready before. */
static void look_if_ready(rill_connector *c)
{
    if (!c->ready_waits || c->stopped || !rill_core_accounts_are_kept(c->core))
        return;
    c->ready_waits = false;
    rill_loop_defer(c->loop, &c->beginning);
}

static void on_written(void *user, const rill_store_batch *batch, int rc, const char *problem)
{
    rill_connector *c = user;
    (void)batch;
    rill_core_written(c->core, rc, problem);
    look_if_ready(c);
    rill_run_webhooks_written(c->webhooks);
    start_timer(c, &c->retry, on_retry, rill_core_deadline(c->core));
    if (c->finishing)
        finish(c);
}

static int know(void *user, const rill_store_account *account, rill_i128 booked)
{
    rill_connector *c = user;
    return rill_core_know(c->core, account, booked);
}

static int know_key(void *user, const rill_store_entry *entry)
{
    rill_connector *c = user;
    return rill_core_know_key(c->core, entry);
}

static int know_route(void *user, const rill_store_route *route)
{
    rill_connector *c = user;
    return rill_core_know_route(c->core, route);
}

static int know_settlement(void *user, const rill_store_settlement *settlement)
{
    rill_connector *c = user;
    return rill_core_know_settlement(c->core, settlement);
}

static int know_run(void *user, uint64_t run, uint64_t kept)
{
    rill_connector *c = user;
    rill_core_know_run(c->core, run, kept);
    return RILL_OK;
}

/* The list of packets that are out: beside the books. */
static int open_flights(rill_connector *c, const rill_sqlite *file)
{
    char path[RILL_FLIGHTS_PATH];
    char problem[RILL_SQLITE_PROBLEM];
    int len = snprintf(path, sizeof path, "%s.flights", c->config.store.path);
    int rc = RILL_ERR_BUFFER;
    if (len < 0 || (size_t)len >= sizeof path)
        (void)snprintf(problem, sizeof problem, "the path is too long");
    else
        rc = rill_flights_open(&c->flights, memory(), path, problem, sizeof problem);
    if (rc != RILL_OK) {
        rill_connector_problem(&c->options, c->config.store.place, problem);
        return rc;
    }
    rc = rill_core_list_flights(c->core, c->flights);
    rill_flights_begin(c->flights, rill_sqlite_run(file));
    return rc;
}

/* A node does without it: then nobody is told of a secret that was changed while it was stopped. */
static void find_print_key(rill_connector *c)
{
    uint8_t key[RILL_PRINT_KEY];
    char line[RILL_FLIGHTS_PATH + 160];
    const char *problem = rill_print_key_find(c->config.store.path, c->loop->crypto, key);
    if (problem == NULL) {
        rill_core_print_with(c->core, key);
        rill_wipe(key, sizeof key);
        return;
    }
    (void)snprintf(line, sizeof line,
                   "%.1000s.key: %s: a secret that is changed while the node is "
                   "stopped will not be noticed",
                   c->config.store.path, problem);
    rill_connector_line(c, RILL_LOG_WARNING, line);
}

static int open_store(rill_connector *c)
{
    char problem[RILL_SQLITE_PROBLEM];
    rill_sqlite *file = NULL;
    const rill_sqlite_options o = {
        .allocator = memory(),
        .path = c->config.store.path,
        .durability = (rill_durability)c->config.store.durability,
        .now_ms = rill_loop_now(c->loop).wall_ms,
    };
    const rill_writer_options w = {.allocator = memory(),
                                   .wake = on_store_wakes,
                                   .written = on_written,
                                   .merge_failed = rill_connector_merge_failed,
                                   .user = c,
                                   .keep_minutes =
                                       c->config.store.keep_minutes / (60 * RILL_SECOND)};
    int rc = rill_sqlite_open(&file, &o, problem);
    if (rc != RILL_OK) {
        rill_connector_problem(&c->options, c->config.store.place, problem);
        return rc;
    }
    const rill_store_reader reader = {
        .account = know,
        .key = know_key,
        .route = know_route,
        .settlement = know_settlement,
        .setting = rill_connector_know_setting,
        .run = know_run,
        .user = c,
    };
    rc = open_flights(c, file);
    if (rc != RILL_OK) {
        rill_sqlite_close(file);
        return rc;
    }
    find_print_key(c);
    rc = rill_connector_read_store(c, file, &reader);
    if (rc != RILL_OK)
        rill_connector_problem(&c->options, c->config.store.place, rill_sqlite_problem(file));
    if (rc == RILL_OK) {
        rc = rill_writer_new(&c->store, file, &w);
        if (rc != RILL_OK)
            rill_connector_problem(&c->options, c->config.store.place, rill_strerror(rc));
    }
    if (rc != RILL_OK)
        rill_sqlite_close(file);
    return rc;
}

/* ---- its life ---- */

static void release(rill_connector *c)
{
    rill_core_free(c->core);
    rill_flights_close(c->flights);
    rill_tokens_clear(&c->operators);
    rill_tokens_clear(&c->engine_tokens);
    rill_tokens_clear(&c->own_engine_tokens);
    rill_arena_clear(&c->arena);
    rill_overlay_clear(&c->overlay);
    rill_kept_text_clear(&c->text);
    rill_connector_free_arenas(c);
    rill_free(memory(), c->ports);
    rill_connector_free_links(c);
    rill_connector_free_engines(c);
    rill_free(memory(), c->path);
    rill_free(memory(), c);
}

static void one_handle_less(rill_connector *c)
{
    rill_loop *loop = c->loop;
    if (--c->handles > 0)
        return;
    if (c->on.closed != NULL)
        c->on.closed(c->user);
    rill_loop_stale(loop);
    release(c);
    rill_loop_drop(loop);
}

static void on_handle_closed(uv_handle_t *handle)
{
    one_handle_less(handle->data);
}

static void close_handles(rill_connector *c)
{
    rill_task_cancel(&c->turn);
    rill_task_cancel(&c->draining);
    rill_task_cancel(&c->beginning);
    rill_task_cancel(&c->stopping);
    uv_close((uv_handle_t *)&c->tick, on_handle_closed);
    uv_close((uv_handle_t *)&c->retry, on_handle_closed);
    uv_close((uv_handle_t *)&c->chores, on_handle_closed);
    uv_close((uv_handle_t *)&c->speak, on_handle_closed);
    uv_close((uv_handle_t *)&c->written, on_handle_closed);
}

/*
 * Once no port and no link is open: what was booked goes to the store, and then all is gone. A
 * store that fails is not waited for any longer.
 */
static void finish(rill_connector *c)
{
    if (!c->closing || c->open_ports + c->open_links > 0)
        return;
    c->finishing = true;
    if (c->begun && c->store != NULL)
        rill_core_tell_rest(c->core);
    if (c->begun && c->store != NULL && rill_core_deadline(c->core) == RILL_NEVER &&
        !rill_core_is_kept(c->core)) {
        rill_core_turn(c->core);
        return;
    }
    rill_store *store = c->store;
    c->store = NULL;
    /* Who is started next needs the books, and then the folder of the log of packets. */
    rill_writer_close_books(store);
    rill_run_packets_close(c);
    rill_store_close(store);
    close_handles(c);
}

static int start_handles(rill_connector *c)
{
    uv_loop_t *uv = rill_loop_uv(c->loop);
    c->tick.data = c;
    c->retry.data = c;
    c->chores.data = c;
    c->speak.data = c;
    c->written.data = c;
    if (uv_async_init(uv, &c->written, on_async) != 0)
        return RILL_ERR_FILES;
    (void)uv_timer_init(uv, &c->tick);
    (void)uv_timer_init(uv, &c->retry);
    (void)uv_timer_init(uv, &c->chores);
    (void)uv_timer_init(uv, &c->speak);
    c->handles = 5;
    return RILL_OK;
}

static void say_ready(rill_task *task)
{
    rill_connector *c = RILL_CONTAINER(task, rill_connector, beginning);
    if (c->on.ready != NULL)
        c->on.ready(c->user);
    rill_loop_stale(c->loop);
}

static void on_change(void *user, const char *line)
{
    char text[800];
    (void)snprintf(text, sizeof text, "since the last start: %s", line);
    rill_connector_tell(user, text);
}

/* What needs our address. */
static int begin_rest(rill_connector *c)
{
    int rc = rill_core_begin(c->core, c->store, rill_connector_problem, &c->options);
    rill_run_packets *packets = NULL;
    if (rc == RILL_OK)
        rill_core_forget_old_prices(c->core);
    if (rc == RILL_OK)
        rc = rill_run_packets_prepare(&packets, c, &c->config);
    if (rc == RILL_OK)
        rill_run_packets_use(c, packets, &c->config);
    if (rc == RILL_OK)
        rc = rill_connector_open_admin(c);
    if (rc == RILL_OK)
        rc = rill_connector_know_engines(c, &c->config, &c->known_engines);
    if (rc == RILL_OK)
        rc = rill_connector_open_engines(c);
    if (rc == RILL_OK)
        rc = rill_connector_open_peering(c);
    if (rc == RILL_OK)
        rc = rill_connector_open_ports(c);
    if (rc == RILL_OK)
        rc = rill_connector_open_links(c);
    if (rc == RILL_OK)
        rc = rill_run_rates_open(&c->rates, c);
    if (rc == RILL_OK)
        rc = rill_run_webhooks_open(&c->webhooks, c);
    if (rc == RILL_OK)
        rc = rill_core_keep_config(c->core, true, "start", on_change, c);
    rill_memory_give_back();
    if (rc == RILL_OK) {
        rill_connector_warn(&c->options, &c->config, NULL);
        c->begun = true;
        rill_memory_give_back(); /* what the configuration was read with is several times as much */
        c->events->chores(c);
        c->ready_waits = true;
        look_if_ready(c);
    }
    return rc;
}

static void say_failed(rill_task *task)
{
    rill_connector *c = RILL_CONTAINER(task, rill_connector, beginning);
    if (c->on.failed != NULL)
        c->on.failed(c->failure, c->user);
    rill_loop_stale(c->loop);
}

/* From inside a link's call: the owner is told later, and closes. */
static void fail(rill_connector *c, int rc)
{
    if (c->closing)
        return;
    c->failure = rc;
    c->beginning.run = say_failed;
    rill_loop_defer(c->loop, &c->beginning);
}

static void on_addressed(rill_connector *c)
{
    int rc = begin_rest(c);
    if (rc == RILL_OK)
        rc = rill_connector_judge_peers(c);
    if (rc != RILL_OK)
        fail(c, rc);
}

/* What is not on a packet's way, and has its own time. */
static void on_chores(uv_timer_t *timer);

static void chores(rill_connector *c)
{
    if (!c->closing)
        (void)uv_timer_start(&c->chores, on_chores, CHORES_MS, 0);
}

static void on_chores(uv_timer_t *timer)
{
    rill_connector *c = timer->data;
    rill_loop_stale(c->loop);
    rill_core_part(c->core);
    rill_connector_part_links(c);
    uint64_t next = rill_connector_reopen_links(c);
    const bool parting = rill_core_is_leaving(c->core) || c->parting != NULL;
    if (!parting)
        rill_connector_free_arenas(c);
    uint64_t expiry = rill_core_expire_flights(c->core);
    if (parting || next != RILL_NEVER || expiry != RILL_NEVER)
        chores(c);
}

static const connector_events events = {on_addressed, fail, finish, chores, one_handle_less};

/* The configuration again, with what operators added before. */
static int read_overlay(rill_connector *c)
{
    char *text = NULL;
    size_t len = 0;
    int rc = rill_kept_text_read(&c->text, &text, &len);
    if (rc != RILL_OK) {
        rill_connector_say(&c->options, rill_strerror(rc));
        return rc;
    }
    rill_arena_clear(&c->arena);
    rill_arena_init(&c->arena, memory());
    rc = rill_connector_read_text(&c->options, text, len, NULL, &c->overlay, &c->config, &c->arena);
    rill_free(memory(), text);
    return rc;
}

static int read_first(rill_connector *c)
{
    char *text = NULL;
    size_t len = 0;
    int rc = rill_connector_read_file(&c->options, &text, &len);
    if (rc == RILL_OK)
        rc = rill_connector_read_text(&c->options, text, len, NULL, NULL, &c->config, &c->arena);
    if (rc == RILL_OK)
        rill_kept_text_take(&c->text, text, len, c->config.store.path);
    else
        rill_free(memory(), text);
    return rc;
}

static int begin(rill_connector *c)
{
    const char *problem = NULL;
    const rill_core_options o = {
        .allocator = rill_allocator_large_pages(),
        .config = &c->config,
        .crypto = c->loop->crypto,
        .now = on_now,
        .wake = on_wake,
        .drained = on_drained,
        .log = {rill_connector_line, c, c->options.log_level, rill_connector_told},
        .soon = on_soon,
        .kept = on_kept,
        .engine = rill_connector_call_engine,
        .messaged = rill_connector_messaged,
        .entered = rill_connector_entered,
        .secret = rill_connector_secret,
        .user = c,
    };
    int rc = rill_core_new(&c->core, &o, &problem);
    if (rc == RILL_OK)
        rc = open_store(c);
    if (rc == RILL_OK && c->overlay.first != NULL)
        rc = read_overlay(c);
    if (rc == RILL_OK)
        rc = rill_connector_prepare_links(c);
    if (rc == RILL_OK && c->config.address == NULL)
        rc = rill_connector_open_parent(c);
    else if (rc == RILL_OK)
        rc = begin_rest(c);
    if (rc == RILL_ERR_NOMEM || rc == RILL_ERR_CRYPTO)
        rill_connector_say(&c->options, rill_strerror(rc));
    return rc;
}

int rill_connector_open(rill_connector **out, rill_loop *loop,
                        const rill_connector_options *options,
                        const rill_connector_handlers *handlers, void *user)
{
    rill_connector *c = rill_calloc(memory(), 1, sizeof *c);
    size_t size = strlen(options->config) + 1;
    char *path = c == NULL ? NULL : rill_alloc(memory(), size);
    if (path == NULL) {
        rill_free(memory(), c);
        return RILL_ERR_NOMEM;
    }
    memcpy(path, options->config, size);
    c->loop = loop;
    c->events = &events;
    c->options = *options;
    c->options.config = path;
    c->path = path;
    c->on = *handlers;
    c->user = user;
    rill_arena_init(&c->arena, memory());
    rill_kept_text_init(&c->text);
    uint64_t seed = 0;
    if (rill_crypto_random(loop->crypto, (uint8_t *)&seed, sizeof seed) != RILL_OK) {
        rill_free(memory(), c->path);
        rill_free(memory(), c);
        return RILL_ERR_CRYPTO;
    }
    rill_tokens_init(&c->operators, memory(), loop->crypto, seed);
    rill_tokens_init(&c->engine_tokens, memory(), loop->crypto, seed);
    rill_tokens_init(&c->own_engine_tokens, memory(), loop->crypto, seed);
    rill_list_init(&c->calls);
    rill_connector_begin_peers(c);
    rill_task_init(&c->turn, take_turn);
    rill_task_init(&c->draining, say_drained);
    rill_task_init(&c->beginning, say_ready);
    rill_task_init(&c->stopping, say_stop);
    c->control = (rill_admin_control){on_look,
                                      on_drain,
                                      on_level,
                                      on_set_level,
                                      on_load,
                                      rill_connector_overlay,
                                      rill_connector_change,
                                      rill_run_packets_search,
                                      c,
                                      rill_connector_ask_peer,
                                      rill_connector_backup,
                                      rill_connector_backup_state,
                                      rill_connector_stop_backup};
    rill_overlay_init(&c->overlay, memory());
    int rc = read_first(c);
    if (rc == RILL_OK)
        rc = start_handles(c);
    if (rc != RILL_OK) {
        release(c);
        return rc;
    }
    rill_loop_hold(loop);
    rc = begin(c);
    if (rc != RILL_OK) {
        c->on = (rill_connector_handlers){0}; /* it was never there */
        rill_connector_close(c);
        return rc;
    }
    *out = c;
    return RILL_OK;
}

void rill_connector_stop(rill_connector *c)
{
    if (c->stopped || c->closing)
        return;
    c->stopped = true;
    for (size_t i = 0; i < c->port_count; i++)
        rill_port_stop(c->ports[i].port);
    if (c->begun)
        rill_core_drain(c->core);
    else
        on_drained(c); /* nothing has come yet */
}

void rill_connector_abandon(rill_connector *c)
{
    if (!c->closing && c->begun)
        rill_hub_abandon(rill_core_hub(c->core));
}

void rill_connector_close(rill_connector *c)
{
    if (c->closing)
        return;
    c->closing = true;
    c->stopped = true;
    uv_timer_stop(&c->tick);
    uv_timer_stop(&c->speak);
    rill_run_rates_close(c->rates);
    c->rates = NULL;
    rill_run_webhooks_close(&c->webhooks);
    rill_admin *admin = c->admin;
    c->admin = NULL;
    if (admin != NULL)
        rill_admin_close(admin);
    rill_connector_end_calls(c);
    rill_connector_end_peers(c);
    for (size_t i = 0; i < c->port_count; i++)
        rill_port_close(c->ports[i].port, rill_connector_port_closed);
    rill_connector_close_links(c);
    finish(c);
}
