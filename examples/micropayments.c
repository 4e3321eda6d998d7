/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pay as you go: the most that may be sent in all is raised every second, as a
 * viewer does who pays a film by the second.
 *
 *     server credentials.json &
 *     micropayments credentials.json [SECONDS]
 *
 * Without SECONDS it is 5.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define UNITS_A_SECOND 10

static rill_stream *stream;
static uv_timer_t timer;
static uint64_t seconds_left = 5;
static int result = 1;

static void on_second(uv_timer_t *t)
{
    rill_stream_totals totals;
    rill_stream_get_totals(stream, &totals);
    if (seconds_left-- > 0) {
        if (rill_stream_set_send_max(stream, totals.send_max + UNITS_A_SECOND) != RILL_OK)
            uv_timer_stop(t);
        return;
    }
    uv_timer_stop(t);
    /* What is still under way is sent first. */
    if (rill_connection_end(rill_stream_connection(stream)) == RILL_OK)
        result = 0;
}

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)user;
    if (rill_connection_open_stream(c, &stream) != RILL_OK) {
        rill_client_close(client);
        return;
    }
    uv_timer_start(&timer, on_second, 0, 1000);
}

static void on_outgoing_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)user;
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    printf("sent %" PRIu64 " units, %" PRIu64 " in all\n", amount, totals.sent);
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK) {
        fprintf(stderr, "micropayments: %s\n", detail);
        result = 1;
    }
    uv_close((uv_handle_t *)&timer, NULL);
}

int main(int argc, char **argv)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .client_ready = on_client_ready,
                                           .outgoing_money = on_outgoing_money,
                                           .closed = on_closed};
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *file = argc > 1 ? argv[1] : "credentials.json";
    rill_credentials credentials;
    const char *problem = NULL;
    if (rill_credentials_load(&credentials, file, &problem) != RILL_OK) {
        fprintf(stderr, "micropayments: %s: %s\n", file, problem ? problem : strerror(errno));
        return 1;
    }
    if (argc > 2)
        seconds_left = strtoull(argv[2], NULL, 10);

    rill_net_options options;
    rill_net_options_init(&options);
    options.handlers = &handlers;

    rill_loop *loop;
    rill_client *client;
    problem = "no memory";
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        rill_client_open(&client, loop, &options, credentials.destination_account,
                         credentials.shared_secret, RILL_SHARED_SECRET_LEN, &problem) != RILL_OK) {
        fprintf(stderr, "micropayments: %s\n", problem);
        return 1;
    }
    rill_credentials_wipe(&credentials);
    uv_timer_init(rill_loop_uv(loop), &timer);
    rill_loop_run(loop);
    rill_loop_free(loop);
    return result;
}
