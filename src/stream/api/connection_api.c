/* SPDX-License-Identifier: Apache-2.0 */
/* What the application does with a connection: rill/connection.h. */
#include <string.h>

#include "base/sized.h"
#include "stream/core/endpoint_internal.h"
#include "stream/core/settle.h"

void rill_connection_options_init_sized(rill_connection_options *o, size_t size)
{
    const rill_connection_options defaults = {
        .default_receive_max = RILL_UNLIMITED,
        .max_packet_amount = RILL_UNLIMITED,
        .slippage = {1, 100},
        .stream_receive_buffer = 262144,
        .connection_receive_buffer = 1048576,
        .stream_send_buffer = 4194304,
        .max_remote_streams = 10,
        .max_in_flight = 4096,
        .max_undecided = 1024,
        .idle_timeout = 60 * RILL_SECOND,
        .packet_lifetime = 30 * RILL_SECOND,
        .connect_timeout = 30 * RILL_SECOND,
        .receive = true,
        .max_stream_receive_buffer = 8388608,
        .max_connection_receive_buffer = 16777216,
    };
    rill_sized_init(o, size, &defaults, sizeof defaults);
}

static const char *find_problem(const rill_connection_options *o)
{
    if (o->max_packet_amount == 0)
        return "max_packet_amount is 0";
    if (o->min_rate.num != 0 && o->min_rate.den == 0)
        return "min_rate has denominator 0";
    if (o->slippage.den == 0 || o->slippage.num >= o->slippage.den)
        return "slippage is not less than 1";
    if (o->stream_receive_buffer < 16384)
        return "stream_receive_buffer is less than 16384";
    if (o->connection_receive_buffer < 65534)
        return "connection_receive_buffer is less than 65534";
    if (o->stream_send_buffer == 0)
        return "stream_send_buffer is 0";
    /* RFC 29 section 3.3: the other side counts on ten until it is told. */
    if (o->max_remote_streams < 10 || o->max_remote_streams > 1000000)
        return "max_remote_streams is not between 10 and 1000000";
    if (o->max_in_flight == 0 || o->max_in_flight > RILL_SEQUENCE_WINDOW_MAX / 2)
        return "max_in_flight is not between 1 and 65536";
    if (o->max_undecided == 0)
        return "max_undecided is 0";
    if (o->packet_lifetime < 100 * RILL_MS || o->packet_lifetime > 3600 * RILL_SECOND)
        return "packet_lifetime is not between 0.1 s and 1 h";
    if (o->connect_timeout == 0)
        return "connect_timeout is 0";
    return NULL;
}

int rill_connection_options_check(const rill_connection_options *o, const char **problem)
{
    rill_connection_options full;
    const char *found = NULL;
    int err = rill_connection_options_take(&full, o);
    if (err == RILL_ERR_INVALID)
        found = "the connection's options were not initialised";
    else if (err != RILL_OK)
        found = "the connection's options have one that this version does not know";
    else if ((found = find_problem(&full)) != NULL)
        err = RILL_ERR_INVALID;
    if (problem)
        *problem = found;
    return err;
}

int rill_connection_options_take(rill_connection_options *full, const rill_connection_options *o)
{
    rill_connection_options_init(full);
    return o ? rill_sized_take(full, sizeof *full, o) : RILL_OK;
}

void rill_connection_stats_of_sized(const rill_connection *c, rill_connection_stats *out,
                                    size_t size)
{
    const rill_connection_counts *n = &c->counts;
    const rill_connection_stats stats = {
        .sent = c->money.sent,
        .in_flight = rill_sum_shown(&c->money.held),
        .in_doubt = rill_sum_shown(&c->money.in_doubt),
        .delivered = c->money.delivered,
        .received = n->received,
        .packets_sent = n->packets_sent,
        .packets_fulfilled = n->packets_fulfilled,
        .packets_rejected = n->packets_rejected,
        .packets_lost = n->packets_lost,
        .packets_received = n->packets_received,
        .packets_refused = n->packets_refused,
        .packets_in_flight = c->flights.count - c->flights.doubt_count,
        .window = rill_congestion_window(c->path.congestion),
        .max_packet_amount = c->path.packet_size.passed,
        .rate = rill_rate_latest(&c->path.rate),
        .min_rate = rill_rate_minimum(&c->path.rate),
        .round_trip = rill_congestion_round_trip(c->path.congestion),
        .last_reject = n->last_reject,
        .ended_another = n->ended_another,
    };
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
    rill_endpoint_read_clock(c->endpoint);
    *out = NULL;
    if (c->state != RILL_STATE_OPEN || c->closing.ending)
        return RILL_ERR_CLOSED;
    if (c->streams.next_id > c->peer.max_stream_id) {
        c->blocked.stream_id = true;
        rill_connection_tell(c, RILL_TELL(STREAM_ID_BLOCKED), true);
        rill_note_blocked(c);
        rill_connection_wake(c);
        return RILL_ERR_STREAM_ID;
    }
    rill_stream *s = rill_stream_create(c, c->streams.next_id, true);
    if (!s)
        return RILL_ERR_NOMEM;
    c->streams.next_id += 2;
    rill_stream_tell(s, RILL_TELL(MAX_MONEY) | RILL_TELL(MAX_DATA), false);
    *out = s;
    return RILL_OK;
}

rill_stream *rill_connection_stream(rill_connection *c, uint64_t id)
{
    return rill_connection_find(c, id);
}

int rill_connection_set_min_rate(rill_connection *c, rill_ratio rate)
{
    if (rate.den == 0 || rate.num == 0)
        return RILL_ERR_INVALID;
    rill_rate_set_minimum(&c->path.rate, rate);
    rill_worth_again(&c->path.worth);
    rill_probe_stop(c);
    c->patience.low_rate_since = 0;
    c->patience.look_at = 0;
    c->holdoffs.refusals.until = 0;
    rill_connection_ready(c);
    rill_connection_wake(c);
    return RILL_OK;
}

int rill_connection_end(rill_connection *c)
{
    rill_endpoint_read_clock(c->endpoint);
    if (c->state != RILL_STATE_OPEN || c->closing.ending)
        return RILL_ERR_CLOSED;
    c->closing.ending = true;
    for (rill_list *n = c->streams.all.next; n != &c->streams.all; n = n->next) {
        rill_stream *s = RILL_CONTAINER(n, rill_stream, node);
        if (!s->closed && !s->ending)
            rill_stream_start_ending(s);
    }
    rill_connection_mark(c);
    rill_settle_call(c);
    rill_connection_wake(c);
    return RILL_OK;
}

void rill_connection_close(rill_connection *c, rill_close_code code, const char *message)
{
    rill_endpoint_read_clock(c->endpoint);
    rill_connection_fail(c, (uint8_t)code, code == RILL_CLOSE_NO_ERROR ? RILL_OK : RILL_ERR_CLOSED,
                         message);
    rill_settle_call(c);
    rill_connection_wake(c);
}
