/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes and the payments that they become, over loopback: receiver, node and payer are on one
 * loop.
 */
#define _POSIX_C_SOURCE 200809L

#include "payment_world.h"

static void give_up(world *w)
{
    rill_quote_close(w->quote);
}

static void test_nothing_is_paid(void **state)
{
    world *w = *state;
    w->decide = give_up;
    w->accepted.default_receive_max = 777;
    run(w);
    assert_true(w->done && w->quotes == 1);
    assert_int_equal(w->error, RILL_ERR_CANCELLED);
    assert_int_equal(w->result.reason, RILL_REASON_CANCELLED);
    assert_int_equal(w->received, 0);
    assert_int_equal(w->result.sent, 0);
    assert_true(w->path.low_rate.num == w->path.low_rate.den);
    assert_true(w->path.high_rate.num > w->path.high_rate.den);
    assert_int_equal(w->path.receive_max, 777);
    assert_string_equal(w->path.source_asset_code, "XRP");
    assert_string_equal(w->path.destination_asset_code, "XRP");
    assert_int_equal(w->path.destination_asset_scale, 9);
}

/* Before it is quoted there is nothing to pay by. */
static void too_early(world *w)
{
    const rill_quote_terms terms = {
        .size = sizeof terms, .max_source = 1, .min_delivery = 1, .min_rate = {1, 1}};
    ask(w);
    assert_int_equal(rill_quote_pay(&w->payment, w->quote, &terms, NULL, pay_handlers(w, false)),
                     RILL_ERR_STATE);
    rill_quote_close(w->quote);
}

static void test_closed_before_it_is_quoted(void **state)
{
    world *w = *state;
    w->begin = too_early;
    w->decide = give_up;
    run(w);
    assert_true(w->done);
    assert_int_equal(w->error, RILL_ERR_CANCELLED);
    assert_int_equal(w->quotes, 0);
}

/* Once it is given up it pays nothing, although it was quoted. */
static void too_late(world *w)
{
    const rill_quote_terms terms = {
        .size = sizeof terms, .max_source = 1, .min_delivery = 1, .min_rate = {1, 1}};
    rill_quote_close(w->quote);
    assert_int_equal(rill_quote_pay(&w->payment, w->quote, &terms, NULL, pay_handlers(w, false)),
                     RILL_ERR_CLOSED);
}

static void test_closed_before_it_pays(void **state)
{
    world *w = *state;
    w->decide = too_late;
    run(w);
    assert_int_equal(w->error, RILL_ERR_CANCELLED);
    assert_int_equal(w->quotes, 1);
    assert_int_equal(w->received, 0);
}

static void pay(world *w)
{
    rill_reason reason;
    int error = rill_quote_find_terms(&w->terms, &w->path, &w->wanted, &reason);
    assert_int_equal(error, RILL_OK);
    assert_int_equal(
        rill_quote_pay(&w->payment, w->quote, &w->terms, NULL, pay_handlers(w, w->saves == 0)),
        RILL_OK);
}

static void on_decided(uv_timer_t *timer)
{
    world *w = timer->data;
    uv_close((uv_handle_t *)timer, NULL);
    pay(w);
}

/* A person takes a moment. */
static void pay_later(world *w)
{
    uv_timer_init(rill_loop_uv(w->loop), &w->timer);
    w->timer.data = w;
    uv_timer_start(&w->timer, on_decided, 300, 0);
}

static void test_paid_by_its_terms(void **state)
{
    world *w = *state;
    w->decide = pay_later;
    w->wanted.source_amount = 123456;
    w->options.timeout_ns = 250 * RILL_MS; /* for asking alone */
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->result.sent, 123456);
    assert_int_equal(w->received, 123456);
    assert_int_equal(w->result.max_source, 123456);
    assert_int_equal(w->result.min_delivery, w->terms.min_delivery);
    assert_true(w->state.complete);
}

static void refuse(world *w)
{
    rill_quote_terms t = {.size = sizeof t, .max_source = 1, .min_delivery = 1, .min_rate = {1, 1}};
    rill_quote_terms wrong = t;
    const rill_payment_handlers *h = pay_handlers(w, false);
    rill_payment_handlers none = *h;
    rill_payment *p;
    wrong.max_source = 0;
    assert_int_equal(rill_quote_pay(&p, w->quote, &wrong, NULL, h), RILL_ERR_INVALID);
    wrong = t;
    wrong.min_delivery = 0;
    assert_int_equal(rill_quote_pay(&p, w->quote, &wrong, NULL, h), RILL_ERR_INVALID);
    wrong = t;
    wrong.min_rate.num = 0;
    assert_int_equal(rill_quote_pay(&p, w->quote, &wrong, NULL, h), RILL_ERR_INVALID);
    wrong = t;
    wrong.size = 0;
    assert_int_equal(rill_quote_pay(&p, w->quote, &wrong, NULL, h), RILL_ERR_INVALID);
    none.done = NULL;
    assert_int_equal(rill_quote_pay(&p, w->quote, &t, NULL, &none), RILL_ERR_INVALID);
    w->wanted.source_amount = 1; /* it is still a quote */
    pay(w);
}

static void test_terms_that_are_none(void **state)
{
    world *w = *state;
    w->decide = refuse;
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 1);
}

static void pay_at_twice_the_rate(world *w)
{
    const rill_quote_terms t = {
        .size = sizeof t, .max_source = 1000, .min_delivery = 1, .min_rate = {2, 1}};
    assert_int_equal(rill_quote_pay(&w->payment, w->quote, &t, NULL, pay_handlers(w, false)),
                     RILL_OK);
}

/* They are the caller's: a path that does not keep their minimum rate gets nothing. */
static void test_terms_that_no_path_keeps(void **state)
{
    world *w = *state;
    w->decide = pay_at_twice_the_rate;
    run(w);
    assert_int_equal(w->error, RILL_ERR_RATE);
    assert_int_equal(w->result.sent, 0);
    assert_int_equal(w->received, 0);
}

static void test_delivered_by_its_terms(void **state)
{
    world *w = *state;
    w->decide = pay;
    w->wanted.deliver_amount = 5000;
    w->connection.max_packet_amount = PACKET;
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 5000);
    assert_int_equal(w->result.delivered, 5000);
    assert_true(w->terms.max_source > 5000);
}

/* A receiver that waits for so much takes no more. */
static void test_delivered_without_a_quote(void **state)
{
    world *w = *state;
    w->begin = start;
    w->options.deliver = 777;
    w->accepted.default_receive_max = 777;
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 777);
    assert_int_equal(w->result.sent, 777);
    assert_int_equal(w->result.max_source, 785); /* 777 / 0.99 */
    assert_true(w->state.complete && w->state.deliver == 777);
}

static void test_not_delivered_where_it_cannot_be(void **state)
{
    world *w = *state;
    w->begin = start;
    w->options.deliver = 1000;
    w->options.amount = 900;
    run(w);
    assert_int_equal(w->error, RILL_ERR_RANGE);
    assert_int_equal(w->result.reason, RILL_REASON_SOURCE_MAX);
    assert_string_equal(w->result.detail, rill_reason_text(RILL_REASON_SOURCE_MAX));
    assert_int_equal(w->received, 0);
    assert_int_equal(w->saves, 0);
}

static void test_the_receivers_own_words(void **state)
{
    world *w = *state;
    w->begin = start;
    w->options.amount = 1000;
    w->connection.max_packet_amount = PACKET;
    w->words = "the shop is closed";
    run(w);
    assert_int_not_equal(w->error, RILL_OK);
    assert_int_equal(w->result.reason, RILL_REASON_CLOSED_BY_RECEIVER);
    assert_string_equal(w->result.receiver_words, "the shop is closed");
    if (!strstr(w->result.detail, "the shop is closed"))
        fail_msg("%s", w->result.detail);
    assert_int_equal(w->state.sent, w->result.sent);
    assert_false(w->state.complete);
}

/* ---- blocking ---- */

static void test_blocking_without_a_node(void **state)
{
    (void)state;
    rill_pay_options o;
    rill_net_options net;
    rill_quote_path path;
    rill_pay_result result;
    uint8_t secret[32] = {1};
    rill_pay_options_init(&o);
    rill_net_options_init(&net);
    net.link_uri = "btp+ws://a:b@127.0.0.1:1";
    o.net = &net;
    o.destination_account = "test.receiver";
    o.shared_secret = secret;
    o.secret_len = sizeof secret;
    o.fail_fast = true;
    int error = rill_quote_ask(&path, &o, &result);
    assert_int_equal(error, RILL_ERR_CONNECT);
    assert_int_equal(result.reason, RILL_REASON_NODE_UNREACHABLE);
    assert_true(*result.detail != '\0');
    assert_int_equal(path.low_rate.num, 0);
    o.destination_account = NULL;
    assert_int_equal(rill_quote_ask(&path, &o, &result), RILL_ERR_INVALID);
    assert_int_equal(rill_quote_ask(&path, &o, NULL), RILL_ERR_INVALID);
}

/* ---- without memory ---- */

/* Quoted, paid in steps, saved: with one allocation that fails, if there are so many. */
static int play(unsigned long at)
{
    void *state;
    fail_at = at;
    (void)set_up(&state);
    world *w = state;
    w->decide = pay;
    w->wanted.source_amount = 1000;
    w->connection.max_packet_amount = PACKET;
    w->connection.packet_lifetime_ns = 2 * RILL_SECOND;
    w->connection.connect_timeout_ns = 3 * RILL_SECOND;
    w->options.timeout_ns = 5 * RILL_SECOND;
    run(w);
    bool good = !w->done || w->error != RILL_OK ||
                (w->received >= 1000 && w->result.sent == 1000 && w->state.complete);
    /* Whatever failed: no more was sent than was announced. */
    good = good && w->result.sent <= w->state.sent + w->state.in_doubt;
    good = good && (w->done || w->error == RILL_ERR_NOMEM);
    if (!good)
        fprintf(stderr, "allocation %lu: error %d, received %llu, sent %llu\n", at, w->error,
                (unsigned long long)w->received, (unsigned long long)w->result.sent);
    int code = verdict(good, at, w->done && w->error == RILL_OK);
    (void)tear_down(&state);
    return code;
}

static void test_without_memory(void **state)
{
    (void)state;
    fail_each_allocation(play);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_nothing_is_paid),
        WORLD_TEST(test_closed_before_it_is_quoted),
        WORLD_TEST(test_closed_before_it_pays),
        WORLD_TEST(test_paid_by_its_terms),
        WORLD_TEST(test_terms_that_are_none),
        WORLD_TEST(test_terms_that_no_path_keeps),
        WORLD_TEST(test_delivered_by_its_terms),
        WORLD_TEST(test_delivered_without_a_quote),
        WORLD_TEST(test_not_delivered_where_it_cannot_be),
        WORLD_TEST(test_the_receivers_own_words),
        cmocka_unit_test(test_blocking_without_a_node),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
