/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two endpoints back to back in one process, no link between them: everything
 * that STREAM does for a packet, both ends, money only. The path takes packets
 * of PACKET units, so that the payment never runs out of packets.
 */
#include <string.h>

#include "clock.h"
#include "rill/rill.h"

#define PACKET  1000
#define WALL_MS UINT64_C(1700000000000)

static uint8_t prepare[RILL_PACKET_BUFFER];
static uint8_t reply[RILL_PACKET_BUFFER];

static rill_now now_of(void)
{
    uint64_t ns = bench_ns(CLOCK_MONOTONIC);
    return (rill_now){.mono_ns = ns, .wall_ms = WALL_MS + ns / RILL_MS};
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static rill_endpoint *endpoint(const char *address)
{
    rill_endpoint_options options;
    rill_endpoint *e = NULL;

    rill_endpoint_options_init(&options);
    bench_check(rill_endpoint_new(&e, &options), "rill_endpoint_new");
    bench_check(rill_endpoint_set_account(e, text(address), text("XRP"), 9),
                "rill_endpoint_set_account");
    return e;
}

static void drain_events(rill_endpoint *e)
{
    rill_event event;

    while (rill_endpoint_next_event(e, &event)) {
        if (event.type == RILL_EVENT_CONNECTION_END)
            bench_check(-1, "the connection");
    }
}

/* Takes every packet that one side has to the other, and its reply back. False: there was none. */
static bool deliver(rill_endpoint *from, rill_endpoint *to, rill_now now)
{
    bool any = false;
    size_t len, reply_len;
    uint64_t request;

    for (;;) {
        bench_check(rill_endpoint_send(from, now, prepare, &len, &request), "rill_endpoint_send");
        if (len == 0)
            return any;
        any = true;
        bench_check(rill_endpoint_receive(to, now, request, prepare, len, reply, &reply_len),
                    "rill_endpoint_receive");
        bench_check(rill_endpoint_reply(from, now, request, reply, reply_len),
                    "rill_endpoint_reply");
    }
}

/* One loop turn of both. */
static void turn(rill_endpoint *client, rill_endpoint *server)
{
    rill_now now = now_of();

    rill_endpoint_timeout(client, now);
    rill_endpoint_timeout(server, now);
    deliver(client, server, now);
    deliver(server, client, now);
    drain_events(client);
    drain_events(server);
}

static rill_stream *connect_and_open(rill_endpoint *client, rill_endpoint *server)
{
    rill_connection_options options;
    rill_credentials credentials;
    rill_connection *connection = NULL;
    rill_stream *stream = NULL;

    rill_connection_options_init(&options);
    options.min_rate = (rill_ratio){1, 1};
    options.max_packet_amount = PACKET;
    bench_check(rill_endpoint_credentials(server, NULL, &credentials), "rill_endpoint_credentials");
    bench_check(rill_endpoint_connect(client, now_of(), credentials.destination_account,
                                      credentials.shared_secret, RILL_SHARED_SECRET_LEN, &options,
                                      &connection),
                "rill_endpoint_connect");
    bench_check(rill_connection_open_stream(connection, &stream), "rill_connection_open_stream");
    return stream;
}

int main(void)
{
    rill_endpoint *server = endpoint("test.rill.server");
    rill_endpoint *client = endpoint("test.rill.client");
    rill_stream *stream = connect_and_open(client, server);
    rill_stream_totals totals;
    uint64_t start = bench_ns(CLOCK_PROCESS_CPUTIME_ID), now = start, total = 0;

    while (now - start < BENCH_NS) {
        total += 1000 * PACKET;
        bench_check(rill_stream_set_send_max(stream, total), "rill_stream_set_send_max");
        do {
            turn(client, server);
            rill_stream_totals_of(stream, &totals);
        } while (totals.sent < total);
        now = bench_ns(CLOCK_PROCESS_CPUTIME_ID);
    }
    bench_report("packets between two endpoints", totals.sent / PACKET, now - start);
    rill_endpoint_free(client);
    rill_endpoint_free(server);
    return 0;
}
