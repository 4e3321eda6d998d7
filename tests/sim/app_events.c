/* SPDX-License-Identifier: Apache-2.0 */
/* What the application does about events. Checks that they come as endpoint.h says. */
#include "app_internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* How long an application waits with a decision that it makes too late. */
#define MAX_WAIT_MS 60000

static unsigned pair_of(const rill_connection *c)
{
    return (unsigned)(uintptr_t)rill_connection_user(c) - 1;
}

static void on_connection(sim_app *a, const rill_event *e)
{
    const char *tag = rill_connection_tag(e->connection);
    unsigned pair = tag[0] == 'p' ? (unsigned)(tag[1] - '0') : SIM_MAX_PAIRS;
    if (pair >= a->host->books->directory->count) {
        sim_violation(a->report, "host %u: a connection with the tag '%s'", a->host->index, tag);
        return;
    }
    sim_ledger *l = &a->host->books->ledgers[pair];
    /*
     * The core takes a late first packet for a client that comes again with the same credentials.
     */
    l->reopened = l->reopened || l->ended;
    if (l->connection != NULL || sim_books_known(a->host->books, pair) != pair) {
        sim_violation(a->report, "host %u: connection %u came a second time", a->host->index, pair);
        return;
    }
    if (!rill_connection_is_server(e->connection))
        sim_violation(a->report, "host %u: a client's connection came", a->host->index);
    sim_app_connected(a, pair, e->connection);
}

static void on_stream(sim_app *a, const rill_event *e)
{
    unsigned pair = pair_of(e->connection);
    if (rill_connection_stream(e->connection, rill_stream_id(e->stream)) != e->stream)
        sim_violation(a->report, "host %u: a stream is not found by its id", a->host->index);
    sim_app_stream *s = sim_app_add(a, pair, e->stream);
    if (a->settling) {
        s->slow = false;
        int error = rill_stream_set_receive_max(e->stream, RILL_UNLIMITED);
        if (error != RILL_OK && error != RILL_ERR_CLOSED)
            sim_app_unexpected(a, "rill_stream_set_receive_max", error);
        sim_books_app_stream(a->host->books, pair, s->id)->receive_max = RILL_UNLIMITED;
    }
}

static void on_sent(sim_app *a, sim_app_stream *s, int error)
{
    rill_stream_totals t;
    rill_stream_get_totals(s->stream, &t);
    sim_trace(a->report, "host %u stream %" PRIu64 " SENT %s: %" PRIu64 " of %" PRIu64,
              a->host->index, s->id, rill_error_name(error), t.sent, s->send_total);
    if (!s->sending)
        sim_violation(a->report, "host %u stream %" PRIu64 ": SENT of nothing", a->host->index,
                      s->id);
    if (error == RILL_ERR_IDLE &&
        (a->config.patient ||
         (s->send_deadline != RILL_NEVER && s->send_deadline > sim_host_now(a->host).mono_ns)))
        sim_violation(a->report,
                      "host %u stream %" PRIu64 ": a payment with time left ended for idleness",
                      a->host->index, s->id);
    s->sending = false;
    /* These events belong to a stream that goes on. */
    s->cut_short =
        s->cut_short || (error != RILL_OK && error != RILL_ERR_TIMEOUT && error != RILL_ERR_RATE &&
                         error != RILL_ERR_TOO_LITTLE && error != RILL_ERR_IN_DOUBT);
    if (error == RILL_OK && t.sent < s->send_total)
        sim_violation(a->report, "host %u stream %" PRIu64 ": SENT with %" PRIu64 " of %" PRIu64,
                      a->host->index, s->id, t.sent, s->send_total);
    if (error == RILL_OK && t.sent > 0 && t.delivered == 0 &&
        !sim_books_by_rogue(a->host->books, s->pair))
        sim_violation(a->report, "host %u stream %" PRIu64 ": SENT, and nothing was delivered",
                      a->host->index, s->id);
    if (error == RILL_ERR_TIMEOUT && !a->config.hostile &&
        sim_host_now(a->host).mono_ns < s->send_deadline)
        sim_violation(a->report, "host %u stream %" PRIu64 ": SENT timed out too early",
                      a->host->index, s->id);
    /* The send max fell back: from now on no more than this may leave. */
    if (error == RILL_ERR_TIMEOUT)
        sim_books_app_stream(a->host->books, s->pair, s->id)->send_bound = t.sent + t.in_flight;
}

static void on_received(sim_app *a, sim_app_stream *s, int error)
{
    rill_stream_totals t;
    rill_stream_get_totals(s->stream, &t);
    sim_trace(a->report, "host %u stream %" PRIu64 " RECEIVED %s: %" PRIu64 " of %" PRIu64,
              a->host->index, s->id, rill_error_name(error), t.received, s->receive_total);
    if (!s->receiving)
        sim_violation(a->report, "host %u stream %" PRIu64 ": RECEIVED of nothing", a->host->index,
                      s->id);
    s->receiving = false;
    s->cut_short = s->cut_short || error == RILL_ERR_CLOSED;
    if (error == RILL_OK && t.received < s->receive_total)
        sim_violation(a->report,
                      "host %u stream %" PRIu64 ": RECEIVED with %" PRIu64 " of %" PRIu64,
                      a->host->index, s->id, t.received, s->receive_total);
    if (error == RILL_ERR_TIMEOUT && sim_host_now(a->host).mono_ns < s->receive_deadline)
        sim_violation(a->report, "host %u stream %" PRIu64 ": RECEIVED timed out too early",
                      a->host->index, s->id);
}

static void check_end(sim_app *a, sim_app_stream *s, const rill_event *e)
{
    rill_stream_totals t;
    rill_stream_offsets o;
    rill_stream_get_totals(s->stream, &t);
    rill_stream_get_offsets(s->stream, &o);
    if (s->sending || s->receiving)
        sim_violation(a->report, "host %u stream %" PRIu64 ": ended, and %s was never told",
                      a->host->index, s->id, s->sending ? "SENT" : "RECEIVED");
    if (s->money_events != t.received || s->progress_events != t.sent)
        sim_violation(a->report,
                      "host %u stream %" PRIu64 ": events told of %" PRIu64 " received and %" PRIu64
                      " sent, totals are %" PRIu64 " and %" PRIu64,
                      a->host->index, s->id, s->money_events, s->progress_events, t.received,
                      t.sent);
    s->given = o.received;
    s->told = o.acknowledged;
    if (o.written != s->written || o.consumed != s->read)
        sim_violation(a->report, "host %u stream %" PRIu64 ": offsets are wrong", a->host->index,
                      s->id);
    bool undone = s->cut_short || t.in_flight > 0 || o.acknowledged < o.written;
    if (undone && e->error == RILL_OK)
        sim_violation(a->report,
                      "host %u stream %" PRIu64 ": ended without an error, and not all was done",
                      a->host->index, s->id);
    a->undone[s->pair] = a->undone[s->pair] || undone;
    a->excused[s->pair] = a->excused[s->pair] || e->error != RILL_OK;
    s->read_well = e->error == RILL_OK && e->remote;
    bool well = e->error == RILL_OK && !e->remote && s->ending && !s->closed;
    s->ended_well = well && o.acknowledged == o.written && s->written == s->to_write;
    if (well && (o.acknowledged != o.written || t.sent + t.in_flight < t.send_max))
        sim_violation(a->report,
                      "host %u stream %" PRIu64 ": ended well with %" PRIu64 " of %" PRIu64
                      " bytes and %" PRIu64 " of %" PRIu64 " units sent",
                      a->host->index, s->id, o.acknowledged, o.written, t.sent, t.send_max);
}

static void on_stream_end(sim_app *a, sim_app_stream *s, const rill_event *e)
{
    sim_trace(a->report, "host %u stream %" PRIu64 " ended: %s code %u remote %d", a->host->index,
              s->id, rill_error_name(e->error), e->close_code, e->remote);
    sim_app_read(s, SIZE_MAX);
    check_end(a, s, e);
    sim_books_stream_ended(a->host->books, s->pair, s->stream);
    s->stream = NULL;
}

static void on_connection_end(sim_app *a, const rill_event *e)
{
    unsigned pair = pair_of(e->connection);
    sim_trace(a->report, "host %u connection %u ended: %s code %u remote %d", a->host->index, pair,
              rill_error_name(e->error), e->close_code, e->remote);
    if (e->error == RILL_OK && a->undone[pair])
        sim_violation(a->report,
                      "host %u connection %u: ended without an error, and not all was done",
                      a->host->index, pair);
    sim_app_answer_all(a, pair);
    if (e->error == RILL_ERR_IDLE)
        sim_books_idle(a->host->books, pair, sim_host_now(a->host), a->options.idle_timeout_ns);
    sim_books_connection_ended(a->host->books, pair);
    a->connections[pair] = NULL;
    a->watches[pair] = (sim_watch){0};
    a->ended[pair] = true;
    a->error[pair] = e->error;
    if (e->error == RILL_ERR_IDLE)
        a->error[pair] = RILL_OK;
    if ((e->error == RILL_ERR_CLOSED || e->error == RILL_ERR_IN_DOUBT ||
         e->error == RILL_ERR_BLOCKED) &&
        a->excused[pair])
        a->error[pair] = RILL_OK;
    a->undone[pair] = a->excused[pair] = false;
    if (e->message == NULL)
        sim_violation(a->report, "host %u: an end without a message", a->host->index);
}

static void decide_later(void *context, uint64_t index)
{
    sim_app *a = context;
    if (a->report->failed || a->decisions[index].made || a->host->endpoint == NULL)
        return;
    if (a->host->asleep) {
        sim_queue_put(a->host->queue, a->host->queue->now + RILL_SECOND, decide_later, a, index,
                      NULL);
        return;
    }
    if (sim_host_is_busy(a->host)) {
        sim_queue_put(a->host->queue, a->host->busy_until, decide_later, a, index, NULL);
        return;
    }
    sim_host_enter(a->host);
    sim_app_decide(a, index);
    sim_host_turn(a->host);
}

static void on_incoming(sim_app *a, const rill_event *e)
{
    if (a->decision_count == a->decision_capacity) {
        a->decision_capacity = a->decision_capacity == 0 ? 64 : a->decision_capacity * 2;
        a->decisions =
            sim_reallocate(a->decisions, (size_t)a->decision_capacity * sizeof(sim_decision));
    }
    const sim_app_config *c = &a->config;
    sim_books_asked(a->host->books, e->incoming_id);
    uint64_t index = a->decision_count++;
    bool fulfill = !sim_rng_chance(&a->rng, a->settling ? 0 : c->refuses);
    a->decisions[index] = (sim_decision){.decision = e->decision_id,
                                         .request = e->incoming_id,
                                         .expires_at = e->expires_at_ms,
                                         .expires_ns = sim_host_now(a->host).mono_ns,
                                         .pair = pair_of(e->connection),
                                         .fulfill = fulfill};
    uint64_t now = a->host->queue->now;
    uint64_t wall = sim_host_now(a->host).wall_ms;
    uint64_t left = e->expires_at_ms > wall ? e->expires_at_ms - wall : 0;
    a->decisions[index].expires_late = left > MAX_WAIT_MS;
    if (left > MAX_WAIT_MS)
        left = MAX_WAIT_MS; /* a connector may have set the expiry far into the future */
    a->decisions[index].expires_ns += left * RILL_MS;
    sim_count(a->report, SIM_ASK);
    if (!fulfill)
        sim_count(a->report, SIM_REFUSES);
    if (!a->settling && sim_rng_chance(&a->rng, c->blocks)) {
        sim_count(a->report, SIM_BLOCKS);
        sim_host_block(a->host, sim_rng_magnitude(&a->rng, 1, c->block_high_ms) * RILL_MS);
        sim_queue_put(a->host->queue, a->host->busy_until, decide_later, a, index, NULL);
        return;
    }
    if (!a->settling && sim_rng_chance(&a->rng, c->never)) {
        a->decisions[index].never = true;
        sim_count(a->report, SIM_NEVER);
        return;
    }
    if (!a->settling && sim_rng_chance(&a->rng, c->too_late)) {
        uint64_t wait = left + sim_rng_below(&a->rng, 3000);
        sim_count(a->report, SIM_TOO_LATE);
        sim_queue_put(a->host->queue, now + wait * RILL_MS, decide_later, a, index, NULL);
    } else if (!a->settling && sim_rng_chance(&a->rng, c->late)) {
        uint64_t wait = sim_rng_magnitude(&a->rng, 1, 4000) * RILL_MS;
        sim_count(a->report, SIM_LATE);
        sim_queue_put(a->host->queue, now + wait, decide_later, a, index, NULL);
    } else {
        sim_app_decide(a, index);
    }
}

static void on_stream_event(sim_app *a, const rill_event *e)
{
    sim_app_stream *s = rill_stream_user(e->stream);
    if (s == NULL || s->stream != e->stream || e->connection != rill_stream_connection(e->stream)) {
        sim_violation(a->report, "host %u: event %d of a stream not known", a->host->index,
                      (int)e->type);
        return;
    }
    switch (e->type) {
    case RILL_EVENT_MONEY:
        s->money_events += e->amount;
        break;
    case RILL_EVENT_OUTGOING_MONEY:
        s->progress_events += e->amount;
        break;
    case RILL_EVENT_DATA:
        if (s->slow)
            sim_app_read_later(s);
        else
            sim_app_read(s, SIZE_MAX);
        break;
    case RILL_EVENT_SEND_TOTAL_END:
        on_sent(a, s, e->error);
        break;
    case RILL_EVENT_RECEIVE_TOTAL_END:
        on_received(a, s, e->error);
        break;
    case RILL_EVENT_WRITABLE:
        sim_app_write(s);
        break;
    case RILL_EVENT_STREAM_END:
        on_stream_end(a, s, e);
        break;
    default:
        break;
    }
}

void sim_app_event(sim_app *a, const rill_event *e)
{
    switch (e->type) {
    case RILL_EVENT_CONNECTION:
        on_connection(a, e);
        break;
    case RILL_EVENT_STREAM:
        on_stream(a, e);
        break;
    case RILL_EVENT_INCOMING:
        on_incoming(a, e);
        break;
    case RILL_EVENT_CONNECTION_END:
        on_connection_end(a, e);
        break;
    default:
        if (e->stream != NULL)
            on_stream_event(a, e);
        break;
    }
}
