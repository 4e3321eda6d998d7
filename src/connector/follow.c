/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "connector/follow.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

typedef struct follower {
    rill_list node;
    rill_web_connection *connection;
    uint64_t handle;
    bool watches;     /* packets; else it follows events */
    unsigned watch;   /* of those who watch packets */
    uint64_t cursor;  /* of events */
    uint64_t told_at; /* monotonic nanoseconds: when it was written something */
} follower;

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static rill_bytes bytes_of(const char *text)
{
    return (rill_bytes){(const uint8_t *)text, strlen(text)};
}

/* Those that have gone leave, though not while others are written to. */
static void sweep(rill_followers *f)
{
    for (rill_list *n = f->all.next, *next; !f->writing && n != &f->all; n = next) {
        follower *w = RILL_CONTAINER(n, follower, node);
        next = n->next;
        if (w->connection != NULL)
            continue;
        rill_list_remove(&w->node);
        f->count--;
        if (w->watches) {
            f->watching--;
            rill_core_unwatch_packets(f->core, w->watch);
        } else {
            rill_events_leave(f->events, rill_core_now(f->core));
        }
        rill_free(memory(), w);
    }
}

/* ---- writing ---- */

static void write_event(const rill_followers *f, const follower *w, const rill_event *event)
{
    char head[RILL_EVENTS_ID + 48];
    char id[RILL_EVENTS_ID] = "";
    int len = 0;
    if (event->number != 0) {
        rill_events_id(f->events, event->number, id);
        len = snprintf(head, sizeof head, "id: %s\n", id);
    }
    (void)snprintf(head + len, sizeof head - (size_t)len, "event: %s\ndata: ", event->name);
    const rill_bytes parts[] = {bytes_of(head), bytes_of(event->data), bytes_of("\n\n")};
    for (size_t i = 0; i < sizeof parts / sizeof *parts && w->connection != NULL; i++)
        rill_web_go_on(w->connection, w->handle, parts[i]);
}

static bool next_event(const rill_followers *f, follower *w, rill_event *out)
{
    rill_live_event packet;
    if (!w->watches)
        return rill_events_next(f->events, &w->cursor, out);
    if (!rill_live_next(rill_core_live_packets(f->core), w->watch, &packet))
        return false;
    *out = (rill_event){0, packet.name, packet.data};
    return true;
}

/* What there is, as long as it reads. */
static void write_all(rill_followers *f, follower *w, uint64_t now)
{
    rill_event event;
    while (w->connection != NULL &&
           rill_web_behind(w->connection, w->handle) < RILL_FOLLOWER_BEHIND) {
        if (next_event(f, w, &event)) {
            w->told_at = now;
            write_event(f, w, &event);
        } else if (now - w->told_at >= RILL_FOLLOWER_SILENCE) {
            w->told_at = now;
            rill_web_go_on(w->connection, w->handle, bytes_of(":\n\n"));
        } else {
            return;
        }
    }
    if (w->connection != NULL && now - w->told_at >= RILL_FOLLOWER_PATIENCE) {
        rill_web_log(w->connection, "does not read the events that it asked for");
        rill_web_drop(w->connection);
    }
}

static void write_to_all(rill_followers *f, uint64_t now)
{
    f->writing = true;
    for (rill_list *n = f->all.next; n != &f->all; n = n->next)
        write_all(f, RILL_CONTAINER(n, follower, node), now);
    f->writing = false;
    sweep(f);
}

static void on_timer(uv_timer_t *timer)
{
    rill_followers *f = timer->data;
    rill_loop_stale(f->loop);
    const rill_now now = rill_core_now(f->core);
    const bool idle = rill_events_is_idle(f->events, now);
    if (idle && f->watching == 0) {
        uv_timer_stop(timer);
        return;
    }
    if (!idle)
        rill_events_look(f->events, f->core);
    if (f->watching > 0)
        rill_live_look(rill_core_live_packets(f->core), now);
    write_to_all(f, now.mono_ns);
}

/* ---- who follows ---- */

int rill_followers_open(rill_followers *f, rill_loop *loop, rill_core *core)
{
    *f = (rill_followers){.loop = loop, .core = core};
    rill_list_init(&f->all);
    int rc = rill_events_new(&f->events, memory(), rill_core_now(core).wall_ms);
    if (rc != RILL_OK)
        return rc;
    (void)uv_timer_init(loop->uv, &f->timer); /* it cannot fail */
    f->timer.data = f;
    return RILL_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
    rill_followers *f = handle->data;
    rill_events_free(f->events);
    f->events = NULL;
    f->closed(f->user);
}

void rill_followers_close(rill_followers *f, void (*closed)(void *user), void *user)
{
    f->closed = closed;
    f->user = user;
    uv_close((uv_handle_t *)&f->timer, on_timer_closed);
}

/* head: what is told first. */
static int begin(rill_web_connection *c, uint64_t handle, const char *head)
{
#define FIELD(name, value)                                                                         \
    {                                                                                              \
        {(const uint8_t *)(name), sizeof(name) - 1},                                               \
        {                                                                                          \
            (const uint8_t *)(value), sizeof(value) - 1                                            \
        }                                                                                          \
    }
    static const rill_http_field fields[] = {
        FIELD("content-type", "text/event-stream"), FIELD("cache-control", "no-store"),
        FIELD("x-content-type-options", "nosniff"),
        FIELD("x-accel-buffering", "no"), /* to a server in between: it is to pass it on at once */
    };
#undef FIELD
    const rill_http_response r = {.status = 200,
                                  .fields = fields,
                                  .field_count = sizeof fields / sizeof *fields,
                                  .body = bytes_of(head),
                                  .goes_on = true};
    return rill_web_respond(c, handle, &r);
}

/* Who leaves before the next event has come can go on behind this one. */
static int begin_events(const rill_followers *f, rill_web_connection *c, uint64_t handle,
                        const follower *w)
{
    char id[RILL_EVENTS_ID];
    char head[RILL_EVENTS_ID + 32];
    rill_events_id(f->events, (w->cursor == 0 ? rill_events_end(f->events) : w->cursor) - 1, id);
    (void)snprintf(head, sizeof head, "retry: 1000\nid: %s\n\n", id);
    return begin(c, handle, head);
}

static void admit(rill_followers *f, follower *w, rill_web_connection *c, uint64_t handle)
{
    w->connection = c;
    w->handle = handle;
    w->told_at = rill_core_now(f->core).mono_ns;
    rill_list_push_back(&f->all, &w->node);
    f->count++;
    (void)uv_timer_start(&f->timer, on_timer, RILL_EVENTS_LOOK_MS, RILL_EVENTS_LOOK_MS);
}

int rill_followers_add(rill_followers *f, rill_web_connection *c, uint64_t handle, rill_bytes last)
{
    if (f->count >= RILL_FOLLOWERS_MAX)
        return RILL_ERR_LIMIT;
    follower *w = rill_calloc(memory(), 1, sizeof *w);
    if (w == NULL)
        return RILL_ERR_NOMEM;
    w->cursor = last.len == 0 ? rill_events_end(f->events) : rill_events_after(f->events, last);
    int rc = begin_events(f, c, handle, w);
    if (rc != RILL_OK) {
        rill_free(memory(), w);
        return rc;
    }
    rill_events_follow(f->events);
    /* What is known now is what the first events are compared with. */
    rill_events_look(f->events, f->core);
    admit(f, w, c, handle);
    return RILL_OK;
}

int rill_followers_watch(rill_followers *f, rill_web_connection *c, uint64_t handle,
                         const rill_live_filter *filter)
{
    if (f->count >= RILL_FOLLOWERS_MAX)
        return RILL_ERR_LIMIT;
    follower *w = rill_calloc(memory(), 1, sizeof *w);
    if (w == NULL)
        return RILL_ERR_NOMEM;
    w->watches = true;
    int rc = rill_core_watch_packets(f->core, filter, &w->watch);
    if (rc == RILL_OK) {
        rc = begin(c, handle, "retry: 1000\n\n");
        if (rc != RILL_OK)
            rill_core_unwatch_packets(f->core, w->watch);
    }
    if (rc != RILL_OK) {
        rill_free(memory(), w);
        return rc;
    }
    f->watching++;
    admit(f, w, c, handle);
    return RILL_OK;
}

void rill_followers_gone(rill_followers *f, const rill_web_connection *c, uint64_t handle)
{
    for (rill_list *n = f->all.next; n != &f->all; n = n->next) {
        follower *w = RILL_CONTAINER(n, follower, node);
        if (w->connection == c && w->handle == handle)
            w->connection = NULL;
    }
    sweep(f);
}

void rill_followers_over(rill_followers *f, const rill_web_connection *c)
{
    for (rill_list *n = f->all.next; n != &f->all; n = n->next) {
        follower *w = RILL_CONTAINER(n, follower, node);
        if (w->connection == c)
            w->connection = NULL;
    }
    sweep(f);
}

void rill_followers_end(rill_followers *f, const rill_web *web)
{
    write_to_all(f, rill_core_now(f->core).mono_ns);
    f->writing = true;
    for (rill_list *n = f->all.next; n != &f->all; n = n->next) {
        follower *w = RILL_CONTAINER(n, follower, node);
        rill_web_connection *c = w->connection;
        if (c == NULL || c->web != web)
            continue;
        w->connection = NULL;
        rill_web_go_no_further(c, w->handle);
    }
    f->writing = false;
    sweep(f);
}
