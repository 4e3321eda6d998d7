/* SPDX-License-Identifier: Apache-2.0 */
#include "pair.h"

#include <string.h>

#include "clock.h"

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

static rill_endpoint *endpoint(const char *address, uint32_t connections, uint32_t streams,
                               const rill_allocator *allocator, rill_crypto_backend crypto)
{
    rill_endpoint_options options;
    rill_endpoint *e = NULL;

    rill_endpoint_options_init(&options);
    options.allocator = allocator;
    options.crypto = crypto;
    options.max_connections = connections;
    rill_connection_options connection;
    rill_connection_options_init(&connection);
    connection.max_remote_streams = streams < 10 ? 10 : streams;
    options.connection = &connection;
    bench_check(rill_endpoint_new(&e, &options), "rill_endpoint_new");
    bench_check(rill_endpoint_set_account(e, text(address), text("XRP"), 9),
                "rill_endpoint_set_account");
    return e;
}

void bench_pair_open(bench_pair *p, uint32_t connections, uint32_t streams,
                     const rill_allocator *allocator, rill_crypto_backend crypto)
{
    memset(p, 0, sizeof *p);
    p->server = endpoint("test.rill.server", connections, streams, allocator, crypto);
    p->client =
        endpoint("test.rill.client", connections, streams, rill_allocator_default(), crypto);
}

void bench_pair_close(bench_pair *p)
{
    rill_endpoint_free(p->client);
    rill_endpoint_free(p->server);
}

/* What it reads is thrown away. */
static void drain_events(bench_pair *p, rill_endpoint *e)
{
    rill_event event;

    while (rill_endpoint_next_event(e, &event)) {
        if (event.type == RILL_EVENT_CONNECTION_END)
            bench_check(-1, event.message);
        if (event.type != RILL_EVENT_DATA)
            continue;
        for (;;) {
            rill_bytes bytes = rill_stream_peek(event.stream);
            if (bytes.len == 0)
                break;
            p->received += bytes.len;
            rill_stream_consume(event.stream, bytes.len);
        }
    }
}

/* Takes every packet that one side has for the other, and brings its reply back. */
static bool deliver(bench_pair *p, rill_endpoint *from, rill_endpoint *to, rill_now now)
{
    bool any = false;
    size_t len, reply_len;
    uint64_t request;

    for (;;) {
        bench_check(rill_endpoint_next_prepare(from, now, prepare, &len, &request),
                    "rill_endpoint_next_prepare");
        if (len == 0)
            return any;
        any = true;
        bench_check(
            rill_endpoint_receive_prepare(to, now, request, prepare, len, reply, &reply_len),
            "rill_endpoint_receive_prepare");
        bench_check(rill_endpoint_receive_reply(from, now, request, reply, reply_len),
                    "rill_endpoint_receive_reply");
        if (from == p->client) {
            p->packets++;
            p->prepare_bytes += len;
            p->reply_bytes += reply_len;
        }
    }
}

bool bench_pair_turn(bench_pair *p)
{
    rill_now now = now_of();

    rill_endpoint_timeout(p->client, now);
    rill_endpoint_timeout(p->server, now);
    bool any = deliver(p, p->client, p->server, now);
    any = deliver(p, p->server, p->client, now) || any;
    drain_events(p, p->client);
    drain_events(p, p->server);
    return any;
}

rill_connection *bench_pair_connect(bench_pair *p, uint32_t streams)
{
    rill_connection_options options;
    rill_credentials credentials;
    rill_connection *connection = NULL;

    rill_connection_options_init(&options);
    options.min_rate = (rill_ratio){1, 1};
    options.max_packet_amount = PAIR_PACKET;
    options.idle_timeout_ns = 0;
    options.max_remote_streams = streams < 10 ? 10 : streams;
    bench_check(rill_endpoint_generate_credentials(p->server, NULL, &credentials),
                "rill_endpoint_generate_credentials");
    bench_check(rill_endpoint_connect(p->client, now_of(), credentials.destination_account,
                                      credentials.shared_secret, RILL_SHARED_SECRET_LEN, &options,
                                      &connection),
                "rill_endpoint_connect");
    return connection;
}

rill_stream *bench_pair_stream(rill_connection *c)
{
    rill_stream *stream = NULL;
    bench_check(rill_connection_open_stream(c, &stream), "rill_connection_open_stream");
    return stream;
}
