/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"
#include "conditions.h"
#include "pair_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MAX_TURNS  200000 /* turns without time passing: somebody is busy with nothing */
#define TIME_LIMIT 300u   /* seconds of real time: somebody loops */

void pair_options_init(pair_options *o)
{
    memset(o, 0, sizeof *o);
    rill_endpoint_options_init(&o->server);
    rill_endpoint_options_init(&o->client);
    rill_connection_options_init(&o->connection);
    rill_connection_options_init(&o->accepted);
    rill_credentials_options_init(&o->credentials);
    o->accepted.min_rate = (rill_ratio){1, 1};
    o->connection.min_rate = (rill_ratio){1, 1};
}

pair_options pair_defaults(void)
{
    pair_options o;
    pair_options_init(&o);
    return o;
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static int open_endpoint(pair_end *end, const rill_endpoint_options *o, const char *address,
                         const char *asset_code, uint8_t asset_scale)
{
    int err = rill_endpoint_new(&end->endpoint, o);
    if (err == RILL_OK)
        err =
            rill_endpoint_set_account(end->endpoint, text(address), text(asset_code), asset_scale);
    return err;
}

static int open_server(pair_end *server, const pair_options *o)
{
    rill_endpoint_options options = o->server;
    if (!options.connection)
        options.connection = &o->accepted;
    return open_endpoint(server, &options, "test.server", "XYZ", 6);
}

int pair_try_open(pair *p, const pair_options *o)
{
    memset(p, 0, sizeof *p);
    alarm(TIME_LIMIT);
    pair_start_time(p);
    p->rate[0] = p->rate[1] = (rill_ratio){1, 1};
    p->maximum[0] = p->maximum[1] = UINT64_MAX;
    p->delay[0] = p->delay[1] = RILL_MS;
    pair_end *client = &p->end[PAIR_CLIENT];
    pair_end *server = &p->end[PAIR_SERVER];
    p->fulfilled = pair_conditions_new();
    int err = open_endpoint(client, &o->client, "test.client", "ABC", 9);
    if (err == RILL_OK)
        err = open_server(server, o);
    if (err == RILL_OK)
        err =
            rill_endpoint_generate_credentials(server->endpoint, &o->credentials, &p->credentials);
    if (err == RILL_OK && !o->stay)
        err = pair_connect(p, &o->connection);
    return err;
}

void pair_open(pair *p, const pair_options *o)
{
    assert_int_equal(pair_try_open(p, o), RILL_OK);
}

static void note_connection(pair_end *end, rill_connection *c)
{
    assert_true(end->open_count < PAIR_CONNECTIONS);
    end->open[end->open_count++] = c;
    end->connection = c;
}

int pair_connect(pair *p, const rill_connection_options *o)
{
    rill_connection *c;
    int err = rill_endpoint_connect(p->end[PAIR_CLIENT].endpoint, pair_now(p, PAIR_CLIENT),
                                    p->credentials.destination_account,
                                    p->credentials.shared_secret, RILL_SHARED_SECRET_LEN, o, &c);
    if (err == RILL_OK)
        note_connection(&p->end[PAIR_CLIENT], c);
    return err;
}

static void lose_connection(pair_end *end, const rill_connection *c);

void pair_restart_server(pair *p, const pair_options *o)
{
    pair_end *server = &p->end[PAIR_SERVER];
    while (server->open_count > 0)
        lose_connection(server, server->open[0]);
    rill_endpoint_free(server->endpoint);
    assert_int_equal(open_server(server, o), RILL_OK);
}

void pair_close(pair *p)
{
    for (int side = 0; side < 2; side++) {
        rill_endpoint_free(p->end[side].endpoint);
        for (unsigned i = 0; i < PAIR_STREAMS; i++)
            free(p->end[side].streams[i].data);
    }
    pair_free_items(p->queue);
    pair_free_items(p->waiting);
    pair_conditions_free(p->fulfilled);
    memset(p, 0, sizeof *p);
    alarm(0);
}

rill_stream *pair_stream_open(pair *p, pair_side side)
{
    rill_stream *s;
    assert_int_equal(rill_connection_open_stream(p->end[side].connection, &s), RILL_OK);
    return s;
}

static pair_stream *new_stream(pair_end *end, uint64_t id)
{
    assert_true(end->stream_count < PAIR_STREAMS);
    pair_stream *seen = &end->streams[end->stream_count++];
    *seen = (pair_stream){.id = id};
    return seen;
}

pair_stream *pair_seen(pair *p, pair_side side, uint64_t id)
{
    pair_end *end = &p->end[side];
    for (unsigned i = end->stream_count; i-- > 0;)
        if (end->streams[i].id == id)
            return &end->streams[i];
    return new_stream(end, id);
}

/* Streams of two connections, one after the other, may have the same id. */
static pair_stream *seen_of(pair *p, pair_side side, const rill_stream *s)
{
    pair_end *end = &p->end[side];
    const rill_connection *c = rill_stream_connection(s);
    for (unsigned i = end->stream_count; i-- > 0;) {
        pair_stream *seen = &end->streams[i];
        if (seen->id != rill_stream_id(s))
            continue;
        if (seen->connection == c)
            return seen;
        /* A test has asked for it already. */
        if (!seen->connection && !seen->ended && !seen->over) {
            seen->connection = c;
            return seen;
        }
    }
    pair_stream *seen = new_stream(end, rill_stream_id(s));
    seen->connection = c;
    return seen;
}

void pair_write(rill_stream *s, const void *data, size_t len)
{
    size_t accepted;
    assert_int_equal(rill_stream_write(s, data, len, &accepted), RILL_OK);
    assert_int_equal(accepted, len);
}

/* ---- events ---- */

void pair_keep_bytes(pair_stream *seen, rill_bytes bytes)
{
    seen->data = realloc(seen->data, seen->len + bytes.len);
    assert_non_null(seen->data);
    memcpy(seen->data + seen->len, bytes.data, bytes.len);
    seen->len += bytes.len;
}

static void take_bytes(pair *p, pair_side side, rill_stream *s)
{
    pair_stream *seen = seen_of(p, side, s);
    for (;;) {
        rill_bytes bytes = rill_stream_peek(s);
        if (bytes.len == 0)
            return;
        pair_keep_bytes(seen, bytes);
        rill_stream_consume(s, bytes.len);
    }
}

/* It is over: what it says last is kept. */
static void lose_connection(pair_end *end, const rill_connection *c)
{
    rill_connection_get_stats(c, &end->last);
    end->ended_sent += end->last.sent;
    end->ended_in_flight += end->last.in_flight;
    end->ended_received += end->last.received;
    if (end->connection == c)
        end->connection = NULL;
    unsigned i = 0;
    while (i < end->open_count && end->open[i] != c)
        i++;
    assert_true(i < end->open_count);
    end->open[i] = end->open[--end->open_count];
    for (i = 0; i < end->stream_count; i++) {
        if (end->streams[i].connection == c) {
            end->streams[i].connection = NULL;
            end->streams[i].over = true;
        }
    }
}

static void note_end(pair_end *end, const rill_event *event)
{
    end->end_error = event->error;
    end->end_code = event->close_code;
    end->end_remote = event->remote;
    lose_connection(end, event->connection);
}

static void note_stream_end(pair *p, pair_side side, const rill_event *event)
{
    pair_stream *seen = seen_of(p, side, event->stream);
    assert_false(seen->ended);
    seen->ended = true;
    seen->error = event->error;
    seen->code = event->close_code;
    seen->remote = event->remote;
}

static void note_asked(pair_end *end, const rill_event *event)
{
    assert_true(end->asked_count < PAIR_ASKED);
    pair_asked *asked = &end->asked[end->asked_count++];
    *asked = (pair_asked){
        .decision = event->decision_id, .request = event->incoming_id, .amount = event->amount};
    memcpy(asked->packet_id, event->packet_id, sizeof asked->packet_id);
}

static void note(pair *p, pair_side side, const rill_event *event)
{
    pair_end *end = &p->end[side];
    end->events[event->type]++;
    switch (event->type) {
    case RILL_EVENT_CONNECTION:
        note_connection(end, event->connection);
        break;
    case RILL_EVENT_MONEY:
        seen_of(p, side, event->stream)->money += event->amount;
        break;
    case RILL_EVENT_DATA:
        if (!p->no_read[side])
            take_bytes(p, side, event->stream);
        break;
    case RILL_EVENT_SEND_TOTAL_END:
        end->sent_error = event->error;
        break;
    case RILL_EVENT_RECEIVE_TOTAL_END:
        end->received_error = event->error;
        break;
    case RILL_EVENT_INCOMING:
        note_asked(end, event);
        break;
    case RILL_EVENT_STREAM_END:
        note_stream_end(p, side, event);
        break;
    case RILL_EVENT_CONNECTION_END:
        note_end(end, event);
        break;
    default:
        break;
    }
    if (p->on_event)
        p->on_event(p, side, event);
}

static bool take_events(pair *p, pair_side side)
{
    rill_event event;
    bool any = false;
    while (!p->no_events[side] && rill_endpoint_next_event(p->end[side].endpoint, &event)) {
        note(p, side, &event);
        any = true;
    }
    return any;
}

/* ---- time ---- */

void pair_pump(pair *p)
{
    for (int turns = 0;; turns++) {
        assert_true(turns < MAX_TURNS);
        bool any = pair_deliver_due(p);
        for (pair_side side = PAIR_CLIENT; side <= PAIR_SERVER; side++) {
            if (p->asleep[side])
                continue;
            rill_now now = pair_now(p, side);
            if (rill_endpoint_deadline(p->end[side].endpoint) <= now.mono_ns)
                rill_endpoint_timeout(p->end[side].endpoint, now);
            /* Nobody may be left with a deadline that has come already. */
            assert_true(rill_endpoint_deadline(p->end[side].endpoint) > now.mono_ns);
            any = take_events(p, side) || any;
            any = pair_send_all(p, side) || any;
        }
        if (!any)
            return;
    }
}

static uint64_t next_time(const pair *p)
{
    uint64_t at = p->queue ? p->queue->due : RILL_NEVER;
    for (int side = 0; side < 2; side++) {
        uint64_t deadline = rill_endpoint_deadline(p->end[side].endpoint);
        if (!p->asleep[side] && deadline != RILL_NEVER && deadline + p->slept[side] < at)
            at = deadline + p->slept[side];
    }
    return at;
}

void pair_run(pair *p, uint64_t ns)
{
    uint64_t until = p->now.mono_ns + ns;
    unsigned turns = 0;
    uint64_t turn_time = p->now.mono_ns;
    pair_pump(p);
    while (p->now.mono_ns < until) {
        uint64_t at = next_time(p);
        pair_set_time(p, at < until ? (at > p->now.mono_ns ? at : p->now.mono_ns) : until);
        pair_pump(p);
        turns = p->now.mono_ns > turn_time ? 0 : turns + 1;
        turn_time = p->now.mono_ns;
        assert_true(turns < 1000);
    }
}

void pair_sleep(pair *p, uint64_t ns)
{
    pair_set_time(p, p->now.mono_ns + ns);
}

void pair_suspend(pair *p, pair_side side, uint64_t ns)
{
    uint64_t began = p->now.mono_ns;
    p->asleep[side] = true;
    pair_run(p, ns);
    p->asleep[side] = false;
    p->slept[side] += p->now.mono_ns - began;
}

/*
 * disturbed: replies were changed, or packets came twice, and the reply to one was lost and the
 * other one was refused. So paid money may be reported as unpaid.
 */
static void check_side(const pair_end *end, bool disturbed)
{
    uint64_t sent = end->ended_sent;
    uint64_t received = end->ended_received;
    uint64_t in_flight = end->ended_in_flight;
    for (unsigned i = 0; i < end->open_count; i++) {
        rill_connection_stats stats;
        rill_connection_get_stats(end->open[i], &stats);
        sent += stats.sent;
        received += stats.received;
        in_flight += stats.in_flight;
    }
    /*
     * Replies to a part of what was paid were lost. That part is in doubt, or was found to be sent.
     */
    assert_in_range(sent, end->fulfilled_out, end->paid_out);
    assert_true(disturbed || end->paid_out <= sent + in_flight);
    assert_int_equal(received, end->fulfilled_in);
}

void pair_check_books(pair *p)
{
    bool disturbed = p->on_reply != NULL || p->doubled;
    check_side(&p->end[PAIR_CLIENT], disturbed);
    check_side(&p->end[PAIR_SERVER], disturbed);
}
