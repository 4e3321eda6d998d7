/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client and a server of librill-net, each a process, over whatever node the
 * link names. The server throws all data away. It writes its credentials to a
 * file when it listens, and ends when its first client has gone.
 *
 * usage: bench_net receive LINK FILE
 *        bench_net send LINK FILE money PACKETS
 *        bench_net send LINK FILE data BYTES
 * The client prints seconds: "total" and "first" from the first call to the last
 * and first fulfilment, "ready" to the address (link and IL-DCP); packets sent.
 * Both print "cpu", the processor seconds of their process.
 * BENCH_BUFFER in the environment is the size of all buffers of a stream, for what
 * an application can reach that sets them; without it, what everybody gets.
 */
#include <string.h>

#include "clock.h"
#include "rill/net.h"

#define PACKET 1000 /* units of one */

static rill_loop *loop;
static rill_server *server;
static const char *file;
static bool is_data;
static uint64_t amount, written, started, ready, first, last;
static rill_connection_stats stats;
static uint8_t zeros[1 << 18];

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK) {
        fprintf(stderr, "closed: %s\n", detail);
        exit(1);
    }
}

/* ---- server ---- */

static void on_listening(rill_server *s, void *user)
{
    (void)user;
    rill_credentials credentials;
    bench_check(rill_server_generate_credentials(s, NULL, &credentials),
                "rill_server_generate_credentials");
    FILE *out = fopen(file, "w");
    bench_check(out ? 0 : -1, file);
    fprintf(out, "%s\n", credentials.destination_account);
    for (int i = 0; i < RILL_SHARED_SECRET_LEN; i++)
        fprintf(out, "%02x", credentials.shared_secret[i]);
    fprintf(out, "\n");
    fclose(out);
    printf("listening\n");
    fflush(stdout);
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)s;
    (void)data;
    (void)len;
    (void)user;
}

static void on_server_end(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    (void)end;
    (void)user;
    rill_server_close(server);
}

static void receive(rill_net_options *options)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_listening,
                                           .data = on_data,
                                           .connection_end = on_server_end,
                                           .closed = on_closed};
    const char *problem = "no memory";
    options->handlers = &handlers;
    bench_check(rill_server_open(&server, loop, options, &problem), problem);
}

/* ---- client ---- */

static void end_stream(rill_stream *s)
{
    last = bench_ns(CLOCK_MONOTONIC);
    rill_connection_get_stats(rill_stream_connection(s), &stats);
    bench_check(rill_connection_end(rill_stream_connection(s)), "rill_connection_end");
}

static void pump(rill_stream *s)
{
    while (written < amount) {
        size_t accepted;
        uint64_t left = amount - written;
        size_t len = left < sizeof zeros ? (size_t)left : sizeof zeros;
        int error = rill_stream_write(s, zeros, len, &accepted);
        if (error == RILL_ERR_BLOCKED)
            return;
        bench_check(error, "rill_stream_write");
        written += accepted;
    }
    /* The payment is over when the last byte is acknowledged. The end of the stream says so. */
    bench_check(rill_stream_end(s), "rill_stream_end");
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)client;
    (void)user;
    rill_stream *s;
    ready = bench_ns(CLOCK_MONOTONIC);
    bench_check(rill_connection_open_stream(c, &s), "rill_connection_open_stream");
    if (is_data)
        pump(s);
    else
        bench_check(rill_stream_send_total(s, amount, RILL_NEVER), "rill_stream_send_total");
}

static void on_writable(rill_stream *s, void *user)
{
    (void)user;
    if (written < amount)
        pump(s);
}

static void on_progress(rill_stream *s, uint64_t units, void *user)
{
    (void)s;
    (void)units;
    (void)user;
    if (first == 0)
        first = bench_ns(CLOCK_MONOTONIC);
}

static void on_sent(rill_stream *s, int error, void *user)
{
    (void)user;
    bench_check(error, "sending");
    end_stream(s);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    (void)user;
    bench_check(end->error, "the stream");
    if (last == 0)
        end_stream(s);
}

static void load(char *account, size_t cap, uint8_t secret[RILL_SHARED_SECRET_LEN])
{
    FILE *in = fopen(file, "r");
    bench_check(in && fgets(account, (int)cap, in) ? 0 : -1, file);
    account[strcspn(account, "\n")] = '\0';
    for (int i = 0; i < RILL_SHARED_SECRET_LEN; i++) {
        unsigned byte;
        bench_check(fscanf(in, "%2x", &byte) == 1 ? 0 : -1, file);
        secret[i] = (uint8_t)byte;
    }
    fclose(in);
}

static void send_all(rill_net_options *options, rill_connection_options *connection)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .client_ready = on_ready,
                                           .outgoing_money = on_progress,
                                           .send_total_end = on_sent,
                                           .writable = on_writable,
                                           .stream_end = on_stream_end,
                                           .closed = on_closed};
    char account[RILL_ILP_MAX_ADDRESS + 2];
    uint8_t secret[RILL_SHARED_SECRET_LEN];
    const char *problem = "no memory";
    rill_client *client;

    load(account, sizeof account, secret);
    options->handlers = &handlers;
    connection->min_rate = (rill_ratio){1, 1};
    connection->tell_address = false;
    if (!is_data)
        connection->max_packet_amount = PACKET;
    started = bench_ns(CLOCK_MONOTONIC);
    bench_check(rill_client_open(&client, loop, options, account, secret, sizeof secret, &problem),
                problem);
}

static double seconds(uint64_t time)
{
    return time > started ? (double)(time - started) / 1e9 : 0;
}

static void set_buffers(rill_connection_options *o)
{
    const char *size = getenv("BENCH_BUFFER");
    if (size == NULL)
        return;
    o->stream_send_buffer = (uint32_t)bench_number(size);
    o->stream_receive_buffer = o->stream_send_buffer;
    o->connection_receive_buffer = o->stream_send_buffer;
}

int main(int argc, char **argv)
{
    rill_net_options options;
    rill_connection_options connection;
    bool sending = argc == 6 && strcmp(argv[1], "send") == 0;

    if (!sending && !(argc == 4 && strcmp(argv[1], "receive") == 0))
        return 2;
    rill_net_options_init(&options);
    rill_connection_options_init(&connection);
    set_buffers(&connection);
    options.connection = &connection;
    options.link_uri = argv[2];
    file = argv[3];
    bench_check(rill_loop_new(&loop, NULL), "rill_loop_new");
    if (sending) {
        is_data = strcmp(argv[4], "data") == 0;
        amount = (uint64_t)bench_number(argv[5]) * (is_data ? 1u : PACKET);
        send_all(&options, &connection);
    } else {
        receive(&options);
    }
    rill_loop_run(loop);
    if (sending) {
        bench_figure("ready", seconds(ready));
        bench_figure("first", seconds(first));
        bench_figure("total", seconds(last));
        bench_figure("packets", (double)stats.packets_sent);
        bench_figure("rejected", (double)stats.packets_rejected);
    }
    bench_figure("cpu", (double)bench_cpu_ns() / 1e9);
    rill_loop_free(loop);
    return sending && last == 0;
}
