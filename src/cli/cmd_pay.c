/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/payer.h"

static int run_pay(const cli_args *args)
{
    return payer_run(args, false);
}

static const cli_option options[] = {
    {"--deliver", NULL, "AMOUNT is what arrives, in the receiver's asset"},
    {"--max-source", "N", "with --deliver: send no more than N of our asset"},
    {"--yes", NULL, "pay without being asked"},
    {"--data", "TEXT", "text to send beside the money"},
    {"--metadata", "JSON", "an object for the receiver's wallet, where it makes a payment for us"},
    {"--price", "P", "what 1 of our asset is worth in the receiver's. Default: the path's rate"},
    {"--slippage", "S", "part of the price or the rate that may be lost. Default: 0.01"},
    {"--min-rate", "R", "send nothing below R units for a unit, instead of a price"},
    {"--units", NULL, "amounts are whole numbers of the smallest unit"},
    {"--as", "WALLET", "pay as this wallet address, where a wallet wants one; with --key"},
    {"--key", "FILE", "sign with this key (rill keys). Default: a new key for each payment"},
    {"--key-id", "ID", "the key's id. Default: its thumbprint"},
    {"--insecure-http", NULL, "ask servers on other machines by http, which is not protected"},
    {"--save", "FILE", "keep the state of the payment in FILE, to go on after a crash"},
    {"--resume", "FILE", "go on with the payment that FILE holds"},
    {"--max-packet", "N", "put at most N units into a packet. Default: what the path takes"},
    {"--timeout", "SECONDS", "give up after this time in all, like 30 or 0.5. Default: no limit"},
    {"--stall", "SECONDS", "give up after this time without progress; 0: never. Default: 60"},
    {"--crypto", "NAME", "encrypt with openssl, ipsec-mb or fastest. Default: openssl"},
    {NULL, NULL, NULL},
};

const cli_command cli_pay = {
    .name = "pay",
    .summary = "pay a payment pointer, a wallet address or a URL",
    .usage = "RECEIVER [AMOUNT [ASSET]] [OPTIONS]\n"
             "       rill pay RECEIVER AMOUNT --deliver [--max-source N] [OPTIONS]\n"
             "       rill pay --resume FILE [OPTIONS]",
    .about =
        "Asks the receiver's server for credentials, asks the path for its rate, shows what the\n"
        "payment costs and brings, and pays once you say yes. RECEIVER is a payment pointer\n"
        "('$wallet.example/alice', in single quotes), the URL of an SPSP server, a wallet address\n"
        "of Open Payments, the URL of an incoming payment, or a file with credentials.\n\n"
        "AMOUNT is in whole units of our asset: 5 or 0.25, or 5XRP, which is refused if the\n"
        "account has another asset. With --deliver it is what arrives, in the receiver's asset.\n"
        "An incoming payment that names its amount needs none: what is missing is delivered.\n\n"
        "No more is ever sent than the quote's maximum, and nothing below its minimum rate. The\n"
        "minimum is the path's rate less --slippage; with --price it is the price less\n"
        "--slippage, and a path that is worse is refused before anything is sent.\n\n"
        "With --save a payment can go on after a crash: rill pay --resume FILE sends what is\n"
        "left, and never what may have arrived already. FILE holds the receiver's secret.\n\n"
        "--timeout is for all of it: the node, the receiver's server, the quote and the payment.\n"
        "Only the time in which you are asked does not count.\n\n"
        "Ctrl-C sends nothing more, waits for what is on its way, and says what was sent. A\n"
        "second one ends rill at once.\n\n"
        "--json needs --yes, and prints the events receiver, quote, progress, waiting, warning\n"
        "and error, and at the end "
        "{\"event\":\"done\",\"error\",\"reason\",\"sent\",\"delivered\",\n"
        "\"in_doubt\"} and more, where error is null or a name such as RATE, and reason is finer.",
    .options = options,
    .operands = {"[RECEIVER]", "[AMOUNT]", "[ASSET]"},
    .examples = "rill pay '$wallet.example/alice' 5           5 of our asset\n"
                "rill pay https://wallet.example/alice 5 EUR --deliver\n"
                "rill pay https://wallet.example/incoming-payments/1f3c --yes\n"
                "rill pay c.json 0.25 --save payment.json",
    .takes_urls = true,
    .run = run_pay,
};
