/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/core/options.h"

#include <assert.h>

#include "base/sized.h"
#include "stream/wire/sequence_window.h"
#include <rill/error.h>

#define KNOWN_FLAGS RILL_CONNECTION_ASK_NEW_STREAMS

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
        .idle_timeout_ns = 60 * RILL_SECOND,
        .packet_lifetime_ns = 30 * RILL_SECOND,
        .connect_timeout_ns = 30 * RILL_SECOND,
        .tell_address = true,
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
    if (o->packet_lifetime_ns < 100 * RILL_MS || o->packet_lifetime_ns > 3600 * RILL_SECOND)
        return "packet_lifetime is not between 0.1 s and 1 h";
    if (o->connect_timeout_ns == 0)
        return "connect_timeout is 0";
    if ((o->flags & ~(uint64_t)KNOWN_FLAGS) != 0)
        return "flags has one that is not in rill_connection_flag";
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

static bool same_ratio(rill_ratio a, rill_ratio b)
{
    return a.num == b.num && a.den == b.den;
}

static bool same_limits(const rill_connection_options *a, const rill_connection_options *b)
{
    return a->stream_receive_buffer == b->stream_receive_buffer &&
           a->connection_receive_buffer == b->connection_receive_buffer &&
           a->max_stream_receive_buffer == b->max_stream_receive_buffer &&
           a->max_connection_receive_buffer == b->max_connection_receive_buffer &&
           a->stream_send_buffer == b->stream_send_buffer &&
           a->max_remote_streams == b->max_remote_streams && a->max_in_flight == b->max_in_flight &&
           a->max_undecided == b->max_undecided;
}

/* Not by their bytes: those between the members may be anything. */
bool rill_connection_options_same(const rill_connection_options *a,
                                  const rill_connection_options *b)
{
    return a->default_receive_max == b->default_receive_max &&
           a->max_packet_amount == b->max_packet_amount && same_ratio(a->min_rate, b->min_rate) &&
           same_ratio(a->slippage, b->slippage) && same_limits(a, b) &&
           a->idle_timeout_ns == b->idle_timeout_ns &&
           a->packet_lifetime_ns == b->packet_lifetime_ns &&
           a->connect_timeout_ns == b->connect_timeout_ns && a->padding == b->padding &&
           a->tell_address == b->tell_address && a->ask_before_fulfill == b->ask_before_fulfill &&
           a->keep_alive == b->keep_alive && a->flags == b->flags;
}

int rill_connection_options_take(rill_connection_options *full, const rill_connection_options *o)
{
    rill_connection_options_init(full);
    assert(!find_problem(full)); /* what a program leaves alone is never what is refused */
    return o ? rill_sized_take(full, sizeof *full, o) : RILL_OK;
}
