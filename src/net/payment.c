/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "net/payment.h"
#include "base/muldiv.h"
#include "net/loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define TICK_MS 50
/* What is still in flight when a payment fails gets so long to be answered. */
#define GRACE (2 * RILL_SECOND)
#define CHUNK 16384

struct rill_payment {
    rill_loop *loop;
    rill_client *client;
    rill_connection *connection; /* NULL before ready and after its end */
    rill_stream *stream;         /* NULL so too */
    uv_timer_t timer;
    rill_task report; /* progress: told once what can leave has left */
    rill_payment_handlers handlers;
    rill_payment_source source;
    uint64_t amount;
    uint64_t started; /* monotonic nanoseconds */
    uint64_t deadline;
    uint64_t grace_at; /* RILL_NEVER while nothing has failed */
    bool fail_fast;
    bool reached;    /* the node */
    bool money_sent; /* all of it */
    bool data_read;  /* all of it, and written to the stream */
    bool ended;      /* connection_end was asked for */
    bool over;       /* the connection is gone, and the outcome known: only the link is closed */
    int error;
    char link_detail[256]; /* why the link is down; "" */
    rill_pay_result result;
    uint64_t data_written;
    size_t chunk_at;
    size_t chunk_len;
    uint8_t chunk[CHUNK];
};

static uint64_t now_of(rill_payment *p)
{
    return rill_loop_now(p->loop).mono_ns;
}

/* ---- the result ---- */

static void take_stats(rill_payment *p)
{
    rill_connection_stats stats;
    rill_connection_stats_of(p->connection, &stats);
    p->result.sent = stats.sent;
    p->result.delivered = stats.delivered;
    p->result.in_doubt = stats.in_flight;
    p->result.packets = stats.packets_sent;
    p->result.rejects = stats.packets_rejected;
    const char *code;
    uint8_t scale;
    if (rill_connection_remote_asset(p->connection, &code, &scale)) {
        snprintf(p->result.destination_asset_code, sizeof p->result.destination_asset_code, "%s",
                 code);
        p->result.destination_asset_scale = scale;
    }
}

static void take_offsets(rill_payment *p)
{
    rill_stream_offsets offsets;
    rill_stream_offsets_of(p->stream, &offsets);
    p->result.data_acknowledged = offsets.acknowledged;
}

static void describe_reject(rill_payment *p, int error, rill_ilp_code code)
{
    char *detail = p->result.detail;
    size_t size = sizeof p->result.detail;
    const char *name = rill_ilp_code_name(code);
    switch (rill_ilp_code_find(code)) {
    case RILL_ILP_F06_UNEXPECTED_PAYMENT:
        snprintf(detail, size,
                 "the receiver does not accept these credentials (%s %s): it may have been "
                 "restarted since it made them",
                 code.text, name);
        break;
    case RILL_ILP_F02_UNREACHABLE:
    case RILL_ILP_T01_PEER_UNREACHABLE:
        snprintf(detail, size, "the receiver cannot be reached (%s %s): is it running?", code.text,
                 name);
        break;
    default:
        snprintf(detail, size, "%s (last reject: %s %s)", rill_strerror(error), code.text, name);
        break;
    }
}

/* One line for people about why not all was sent. */
static void describe(rill_payment *p, int error, const char *message)
{
    char *detail = p->result.detail;
    size_t size = sizeof p->result.detail;
    if (*detail)
        return;
    rill_connection_stats stats = {0};
    if (p->connection)
        rill_connection_stats_of(p->connection, &stats);
    if (message && *message)
        snprintf(detail, size, "%s: %s", rill_strerror(error), message);
    else if (error != RILL_ERR_CANCELLED && stats.last_reject.text[0] &&
             stats.packets_fulfilled == 0)
        describe_reject(p, error, stats.last_reject);
    else
        snprintf(detail, size, "%s", rill_strerror(error));
}

/* ---- failure ---- */

static void close_connection(rill_payment *p)
{
    if (p->connection)
        rill_connection_close(p->connection, RILL_CLOSE_NO_ERROR, NULL);
}

static void finish_grace(rill_payment *p)
{
    if (p->grace_at == RILL_NEVER || !p->connection)
        return;
    rill_connection_stats stats;
    rill_connection_stats_of(p->connection, &stats);
    /* What is in doubt for good is waited for no longer. */
    if (stats.in_flight == 0 || (p->error == RILL_ERR_IN_DOUBT && stats.packets_in_flight == 0))
        close_connection(p);
    else if (now_of(p) >= p->grace_at)
        /* At once: the connection would wait until what is in doubt has expired, and forget it. */
        rill_client_close(p->client);
}

/* Only the goodbye is missing, and a receiver that is gone need not say it. */
static bool arrived(const rill_payment *p)
{
    rill_stream_offsets offsets = {.acknowledged = p->result.data_acknowledged};
    if (p->stream)
        rill_stream_offsets_of(p->stream, &offsets);
    return p->ended && offsets.acknowledged >= p->data_written;
}

/* Nothing more is sent; what is in flight gets its time. */
static void fail(rill_payment *p, int error, const char *message)
{
    if (p->error != RILL_OK || p->over)
        return;
    if (p->connection && arrived(p)) {
        rill_client_close(p->client);
        return;
    }
    p->error = error;
    describe(p, error, message);
    p->grace_at = now_of(p) + GRACE;
    if (!p->connection) {
        if (!p->reached)
            rill_client_close(p->client);
        return;
    }
    if (p->stream) {
        rill_stream_totals totals;
        rill_stream_totals_of(p->stream, &totals);
        (void)!rill_stream_set_send_max(p->stream, totals.sent + totals.in_flight);
    }
    finish_grace(p);
}

/* The node was not reached: what the link said about it last is why. */
static void fail_unreached(rill_payment *p)
{
    if (p->error != RILL_OK)
        return;
    snprintf(p->result.detail, sizeof p->result.detail, "%s", p->link_detail);
    fail(p, RILL_ERR_CONNECT, NULL);
}

/* ---- money and data ---- */

static void check_done(rill_payment *p)
{
    if (p->error != RILL_OK || p->ended || !p->money_sent || !p->data_read)
        return;
    p->ended = true;
    int rc = rill_connection_end(p->connection);
    if (rc != RILL_OK)
        fail(p, rc, NULL);
}

/* False where the stream takes no more, or has failed. */
static bool write_chunk(rill_payment *p)
{
    while (p->chunk_at < p->chunk_len) {
        size_t accepted = 0;
        int rc = rill_stream_write(p->stream, p->chunk + p->chunk_at, p->chunk_len - p->chunk_at,
                                   &accepted);
        if (rc == RILL_ERR_BLOCKED)
            return false;
        if (rc != RILL_OK) {
            fail(p, rc, NULL);
            return false;
        }
        p->chunk_at += accepted;
        p->data_written += accepted;
    }
    return true;
}

static void pump_data(rill_payment *p)
{
    while (p->stream && !p->data_read && p->error == RILL_OK && write_chunk(p)) {
        size_t len = 0;
        int rc = p->source.read(p->source.user, p->chunk, sizeof p->chunk, &len);
        if (rc == RILL_ERR_BLOCKED)
            return;
        if (rc != RILL_OK) {
            fail(p, rc, "the data cannot be read");
            return;
        }
        p->chunk_at = 0;
        p->chunk_len = len;
        if (len == 0)
            p->data_read = true;
    }
    if (p->stream)
        check_done(p);
}

uint64_t rill_payment_acknowledged(const rill_payment *p)
{
    rill_stream_offsets offsets = {.acknowledged = p->result.data_acknowledged};
    if (p->stream)
        rill_stream_offsets_of(p->stream, &offsets);
    return offsets.acknowledged;
}

void rill_payment_readable(rill_payment *p)
{
    if (p->stream)
        pump_data(p);
}

void rill_payment_cancel(rill_payment *p)
{
    fail(p, RILL_ERR_CANCELLED, NULL);
}

/* ---- what the client tells ---- */

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    rill_payment *p = user;
    p->reached = true;
    p->connection = c;
    snprintf(p->result.source_asset_code, sizeof p->result.source_asset_code, "%s",
             rill_client_asset_code(client));
    p->result.source_asset_scale = rill_client_asset_scale(client);
    int rc = rill_connection_open_stream(c, &p->stream);
    if (rc == RILL_OK && p->amount > 0)
        rc = rill_stream_send_total(p->stream, p->amount, p->deadline);
    if (rc != RILL_OK) {
        fail(p, rc, NULL);
        return;
    }
    pump_data(p);
}

static void on_link(bool up, const char *detail, void *user)
{
    rill_payment *p = user;
    snprintf(p->link_detail, sizeof p->link_detail, "%s", up ? "" : detail);
    if (!up && !p->reached && p->fail_fast)
        fail_unreached(p);
}

static void on_sent(rill_stream *s, int error, void *user)
{
    (void)s;
    rill_payment *p = user;
    if (error != RILL_OK) {
        fail(p, error, NULL);
        return;
    }
    p->money_sent = true;
    check_done(p);
}

static void on_writable(rill_stream *s, void *user)
{
    (void)s;
    pump_data(user);
}

static void on_stream(rill_stream *s, void *user)
{
    (void)user;
    /* We came to pay. */
    rill_stream_close(s, RILL_CLOSE_NO_ERROR, NULL);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    rill_payment *p = user;
    if (s != p->stream)
        return;
    take_offsets(p);
    if (p->error == RILL_OK &&
        (!p->money_sent || !p->data_read || p->result.data_acknowledged < p->data_written))
        fail(p, end->error != RILL_OK ? end->error : RILL_ERR_CLOSED, end->message);
    p->stream = NULL;
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    rill_payment *p = user;
    p->over = true;
    if (p->stream)
        take_offsets(p);
    take_stats(p);
    bool all = p->result.sent >= p->amount && p->data_read &&
               p->result.data_acknowledged >= p->data_written;
    if (all) {
        /* Whatever happened on the way: the last replies may have come after the time-out. */
        p->ended = true;
        p->error = RILL_OK;
        p->result.detail[0] = '\0';
    } else if (p->error == RILL_OK) {
        p->error = end->error != RILL_OK ? end->error : RILL_ERR_CLOSED;
        describe(p, p->error, end->message);
    }
    p->stream = NULL;
    p->connection = NULL;
}

static void free_payment(uv_handle_t *timer)
{
    rill_payment *p = timer->data;
    p->handlers.done(p->error, p->reached, &p->result, p->handlers.user);
    free(p);
}

static void on_closed(int error, const char *detail, void *user)
{
    rill_payment *p = user;
    /* Refused for good says more than that the first attempt failed. */
    if (!p->reached && error != RILL_OK && p->error != RILL_ERR_CANCELLED)
        p->error = error;
    if (p->error == RILL_OK && !p->ended)
        p->error = RILL_ERR_CLOSED;
    if (p->error != RILL_OK && !*p->result.detail)
        snprintf(p->result.detail, sizeof p->result.detail, "%s",
                 *detail ? detail : rill_strerror(p->error));
    p->result.duration = now_of(p) - p->started;
    rill_task_cancel(&p->report);
    uv_close((uv_handle_t *)&p->timer, free_payment);
}

/* Why nothing was sent, where the path's rate is known and not good enough. */
static bool rate_is_low(const rill_payment *p)
{
    rill_connection_stats stats;
    if (!p->connection)
        return false;
    rill_connection_stats_of(p->connection, &stats);
    return stats.rate.num != 0 && rill_ratio_compare(stats.rate, stats.min_rate) < 0;
}

static void on_tick(uv_timer_t *timer)
{
    rill_payment *p = timer->data;
    if (now_of(p) >= p->deadline) {
        if (!p->reached && *p->link_detail)
            fail_unreached(p);
        else
            fail(p, rate_is_low(p) ? RILL_ERR_RATE : RILL_ERR_TIMEOUT, NULL);
    }
    finish_grace(p);
    if (p->handlers.progress)
        rill_loop_before_wait(p->loop, &p->report);
}

/*
 * After the packets of this turn: before them, all that were in flight may have been answered, and
 * a payment at full speed would look as if it did nothing.
 */
static void on_report(rill_task *task)
{
    rill_payment *p = RILL_CONTAINER(task, rill_payment, report);
    if (!p->stream || p->error != RILL_OK)
        return;
    rill_connection_stats stats;
    rill_stream_totals totals;
    rill_connection_stats_of(p->connection, &stats);
    rill_stream_totals_of(p->stream, &totals);
    if (!p->handlers.progress(&stats, &totals, p->handlers.user))
        rill_payment_cancel(p);
}

int rill_payment_start(rill_payment **out, rill_loop *loop, const rill_pay_options *o,
                       const rill_payment_source *source, const rill_payment_handlers *handlers,
                       bool fail_fast, const char **problem)
{
    static const rill_handlers client_handlers = {
        .ready = on_ready,
        .stream = on_stream,
        .sent = on_sent,
        .writable = on_writable,
        .stream_end = on_stream_end,
        .connection_end = on_connection_end,
        .link = on_link,
        .closed = on_closed,
    };
    rill_payment *p = calloc(1, sizeof *p);
    if (!p) {
        if (problem)
            *problem = rill_strerror(RILL_ERR_NOMEM);
        return RILL_ERR_NOMEM;
    }
    p->loop = loop;
    p->handlers = *handlers;
    if (source)
        p->source = *source;
    p->amount = o->amount;
    p->money_sent = o->amount == 0;
    p->data_read = !source;
    p->fail_fast = fail_fast;
    p->started = now_of(p);
    p->deadline = o->timeout ? rill_add_sat(p->started, o->timeout) : RILL_NEVER;
    p->grace_at = RILL_NEVER;
    rill_net_options net = o->net;
    net.handlers = &client_handlers;
    net.user = p;
    int rc = rill_connect(&p->client, loop, &net, o->destination_account, o->shared_secret,
                          o->secret_len, problem);
    if (rc != RILL_OK) {
        free(p);
        return rc;
    }
    rill_task_init(&p->report, on_report);
    uv_timer_init(rill_loop_uv(loop), &p->timer);
    p->timer.data = p;
    uv_timer_start(&p->timer, on_tick, TICK_MS, TICK_MS);
    *out = p;
    return RILL_OK;
}
