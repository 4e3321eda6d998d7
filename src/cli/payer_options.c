/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of `rill pay` and `rill quote`. */
#define _POSIX_C_SOURCE 200809L

#include <string.h>
#include <unistd.h>

#include "cli/payer.h"

static int usage(const cli_args *args, const char *problem)
{
    cli_error(args->command, "%s; see \"rill help %s\"", problem, args->command->name);
    return CLI_USAGE;
}

/* ---- amounts ---- */

static int parse_amounts(payer *p)
{
    const cli_args *args = p->args;
    const char *amount = args->operands[1];
    const char *most = cli_value(args, "--max-source");
    char both[128];
    p->units = cli_value(args, "--units") != NULL;
    p->deliver = cli_value(args, "--deliver") != NULL;
    if (amount && args->operands[2]) { /* a shell gives "1.5 XRP" as two words */
        snprintf(both, sizeof both, "%s %s", amount, args->operands[2]);
        amount = both;
    }
    int code = amount ? cli_money_option(args, p->units, "AMOUNT", amount, &p->amount) : CLI_DONE;
    if (code == CLI_DONE && most)
        code = cli_money_option(args, p->units, "--max-source", most, &p->max_source);
    if (code != CLI_DONE)
        return code;
    if (p->deliver && !amount)
        return usage(args, "--deliver needs an AMOUNT");
    if (most && amount && !p->deliver)
        return usage(args, "--max-source is for a payment that delivers a fixed amount: give "
                           "--deliver, or no --max-source");
    return CLI_DONE;
}

/* ---- rates ---- */

static int parse_rates(payer *p)
{
    const cli_args *args = p->args;
    bool minimum = cli_value(args, "--min-rate") != NULL;
    if (minimum && (cli_value(args, "--slippage") || cli_value(args, "--price")))
        return usage(args, "give --min-rate, or --price and --slippage");
    int code = cli_ratio(args, "--min-rate", &p->wanted.min_rate);
    if (code == CLI_DONE)
        code = cli_ratio(args, "--price", &p->wanted.price);
    if (code == CLI_DONE)
        code = cli_ratio(args, "--slippage", &p->wanted.slippage);
    if (code != CLI_DONE)
        return code;
    if (minimum && p->wanted.min_rate.num == 0)
        return usage(args, "--min-rate must be above 0");
    if (cli_value(args, "--price") && p->wanted.price.num == 0)
        return usage(args, "--price must be above 0");
    if (p->wanted.slippage.num >= p->wanted.slippage.den)
        return usage(args, "--slippage must be less than 1");
    return CLI_DONE;
}

/* ---- who pays ---- */

static int parse_payer(payer *p)
{
    const cli_args *args = p->args;
    const char *as = cli_value(args, "--as");
    char url[RILL_MAX_URL];
    const char *problem = "";
    p->receiver_options.insecure = cli_value(args, "--insecure-http") != NULL;
    p->receiver_options.ca_file = cli_value(args, "--ca-file");
    p->receiver_options.wallet_address = as;
    if (as && !cli_value(args, "--key"))
        return usage(args, "--as needs --key: the key that the wallet address shows");
    if (as &&
        rill_receiver_url(as, p->receiver_options.insecure, url, sizeof url, &problem) != RILL_OK)
        return cli_bad_value(args, "--as", as, problem);
    int code = cli_key_load(args, &p->key);
    if (code == CLI_DONE && p->key.key) {
        p->receiver_options.signer = &p->key.signer;
        p->receiver_options.public_key = rill_key_public(p->key.key);
    }
    return code;
}

/* ---- who is paid ---- */

static bool is_web(const char *text)
{
    return *text == '$' || strstr(text, "://") != NULL;
}

/* A shell takes "$wallet" in "$wallet.example/alice" for a variable, and leaves the rest. */
static const char *hint(const char *path)
{
    return *path == '.' || *path == '/' || *path == '\0'
               ? " (a payment pointer belongs in single quotes: '$wallet.example/alice')"
               : "";
}

static int load_credentials(payer *p)
{
    char problem[512];
    p->from_file = true;
    if (cli_credentials_load(p->receiver_text, &p->credentials, problem, sizeof problem) !=
        RILL_OK) {
        cli_error(p->args->command, "%s%s", problem, hint(p->receiver_text));
        return CLI_USAGE;
    }
    cli_warn_readable(p->args, p->receiver_text, "the receiver's secret");
    return CLI_DONE;
}

static int parse_receiver(payer *p)
{
    char url[RILL_MAX_URL];
    const char *problem = "";
    p->receiver_text = p->args->operands[0];
    if (!p->receiver_text)
        return usage(p->args, "RECEIVER is missing: a payment pointer, a URL or a file with "
                              "credentials");
    if (!is_web(p->receiver_text))
        return load_credentials(p);
    if (rill_receiver_url(p->receiver_text, p->receiver_options.insecure, url, sizeof url,
                          &problem) == RILL_OK)
        return CLI_DONE;
    /* It is not shown: a user name may have a password behind it. */
    cli_error(p->args->command, "RECEIVER: %s", problem);
    return CLI_USAGE;
}

/* ---- the rest ---- */

/* 0 is no time; it means never. */
static int parse_times(payer *p)
{
    const char *stall = cli_value(p->args, "--stall");
    int code = cli_seconds(p->args, "--timeout", &p->pay.timeout_ns);
    if (code != CLI_DONE || !stall)
        return code;
    if (strcmp(stall, "0") != 0)
        return cli_seconds(p->args, "--stall", &p->pay.stall_timeout_ns);
    p->pay.stall_timeout_ns = 0;
    return CLI_DONE;
}

static int parse_consent(payer *p)
{
    p->yes = p->quotes_only || cli_value(p->args, "--yes") != NULL;
    if (p->yes || (!p->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO)))
        return CLI_DONE;
    return usage(p->args, p->json ? "--json needs --yes: a script is not asked"
                                  : "there is no terminal to ask at: give --yes to pay without "
                                    "being asked");
}

/* What goes along with the money. */
static int parse_data(payer *p)
{
    const char *data = cli_value(p->args, "--data");
    int code = cli_metadata(p->args, &p->receiver_options.metadata);
    if (code == CLI_DONE && p->from_file && p->receiver_options.metadata)
        code = usage(p->args, "--metadata is for a wallet, and credentials are of none");
    if (code != CLI_DONE)
        return code;
    if (!data)
        return CLI_DONE;
    p->paying.source = data_source_of_text(data);
    if (p->paying.source)
        return CLI_DONE;
    cli_fail(p->args->command, RILL_ERR_NOMEM, "%s", rill_strerror(RILL_ERR_NOMEM));
    return CLI_INCOMPLETE;
}

static int parse_resume(payer *p)
{
    static const char *const others[] = {"--deliver",  "--max-source", "--price",   "--slippage",
                                         "--min-rate", "--data",       "--as",      "--key",
                                         "--save",     "--units",      "--metadata"};
    if (p->args->operands[0])
        return usage(p->args,
                     "--resume FILE says who is paid, and how much: no RECEIVER beside it");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (cli_value(p->args, others[i]))
            return usage(p->args, "--resume FILE says who is paid, and how: only --timeout, "
                                  "--stall and options of the link go with it");
    }
    return parse_times(p);
}

int payer_parse(payer *p)
{
    rill_quote_options_init(&p->wanted);
    rill_receiver_options_init(&p->receiver_options);
    rill_pay_options_init(&p->pay);
    if (!p->quotes_only && cli_value(p->args, "--resume"))
        return parse_resume(p);
    int code = parse_amounts(p);
    if (code == CLI_DONE)
        code = parse_rates(p);
    if (code == CLI_DONE)
        code = parse_times(p);
    if (code == CLI_DONE)
        code = parse_consent(p);
    if (code == CLI_DONE)
        code = parse_payer(p);
    if (code == CLI_DONE)
        code = parse_receiver(p);
    if (code == CLI_DONE && !p->quotes_only)
        code = parse_data(p);
    return code;
}
