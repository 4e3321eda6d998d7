/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The packet path, to be counted: two endpoints back to back, a number of
 * packets of money or of data, at a clock of its own. What happens in
 * budget_measured is what tests/budget/check.py counts; the rest is warm-up.
 *   packet_path money|data PACKETS [STREAMS [CONNECTIONS]]
 * It also counts what the library allocates meanwhile: that must be nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rill/rill.h>

#define PACKET      1000
#define WALL_MS     UINT64_C(1700000000000)
#define CHUNK       131072
#define MAX_STREAMS 4096u

typedef struct load {
    rill_stream *streams[MAX_STREAMS];
    unsigned stream_count;
    bool data;
    uint64_t packets; /* Prepares delivered to the server */
    uint64_t total;   /* each stream's send max so far */
} load;

static rill_endpoint *client;
static rill_endpoint *server;
static load work;
static uint64_t allocations;
static uint64_t consumed;
static rill_now now = {.mono_ns = RILL_SECOND, .wall_ms = WALL_MS};
static uint8_t prepare[RILL_PACKET_BUFFER];
static uint8_t reply[RILL_PACKET_BUFFER];
static uint8_t bytes[CHUNK];

void budget_measured(uint64_t packets);

static void check(int err, const char *what)
{
    if (err == RILL_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, rill_strerror(err));
    exit(1);
}

static void *count_realloc(void *user, void *ptr, size_t size)
{
    (void)user;
    allocations++;
    return realloc(ptr, size);
}

static void count_free(void *user, void *ptr)
{
    (void)user;
    free(ptr);
}

static rill_bytes text(const char *s)
{
    return (rill_bytes){(const uint8_t *)s, strlen(s)};
}

static rill_endpoint *make_endpoint(const char *address)
{
    static const rill_allocator counting = {count_realloc, count_free, NULL};
    rill_endpoint_options options;
    rill_connection_options connection;
    rill_endpoint *e = NULL;
    rill_endpoint_options_init(&options);
    rill_connection_options_init(&connection);
    options.connection = &connection;
    options.allocator = &counting;
    options.max_connections = 1000000;
    connection.max_remote_streams = MAX_STREAMS;
    check(rill_endpoint_new(&e, &options), "rill_endpoint_new");
    check(rill_endpoint_set_account(e, text(address), text("XRP"), 9), "rill_endpoint_set_account");
    return e;
}

static void take_events(rill_endpoint *e)
{
    rill_event event;
    while (rill_endpoint_next_event(e, &event)) {
        if (event.type == RILL_EVENT_CONNECTION_END)
            check(RILL_ERR_CLOSED, "the connection");
        if (event.type != RILL_EVENT_DATA)
            continue;
        for (rill_bytes b = rill_stream_peek(event.stream); b.len > 0;
             b = rill_stream_peek(event.stream)) {
            consumed += b.len;
            rill_stream_consume(event.stream, b.len);
        }
    }
}

/* One packet, its reply, and the events that follow. False: there was none to send. */
static bool deliver(rill_endpoint *from, rill_endpoint *to)
{
    size_t len, reply_len;
    uint64_t request;
    check(rill_endpoint_next_prepare(from, now, prepare, &len, &request),
          "rill_endpoint_next_prepare");
    if (len == 0)
        return false;
    check(rill_endpoint_receive_prepare(to, now, request, prepare, len, reply, &reply_len),
          "rill_endpoint_receive_prepare");
    check(rill_endpoint_receive_reply(from, now, request, reply, reply_len),
          "rill_endpoint_receive_reply");
    now.mono_ns += 1000;
    return true;
}

static void feed(void)
{
    work.total += PACKET;
    for (unsigned i = 0; i < work.stream_count; i++) {
        size_t accepted = 0;
        if (!work.data)
            check(rill_stream_set_send_max(work.streams[i], work.total), "send_max");
        else if (rill_stream_writable(work.streams[i]) >= CHUNK)
            check(rill_stream_write(work.streams[i], bytes, CHUNK, &accepted), "write");
    }
}

/* As a loop does that has handled what came and sent what there was: it asks how long to wait. */
static void end_turn(void)
{
    uint64_t deadline = rill_endpoint_deadline(client);
    if (rill_endpoint_deadline(server) < deadline)
        deadline = rill_endpoint_deadline(server);
    if (deadline > now.mono_ns)
        return;
    rill_endpoint_timeout(client, now);
    rill_endpoint_timeout(server, now);
}

static void run(uint64_t packets)
{
    uint64_t until = work.packets + packets;
    while (work.packets < until) {
        bool sent = deliver(client, server);
        work.packets += sent;
        bool back = deliver(server, client);
        if (work.packets % 16 == 0 || !sent) {
            take_events(client);
            take_events(server);
        }
        if (sent && work.packets % 16 == 0)
            end_turn();
        if (!sent && !back)
            feed();
    }
}

__attribute__((noinline)) void budget_measured(uint64_t packets)
{
    run(packets);
}

static rill_connection *open_connection(void)
{
    rill_connection_options options;
    rill_credentials credentials;
    rill_connection *c = NULL;
    rill_connection_options_init(&options);
    options.min_rate = (rill_ratio){1, 1};
    options.max_packet_amount = PACKET;
    check(rill_endpoint_generate_credentials(server, NULL, &credentials),
          "rill_endpoint_generate_credentials");
    check(rill_endpoint_connect(client, now, credentials.destination_account,
                                credentials.shared_secret, RILL_SHARED_SECRET_LEN, &options, &c),
          "rill_endpoint_connect");
    return c;
}

static void pump(void)
{
    while (deliver(client, server) || deliver(server, client)) {
        take_events(client);
        take_events(server);
    }
}

static void prepare_load(unsigned streams, unsigned connections)
{
    for (unsigned i = 0; i < connections; i++) {
        rill_connection *c = open_connection();
        pump();
        if (i + 1 < connections)
            continue;
        while (work.stream_count < streams) {
            check(rill_connection_open_stream(c, &work.streams[work.stream_count++]), "stream");
            pump();
        }
    }
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    uint64_t packets = strtoull(argv[2], NULL, 10);
    unsigned streams = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 1;
    unsigned connections = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 1;
    work.data = strcmp(argv[1], "data") == 0;
    client = make_endpoint("test.rill.client");
    server = make_endpoint("test.rill.server");
    prepare_load(streams < MAX_STREAMS ? streams : MAX_STREAMS, connections);
    run(work.data ? 100 : 1000);
    uint64_t before = allocations;
    uint64_t bytes_before = consumed;
    clock_t start = clock();
    budget_measured(packets);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    printf("packets %" PRIu64 "\nallocations %" PRIu64 "\nbytes %" PRIu64 "\nseconds %.6f\n",
           packets, allocations - before, consumed - bytes_before, seconds);
    rill_endpoint_free(client);
    rill_endpoint_free(server);
    return 0;
}
