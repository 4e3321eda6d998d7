/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several streams at once: five payments share one connection, weighted.
 *
 *     server credentials.json &
 *     streams credentials.json
 */
#include <errno.h>
#include <inttypes.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <string.h>

#define STREAMS 5

static int open_payments = STREAMS;
static int result;

static bool pay(rill_connection *c, uint32_t number)
{
    rill_stream *s;
    return rill_connection_open_stream(c, &s) == RILL_OK &&
           rill_stream_set_weight(s, number) == RILL_OK &&
           rill_stream_send_total(s, number * UINT64_C(1000), RILL_NEVER) == RILL_OK;
}

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)user;
    for (uint32_t number = 1; number <= STREAMS; number++) {
        if (!pay(c, number)) {
            result = 1;
            rill_client_close(client);
            return;
        }
    }
}

static void on_send_total_end(rill_stream *s, int error, void *user)
{
    (void)user;
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    printf("stream %" PRIu64 " sent %" PRIu64 " units, %" PRIu64 " arrived\n", rill_stream_id(s),
           totals.sent, totals.delivered);
    if (error != RILL_OK)
        result = 1;
    if (--open_payments == 0 && rill_connection_end(rill_stream_connection(s)) != RILL_OK)
        result = 1;
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK) {
        fprintf(stderr, "streams: %s\n", detail);
        result = 1;
    }
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
        fprintf(stderr, "streams: %s: %s\n", file, problem ? problem : strerror(errno));
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
        fprintf(stderr, "streams: %s\n", problem);
        return 1;
    }
    rill_credentials_wipe(&credentials);
    rill_loop_run(loop);
    rill_loop_free(loop);
    return result;
}
