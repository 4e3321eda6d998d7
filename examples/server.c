/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tutorial's server: prints what comes in.
 *
 *     rilld local &
 *     server credentials.json &
 *     client credentials.json
 *
 * Another node is named by ILP_BTP_SERVER. It exits when its first client has gone.
 */
#include <inttypes.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>

static rill_server *server;
static const char *file;

static void on_connection(rill_connection *c, void *user)
{
    (void)c;
    (void)user;
    printf("server got connection\n");
}

static void on_stream(rill_stream *s, void *user)
{
    (void)user;
    printf("server got a new stream: %" PRIu64 "\n", rill_stream_id(s));
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)user;
    printf("server stream %" PRIu64 " got incoming payment for: %" PRIu64 "\n", rill_stream_id(s),
           amount);
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    printf("server stream %" PRIu64 " got data: %.*s\n", rill_stream_id(s), (int)len,
           (const char *)data);
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    (void)end;
    (void)user;
    rill_server_close(server);
}

static void on_server_ready(rill_server *s, void *user)
{
    (void)user;
    rill_credentials credentials;
    if (rill_server_generate_credentials(s, NULL, &credentials) != RILL_OK ||
        rill_credentials_save(file, &credentials) != RILL_OK) {
        perror(file);
        rill_server_close(s);
    }
    rill_credentials_wipe(&credentials);
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK)
        fprintf(stderr, "server: %s\n", detail);
}

int main(int argc, char **argv)
{
    static const rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .server_ready = on_server_ready,
        .connection = on_connection,
        .stream = on_stream,
        .money = on_money,
        .data = on_data,
        .connection_end = on_connection_end,
        .closed = on_closed,
    };
    file = argc > 1 ? argv[1] : "credentials.json";
    setvbuf(stdout, NULL, _IOLBF, 0);

    rill_net_options options;
    rill_net_options_init(&options);
    options.handlers = &handlers;
    rill_connection_options connection;
    rill_connection_options_init(&connection);
    connection.default_receive_max = 10000;
    options.connection = &connection;

    rill_loop *loop;
    const char *problem = "no memory";
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        rill_server_open(&server, loop, &options, &problem) != RILL_OK) {
        fprintf(stderr, "server: %s\n", problem);
        return 1;
    }
    rill_loop_run(loop);
    rill_loop_free(loop);
    return 0;
}
