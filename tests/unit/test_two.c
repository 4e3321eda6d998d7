/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two of everything on one loop (src/run), in virtual time: servers, clients, payments of one
 * connection, with handlers that take seconds. A node (support/wire_node.h) keeps the books.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "io/loop.h"
#include "support/wire_node.h"

#include <rill/net.h>

#define LIMIT  (UINT64_C(1200) * RILL_SECOND) /* of virtual time */
#define AMOUNT 3000                           /* of each payment, mostly */

enum { SERVERS = 2, CLIENTS = 2, PAYMENTS = 2 };

typedef struct payee {
    rill_server *server; /* NULL: none, or gone */
    rill_credentials credentials;
    bool listens;
    uint64_t credited;
} payee;

typedef struct payer {
    rill_client *client;
    uint64_t amount; /* of each payment */
    uint64_t sent, in_doubt;
    unsigned told; /* payments that ended */
    unsigned paid; /* with RILL_OK */
    int error;     /* of its connection */
    bool ended_another;
    bool over;
} payer;

static wire_node node;
static rill_loop *loop;
static payee payees[SERVERS];
static payer payers[CLIENTS];
static uint64_t blocks; /* every handler takes so long */
static bool inside;

static void enter(void)
{
    assert_false(inside);
    inside = true;
    if (blocks != 0)
        fake_uv_advance(blocks);
}

static void leave(void)
{
    inside = false;
}

/* ---- handlers ---- */

static void on_listening(rill_server *server, void *user)
{
    payee *p = user;
    enter();
    assert_int_equal(rill_server_generate_credentials(server, NULL, &p->credentials), RILL_OK);
    p->listens = true;
    leave();
}

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    (void)s;
    enter();
    ((payee *)user)->credited += amount;
    leave();
}

static void on_server_closed(int error, const char *detail, void *user)
{
    (void)detail;
    enter();
    assert_int_equal(error, RILL_OK);
    ((payee *)user)->server = NULL;
    leave();
}

static void on_ready(rill_client *client, rill_connection *c, void *user)
{
    payer *p = user;
    enter();
    p->client = client;
    for (unsigned i = 0; i < PAYMENTS; i++) {
        rill_stream *s;
        assert_int_equal(rill_connection_open_stream(c, &s), RILL_OK);
        assert_int_equal(rill_stream_send_total(s, p->amount, RILL_NEVER), RILL_OK);
    }
    leave();
}

static void on_sent(rill_stream *s, int error, void *user)
{
    payer *p = user;
    enter();
    p->paid += error == RILL_OK;
    if (++p->told == PAYMENTS)
        (void)!rill_connection_end(rill_stream_connection(s));
    leave();
}

static void on_connection_end(rill_connection *c, const rill_end *end, void *user)
{
    payer *p = user;
    rill_connection_stats stats;
    enter();
    rill_connection_get_stats(c, &stats);
    p->sent = stats.sent;
    p->in_doubt = stats.in_flight;
    p->ended_another = stats.ended_another;
    p->error = end->error;
    leave();
}

static void on_client_closed(int error, const char *detail, void *user)
{
    payer *p = user;
    (void)error;
    (void)detail;
    enter();
    assert_int_equal(p->told, PAYMENTS);
    p->over = true;
    p->client = NULL;
    leave();
}

/* ---- the world ---- */

static void listen_at(unsigned i)
{
    static const char *const links[SERVERS] = {"btp+ws://:0@node", "btp+ws://:2@node"};
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_listening,
                                           .money = on_money,
                                           .closed = on_server_closed};
    rill_net_options o;
    rill_net_options_init(&o);
    o.link_uri = links[i];
    o.handlers = &handlers;
    o.user = &payees[i];
    assert_int_equal(rill_server_open(&payees[i].server, loop, &o, NULL), RILL_OK);
}

static void pay(unsigned i, const payee *to)
{
    static const char *const links[CLIENTS] = {"btp+ws://:1@node", "btp+ws://:3@node"};
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .client_ready = on_ready,
                                           .send_total_end = on_sent,
                                           .connection_end = on_connection_end,
                                           .closed = on_client_closed};
    rill_net_options o;
    rill_net_options_init(&o);
    o.link_uri = links[i];
    o.handlers = &handlers;
    o.user = &payers[i];
    rill_connection_options connection;
    rill_connection_options_init(&connection);
    connection.max_packet_amount = 100;
    connection.min_rate = (rill_ratio){1, 1};
    o.connection = &connection;
    assert_int_equal(
        rill_client_open(&payers[i].client, loop, &o, to->credentials.destination_account,
                         to->credentials.shared_secret, sizeof to->credentials.shared_secret, NULL),
        RILL_OK);
}

static void turn(void)
{
    wire_node_step(&node);
    fake_uv_turn(rill_loop_uv(loop));
    uint64_t next = fake_uv_deadline();
    if (wire_node_deadline(&node) < next)
        next = wire_node_deadline(&node);
    if (next > fake_uv_now() && next != RILL_NEVER)
        fake_uv_advance(next - fake_uv_now());
}

static void begin(unsigned servers, uint64_t blocking)
{
    memset(payees, 0, sizeof payees);
    memset(payers, 0, sizeof payers);
    payers[0].amount = payers[1].amount = AMOUNT;
    blocks = blocking;
    fake_uv_reset();
    assert_int_equal(rill_loop_new(&loop, NULL), RILL_OK);
    wire_node_open(&node, loop);
    uint64_t until = fake_uv_now() + LIMIT;
    for (unsigned i = 0; i < servers; i++) {
        listen_at(i);
        while (!payees[i].listens) {
            assert_true(fake_uv_now() < until);
            turn();
        }
    }
}

static void end(void)
{
    uint64_t until = fake_uv_now() + LIMIT;
    while (!payers[0].over || !payers[1].over) {
        assert_true(fake_uv_now() < until);
        turn();
    }
    for (unsigned i = 0; i < SERVERS; i++)
        if (payees[i].server != NULL)
            rill_server_close(payees[i].server);
    while (payees[0].server != NULL || payees[1].server != NULL) {
        assert_true(fake_uv_now() < until);
        turn();
    }
    uint64_t in_doubt = payers[0].in_doubt + payers[1].in_doubt;
    uint64_t sent = payers[0].sent + payers[1].sent;
    uint64_t credited = payees[0].credited + payees[1].credited;
    assert_int_equal(credited, node.sides[0].paid_in + node.sides[2].paid_in);
    assert_int_equal(node.sides[0].late + node.sides[2].late, 0);
    assert_true(sent <= credited && credited <= sent + in_doubt);
    wire_node_close(&node);
    rill_loop_free(loop);
    assert_int_equal(fake_uv_handles(), 0);
}

static void all_paid(unsigned i)
{
    assert_int_equal(payers[i].paid, PAYMENTS);
    assert_int_equal(payers[i].sent, PAYMENTS * AMOUNT);
    assert_int_equal(payers[i].error, RILL_OK);
}

/* ---- the tests ---- */

static void test_two_clients_of_one_server(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        begin(1, slow * RILL_SECOND / 5);
        rill_credentials first = payees[0].credentials;
        pay(0, &payees[0]);
        assert_int_equal(
            rill_server_generate_credentials(payees[0].server, NULL, &payees[0].credentials),
            RILL_OK);
        assert_string_not_equal(first.destination_account,
                                payees[0].credentials.destination_account);
        pay(1, &payees[0]);
        end();
        all_paid(0);
        all_paid(1);
        assert_int_equal(payees[0].credited, 2 * PAYMENTS * AMOUNT);
    }
}

static void test_two_servers_and_two_clients(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        begin(2, slow * RILL_SECOND / 5);
        pay(0, &payees[0]);
        pay(1, &payees[1]);
        end();
        all_paid(0);
        all_paid(1);
        assert_int_equal(payees[0].credited, PAYMENTS * AMOUNT);
        assert_int_equal(payees[1].credited, PAYMENTS * AMOUNT);
    }
}

/* One file is for one payer: both learn what happened, and nobody's money is lost or paid twice. */
static void test_two_clients_with_one_file(void **state)
{
    (void)state;
    for (unsigned slow = 0; slow < 2; slow++) {
        begin(1, slow * RILL_SECOND / 5);
        payers[0].amount = 100 * AMOUNT; /* it is not done when the other one comes */
        pay(0, &payees[0]);
        while (payees[0].credited == 0)
            turn();
        pay(1, &payees[0]);
        end();
        all_paid(1);
        assert_int_equal(payers[0].error, RILL_ERR_REMOTE);
        assert_false(payers[0].ended_another);
        assert_true(payers[1].ended_another);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_clients_of_one_server),
        cmocka_unit_test(test_two_servers_and_two_clients),
        cmocka_unit_test(test_two_clients_with_one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
