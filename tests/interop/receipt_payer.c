/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pays so many units on each of two streams, and says what receipts it has got: a line of base64
 * for each stream.
 *
 * usage: receipt_payer LINK ADDRESS SECRET AMOUNT
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rill/net.h>
#include <rill/rill.h>

#include "base/base64.h"

#define STREAMS 2

static uint64_t amount;

static void check(int error, const char *what)
{
    if (error == RILL_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, rill_strerror(error));
    exit(1);
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)client;
    (void)user;
    for (unsigned i = 0; i < STREAMS; i++) {
        rill_stream *s;
        check(rill_connection_open_stream(c, &s), "open");
        check(rill_stream_send_total(s, amount * (i + 1), RILL_NEVER), "send");
        check(rill_stream_end(s), "end");
    }
    check(rill_connection_end(c), "end");
}

static void on_stream_end(rill_stream *s, const rill_end *end, void *user)
{
    uint8_t receipt[RILL_RECEIPT_LEN];
    char text[RILL_BASE64_SIZE(RILL_RECEIPT_LEN)];
    (void)user;
    check(end->error, "stream");
    check(rill_stream_get_receipt(s, receipt), "receipt");
    (void)rill_base64_encode(receipt, sizeof receipt, text);
    puts(text);
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    check(error, detail);
}

int main(int argc, char **argv)
{
    static const rill_handlers handlers = {.size = sizeof handlers,
                                           .client_ready = on_ready,
                                           .stream_end = on_stream_end,
                                           .closed = on_closed};
    uint8_t secret[RILL_SHARED_SECRET_LEN];
    size_t len = 0;
    rill_loop *loop;
    rill_client *client;
    rill_net_options o;
    if (argc != 5 || rill_amount_parse(argv[4], &amount) != RILL_OK ||
        rill_base64_decode(argv[3], strlen(argv[3]), secret, sizeof secret, &len) != RILL_OK) {
        fputs("usage: receipt_payer LINK ADDRESS SECRET AMOUNT\n", stderr);
        return 2;
    }
    rill_net_options_init(&o);
    o.link_uri = argv[1];
    o.handlers = &handlers;
    check(rill_loop_new(&loop, NULL), "loop");
    check(rill_client_open(&client, loop, &o, argv[2], secret, len, NULL), "client");
    check(rill_loop_run(loop), "run");
    check(rill_loop_free(loop), "free");
    return 0;
}
