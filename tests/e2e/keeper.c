/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L
/*
 * keeper LINK FILE: a server that keeps one secret for ever. So it accepts its clients again after
 * a restart, but remembers nothing else. It writes credentials to FILE if the file does not exist,
 * and prints at once what it gets.
 */
#include <inttypes.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *file;

static void on_listening(rill_server *server, void *user)
{
    rill_credentials credentials;
    (void)user;
    if (access(file, F_OK) != 0 &&
        (rill_server_generate_credentials(server, NULL, &credentials) != RILL_OK ||
         rill_credentials_save(file, &credentials) != RILL_OK))
        perror(file);
    printf("listening\n");
}

static void on_connection(rill_connection *c, void *user)
{
    (void)c;
    (void)user;
    printf("connection\n");
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)s;
    (void)user;
    printf("money %" PRIu64 "\n", amount);
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)s;
    (void)data;
    (void)user;
    printf("data %zu\n", len);
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    (void)user;
    printf("end %s\n", rill_error_name(end->error));
}

int main(int argc, char **argv)
{
    static const rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .server_ready = on_listening,
        .connection = on_connection,
        .money = on_money,
        .data = on_data,
        .connection_end = on_connection_end,
    };
    static const uint8_t secret[32] = "it is started once more";
    rill_net_options options;
    rill_loop *loop;
    rill_server *server;
    if (argc != 3)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    file = argv[2];
    umask(077);
    rill_net_options_init(&options);
    options.link_uri = argv[1];
    options.handlers = &handlers;
    options.server_secret = secret;
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        rill_server_open(&server, loop, &options, NULL) != RILL_OK)
        return 1;
    (void)rill_loop_run(loop);
    rill_loop_free(loop);
    return 0;
}
