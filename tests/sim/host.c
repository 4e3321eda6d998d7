/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include "app.h"
#include "hop.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_TIMEOUTS 64     /* of one instant */
#define MAX_ROUNDS   100000 /* of one turn */
/* After this time a Prepare to nowhere is answered. */
#define NO_ROUTE (20 * RILL_MS)

static void woken(void *user)
{
    sim_host *h = user;
    h->woken = true;
}

void sim_host_init(sim_host *h, sim_report *report, sim_queue *queue, uint64_t seed,
                   const rill_endpoint_options *options)
{
    h->report = report;
    h->queue = queue;
    sim_rng_seed(&h->rng, seed, 100 + h->index);
    sim_memory_init(&h->memory, seed + h->index);
    h->options = *options;
    h->options.allocator = &h->memory.allocator;
    h->options.wake = woken;
    h->options.user = h;
    h->planned = RILL_NEVER;
    sim_host_restart(h);
}

void sim_host_restart(sim_host *h)
{
    int error = rill_endpoint_new(&h->endpoint, &h->options);
    if (error == RILL_OK) {
        rill_bytes address = {(const uint8_t *)h->address, strlen(h->address)};
        rill_bytes asset = {(const uint8_t *)"XRP", 3};
        error = rill_endpoint_set_account(h->endpoint, address, asset, 9);
    }
    if (error != RILL_OK)
        sim_violation(h->report, "host %u: cannot start: %s", h->index, rill_error_name(error));
}

void sim_host_free(sim_host *h)
{
    rill_endpoint_free(h->endpoint);
    h->endpoint = NULL;
    if (h->memory.blocks != 0 || h->memory.bytes != 0)
        sim_violation(h->report, "host %u: %zu bytes in %zu blocks were not freed", h->index,
                      h->memory.bytes, h->memory.blocks);
    if (h->memory.overrun)
        sim_violation(h->report, "host %u: wrote past the end of a block", h->index);
}

rill_now sim_host_now(const sim_host *h)
{
    uint64_t now = h->queue->now;
    return (rill_now){now + h->mono_offset, (uint64_t)((int64_t)sim_wall_ms(now) + h->wall_offset)};
}

void sim_host_block(sim_host *h, uint64_t ns)
{
    /*
     * What came meanwhile is read before the timer runs, as a loop that is behind does. If reading
     * calls a handler that also takes its time, the timer waits for both.
     */
    if (h->queue->now != h->busy_until)
        h->busy_since = h->queue->now;
    h->busy_until = h->queue->now + ns;
    uint64_t took = h->busy_until - h->busy_since;
    if (took > h->blocked)
        h->blocked = h->books->late = took;
}

bool sim_host_is_busy(const sim_host *h)
{
    return h->queue->now < h->busy_until;
}

/* What comes while a handler takes its time waits in a socket. */
typedef struct unread {
    sim_route *route;
    unsigned life;
    enum { UNREAD_PREPARE, UNREAD_REPLY, UNREAD_UNANSWERED } kind;
    uint64_t id;
    bool sent;
    size_t len;
    uint8_t bytes[];
} unread;

static void on_prepare(void *user, uint64_t transit, uint8_t *packet, size_t len);
static void on_reply(void *user, uint64_t request, uint8_t *packet, size_t len);
static void on_unanswered(void *user, uint64_t request, bool sent);

static void read_now(void *context, uint64_t argument)
{
    unread *u = context;
    (void)argument;
    if (u->life == u->route->host->life && u->kind == UNREAD_PREPARE)
        on_prepare(u->route, u->id, u->bytes, u->len);
    else if (u->life == u->route->host->life && u->kind == UNREAD_REPLY)
        on_reply(u->route, u->id, u->bytes, u->len);
    else if (u->life == u->route->host->life)
        on_unanswered(u->route, u->id, u->sent);
    free(u);
}

/* True if it waits. */
static bool leave_unread(sim_route *r, const unread *what, const uint8_t *packet)
{
    sim_host *h = r->host;
    if (!sim_host_is_busy(h))
        return false;
    unread *u = sim_allocate(sizeof(*u) + what->len);
    *u = *what;
    u->route = r;
    u->life = h->life;
    if (what->len != 0)
        memcpy(u->bytes, packet, what->len);
    sim_queue_put(h->queue, h->busy_until, read_now, u, 0, free);
    return true;
}

/* A call may fail like this only if there was no memory. */
static void failed(sim_host *h, const char *what, int error)
{
    if (error == RILL_ERR_NOMEM && h->memory.refused != 0)
        return;
    sim_violation(h->report, "host %u: %s: %s", h->index, what, rill_error_name(error));
}

/* A rogue has sent us there, and no connector knows the way. */
static void no_route(void *context, uint64_t request)
{
    sim_host *h = context;
    uint8_t packet[SIM_MAX_PACKET];
    if (h->report->failed || h->endpoint == NULL || h->asleep ||
        !sim_books_stray(h->books, request))
        return;
    sim_host_enter(h);
    size_t len = sim_reject_write(packet, "F02", "test.connector", NULL, 0);
    rill_now now = sim_host_now(h);
    int error = rill_endpoint_receive_reply(h->endpoint, now, request, packet, len);
    sim_books_reply(h->books, now, request, packet, len, error);
    sim_host_turn(h);
}

static sim_route *route_to(sim_host *h, const char *address, size_t address_len)
{
    for (unsigned i = 0; i < h->route_count; i++) {
        size_t len = strlen(h->routes[i].prefix);
        if (address_len >= len && memcmp(address, h->routes[i].prefix, len) == 0 &&
            (address_len == len || address[len] == '.'))
            return &h->routes[i];
    }
    return NULL;
}

const sim_route *sim_host_route(sim_host *h, const char *address)
{
    return route_to(h, address, strlen(address));
}

static void dispatch(sim_host *h, uint64_t request, size_t len)
{
    rill_now now = sim_host_now(h);
    sim_packet p = sim_packet_parse(h->packet, len);
    sim_books_sent(h->books, now, request, h->packet, len);
    if (h->report->failed)
        return;
    uint64_t amount = sim_packet_amount(&p);
    sim_trace(h->report, "host %u sends %" PRIx64 " amount %" PRIu64 " len %zu", h->index, request,
              amount, len);
    sim_digest(h->report, amount ^ (uint64_t)len << 48 ^ (uint64_t)h->index << 40);
    sim_route *r = route_to(h, (const char *)p.address, p.address_len);
    if (r == NULL) {
        if (!sim_books_stray(h->books, request))
            sim_violation(h->report, "host %u: sent to %.*s", h->index, (int)p.address_len,
                          (const char *)p.address);
        sim_queue_put(h->queue, h->queue->now + NO_ROUTE, no_route, h, request, NULL);
        return;
    }
    if (r->front != NULL)
        sim_front_send(r->front, r->index, r->server, request, h->packet, len);
    else
        sim_path_send(r->path, r->side, request, h->packet, len);
}

/* How many packets went out. */
static unsigned send_all(sim_host *h)
{
    if (h->link_down || sim_host_is_busy(h))
        return 0;
    for (unsigned sent = 0; sent < MAX_ROUNDS && !h->report->failed; sent++) {
        size_t len = 0;
        uint64_t request = 0;
        int error =
            rill_endpoint_next_prepare(h->endpoint, sim_host_now(h), h->packet, &len, &request);
        if (error != RILL_OK)
            failed(h, "rill_endpoint_next_prepare", error);
        if (error != RILL_OK || len == 0)
            return sent;
        dispatch(h, request, len);
    }
    if (!h->report->failed)
        sim_violation(h->report, "host %u: sends without end", h->index);
    return 0;
}

static unsigned take_events(sim_host *h)
{
    rill_event e;
    unsigned taken = 0;
    while (!h->report->failed && !sim_host_is_busy(h) &&
           rill_endpoint_next_event(h->endpoint, &e)) {
        if (++taken > MAX_ROUNDS) {
            sim_violation(h->report, "host %u: events without end", h->index);
            break;
        }
        sim_digest(h->report, (uint64_t)e.type << 32 ^ e.amount);
        sim_app_event(h->app, &e);
    }
    return taken;
}

static void timer_fires(void *context, uint64_t generation)
{
    sim_host *h = context;
    if (generation != h->timer || h->report->failed || h->endpoint == NULL || h->asleep)
        return;
    if (sim_host_is_busy(h)) {
        sim_queue_put(h->queue, h->busy_until, timer_fires, h, generation, NULL);
        return;
    }
    h->busy_since = h->queue->now; /* what takes its time from here on is another wait */
    if (h->timeout_at != h->queue->now)
        h->timeouts = 0;
    h->timeout_at = h->queue->now;
    h->planned = RILL_NEVER;
    /* A busy loop: how late the next timer comes, whichever it will be. */
    if (h->timer_lag != 0) {
        h->lag = sim_rng_below(&h->rng, h->timer_lag);
        sim_count(h->report, SIM_TIMER_LAG);
    }
    if (++h->timeouts > MAX_TIMEOUTS) {
        sim_violation(h->report, "host %u: its deadline stays in the past", h->index);
        return;
    }
    rill_endpoint_timeout(h->endpoint, sim_host_now(h));
    sim_host_turn(h);
}

static void set_timer(sim_host *h)
{
    uint64_t deadline = rill_endpoint_deadline(h->endpoint);
    if (deadline != RILL_NEVER && deadline == h->planned)
        return;
    h->timer++;
    h->planned = deadline;
    if (deadline == RILL_NEVER)
        return;
    uint64_t at = deadline < h->mono_offset ? 0 : deadline - h->mono_offset;
    sim_queue_put(h->queue, at + h->lag, timer_fires, h, h->timer, NULL);
}

void sim_host_turn(sim_host *h)
{
    for (unsigned rounds = 0; !h->report->failed; rounds++) {
        unsigned done = take_events(h);
        done += send_all(h);
        if (done == 0)
            break;
        if (rounds > MAX_ROUNDS)
            sim_violation(h->report, "host %u: a turn without end", h->index);
    }
    if (h->report->failed)
        return;
    h->interrupted = sim_host_is_busy(h);
    set_timer(h);
    sim_books_check(h->books, sim_host_now(h));
    sim_app_check_deadlines(h->app);
    if (h->memory.bytes > h->memory_limit)
        sim_violation(h->report, "host %u: holds %zu bytes", h->index, h->memory.bytes);
    h->report->events++;
    h->woken = false;
}

void sim_host_enter(sim_host *h)
{
    if (h->report->failed || h->memory.fail != 0 || !sim_rng_chance(&h->rng, 200))
        return;
    /*
     * Time has passed, and nothing else has happened. So nothing may have become due without a
     * report. But if a handler took that time, the turn that called it goes on only now. What was
     * there before it is still to be reported and sent.
     */
    if (h->interrupted)
        return;
    rill_now now = sim_host_now(h);
    if (now.mono_ns >= rill_endpoint_deadline(h->endpoint))
        return;
    if (sim_rng_chance(&h->rng, 300))
        rill_endpoint_timeout(h->endpoint, now);
    rill_event e;
    size_t len = 0;
    uint64_t request = 0;
    if (rill_endpoint_next_event(h->endpoint, &e))
        sim_violation(h->report, "host %u: an event of type %d came by itself before the deadline",
                      h->index, (int)e.type);
    if (h->link_down)
        return;
    int error = rill_endpoint_next_prepare(h->endpoint, now, h->packet, &len, &request);
    if (error != RILL_OK || len != 0)
        sim_violation(h->report, "host %u: a packet came by itself before the deadline", h->index);
}

void sim_host_acted(sim_host *h)
{
    if (!h->woken && !h->report->failed && !h->link_down) {
        rill_now now = sim_host_now(h);
        bool due = now.mono_ns >= rill_endpoint_deadline(h->endpoint);
        size_t len = 0;
        uint64_t request = 0;
        int error = rill_endpoint_next_prepare(h->endpoint, now, h->packet, &len, &request);
        if (error == RILL_OK && len != 0)
            dispatch(h, request, len);
        if (len != 0 && !due)
            sim_violation(h->report, "host %u: something to send, and no wake", h->index);
    }
    sim_host_turn(h);
}

void sim_host_answer(sim_host *h, uint64_t handle, uint8_t *reply, size_t len)
{
    sim_route *r = &h->routes[handle >> 48];
    uint64_t transit = handle & ((UINT64_C(1) << 48) - 1);
    sim_origin origin = {NULL, 0, false};
    unsigned side;
    if (r->peer != NULL) {
        origin.copy = !sim_path_origin(r->path, transit, &side, &origin.request);
        origin.books = r->peer->books;
        if (r->twin != NULL && sim_front_sender(&origin.request) != 0)
            origin.books = r->twin->books;
    }
    sim_books_answer(h->books, sim_host_now(h), handle, origin, reply, len);
    sim_packet p = sim_packet_parse(reply, len);
    sim_trace(h->report, "host %u answers %" PRIx64 " %s %.3s", h->index, handle,
              p.type == SIM_FULFILL ? "Fulfill" : "Reject",
              p.type == SIM_REJECT ? (const char *)p.code : "");
    sim_digest(h->report, (uint64_t)p.type << 56 ^ len);
    if (r->front != NULL)
        sim_front_answer(r->front, r->index, r->server, transit, reply, len);
    else
        sim_path_answer(r->path, transit, reply, len);
}

static void on_prepare(void *user, uint64_t transit, uint8_t *packet, size_t len)
{
    sim_route *r = user;
    sim_host *h = r->host;
    if (h->report->failed || h->endpoint == NULL || h->asleep ||
        leave_unread(r, &(unread){.kind = UNREAD_PREPARE, .id = transit, .len = len}, packet))
        return;
    sim_host_enter(h);
    uint64_t handle = (uint64_t)r->index << 48 | transit;
    sim_books_incoming(h->books, sim_host_now(h), handle, packet, len);
    size_t reply_len = 0;
    int error = rill_endpoint_receive_prepare(h->endpoint, sim_host_now(h), handle, packet, len,
                                              h->packet, &reply_len);
    if (error != RILL_OK) {
        /* What a link answers in this case. */
        failed(h, "rill_endpoint_receive_prepare", error);
        reply_len = sim_reject_write(h->packet, "T00", h->address, NULL, 0);
    }
    if (reply_len != 0)
        sim_host_answer(h, handle, h->packet, reply_len);
    sim_host_turn(h);
}

static void on_reply(void *user, uint64_t request, uint8_t *packet, size_t len)
{
    sim_route *r = user;
    sim_host *h = r->host;
    if (h->report->failed || h->endpoint == NULL || h->asleep ||
        leave_unread(r, &(unread){.kind = UNREAD_REPLY, .id = request, .len = len}, packet))
        return;
    sim_host_enter(h);
    rill_now now = sim_host_now(h);
    sim_packet p = sim_packet_parse(packet, len);
    int error = rill_endpoint_receive_reply(h->endpoint, now, request, packet, len);
    sim_trace(h->report, "host %u reply to %" PRIx64 " %s %.3s: %d", h->index, request,
              p.type == SIM_FULFILL  ? "Fulfill"
              : p.type == SIM_REJECT ? "Reject"
                                     : "garbage",
              p.type == SIM_REJECT ? (const char *)p.code : "", error);
    sim_books_reply(h->books, now, request, packet, len, error);
    sim_host_turn(h);
}

static void on_unanswered(void *user, uint64_t request, bool sent)
{
    sim_route *r = user;
    sim_host *h = r->host;
    if (h->report->failed || h->endpoint == NULL || h->asleep ||
        leave_unread(r, &(unread){.kind = UNREAD_UNANSWERED, .id = request, .sent = sent}, NULL))
        return;
    sim_host_enter(h);
    sim_trace(h->report, "host %u no reply to %" PRIx64 " sent %d", h->index, request, sent);
    rill_endpoint_unanswered(h->endpoint, sim_host_now(h), request, sent);
    sim_books_unanswered(h->books, request, sent);
    sim_host_turn(h);
}

sim_port sim_host_port(sim_route *r)
{
    return (sim_port){r, on_prepare, on_reply, on_unanswered};
}

/* ---- breaks ---- */

static void set_links(sim_host *h, bool up)
{
    h->link_down = !up;
    for (unsigned i = 0; i < h->route_count; i++) {
        const sim_route *r = &h->routes[i];
        if (r->front != NULL)
            sim_front_link(r->front, r->server, up);
        else
            sim_path_link(r->path, r->side, up);
    }
}

void sim_host_disconnect(sim_host *h)
{
    if (h->link_down || h->endpoint == NULL || h->asleep || h->report->failed ||
        sim_host_is_busy(h))
        return;
    sim_trace(h->report, "host %u: its link breaks", h->index);
    sim_count(h->report, SIM_DISCONNECT);
    sim_host_enter(h);
    set_links(h, false);
    uint64_t request;
    while (sim_books_open_request(h->books, &request)) {
        rill_endpoint_unanswered(h->endpoint, sim_host_now(h), request, true);
        sim_books_unanswered(h->books, request, true);
    }
    sim_host_turn(h);
}

void sim_host_reconnect(sim_host *h)
{
    if (!h->link_down || h->endpoint == NULL || h->asleep || h->report->failed)
        return;
    sim_trace(h->report, "host %u: its link is back", h->index);
    set_links(h, true);
    sim_host_turn(h);
}

void sim_host_suspend(sim_host *h)
{
    if (h->report->failed || h->endpoint == NULL || h->asleep)
        return;
    sim_trace(h->report, "host %u: sleeps", h->index);
    sim_count(h->report, SIM_SUSPEND);
    sim_books_check(h->books, sim_host_now(h));
    set_links(h, false);
    h->asleep = true;
    h->asleep_since = h->queue->now;
}

void sim_host_resume(sim_host *h)
{
    if (!h->asleep || h->report->failed)
        return;
    sim_trace(h->report, "host %u: wakes", h->index);
    h->asleep = false;
    h->mono_offset -= h->queue->now - h->asleep_since;
    h->planned = RILL_NEVER;
    uint64_t request;
    while (sim_books_open_request(h->books, &request)) {
        rill_endpoint_unanswered(h->endpoint, sim_host_now(h), request, true);
        sim_books_unanswered(h->books, request, true);
    }
    sim_host_reconnect(h);
}

void sim_host_crash(sim_host *h)
{
    if (h->report->failed || h->endpoint == NULL)
        return;
    sim_trace(h->report, "host %u: dies", h->index);
    sim_count(h->report, h->server ? SIM_RESTART : SIM_BEGIN_AGAIN);
    sim_books_check(h->books, sim_host_now(h));
    set_links(h, false);
    sim_app_dying(h->app);
    sim_host_free(h);
    h->timer++;
    h->life++;
    h->busy_until = 0;
    h->planned = RILL_NEVER;
    sim_books_crash(h->books);
    sim_app_crash(h->app);
}
