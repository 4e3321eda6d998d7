/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Someone between a payer and a receiver who wants to know what was paid, and trusts neither: it
 * passes SPSP queries on to the receiver, each with a nonce and a secret of its own (STREAM
 * receipts), and credits what receipts prove. The money does not pass here.
 *
 *     rill receive --spsp 127.0.0.1:3000 --user alice &
 *     verifier http://127.0.0.1:3000/alice
 *
 * It says where it answers queries. Each line of standard input is a receipt in base64, as the
 * payer has it (rill_stream_get_receipt). It ends with the input.
 */
#include <inttypes.h>
#include <pthread.h>
#include <rill/receipt.h>
#include <rill/spsp.h>
#include <rill/spsp_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static rill_loop *loop;
static rill_spsp_server *server;
static rill_receipt_verifier *verifier;
static const char *receiver;
static uint64_t credited;

static uint64_t wall_ms(void)
{
    return rill_loop_now(loop).wall_ms;
}

/* ---- queries ---- */

typedef struct query {
    uint64_t id;
} query;

static void on_answer(const rill_spsp_result *result, void *user)
{
    query *q = user;
    int error = result->error;
    if (error == RILL_OK && !result->answer->receipts_enabled)
        error = RILL_ERR_UNSUPPORTED; /* who proves nothing is not paid by way of us */
    if (error == RILL_OK)
        error = rill_spsp_server_answer(server, q->id, &result->answer->credentials, true);
    if (error != RILL_OK) {
        fprintf(stderr, "verifier: %s\n",
                *result->problem ? result->problem : rill_strerror(error));
        (void)rill_spsp_server_refuse(server, q->id, error);
    }
    free(q);
}

static int pass_on(uint64_t query_id)
{
    uint8_t nonce[RILL_RECEIPT_NONCE_LEN];
    uint8_t secret[RILL_RECEIPT_SECRET_LEN];
    rill_spsp_query *asked;
    rill_spsp_query_options o;
    query *q = malloc(sizeof *q);
    if (!q)
        return RILL_ERR_NOMEM;
    q->id = query_id;
    int error = rill_receipt_verifier_begin(verifier, wall_ms(), nonce, secret);
    if (error == RILL_OK) {
        rill_spsp_query_options_init(&o);
        o.receipt_nonce = nonce;
        o.receipt_secret = secret;
        error = rill_spsp_query_start(&asked, loop, receiver, &o, on_answer, q, NULL);
    }
    rill_wipe(secret, sizeof secret);
    if (error != RILL_OK)
        free(q);
    return error;
}

static void on_asked(rill_spsp_server *s, uint64_t query_id, const rill_spsp_asked *asked,
                     void *user)
{
    (void)user;
    /* A payer who wants receipts for himself would have to be believed. */
    int error = asked->receipt_nonce ? RILL_ERR_REFUSED : pass_on(query_id);
    if (error != RILL_OK)
        (void)rill_spsp_server_refuse(s, query_id, error);
}

/* ---- receipts ---- */

static int digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* How many bytes of out are set. */
static size_t decode(const char *text, uint8_t out[RILL_RECEIPT_LEN])
{
    size_t len = 0;
    uint32_t bits = 0;
    for (size_t i = 0; digit(text[i]) >= 0 && len < RILL_RECEIPT_LEN; i++) {
        bits = bits << 6 | (uint32_t)digit(text[i]);
        if (i % 4 != 0)
            out[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return len;
}

static void on_line(void *user)
{
    char *line = user;
    uint8_t bytes[RILL_RECEIPT_LEN];
    rill_receipt receipt;
    uint64_t increase;
    size_t len = decode(line, bytes);
    int error = rill_receipt_verifier_credit(&receipt, &increase, verifier, wall_ms(),
                                             (rill_bytes){bytes, len});
    credited += increase;
    if (error != RILL_OK)
        printf("refused: %s\n", rill_strerror(error));
    else
        printf("credited %" PRIu64 " units, of %" PRIu64 " on stream %u; %" PRIu64 " in all\n",
               increase, receipt.total_received, (unsigned)receipt.stream_id, credited);
    fflush(stdout);
    free(line);
}

static void on_end(void *user)
{
    (void)user;
    rill_spsp_server_close(server);
    rill_loop_keep(loop, false);
}

/* Reading waits, so it is done in a thread. */
static void *read_lines(void *user)
{
    char text[256];
    (void)user;
    while (fgets(text, sizeof text, stdin)) {
        char *line = malloc(sizeof text);
        if (line)
            memcpy(line, text, sizeof text);
        if (!line || rill_loop_post(loop, on_line, line) != RILL_OK)
            free(line);
    }
    if (rill_loop_post(loop, on_end, NULL) != RILL_OK)
        abort(); /* without memory for this there is no end */
    return NULL;
}

int main(int argc, char **argv)
{
    static const rill_spsp_server_handlers handlers = {.size = sizeof handlers, .asked = on_asked};
    rill_spsp_server_options o;
    pthread_t reader;
    if (argc != 2) {
        fprintf(stderr, "usage: verifier RECEIVER\n");
        return 2;
    }
    receiver = argv[1];
    rill_spsp_server_options_init(&o);
    o.handlers = &handlers;
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        rill_receipt_verifier_new(&verifier, NULL) != RILL_OK ||
        rill_spsp_server_open(&server, loop, &o) != RILL_OK) {
        fprintf(stderr, "verifier: cannot start\n");
        return 1;
    }
    printf("verifier answers on http://127.0.0.1:%u\n", (unsigned)rill_spsp_server_port(server));
    fflush(stdout);
    rill_loop_keep(loop, true);
    if (pthread_create(&reader, NULL, read_lines, NULL) != 0)
        return 1;
    (void)rill_loop_run(loop);
    (void)pthread_join(reader, NULL);
    rill_loop_free(loop);
    rill_receipt_verifier_free(verifier);
    return 0;
}
