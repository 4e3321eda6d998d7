/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

typedef struct receive_run {
    const cli_args *args;
    rill_loop *loop;
    rill_server *server;
    cli_signals *signals;
    const char *file;
    const char *tag;
    bool json;
    bool quiet; /* no lines for people */
    bool listening;
    uint64_t limit; /* connections after whose end it exits; 0: none */
    uint64_t started;
    uint64_t ended;
    char detail[256]; /* why the link does not come up */
    int code;
} receive_run;

static void stop(receive_run *run)
{
    rill_server_close(run->server);
}

static void on_stop(void *user)
{
    stop(user);
}

/* Standard output is gone: nobody would know of what comes in. */
static void check_output(receive_run *run)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return;
    if (run->code == CLI_DONE)
        run->code = CLI_INCOMPLETE;
    stop(run);
}

/* ---- events ---- */

static json_t *connection_event(rill_connection *c, const char *name)
{
    return json_pack("{s:s,s:I}", "event", name, "connection",
                     (json_int_t)(uintptr_t)rill_connection_user(c));
}

static json_t *stream_event(rill_stream *s, const char *name)
{
    json_t *object = connection_event(rill_stream_connection(s), name);
    json_object_set_new(object, "stream", json_integer((json_int_t)rill_stream_id(s)));
    return object;
}

static void on_connection(rill_connection *c, void *user)
{
    receive_run *run = user;
    run->started++;
    rill_connection_set_user(c, (void *)(uintptr_t)run->started);
    const char *tag = rill_connection_tag(c);
    if (run->json) {
        json_t *object = connection_event(c, "connection");
        if (*tag)
            json_object_set_new(object, "tag", cli_json_text(tag));
        (void)cli_print_json(object);
    } else if (!run->quiet) {
        fputs("server got connection", stdout);
        if (*tag) {
            fputs(" with tag: ", stdout);
            cli_print_text(stdout, (const uint8_t *)tag, strlen(tag));
        }
        putchar('\n');
    }
    check_output(run);
}

static void on_stream(rill_stream *s, void *user)
{
    receive_run *run = user;
    if (run->json)
        (void)cli_print_json(stream_event(s, "stream"));
    else if (!run->quiet)
        printf("server got a new stream: %" PRIu64 "\n", rill_stream_id(s));
    check_output(run);
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    receive_run *run = user;
    rill_stream_totals totals;
    rill_stream_totals_of(s, &totals);
    if (run->json) {
        json_t *object = stream_event(s, "money");
        json_object_set_new(object, "amount", cli_json_amount(amount));
        json_object_set_new(object, "total", cli_json_amount(totals.received));
        (void)cli_print_json(object);
    } else if (!run->quiet) {
        printf("server stream %" PRIu64 " got incoming payment for: %" PRIu64 "\n",
               rill_stream_id(s), amount);
    }
    check_output(run);
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    receive_run *run = user;
    if (run->json) {
        json_t *object = stream_event(s, "data");
        json_object_set_new(object, "data", cli_json_base64(data, len));
        (void)cli_print_json(object);
    } else if (!run->quiet) {
        printf("server stream %" PRIu64 " got data: ", rill_stream_id(s));
        cli_print_text(stdout, data, len);
        putchar('\n');
    }
    check_output(run);
}

static void add_end(json_t *object, const rill_end *end)
{
    if (end->error == RILL_OK)
        return;
    json_object_set_new(object, "error", json_string(rill_strerror(end->error)));
    if (*end->message)
        json_object_set_new(object, "message", cli_json_text(end->message));
}

static void print_end(const rill_end *end)
{
    if (end->error != RILL_OK)
        printf(": %s", rill_strerror(end->error));
    if (end->error != RILL_OK && *end->message) {
        fputs(": ", stdout);
        cli_print_text(stdout, (const uint8_t *)end->message, strlen(end->message));
    }
    putchar('\n');
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    receive_run *run = user;
    if (run->json) {
        json_t *object = stream_event(s, "stream_end");
        add_end(object, end);
        (void)cli_print_json(object);
    } else if (!run->quiet) {
        printf("server stream %" PRIu64 " ended", rill_stream_id(s));
        print_end(end);
    }
    check_output(run);
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    receive_run *run = user;
    rill_connection_stats stats;
    rill_connection_stats_of(c, &stats);
    if (run->json) {
        json_t *object = connection_event(c, "connection_end");
        json_object_set_new(object, "received", cli_json_amount(stats.received));
        add_end(object, end);
        (void)cli_print_json(object);
    } else if (!run->quiet) {
        char received[512];
        cli_units_text(stats.received, rill_server_asset_code(run->server),
                       rill_server_asset_scale(run->server), received, sizeof received);
        printf("server connection ended, received %s in all", received);
        print_end(end);
    }
    check_output(run);
    if (++run->ended == run->limit)
        stop(run);
}

/* ---- the server ---- */

static void on_listening(rill_server *server, void *user)
{
    receive_run *run = user;
    rill_credentials_options options;
    rill_credentials credentials;
    char problem[512] = "";
    rill_credentials_options_init(&options);
    options.tag = run->tag;
    run->listening = true;
    int rc = rill_server_credentials(server, &options, &credentials);
    if (rc != RILL_OK)
        snprintf(problem, sizeof problem, "cannot make credentials: %s", rill_strerror(rc));
    else
        rc = cli_credentials_save(run->file, &credentials, problem, sizeof problem);
    rill_credentials_wipe(&credentials);
    if (rc != RILL_OK) {
        cli_error(run->args->command, "%s", problem);
        run->code = CLI_INCOMPLETE;
        stop(run);
        return;
    }
    if (!run->json && !run->quiet && strcmp(run->file, "-") != 0) {
        fputs("server wrote its ILP address and shared secret for a client to ", stdout);
        cli_print_text(stdout, (const uint8_t *)run->file, strlen(run->file));
        putchar('\n');
    }
    check_output(run);
}

static void on_link(bool up, const char *detail, void *user)
{
    receive_run *run = user;
    if (run->listening && up)
        fputs("rill receive: the link is back\n", stderr);
    if (up)
        return;
    if (run->listening) {
        char text[256];
        cli_escape(text, sizeof text, (const uint8_t *)detail, strlen(detail));
        cli_error(run->args->command, "the link is lost and connects again: %s", text);
        return;
    }
    snprintf(run->detail, sizeof run->detail, "%s", detail);
    run->code = CLI_UNREACHABLE;
    stop(run);
}

static void on_closed(int error, const char *detail, void *user)
{
    receive_run *run = user;
    if (error != RILL_OK)
        run->code = cli_unreachable(run->args->command, error, detail);
    else if (run->code == CLI_UNREACHABLE)
        run->code = cli_unreachable(run->args->command, RILL_ERR_CONNECT, run->detail);
    cli_signals_close(run->signals);
}

static int run_with_link(receive_run *run, const char *uri, uint64_t max,
                         rill_crypto_backend crypto)
{
    static const rill_handlers handlers = {
        .listening = on_listening,
        .connection = on_connection,
        .stream = on_stream,
        .money = on_money,
        .data = on_data,
        .stream_end = on_stream_end,
        .connection_end = on_connection_end,
        .link = on_link,
        .closed = on_closed,
    };
    rill_net_options net;
    cli_net_options(run->args, uri, &net);
    net.handlers = &handlers;
    net.user = run;
    net.connection.default_receive_max = max;
    net.crypto = crypto;
    const char *problem = NULL;
    int rc = rill_loop_new(&run->loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(run->args->command, rc, NULL);
    rc = rill_listen(&run->server, run->loop, &net, &problem);
    if (rc == RILL_OK) {
        run->signals = cli_signals_open(run->loop, on_stop, run);
        (void)rill_loop_run(run->loop);
    } else {
        run->code = cli_start_error(run->args->command, rc, problem);
    }
    rill_loop_free(run->loop);
    return run->code;
}

static int run_receive(const cli_args *args)
{
    receive_run run = {
        .args = args,
        .file = cli_value(args, "--credentials"),
        .tag = cli_value(args, "--tag"),
        .json = cli_value(args, "--json") != NULL,
        .quiet = cli_quiet(args),
    };
    uint64_t max = RILL_UNLIMITED;
    cli_amount_text max_text = {0};
    uint8_t scale;
    if (!run.file || !*run.file) {
        cli_error(args->command,
                  "--credentials FILE is missing: where the client's credentials are "
                  "to be written (- for standard output)");
        return CLI_USAGE;
    }
    if (run.tag && strlen(run.tag) > RILL_MAX_TAG) {
        cli_error(args->command, "--tag is too long: at most %d bytes", RILL_MAX_TAG);
        return CLI_USAGE;
    }
    int code = cli_amount_text_of(args, "--max", cli_value(args, "--max"), &max_text);
    if (code == CLI_DONE)
        code = cli_count(args, "--connections", &run.limit);
    rill_crypto_backend crypto = RILL_CRYPTO_OPENSSL;
    if (code == CLI_DONE)
        code = cli_crypto(args, &crypto);
    char *uri = NULL;
    if (code == CLI_DONE)
        code = cli_link_uri(args, &uri);
    if (code == CLI_DONE)
        code = cli_amount_units(args, "--max", uri, &max_text, &max, &scale);
    if (code == CLI_DONE)
        code = run_with_link(&run, uri, max, crypto);
    cli_free_secret(uri);
    return code;
}

static const cli_option options[] = {
    {"--credentials", "FILE", "where to write what the client needs; - for standard output"},
    {"--max", "N", "accept at most N units (or like 1.5XRP) on each stream; no limit at first"},
    {"--tag", "T", "a tag inside the address, told with the connection"},
    {"--connections", "N", "exit after N connections have ended"},
    {"--crypto", "NAME", "what encrypts: openssl (at first), ipsec-mb or fastest"},
    {NULL, NULL, NULL},
};

const cli_command cli_receive = {
    .name = "receive",
    .summary = "receive money and data, and print what comes",
    .usage = "--credentials FILE [--max N] [--tag T] [--connections N]\n"
             "                    [--crypto NAME] [--link URI] [--json]",
    .about =
        "Listens, writes an ILP address and a shared secret to FILE (mode 0600), for a client to\n"
        "connect with, and prints every event. Hand FILE over a channel that nobody reads: "
        "whoever\n"
        "has it can pay you, and read what is sent to you. It ends with this process. The file is\n"
        "{\"destination_account\",\"shared_secret\"} in JSON, the secret in base64.\n\n"
        "SIGINT and SIGTERM end it cleanly. With --json the events are connection, stream, money,\n"
        "data (base64), stream_end and connection_end; amounts are decimal strings.",
    .options = options,
    .examples = "rill receive --credentials c.json                  all that comes, until Ctrl-C\n"
                "rill receive --credentials c.json --connections 1  one payment, then it ends\n"
                "rill receive --credentials c.json --max 1.5XRP     no more on a stream",
    .run = run_receive,
};
