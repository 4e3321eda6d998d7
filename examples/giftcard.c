/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gift card: whoever has the credentials is paid by the server, once.
 *
 *     giftcard serve card.json &
 *     giftcard claim card.json
 *
 * The server cannot know where to send to until the client has connected: the
 * client opens a stream with a message, and is paid on it.
 */
#include <errno.h>
#include <inttypes.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <string.h>

#define VALUE 5000

static rill_server *server;
static const char *file;
static bool spent;
static int result = 1;

/* ---- serve ---- */

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

static void on_claim(rill_stream *s, void *user)
{
    (void)user;
    if (spent || rill_stream_send_total(s, VALUE, RILL_NEVER) != RILL_OK)
        rill_stream_close(s, RILL_CLOSE_APPLICATION_ERROR, "this gift card is spent");
    spent = true;
}

static void on_send_total_end(rill_stream *s, int error, void *user)
{
    (void)user;
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    printf("server paid out %" PRIu64 " units\n", totals.sent);
    result = error == RILL_OK ? 0 : 1;
    /* The end of the stream tells the client that this was all. */
    if (error == RILL_OK && rill_stream_end(s) != RILL_OK)
        result = 1;
}

static void on_claimed(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    (void)end;
    (void)user;
    rill_server_close(server);
}

/* ---- claim ---- */

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)user;
    rill_stream *s;
    size_t accepted;
    if (rill_connection_open_stream(c, &s) != RILL_OK ||
        rill_stream_write(s, "claim", 5, &accepted) != RILL_OK)
        rill_client_close(client);
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)s;
    (void)user;
    printf("client got %" PRIu64 " units\n", amount);
    result = 0;
}

static void on_paid(rill_stream *s, const rill_end *end, void *user)
{
    (void)user;
    if (end->error != RILL_OK)
        fprintf(stderr, "giftcard: %s %s\n", rill_strerror(end->error), end->message);
    if (rill_connection_end(rill_stream_connection(s)) != RILL_OK)
        result = 1;
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK)
        fprintf(stderr, "giftcard: %s\n", detail);
}

int main(int argc, char **argv)
{
    static const rill_handlers serving = {.size = sizeof(rill_handlers),
                                          .server_ready = on_server_ready,
                                          .stream = on_claim,
                                          .send_total_end = on_send_total_end,
                                          .connection_end = on_claimed,
                                          .closed = on_closed};
    static const rill_handlers claiming = {.size = sizeof(rill_handlers),
                                           .client_ready = on_client_ready,
                                           .money = on_money,
                                           .stream_end = on_paid,
                                           .closed = on_closed};
    bool serve = argc == 3 && strcmp(argv[1], "serve") == 0;
    if (!serve && (argc != 3 || strcmp(argv[1], "claim") != 0)) {
        fprintf(stderr, "usage: giftcard serve FILE | giftcard claim FILE\n");
        return 2;
    }
    file = argv[2];
    setvbuf(stdout, NULL, _IOLBF, 0);

    rill_credentials credentials;
    const char *problem = NULL;
    if (!serve && rill_credentials_load(&credentials, file, &problem) != RILL_OK) {
        fprintf(stderr, "giftcard: %s: %s\n", file, problem ? problem : strerror(errno));
        return 1;
    }
    rill_net_options options;
    rill_net_options_init(&options);
    options.handlers = serve ? &serving : &claiming;

    rill_loop *loop;
    rill_client *client;
    problem = "no memory";
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        (serve ? rill_server_open(&server, loop, &options, &problem)
               : rill_client_open(&client, loop, &options, credentials.destination_account,
                                  credentials.shared_secret, RILL_SHARED_SECRET_LEN, &problem)) !=
            RILL_OK) {
        fprintf(stderr, "giftcard: %s\n", problem);
        return 1;
    }
    rill_loop_run(loop);
    rill_loop_free(loop);
    return result;
}
