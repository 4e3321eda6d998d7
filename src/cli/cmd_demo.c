/* SPDX-License-Identifier: Apache-2.0 */
/* The tutorial of ilp-protocol-stream: its server and its client, in one process. */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/demo_node.h"
#include "cli/waits.h"
#include <rill/crypto.h>

#define PATIENCE (30 * RILL_SECOND)
#define MAX_URI  RILL_LINK_URI_SIZE

typedef struct demo_run {
    const cli_args *args;
    rill_loop *loop;
    rill_node *node; /* NULL: --link names another node */
    rill_server *server;
    rill_client *client;
    cli_watch *watch;
    rill_stream *stream_a;
    rill_stream *stream_b;
    bool json;
    bool quiet;    /* no lines for people */
    bool finished; /* everything was sent */
    int code;
    char server_uri[MAX_URI];
    char client_uri[MAX_URI];
} demo_run;

static json_t *event_of(const char *name, rill_stream *s)
{
    json_t *event = json_pack("{s:s}", "event", name);
    if (s)
        json_object_set_new(event, "stream", json_integer((json_int_t)rill_stream_id(s)));
    return event;
}

static void end_all(demo_run *run)
{
    if (run->client)
        rill_client_close(run->client);
    else if (run->server)
        rill_server_close(run->server);
}

static void on_waiting(void *user, rill_waiting *out)
{
    demo_run *run = user;
    if (run->client)
        rill_client_get_waiting(run->client, out);
    else
        rill_server_get_waiting(run->server, out);
}

/* ---- the server ---- */

static void on_server_connection(rill_connection *c, void *user)
{
    (void)c;
    demo_run *run = user;
    if (run->json)
        (void)cli_print_json(event_of("connection", NULL));
    else if (!run->quiet)
        puts("server got connection");
}

static void on_server_stream(rill_stream *s, void *user)
{
    demo_run *run = user;
    if (run->json)
        (void)cli_print_json(event_of("stream", s));
    else if (!run->quiet)
        printf("server got a new stream: %" PRIu64 "\n", rill_stream_id(s));
}

static void on_server_money(rill_stream *s, uint64_t amount, void *user)
{
    demo_run *run = user;
    if (run->json) {
        json_t *event = event_of("money", s);
        json_object_set_new(event, "amount", cli_json_amount(amount));
        (void)cli_print_json(event);
    } else if (!run->quiet) {
        printf("server stream %" PRIu64 " got incoming payment for: %" PRIu64 "\n",
               rill_stream_id(s), amount);
    }
}

static void on_server_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    demo_run *run = user;
    if (run->json) {
        json_t *event = event_of("data", s);
        json_object_set_new(event, "data", cli_json_base64(data, len));
        (void)cli_print_json(event);
    } else if (!run->quiet) {
        printf("server stream %" PRIu64 " got data: ", rill_stream_id(s));
        cli_print_text(stdout, data, len);
        putchar('\n');
    }
}

/* ---- the client ---- */

static void fail(demo_run *run, const char *what, int error)
{
    cli_error(run->args->command, "%s: %s", what, rill_strerror(error));
    run->code = CLI_INCOMPLETE;
    end_all(run);
}

static void send_data(demo_run *run, rill_stream *s)
{
    static const char hello[] = "hello there!";
    if (!run->json && !run->quiet)
        printf("sending data to server on stream %" PRIu64 "\n", rill_stream_id(s));
    size_t accepted;
    int rc = rill_stream_write(s, hello, sizeof hello - 1, &accepted);
    if (rc != RILL_OK)
        fail(run, "cannot send data", rc);
}

static void send_money(demo_run *run, rill_stream *s, uint64_t amount)
{
    if (!run->json && !run->quiet)
        printf("sending money to server on stream %" PRIu64 "\n", rill_stream_id(s));
    int rc = rill_stream_send_total(s, amount, rill_loop_now(run->loop).mono_ns + PATIENCE);
    if (rc != RILL_OK)
        fail(run, "cannot send money", rc);
}

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)client;
    demo_run *run = user;
    int rc = rill_connection_open_stream(c, &run->stream_a);
    if (rc == RILL_OK)
        rc = rill_connection_open_stream(c, &run->stream_b);
    if (rc != RILL_OK) {
        fail(run, "cannot open streams", rc);
        return;
    }
    send_data(run, run->stream_a);
    send_data(run, run->stream_b);
    send_money(run, run->stream_a, 100);
}

static void on_client_sent(rill_stream *s, int error, void *user)
{
    demo_run *run = user;
    if (error != RILL_OK) {
        fail(run, "the payment is incomplete", error);
        return;
    }
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    if (run->json) {
        json_t *event = event_of("sent", s);
        json_object_set_new(event, "amount", cli_json_amount(totals.sent));
        (void)cli_print_json(event);
    } else if (!run->quiet) {
        printf("sent %" PRIu64 " units\n", totals.sent);
    }
    if (s == run->stream_a) {
        send_money(run, run->stream_b, 200);
        return;
    }
    run->finished = true;
    if (rill_connection_end(rill_stream_connection(s)) != RILL_OK)
        end_all(run);
}

static void on_client_closed(int error, const char *detail, void *user)
{
    demo_run *run = user;
    run->client = NULL;
    if (!run->finished && run->code == CLI_DONE)
        run->code = cli_unreachable(run->args->command, error, detail);
    end_all(run);
}

static void on_client_link(bool up, const char *detail, void *user)
{
    demo_run *run = user;
    if (up || run->finished || run->code != CLI_DONE)
        return;
    run->code = cli_unreachable(run->args->command, RILL_ERR_CONNECT, detail);
    end_all(run);
}

static int connect_client(demo_run *run, const rill_credentials *credentials)
{
    static const rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .client_ready = on_client_ready,
        .send_total_end = on_client_sent,
        .link = on_client_link,
        .closed = on_client_closed,
    };
    cli_net net;
    cli_net_init(&net, run->args, run->client_uri);
    net.options.handlers = &handlers;
    net.options.user = run;
    const char *problem = NULL;
    int rc =
        rill_client_open(&run->client, run->loop, &net.options, credentials->destination_account,
                         credentials->shared_secret, sizeof credentials->shared_secret, &problem);
    if (rc != RILL_OK)
        run->code = cli_start_error(run->args->command, rc, problem);
    return rc;
}

/* ---- together ---- */

static void on_listening(rill_server *server, void *user)
{
    demo_run *run = user;
    rill_credentials credentials;
    int rc = rill_server_generate_credentials(server, NULL, &credentials);
    if (rc != RILL_OK) {
        fail(run, "cannot make credentials", rc);
        return;
    }
    if (!run->json && !run->quiet)
        printf("server generated ILP address (%s) and a shared secret for client\n",
               credentials.destination_account);
    rc = connect_client(run, &credentials);
    rill_credentials_wipe(&credentials);
    if (rc != RILL_OK)
        end_all(run);
}

static void on_server_closed(int error, const char *detail, void *user)
{
    demo_run *run = user;
    run->server = NULL;
    cli_watch_close(run->watch);
    if (!run->finished && run->code == CLI_DONE)
        run->code = cli_unreachable(run->args->command, error, detail);
    if (run->client)
        rill_client_close(run->client);
    if (run->node)
        rill_node_close(run->node);
    run->node = NULL;
}

static int listen_server(demo_run *run)
{
    static const rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .server_ready = on_listening,
        .connection = on_server_connection,
        .stream = on_server_stream,
        .money = on_server_money,
        .data = on_server_data,
        .link = on_client_link,
        .closed = on_server_closed,
    };
    cli_net net;
    cli_net_init(&net, run->args, run->server_uri);
    net.options.handlers = &handlers;
    net.options.user = run;
    net.connection.default_receive_max = 10000;
    const char *problem = NULL;
    int rc = rill_server_open(&run->server, run->loop, &net.options, &problem);
    if (rc != RILL_OK)
        run->code = cli_start_error(run->args->command, rc, problem);
    else /* each wait ends by itself */
        run->watch = cli_watch_open(run->loop, run->args, 0,
                                    &(cli_watch_handlers){.waiting = on_waiting, .user = run});
    return rc;
}

/* Two accounts if the node gives them out freely. One account, used twice, if the URI names it. */
static int make_uris(demo_run *run, const char *uri)
{
    char own[64];
    if (!uri) {
        int rc = demo_node_open(&run->node, run->loop, own, sizeof own);
        if (rc != RILL_OK) {
            run->code = cli_start_error(run->args->command, rc, NULL);
            return rc;
        }
        uri = own;
    }
    int rc = RILL_OK;
    if (strchr(uri, '@')) {
        int len = snprintf(run->server_uri, MAX_URI, "%s", uri);
        if (len >= MAX_URI)
            rc = RILL_ERR_URI;
        snprintf(run->client_uri, MAX_URI, "%s", uri);
    } else {
        rc = rill_link_uri_with_new_token(run->server_uri, sizeof run->server_uri, uri);
        if (rc == RILL_OK)
            rc = rill_link_uri_with_new_token(run->client_uri, sizeof run->client_uri, uri);
    }
    if (rc != RILL_OK)
        run->code = cli_start_error(run->args->command, rc, NULL);
    return rc;
}

static int run_demo(const cli_args *args)
{
    demo_run run = {
        .args = args, .json = cli_value(args, "--json") != NULL, .quiet = cli_quiet(args)};
    char *uri;
    int code = cli_link_uri(args, &uri);
    if (code != CLI_DONE)
        return code;
    int rc = rill_loop_new(&run.loop, NULL);
    if (rc != RILL_OK) {
        cli_free_secret(uri);
        return cli_start_error(args->command, rc, NULL);
    }
    /* Print each line at once, also into a pipe. */
    setvbuf(stdout, NULL, _IOLBF, 0);
    rc = make_uris(&run, uri);
    if (rc == RILL_OK)
        rc = listen_server(&run);
    if (rc != RILL_OK && run.node)
        rill_node_close(run.node);
    (void)rill_loop_run(run.loop);
    rill_loop_free(run.loop);
    rill_wipe(run.server_uri, sizeof run.server_uri);
    rill_wipe(run.client_uri, sizeof run.client_uri);
    cli_free_secret(uri);
    return run.code;
}

const cli_command cli_demo = {
    .name = "demo",
    .summary = "run the tutorial: a server and a client that pays it",
    .usage = "[--link URI] [--json]",
    .about =
        "Starts a server and a client, opens two streams, and sends a message and some money on\n"
        "each, like the tutorial of ilp-protocol-stream. Without --link it also starts a node,\n"
        "inside this process. With --link it uses that node. If the URI names no account, the\n"
        "server and the client each get a new one.",
    .own_node = true,
    .examples = "rill demo\n"
                "rill demo --link btp+ws://localhost:7768",
    .run = run_demo,
};
