/* SPDX-License-Identifier: Apache-2.0 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/data_source.h"
#include "cli/paying.h"
#include <rill/crypto.h>

typedef struct send_run {
    const cli_args *args;
    rill_loop *loop;
    cli_signals *signals;
    cli_paying paying;
    cli_amount_text amount; /* the amount as it was written */
    rill_credentials credentials;
    rill_pay_options pay;
    cli_net net; /* what pay points at */
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
        run->paying.source = data_source_of_text(data);
    else if (file)
        run->paying.source = data_source_of_file(file);
    else
        return CLI_DONE;
    if (run->paying.source)
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

static void on_stop(void *user)
{
    cli_paying_stop(&((send_run *)user)->paying);
}

static void on_ended(void *user)
{
    send_run *run = user;
    cli_signals_close(run->signals);
}

static int pay(send_run *run)
{
    const rill_payment_handlers handlers = cli_paying_handlers(&run->paying);
    const char *problem = NULL;
    rill_payment *payment;
    int rc = rill_loop_new(&run->loop, NULL);
    if (rc != RILL_OK)
        return cli_start_error(run->args->command, rc, NULL);
    run->pay.fail_fast = true;
    rc = rill_payment_start(&payment, run->loop, &run->pay, &handlers, &problem);
    /* The connection has its own keys. */
    rill_wipe(run->credentials.shared_secret, sizeof run->credentials.shared_secret);
    int code = CLI_INCOMPLETE;
    if (rc == RILL_OK) {
        cli_paying_begin(&run->paying, run->loop, payment);
        run->signals = cli_signals_open_paying(run->loop, on_stop, run);
        (void)rill_loop_run(run->loop);
    } else {
        code = cli_start_error(run->args->command, rc, problem);
    }
    if (run->paying.done)
        code = cli_paying_report(&run->paying);
    rill_loop_free(run->loop);
    return code;
}

static int run_send(const cli_args *args)
{
    send_run run = {.args = args};
    rill_pay_options_init(&run.pay);
    cli_paying_init(&run.paying, args);
    run.paying.ended = on_ended;
    run.paying.user = &run;
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
                                &run.amount, &run.pay.amount, &run.paying.asset_scale);
    if (code == CLI_DONE) {
        run.pay.destination_account = run.credentials.destination_account;
        run.pay.shared_secret = run.credentials.shared_secret;
        run.pay.secret_len = sizeof run.credentials.shared_secret;
        run.paying.amount = run.pay.amount;
        memcpy(run.paying.asset_code, run.amount.code, sizeof run.amount.code);
        code = pay(&run);
    }
    data_source_close(run.paying.source);
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
        "{\"event\":\"done\",\"error\",\"reason\",\"sent\",\"delivered\",\"in_doubt\",\"bytes\",\n"
        "\"packets\",\"rejects\",\"seconds\"}, where error is null, or a name such as RATE or "
        "STALLED,\n"
        "and reason is a finer name.",
    .options = options,
    .operands = {"[FILE]", "[AMOUNT]", "[ASSET]"},
    .examples = "rill send c.json 1000                     1000 units\n"
                "rill send c.json 1.5XRP                   1500000000 units at scale 9\n"
                "rill send c.json --file photo.jpg         a file, no money\n"
                "tar c folder | rill send c.json --file -  the output of a program\n"
                "rill send c.json 1000 --min-rate 0.98     at no lower rate",
    .run = run_send,
};
