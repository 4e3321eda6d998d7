/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/op_pay.h"

static int run_op(const cli_args *args)
{
    if (strcmp(args->operands[0], "pay") == 0)
        return op_pay_run(args);
    cli_error(args->command, "say what to do: \"rill op pay RECEIVER AMOUNT --from WALLET --key "
                             "FILE\"; see \"rill help op\"");
    return CLI_USAGE;
}

static const cli_option options[] = {
    {"--from", "WALLET", "your wallet address, which pays"},
    {"--key", "FILE", "sign with this key (rill keys), whose public half your wallet has"},
    {"--key-id", "ID", "the key's id, as your wallet shows it. Default: its thumbprint"},
    {"--deliver", NULL, "AMOUNT is what arrives, in the receiver's asset"},
    {"--max-source", "N", "pay nothing that costs more than N of your asset"},
    {"--metadata", "JSON", "an object for both payments, such as {\"description\":\"rent\"}"},
    {"--units", NULL, "amounts are whole numbers of the smallest unit"},
    {"--yes", NULL, "take the quote without being asked here; your wallet asks all the same"},
    {"--no-browser", NULL, "print the address of your wallet's page, and open no browser"},
    {"--timeout", "SECONDS",
     "wait so long for you to agree, and again for the payment to end. Default: 600"},
    {"--insecure-http", NULL, "ask servers on other machines by http, which is not protected"},
    {NULL, NULL, NULL},
};

const cli_command cli_op = {
    .name = "op",
    .summary = "pay out of your own wallet account (Open Payments)",
    .usage = "pay RECEIVER [AMOUNT [ASSET]] --from WALLET --key FILE [OPTIONS]",
    .about =
        "\"pay\" asks your wallet for a quote, shows it, and opens your wallet's page in a "
        "browser,\n"
        "where you agree. Then your wallet pays, and rill follows the payment to its end. No link\n"
        "and no node are needed: it is your wallet that sends.\n\n"
        "RECEIVER is a payment pointer, a wallet address or the URL of an incoming payment. "
        "AMOUNT\n"
        "is in whole units of your account's asset: 5 or 0.25. With --deliver it is what arrives,\n"
        "in the receiver's asset. An incoming payment that names its amount needs none.\n\n"
        "Your wallet must know the key: make one with \"rill keys new\", and give the wallet what\n"
        "\"rill keys show\" prints. How to do that differs from wallet to wallet.\n\n"
        "When you have agreed the wallet sends your browser back to a port of this machine, which\n"
        "is open until then. Nothing else that comes there counts.\n\n"
        "Ctrl-C gives all grants back, and says whether money may still move: once the payment\n"
        "was made, your wallet goes on with it. While it is being made the wallet's answer is\n"
        "waited for, since nobody knows without it. A second Ctrl-C ends rill at once.\n\n"
        "--json needs --yes, and prints the events quote, interact (with the page's url), "
        "waiting\n"
        "and error, and at the end\n"
        "{\"event\":\"done\",\"error\",\"sent\",\"received\",\"may_move\",\"outgoing_payment\",\n"
        "\"incoming_payment\"}, where error is null or a name such as REFUSED.",
    .options = options,
    .operands = {"ACTION", "[RECEIVER]", "[AMOUNT]", "[ASSET]"},
    .examples =
        "rill op pay '$wallet.example/alice' 5 --from https://wallet.example/bob --key key.pem\n"
        "rill op pay https://shop.example/incoming-payments/1f3c --from '$w.example/bob' "
        "--key key.pem",
    .takes_urls = true,
    .run = run_op,
};
