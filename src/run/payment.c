/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include "run/payment_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/muldiv.h"
#include "base/sized.h"
#include "crypto/crypto.h"
#include "run/host.h"
#include <rill/credentials.h>

#define TICK_MS 50
/* What is still in flight when a payment fails gets so long to be answered. */
#define GRACE (2 * RILL_SECOND)
/* Connections in a row that may be forgotten before anything of them arrives. */
#define MAX_BARREN 3

static const rill_allocator *memory(void)
{
    return rill_allocator_default();
}

/* ---- failure ---- */

static void close_connection(rill_payment *p)
{
    /* A receiver that is told of no error takes what it has for all there is, but for one that
     * ended it itself. */
    bool blame = p->error != RILL_OK && !p->sent_away && !p->is_quote;
    if (p->connection && blame) {
        p->gave_up = true;
        rill_connection_close(p->connection, RILL_CLOSE_APPLICATION_ERROR,
                              "the sender has given up");
    }
    if (p->connection && !blame)
        rill_connection_close(p->connection, RILL_CLOSE_NO_ERROR, NULL);
}

static void finish_grace(rill_payment *p)
{
    if (p->grace_at == RILL_NEVER || !p->connection)
        return;
    rill_connection_stats stats;
    rill_connection_get_stats(p->connection, &stats);
    /* What is in doubt for good is waited for no longer. */
    if (rill_payment_now(p) >= p->grace_at)
        /* At once: the connection would wait until what is in doubt has expired, and forget it. */
        rill_client_close(p->client);
    else if (stats.in_flight == 0 ||
             (p->error == RILL_ERR_IN_DOUBT && stats.packets_in_flight == 0))
        close_connection(p);
}

/* Only the goodbye is missing, and a receiver that is gone need not say it. */
static bool arrived(const rill_payment *p)
{
    rill_stream_offsets offsets = {.acknowledged = p->result.data_acknowledged};
    if (p->stream)
        rill_stream_get_offsets(p->stream, &offsets);
    return p->ended && offsets.acknowledged >= p->data_written;
}

/* Nothing more is sent; what is in flight gets its time. */
static void fail_by(rill_payment *p, int error, const char *message, bool remote)
{
    if (p->error != RILL_OK || (p->over && !p->again))
        return;
    if (p->connection && arrived(p)) {
        rill_client_close(p->client);
        return;
    }
    p->error = error;
    p->again = false;
    if (p->result.reason == RILL_REASON_NONE)
        p->result.reason = rill_payment_reason(p, error);
    rill_payment_describe(p, error, message, remote);
    p->grace_at = rill_payment_now(p) + GRACE;
    if (!p->connection) {
        rill_client_close(p->client);
        return;
    }
    if (p->stream) {
        rill_stream_totals totals;
        rill_stream_get_totals(p->stream, &totals);
        (void)!rill_stream_set_send_max(p->stream, totals.sent + totals.in_flight);
    }
    finish_grace(p);
}

static void fail(rill_payment *p, int error, const char *message)
{
    fail_by(p, error, message, false);
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
    /* All the money is known to have arrived: one packet ends it. Ending the stream first would
     * take a round trip more, which only bytes need. */
    if (p->data_written == 0) {
        rill_connection_close(p->connection, RILL_CLOSE_NO_ERROR, NULL);
        return;
    }
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

static int read_more(rill_payment *p, size_t *len)
{
    if (p->handlers.read)
        return p->handlers.read(p->chunk, sizeof p->chunk, len, p->handlers.user);
    *len = p->data.len < sizeof p->chunk ? p->data.len : sizeof p->chunk;
    if (*len > 0)
        memcpy(p->chunk, p->data.data, *len);
    p->data.data += *len;
    p->data.len -= *len;
    return RILL_OK;
}

static void pump_data(rill_payment *p)
{
    while (p->stream && !p->data_read && p->error == RILL_OK && write_chunk(p)) {
        size_t len = 0;
        int rc = read_more(p, &len);
        if (rc == RILL_ERR_BLOCKED)
            return;
        if (rc != RILL_OK) {
            fail(p, rc, "the data cannot be read");
            return;
        }
        p->chunk_at = 0;
        p->chunk_len = len;
        p->progress_at = rill_payment_now(p);
        if (len == 0)
            p->data_read = true;
    }
    if (p->stream)
        check_done(p);
}

uint64_t rill_payment_acknowledged(const rill_payment *p)
{
    rill_stream_offsets offsets = {.acknowledged = 0};
    if (!p->stream)
        return p->result.data_acknowledged;
    rill_stream_get_offsets(p->stream, &offsets);
    return p->before.data_acknowledged + offsets.acknowledged;
}

void rill_payment_readable(rill_payment *p)
{
    if (p->stream && !p->asks)
        pump_data(p);
}

void rill_payment_cancel(rill_payment *p)
{
    fail(p, RILL_ERR_CANCELLED, NULL);
}

/* ---- what the client tells ---- */

static void start_asking(rill_payment *p)
{
    int rc = rill_payment_ask(p);
    if (rc != RILL_OK)
        fail(p, rc, NULL);
}

void rill_payment_release(rill_payment *p, int error)
{
    p->asks = false;
    p->held = false;
    p->progress_at = rill_payment_now(p);
    if (error == RILL_OK)
        error = rill_payment_send_more(p);
    if (error != RILL_OK) {
        fail(p, error, NULL);
        return;
    }
    pump_data(p);
}

/* Of a payment without a quote: the terms follow from what was asked for. */
static void find_terms(rill_payment *p)
{
    rill_quote_options o;
    rill_quote_terms terms;
    rill_quote_options_init(&o);
    /* Of one that goes on: what is left of both. */
    uint64_t gone = rill_payment_gone(p);
    o.deliver_amount = rill_payment_left(p, 0);
    o.max_source = rill_sub_sat(p->amount, gone);
    if (o.deliver_amount == 0) {
        fail(p, RILL_ERR_IN_DOUBT, NULL);
        return;
    }
    o.min_rate = p->asked_min_rate;
    o.slippage = p->connection_options.slippage;
    int error = rill_quote_find_terms(&terms, &p->path, &o, &p->result.reason);
    if (error != RILL_OK) {
        snprintf(p->result.detail, sizeof p->result.detail, "%s",
                 rill_reason_text(p->result.reason));
        fail(p, error, NULL);
        return;
    }
    error = rill_payment_take_terms(p, rill_add_sat(gone, terms.max_source), p->deliver,
                                    terms.min_rate);
    rill_payment_release(p, error);
}

static void on_probed(rill_connection *c, void *user)
{
    rill_payment *p = user;
    (void)c;
    if (p->error != RILL_OK || !p->stream || !p->asks)
        return;
    rill_payment_take_path(p);
    p->held = true;
    if (p->is_quote)
        rill_payment_tell_quote(p);
    else
        find_terms(p);
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    rill_payment *p = user;
    p->reached = true;
    p->connection = c;
    p->progress_at = rill_payment_now(p);
    snprintf(p->result.source_asset_code, sizeof p->result.source_asset_code, "%s",
             rill_client_asset_code(client));
    p->result.source_asset_scale = rill_client_asset_scale(client);
    int rc = rill_connection_open_stream(c, &p->stream);
    if (rc != RILL_OK)
        fail(p, rc, NULL);
    else if (p->asks)
        start_asking(p);
    else
        rill_payment_release(p, RILL_OK);
}

static void on_link(bool up, const char *detail, void *user)
{
    rill_payment *p = user;
    snprintf(p->link_detail, sizeof p->link_detail, "%s", up ? "" : detail);
    p->let_in = p->let_in || up;
    /* A node that has let us in, and then left, is restarted, perhaps: it gets connect_timeout_ns.
     */
    if (!up && !p->let_in && p->fail_fast)
        fail_unreached(p);
}

/* Another connection is made for money only, and only while there is some left. */
static void drop_secret(rill_payment *p)
{
    if (p->secret)
        rill_wipe(p->secret, p->secret_len);
    rill_free(memory(), p->secret);
    p->secret = NULL;
}

static void on_sent(rill_stream *s, int error, void *user)
{
    (void)s;
    rill_payment *p = user;
    if (error == RILL_ERR_FORGOTTEN)
        return;
    bool more = p->error == RILL_OK && !rill_payment_has_all(p) &&
                (error == RILL_OK || rill_payment_push(p, error));
    if (more)
        error = rill_payment_send_more(p);
    /* Where the other side has closed it meanwhile, its end follows, and says why. */
    if (more && (error == RILL_OK || error == RILL_ERR_CLOSED))
        return;
    if (error != RILL_OK) {
        /* Where the other side closed, the end that follows says more. */
        p->vague = p->error == RILL_OK;
        p->sent_away = p->vague && error == RILL_ERR_CLOSED;
        fail(p, error, NULL);
        return;
    }
    p->money_sent = true;
    if (!p->handlers.save)
        drop_secret(p);
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

/* The other side's word says more than the error alone. */
static void describe_again(rill_payment *p, const rill_end *end)
{
    int error = end->error != RILL_OK ? end->error : RILL_ERR_CLOSED;
    bool says_more = end->remote || (*end->message && !p->gave_up);
    if (!p->vague || p->error != error || !says_more)
        return;
    /* A stream's end has no message of the connection's, which comes after it. */
    p->vague = !*end->message;
    p->result.detail[0] = '\0';
    rill_payment_describe(p, p->error, end->message, end->remote);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    rill_payment *p = user;
    if (s != p->stream)
        return;
    bool first = p->error == RILL_OK;
    if (end->remote)
        rill_payment_take_words(p, end->message, strlen(end->message));
    if (first)
        p->sent_away = end->remote && end->close_code == RILL_CLOSE_NO_ERROR;
    rill_payment_take_stream(p);
    /* Forgotten money may have another connection: the end of this one says so. */
    if (p->error == RILL_OK && end->error != RILL_ERR_FORGOTTEN &&
        (!p->money_sent || !p->data_read || p->result.data_acknowledged < p->data_written))
        fail_by(p, end->error != RILL_OK ? end->error : RILL_ERR_CLOSED, end->message, end->remote);
    describe_again(p, end);
    /* The end of the connection, which follows, may have the message. */
    p->vague = p->vague || (first && p->error != RILL_OK && !*end->message);
    if (rill_payment_describe_refused_anew(p, end))
        p->vague = false;
    p->stream = NULL;
}

/* We came to pay: of what the other side writes the first words are kept. Some say so why they
 * refuse money. */
static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)s;
    rill_payment_take_words(user, data, len);
}

/* All was sent, and nothing arrived that its receiver could tell. */
static bool came_to_nothing(const rill_payment *p)
{
    return p->amount > 0 && p->result.delivered == 0 && *p->result.destination_asset_code;
}

/*
 * The receiver was started again, and knows nothing of this connection. Money is the same
 * wherever it comes from; bytes that may or may not have arrived are not.
 */
static bool can_go_on(rill_payment *p, int error)
{
    if (error != RILL_ERR_FORGOTTEN || p->error != RILL_OK || !p->data_read ||
        p->result.data_acknowledged < p->data_written)
        return false;
    p->barren = p->result.sent > p->before.sent ? 0 : p->barren + 1;
    uint64_t gone = rill_add_sat(p->result.sent, p->result.in_doubt);
    return p->secret != NULL && !p->asks && gone < p->amount && p->barren < MAX_BARREN;
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    rill_payment *p = user;
    p->over = true;
    if (end->remote)
        rill_payment_take_words(p, end->message, strlen(end->message));
    if (p->stream)
        rill_payment_take_stream(p);
    rill_payment_take_stats(p);
    bool paid = p->deliver != 0 ? p->result.delivered >= p->deliver : p->result.sent >= p->amount;
    bool all = paid && !p->asks && p->data_read && p->result.data_acknowledged >= p->data_written;
    if (all) {
        /* Whatever happened on the way: the last replies may have come after the time-out. */
        p->ended = true;
        p->error = came_to_nothing(p) ? RILL_ERR_TOO_LITTLE : RILL_OK;
        p->result.reason = RILL_REASON_NONE;
        p->result.detail[0] = '\0';
        if (p->error != RILL_OK)
            rill_payment_describe(p, p->error, "all was sent, and less than one unit arrived",
                                  false);
    } else if (can_go_on(p, end->error)) {
        p->again = true;
    } else if (p->error == RILL_OK) {
        p->error = end->error != RILL_OK    ? end->error
                   : p->result.in_doubt > 0 ? RILL_ERR_IN_DOUBT
                                            : RILL_ERR_CLOSED;
        rill_payment_describe(p, p->error, end->message, end->remote);
    }
    describe_again(p, end);
    p->stream = NULL;
    p->connection = NULL;
}

void rill_payment_free(rill_payment *p)
{
    drop_secret(p);
    rill_free(memory(), p->destination_account);
    rill_free(memory(), p);
}

static void on_timer_closed(uv_handle_t *timer)
{
    rill_payment *p = timer->data;
    rill_loop *loop = p->loop;
    if (p->error == RILL_OK)
        p->result.reason = RILL_REASON_NONE;
    else if (p->result.reason == RILL_REASON_NONE)
        p->result.reason = rill_payment_reason(p, p->error);
    p->handlers.done(p->error, p->reached, &p->result, p->handlers.user);
    rill_payment_free(p);
    rill_loop_drop(loop);
}

/* One more connection for what is left. */
static void go_on(rill_payment *p)
{
    p->before = p->result;
    p->goal = p->amount - p->result.sent - p->result.in_doubt;
    p->allowed = 0;
    p->pushed = false;
    p->data_written = 0;
    p->again = false;
    p->over = false;
    int rc = rill_payment_connect(p, NULL);
    if (rc == RILL_OK)
        return;
    p->over = true;
    p->error = rc;
}

/* What came of it. Money that moved has moved, whether or not that is kept. */
static void save_end(rill_payment *p)
{
    int error = p->allowed > 0 || p->before.sent > 0 ? rill_payment_save(p, true) : RILL_OK;
    if (error == RILL_OK || p->error != RILL_OK)
        return;
    p->error = error;
    p->result.reason = RILL_REASON_SAVE;
    snprintf(p->result.detail, sizeof p->result.detail,
             "all was sent, but that could not be saved: do not resume this payment");
}

static void on_closed(int error, const char *detail, void *user)
{
    rill_payment *p = user;
    p->client = NULL;
    if (p->again)
        go_on(p);
    if (p->client)
        return;
    /* Refused for good says more than that the first attempt failed. */
    if (!p->reached && error != RILL_OK && p->error != RILL_ERR_CANCELLED)
        p->error = error;
    if (p->error == RILL_OK && !p->ended)
        p->error = error != RILL_OK ? error : RILL_ERR_CLOSED;
    if (p->error != RILL_OK && !*p->result.detail)
        snprintf(p->result.detail, sizeof p->result.detail, "%s",
                 *detail ? detail : rill_strerror(p->error));
    save_end(p);
    p->result.duration_ns = rill_payment_now(p) - p->started;
    rill_task_cancel(&p->report);
    uv_close((uv_handle_t *)&p->timer, on_timer_closed);
}

/* Why nothing was sent, where the path's rate is known and not good enough. */
static bool rate_is_low(const rill_payment *p)
{
    rill_connection_stats stats;
    if (!p->connection)
        return false;
    rill_connection_get_stats(p->connection, &stats);
    return stats.rate.num != 0 && rill_ratio_compare(stats.rate, stats.min_rate) < 0;
}

static void out_of_time(rill_payment *p, int error)
{
    if (!p->reached && *p->link_detail)
        fail_unreached(p);
    else
        fail(p, rate_is_low(p) ? RILL_ERR_RATE : error, NULL);
}

/*
 * After the packets of this turn: before them, all that were in flight may have been answered, and
 * a payment at full speed would look as if it did nothing.
 */
static void on_report(rill_task *task)
{
    rill_payment *p = RILL_CONTAINER(task, rill_payment, report);
    if (!p->stream || p->error != RILL_OK || p->held || !p->handlers.progress)
        return;
    rill_connection_stats stats;
    rill_stream_totals totals;
    rill_connection_get_stats(p->connection, &stats);
    rill_stream_get_totals(p->stream, &totals);
    rill_payment_add_before(p, &stats, &totals);
    if (!p->handlers.progress(&stats, &totals, p->handlers.user))
        rill_payment_cancel(p);
}

static void on_tick(uv_timer_t *timer)
{
    rill_payment *p = timer->data;
    if (p->error == RILL_OK && !p->held && !rill_payment_tell(p))
        rill_payment_cancel(p);
    int rc = p->error == RILL_OK ? rill_payment_save_progress(p) : RILL_OK;
    if (rc != RILL_OK) {
        p->result.reason = RILL_REASON_SAVE;
        fail(p, rc, NULL);
    }
    if (rill_payment_now(p) >= p->deadline)
        out_of_time(p, RILL_ERR_TIMEOUT);
    else if (p->error == RILL_OK && !p->held && rill_payment_stalled(p))
        out_of_time(p, RILL_ERR_STALLED);
    finish_grace(p);
    if (p->handlers.progress)
        rill_loop_before_wait(p->loop, &p->report);
}

int rill_payment_connect(rill_payment *p, const char **problem)
{
    static const rill_handlers client_handlers = {
        .size = sizeof(rill_handlers),
        .client_ready = on_ready,
        .stream = on_stream,
        .data = on_data,
        .send_total_end = on_sent,
        .writable = on_writable,
        .stream_end = on_stream_end,
        .connection_end = on_connection_end,
        .link = on_link,
        .closed = on_closed,
        .probed = on_probed,
    };
    p->net.handlers = &client_handlers;
    p->net.user = p;
    return rill_client_open(&p->client, p->loop, &p->net, p->destination_account, p->secret,
                            p->secret_len, problem);
}

void rill_payment_begin(rill_payment *p, rill_loop *loop)
{
    rill_task_init(&p->report, on_report);
    uv_timer_init(rill_loop_uv(loop), &p->timer);
    p->timer.data = p;
    rill_loop_hold(loop);
    uv_timer_start(&p->timer, on_tick, TICK_MS, TICK_MS);
}
