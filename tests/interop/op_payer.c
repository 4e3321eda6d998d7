/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open Payments' payer, as far as a receiver's servers see it: asks for an incoming payment, and
 * then what it is told to, in turn. Each answer is a JSON object on a line.
 *
 * usage: op_payer RECEIVER KEY_FILE OPTIONS [refresh|complete|close|free]...
 * OPTIONS is a JSON object: "id", "wallet_address", "amount", "expires_in", "metadata",
 * "timeout_ms", "grant_timeout_ms".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include <rill/error.h>
#include <rill/open_payments.h>

static rill_op_receiver *receiver;
static char **next;

static void on_closed(void *user)
{
    (void)user;
    printf("{\"closed\":true}\n");
}

static void on_done(const rill_op_result *result, void *user);

/* The next of the command line. */
static void go_on(void)
{
    const char *word = *next ? *next++ : "free";
    int error = RILL_OK;
    if (strcmp(word, "refresh") == 0)
        error = rill_op_receiver_refresh(receiver, on_done, NULL);
    else if (strcmp(word, "complete") == 0)
        error = rill_op_receiver_complete(receiver, on_done, NULL);
    else if (strcmp(word, "close") == 0)
        rill_op_receiver_close(receiver, on_closed, NULL);
    else
        rill_op_receiver_free(receiver);
    if (error != RILL_OK) {
        printf("{\"error\":\"%s\"}\n", rill_error_name(error));
        rill_op_receiver_free(receiver);
    }
}

static void on_done(const rill_op_result *result, void *user)
{
    (void)user;
    const rill_incoming_payment *p = result->payment;
    json_t *told =
        json_pack("{s:s,s:s,s:s,s:i}", "error", rill_error_name(result->error), "problem",
                  result->problem, "url", result->url, "redirects", (int)result->redirects);
    if (p)
        json_object_update_new(told, json_pack("{s:s,s:s,s:s,s:i,s:b,s:I,s:I,s:I,s:i}", "id", p->id,
                                               "address", p->credentials.destination_account,
                                               "asset_code", p->asset_code, "asset_scale",
                                               (int)p->asset_scale, "completed", (int)p->completed,
                                               "incoming", (json_int_t)p->incoming_amount,
                                               "received", (json_int_t)p->received_amount,
                                               "expires_at", (json_int_t)p->expires_at_ms, "secret",
                                               (int)p->credentials.shared_secret[0]));
    json_dumpf(told, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(told);
    if (result->error == RILL_OK)
        go_on();
    else
        rill_op_receiver_free(receiver);
}

static uint64_t number(const json_t *options, const char *name, uint64_t otherwise)
{
    const json_t *value = json_object_get(options, name);
    return value ? (uint64_t)json_integer_value(value) : otherwise;
}

int main(int argc, char **argv)
{
    rill_loop *loop;
    rill_key *key;
    rill_signer signer;
    rill_op_options o;
    const char *problem;
    if (argc < 4)
        return 2;
    json_t *options = json_loads(argv[3], 0, NULL);
    if (rill_key_read(&key, argv[2]) != RILL_OK || rill_loop_new(&loop, NULL) != RILL_OK)
        return 2;
    rill_signer_of_key(&signer, key, json_string_value(json_object_get(options, "id")));
    rill_op_options_init(&o);
    o.signer = &signer;
    o.public_key = rill_key_public(key);
    o.wallet_address = json_string_value(json_object_get(options, "wallet_address"));
    o.metadata = json_string_value(json_object_get(options, "metadata"));
    o.amount = number(options, "amount", 0);
    o.expires_in_s = number(options, "expires_in", 0);
    o.timeout_ns = number(options, "timeout_ms", 30000) * RILL_MS;
    o.grant_timeout_ns = number(options, "grant_timeout_ms", 60000) * RILL_MS;
    next = argv + 4;
    int error = rill_op_receiver_new(&receiver, loop, argv[1], &o, on_done, NULL, &problem);
    if (error != RILL_OK)
        printf("{\"error\":\"%s\",\"problem\":\"%s\"}\n", rill_error_name(error), problem);
    json_decref(options); /* all was copied */
    if (rill_loop_run(loop) != RILL_OK || rill_loop_free(loop) != RILL_OK)
        return 3;
    rill_key_free(key);
    return 0;
}
