/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bound for every wait. If an application has asked for something and has not got it,
 * rill_connection_get_waiting must report a wait within two seconds. A wait that is said to end by
 * a time must have ended then. What ends by itself when nothing happens must end.
 */
#include "app_internal.h"

#include <inttypes.h>

#include "stream/core/endpoint_internal.h"
#include <rill/waiting.h>

/* How long a wait may go without a report. */
#define SILENCE (2 * RILL_SECOND)
/* Counted from the close: our close, and then bytes that nobody reads. */
#define CLOSING (5 * RILL_SECOND + 60 * RILL_SECOND)

/* Its host may have come too late. */
static uint64_t slack(const sim_app *a)
{
    return a->host->timer_lag + a->host->blocked + RILL_SECOND / 2;
}

/* After this a packet without a reply has expired. */
static uint64_t lifetime(const sim_app *a)
{
    return a->options.packet_lifetime_ns + RILL_SECOND;
}

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a + b < a ? UINT64_MAX : a + b;
}

/* What one of our streams still wants, and how far it has come. */
static bool wants(const sim_app_stream *s, uint64_t *progress)
{
    rill_stream_totals t;
    rill_stream_offsets o;
    rill_stream_get_totals(s->stream, &t);
    rill_stream_get_offsets(s->stream, &o);
    *progress = t.sent + o.answered;
    if (s->closed)
        return false;
    return s->sending || t.sent + t.in_flight < t.send_max || t.in_flight > t.in_doubt ||
           o.answered < o.written || s->ending;
}

static void check_ending(sim_app *a, sim_app_stream *s, uint64_t progress, uint64_t now)
{
    bool waits = s->ending && !s->stream->closed && !s->sending;
    if (!waits || progress != s->progress || s->progress_at == 0) {
        s->progress = progress;
        s->progress_at = now;
        return;
    }
    uint64_t bound = sum(sum(a->options.connect_timeout_ns, lifetime(a)), slack(a) + RILL_SECOND);
    if (now - s->progress_at > bound)
        sim_violation(a->report,
                      "host %u stream %" PRIu64 ": is to end, and nothing has gone on for %" PRIu64
                      " s",
                      a->host->index, s->id, (now - s->progress_at) / RILL_SECOND);
}

static void check_closing(sim_app *a, unsigned pair, uint64_t now)
{
    const rill_connection *c = a->connections[pair];
    sim_watch *w = &a->watches[pair];
    if (c->state == RILL_STATE_OPEN) {
        w->closing_since = 0;
        return;
    }
    if (w->closing_since == 0)
        w->closing_since = now;
    if (now - w->closing_since > sum(CLOSING + lifetime(a), slack(a)))
        sim_violation(a->report, "host %u connection %u: closes for %" PRIu64 " s", a->host->index,
                      pair, (now - w->closing_since) / RILL_SECOND);
}

static void is_silent(sim_app *a, unsigned pair, const sim_app_stream *s)
{
    if (s == NULL) {
        sim_violation(a->report, "host %u connection %u: begins or ends, and does not say how",
                      a->host->index, pair);
        return;
    }
    rill_stream_totals t;
    rill_stream_offsets o;
    rill_stream_get_totals(s->stream, &t);
    rill_stream_get_offsets(s->stream, &o);
    sim_violation(a->report,
                  "host %u stream %" PRIu64 ": waits for something, and does not say what: %" PRIu64
                  " of %" PRIu64 " units (%" PRIu64 " in flight, %" PRIu64 " in doubt), %" PRIu64
                  " of %" PRIu64 " bytes%s%s",
                  a->host->index, s->id, t.sent, t.send_max, t.in_flight, t.in_doubt, o.answered,
                  o.written, s->sending ? ", SENT is missing" : "",
                  s->ending ? ", it is to end" : "");
}

/* asks: the connection wants something, for that stream if there is one. */
static void check_told(sim_app *a, unsigned pair, bool asks, const sim_app_stream *s,
                       uint64_t progress, uint64_t now)
{
    const rill_connection *c = a->connections[pair];
    sim_watch *w = &a->watches[pair];
    rill_waiting waits;
    if (!asks) {
        w->silent_since = 0;
        return;
    }
    rill_connection_get_waiting(c, &waits);
    if (waits.until_ns != RILL_NEVER && sum(waits.until_ns, slack(a)) < now)
        sim_violation(a->report,
                      "host %u connection %u: waits for %s, which ended %" PRIu64 " ms ago",
                      a->host->index, pair, waits.text, (now - waits.until_ns) / RILL_MS);
    if (waits.since_ns > now)
        sim_violation(a->report, "host %u connection %u: waits since a time to come",
                      a->host->index, pair);
    if (waits.reason != RILL_WAIT_NOTHING || progress != w->progress || w->silent_since == 0) {
        w->progress = progress;
        w->silent_since = now;
    }
    if (now - w->silent_since > SILENCE + slack(a))
        is_silent(a, pair, s);
}

void sim_app_watch(sim_app *a)
{
    const sim_host *h = a->host;
    uint64_t now = sim_host_now(h).mono_ns;
    const sim_app_stream *asks[SIM_MAX_PAIRS] = {NULL};
    uint64_t progress[SIM_MAX_PAIRS] = {0};
    if (h->endpoint == NULL || h->asleep || h->link_down || sim_host_is_busy(h)) {
        for (unsigned i = 0; i < SIM_MAX_PAIRS; i++)
            a->watches[i].silent_since = 0;
        return;
    }
    for (unsigned i = 0; i < a->stream_count; i++) {
        sim_app_stream *s = a->streams[i];
        uint64_t done;
        if (s->stream == NULL)
            continue;
        if (wants(s, &done))
            asks[s->pair] = s;
        progress[s->pair] += done;
        check_ending(a, s, done, now);
    }
    for (unsigned i = 0; i < SIM_MAX_PAIRS && !a->report->failed; i++) {
        const rill_connection *c = a->connections[i];
        if (c == NULL)
            continue;
        check_closing(a, i, now);
        bool begins = !c->contact.connected && !c->server;
        bool any = asks[i] != NULL || begins || c->state != RILL_STATE_OPEN;
        check_told(a, i, any, asks[i], progress[i], now);
    }
}
