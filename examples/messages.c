/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages without money: the server answers each line with the same line in
 * capitals.
 *
 *     messages serve credentials.json &
 *     messages talk credentials.json "hello" "how are you?"
 */
#include <ctype.h>
#include <errno.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <string.h>

static rill_server *server;
static const char *file;
static char **words; /* the client's lines; NULL at the end */
static int words_open;
static int result = 1;

static void write_text(rill_stream *s, const char *text, size_t len)
{
    size_t accepted;
    /*
     * A real program waits for `writable` if not everything fits at once. A chat is shorter than
     * that.
     */
    if (rill_stream_write(s, text, len, &accepted) != RILL_OK || accepted < len)
        rill_stream_close(s, RILL_CLOSE_INTERNAL_ERROR, "too much at once");
}

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

static void on_question(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)user;
    char answer[4096] = "";
    printf("server got: %.*s\n", (int)len, (const char *)data);
    for (size_t i = 0; i < len && i < sizeof answer; i++)
        answer[i] = (char)toupper(data[i]);
    write_text(s, answer, len < sizeof answer ? len : sizeof answer);
    /* There is nothing more on this stream: the client sees its end. */
    if (rill_stream_end(s) == RILL_OK)
        result = 0;
}

static void on_client_gone(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    (void)end;
    (void)user;
    rill_server_close(server);
}

/* ---- talk ---- */

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)user;
    for (char **word = words; *word; word++) {
        rill_stream *s;
        if (rill_connection_open_stream(c, &s) != RILL_OK) {
            rill_client_close(client);
            return;
        }
        words_open++;
        write_text(s, *word, strlen(*word));
    }
}

static void on_answer(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    (void)s;
    (void)user;
    printf("client got: %.*s\n", (int)len, (const char *)data);
    result = 0;
}

static void on_answered(rill_stream *s, const rill_end *end, void *user)
{
    (void)end;
    (void)user;
    if (--words_open == 0 && rill_connection_end(rill_stream_connection(s)) != RILL_OK)
        result = 1;
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK)
        fprintf(stderr, "messages: %s\n", detail);
}

int main(int argc, char **argv)
{
    static const rill_handlers serving = {.size = sizeof(rill_handlers),
                                          .server_ready = on_server_ready,
                                          .data = on_question,
                                          .connection_end = on_client_gone,
                                          .closed = on_closed};
    static const rill_handlers talking = {.size = sizeof(rill_handlers),
                                          .client_ready = on_client_ready,
                                          .data = on_answer,
                                          .stream_end = on_answered,
                                          .closed = on_closed};
    bool serve = argc == 3 && strcmp(argv[1], "serve") == 0;
    if (!serve && (argc < 4 || strcmp(argv[1], "talk") != 0)) {
        fprintf(stderr, "usage: messages serve FILE | messages talk FILE TEXT...\n");
        return 2;
    }
    file = argv[2];
    words = argv + 3;
    setvbuf(stdout, NULL, _IOLBF, 0);

    rill_credentials credentials;
    const char *problem = NULL;
    if (!serve && rill_credentials_load(&credentials, file, &problem) != RILL_OK) {
        fprintf(stderr, "messages: %s: %s\n", file, problem ? problem : strerror(errno));
        return 1;
    }
    rill_net_options options;
    rill_net_options_init(&options);
    options.handlers = serve ? &serving : &talking;

    rill_loop *loop;
    rill_client *client;
    problem = "no memory";
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        (serve ? rill_server_open(&server, loop, &options, &problem)
               : rill_client_open(&client, loop, &options, credentials.destination_account,
                                  credentials.shared_secret, RILL_SHARED_SECRET_LEN, &problem)) !=
            RILL_OK) {
        fprintf(stderr, "messages: %s\n", problem);
        return 1;
    }
    rill_loop_run(loop);
    rill_loop_free(loop);
    return result;
}
