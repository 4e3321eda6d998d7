/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/payer.h"

static int run_quote(const cli_args *args)
{
    return payer_run(args, true);
}

static const cli_option options[] = {
    {"--deliver", NULL, "AMOUNT is what is to arrive, in the receiver's asset"},
    {"--max-source", "N", "with --deliver: no more than N of our asset may be sent"},
    {"--price", "P", "what 1 of our asset is worth in the receiver's. Default: the path's rate"},
    {"--slippage", "S", "part of the price or the rate that may be lost. Default: 0.01"},
    {"--min-rate", "R", "no less than R units for a unit, instead of a price"},
    {"--units", NULL, "amounts are whole numbers of the smallest unit"},
    {"--as", "WALLET", "ask as this wallet address, where a wallet wants one; with --key"},
    {"--key", "FILE", "sign with this key (rill keys). Default: a new key for each question"},
    {"--key-id", "ID", "the key's id. Default: its thumbprint"},
    {"--insecure-http", NULL, "ask servers on other machines by http, which is not protected"},
    {"--max-packet", "N", "put at most N units into a packet. Default: what the path takes"},
    {"--timeout", "SECONDS", "give up after this time, like 30 or 0.5. Default: no limit"},
    {"--stall", "SECONDS", "give up after this time without progress; 0: never. Default: 60"},
    {"--crypto", "NAME", "encrypt with openssl, ipsec-mb or fastest. Default: openssl"},
    {NULL, NULL, NULL},
};

const cli_command cli_quote = {
    .name = "quote",
    .summary = "show what a payment would cost and bring",
    .usage = "RECEIVER [AMOUNT [ASSET]] [OPTIONS]",
    .about =
        "Does what \"rill pay\" does before it asks you: asks the receiver's server and the path,\n"
        "and shows rate, fee, maximum and minimum. Nothing is paid. If the payment could not be\n"
        "made, it says why, and exits with 1.\n\n"
        "--json prints the event quote: fixed is \"source\" or \"delivery\"; max_source is the "
        "most\n"
        "that would be sent, min_delivery the least that would arrive for it; likely_source and\n"
        "likely_delivery are what the path offers now. Rates are units for units.",
    .options = options,
    .operands = {"[RECEIVER]", "[AMOUNT]", "[ASSET]"},
    .examples = "rill quote '$wallet.example/alice' 5\n"
                "rill quote c.json 100 --deliver --units",
    .takes_urls = true,
    .run = run_quote,
};
