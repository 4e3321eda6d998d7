/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole payments: a query of SPSP, a connection, one packet of money, its close. The receiver is a
 * process with a node, a STREAM server and an SPSP server; the payer is another one, and keeps its
 * account and its connections to the SPSP server.
 *
 * usage: bench_payment receive
 *        bench_payment pay LINK URL COUNT AT_ONCE
 * The receiver prints the port of its node and that of its SPSP server, whose receiver is /alice.
 * The payer makes AT_ONCE payments to warm up, and then COUNT, AT_ONCE of them at a time. It
 * prints "seconds" for all of them together, and "cpu", the processor seconds of its process.
 */
#include <string.h>

#include "clock.h"
#include "rill/account.h"
#include "rill/node.h"
#include "rill/payment.h"
#include "rill/spsp.h"
#include "rill/spsp_server.h"

#define AMOUNT 1000

static rill_loop *loop;

/* ---- the receiver ---- */

static rill_spsp_server *spsp;
static rill_node_port *port;

static void on_server_ready(rill_server *server, void *user)
{
    rill_spsp_server_options options;
    (void)user;
    rill_spsp_server_options_init(&options);
    options.server = server;
    bench_check(rill_spsp_server_open(&spsp, loop, &options), "rill_spsp_server_open");
    bench_check(rill_spsp_server_add(spsp, "/alice", "alice"), "rill_spsp_server_add");
    printf("listening %u %u\n", rill_node_port_number(port), rill_spsp_server_port(spsp));
    fflush(stdout);
}

static void receive(void)
{
    static const rill_node_handlers node_handlers = {.size = sizeof(rill_node_handlers)};
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_server_ready};
    rill_node_port_options options;
    rill_net_options net;
    rill_node *node;
    rill_server *server;
    char uri[128];
    rill_node_port_options_init(&options);
    options.http = true;
    bench_check(rill_node_open(&node, loop, NULL, &node_handlers, NULL, NULL), "rill_node_open");
    bench_check(rill_node_listen(&port, node, &options, NULL), "rill_node_listen");
    snprintf(uri, sizeof uri, "btp+ws://receiver:token@127.0.0.1:%u", rill_node_port_number(port));
    rill_net_options_init(&net);
    net.link_uri = uri;
    net.handlers = &handlers;
    bench_check(rill_server_open(&server, loop, &net, NULL), "rill_server_open");
}

/* ---- the payer ---- */

static rill_account *account;
static rill_spsp_connections *connections;
static rill_connection_options connection_options;
static const char *url;
static unsigned long count, begun, done, at_once, warm;
static uint64_t started, ended;

static void begin(void);

static void on_paid(int error, bool reached, const rill_pay_result *result, void *user)
{
    (void)reached;
    (void)user;
    if (error != RILL_OK || result->delivered != AMOUNT) {
        fprintf(stderr, "a payment failed: %d %s\n", error, result->detail);
        exit(1);
    }
    if (++warm <= at_once) {
        if (warm < at_once)
            return;
        started = bench_ns(CLOCK_MONOTONIC);
        for (unsigned long i = 0; i < at_once; i++)
            begin();
        return;
    }
    if (++done < count) {
        begin();
        return;
    }
    ended = bench_ns(CLOCK_MONOTONIC);
    rill_spsp_connections_free(connections);
    rill_account_close(account);
}

static void on_credentials(const rill_spsp_result *result, void *user)
{
    static const rill_payment_handlers handlers = {.size = sizeof(rill_payment_handlers),
                                                   .done = on_paid};
    rill_net_options net;
    rill_pay_options options;
    rill_payment *payment;
    (void)user;
    if (result->error != RILL_OK) {
        fprintf(stderr, "SPSP: %s\n", result->problem);
        exit(1);
    }
    const rill_credentials *c = &result->answer->credentials;
    rill_net_options_init(&net);
    net.account = account;
    net.connection = &connection_options;
    rill_pay_options_init(&options);
    options.net = &net;
    options.destination_account = c->destination_account;
    options.shared_secret = c->shared_secret;
    options.secret_len = sizeof c->shared_secret;
    options.amount = AMOUNT;
    bench_check(rill_payment_start(&payment, loop, &options, &handlers, NULL),
                "rill_payment_start");
}

static void begin(void)
{
    rill_spsp_query *query;
    rill_spsp_query_options options;
    if (warm >= at_once && begun++ >= count)
        return;
    rill_spsp_query_options_init(&options);
    options.connections = connections;
    bench_check(rill_spsp_query_start(&query, loop, url, &options, on_credentials, NULL, NULL),
                "rill_spsp_query_start");
}

static void on_account_ready(rill_account *a, void *user)
{
    (void)a;
    (void)user;
    for (unsigned long i = 0; i < at_once; i++)
        begin();
}

static void on_account_closed(int error, const char *detail, void *user)
{
    (void)user;
    if (error != RILL_OK) {
        fprintf(stderr, "the account: %s\n", detail);
        exit(1);
    }
}

static void pay(char **argv)
{
    static const rill_account_handlers handlers = {.size = sizeof(rill_account_handlers),
                                                   .ready = on_account_ready,
                                                   .closed = on_account_closed};
    rill_net_options net;
    const char *problem = "";
    rill_net_options_init(&net);
    net.link_uri = argv[2];
    url = argv[3];
    count = (unsigned long)bench_number(argv[4]);
    at_once = (unsigned long)bench_number(argv[5]);
    rill_connection_options_init(&connection_options);
    connection_options.min_rate = (rill_ratio){1, 1};
    connection_options.tell_address = false;
    bench_check(rill_spsp_connections_new(&connections, loop, NULL, false),
                "rill_spsp_connections_new");
    bench_check(rill_account_open(&account, loop, &net, &handlers, NULL, &problem), problem);
}

int main(int argc, char **argv)
{
    bool paying = argc == 6 && strcmp(argv[1], "pay") == 0;
    if (!paying && !(argc == 2 && strcmp(argv[1], "receive") == 0))
        return 2;
    bench_check(rill_loop_new(&loop, NULL), "rill_loop_new");
    if (paying)
        pay(argv);
    else
        receive();
    rill_loop_run(loop);
    if (paying) {
        bench_figure("seconds", (double)(ended - started) / 1e9);
        bench_figure("cpu", (double)bench_cpu_ns() / 1e9);
    }
    rill_loop_free(loop);
    return paying && ended == 0;
}
