/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread writes what comes in to standard output (writer.h). The reader of the output may be
 * slow, and the loop must not wait for it: an answer that leaves after its packet has expired makes
 * the sender pay twice. If too much waits to be read, nothing more is taken. If the output cannot
 * be written any more, the senders are told before anything else.
 */
#define _POSIX_C_SOURCE 200809L

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "cli/cli.h"
#include "cli/hand_out.h"
#include "cli/receive_output.h"
#include "cli/receive_spsp.h"
#include "cli/waits.h"
#include <rill/crypto.h>

/* At the start, how long the node has to be there and to tell our account. */
#define START_TIME (30 * RILL_SECOND)
/* After a signal, how long to wait for a reader that takes nothing. */
#define STOP_PATIENCE (5 * RILL_SECOND)

typedef struct received_connection {
    rill_list node;
    rill_connection *connection;
    uint64_t number;
} received_connection;

typedef struct receive_run {
    const cli_args *args;
    rill_loop *loop;
    rill_server *server;
    cli_signals *signals;
    receive_output out;
    receive_spsp spsp;
    rill_list connections;
    cli_watch *watch;
    cli_hand_out hand_out; /* its path NULL: only --spsp hands credentials out */
    const char *instance;  /* the name among several receivers with one secret; NULL */
    uint8_t secret[RILL_SHARED_SECRET_LEN];
    bool has_secret; /* from --secret-file; otherwise a random one is made */
    bool json;
    bool quiet; /* no lines for people */
    bool listening;
    bool let_in;   /* the link was up once */
    bool stopping; /* by a signal */
    bool closed;
    uint64_t limit; /* exit after so many connections have ended; 0: do not exit */
    uint64_t started;
    uint64_t ended;
    char detail[256]; /* why the link does not come up */
    int code;
} receive_run;

static void stop(receive_run *run)
{
    receive_spsp_close(&run->spsp);
    cli_hand_out_stop(&run->hand_out);
    if (!run->closed)
        rill_server_close(run->server);
}

/* A second call may shorten the time that the first one allowed. */
static void close_output(receive_run *run)
{
    receive_output_close(&run->out, run->stopping ? STOP_PATIENCE : 0);
}

static void on_stop(void *user)
{
    receive_run *run = user;
    run->stopping = true;
    if (run->closed) {
        close_output(run);
        return;
    }
    stop(run);
    cli_watch_stopping(run->watch);
}

static void on_waiting(void *user, rill_waiting *out)
{
    rill_server_get_waiting(((receive_run *)user)->server, out);
}

/*
 * A link that does not come up at the start may be a mistake. Later we wait for it without limit.
 */
static void on_late(void *user, const rill_waiting *waiting)
{
    receive_run *run = user;
    snprintf(run->detail, sizeof run->detail, "waited 30 s for %.200s", waiting->text);
    run->code = CLI_UNREACHABLE;
    stop(run);
}

/* ---- output ---- */

static void on_output_pause(bool pause, void *user)
{
    receive_run *run = user;
    if (!run->closed)
        rill_server_pause(run->server, pause);
}

/* Nobody would learn of what comes in. So the senders are told that no more is taken. */
static void on_output_failed(void *user)
{
    receive_run *run = user;
    if (run->closed)
        return;
    rill_server_pause(run->server, true);
    for (rill_list *at = run->connections.next; at != &run->connections;) {
        received_connection *r = RILL_CONTAINER(at, received_connection, node);
        at = at->next;
        rill_connection_close(r->connection, RILL_CLOSE_APPLICATION_ERROR,
                              "the receiver can no longer write its output");
    }
    stop(run);
}

static void on_output_closed(void *user)
{
    receive_run *run = user;
    cli_signals_close(run->signals);
}

static void tell(receive_run *run)
{
    receive_output_commit(&run->out);
}

static void tell_json(receive_run *run, json_t *object)
{
    receive_output_json(&run->out, object);
}

/* ---- events ---- */

static uint64_t number_of(const rill_connection *c)
{
    const received_connection *received = rill_connection_user(c);
    return received ? received->number : 0;
}

static json_t *connection_event(rill_connection *c, const char *name)
{
    return json_pack("{s:s,s:I}", "event", name, "connection", (json_int_t)number_of(c));
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
    received_connection *received = calloc(1, sizeof *received);
    if (!received) {
        rill_connection_close(c, RILL_CLOSE_ENDPOINT_BUSY, NULL);
        return;
    }
    received->connection = c;
    received->number = ++run->started;
    rill_list_push_back(&run->connections, &received->node);
    rill_connection_set_user(c, received);
    const char *tag = rill_connection_tag(c);
    if (run->json) {
        json_t *object = connection_event(c, "connection");
        if (*tag)
            json_object_set_new(object, "tag", cli_json_text(tag));
        tell_json(run, object);
    } else if (!run->quiet) {
        fputs("server got connection", run->out.text);
        if (*tag) {
            fputs(" with tag: ", run->out.text);
            cli_print_text(run->out.text, (const uint8_t *)tag, strlen(tag));
        }
        fputc('\n', run->out.text);
        tell(run);
    }
}

static void on_stream(rill_stream *s, void *user)
{
    receive_run *run = user;
    if (run->json) {
        tell_json(run, stream_event(s, "stream"));
    } else if (!run->quiet) {
        fprintf(run->out.text, "server got a new stream: %" PRIu64 "\n", rill_stream_id(s));
        tell(run);
    }
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    receive_run *run = user;
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    if (run->json) {
        json_t *object = stream_event(s, "money");
        json_object_set_new(object, "amount", cli_json_amount(amount));
        json_object_set_new(object, "total", cli_json_amount(totals.received));
        tell_json(run, object);
    } else if (!run->quiet) {
        fprintf(run->out.text, "server stream %" PRIu64 " got incoming payment for: %" PRIu64 "\n",
                rill_stream_id(s), amount);
        tell(run);
    }
}

static void on_data(rill_stream *s, const uint8_t *data, size_t len, void *user)
{
    receive_run *run = user;
    if (run->out.path) {
        receive_output_data(&run->out, s, number_of(rill_stream_connection(s)), data, len);
    } else if (run->json) {
        json_t *object = stream_event(s, "data");
        json_object_set_new(object, "data", cli_json_base64(data, len));
        tell_json(run, object);
    } else if (!run->quiet) {
        fprintf(run->out.text, "server stream %" PRIu64 " got data: ", rill_stream_id(s));
        cli_print_text(run->out.text, data, len);
        fputc('\n', run->out.text);
        tell(run);
    }
}

static void add_end(json_t *object, const rill_end *end)
{
    if (end->error == RILL_OK)
        return;
    json_object_set_new(object, "error", json_string(rill_strerror(end->error)));
    if (*end->message)
        json_object_set_new(object, "message", cli_json_text(end->message));
}

static void print_end(FILE *out, const rill_end *end)
{
    if (end->error != RILL_OK)
        fprintf(out, ": %s", rill_strerror(end->error));
    if (end->error != RILL_OK && *end->message) {
        fputs(": ", out);
        cli_print_text(out, (const uint8_t *)end->message, strlen(end->message));
    }
    fputc('\n', out);
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    receive_run *run = user;
    if (run->out.path)
        /* If we have ended it ourselves, more might have come. */
        receive_output_stream_end(&run->out, s, end->error == RILL_OK && end->remote);
    if (run->json) {
        json_t *object = stream_event(s, "stream_end");
        add_end(object, end);
        tell_json(run, object);
    } else if (!run->quiet) {
        fprintf(run->out.text, "server stream %" PRIu64 " ended", rill_stream_id(s));
        print_end(run->out.text, end);
        tell(run);
    }
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    receive_run *run = user;
    received_connection *received = rill_connection_user(c);
    if (!received)
        return;
    rill_connection_stats stats;
    rill_connection_get_stats(c, &stats);
    if (run->json) {
        json_t *object = connection_event(c, "connection_end");
        json_object_set_new(object, "received", cli_json_amount(stats.received));
        add_end(object, end);
        tell_json(run, object);
    } else if (!run->quiet) {
        char received_text[512];
        cli_units_text(stats.received, rill_server_asset_code(run->server),
                       rill_server_asset_scale(run->server), received_text, sizeof received_text);
        fprintf(run->out.text, "server connection ended, received %s in all", received_text);
        print_end(run->out.text, end);
        tell(run);
    }
    rill_list_remove(&received->node);
    free(received);
    if (++run->ended == run->limit)
        stop(run);
}

/* ---- the server ---- */

static void say_spsp(receive_run *run)
{
    char url[80];
    if (!run->spsp.server)
        return;
    receive_spsp_url(&run->spsp, url);
    if (run->json)
        tell_json(run, json_pack("{s:s,s:s}", "event", "spsp", "url", url));
    else if (!run->quiet)
        fprintf(run->out.text, "server answers SPSP on %s\n", url);
}

static void on_handed_out(int rc, const char *problem, void *user)
{
    receive_run *run = user;
    tell(run);
    if (rc == RILL_OK)
        return;
    cli_fail(run->args->command, rc, "%s", problem);
    run->code = CLI_INCOMPLETE;
    stop(run);
}

static void on_listening(rill_server *server, void *user)
{
    receive_run *run = user;
    run->listening = true;
    cli_watch_ready(run->watch);
    say_spsp(run);
    run->hand_out.server = server;
    run->hand_out.say = run->json || run->quiet ? NULL : run->out.text;
    run->hand_out.told = on_handed_out;
    run->hand_out.user = run;
    if (run->hand_out.path)
        cli_hand_out_start(&run->hand_out, run->loop);
    tell(run);
}

static void on_link(bool up, const char *detail, void *user)
{
    receive_run *run = user;
    if (run->listening && up && !run->quiet)
        fputs("rill receive: the link is back\n", stderr);
    run->let_in = run->let_in || up;
    if (up)
        return;
    /* A node that has let us in, and then left, is restarted, perhaps. */
    if (run->let_in) {
        char text[256];
        cli_escape(text, sizeof text, (const uint8_t *)detail, strlen(detail));
        if (!run->json)
            cli_warn(run->args, "the link was lost; connecting again: %s", text);
        return;
    }
    snprintf(run->detail, sizeof run->detail, "%s", detail);
    run->code = CLI_UNREACHABLE;
    stop(run);
}

static void on_closed(int error, const char *detail, void *user)
{
    receive_run *run = user;
    receive_spsp_close(&run->spsp);
    cli_hand_out_stop(&run->hand_out);
    if (error != RILL_OK)
        run->code = cli_unreachable(run->args->command, error, detail);
    else if (run->code == CLI_UNREACHABLE)
        run->code = cli_unreachable(run->args->command, RILL_ERR_CONNECT, run->detail);
    cli_watch_close(run->watch);
    run->watch = NULL;
    run->closed = true;
    close_output(run);
}

static int run_with_link(receive_run *run, const char *uri, uint64_t max,
                         rill_crypto_backend crypto)
{
    static const rill_handlers handlers = {
        .size = sizeof(rill_handlers),
        .server_ready = on_listening,
        .connection = on_connection,
        .stream = on_stream,
        .money = on_money,
        .data = on_data,
        .stream_end = on_stream_end,
        .connection_end = on_connection_end,
        .link = on_link,
        .closed = on_closed,
    };
    cli_net net;
    cli_net_init(&net, run->args, uri);
    net.options.handlers = &handlers;
    net.options.user = run;
    net.connection.default_receive_max = max;
    net.options.crypto = crypto;
    net.options.server_secret = run->has_secret ? run->secret : NULL;
    net.options.instance = run->instance;
    const char *problem = NULL;
    int rc = rill_loop_new(&run->loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(run->args->command, rc, NULL);
    rill_list_init(&run->connections);
    const receive_output_handlers output = {
        .pause = on_output_pause,
        .failed = on_output_failed,
        .closed = on_output_closed,
        .user = run,
    };
    if (receive_output_open(&run->out, run->loop, &output)) {
        rc = rill_server_open(&run->server, run->loop, &net.options, &problem);
    } else {
        rc = RILL_ERR_NOMEM;
    }
    /* The server has its own copy. */
    rill_wipe(run->secret, sizeof run->secret);
    if (rc == RILL_OK) {
        run->signals = cli_signals_open(run->loop, on_stop, run);
        run->watch = cli_watch_open(run->loop, run->args, START_TIME,
                                    &(cli_watch_handlers){on_waiting, on_late, run});
        run->code = receive_spsp_open(&run->spsp, run->loop, run->server, on_stop, run);
        if (run->code != CLI_DONE)
            stop(run);
    } else {
        run->code = cli_start_error(run->args->command, rc, problem);
        receive_output_close(&run->out, 0);
    }
    (void)rill_loop_run(run->loop);
    rill_loop_free(run->loop);
    receive_output_clear(&run->out);
    return run->code == CLI_DONE && run->out.incomplete ? CLI_INCOMPLETE : run->code;
}

/* A file is for one stream. So one connection is enough. */
static int limit_to_one(receive_run *run)
{
    if (run->limit > 1) {
        cli_error(
            run->args->command,
            "--output: a file has room for one stream; give a folder with --connections %" PRIu64,
            run->limit);
        return CLI_USAGE;
    }
    run->limit = 1;
    return CLI_DONE;
}

/* --secret-file and --instance: what several receivers share, and what tells them apart. */
static int load_secret(receive_run *run)
{
    const char *path = cli_value(run->args, "--secret-file");
    char problem[512];
    if (run->instance && !path) {
        cli_error(
            run->args->command,
            "--instance needs --secret-file: it names one of several receivers with one secret");
        return CLI_USAGE;
    }
    if (run->instance && (!*run->instance || strlen(run->instance) > RILL_MAX_INSTANCE)) {
        cli_error(run->args->command, "--instance must be a name of 1 to %d bytes",
                  RILL_MAX_INSTANCE);
        return CLI_USAGE;
    }
    if (!path)
        return CLI_DONE;
    int rc = cli_secret_load(path, run->secret, problem, sizeof problem);
    if (rc != RILL_OK) {
        cli_fail(run->args->command, rc, "--secret-file: %s", problem);
        return rc == RILL_ERR_IO ? CLI_INCOMPLETE : CLI_USAGE;
    }
    cli_warn_readable(run->args, path, "the receiver's secret");
    run->has_secret = true;
    return CLI_DONE;
}

static int run_receive(const cli_args *args)
{
    receive_run run = {
        .args = args,
        .hand_out = {.path = cli_value(args, "--credentials"),
                     .tag = cli_value(args, "--tag"),
                     .count = 1},
        .instance = cli_value(args, "--instance"),
        .json = cli_value(args, "--json") != NULL,
        .quiet = cli_quiet(args),
    };
    uint64_t max = RILL_UNLIMITED;
    cli_amount_text max_text = {0};
    uint8_t scale;
    int code = receive_spsp_parse(&run.spsp, args);
    if (code != CLI_DONE)
        return code;
    if (run.hand_out.path ? !*run.hand_out.path : !run.spsp.wanted) {
        cli_error(args->command,
                  "--credentials FILE is missing: it says where to write the credentials for the "
                  "payer (- for standard output); or give --spsp ADDRESS:PORT");
        return CLI_USAGE;
    }
    if (run.hand_out.tag && strlen(run.hand_out.tag) > RILL_MAX_TAG) {
        cli_error(args->command, "--tag is too long: at most %d bytes", RILL_MAX_TAG);
        return CLI_USAGE;
    }
    code = cli_amount_text_of(args, "--max", cli_value(args, "--max"), &max_text);
    if (code == CLI_DONE)
        code = cli_count(args, "--connections", &run.limit);
    if (code == CLI_DONE)
        code = cli_count_most(args, "--count", &run.hand_out.count, CLI_HAND_OUT_MOST);
    if (code == CLI_DONE)
        code = receive_output_parse(&run.out, args);
    if (code == CLI_DONE && receive_output_is_for_one(&run.out))
        code = limit_to_one(&run);
    rill_crypto_backend crypto = RILL_CRYPTO_OPENSSL;
    if (code == CLI_DONE)
        code = cli_crypto(args, &crypto);
    char *uri = NULL;
    if (code == CLI_DONE)
        code = cli_link_uri(args, &uri);
    if (code == CLI_DONE)
        code = cli_amount_units(args, "--max", uri, &max_text, &max, &scale);
    if (code == CLI_DONE)
        code = load_secret(&run);
    if (code == CLI_DONE)
        code = run_with_link(&run, uri, max, crypto);
    rill_wipe(run.secret, sizeof run.secret);
    cli_free_secret(uri);
    return code;
}

static const cli_option options[] = {
    {"--credentials", "FILE",
     "where to write the credentials for the payer; - for standard output"},
    {"--count", "N", "write credentials for N payers: FILE.1, FILE.2, ... Default: 1"},
    {"--max", "N", "accept at most N units, or 1.5XRP, on each stream. Default: no limit"},
    {"--tag", "T", "a text of your own inside the address; shown when the payer connects"},
    {"--connections", "N", "exit after N connections have ended"},
    {"--output", "FILE", "write a stream's bytes to FILE; all streams' to a folder; - for stdout"},
    {"--overwrite", NULL, "allow --output to replace a file"},
    {"--secret-file", "FILE", "use the secret in FILE: credentials stay valid after a restart"},
    {"--instance", "NAME", "the name of this receiver, if several share one secret and account"},
    {"--spsp", "ADDR:PORT", "answer payment pointers (SPSP) there, each query with credentials"},
    {"--user", "NAME...", "with --spsp: also $HOST/NAME, with NAME as the tag; may be repeated"},
    {"--users", "FILE", "with --spsp: the same for each line of FILE"},
    {"--tls-cert", "FILE", "with --spsp: a certificate chain in PEM, for https"},
    {"--tls-key", "FILE", "with --spsp: its key in PEM"},
    {"--crypto", "NAME", "encrypt with openssl, ipsec-mb or fastest. Default: openssl"},
    {NULL, NULL, NULL},
};

const cli_command cli_receive = {
    .name = "receive",
    .summary = "receive money and data, and print them",
    .usage = "[--credentials FILE [--count N]] [--max N] [--tag T] [--connections N]\n"
             "                    [--spsp ADDR:PORT [--user NAME]... [--users FILE]\n"
             "                    [--tls-cert FILE --tls-key FILE]]\n"
             "                    [--output FILE|FOLDER|- [--overwrite]] [--crypto NAME]\n"
             "                    [--secret-file FILE [--instance NAME]] [--link URI] [--json]",
    .about =
        "Waits for payers. It writes an ILP address and a shared secret to FILE (mode 0600), "
        "which\n"
        "a payer needs to connect, and prints everything that comes. Give FILE to the payer in a\n"
        "way that nobody else can read: whoever has it can pay you, and read what is sent to you.\n"
        "FILE becomes invalid when this process ends, unless the next one has the same\n"
        "--secret-file and account. FILE is {\"destination_account\",\"shared_secret\"} in JSON,\n"
        "the secret in base64. One file is for one payer at a time: if two use it at once, the\n"
        "later one ends the connection of the earlier one, and both are told. --count N writes N\n"
        "files, FILE.1, FILE.2 and so on, or N lines to standard output. Their numbers are added\n"
        "to the tag, too, as in T.1.\n\n"
        "--spsp ADDR:PORT answers payment pointers, instead of a file or beside it. A query for\n"
        "$HOST (https://HOST/.well-known/pay), or for $HOST/NAME of each --user NAME, gets an\n"
        "address and a secret of its own; NAME is the tag of the connections that pay it, and "
        "--tag\n"
        "that of $HOST. Payment pointers are https: give --tls-cert and --tls-key, or let a proxy\n"
        "do TLS. SIGHUP reads both files again. Receipts are made for payers who ask for them.\n\n"
        "--output FILE writes the bytes of one stream to FILE. Until all have come, the file has\n"
        "another name, which ends with .part; then rill ends. For a folder, or a name that ends\n"
        "with a slash, each stream gets a file, named after time, connection and stream. With -\n"
        "the bytes go to standard output, and all messages to standard error. If the bytes cannot\n"
        "be written any more, rill takes no more bytes and no more money, tells the senders, and\n"
        "exits with 1.\n\n"
        "--secret-file FILE holds 32 bytes in base64 (openssl rand -base64 32). Several receivers\n"
        "may have one secret and one account, to share the load. Give each its own --instance,\n"
        "and the same one again after a restart. Without these names the node must give each\n"
        "packet to only one of the receivers, as rilld does. Otherwise two count one payment.\n\n"
        "If the node cannot be reached within 30 s, rill exits with 3. If the link is lost later,\n"
        "rill waits and connects again. It says on stderr what it waits for, or in `waiting`\n"
        "events. SIGINT and SIGTERM end it cleanly. With --json the events are spsp, connection,\n"
        "stream, money, data (base64), stored, stream_end and connection_end; amounts are decimal\n"
        "strings.",
    .options = options,
    .examples = "rill receive --credentials c.json                  everything, until Ctrl-C\n"
                "rill receive --credentials c.json --connections 1  one payment, then end\n"
                "rill receive --credentials c.json --max 1.5XRP     at most 1.5 XRP on a stream\n"
                "rill receive --spsp [::]:443 --user alice --tls-cert cert.pem --tls-key key.pem\n"
                "rill receive --credentials c.json --output x.jpg   the bytes of one stream\n"
                "rill receive --credentials c.json --output - | tar x\n"
                "rill receive --credentials a.json --secret-file s --instance a",
    .run = run_receive,
};
