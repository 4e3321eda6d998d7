/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/ratio_text.h"
#include "cli/cli.h"
#include "cli/data_source.h"
#include "cli/progress.h"
#include "cli/waits.h"
#include <rill/crypto.h>

typedef struct send_run {
    const cli_args *args;
    rill_loop *loop;
    rill_payment *payment;
    cli_signals *signals;
    data_source *source; /* NULL: no data */
    /* its number of bytes once it is closed, as data_source_size gives it */
    uint64_t size;
    rill_connection_stats stats; /* the last that were reported; packets_sent 0: none were */
    bool json;
    bool progress_wanted;
    bool warned; /* the warning about another payment was printed */
    cli_waits waits;
    /* when the last progress event was printed, monotonic nanoseconds, and what it said */
    uint64_t event_at;
    uint64_t event_sent;
    uint64_t event_bytes;
    cli_progress progress;
    cli_amount_text amount; /* the amount as it was written */
    uint8_t asset_scale;    /* our asset's scale, if the amount was written in it */
    rill_credentials credentials;
    rill_pay_options pay;
    cli_net net; /* what pay points at */
    bool done;
    bool reached;
    int error;
    rill_pay_result result;
} send_run;

/* ---- the arguments ---- */

static int usage(const cli_args *args, const char *problem)
{
    cli_error(args->command, "%s; see \"rill help send\"", problem);
    return CLI_USAGE;
}

static int parse_connection(const cli_args *args, rill_connection_options *o)
{
    if (cli_value(args, "--min-rate") && cli_value(args, "--slippage"))
        return usage(args, "give --min-rate or --slippage, not both");
    int code = cli_ratio(args, "--min-rate", &o->min_rate);
    if (code == CLI_DONE)
        code = cli_ratio(args, "--slippage", &o->slippage);
    if (code == CLI_DONE)
        code = cli_amount(args, "--max-packet", &o->max_packet_amount);
    if (code != CLI_DONE)
        return code;
    if (cli_value(args, "--min-rate") && o->min_rate.num == 0)
        return usage(args, "--min-rate must be above 0");
    if (o->slippage.num >= o->slippage.den)
        return usage(args, "--slippage must be less than 1");
    if (o->max_packet_amount == 0)
        return usage(args, "--max-packet must be above 0");
    return CLI_DONE;
}

/* Each may stand directly after the command's name, or after its option. */
static const char *file_written(const cli_args *args)
{
    const char *option = cli_value(args, "--credentials");
    return option ? option : args->operands[0];
}

static bool amount_written(const cli_args *args)
{
    return cli_value(args, "--amount") || args->operands[1];
}

/* A shell gives us "1.5 XRP" as two words. */
static int parse_amount(const cli_args *args, cli_amount_text *out)
{
    const char *option = cli_value(args, "--amount");
    const char *word = args->operands[1];
    const char *asset = args->operands[2];
    char both[128];
    if (option || !asset)
        return cli_amount_text_of(args, option ? "--amount" : "AMOUNT", option ? option : word,
                                  out);
    snprintf(both, sizeof both, "%s %s", word, asset);
    return cli_amount_text_of(args, "AMOUNT", both, out);
}

static int parse_operands(const cli_args *args)
{
    if (args->operands[0] && cli_value(args, "--credentials"))
        return usage(args, "give --credentials or a FILE after \"send\", not both");
    if (args->operands[1] && cli_value(args, "--amount"))
        return usage(args, "give --amount or an AMOUNT after the file, not both");
    return CLI_DONE;
}

/* Here 0 is no time; it means never. */
static int parse_stall(const cli_args *args, uint64_t *nanoseconds)
{
    const char *value = cli_value(args, "--stall");
    if (!value || strcmp(value, "0") != 0)
        return cli_seconds(args, "--stall", nanoseconds);
    *nanoseconds = 0;
    return CLI_DONE;
}

static int parse_payment(send_run *run)
{
    const cli_args *args = run->args;
    bool amount = amount_written(args);
    const char *data = cli_value(args, "--data");
    const char *file = cli_value(args, "--file");
    if (data && file)
        return usage(args, "give --data or --file, not both");
    if (!amount && !data && !file)
        return usage(args, "there is nothing to send: give --amount, --data or --file");
    int code = parse_amount(args, &run->amount);
    if (code == CLI_DONE)
        code = cli_seconds(args, "--timeout", &run->pay.timeout_ns);
    if (code == CLI_DONE)
        code = parse_stall(args, &run->pay.stall_timeout_ns);
    if (code != CLI_DONE)
        return code;
    if (amount && run->amount.whole == 0 && !data && !file)
        return usage(args, "--amount must be above 0");
    return CLI_DONE;
}

static int open_data(send_run *run)
{
    const char *data = cli_value(run->args, "--data");
    const char *file = cli_value(run->args, "--file");
    if (data)
        run->source = data_source_of_text(data);
    else if (file)
        run->source = data_source_of_file(file);
    else
        return CLI_DONE;
    if (run->source)
        return CLI_DONE;
    char shown[128];
    const char *name = file ? file : "--data";
    cli_escape(shown, sizeof shown, (const uint8_t *)name, strlen(name));
    cli_error(run->args->command, "cannot read %s: %s", shown, strerror(errno));
    return CLI_USAGE;
}

static int load_credentials(send_run *run)
{
    const char *path = file_written(run->args);
    const char *file = cli_value(run->args, "--file");
    if (!path)
        return usage(run->args,
                     "--credentials FILE is missing: the file that the receiver has written");
    if (file && strcmp(path, "-") == 0 && strcmp(file, "-") == 0)
        return usage(run->args, "--credentials and --file cannot both be standard input");
    char problem[512];
    int rc = cli_credentials_load(path, &run->credentials, problem, sizeof problem);
    if (rc == RILL_OK) {
        cli_warn_readable(run->args, path, "the receiver's secret");
        return CLI_DONE;
    }
    cli_error(run->args->command, "%s", problem);
    return CLI_USAGE;
}

/* ---- the payment ---- */

/* At most once each second, and only if something has changed. */
static void print_progress(send_run *run, const rill_connection_stats *stats,
                           const rill_stream_totals *totals)
{
    uint64_t now = rill_loop_now(run->loop).mono_ns;
    uint64_t bytes = rill_payment_acknowledged(run->payment);
    if (run->event_at == 0)
        run->event_at = now;
    if (now - run->event_at < RILL_SECOND ||
        (totals->sent == run->event_sent && bytes == run->event_bytes))
        return;
    run->event_at = now;
    run->event_sent = totals->sent;
    run->event_bytes = bytes;
    (void)cli_print_json(json_pack("{s:s,s:o,s:o,s:o,s:I,s:I}", "event", "progress", "sent",
                                   cli_json_amount(totals->sent), "delivered",
                                   cli_json_amount(totals->delivered), "in_flight",
                                   cli_json_amount(totals->in_flight), "bytes", (json_int_t)bytes,
                                   "packets_in_flight", (json_int_t)stats->packets_in_flight));
}

static bool on_waiting(const rill_waiting *waiting, uint64_t waited, void *user)
{
    send_run *run = user;
    cli_waits_tell(&run->waits, waiting, waited, rill_loop_now(run->loop).mono_ns, &run->progress);
    return true;
}

/* The receiver tells the other payer with the same file, too. */
static void warn_of_another(send_run *run, bool ended_another)
{
    static const char text[] =
        "the receiver has ended an earlier payment with these credentials, which was still open, "
        "in favour of this one: use a credentials file for one payment at a time";
    if (!ended_another || run->warned)
        return;
    run->warned = true;
    cli_progress_erase(&run->progress);
    cli_warn(run->args, "%s", text);
    if (run->json)
        (void)cli_print_json(json_pack("{s:s,s:s,s:s}", "event", "warning", "warning",
                                       "ENDED_ANOTHER", "text", text));
}

static bool on_progress(const rill_connection_stats *stats, const rill_stream_totals *totals,
                        void *user)
{
    send_run *run = user;
    run->stats = *stats;
    warn_of_another(run, stats->ended_another);
    if (run->json)
        print_progress(run, stats, totals);
    if (!run->progress_wanted)
        return true;
    cli_progress_state state = {
        .sent = totals->sent,
        .amount = run->pay.amount,
        .bytes = rill_payment_acknowledged(run->payment),
        .size = data_source_size(run->source),
        .packets = stats->packets_in_flight,
        .packets_sent = stats->packets_sent,
        .rate = stats->rate,
        .asset = *run->amount.code ? run->amount.code : NULL,
        .asset_scale = run->asset_scale,
    };
    cli_progress_show(&run->progress, rill_loop_now(run->loop).mono_ns, &state);
    return true;
}

static void on_stop(void *user)
{
    send_run *run = user;
    rill_waiting waiting;
    rill_payment_cancel(run->payment);
    rill_payment_get_waiting(run->payment, &waiting);
    cli_waits_stopping(&run->waits, &waiting, rill_loop_now(run->loop).mono_ns, &run->progress);
}

static void on_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    send_run *run = user;
    run->done = true;
    run->error = error;
    run->reached = reached;
    run->result = *result;
    run->size = data_source_size(run->source);
    cli_signals_close(run->signals);
    data_source_close(run->source);
    run->source = NULL;
}

/* What --verbose adds to the result: the last state of the path. */
static void print_details(const send_run *run)
{
    const rill_connection_stats *stats = &run->stats;
    char rate[RILL_RATIO_TEXT];
    printf("%" PRIu64 " packets rejected", run->result.rejects);
    if (stats->rate.num > 0) {
        rill_ratio_text(stats->rate, rate);
        printf(", rate %s", rate);
    }
    if (stats->min_rate.num > 0) {
        rill_ratio_text(stats->min_rate, rate);
        printf(" (minimum %s)", rate);
    }
    if (stats->round_trip_ns > 0)
        printf(", round trip %" PRIu64 ".%03" PRIu64 " ms", stats->round_trip_ns / RILL_MS,
               stats->round_trip_ns % RILL_MS / 1000);
    if (stats->packets_sent > 0 && stats->max_packet_amount != RILL_UNLIMITED)
        printf(", at most %" PRIu64 " units in a packet", stats->max_packet_amount);
    putchar('\n');
}

static void print_result(const send_run *run)
{
    const rill_pay_result *r = &run->result;
    double seconds = (double)r->duration_ns / 1e9;
    if (run->json) {
        json_t *object = json_pack(
            "{s:s,s:s?,s:o,s:o,s:o,s:I,s:I,s:I,s:f}", "event", "done", "error",
            run->error != RILL_OK ? cli_error_word(run->error) : NULL, "sent",
            cli_json_amount(r->sent), "delivered", cli_json_amount(r->delivered), "in_doubt",
            cli_json_amount(r->in_doubt), "bytes", (json_int_t)r->data_acknowledged, "packets",
            (json_int_t)r->packets, "rejects", (json_int_t)r->rejects, "seconds", seconds);
        (void)cli_print_json(object);
        return;
    }
    if (cli_quiet(run->args))
        return;
    char sent[512];
    char delivered[512];
    cli_units_text(r->sent, r->source_asset_code, r->source_asset_scale, sent, sizeof sent);
    cli_units_text(r->delivered, r->destination_asset_code, r->destination_asset_scale, delivered,
                   sizeof delivered);
    printf("sent %s, delivered %s", sent, delivered);
    if (r->in_doubt > 0)
        printf(", %" PRIu64 " in doubt", r->in_doubt);
    if (r->data_acknowledged > 0)
        printf(", %" PRIu64 " bytes of data", r->data_acknowledged);
    printf(", in %" PRIu64 " packets and %.3f s\n", r->packets, seconds);
    if (cli_verbose(run->args))
        print_details(run);
}

/* Names money, data or both, depending on what was to be sent. */
static void incomplete_text(const send_run *run, char *out, size_t cap)
{
    const rill_pay_result *r = &run->result;
    size_t len = 0;
    if (run->pay.amount > 0 || run->size == 0)
        len = (size_t)snprintf(
            out, cap,
            "%" PRIu64 " of %" PRIu64 " units sent, %" PRIu64 " delivered, %" PRIu64 " in doubt%s",
            r->sent, run->pay.amount, r->delivered, r->in_doubt, run->size > 0 ? ", and " : "");
    if (run->size == UINT64_MAX)
        snprintf(out + len, cap - len, "%" PRIu64 " bytes arrived", r->data_acknowledged);
    else if (run->size > 0)
        snprintf(out + len, cap - len, "%" PRIu64 " of %" PRIu64 " bytes arrived",
                 r->data_acknowledged, run->size);
}

static int report(send_run *run)
{
    const rill_pay_result *r = &run->result;
    cli_progress_erase(&run->progress);
    warn_of_another(run, r->ended_another);
    if (run->error == RILL_OK) {
        print_result(run);
        return CLI_DONE;
    }
    if (!run->reached && run->error != RILL_ERR_CANCELLED)
        return cli_unreachable(run->args->command, run->error, r->detail);
    char detail[512];
    cli_escape(detail, sizeof detail, (const uint8_t *)r->detail, strlen(r->detail));
    /* First the result, then the error. With --json the last event is `done`. */
    if (!run->json)
        print_result(run);
    char what[256];
    incomplete_text(run, what, sizeof what);
    cli_fail(run->args->command, run->error, "incomplete: %s: %s", what, detail);
    if (run->json)
        print_result(run);
    return CLI_INCOMPLETE;
}

static int on_read(uint8_t *buf, size_t cap, size_t *len, void *user)
{
    send_run *run = user;
    return data_source_read(run->source, buf, cap, len);
}

static int pay(send_run *run)
{
    const rill_payment_handlers handlers = {.size = sizeof handlers,
                                            .read = run->source ? on_read : NULL,
                                            .progress = on_progress,
                                            .waiting = on_waiting,
                                            .done = on_done,
                                            .user = run};
    const char *problem = NULL;
    int rc = rill_loop_new(&run->loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(run->args->command, rc, NULL);
    run->pay.fail_fast = true;
    rc = rill_payment_start(&run->payment, run->loop, &run->pay, &handlers, &problem);
    /* The connection has its own keys. */
    rill_wipe(run->credentials.shared_secret, sizeof run->credentials.shared_secret);
    int code = CLI_INCOMPLETE;
    if (rc == RILL_OK) {
        if (run->source)
            data_source_attach(run->source, run->loop, run->payment);
        run->signals = cli_signals_open(run->loop, on_stop, run);
        (void)rill_loop_run(run->loop);
    } else {
        code = cli_start_error(run->args->command, rc, problem);
    }
    if (run->done)
        code = report(run);
    rill_loop_free(run->loop);
    return code;
}

static int run_send(const cli_args *args)
{
    send_run run = {.args = args, .json = cli_value(args, "--json") != NULL, .waits.args = args};
    rill_pay_options_init(&run.pay);
    cli_progress_init(&run.progress);
    /* Progress lines do not belong into a log, unless --verbose asks for everything. */
    run.progress_wanted = !cli_quiet(args) && (run.progress.terminal || cli_verbose(args));
    char *uri = NULL;
    int code = parse_operands(args);
    if (code == CLI_DONE)
        code = parse_payment(&run);
    if (code == CLI_DONE)
        code = cli_link_uri(args, &uri);
    if (code == CLI_DONE) {
        cli_net_init(&run.net, args, uri);
        run.pay.net = &run.net.options;
        code = parse_connection(args, &run.net.connection);
    }
    if (code == CLI_DONE)
        code = cli_crypto(args, &run.net.options.crypto);
    if (code == CLI_DONE)
        code = load_credentials(&run);
    if (code == CLI_DONE)
        code = open_data(&run);
    if (code == CLI_DONE)
        code = cli_amount_units(args, cli_value(args, "--amount") ? "--amount" : "AMOUNT", uri,
                                &run.amount, &run.pay.amount, &run.asset_scale);
    if (code == CLI_DONE) {
        run.pay.destination_account = run.credentials.destination_account;
        run.pay.shared_secret = run.credentials.shared_secret;
        run.pay.secret_len = sizeof run.credentials.shared_secret;
        code = pay(&run);
    }
    data_source_close(run.source);
    rill_credentials_wipe(&run.credentials);
    cli_free_secret(uri);
    return code;
}

static const cli_option options[] = {
    {"--credentials", "FILE", "the file from the receiver; - for standard input"},
    {"--amount", "N", "units to send, or an amount of our account's asset, like 1.5XRP"},
    {"--data", "TEXT", "text to send, with money or without"},
    {"--file", "FILE", "a file to send; - for standard input"},
    {"--min-rate", "R", "send nothing at a lower rate than R, like 0.985 or 3/4"},
    {"--slippage", "S", "part of the measured rate that may be lost. Default: 0.01"},
    {"--max-packet", "N", "put at most N units into a packet. Default: what the path takes"},
    {"--timeout", "SECONDS", "give up after this time, like 30 or 0.5. Default: no limit"},
    {"--stall", "SECONDS", "give up after this time without progress; 0: never. Default: 60"},
    {"--crypto", "NAME", "encrypt with openssl, ipsec-mb or fastest. Default: openssl"},
    {NULL, NULL, NULL},
};

const cli_command cli_send = {
    .name = "send",
    .summary = "send money and data to a receiver",
    .usage = "FILE AMOUNT [ASSET] [OPTIONS]\n"
             "       rill send --credentials FILE [--amount N] [--data TEXT | --file FILE]\n"
             "                 [--min-rate R | --slippage S] [--max-packet N] [--timeout SECONDS]\n"
             "                 [--stall SECONDS] [--crypto NAME] [--link URI] [--json]",
    .about =
        "Connects to the receiver that FILE names, sends money, data or both on one stream, and\n"
        "ends when everything has arrived. AMOUNT is a whole number of our account's smallest\n"
        "unit: at asset scale 9 (see \"rill info\"), 1000000000 units are one of the asset. Or it "
        "is\n"
        "an amount of the asset: 1.5XRP, which is refused if the account has another asset.\n\n"
        "If standard error is a terminal, rill shows its progress. After a second without "
        "progress\n"
        "it says on stderr what it waits for. --stall limits this time. Default: 60 s, or no "
        "limit\n"
        "if --timeout is given. If an answer is lost, rill waits until the packet has expired, "
        "asks\n"
        "the receiver what arrived, and sends the rest; --timeout ends this sooner. If in the end\n"
        "not everything could be sent, rill exits with 1. It says how much was sent, how much was\n"
        "delivered, and how much is in doubt: that money may have arrived or not.\n\n"
        "Without --min-rate, rill first measures the exchange rate of the path, and accepts the\n"
        "loss of --slippage. With --min-rate it sends at once, and nothing at a lower rate.\n\n"
        "One FILE is for one payer at a time: of two payments with it, the later one ends the\n"
        "earlier one. The earlier one fails and says why. The later one prints a warning, also if\n"
        "the earlier payer was killed.\n\n"
        "--json prints the events progress, waiting, warning and error, and at the end\n"
        "{\"event\":\"done\",\"error\",\"sent\",\"delivered\",\"in_doubt\",\"bytes\",\"packets\","
        "\"rejects\",\n\"seconds\"}, where error is null, or a name such as RATE or STALLED.",
    .options = options,
    .operands = {"[FILE]", "[AMOUNT]", "[ASSET]"},
    .examples = "rill send c.json 1000                     1000 units\n"
                "rill send c.json 1.5XRP                   1500000000 units at scale 9\n"
                "rill send c.json --file photo.jpg         a file, no money\n"
                "tar c folder | rill send c.json --file -  the output of a program\n"
                "rill send c.json 1000 --min-rate 0.98     at no lower rate",
    .run = run_send,
};
