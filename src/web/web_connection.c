/* SPDX-License-Identifier: Apache-2.0 */
/* A connection of an HTTP server: its socket, and who is at the other end of it. */
#define _GNU_SOURCE

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "web/web.h"

#define TEXT(literal)                                                                              \
    (rill_bytes)                                                                                   \
    {                                                                                              \
        (const uint8_t *)(literal), sizeof(literal) - 1                                            \
    }

static void say_line(const rill_web *w, const char *line)
{
    if (w->on->log != NULL)
        w->on->log(w->owner, line);
}

void rill_web_log(const rill_web_connection *c, const char *what)
{
    char line[RILL_TCP_NAME + 160];
    if (c->tcp == NULL)
        return;
    snprintf(line, sizeof line, "%s %s", c->tcp->name, what);
    say_line(c->web, line);
}

/* ---- its end ---- */

void rill_web_one_less(rill_web *w)
{
    if (!w->closing || w->ticking || w->listener != NULL || !rill_list_empty(&w->connections))
        return;
    void (*closed)(void *owner) = w->closed;
    w->closed = NULL;
    if (closed != NULL)
        closed(w->owner);
}

static void end(rill_task *task)
{
    rill_web_connection *c = RILL_CONTAINER(task, rill_web_connection, ending);
    rill_web *w = c->web;
    rill_task_cancel(&c->flush);
    rill_http_server_free(c->http);
    w->leaving -= c->leaving;
    if (w->on->ended != NULL)
        w->on->ended(w->owner, c);
    rill_list_remove(&c->node);
    w->idle -= c->idle;
    w->count--;
    rill_free(rill_allocator_default(), c);
    rill_web_one_less(w);
}

static void on_closed(void *owner)
{
    rill_web_connection *c = owner;
    c->tcp = NULL;
    rill_loop_defer(c->web->loop, &c->ending);
}

/* finish: what waits is written first. */
static void shut(rill_web_connection *c, bool finish)
{
    rill_tcp *t = c->tcp;
    if (c->over)
        return;
    c->over = true;
    if (c->web->on->over != NULL)
        c->web->on->over(c->web->owner, c);
    if (finish)
        rill_tcp_finish(t);
    else
        rill_tcp_close(t);
}

void rill_web_drop(rill_web_connection *c)
{
    shut(c, false);
}

/* ---- memory ---- */

/* Of thousands some are looked at; the next search goes on behind them. */
enum { SEARCHED = 64 };

/* As heavy as it is, and a stranger before everybody who is known. */
static bool is_heavier(const rill_web_connection *a, size_t weight, const rill_web_connection *than,
                       size_t its_weight)
{
    if (than == NULL)
        return true;
    return a->known != than->known ? !a->known : weight > its_weight;
}

/*
 * What it may hold before it can be the one that goes. A stranger may hold what it needs to ask
 * nothing: ten thousand that hold little hold much. Nobody who is known goes for a small request
 * while others hold more, who are found later.
 */
static size_t allowance(const rill_web_connection *c)
{
    const rill_web *w = c->web;
    const size_t mean = w->blocks.used / w->count;
    return c->known && mean > c->idle ? mean : c->idle;
}

static rill_web_connection *heaviest_of(rill_web *w)
{
    rill_web_connection *heaviest = NULL;
    size_t most = 0;
    for (int i = 0; i < SEARCHED && !rill_list_empty(&w->connections); i++) {
        rill_list *at = rill_list_pop_front(&w->connections);
        rill_web_connection *c = RILL_CONTAINER(at, rill_web_connection, node);
        rill_list_push_back(&w->connections, at);
        size_t held = c->over ? 0 : rill_http_server_held(c->http);
        if (held > allowance(c) && is_heavier(c, held, heaviest, most)) {
            heaviest = c;
            most = held;
        }
    }
    return heaviest;
}

static bool holds_too_much(const rill_web *w)
{
    size_t most = w->max_memory != 0 ? w->max_memory : w->loop->max_storage;
    most += w->idle;
    return w->blocks.used > most && w->blocks.used - most > w->leaving;
}

/* One a turn: what it holds comes back when it has closed. */
void rill_web_relieve(rill_task *relief)
{
    rill_web *w = RILL_CONTAINER(relief, rill_web, relief);
    if (!holds_too_much(w))
        return;
    rill_web_connection *c = heaviest_of(w);
    if (c == NULL)
        return; /* who brings more is looked at again */
    c->leaving = rill_http_server_held(c->http);
    w->leaving += c->leaving;
    rill_web_log(c, "is closed: it holds most of the memory that requests may take");
    shut(c, false);
    rill_loop_defer(w->loop, relief);
}

static void weigh(rill_web *w)
{
    if (holds_too_much(w) && !w->closing)
        rill_loop_defer(w->loop, &w->relief);
}

/* ---- writing ---- */

/* What can be written now; false: nothing of it can. */
static bool write_some(rill_web_connection *c)
{
    rill_bytes out;
    bool some = false;
    while (!c->over && rill_tcp_backlog(c->tcp) < RILL_TCP_HIGH_WATER) {
        if (rill_http_server_output(c->http, &out) != RILL_OK) {
            shut(c, false);
            return false;
        }
        if (out.len == 0)
            break;
        uint8_t *room = rill_tcp_reserve(c->tcp, out.len);
        if (room == NULL)
            return false; /* lost follows */
        memcpy(room, out.data, out.len);
        rill_tcp_commit(c->tcp, out.len);
        c->written += out.len;
        if (c->web->blocks.wipe != NULL)
            rill_tcp_wipe_written(c->tcp);
        some = true;
    }
    return some;
}

/*
 * What was sent ahead is read when what came before it was answered, and that was taken to be
 * written. Where the backlog stops it, on_drained goes on.
 */
static void write_out(rill_web_connection *c)
{
    do {
        int error = rill_http_server_feed(c->http, NULL, 0);
        (void)error; /* is_done says the same */
    } while (!c->over && write_some(c));
    if (!c->over && rill_http_server_is_done(c->http))
        shut(c, true);
    if (!c->over && !rill_http_server_is_full(c->http))
        rill_tcp_read_on(c->tcp);
}

static void on_flush(rill_task *task)
{
    rill_web_connection *c = RILL_CONTAINER(task, rill_web_connection, flush);
    if (!c->over)
        write_out(c);
}

static void write_soon(rill_web_connection *c)
{
    rill_loop_before_flush(c->web->loop, &c->flush);
}

int rill_web_respond(rill_web_connection *c, uint64_t handle, const rill_http_response *r)
{
    c->heard_at = c->amid_at = uv_now(c->web->loop->uv);
    int error = rill_http_respond(c->http, handle, r);
    weigh(c->web);
    write_soon(c);
    return error;
}

static void write_more(rill_web_connection *c, int error)
{
    if (error == RILL_OK)
        write_soon(c);
    else if (error != RILL_ERR_NOT_FOUND)
        shut(c, false);
}

void rill_web_go_on(rill_web_connection *c, uint64_t handle, rill_bytes more)
{
    if (!c->over)
        write_more(c, rill_http_go_on(c->http, handle, more));
}

void rill_web_go_no_further(rill_web_connection *c, uint64_t handle)
{
    if (!c->over)
        write_more(c, rill_http_go_no_further(c->http, handle));
}

size_t rill_web_behind(const rill_web_connection *c, uint64_t handle)
{
    return c->over ? 0 : rill_tcp_backlog(c->tcp) + rill_http_behind(c->http, handle);
}

void rill_web_say(rill_web_connection *c, uint64_t handle, unsigned status, const char *text)
{
    const rill_http_field field = {TEXT("content-type"), TEXT("text/plain")};
    const rill_http_response r = {.status = status,
                                  .fields = &field,
                                  .field_count = 1,
                                  .body = {(const uint8_t *)text, strlen(text)}};
    if (rill_web_respond(c, handle, &r) != RILL_OK)
        shut(c, false);
}

/* ---- requests ---- */

static void on_request(void *owner, uint64_t handle, const rill_http_message *m)
{
    rill_web_connection *c = owner;
    if (c->over)
        return;
    c->heard_at = c->amid_at = uv_now(c->web->loop->uv);
    c->web->on->request(c->web->owner, c, handle, m);
}

static void on_gone(void *owner, uint64_t handle)
{
    rill_web_connection *c = owner;
    if (c->web->on->gone != NULL)
        c->web->on->gone(c->web->owner, c, handle);
}

/* What follows the request in raw is the new owner's. */
static bool on_upgrade(void *owner, const rill_http_message *m, rill_bytes raw)
{
    rill_web_connection *c = owner;
    rill_web *w = c->web;
    rill_tcp *t = c->tcp;
    if (c->over || w->on->upgrade == NULL || !w->on->upgrade(w->owner, c, m))
        return false;
    c->over = true;
    c->tcp = NULL;
    rill_loop_defer(w->loop, &c->ending);
    const uint8_t *blank = memmem(raw.data, raw.len, "\r\n\r\n", 4);
    size_t head = blank == NULL ? raw.len : (size_t)(blank + 4 - raw.data);
    if (head < raw.len)
        t->on->read(t->owner, (uint8_t *)(uintptr_t)raw.data + head, raw.len - head);
    return true;
}

/* ---- the connection ---- */

static void on_open(void *owner)
{
    (void)owner;
}

static void on_read(void *owner, uint8_t *data, size_t len)
{
    rill_web_connection *c = owner;
    if (c->over)
        return;
    c->heard_at = uv_now(c->web->loop->uv);
    if (!rill_http_server_is_amid(c->http))
        c->amid_at = c->heard_at;
    int error = rill_http_server_feed(c->http, data, len);
    weigh(c->web);
    if (c->over)
        return;
    if (error != RILL_OK && rill_http_server_problem(c->http) != NULL)
        rill_web_log(c, rill_http_server_problem(c->http));
    else if (error == RILL_ERR_NOMEM)
        rill_web_log(c, "is closed: out of memory");
    /* The end of the connection may come in this turn: what has been asked is answered first. */
    if (rill_http_server_waits_for_room(c->http))
        write_out(c);
    if (c->over)
        return;
    /* What cannot be kept stays in the system. */
    if (rill_http_server_is_full(c->http))
        rill_tcp_read_no_more(c->tcp);
    write_soon(c);
}

static void on_lost(void *owner, int error, const char *detail)
{
    rill_web_connection *c = owner;
    if (c->over)
        return;
    if (error != RILL_ERR_NOT_CONNECTED)
        say_line(c->web, detail);
    /* Who has ended its side may still read: what is answered by now leaves. */
    if (error == RILL_ERR_NOT_CONNECTED && !c->tcp->broken) {
        rill_http_server_end(c->http);
        if (!c->over)
            (void)write_some(c);
    }
    shut(c, true);
}

static void on_drained(void *owner)
{
    rill_web_connection *c = owner;
    if (!c->over)
        write_soon(c);
}

static const rill_tcp_handlers tcp_handlers = {
    .open = on_open,
    .read = on_read,
    .lost = on_lost,
    .drained = on_drained,
    .closed = on_closed,
};

/* False: all ask something. */
static bool make_room(const rill_web *w)
{
    rill_web_connection *idle = NULL;
    size_t count = 0;
    for (rill_list *n = w->connections.next; n != &w->connections; n = n->next) {
        rill_web_connection *c = RILL_CONTAINER(n, rill_web_connection, node);
        if (c->over)
            continue;
        count++;
        if (rill_http_server_open_count(c->http) == 0 && !rill_http_server_is_amid(c->http) &&
            (idle == NULL || c->heard_at < idle->heard_at))
            idle = c;
    }
    if (count < w->max_connections)
        return true;
    if (idle != NULL)
        shut(idle, false);
    return idle != NULL;
}

int rill_web_take(rill_web *w, rill_tcp *t, rill_http_protocol protocol)
{
    static const rill_http_server_handlers handlers = {on_request, on_gone, on_upgrade};
    if (w->closing || w->draining)
        return RILL_ERR_CLOSED;
    if (w->max_connections != 0 && !make_room(w))
        return RILL_ERR_LIMIT;
    rill_web_connection *c = rill_calloc(rill_allocator_default(), 1, sizeof *c);
    if (c == NULL)
        return RILL_ERR_NOMEM;
    int error = rill_http_server_new(&c->http, &w->blocks, &w->limits, protocol, &handlers, c);
    if (error != RILL_OK) {
        rill_free(rill_allocator_default(), c);
        return error;
    }
    c->web = w;
    c->tcp = t;
    c->heard_at = c->amid_at = c->read_at = uv_now(w->loop->uv);
    rill_list_init(&c->requests);
    rill_task_init(&c->flush, on_flush);
    rill_task_init(&c->ending, end);
    rill_list_push_back(&w->connections, &c->node);
    c->idle = protocol == RILL_HTTP_1 ? RILL_WEB_IDLE_1 : RILL_WEB_IDLE;
    w->idle += c->idle;
    w->count++;
    rill_tcp_give(t, &tcp_handlers, c);
    write_soon(c);
    return RILL_OK;
}

void rill_web_drain_connection(rill_web_connection *c)
{
    if (c->over)
        return;
    rill_http_server_drain(c->http);
    write_soon(c);
}

/* Since when does the client not read what there is for it? */
static uint64_t unread_for(rill_web_connection *c, uint64_t now)
{
    size_t backlog = rill_tcp_backlog(c->tcp);
    size_t taken = c->written - backlog;
    if (taken != c->taken || (backlog == 0 && !rill_http_server_waits_for_reader(c->http)))
        c->read_at = now;
    c->taken = taken;
    return now - c->read_at;
}

/* Of several at a time, one may stand still while others go on. */
static void look_at_requests(rill_web_connection *c, uint64_t now)
{
    const rill_web *w = c->web;
    if (rill_http_server_end_late(c->http, now, w->request_timeout / RILL_MS,
                                  w->idle_timeout / RILL_MS) == 0)
        return;
    rill_web_log(c, "left a request or its answer lying for too long: it was ended");
    write_soon(c);
}

void rill_web_look(rill_web_connection *c, uint64_t now)
{
    const rill_web *w = c->web;
    uint64_t silent = now - c->heard_at;
    if (c->over)
        return;
    if (unread_for(c, now) >= w->idle_timeout / RILL_MS) {
        rill_web_log(c, "does not read what it was answered");
        shut(c, false);
        return;
    }
    bool asks = rill_http_server_open_count(c->http) != 0;
    if (!asks && rill_http_server_is_amid(c->http) &&
        now - c->amid_at >= w->request_timeout / RILL_MS) {
        rill_web_log(c, "did not finish its request in time");
        shut(c, false);
    } else if (!asks && silent >= w->idle_timeout / RILL_MS) {
        rill_web_drain_connection(c);
        shut(c, true);
    } else {
        look_at_requests(c, now);
    }
}
