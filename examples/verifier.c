/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Someone between a payer and a receiver who wants to know what was paid, and trusts neither: it
 * passes SPSP queries on to the receiver, each with a nonce and a secret of its own (STREAM
 * receipts), and credits what receipts prove to balances, from which a shop spends. The money does
 * not pass here.
 *
 *     rill receive --spsp 127.0.0.1:3000 --user alice &
 *     verifier http://127.0.0.1:3000/alice 127.0.0.1 4000
 *
 * It ends with its standard input. It answers like the receipt-verifier of JavaScript:
 *
 *     GET  /any                         credentials, as of the receiver
 *     POST /balances/ID:creditReceipt   the body is a receipt in base64. 200, and the new balance;
 *                                       400: it proves nothing, or nothing more
 *     POST /balances/ID:spend           the body is an amount. 200, and the new balance;
 *                                       404: there is no such balance; 409: it is not enough
 *
 * Balances are in memory. Whoever reaches this port can spend: let only the shop reach that path.
 */
#include <inttypes.h>
#include <pthread.h>
#include <rill/receipt.h>
#include <rill/spsp.h>
#include <rill/spsp_server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BALANCES 10000
#define MAX_ID       64

static rill_loop *loop;
static rill_spsp_server *server;
static rill_receipt_verifier *verifier;
static rill_spsp_connections *connections;
static const char *receiver;
static unsigned asking; /* queries under way */
static bool ending;
static struct balance {
    char id[MAX_ID + 1];
    uint64_t units;
} balances[MAX_BALANCES];
static size_t balance_count;

static uint64_t wall_ms(void)
{
    return rill_loop_now(loop).wall_ms;
}

/* Once nobody is asked any more. */
static void end_connections(void)
{
    if (!ending || asking > 0)
        return;
    rill_spsp_connections_free(connections);
    connections = NULL;
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
    asking--;
    end_connections();
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
        o.connections = connections;
        error = rill_spsp_query_start(&asked, loop, receiver, &o, on_answer, q, NULL);
    }
    rill_wipe(secret, sizeof secret);
    if (error == RILL_OK)
        asking++;
    else
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
static size_t decode(rill_bytes text, uint8_t out[RILL_RECEIPT_LEN])
{
    size_t len = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.len && len < RILL_RECEIPT_LEN; i++) {
        int value = digit((char)text.data[i]);
        if (value < 0)
            break;
        bits = bits << 6 | (uint32_t)value;
        if (i % 4 != 0)
            out[len++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return len;
}

/* ---- balances ---- */

static struct balance *find(const char *id, bool make)
{
    for (size_t i = 0; i < balance_count; i++)
        if (strcmp(balances[i].id, id) == 0)
            return &balances[i];
    if (!make || balance_count == MAX_BALANCES)
        return NULL;
    struct balance *b = &balances[balance_count++];
    (void)snprintf(b->id, sizeof b->id, "%s", id);
    return b;
}

static unsigned credit(const char *id, rill_bytes body, char *out, size_t cap)
{
    uint8_t bytes[RILL_RECEIPT_LEN];
    uint64_t increase;
    size_t len = decode(body, bytes);
    struct balance *b = find(id, true);
    if (!b) {
        (void)snprintf(out, cap, "too many balances");
        return 503;
    }
    int error = rill_receipt_verifier_credit(NULL, &increase, verifier, wall_ms(),
                                             (rill_bytes){bytes, len});
    if (error != RILL_OK || increase == 0 || increase > UINT64_MAX - b->units) {
        bool old = error == RILL_OK || error == RILL_ERR_EXPIRED;
        (void)snprintf(out, cap, "%s", old ? "expired receipt" : "invalid receipt");
        return 400;
    }
    b->units += increase;
    (void)snprintf(out, cap, "%" PRIu64, b->units);
    return 200;
}

static unsigned spend(const char *id, rill_bytes body, char *out, size_t cap)
{
    char text[32] = "";
    uint64_t units;
    struct balance *b = find(id, false);
    if (body.len > 0 && body.len < sizeof text)
        memcpy(text, body.data, body.len);
    if (rill_amount_parse(text, &units) != RILL_OK) {
        (void)snprintf(out, cap, "invalid amount");
        return 400;
    }
    if (!b || units > b->units) {
        (void)snprintf(out, cap, "%s", b ? "insufficient balance" : "balance does not exist");
        return b ? 409 : 404;
    }
    b->units -= units;
    (void)snprintf(out, cap, "%" PRIu64, b->units);
    return 200;
}

static void on_posted(rill_spsp_server *s, uint64_t query_id, const rill_spsp_posted *posted,
                      void *user)
{
    static const char before[] = "/balances/";
    char id[MAX_ID + 1];
    char said[64] = "there is nothing here";
    unsigned status = 404;
    const char *from = posted->path + sizeof before - 1;
    const char *colon =
        strncmp(posted->path, before, sizeof before - 1) == 0 ? strchr(from, ':') : NULL;
    (void)user;
    if (colon && colon > from && colon - from <= MAX_ID) {
        (void)snprintf(id, sizeof id, "%.*s", (int)(colon - from), from);
        if (strcmp(colon, ":creditReceipt") == 0)
            status = credit(id, posted->body, said, sizeof said);
        else if (strcmp(colon, ":spend") == 0)
            status = spend(id, posted->body, said, sizeof said);
    }
    (void)!rill_spsp_server_reply(s, query_id, status, said); /* who has gone need not know */
}

/* ---- all of it ---- */

static void on_end(void *user)
{
    (void)user;
    ending = true;
    rill_spsp_server_close(server);
    end_connections();
    rill_loop_keep(loop, false);
}

/* Waiting for the end of standard input is done in a thread. */
static void *wait_for_end(void *user)
{
    (void)user;
    while (getchar() != EOF)
        continue;
    if (rill_loop_post(loop, on_end, NULL) != RILL_OK)
        abort(); /* without memory for this there is no end */
    return NULL;
}

int main(int argc, char **argv)
{
    static const rill_spsp_server_handlers handlers = {
        .size = sizeof handlers, .asked = on_asked, .posted = on_posted};
    rill_spsp_server_options o;
    pthread_t reader;
    if (argc != 2 && argc != 4) {
        fprintf(stderr, "usage: verifier RECEIVER [ADDRESS PORT]\n");
        return 2;
    }
    receiver = argv[1];
    rill_spsp_server_options_init(&o);
    o.handlers = &handlers;
    if (argc == 4) {
        o.host = argv[2];
        o.port = (uint16_t)strtoul(argv[3], NULL, 10);
    }
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        rill_receipt_verifier_new(&verifier, NULL) != RILL_OK ||
        rill_spsp_connections_new(&connections, loop, NULL, false) != RILL_OK ||
        rill_spsp_server_open(&server, loop, &o) != RILL_OK) {
        fprintf(stderr, "verifier: cannot start\n");
        return 1;
    }
    printf("verifier answers on http://%s:%u\n", o.host, (unsigned)rill_spsp_server_port(server));
    fflush(stdout);
    rill_loop_keep(loop, true);
    if (pthread_create(&reader, NULL, wait_for_end, NULL) != 0)
        return 1;
    (void)rill_loop_run(loop);
    (void)pthread_join(reader, NULL);
    rill_loop_free(loop);
    rill_receipt_verifier_free(verifier);
    return 0;
}
