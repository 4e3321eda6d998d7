/* SPDX-License-Identifier: Apache-2.0 */
/* The turns of a host: what is undecided, what did not leave, what ends. */
#define _POSIX_C_SOURCE 200809L

#include "run/host.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "run/host_impl.h"

/* Packets sent in one turn before others get theirs. */
#define SEND_BUDGET  1024
#define END_PATIENCE (5 * RILL_SECOND)
/* Clients that told no address hear of the end in the answer to what they send next. */
#define ANSWER_TIME    (2 * RILL_SECOND)
#define CLOSE_PATIENCE (1 * RILL_SECOND)

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

void rill_host_schedule(rill_host *h)
{
    if (h->pumping)
        h->again = true;
    else if (h->state != HOST_GONE)
        rill_loop_before_flush(h->loop, &h->pump);
}

void rill_host_refuse(rill_host *h, uint64_t request, rill_ilp_code_id code)
{
    rill_reject reject = {.code = rill_ilp_code_of(code)};
    size_t len;
    /* A reject that small always fits; a link that is gone needs none. */
    if (rill_reject_encode(&reject, h->buffer, sizeof h->buffer, &len) == RILL_OK)
        (void)!rill_link_reply(h->link, request, h->buffer, len);
}

/* ---- connections ---- */

int rill_host_reserve(rill_host *h)
{
    int rc = rill_map_put(&h->connections, 0, h);
    if (rc == RILL_OK)
        (void)rill_map_remove(&h->connections, 0);
    return rc;
}

int rill_host_add_connection(rill_host *h, rill_connection *c, rill_guest *guest)
{
    void *value = guest ? (void *)guest : (void *)h;
    return rill_map_put(&h->connections, (uint64_t)(uintptr_t)c, value);
}

/* Who is told of a connection. */
static rill_guest told_of(const rill_host *h, const rill_connection *c)
{
    void *guest = rill_map_get(&h->connections, (uint64_t)(uintptr_t)c);
    if (!guest || guest == h)
        return (rill_guest){&h->handlers, h->user};
    return *(rill_guest *)guest;
}

static rill_connection *connection_of(uint64_t key)
{
    return (rill_connection *)(uintptr_t)key;
}

/* ---- decisions ---- */

/* The endpoint's answer to a decision goes to the link; one that it has forgotten is refused. */
static int settle(rill_decision *d, bool fulfill, bool *fulfilled)
{
    rill_host *h = d->host;
    uint64_t decision = d->decision;
    uint64_t request = d->request;
    rill_list_remove(&d->order);
    rill_decision_free(d);
    size_t len;
    int rc = rill_endpoint_decide(h->endpoint, rill_loop_clock(h->loop), decision, fulfill,
                                  h->buffer, &len, fulfilled);
    if (rc == RILL_OK)
        (void)!rill_link_reply(h->link, request, h->buffer, len);
    else
        rill_host_refuse(h, request, RILL_ILP_T99_APPLICATION_ERROR);
    rill_host_schedule(h);
    return rc;
}

/*
 * The clock of this moment counts, and the answer is on its way when this returns: the application
 * may have taken its time before it, and may take it after.
 */
int rill_connection_decide(rill_connection *c, uint64_t decision, bool fulfill, bool *fulfilled)
{
    bool done = false;
    rill_decision *d = rill_decision_find(decision, c);
    if (fulfilled)
        *fulfilled = false;
    if (!d)
        return RILL_ERR_NOT_FOUND;
    rill_host *h = d->host;
    rill_loop_stale(h->loop);
    int rc = settle(d, fulfill, &done);
    if (done)
        rill_loop_push(h->loop);
    if (fulfilled)
        *fulfilled = done;
    return rc;
}

void rill_host_refuse_undecided(rill_host *h, const rill_connection *c, bool expired_only)
{
    uint64_t wall = rill_loop_clock(h->loop).wall_ms;
    rill_list *at = h->undecided.next;
    while (at != &h->undecided) {
        rill_decision *d = RILL_CONTAINER(at, rill_decision, order);
        at = at->next;
        /* Nearly in the order of their expiry: one that is kept a little longer does no harm. */
        if (expired_only && d->expires_at > wall)
            return;
        if (!c || d->connection == c)
            (void)!settle(d, false, NULL);
    }
}

static void refuse_event(rill_host *h, const rill_event *event)
{
    size_t len;
    if (rill_endpoint_decide(h->endpoint, rill_loop_clock(h->loop), event->decision_id, false,
                             h->buffer, &len, NULL) == RILL_OK)
        (void)!rill_link_reply(h->link, event->incoming_id, h->buffer, len);
}

/* A packet came that the application decides on: it is asked, or the packet is refused. */
static void ask(rill_host *h, const rill_event *event)
{
    const rill_decision what = {.host = h,
                                .decision = event->decision_id,
                                .request = event->incoming_id,
                                .expires_at = event->expires_at_ms,
                                .connection = event->connection};
    rill_now now = rill_loop_clock(h->loop);
    rill_guest to = told_of(h, event->connection);
    rill_decision *d;
    if (to.handlers->incoming == NULL || event->expires_at_ms <= now.wall_ms ||
        rill_decision_new(&d, &what, now.mono_ns) != RILL_OK) {
        refuse_event(h, event);
        return;
    }
    rill_list_push_back(&h->undecided, &d->order);
    rill_event asked = *event;
    asked.decision_id = d->handle;
    rill_host_before_handler(h);
    rill_host_dispatch(to.handlers, to.user, &asked);
    rill_host_after_handler(h);
}

/* ---- events ---- */

/* A stream is there until its end is fetched, and that is not fetched while it has bytes here. */
static void deliver_data(rill_host *h, rill_stream *s)
{
    rill_guest to = told_of(h, rill_stream_connection(s));
    h->unread = rill_host_deliver_data(h, &to, s) ? NULL : s;
}

static void call(rill_host *h, const rill_event *event)
{
    rill_guest to = told_of(h, event->connection);
    rill_host_before_handler(h);
    rill_host_dispatch(to.handlers, to.user, event);
    rill_host_after_handler(h);
}

static void deliver(rill_host *h, const rill_event *event)
{
    if (event->type == RILL_EVENT_CONNECTION &&
        rill_host_add_connection(h, event->connection, NULL) != RILL_OK)
        rill_connection_close(event->connection, RILL_CLOSE_ENDPOINT_BUSY, NULL);
    if (event->type == RILL_EVENT_DATA)
        deliver_data(h, event->stream);
    else if (event->type == RILL_EVENT_INCOMING)
        ask(h, event);
    else
        call(h, event);
    if (event->type != RILL_EVENT_CONNECTION_END)
        return;
    if (h->state == HOST_ENDING && !event->remote &&
        *rill_connection_remote_address(event->connection) == '\0')
        h->untold = true;
    rill_host_refuse_undecided(h, event->connection, false);
    void *guest = rill_map_remove(&h->connections, (uint64_t)(uintptr_t)event->connection);
    if (h->hooks.connection_end)
        h->hooks.connection_end(h->owner, event, guest == h ? NULL : guest);
}

static bool deliver_events(rill_host *h)
{
    bool any = false;
    rill_event event;
    if (h->unread && !h->paused)
        deliver_data(h, h->unread);
    while (!h->paused && rill_endpoint_next_event(h->endpoint, &event)) {
        deliver(h, &event);
        any = true;
    }
    return any;
}

void rill_host_pause(rill_host *h, bool pause)
{
    if (h->state != HOST_OPEN || pause == h->paused)
        return;
    h->paused = pause;
    rill_endpoint_refuse_money(h->endpoint, pause);
    rill_host_schedule(h);
}

static void close_connections(rill_host *h)
{
    size_t cursor = 0;
    uint64_t key;
    void *guest;
    while (rill_map_next(&h->connections, &cursor, &key, &guest))
        rill_connection_close(connection_of(key),
                              h->error == RILL_OK ? RILL_CLOSE_NO_ERROR : RILL_CLOSE_INTERNAL_ERROR,
                              NULL);
}

/*
 * Nobody answers any more: what is still open ends, and the application is told
 * of every wait, stream and connection.
 */
static void abandon_connections(rill_host *h)
{
    do {
        size_t cursor = 0;
        uint64_t key;
        void *guest;
        while (rill_map_next(&h->connections, &cursor, &key, &guest))
            rill_connection_abandon(connection_of(key),
                                    h->error == RILL_OK ? RILL_ERR_CANCELLED : h->error);
    } while (deliver_events(h)); /* some are told of only then */
}

/* ---- packets out ---- */

static bool can_send(const rill_host *h)
{
    return h->held_len == 0 && rill_link_is_up(h->link) &&
           *rill_endpoint_address(h->endpoint) != '\0';
}

/* The link takes no more: the packet is in flight already for its endpoint, and waits here. */
static void hold(rill_host *h, uint64_t request, const uint8_t *packet, size_t len, rill_now now)
{
    if (!h->held)
        h->held = rill_alloc(memory(), RILL_PACKET_BUFFER);
    if (!h->held) {
        rill_endpoint_unanswered(h->endpoint, now, request, false);
        return;
    }
    memcpy(h->held, packet, len);
    h->held_len = len;
    h->held_request = request;
}

void rill_host_drop_held(rill_host *h)
{
    if (h->held_len == 0)
        return;
    h->held_len = 0;
    rill_endpoint_unanswered(h->endpoint, rill_loop_clock(h->loop), h->held_request, false);
}

static void send_held(rill_host *h)
{
    if (h->held_len == 0)
        return;
    int rc = rill_link_send(h->link, h->held_request, h->held, h->held_len);
    if (rc == RILL_OK)
        h->held_len = 0;
    else if (rc != RILL_ERR_BLOCKED && rc != RILL_ERR_LIMIT)
        rill_host_drop_held(h);
}

/* False where the budget ended before the packets did. */
static bool send_packets(rill_host *h, rill_now now)
{
    send_held(h);
    for (unsigned i = 0; can_send(h); i++) {
        if (i == SEND_BUDGET)
            return false;
        size_t len;
        uint64_t request;
        int rc = rill_endpoint_next_prepare(h->endpoint, now, h->buffer, &len, &request);
        /* Without memory for one the endpoint tries again by itself, at its deadline. */
        if (rc != RILL_OK || len == 0)
            return true;
        rc = rill_link_send(h->link, request, h->buffer, len);
        if (rc == RILL_ERR_BLOCKED || rc == RILL_ERR_LIMIT)
            hold(h, request, h->buffer, len, now);
        else if (rc != RILL_OK)
            rill_endpoint_unanswered(h->endpoint, now, request, false);
    }
    return true;
}

/* ---- the end ---- */

static void free_host(uv_handle_t *timer)
{
    rill_host *h = timer->data;
    /* Of every packet somebody has been told, and every connection has ended. */
    assert(h->state == HOST_GONE && h->held_len == 0 && rill_list_empty(&h->undecided) &&
           rill_map_count(&h->connections) == 0);
    rill_host_before_handler(h);
    /* All that it may look at in there is still as it was. */
    h->hooks.closed(h->owner, &h->handlers, h->user, h->error, h->detail);
    rill_host_after_handler(h);
    rill_loop *loop = h->loop;
    rill_endpoint_free(h->endpoint);
    rill_map_clear(&h->connections);
    rill_free(memory(), h->held);
    rill_free(memory(), h);
    rill_loop_drop(loop);
}

void rill_host_link_closed(rill_host *h)
{
    assert(h->state == HOST_LINK_CLOSING); /* a link is closed by its owner alone */
    rill_task_cancel(&h->pump);
    h->state = HOST_GONE;
    uv_close((uv_handle_t *)&h->timer, free_host);
}

static void close_link(rill_host *h)
{
    abandon_connections(h);
    rill_host_refuse_undecided(h, NULL, false);
    rill_host_drop_held(h);
    h->state = HOST_LINK_CLOSING;
    uv_timer_stop(&h->timer);
    rill_link_close(h->link);
}

static void remember_error(rill_host *h, int error, const char *detail)
{
    if (h->error != RILL_OK || h->state >= HOST_CLOSING)
        return;
    h->error = error;
    if (error != RILL_OK && (!detail || !*detail))
        detail = rill_strerror(error);
    snprintf(h->detail, sizeof h->detail, "%s", detail ? detail : "");
}

void rill_host_end(rill_host *h, int error, const char *detail)
{
    if (h->state != HOST_OPEN)
        return;
    remember_error(h, error, detail);
    h->state = HOST_ENDING;
    h->paused = false; /* the end is told; money stays refused */
    h->close_at = rill_loop_now(h->loop).mono_ns + END_PATIENCE;
    rill_endpoint_end(h->endpoint);
    rill_host_schedule(h);
}

void rill_host_close(rill_host *h, int error, const char *detail)
{
    if (h->state >= HOST_CLOSING)
        return;
    remember_error(h, error, detail);
    h->state = HOST_CLOSING;
    h->paused = false;
    uint64_t now = rill_loop_now(h->loop).mono_ns;
    h->close_at = rill_link_is_up(h->link) ? now + CLOSE_PATIENCE : now;
    rill_endpoint_end(h->endpoint);
    close_connections(h);
    rill_host_schedule(h);
}

/*
 * Goes on with an end that was begun, as far as it can. behind: what was
 * waited for may have arrived.
 */
static void proceed_to_end(rill_host *h, bool behind)
{
    bool over = !behind && rill_loop_clock(h->loop).mono_ns >= h->close_at;
    if (h->state == HOST_ENDING && over)
        rill_host_close(h, h->error, NULL);
    if (h->state != HOST_ENDING && h->state != HOST_CLOSING)
        return;
    over = !behind && rill_loop_clock(h->loop).mono_ns >= h->close_at;
    bool all_over = rill_map_count(&h->connections) == 0;
    if (h->state == HOST_ENDING && all_over && h->untold && rill_link_is_up(h->link)) {
        if (!h->answering)
            h->close_at = rill_loop_clock(h->loop).mono_ns + ANSWER_TIME;
        h->answering = true;
        return;
    }
    if (all_over || (h->state == HOST_CLOSING && over))
        close_link(h);
}

/* ---- the turn ---- */

static void on_timer(uv_timer_t *timer)
{
    rill_host *h = timer->data;
    h->armed = RILL_NEVER;
    rill_host_schedule(h);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* complete: false where it has more to send; behind: the loop has to read first. */
static void arm(rill_host *h, rill_now now, bool complete, bool behind)
{
    uint64_t own = min_u64(h->close_at, min_u64(h->give_up_at, h->account.retry_at));
    own = min_u64(own, h->account_until);
    uint64_t core = rill_endpoint_deadline(h->endpoint);
    /* It wants to send and the link does not take it: what changes that calls us anyway. */
    if (core <= now.mono_ns && !behind)
        core = can_send(h) ? now.mono_ns : RILL_NEVER;
    uint64_t at = complete ? min_u64(own, core) : now.mono_ns;
    if (at == h->armed)
        return;
    h->armed = at;
    if (at == RILL_NEVER) {
        uv_timer_stop(&h->timer);
        return;
    }
    uint64_t wait = at > now.mono_ns ? (at - now.mono_ns + RILL_MS - 1) / RILL_MS : 0;
    if (wait == 0 && complete)
        wait = 1;
    uv_timer_start(&h->timer, on_timer, wait, 0);
}

static void give_up(rill_host *h, rill_now now)
{
    char detail[sizeof h->detail];
    if (now.mono_ns < h->give_up_at && now.mono_ns < h->account_until)
        return;
    h->account_until = RILL_NEVER;
    h->give_up_at = RILL_NEVER;
    if (h->link_error != RILL_OK)
        rill_host_close(h, h->link_error, h->link_detail);
    else if (rill_link_is_up(h->link)) {
        rill_account_query_explain(&h->account, RILL_ERR_TIMEOUT, detail, sizeof detail);
        rill_host_close(h, RILL_ERR_TIMEOUT, detail);
    } else
        rill_host_close(h, RILL_ERR_TIMEOUT, "the node does not answer");
}

/* What is due of its own, and of the core. RILL_NEVER. */
static uint64_t due(const rill_host *h)
{
    uint64_t own = min_u64(h->close_at, min_u64(h->give_up_at, h->account.retry_at));
    own = min_u64(own, h->account_until);
    return min_u64(own, rill_endpoint_deadline(h->endpoint));
}

static void run_timeouts(rill_host *h)
{
    rill_now now = rill_loop_clock(h->loop);
    give_up(h, now);
    if (rill_link_is_up(h->link))
        rill_account_query_run(&h->account, h->link, now, h->buffer);
    if (rill_endpoint_deadline(h->endpoint) <= now.mono_ns)
        rill_endpoint_timeout(h->endpoint, now);
    rill_host_refuse_undecided(h, NULL, true);
}

static void on_pump(rill_task *task)
{
    rill_host *h = RILL_CONTAINER(task, rill_host, pump);
    if (h->state >= HOST_LINK_CLOSING)
        return;
    bool complete = true;
    h->pumping = true;
    bool behind = rill_loop_is_behind(h->loop, due(h));
    if (!behind)
        run_timeouts(h);
    do {
        h->again = false;
        bool events = deliver_events(h);
        complete = send_packets(h, rill_loop_clock(h->loop));
        proceed_to_end(h, behind);
        if (h->state >= HOST_LINK_CLOSING)
            break;
        h->again = complete && (h->again || events);
    } while (h->again);
    h->pumping = false;
    if (h->state < HOST_LINK_CLOSING)
        arm(h, rill_loop_clock(h->loop), complete, behind);
}

/* ---- its beginning ---- */

void rill_host_init(rill_host *h, rill_loop *loop)
{
    h->loop = loop;
    h->armed = RILL_NEVER;
    rill_task_init(&h->pump, on_pump);
    rill_list_init(&h->undecided);
}

void rill_host_begin(rill_host *h)
{
    uv_timer_init(rill_loop_uv(h->loop), &h->timer);
    h->timer.data = h;
    rill_loop_hold(h->loop);
    arm(h, rill_loop_now(h->loop), true, false);
}

rill_endpoint *rill_host_endpoint(rill_host *h)
{
    return h->endpoint;
}

rill_now rill_host_now(rill_host *h)
{
    return rill_loop_now(h->loop);
}

const rill_handlers *rill_host_handlers(const rill_host *h, void **user)
{
    *user = h->user;
    return &h->handlers;
}
