/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "links/btp/btp_client.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <rill/btp.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "link/tries.h"
#include "link/uri.h"
#include "links/btp/btp_auth.h"
#include "links/btp/btp_session.h"

#define PING_MS   20000
#define SILENT_MS (3 * PING_MS)
#define QUIET_MS  10000 /* without a loss: the next one is tried again at once */

static const uint64_t delays_ms[] = {0, 100, 500, 1000, 2000, 5000};

typedef enum client_state {
    WAITING, /* for the time to try */
    CONNECTING,
    AUTHENTICATING,
    UP,
    ENDED
} client_state;

typedef struct btp_client {
    rill_btp_session session; /* first */
    rill_uri uri;
    rill_tls_context *tls;
    rill_ws *ws;
    client_state state;
    uint64_t connect_timeout_ms;
    bool reconnect;
    bool closing;
    bool patient; /* the node hung up on us when something followed our authentication at once */
    uint32_t auth_id;
    unsigned attempts;     /* that failed one after the other */
    rill_tries tries;      /* with a node that leaves before it has let us in */
    uint64_t lost_at;      /* uv_now() */
    uint64_t due;          /* uv_now() for which the timer is set */
    uint64_t down_since;   /* monotonic nanoseconds */
    char last_detail[128]; /* why the last attempt failed; "" */
    unsigned parts;        /* WebSockets and timers that still point here */
    uv_timer_t timer;      /* of the state */
    rill_task ending;
} btp_client;

static void on_timer(uv_timer_t *timer);

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

static btp_client *client_of(rill_link *l)
{
    return RILL_CONTAINER(l, btp_client, session.link);
}

static void set_timer(btp_client *c, uint64_t after_ms)
{
    c->due = rill_add_sat(uv_now(c->session.link.loop->uv), after_ms);
    uv_timer_start(&c->timer, on_timer, after_ms, 0);
}

static uint64_t next_delay(btp_client *c)
{
    uint64_t now = uv_now(c->session.link.loop->uv);
    if (now - c->lost_at >= QUIET_MS)
        c->attempts = 0;
    c->lost_at = now;
    size_t last = sizeof delays_ms / sizeof delays_ms[0] - 1;
    size_t i = c->attempts < last ? c->attempts : last;
    c->attempts++;
    return delays_ms[i];
}

/*
 * The node hung up where something followed our authentication at once: it may
 * not like that, and is tried again in another way before anybody is told.
 */
static bool was_hasty(const btp_client *c)
{
    return c->state == AUTHENTICATING && !c->patient && rill_map_count(&c->session.open) > 0;
}

/* The owner does not hear of this attempt: the node may be one that is restarted. */
static bool stays_quiet(btp_client *c, int error, bool final, uint64_t wait_ms)
{
    uint64_t now = uv_now(c->session.link.loop->uv);
    return !final && c->reconnect && c->state != UP &&
           rill_tries_again(&c->tries, error, now, wait_ms, c->connect_timeout_ms);
}

/* The connection is of no use any more, or never was. */
static void lost(btp_client *c, int error, const char *detail, bool final)
{
    rill_link *l = &c->session.link;
    rill_ws *ws = c->ws;
    char text[512];
    if (c->closing)
        return;
    bool hasty = !final && error != RILL_ERR_TIMEOUT && was_hasty(c);
    uint64_t wait_ms = hasty ? 0 : next_delay(c);
    bool quiet = stays_quiet(c, error, final, wait_ms) || hasty;
    c->patient = c->patient || hasty;
    snprintf(text, sizeof text, "%s", detail);
    if (c->state == UP)
        c->down_since = rill_loop_now(l->loop).mono_ns;
    snprintf(c->last_detail, sizeof c->last_detail, "%.*s", (int)sizeof c->last_detail - 1,
             hasty ? "" : detail);
    final = final || (!c->reconnect && !hasty);
    c->state = final ? ENDED : WAITING;
    c->ws = NULL;
    uv_timer_stop(&c->timer);
    if (ws != NULL)
        rill_ws_close(ws, error == RILL_ERR_PROTOCOL ? RILL_WS_PROTOCOL_ERROR : RILL_WS_NORMAL);
    rill_btp_session_stop(&c->session, error);
    if (c->closing)
        return;
    if (!final)
        set_timer(c, wait_ms);
    if (quiet)
        return;
    c->tries = (rill_tries){.ends = 0};
    l->on.down(l, error, text, final, l->user);
}

static void on_open(void *owner)
{
    btp_client *c = owner;
    if (c->closing)
        return;
    rill_ws_ping(c->ws);
    c->state = AUTHENTICATING;
    c->auth_id = c->session.next_id++;
    rill_link *l = &c->session.link;
    if (!rill_btp_send_auth(c->ws, c->auth_id, c->uri.account, c->uri.token) || c->patient ||
        l->on.early == NULL)
        return;
    rill_btp_session_early(&c->session, c->ws);
    l->on.early(l, l->user);
    c->session.early = false;
}

/* Until the answer to our authentication is there, nothing else is looked at. */
static void on_auth_answer(btp_client *c, const uint8_t *data, size_t len)
{
    rill_btp_frame frame;
    char detail[512];
    rill_link *l = &c->session.link;
    int error = rill_btp_decode(&frame, data, len);
    if (error != RILL_OK && error != RILL_ERR_UNSUPPORTED) {
        snprintf(detail, sizeof detail, "%s sent a malformed BTP frame", rill_ws_name(c->ws));
        lost(c, RILL_ERR_PROTOCOL, detail, false);
        return;
    }
    if (error != RILL_OK || frame.request_id != c->auth_id)
        return;
    if (frame.type == RILL_BTP_ERROR) {
        lost(c, RILL_ERR_AUTH, "the node refused the token", true);
    } else if (frame.type == RILL_BTP_RESPONSE) {
        c->state = UP;
        c->tries = (rill_tries){.ends = 0};
        c->last_detail[0] = '\0';
        rill_btp_session_start(&c->session, c->ws);
        set_timer(c, PING_MS);
        l->on.up(l, l->user);
    }
}

static void on_message(void *owner, const uint8_t *data, size_t len)
{
    btp_client *c = owner;
    char detail[512];
    if (c->state == AUTHENTICATING) {
        on_auth_answer(c, data, len);
    } else if (c->session.up && rill_btp_session_frame(&c->session, data, len) != RILL_OK) {
        snprintf(detail, sizeof detail, "%s sent a malformed BTP frame", rill_ws_name(c->ws));
        lost(c, RILL_ERR_PROTOCOL, detail, false);
    }
}

static void on_lost(void *owner, int error, const char *detail)
{
    lost(owner, error, detail, false);
}

static void on_drained(void *owner)
{
    btp_client *c = owner;
    rill_btp_session_drained(&c->session);
}

static void part_closed(btp_client *c)
{
    assert(c->parts > 0);
    if (--c->parts != 0)
        return;
    rill_loop *loop = c->session.link.loop;
    c->session.link.on.closed(&c->session.link, c->session.link.user);
    rill_tls_context_free(c->tls);
    rill_wipe(&c->uri, sizeof c->uri);
    rill_free(memory(), c);
    rill_loop_drop(loop);
}

static void on_ws_closed(void *owner, rill_ws *ws)
{
    (void)ws;
    part_closed(owner);
}

static const rill_ws_handlers ws_handlers = {
    .open = on_open,
    .message = on_message,
    .lost = on_lost,
    .drained = on_drained,
    .closed = on_ws_closed,
};

static void attempt(btp_client *c)
{
    const rill_ws_client_options options = {
        .host = c->uri.host,
        .port = c->uri.port,
        .host_header = c->uri.host_header,
        .target = c->uri.target,
        .tls = c->tls,
        .max_message = RILL_BTP_MAX_FRAME,
    };
    int error = rill_ws_connect(&c->ws, c->session.link.loop, &options, &ws_handlers, c);
    if (error != RILL_OK) {
        char detail[512];
        c->ws = NULL;
        snprintf(detail, sizeof detail, "cannot connect to %s: %s", c->uri.host_header,
                 rill_strerror(error));
        lost(c, error, detail, false);
        return;
    }
    c->parts++;
    c->state = CONNECTING;
    set_timer(c, c->connect_timeout_ms);
}

static void ping(btp_client *c)
{
    uint64_t silent = uv_now(c->session.link.loop->uv) - rill_ws_last_heard(c->ws);
    if (silent >= SILENT_MS) {
        char detail[512];
        snprintf(detail, sizeof detail, "%s does not answer any more", rill_ws_name(c->ws));
        lost(c, RILL_ERR_TIMEOUT, detail, false);
        return;
    }
    rill_ws_ping(c->ws);
    set_timer(c, PING_MS);
}

static void on_timer(uv_timer_t *timer)
{
    btp_client *c = timer->data;
    char detail[512];
    if (rill_loop_is_behind(c->session.link.loop, rill_mul_div_floor_sat(c->due, RILL_MS, 1))) {
        uv_timer_start(timer, on_timer, 1, 0);
        return;
    }
    switch (c->state) {
    case WAITING:
        attempt(c);
        break;
    case CONNECTING:
    case AUTHENTICATING:
        snprintf(detail, sizeof detail, "%s did not answer in time", c->uri.host_header);
        lost(c, RILL_ERR_TIMEOUT, detail, false);
        break;
    case UP:
        ping(c);
        break;
    case ENDED:
        break;
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    part_closed(handle->data);
}

static void on_session_closed(uv_handle_t *handle)
{
    rill_btp_session *s = handle->data;
    part_closed(client_of(&s->link));
}

static void end(rill_task *task)
{
    btp_client *c = RILL_CONTAINER(task, btp_client, ending);
    rill_ws *ws = c->ws;
    c->ws = NULL;
    if (ws != NULL)
        rill_ws_close(ws, RILL_WS_NORMAL);
    rill_btp_session_stop(&c->session, RILL_ERR_CLOSED);
    rill_btp_session_close(&c->session, on_session_closed);
    uv_close((uv_handle_t *)&c->timer, on_timer_closed);
}

static void client_close(rill_link *l)
{
    btp_client *c = client_of(l);
    if (c->closing)
        return;
    c->closing = true;
    c->session.up = false;
    c->state = ENDED;
    uv_timer_stop(&c->timer);
    rill_loop_defer(l->loop, &c->ending);
}

static void client_waiting(const rill_link *l, rill_waiting *out)
{
    const btp_client *c = RILL_CONTAINER(l, const btp_client, session.link);
    rill_wait reason = RILL_WAIT_CONNECT;
    if (c->state == UP || c->state == ENDED)
        return;
    if (c->state == AUTHENTICATING)
        reason = RILL_WAIT_AUTH;
    else if (c->state == CONNECTING && rill_ws_wait(c->ws) != RILL_WAIT_NOTHING)
        reason = rill_ws_wait(c->ws);
    out->since_ns = c->down_since;
    out->until_ns =
        rill_add_sat(rill_loop_now(l->loop).mono_ns,
                     rill_mul_div_floor_sat(uv_timer_get_due_in(&c->timer), RILL_MS, 1));
    rill_waiting_set(out, reason, c->last_detail[0] != '\0' ? c->last_detail : c->uri.host_header);
}

static const rill_link_ops client_ops = {
    .is_up = rill_btp_session_is_up,
    .send = rill_btp_session_send,
    .reply = rill_btp_session_reply,
    .close = client_close,
    .send_parts = rill_btp_session_send_parts,
    .waiting = client_waiting,
    .send_message = rill_btp_session_send_message,
    .reply_message = rill_btp_session_reply_message,
    .waits = rill_btp_session_waits,
    .is_busy = rill_btp_session_is_busy,
};

/* What can fail before anything is registered with libuv. */
static int client_prepare(btp_client *c, rill_loop *loop, const char *uri,
                          const rill_link_options *options, const char **problem)
{
    int error = rill_uri_parse(&c->uri, uri, problem);
    if (error == RILL_OK && c->uri.tls)
        error = rill_tls_client_context(&c->tls, options->ca_file, options->verify, problem);
    if (error == RILL_OK && c->uri.tls && options->cert_file != NULL)
        error = rill_tls_context_identify(c->tls, options->cert_file, options->key_file, problem);
    if (error == RILL_OK)
        error = rill_btp_session_init(&c->session, loop, RILL_BTP_MAX_REQUESTS);
    return error;
}

int rill_btp_client_open(rill_link **out, rill_loop *loop, const char *uri,
                         const rill_link_options *options, const rill_link_handlers *handlers,
                         void *user, const char **problem)
{
    btp_client *c = rill_calloc(memory(), 1, sizeof *c);
    if (c == NULL)
        return RILL_ERR_NOMEM;
    int error = client_prepare(c, loop, uri, options, problem);
    if (error != RILL_OK) {
        rill_tls_context_free(c->tls);
        rill_wipe(&c->uri, sizeof c->uri);
        rill_free(memory(), c);
        return error;
    }
    c->session.link.ops = &client_ops;
    c->session.link.on = *handlers;
    c->session.link.user = user;
    c->connect_timeout_ms = rill_add_sat(options->connect_timeout_ns, RILL_MS - 1) / RILL_MS;
    c->reconnect = options->reconnect;
    c->state = WAITING;
    c->parts = 2;
    rill_task_init(&c->ending, end);
    uv_timer_init(loop->uv, &c->timer);
    c->timer.data = c;
    c->down_since = rill_loop_now(loop).mono_ns;
    rill_loop_hold(loop);
    set_timer(c, 0);
    *out = &c->session.link;
    return RILL_OK;
}
