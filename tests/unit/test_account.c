/* SPDX-License-Identifier: Apache-2.0 */
/* One account for many clients: payments beside each other, and every way in which it can end. */
#define _POSIX_C_SOURCE 200809L

#include "payment_world.h"
#include <rill/account.h>

#define MANY   8
#define ROUNDS 3
#define AMOUNT 1000

typedef struct scene {
    rill_account *account;
    rill_client *client;
    unsigned under_way, paid, failed, rounds, ready, closed;
    int error; /* of the last payment that failed, or of the client */
    int account_error;
    char detail[256]; /* so too */
    bool close_when_paying;
    uint64_t began;
    world *world;
} scene;

static scene s;
static unsigned many = MANY; /* payments at once */

static void on_account_closed(int error, const char *detail, void *user)
{
    (void)user;
    s.closed++;
    s.account_error = error;
    assert_non_null(detail);
    assert_null(s.client); /* it has been told before */
    s.account = NULL;
    end_world(s.world);
}

static void on_account_ready(rill_account *account, void *user)
{
    (void)user;
    s.ready++;
    assert_ptr_equal(account, s.account);
    assert_string_equal(rill_account_address(account), "private.rill.payer");
    assert_string_equal(rill_account_asset_code(account), "XRP");
    assert_int_equal(rill_account_asset_scale(account), 9);
}

static const rill_account_handlers account_handlers = {
    .size = sizeof(rill_account_handlers), .ready = on_account_ready, .closed = on_account_closed};

/* False: there was no memory. */
static bool open_account(world *w)
{
    const rill_account_handlers *h = &account_handlers;
    s.world = w;
    int error = rill_account_open(&s.account, w->loop, &w->net, h, NULL, NULL);
    if (error == RILL_OK) {
        w->net.account = s.account;
        return true;
    }
    assert_int_equal(error, RILL_ERR_NOMEM);
    s.error = error;
    end_world(w);
    return false;
}

/* ---- many payments ---- */

static void pay_many(world *w);

static void on_paid(int error, bool reached, const rill_pay_result *result, void *user)
{
    world *w = user;
    (void)reached;
    s.under_way--;
    if (error == RILL_OK) {
        s.paid++;
        assert_int_equal(result->sent, AMOUNT);
        assert_int_equal(result->data_acknowledged, w->options.data.len);
        assert_string_equal(result->source_asset_code, "XRP");
    } else {
        s.failed++;
        s.error = error;
        snprintf(s.detail, sizeof s.detail, "%s", result->detail);
    }
    if (s.under_way > 0 || !s.account)
        return;
    if (++s.rounds < ROUNDS && s.failed == 0)
        pay_many(w);
    else
        rill_account_close(s.account);
}

static bool on_progress(const rill_connection_stats *stats, const rill_stream_totals *totals,
                        void *user)
{
    (void)stats;
    (void)totals;
    (void)user;
    if (s.close_when_paying && s.account)
        rill_account_close(s.account);
    return true;
}

/* By credentials of its own. */
static int pay_one(world *w, const rill_payment_handlers *handlers)
{
    rill_payment *payment;
    bool counted = counting;
    counting = false; /* those of the receiver are not what is looked at */
    assert_int_equal(rill_server_generate_credentials(w->server, NULL, &w->credentials), RILL_OK);
    counting = counted;
    return rill_payment_start(&payment, w->loop, &w->options, handlers, NULL);
}

static void pay_many(world *w)
{
    const rill_payment_handlers handlers = {
        .size = sizeof handlers, .done = on_paid, .progress = on_progress, .user = w};
    for (unsigned i = 0; i < many; i++) {
        int error = pay_one(w, &handlers);
        if (error == RILL_OK) {
            s.under_way++;
            continue;
        }
        assert_true(fail_at > 0 && error == RILL_ERR_NOMEM);
        s.failed++;
    }
    if (s.under_way == 0)
        rill_account_close(s.account);
}

static void begin_with(world *w, uint64_t amount)
{
    if (!open_account(w))
        return;
    assert_string_equal(rill_account_address(s.account), "");
    w->options.amount = amount;
    pay_many(w); /* none waits for the account to be ready */
}

static void begin_many(world *w)
{
    begin_with(w, AMOUNT);
}

static void test_payments_share_a_link(void **state)
{
    world *w = *state;
    w->begin = begin_many;
    w->connection.min_rate = (rill_ratio){1, 1};
    run(w);
    assert_int_equal(s.paid, MANY * ROUNDS);
    assert_int_equal(s.failed, 0);
    assert_int_equal(w->received, MANY * ROUNDS * AMOUNT);
    assert_int_equal(s.ready, 1);
    assert_int_equal(s.closed, 1);
    assert_int_equal(s.account_error, RILL_OK);
}

/* The node counts what an account sent: IL-DCP once, and two packets for each payment. */
static void on_paid_count(int error, bool reached, const rill_pay_result *result, void *user)
{
    rill_node_account payer;
    world *w = user;
    assert_int_equal(rill_node_get_account(w->node, "payer", &payer), RILL_OK);
    assert_int_equal(payer.sessions, 1);
    if (s.under_way == 1) /* the last one */
        assert_int_equal(payer.packets_from, 1 + 2 * MANY);
    on_paid(error, reached, result, user);
}

static void begin_counted(world *w)
{
    const rill_payment_handlers handlers = {
        .size = sizeof handlers, .done = on_paid_count, .user = w};
    assert_true(open_account(w));
    w->options.amount = AMOUNT;
    w->connection.tell_address = false;
    for (unsigned i = 0; i < MANY; i++, s.under_way++)
        assert_int_equal(pay_one(w, &handlers), RILL_OK);
    s.rounds = ROUNDS; /* one is all */
}

static void test_no_packet_too_many(void **state)
{
    world *w = *state;
    w->begin = begin_counted;
    w->connection.min_rate = (rill_ratio){1, 1};
    run(w);
    assert_int_equal(s.paid, MANY);
}

/* Bytes have to arrive before the connection ends, and the end of the money does not end them. */
static void begin_with_bytes(world *w)
{
    static uint8_t bytes[60000]; /* a few packets, and the receiver has room for them */
    w->options.data = (rill_bytes){bytes, sizeof bytes};
    s.rounds = ROUNDS - 1;
    begin_many(w);
}

static void test_bytes_beside_money(void **state)
{
    world *w = *state;
    w->begin = begin_with_bytes;
    w->connection.min_rate = (rill_ratio){1, 1};
    run(w);
    assert_int_equal(s.paid, MANY);
    assert_int_equal(s.failed, 0);
}

/* ---- its end ---- */

/* More than can be paid, a unit a packet, before the first progress is told. */
static void begin_without_end(world *w)
{
    begin_with(w, 1000000000);
}

static void test_a_close_while_they_pay(void **state)
{
    world *w = *state;
    w->begin = begin_without_end;
    s.close_when_paying = true;
    w->connection.max_packet_amount = 1;
    run(w);
    assert_int_equal(s.failed, MANY);
    assert_int_equal(s.closed, 1);
}

static void begin_unreachable(world *w)
{
    w->net.link_uri = "btp+ws://x:y@127.0.0.1:1";
    w->net.connect_timeout_ns = 300 * RILL_MS;
    begin_many(w);
}

static void test_a_node_that_is_not_there(void **state)
{
    world *w = *state;
    w->begin = begin_unreachable;
    w->options.fail_fast = false;
    run(w);
    assert_int_equal(s.failed, MANY);
    assert_int_equal(s.error, RILL_ERR_CONNECT);
    assert_true(*s.detail != '\0');
    assert_int_equal(s.account_error, RILL_ERR_CONNECT);
    assert_int_equal(s.ready, 0);
}

/* Each hears of the link, as if it were its own. */
static void test_a_node_that_is_not_there_at_first(void **state)
{
    world *w = *state;
    w->begin = begin_unreachable;
    run(w);
    assert_int_equal(s.failed, MANY);
    assert_int_equal(s.error, RILL_ERR_CONNECT);
}

/* ---- a client ---- */

static void on_client_closed(int error, const char *detail, void *user)
{
    (void)user;
    (void)detail;
    s.error = error;
    s.under_way--;
    s.client = NULL;
    if (s.account)
        rill_account_close(s.account);
}

static void on_client_ready(rill_client *client, rill_connection *c, void *user)
{
    (void)user;
    assert_ptr_equal(rill_client_connection(client), c);
    assert_string_equal(rill_client_address(client), "private.rill.payer");
    s.ready++;
    rill_client_close(client);
    rill_client_close(client);
}

static const rill_handlers client_handlers = {
    .size = sizeof(rill_handlers), .client_ready = on_client_ready, .closed = on_client_closed};

static int open_client(world *w, const char *destination)
{
    if (!w->net.handlers)
        w->net.handlers = &client_handlers;
    return rill_client_open(&s.client, w->loop, &w->net, destination, w->credentials.shared_secret,
                            32, NULL);
}

static void begin_closed_early(world *w)
{
    assert_true(open_account(w));
    assert_int_equal(open_client(w, w->credentials.destination_account), RILL_OK);
    s.under_way++;
    rill_client_close(s.client);
    assert_non_null(s.client); /* told from the loop alone */
}

static void test_a_client_closed_before_it_is_ready(void **state)
{
    world *w = *state;
    w->begin = begin_closed_early;
    run(w);
    assert_int_equal(s.error, RILL_OK);
    assert_null(s.client);
    assert_int_equal(s.ready, 0);
}

/* A node that passes packets on to somebody who never answers. */
static void begin_no_answer(world *w)
{
    assert_true(open_account(w));
    assert_int_equal(open_client(w, "private.rill.nobody.there"), RILL_OK);
    s.under_way++;
}

static void test_a_client_that_closes_at_once(void **state)
{
    world *w = *state;
    w->begin = begin_no_answer;
    run(w);
    assert_int_equal(s.ready, 2); /* the account, and the client */
    assert_null(s.client);
}

static void begin_refusals(world *w)
{
    rill_loop *other;
    rill_account *second;
    rill_server *server;
    const char *problem = NULL;
    rill_net_options bad = w->net;
    assert_true(open_account(w));
    bad.account = s.account;
    assert_int_equal(rill_server_open(&server, w->loop, &bad, &problem), RILL_ERR_INVALID);
    assert_string_equal(problem, "an account is for clients");
    assert_int_equal(rill_account_open(&second, w->loop, &bad, NULL, NULL, &problem),
                     RILL_ERR_INVALID);
    assert_string_equal(problem, "an account is not opened on another one");
    bad.account = NULL;
    bad.size = 1;
    assert_int_equal(rill_account_open(&second, w->loop, &bad, NULL, NULL, &problem),
                     RILL_ERR_INVALID);
    bad.size = sizeof bad;
    bad.link_uri = "nonsense";
    assert_int_equal(rill_account_open(&second, w->loop, &bad, NULL, NULL, NULL), RILL_ERR_URI);
    assert_int_equal(open_client(w, "not an address"), RILL_ERR_ADDRESS);
    assert_int_equal(rill_loop_new(&other, NULL), RILL_OK);
    assert_int_equal(
        rill_client_open(&s.client, other, &w->net, "g.a", (const uint8_t *)"x", 1, &problem),
        RILL_ERR_INVALID);
    assert_string_equal(problem, "the account is on another loop");
    rill_loop_free(other);
    /* A call that waits has a loop of its own. */
    rill_pay_result result;
    w->options.amount = 1;
    assert_int_equal(rill_pay(&w->options, &result), RILL_ERR_INVALID);
    rill_account_close(s.account);
    rill_account_close(s.account);
    assert_int_equal(open_client(w, "g.a"), RILL_ERR_CLOSED);
}

static void test_refusals(void **state)
{
    world *w = *state;
    w->begin = begin_refusals;
    run(w);
    assert_int_equal(s.closed, 1);
    assert_int_equal(s.account_error, RILL_OK);
}

/* A receiver that never answers is not waited for: a client's close takes a second. */
static void on_mute_prepare(rill_link *l, uint64_t id, const uint8_t *packet, size_t len,
                            void *user)
{
    (void)l;
    (void)id;
    (void)packet;
    (void)len;
    (void)user;
    if (!s.client || s.began != 0)
        return;
    s.began = uv_hrtime();
    rill_client_close(s.client);
}

static rill_link *mute;

static void on_mute_up(rill_link *l, void *user)
{
    world *w = user;
    (void)l;
    assert_true(open_account(w));
    assert_int_equal(open_client(w, "private.rill.mute.there"), RILL_OK);
    s.under_way++;
}

static void on_mute_down(rill_link *l, int error, const char *detail, bool final, void *user)
{
    (void)l;
    (void)error;
    (void)detail;
    (void) final;
    (void)user;
}

static void on_mute_reply(rill_link *l, uint64_t id, const uint8_t *packet, size_t len, void *user)
{
    (void)l;
    (void)id;
    (void)packet;
    (void)len;
    (void)user;
}

static void on_mute_unanswered(rill_link *l, uint64_t id, int error, bool sent, void *user)
{
    (void)l;
    (void)id;
    (void)error;
    (void)sent;
    (void)user;
}

static void on_mute_writable(rill_link *l, void *user)
{
    (void)l;
    (void)user;
}

static void begin_mute(world *w)
{
    static const rill_link_handlers handlers = {.size = sizeof handlers,
                                                .up = on_mute_up,
                                                .down = on_mute_down,
                                                .prepare = on_mute_prepare,
                                                .reply = on_mute_reply,
                                                .unanswered = on_mute_unanswered,
                                                .writable = on_mute_writable,
                                                .closed = on_mute_writable};
    char uri[300];
    snprintf(uri, sizeof uri, "btp+ws://mute:token@%s", strstr(w->uri, "://") + 3);
    assert_int_equal(rill_link_open(&mute, w->loop, uri, NULL, &handlers, w, NULL), RILL_OK);
}

static void on_mute_client_closed(int error, const char *detail, void *user)
{
    uint64_t took = uv_hrtime() - s.began;
    /* A second, and what a busy machine adds; the connection itself would wait for five. */
    assert_true(s.began != 0 && took > 900 * RILL_MS && took < 4 * RILL_SECOND);
    rill_link_close(mute);
    on_client_closed(error, detail, user);
}

static void on_mute_client_ready(rill_client *client, rill_connection *c, void *user)
{
    rill_stream *stream;
    assert_int_equal(rill_connection_open_stream(c, &stream), RILL_OK);
    assert_int_equal(rill_stream_send_total(stream, 5, RILL_NEVER), RILL_OK);
    (void)client;
    (void)user;
}

static void test_a_receiver_that_never_answers(void **state)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .client_ready = on_mute_client_ready,
                                           .closed = on_mute_client_closed};
    world *w = *state;
    w->begin = begin_mute;
    w->net.handlers = &handlers;
    run(w);
    assert_null(s.client);
}

/* ---- without memory ---- */

static int play(unsigned long at)
{
    void *state;
    fail_at = at;
    many = 2;
    s.rounds = ROUNDS - 1;
    (void)set_up(&state);
    world *w = state;
    w->begin = begin_many;
    w->connection.packet_lifetime_ns = 2 * RILL_SECOND;
    w->connection.connect_timeout_ns = 3 * RILL_SECOND;
    w->connection.min_rate = (rill_ratio){1, 1};
    w->options.timeout_ns = 5 * RILL_SECOND;
    run(w);
    bool good = s.under_way == 0 && s.client == NULL &&
                (s.failed > 0 || s.error != RILL_OK || s.paid == many);
    int code = verdict(good, at, s.paid == many);
    (void)tear_down(&state);
    return code;
}

static void test_without_memory(void **state)
{
    (void)state;
    fail_each_allocation(play);
}

static int begin_scene(void **state)
{
    s = (scene){0};
    return set_up(state);
}

#define SCENE_TEST(f) cmocka_unit_test_setup_teardown(f, begin_scene, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SCENE_TEST(test_payments_share_a_link),
        SCENE_TEST(test_no_packet_too_many),
        SCENE_TEST(test_bytes_beside_money),
        SCENE_TEST(test_a_close_while_they_pay),
        SCENE_TEST(test_a_node_that_is_not_there),
        SCENE_TEST(test_a_node_that_is_not_there_at_first),
        SCENE_TEST(test_a_client_closed_before_it_is_ready),
        SCENE_TEST(test_a_client_that_closes_at_once),
        SCENE_TEST(test_refusals),
        SCENE_TEST(test_a_receiver_that_never_answers),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
