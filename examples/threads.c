/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads: one waits for orders on standard input, an amount a line; the other runs the loop
 * and pays them, one after the other, to a server such as server.c or `rill receive`.
 *
 *     server credentials.json
 *     printf '10\n20\n' | threads credentials.json
 *
 * What is made on a loop belongs to the thread that runs it: clients, connections and streams are
 * touched there and nowhere else. Other threads hand over what they want done by rill_loop_post,
 * the one function that any thread may call. A program with several loops, one a thread, needs no
 * more than this either.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <rill/credentials_file.h>
#include <rill/net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What one thread hands to the other, which frees it. */
typedef struct order {
    struct order *next;
    uint64_t amount;
} order;

/* Of the loop's thread, all of it. */
static order *first; /* what is to be paid still, in order */
static order **last = &first;
static bool no_more; /* orders come */
static bool over;    /* the connection is */
static rill_connection *connection;
static bool busy; /* with an order */
static int result;

/* ---- the loop's thread ---- */

static bool take_order(uint64_t *amount)
{
    order *o = first;
    if (!o)
        return false;
    *amount = o->amount;
    first = o->next;
    if (!first)
        last = &first;
    free(o);
    return true;
}

static void drop_orders(void)
{
    uint64_t amount;
    while (take_order(&amount)) {
        fprintf(stderr, "threads: %" PRIu64 " units are not paid\n", amount);
        result = 1;
    }
}

static void pay_next(void)
{
    uint64_t amount;
    rill_stream *stream;
    if (busy || !connection)
        return;
    if (take_order(&amount)) {
        busy = true;
        if (rill_connection_open_stream(connection, &stream) != RILL_OK ||
            rill_stream_send_total(stream, amount, RILL_NEVER) != RILL_OK)
            rill_connection_close(connection, RILL_CLOSE_INTERNAL_ERROR, NULL);
    } else if (no_more && rill_connection_end(connection) != RILL_OK) {
        rill_connection_close(connection, RILL_CLOSE_INTERNAL_ERROR, NULL);
    }
}

/* Also called when the connection is over, by rill_loop_free at the latest: nothing is lost. */
static void on_order(void *user)
{
    order *o = user;
    *last = o;
    last = &o->next;
    if (over)
        drop_orders();
    else
        pay_next();
}

static void on_no_more(void *user)
{
    (void)user;
    no_more = true;
    pay_next();
}

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)client;
    (void)user;
    connection = c;
    pay_next();
}

static void on_send_total_end(rill_stream *s, int error, void *user)
{
    (void)user;
    rill_stream_totals totals;
    rill_stream_get_totals(s, &totals);
    printf("paid %" PRIu64 " units%s\n", totals.sent, error == RILL_OK ? "" : " only");
    if (error != RILL_OK || rill_stream_end(s) != RILL_OK)
        result = 1;
    busy = false;
    pay_next();
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    (void)c;
    (void)end;
    (void)user;
    connection = NULL;
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK) {
        fprintf(stderr, "threads: %s\n", detail);
        result = 1;
    }
    over = true;
    drop_orders();
}

static void *run_loop(void *loop)
{
    rill_loop_run(loop);
    return NULL;
}

/* ---- the other thread ---- */

static bool hand_over(rill_loop *loop, uint64_t amount)
{
    order *o = malloc(sizeof *o);
    if (!o)
        return false;
    *o = (order){.amount = amount};
    if (rill_loop_post(loop, on_order, o) == RILL_OK)
        return true;
    free(o);
    return false;
}

static void read_orders(rill_loop *loop)
{
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        uint64_t amount;
        for (char *c = line; *c; c++) {
            if (*c == '\n')
                *c = '\0';
        }
        if (rill_amount_parse(line, &amount) != RILL_OK || amount == 0)
            fprintf(stderr, "threads: \"%s\" is not an amount\n", line);
        else if (!hand_over(loop, amount))
            fprintf(stderr, "threads: no memory for %s\n", line);
    }
}

int main(int argc, char **argv)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .client_ready = on_client_ready,
                                           .send_total_end = on_send_total_end,
                                           .connection_end = on_connection_end,
                                           .closed = on_closed};
    setvbuf(stdout, NULL, _IOLBF, 0);
    const char *file = argc > 1 ? argv[1] : "credentials.json";
    rill_credentials credentials;
    const char *problem = NULL;
    if (rill_credentials_load(&credentials, file, &problem) != RILL_OK) {
        fprintf(stderr, "threads: %s: %s\n", file, problem ? problem : strerror(errno));
        return 1;
    }

    rill_net_options options;
    rill_net_options_init(&options);
    options.handlers = &handlers;

    /* All of this happens before the loop runs. Until then it belongs to this thread. */
    rill_loop *loop;
    rill_client *client;
    pthread_t thread;
    problem = "no memory";
    if (rill_loop_new(&loop, NULL) != RILL_OK ||
        rill_client_open(&client, loop, &options, credentials.destination_account,
                         credentials.shared_secret, RILL_SHARED_SECRET_LEN, &problem) != RILL_OK ||
        pthread_create(&thread, NULL, run_loop, loop) != 0) {
        fprintf(stderr, "threads: %s\n", problem);
        return 1;
    }
    rill_credentials_wipe(&credentials);

    read_orders(loop);
    if (rill_loop_post(loop, on_no_more, NULL) != RILL_OK)
        fprintf(stderr, "threads: no memory\n");
    pthread_join(thread, NULL);
    /* The loop has ended, and belongs to this thread again. */
    rill_loop_free(loop);
    return result;
}
