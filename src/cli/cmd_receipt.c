/* SPDX-License-Identifier: Apache-2.0 */
/* Receipts, for who has the secret (verify) and for who has not (show). */
#include <inttypes.h>
#include <string.h>

#include "base/base64.h"
#include "cli/cli.h"
#include <rill/receipt.h>

static int read_text(const cli_args *args, const char *text, uint8_t out[RILL_RECEIPT_LEN],
                     rill_receipt *receipt)
{
    size_t len = 0;
    int error = rill_base64_decode(text, strlen(text), out, RILL_RECEIPT_LEN, &len);
    if (error == RILL_OK)
        error = rill_receipt_decode(receipt, (rill_bytes){out, len});
    if (error == RILL_OK)
        return CLI_DONE;
    return cli_bad_value(args, "RECEIPT", text,
                         "is no receipt: 58 bytes in base64 that begin with 1");
}

/* The nonce that it must have, in base64. */
static int check_nonce(const cli_args *args, const rill_receipt *receipt)
{
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN];
    size_t len = 0;
    const char *text = cli_value(args, "--nonce");
    if (!text)
        return CLI_DONE;
    if (rill_base64_decode(text, strlen(text), nonce, sizeof nonce, &len) != RILL_OK ||
        len != sizeof nonce)
        return cli_bad_value(args, "--nonce", text, "is not 16 bytes in base64");
    if (memcmp(nonce, receipt->nonce, sizeof nonce) == 0)
        return CLI_DONE;
    cli_fail(args->command, RILL_ERR_AUTH,
             "the receipt is of another payment: its nonce is another");
    return CLI_INCOMPLETE;
}

static int verify(const cli_args *args, const uint8_t bytes[RILL_RECEIPT_LEN])
{
    const char *path = cli_value(args, "--secret-file");
    uint8_t secret[RILL_RECEIPT_SECRET_LEN];
    rill_receipt receipt;
    char problem[512];
    int error = cli_secret_load(path, secret, problem, sizeof problem);
    if (error != RILL_OK) {
        cli_fail(args->command, error, "--secret-file: %s", problem);
        return error == RILL_ERR_IO ? CLI_INCOMPLETE : CLI_USAGE;
    }
    cli_warn_readable(args, path, "the receipt secret");
    error = rill_receipt_verify(&receipt, (rill_bytes){bytes, RILL_RECEIPT_LEN}, secret);
    rill_wipe(secret, sizeof secret);
    if (error == RILL_OK)
        return check_nonce(args, &receipt);
    cli_fail(args->command, error, "%s",
             error == RILL_ERR_AUTH ? "the receipt was not made with this secret"
                                    : rill_strerror(error));
    return CLI_INCOMPLETE;
}

static void print(const cli_args *args, const rill_receipt *receipt, bool verified)
{
    char nonce[RILL_BASE64_SIZE(RILL_RECEIPT_NONCE_LEN)];
    (void)rill_base64_encode(receipt->nonce, sizeof receipt->nonce, nonce);
    if (cli_value(args, "--json"))
        (void)cli_print_json(json_pack("{s:s,s:b,s:s,s:i,s:o}", "event", "receipt", "verified",
                                       verified, "nonce", nonce, "stream", (int)receipt->stream_id,
                                       "total", cli_json_amount(receipt->total_received)));
    else
        printf("%s: the receiver has got %" PRIu64 " units in all on stream %u; nonce %s\n",
               verified ? "verified" : "not verified", receipt->total_received,
               (unsigned)receipt->stream_id, nonce);
}

static int run_receipt(const cli_args *args)
{
    uint8_t bytes[RILL_RECEIPT_LEN];
    rill_receipt receipt;
    bool verifies = strcmp(args->operands[0], "verify") == 0;
    if (!verifies && strcmp(args->operands[0], "show") != 0) {
        cli_error(args->command,
                  "say what to do: \"rill receipt verify RECEIPT --secret-file FILE\" "
                  "or \"rill receipt show RECEIPT\"");
        return CLI_USAGE;
    }
    if (verifies != (cli_value(args, "--secret-file") != NULL)) {
        cli_error(args->command, verifies
                                     ? "--secret-file FILE is missing: it holds the receipt secret"
                                     : "\"rill receipt show\" verifies nothing: it takes no "
                                       "--secret-file");
        return CLI_USAGE;
    }
    int code = read_text(args, args->operands[1], bytes, &receipt);
    if (code == CLI_DONE)
        code = verifies ? verify(args, bytes) : check_nonce(args, &receipt);
    if (code == CLI_DONE)
        print(args, &receipt, verifies);
    return code;
}

static const cli_option options[] = {
    {"--secret-file", "FILE", "the receipt secret: 32 bytes in base64"},
    {"--nonce", "TEXT", "the payment's nonce in base64; a receipt with another one is refused"},
    {NULL, NULL, NULL},
};

const cli_command cli_receipt = {
    .name = "receipt",
    .summary = "verify a receiver's receipt",
    .usage = "verify RECEIPT --secret-file FILE [--nonce TEXT] | show RECEIPT [--nonce TEXT]",
    .about =
        "A receipt is a receiver's proof of how much has arrived on a stream (STREAM receipts).\n"
        "Whoever chose the receipt's secret can verify it; the payer cannot, and hands it on.\n\n"
        "\"verify\" exits with 0 if the receipt was made with the secret in FILE, and has the\n"
        "nonce, if one is given. Otherwise it exits with 1. \"show\" prints what the receipt\n"
        "says, and checks nothing.\n\n"
        "RECEIPT is in base64. The total is of the whole stream: of two receipts of one stream\n"
        "the greater one counts. With --json the event is receipt.",
    .options = options,
    .operands = {"ACTION", "RECEIPT"},
    .examples = "rill receipt verify AQAAAAAA... --secret-file receipts.secret\n"
                "rill receipt show AQAAAAAA...",
    .run = run_receipt,
};
