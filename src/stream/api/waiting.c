/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a connection waits for: read from the state that there is, when somebody
 * asks. Nothing here is noted along the way of packets.
 */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/muldiv.h"
#include "base/ratio_text.h"
#include "base/sized.h"
#include "stream/core/contact.h"
#include "stream/core/data_flow.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/flights.h"
#include "stream/core/patience.h"
#include "stream/core/probe.h"
#include "stream/core/schedule_amount.h"
#include "stream/core/schedule_money.h"
#include "stream/core/settle.h"
#include "stream/core/stream.h"
#include "stream/core/tell.h"
#include <rill/waiting.h>

/* Of rill_connection_closing_on_deadline. */
#define CLOSE_TIMEOUT (5 * RILL_SECOND)
/* A reply that takes longer than this is what is waited for. */
#define SLOW_REPLY RILL_SECOND

static const struct {
    const char *name;
    const char *text;
} waits[] = {
#define RILL_WAIT_X(name, word, text) {word, text},
    RILL_WAIT_LIST(RILL_WAIT_X)
#undef RILL_WAIT_X
};

const char *rill_wait_name(rill_wait reason)
{
    return (size_t)reason < sizeof waits / sizeof waits[0] ? waits[reason].name : waits[0].name;
}

const char *rill_wait_text(rill_wait reason)
{
    return (size_t)reason < sizeof waits / sizeof waits[0] ? waits[reason].text : waits[0].text;
}

static void RILL_PRINTF(4, 5)
    wait_for(rill_waiting *out, rill_wait reason, uint64_t until, const char *format, ...)
{
    va_list args;
    out->reason = reason;
    out->until_ns = until;
    int len = snprintf(out->text, sizeof out->text, "%s", waits[reason].text);
    if (!format || len < 0)
        return;
    assert((size_t)len < sizeof out->text); /* or the rest of it would have no end */
    va_start(args, format);
    vsnprintf(out->text + len, sizeof out->text - (size_t)len, format, args);
    va_end(args);
}

/* ---- what there is to see ---- */

static uint64_t last_progress(const rill_connection *c)
{
    uint64_t at = c->contact.started;
    for (const rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, node);
        if (s->progress_ns > at)
            at = s->progress_ns;
    }
    return at;
}

/* ": T04 Insufficient Liquidity", or nothing. */
static const char *last_reject(const rill_connection *c, char *out, size_t cap)
{
    rill_ilp_code code = c->counts.last_reject;
    if (code.text[0] == '\0')
        *out = '\0';
    else
        snprintf(out, cap, ": the last packet was refused with %s %s", code.text,
                 rill_ilp_code_name(code));
    return out;
}

static void wait_for_rejects(const rill_connection *c, rill_waiting *out, rill_wait reason,
                             uint64_t until)
{
    char reject[96];
    wait_for(out, reason, until, "%s", last_reject(c, reject, sizeof reject));
}

/* ---- a connection that ends ---- */

static bool find_end(const rill_connection *c, rill_waiting *out)
{
    if (c->state == RILL_STATE_OPEN)
        return false;
    if (c->state == RILL_STATE_CLOSING) {
        uint64_t until = c->closing.deadline != 0
                             ? c->closing.deadline
                             : rill_add_sat(c->endpoint->latest.mono_ns, CLOSE_TIMEOUT);
        wait_for(out, RILL_WAIT_CLOSE, until, NULL);
    } else if (c->path->flights.doubt_count > 0) {
        wait_for(out, RILL_WAIT_DOUBT, rill_flights_last_expiry(&c->path->flights),
                 ": %llu units, until their packets expire",
                 (unsigned long long)rill_sum_shown(&c->path->money.in_doubt));
    } else if (c->path->flights.count > 0) {
        wait_for(out, RILL_WAIT_REPLY, rill_flights_last_expiry(&c->path->flights), NULL);
    } else if (c->undecided->count > 0) {
        wait_for(out, RILL_WAIT_DECISION, c->undecided->deadline, NULL);
    } else if (!rill_list_empty(&c->streams.all)) {
        wait_for(out, RILL_WAIT_READER, c->closing.deadline, NULL);
    }
    return true;
}

/* ---- an open one ---- */

static bool find_beginning(const rill_connection *c, rill_waiting *out)
{
    uint64_t patience = c->options->connect_timeout_ns;
    if (!c->contact.connected && !c->server) {
        uint64_t until =
            c->contact.first_sent != 0 ? rill_add_sat(c->contact.first_sent, patience) : RILL_NEVER;
        wait_for_rejects(c, out, RILL_WAIT_ANSWER, until);
        return true;
    }
    if (!c->probing->active)
        return false;
    wait_for_rejects(c, out, RILL_WAIT_RATE, rill_probe_gives_up(c));
    return true;
}

/* A server can send only to who has told where. */
static bool find_address(const rill_connection *c, rill_waiting *out)
{
    if (c->peer.address ||
        (rill_list_empty(&c->streams.with_money) && rill_list_empty(&c->streams.with_data)))
        return false;
    wait_for(out, RILL_WAIT_ANSWER, RILL_NEVER, ": it has told no address to send to");
    return true;
}

static void wait_for_rate(const rill_connection *c, rill_waiting *out, uint64_t until)
{
    char rate[RILL_RATIO_TEXT], minimum[RILL_RATIO_TEXT];
    rill_ratio_text(rill_rate_minimum(&c->path->rate), minimum);
    if (!rill_rate_is_known(&c->path->rate)) {
        wait_for(out, RILL_WAIT_MINIMUM, until,
                 ": nothing of what is sent arrives, the minimum is %s", minimum);
    } else {
        rill_ratio_text(rill_rate_latest(&c->path->rate), rate);
        wait_for(out, RILL_WAIT_MINIMUM, until, ": the path's rate is %s, the minimum is %s", rate,
                 minimum);
    }
}

static bool find_rate(const rill_connection *c, rill_waiting *out)
{
    if (c->path->patience.low_rate_since == 0 || rill_list_empty(&c->streams.with_money))
        return false;
    wait_for_rate(c, out, rill_patience_deadline(c));
    return true;
}

/* Money that expired without a reply, or whose reply cannot come any more. */
static bool find_doubt(const rill_connection *c, rill_waiting *out)
{
    if (rill_sum_shown(&c->path->money.in_doubt) == 0)
        return false;
    for (const rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, node);
        if (s->out->doubt == RILL_DOUBT_NONE)
            continue;
        wait_for(out, RILL_WAIT_DOUBT, RILL_NEVER,
                 ": %llu units, which the receiver is asked about",
                 (unsigned long long)rill_money_in_doubt(&s->out->money));
        return true;
    }
    if (c->path->flights.doubt_count == c->path->flights.lost_count)
        return false;
    wait_for(out, RILL_WAIT_DOUBT, rill_flights_last_expiry(&c->path->flights),
             ": %llu units, until their packets expire",
             (unsigned long long)rill_sum_shown(&c->path->money.in_doubt));
    return true;
}

static void wait_for_receive_max(const rill_stream *s, rill_waiting *out)
{
    wait_for(out, RILL_WAIT_RECEIVE_MAX, RILL_NEVER,
             ": its maximum is %llu of its units, and it has %llu",
             (unsigned long long)s->theirs.max, (unsigned long long)s->theirs.received);
}

static bool find_receive_max(const rill_connection *c, rill_waiting *out)
{
    for (const rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, node);
        if (s->closed || !s->out->blocked)
            continue;
        wait_for_receive_max(s, out);
        return true;
    }
    return false;
}

/* The time of a reply that is too late to be called under way. */
static bool find_slow_reply(const rill_connection *c, rill_waiting *out)
{
    const rill_flight *f = rill_flights_first(&c->path->flights.out);
    const rill_flight *aside = rill_flights_first(&c->path->flights.aside);
    if (aside && (!f || aside->sent_ns < f->sent_ns))
        f = aside;
    if (!f || rill_sub_sat(c->endpoint->latest.mono_ns, f->sent_ns) < SLOW_REPLY)
        return false;
    wait_for(out, RILL_WAIT_REPLY, rill_flights_last_expiry(&c->path->flights), NULL);
    return true;
}

/*
 * Nothing is under way, and nothing holds money back: so nothing of it is worth
 * a packet. Who only may send more (rill_stream_set_send_max) waits until it may
 * send enough.
 */
static bool find_worthless(const rill_connection *c, rill_waiting *out)
{
    uint64_t now = c->endpoint->latest.mono_ns;
    bool held = c->holdoffs.refusals.until > now || c->holdoffs.path.until > now ||
                rill_congestion_money_not_before(c->path->congestion) > now ||
                rill_congestion_packets_not_before(c->path->congestion) > now;
    if (held || rill_money_awaits_reply(&c->path->money))
        return false;
    for (const rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, node);
        uint64_t left = rill_stream_sendable(s);
        if (s->closed || left == 0)
            continue;
        if (rill_schedule_money_room(c, s) < left)
            wait_for_receive_max(s, out);
        else if (rill_amount_problem(c, s) == RILL_ERR_RATE)
            wait_for_rate(c, out, RILL_NEVER);
        else
            wait_for(out, RILL_WAIT_INPUT, RILL_NEVER,
                     ": what may be sent, %llu units, brings less than one there",
                     (unsigned long long)left);
        return true;
    }
    return false;
}

static bool find_path(const rill_connection *c, rill_waiting *out)
{
    bool money = !rill_list_empty(&c->streams.with_money);
    if (c->holdoffs.path.rounds > 0) {
        wait_for_rejects(c, out, RILL_WAIT_PATH, RILL_NEVER);
        return true;
    }
    if (!money)
        return false;
    if (c->holdoffs.refusals.rounds > 0) {
        wait_for_rejects(c, out, RILL_WAIT_REFUSED, RILL_NEVER);
        return true;
    }
    rill_ilp_code_id code = rill_ilp_code_find(c->counts.last_reject);
    char class = c->counts.last_reject.text[0];
    /* Money is paced where there was too little before. */
    bool paced =
        rill_congestion_money_not_before(c->path->congestion) > c->endpoint->latest.mono_ns;
    if (code != RILL_ILP_T04_INSUFFICIENT_LIQUIDITY && (class == 'T' || class == 'R'))
        wait_for_rejects(c, out, RILL_WAIT_PATH, RILL_NEVER);
    else if (code == RILL_ILP_T04_INSUFFICIENT_LIQUIDITY || paced)
        wait_for(out, RILL_WAIT_LIQUIDITY, RILL_NEVER, NULL);
    else
        return false;
    return true;
}

static bool find_bytes(const rill_connection *c, rill_waiting *out)
{
    for (const rill_list *n = c->streams.with_data.next; n != &c->streams.with_data; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, data_node);
        if (!s->data_blocked && rill_connection_send_left(c) > 0)
            continue;
        wait_for(out, RILL_WAIT_DATA_WINDOW, RILL_NEVER,
                 ": it has room for no more than %llu bytes",
                 (unsigned long long)rill_sendbuf_sent(s->sendbuf));
        return true;
    }
    return false;
}

/* Bytes that may have arrived, at a peer that must not get them twice (unsure.c). */
static bool find_unsure(const rill_connection *c, rill_waiting *out)
{
    for (const rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, node);
        uint64_t from;
        if (s->closed || !s->sendbuf || !rill_sendbuf_unsure(s->sendbuf, &from))
            continue;
        wait_for(out, RILL_WAIT_DATA_WINDOW, RILL_NEVER,
                 ": whether it has the bytes from %llu on shows when it does",
                 (unsigned long long)from);
        return true;
    }
    return false;
}

/* A path that takes few packets a second: the next one waits for its turn. */
static bool find_turn(const rill_connection *c, rill_waiting *out)
{
    bool wish = !rill_list_empty(&c->streams.with_money) ||
                !rill_list_empty(&c->streams.with_data) || rill_tell_urgent(c);
    if (!wish ||
        rill_congestion_packets_not_before(c->path->congestion) <= c->endpoint->latest.mono_ns)
        return false;
    wait_for_rejects(c, out, RILL_WAIT_PATH, RILL_NEVER);
    return true;
}

/* The other side has closed a stream, which ends when all that came for it has been read. */
static void find_reader(const rill_connection *c, rill_waiting *out)
{
    for (const rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        const rill_stream *s = RILL_CONTAINER(n, const rill_stream, node);
        if (!s->closed_remote || rill_stream_unread(s) == 0)
            continue;
        wait_for(out, RILL_WAIT_READER, RILL_NEVER,
                 ": %llu bytes of a stream that the other side has closed",
                 (unsigned long long)rill_stream_unread(s));
        return;
    }
}

static void find_rest(const rill_connection *c, rill_waiting *out)
{
    if (c->path->flights.count > c->path->flights.lost_count)
        wait_for(out, RILL_WAIT_REPLY, rill_flights_last_expiry(&c->path->flights), NULL);
    else if (c->streams.wants_another)
        wait_for(out, RILL_WAIT_STREAM_ID, RILL_NEVER, NULL);
    else if (find_unsure(c, out) || find_turn(c, out))
        return;
    else if (c->undecided->count > 0)
        wait_for(out, RILL_WAIT_DECISION, c->undecided->deadline, NULL);
    else
        find_reader(c, out);
}

static void find(const rill_connection *c, rill_waiting *out)
{
    wait_for(out, RILL_WAIT_NOTHING, RILL_NEVER, NULL);
    out->since_ns = last_progress(c);
    if (find_end(c, out) || find_beginning(c, out) || find_address(c, out) || find_rate(c, out) ||
        find_receive_max(c, out) || find_doubt(c, out) || find_slow_reply(c, out) ||
        find_worthless(c, out) || find_path(c, out) || find_bytes(c, out))
        return;
    find_rest(c, out);
}

void rill_connection_get_waiting_sized(const rill_connection *c, rill_waiting *out, size_t size)
{
    rill_waiting waiting = {0};
    rill_settle_check(c); /* or it would be told what has been decided already */
    assert(c->path->flights.lost_count <= c->path->flights.doubt_count &&
           c->path->flights.doubt_count <= c->path->flights.count);
    find(c, &waiting);
    rill_sized_give(out, size, &waiting, sizeof waiting);
}
