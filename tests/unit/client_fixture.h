/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client whose server is raw: the test answers each of its packets by hand. Included by its
 * tests.
 */
#ifndef RILL_TESTS_CLIENT_FIXTURE_H
#define RILL_TESTS_CLIENT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "support/raw.h"

#include <unistd.h>

#define MS RILL_MS

typedef struct client {
    rill_endpoint *endpoint;
    rill_connection *connection;
    rill_stream *stream;
    raw_peer server;
    rill_now now;
    uint8_t packet[RILL_PACKET_BUFFER];
    size_t len;
    uint64_t request;
    uint64_t amount;
    unsigned events[RILL_EVENT_CONNECTION_END + 1];
    int stream_error; /* at its end */
    rill_stream_offsets offsets;
    int end_error;
    uint8_t end_code;
} client;

static raw_reply question;
static uint8_t answer[RILL_PACKET_BUFFER];

/* change: what the connection's options are to be; NULL: as they are. */
static inline void open_client_with(client *c, void (*change)(rill_connection_options *))
{
    static const uint8_t secret[32] = {7};
    rill_endpoint_options o;
    rill_connection_options co;
    alarm(60);
    memset(c, 0, sizeof *c);
    c->now = (rill_now){RILL_SECOND, UINT64_C(1700000000000)};
    rill_endpoint_options_init(&o);
    rill_connection_options_init(&co);
    co.min_rate = (rill_ratio){1, 1};
    if (change)
        change(&co);
    assert_int_equal(rill_endpoint_new(&c->endpoint, &o), RILL_OK);
    assert_int_equal(rill_endpoint_set_account(c->endpoint,
                                               (rill_bytes){(const uint8_t *)"test.c", 6},
                                               (rill_bytes){(const uint8_t *)"ABC", 3}, 9),
                     RILL_OK);
    assert_int_equal(rill_endpoint_connect(c->endpoint, c->now, "test.raw.server", secret, 32, &co,
                                           &c->connection),
                     RILL_OK);
    raw_open(&c->server, "test.c", secret);
    assert_int_equal(rill_connection_open_stream(c->connection, &c->stream), RILL_OK);
}

static inline void open_client(client *c)
{
    open_client_with(c, NULL);
}

static inline void close_client(client *c)
{
    rill_endpoint_free(c->endpoint);
    raw_close(&c->server);
    alarm(0);
}

static inline void take_events(client *c)
{
    rill_event event;
    while (rill_endpoint_next_event(c->endpoint, &event)) {
        c->events[event.type]++;
        if (event.type == RILL_EVENT_STREAM_END) {
            c->stream_error = event.error;
            rill_stream_get_offsets(event.stream, &c->offsets);
        }
        if (event.type == RILL_EVENT_CONNECTION_END) {
            c->end_error = event.error;
            c->end_code = event.close_code;
        }
    }
}

/* The next packet; time passes until there is one. False: none for ten seconds. */
static inline bool next(client *c)
{
    rill_prepare prepare;
    for (unsigned i = 0; i < 1000; i++) {
        c->now.mono_ns += 10 * MS;
        c->now.wall_ms += 10;
        if (rill_endpoint_deadline(c->endpoint) <= c->now.mono_ns)
            rill_endpoint_timeout(c->endpoint, c->now);
        take_events(c);
        assert_int_equal(
            rill_endpoint_next_prepare(c->endpoint, c->now, c->packet, &c->len, &c->request),
            RILL_OK);
        if (c->len == 0)
            continue;
        assert_int_equal(rill_prepare_decode(&prepare, c->packet, c->len), RILL_OK);
        c->amount = prepare.amount;
        raw_read(&c->server, c->packet, c->len, &question);
        assert_true(question.authentic);
        return true;
    }
    return false;
}

static inline void give(client *c, size_t len)
{
    c->now.mono_ns += MS;
    c->now.wall_ms += 1;
    assert_int_equal(rill_endpoint_receive_reply(c->endpoint, c->now, c->request, answer, len),
                     RILL_OK);
    take_events(c);
}

static inline void fulfill(client *c, uint64_t arrived, const rill_frame *frames, unsigned count)
{
    give(c, raw_answer(&c->server, c->packet, c->len, true, 0, arrived, frames, count, answer));
}

static inline void refuse(client *c, uint64_t arrived, const rill_frame *frames, unsigned count)
{
    give(c, raw_answer(&c->server, c->packet, c->len, false, RILL_ILP_F99_APPLICATION_ERROR,
                       arrived, frames, count, answer));
}

static inline void connector_says(client *c, rill_ilp_code_id code)
{
    rill_reject reject = {.code = rill_ilp_code_of(code)};
    size_t len;
    assert_int_equal(rill_reject_encode(&reject, answer, sizeof answer, &len), RILL_OK);
    give(c, len);
}

static inline rill_stream_totals totals(const client *c)
{
    rill_stream_totals t;
    rill_stream_get_totals(c->stream, &t);
    return t;
}

#endif
