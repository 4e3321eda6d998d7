/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of the tutorial: two streams, a message and some money on each. server.c says how to
 * run it.
 */
#include <errno.h>
#include <inttypes.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <string.h>

static rill_stream *stream_a;
static rill_stream *stream_b;
static int result = 1;

static void say_hello(rill_stream *s)
{
    size_t accepted;
    printf("sending data to server on stream %" PRIu64 "\n", rill_stream_id(s));
    if (rill_stream_write(s, "hello there!", 12, &accepted) != RILL_OK)
        rill_connection_close(rill_stream_connection(s), RILL_CLOSE_INTERNAL_ERROR, NULL);
}

static void pay(rill_stream *s, uint64_t amount)
{
    printf("sending money to server on stream %" PRIu64 "\n", rill_stream_id(s));
    if (rill_stream_send_total(s, amount, RILL_NEVER) != RILL_OK)
        rill_connection_close(rill_stream_connection(s), RILL_CLOSE_INTERNAL_ERROR, NULL);
}

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)user;
    if (rill_connection_open_stream(c, &stream_a) != RILL_OK ||
        rill_connection_open_stream(c, &stream_b) != RILL_OK) {
        rill_client_close(client);
        return;
    }
    say_hello(stream_a);
    say_hello(stream_b);
    pay(stream_a, 100);
}

static void on_send_total_end(rill_stream *s, int error, void *user)
{
    (void)user;
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    printf("sent %" PRIu64 " units%s\n", totals.sent, error == RILL_OK ? "" : " only");
    if (error == RILL_OK && s == stream_a) {
        pay(stream_b, 200);
        return;
    }
    result = error == RILL_OK ? 0 : 1;
    if (rill_connection_end(rill_stream_connection(s)) != RILL_OK)
        result = 1;
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK)
        fprintf(stderr, "client: %s\n", detail);
}

int main(int argc, char **argv)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .client_ready = on_client_ready,
                                           .send_total_end = on_send_total_end,
                                           .closed = on_closed};
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *file = argc > 1 ? argv[1] : "credentials.json";
    rill_credentials credentials;
    const char *problem = NULL;
    if (rill_credentials_load(&credentials, file, &problem) != RILL_OK) {
        fprintf(stderr, "client: %s: %s\n", file, problem ? problem : strerror(errno));
        return 1;
    }

    rill_net_options options;
    rill_net_options_init(&options);
    options.handlers = &handlers;

    rill_loop *loop;
    rill_client *client;
    problem = "no memory";
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        rill_client_open(&client, loop, &options, credentials.destination_account,
                         credentials.shared_secret, RILL_SHARED_SECRET_LEN, &problem) != RILL_OK) {
        fprintf(stderr, "client: %s\n", problem);
        return 1;
    }
    rill_credentials_wipe(&credentials);
    rill_loop_run(loop);
    rill_loop_free(loop);
    return result;
}
