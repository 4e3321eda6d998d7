/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads: one waits for orders on standard input, an amount a line; the other runs the loop
 * and pays them, one after the other, to a server such as server.c or `rill receive`.
 *
 *     server credentials.json
 *     printf '10\n20\n' | threads credentials.json
 *
 * What is made on a loop belongs to the thread that runs it: clients, connections and streams are
 * touched there and nowhere else. Other threads put what they want done into a queue behind a lock,
 * and uv_async_send, which any thread may call, wakes the loop to look into it. A program with
 * several loops, one a thread, needs no more than this either.
 */
#define _POSIX_C_SOURCE 200809L /* uv.h */

#include <inttypes.h>
#include <rill/net.h>
#include <stdio.h>
#include <uv.h>

#include "credentials.h"

#define MAX_ORDERS 64

/* What the two threads share, behind the lock. */
static struct {
    uv_mutex_t lock;
    uv_cond_t room; /* there is some again, or the loop has ended */
    uint64_t orders[MAX_ORDERS];
    size_t count;
    bool no_more; /* orders */
    bool gone;    /* the loop: nobody takes orders any more */
} queue;

/* Of the loop's thread, all of it; but uv_async_send(&wake) is for everybody while not gone. */
static uv_async_t wake;
static rill_connection *connection;
static bool busy; /* with an order */
static int result;

/* ---- the loop's thread ---- */

static bool take_order(uint64_t *amount, bool *no_more)
{
    uv_mutex_lock(&queue.lock);
    bool any = queue.count > 0;
    if (any) {
        *amount = queue.orders[0];
        queue.count--;
        for (size_t i = 0; i < queue.count; i++)
            queue.orders[i] = queue.orders[i + 1];
        uv_cond_signal(&queue.room);
    }
    *no_more = queue.no_more;
    uv_mutex_unlock(&queue.lock);
    return any;
}

static void pay_next(void)
{
    uint64_t amount;
    bool no_more;
    rill_stream *stream;
    if (busy || !connection)
        return;
    if (take_order(&amount, &no_more)) {
        busy = true;
        if (rill_connection_open_stream(connection, &stream) != RILL_OK ||
            rill_stream_send_total(stream, amount, RILL_NEVER) != RILL_OK)
            rill_connection_close(connection, RILL_CLOSE_INTERNAL_ERROR, NULL);
    } else if (no_more && rill_connection_end(connection) != RILL_OK) {
        rill_connection_close(connection, RILL_CLOSE_INTERNAL_ERROR, NULL);
    }
}

static void on_wake(uv_async_t *handle)
{
    (void)handle;
    pay_next();
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)client;
    (void)user;
    connection = c;
    pay_next();
}

static void on_sent(rill_stream *s, int error, void *user)
{
    (void)user;
    rill_stream_totals totals;
    rill_stream_totals_of(s, &totals);
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
    /* First nobody wakes the loop any more, then what wakes it goes. */
    uv_mutex_lock(&queue.lock);
    queue.gone = true;
    uv_cond_signal(&queue.room);
    uv_mutex_unlock(&queue.lock);
    uv_close((uv_handle_t *)&wake, NULL);
}

static void run_loop(void *loop)
{
    rill_loop_run(loop);
}

/* ---- the other thread ---- */

/* Waits while the queue is full; false once the loop has ended. */
static bool hand_over(uint64_t amount)
{
    uv_mutex_lock(&queue.lock);
    while (queue.count == MAX_ORDERS && !queue.gone)
        uv_cond_wait(&queue.room, &queue.lock);
    bool taken = !queue.gone;
    if (taken) {
        queue.orders[queue.count++] = amount;
        uv_async_send(&wake);
    }
    uv_mutex_unlock(&queue.lock);
    return taken;
}

static void hand_over_the_end(void)
{
    uv_mutex_lock(&queue.lock);
    queue.no_more = true;
    if (!queue.gone)
        uv_async_send(&wake);
    uv_mutex_unlock(&queue.lock);
}

static bool read_orders(void)
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
        else if (!hand_over(amount))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .ready = on_ready,
                                           .sent = on_sent,
                                           .connection_end = on_connection_end,
                                           .closed = on_closed};
    setvbuf(stdout, NULL, _IOLBF, 0);
    rill_credentials credentials;
    if (!load_credentials(argc > 1 ? argv[1] : "credentials.json", &credentials))
        return 1;

    rill_net_options options;
    rill_net_options_init(&options);
    options.handlers = &handlers;

    /* All of this before the loop runs: until then it belongs to this thread. */
    rill_loop *loop;
    rill_client *client;
    const char *problem = "no memory";
    uv_thread_t thread;
    if (uv_mutex_init(&queue.lock) != 0 || uv_cond_init(&queue.room) != 0 ||
        rill_loop_new(&loop, NULL) != RILL_OK ||
        uv_async_init(rill_loop_uv(loop), &wake, on_wake) != 0 ||
        rill_connect(&client, loop, &options, credentials.destination_account,
                     credentials.shared_secret, RILL_SHARED_SECRET_LEN, &problem) != RILL_OK ||
        uv_thread_create(&thread, run_loop, loop) != 0) {
        fprintf(stderr, "threads: %s\n", problem);
        return 1;
    }
    rill_credentials_wipe(&credentials);

    if (!read_orders())
        fprintf(stderr, "threads: the connection has ended\n");
    hand_over_the_end();
    uv_thread_join(&thread);
    /* The loop has ended, and belongs to this thread again. */
    rill_loop_free(loop);
    uv_cond_destroy(&queue.room);
    uv_mutex_destroy(&queue.lock);
    return result;
}
