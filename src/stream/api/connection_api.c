/* SPDX-License-Identifier: Apache-2.0 */
/* What the application does with a connection: rill/connection.h. */
#include <assert.h>
#include <string.h>

#include "base/sized.h"
#include "stream/core/blocked.h"
#include "stream/core/close.h"
#include "stream/core/connection_internal.h"
#include "stream/core/endpoint.h"
#include "stream/core/probe.h"
#include "stream/core/probing.h"
#include "stream/core/queues.h"
#include "stream/core/refusal.h"
#include "stream/core/settle.h"
#include "stream/core/stream.h"
#include "stream/core/streams.h"

/* Each packet that has left has one outcome; what carried no money may be given up without one. */
static bool adds_up(const rill_connection *c, const rill_connection_stats *stats)
{
    return c->path->flights.doubt_count <= c->path->flights.count &&
           stats->packets_fulfilled + stats->packets_rejected + stats->packets_lost +
                   stats->packets_in_flight <=
               stats->packets_sent;
}

void rill_connection_get_stats_sized(const rill_connection *c, rill_connection_stats *out,
                                     size_t size)
{
    const rill_connection_counts *n = &c->counts;
    const rill_connection_stats stats = {
        .sent = c->path->money.sent,
        .in_flight = rill_sum_shown(&c->path->money.held),
        .in_doubt = rill_sum_shown(&c->path->money.in_doubt),
        .delivered = c->path->money.delivered,
        .received = n->received,
        .packets_sent = n->packets_sent,
        .packets_fulfilled = n->packets_fulfilled,
        .packets_rejected = n->packets_rejected,
        .packets_lost = n->packets_lost,
        .packets_received = n->packets_received,
        .packets_refused = n->packets_refused,
        .packets_in_flight = c->path->flights.count - c->path->flights.doubt_count,
        .window = rill_congestion_window(c->path->congestion),
        .max_packet_amount = c->path->packet_size.passed,
        .rate = rill_rate_latest(&c->path->rate),
        .min_rate = rill_rate_minimum(&c->path->rate),
        .round_trip_ns = rill_congestion_round_trip(c->path->congestion),
        .last_reject = n->last_reject,
        .ended_another = n->ended_another,
        .rate_below = rill_rate_below(&c->path->rate),
    };
    assert(adds_up(c, &stats));
    rill_sized_give(out, size, &stats, sizeof stats);
}

void rill_connection_set_user(rill_connection *c, void *user)
{
    c->user = user;
}

void *rill_connection_user(const rill_connection *c)
{
    return c->user;
}

bool rill_connection_is_server(const rill_connection *c)
{
    return c->server;
}

const char *rill_connection_tag(const rill_connection *c)
{
    return c->identity.tag ? c->identity.tag : "";
}

const char *rill_connection_remote_address(const rill_connection *c)
{
    return c->peer.address ? c->peer.address : "";
}

bool rill_connection_remote_asset(const rill_connection *c, const char **code, uint8_t *scale)
{
    *code = c->peer.asset_code;
    *scale = c->peer.asset_scale;
    return c->peer.asset_known;
}

int rill_connection_open_stream(rill_connection *c, rill_stream **out)
{
    uint64_t now_ns = rill_endpoint_read_clock(c->endpoint).mono_ns;
    *out = NULL;
    if (c->state != RILL_STATE_OPEN || c->closing.ending)
        return RILL_ERR_CLOSED;
    if (c->streams.next_id > c->peer.max_stream_id) {
        rill_streams_want_another(&c->streams);
        rill_connection_tell(c, RILL_TELL(STREAM_ID_BLOCKED), true);
        rill_blocked_note(c, now_ns);
        rill_connection_wake(c);
        return RILL_ERR_STREAM_ID;
    }
    /* A client's are odd, a server's even, and none is given twice. */
    assert(c->streams.next_id % 2 == (c->server ? 0 : 1) &&
           !rill_streams_find(&c->streams, c->streams.next_id));
    rill_stream *s = rill_stream_create(c, c->streams.next_id, true, now_ns);
    if (!s)
        return RILL_ERR_NOMEM;
    rill_streams_give_id(&c->streams);
    rill_stream_tell(s, RILL_TELL(MAX_MONEY) | RILL_TELL(MAX_DATA), false);
    *out = s;
    return RILL_OK;
}

rill_stream *rill_connection_stream(rill_connection *c, uint64_t id)
{
    return rill_streams_find(&c->streams, id);
}

int rill_connection_set_min_rate(rill_connection *c, rill_ratio rate)
{
    if (rate.den == 0 || rate.num == 0)
        return RILL_ERR_INVALID;
    if (!rill_connection_may_send(c))
        return RILL_ERR_NOMEM;
    rill_rate_set_minimum(&c->path->rate, rate);
    rill_worth_again(&c->path->worth);
    rill_probing_stop(c->probing);
    rill_patience_anew(&c->path->patience);
    rill_hold_waive(&c->holdoffs.refusals);
    rill_connection_ready(c);
    rill_connection_wake(c);
    return RILL_OK;
}

int rill_connection_probe(rill_connection *c, uint64_t amount)
{
    if (amount == 0)
        return RILL_ERR_INVALID;
    if (c->state != RILL_STATE_OPEN || c->closing.ending)
        return RILL_ERR_CLOSED;
    if (rill_rate_has_minimum(&c->path->rate) || c->probing->asked != 0)
        return RILL_ERR_STATE;
    int error = rill_probe_ask(c, amount);
    if (error != RILL_OK)
        return error;
    rill_connection_ready(c);
    rill_connection_wake(c);
    return RILL_OK;
}

bool rill_connection_get_last_reject_sized(const rill_connection *c, rill_last_reject *out,
                                           size_t size)
{
    const rill_last_reject none = {.code = {{0}}};
    const rill_last_reject *last = rill_refusal_of(c);
    rill_sized_give(out, size, last ? last : &none, sizeof none);
    return last != NULL;
}

int rill_connection_end(rill_connection *c)
{
    uint64_t now_ns = rill_endpoint_read_clock(c->endpoint).mono_ns;
    if (c->state != RILL_STATE_OPEN || c->closing.ending)
        return RILL_ERR_CLOSED;
    rill_connection_start_ending(c, now_ns);
    rill_settle_call(c, now_ns);
    rill_connection_wake(c);
    return RILL_OK;
}

void rill_connection_close(rill_connection *c, rill_close_code code, const char *message)
{
    uint64_t now_ns = rill_endpoint_read_clock(c->endpoint).mono_ns;
    rill_connection_fail(c, (uint8_t)code, code == RILL_CLOSE_NO_ERROR ? RILL_OK : RILL_ERR_CLOSED,
                         message, now_ns);
    rill_settle_call(c, now_ns);
    assert(c->state != RILL_STATE_OPEN);
    rill_connection_wake(c);
}

void rill_connection_abandon(rill_connection *c, int error)
{
    if (c->state == RILL_STATE_GONE || (c->events & RILL_EVENT_BIT(RILL_EVENT_CONNECTION_END)))
        return;
    uint64_t now_ns = c->endpoint->latest.mono_ns;
    rill_connection_give_up(c, error, now_ns);
    rill_settle_call(c, now_ns);
    /* At once: it waits for nobody, and nothing. */
    assert(c->path->flights.count == 0 && (c->events & RILL_EVENT_BIT(RILL_EVENT_CONNECTION_END)));
    rill_connection_wake(c);
}

rill_endpoint *rill_connection_endpoint(rill_connection *c)
{
    return c->endpoint;
}
