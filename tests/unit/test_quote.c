/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotes and the payments that they become, over loopback: receiver, node and payer are on one
 * loop. With an argument the program plays one payment in which an allocation fails; the tests
 * start it so, for each allocation.
 */
#define _POSIX_C_SOURCE 200809L

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <uv.h>

#include "cli/demo_node.h"
#include "run/payment_impl.h"
#include "run/payment_state.h"

#define TIME_LIMIT 60 /* seconds, for a test */
#define PACKET     100
#define AT_ONCE    16

/* ---- malloc ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static unsigned long asked;
static unsigned long fail_at;
static bool counting;

static bool refused(void)
{
    return counting && ++asked == fail_at;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *ptr, size_t size)
{
    return refused() ? NULL : __real_realloc(ptr, size);
}

/* ---- a world ---- */

typedef struct world world;
struct world {
    rill_loop *loop;
    rill_node *node;
    char uri[256];
    char payer_uri[300];
    rill_server *server;
    rill_connection_options accepted; /* of the receiver */
    rill_credentials credentials;
    rill_pay_options options;
    rill_net_options net;               /* what options point at */
    rill_connection_options connection; /* what net points at */
    rill_quote *quote;
    rill_payment *payment;
    rill_quote_path path;
    rill_quote_options wanted;
    rill_quote_terms terms;
    uint64_t received; /* by the receiver, all in all */
    const char *words; /* with which it ends a stream, once money has come */
    unsigned quotes;   /* that were told */
    bool done;
    int error;
    rill_pay_result result;
    /* the states that were saved */
    unsigned saves;
    unsigned crash_at; /* that one is the last: the payer is gone; 0 */
    bool crashed;
    unsigned fail_save; /* that one fails */
    rill_payment_state state;
    uint8_t text[RILL_PAYMENT_STATE_MAX];
    size_t len;
    void (*begin)(world *w); /* once there are credentials */
    void (*decide)(world *w);
    uv_timer_t timer;
};

static void on_money(rill_stream *s, uint64_t amount, void *user)
{
    world *w = user;
    w->received += amount;
    /* Whatever leaves was announced before: a payer that dies now knows of it. */
    if (fail_at == 0 && w->saves > 0 && !w->crashed)
        assert_true(w->received <= w->state.sent + w->state.in_doubt);
    if (w->words)
        rill_stream_close(s, RILL_CLOSE_APPLICATION_ERROR, w->words);
}

static void on_ready(rill_server *server, void *user)
{
    world *w = user;
    assert_int_equal(rill_server_generate_credentials(server, NULL, &w->credentials), RILL_OK);
    w->options.destination_account = w->credentials.destination_account;
    w->options.shared_secret = w->credentials.shared_secret;
    w->options.secret_len = sizeof w->credentials.shared_secret;
    counting = fail_at > 0;
    w->begin(w);
}

static void on_closed(int error, const char *detail, void *user)
{
    (void)error;
    (void)detail;
    rill_node_close(((world *)user)->node);
}

static void end_world(world *w)
{
    counting = false;
    rill_server_close(w->server);
}

static void on_done(int error, bool reached, const rill_pay_result *result, void *user)
{
    world *w = user;
    (void)reached;
    w->done = true;
    w->error = error;
    w->result = *result;
    assert_true((error == RILL_OK) == (result->reason == RILL_REASON_NONE));
    end_world(w);
}

static int on_save(rill_bytes state, void *user)
{
    world *w = user;
    if (w->crashed)
        return RILL_OK; /* nobody is there to keep it */
    rill_payment_state last = w->state;
    assert_int_equal(rill_payment_state_read(&w->state, state, NULL), RILL_OK);
    /* What is certain stays so, and all that may leave was announced. */
    assert_true(w->state.sent >= last.sent && w->state.delivered >= last.delivered);
    assert_true(w->saves == 0 || w->state.sent + w->state.in_doubt >= last.sent);
    /* A node without memory refuses what it has passed on, and pays for that itself. */
    if (fail_at == 0 && w->received > w->state.sent + w->state.in_doubt)
        fail_msg("%llu received, and the state has %llu sent, %llu in doubt",
                 (unsigned long long)w->received, (unsigned long long)w->state.sent,
                 (unsigned long long)w->state.in_doubt);
    memcpy(w->text, state.data, state.len);
    w->len = state.len;
    w->saves++;
    w->crashed = w->saves == w->crash_at;
    return w->saves == w->fail_save ? RILL_ERR_IO : RILL_OK;
}

static const rill_payment_handlers *pay_handlers(world *w, bool saves)
{
    static rill_payment_handlers h;
    h = (rill_payment_handlers){
        .size = sizeof h, .done = on_done, .user = w, .save = saves ? on_save : NULL};
    return &h;
}

static void on_quoted(rill_quote *quote, const rill_quote_path *path, void *user)
{
    world *w = user;
    assert_ptr_equal(quote, w->quote);
    w->quotes++;
    w->path = *path;
    w->decide(w);
}

static void ask(world *w)
{
    const rill_quote_handlers handlers = {
        .size = sizeof handlers, .quoted = on_quoted, .done = on_done, .user = w};
    int error = rill_quote_start(&w->quote, w->loop, &w->options, &handlers, NULL);
    if (error == RILL_OK)
        return;
    assert_int_equal(error, RILL_ERR_NOMEM);
    w->error = error;
    end_world(w);
}

static void start(world *w)
{
    assert_int_equal(
        rill_payment_start(&w->payment, w->loop, &w->options, pay_handlers(w, true), NULL),
        RILL_OK);
}

static int set_up(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    alarm(TIME_LIMIT);
    assert_int_equal(rill_loop_new(&w->loop, NULL), RILL_OK);
    assert_int_equal(demo_node_open(&w->node, w->loop, w->uri, sizeof w->uri), RILL_OK);
    rill_pay_options_init(&w->options);
    rill_net_options_init(&w->net);
    rill_connection_options_init(&w->connection);
    rill_connection_options_init(&w->accepted);
    rill_quote_options_init(&w->wanted);
    w->net.connection = &w->connection;
    w->options.net = &w->net;
    w->options.fail_fast = true;
    w->begin = ask;
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    world *w = *state;
    rill_loop_free(w->loop);
    free(w);
    return 0;
}

static void run(world *w)
{
    static const rill_handlers handlers = {.size = sizeof(rill_handlers),
                                           .server_ready = on_ready,
                                           .money = on_money,
                                           .closed = on_closed};
    char link[300];
    const char *host = strstr(w->uri, "://") + 3;
    host = strchr(host, '@') ? strchr(host, '@') + 1 : host;
    rill_net_options net;
    rill_net_options_init(&net);
    snprintf(link, sizeof link, "btp+ws://receiver:token@%s", host);
    snprintf(w->payer_uri, sizeof w->payer_uri, "btp+ws://payer:token@%s", host);
    w->net.link_uri = w->payer_uri;
    net.link_uri = link;
    net.handlers = &handlers;
    net.user = w;
    net.connection = &w->accepted;
    assert_int_equal(rill_server_open(&w->server, w->loop, &net, NULL), RILL_OK);
    assert_int_equal(rill_loop_run(w->loop), RILL_OK);
}

/* ---- quotes ---- */

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

/* ---- saved states ---- */

static void test_a_state_that_cannot_be_saved_stops_it(void **state)
{
    world *w = *state;
    w->begin = start;
    w->options.amount = 1000;
    w->fail_save = 1;
    run(w);
    assert_int_equal(w->error, RILL_ERR_IO);
    assert_int_equal(w->result.reason, RILL_REASON_SAVE);
    assert_int_equal(w->received, 0);
}

static void test_nor_does_more_leave_later(void **state)
{
    world *w = *state;
    w->begin = start;
    w->options.amount = 1000;
    w->connection.max_packet_amount = PACKET;
    w->fail_save = 3;
    run(w);
    assert_int_equal(w->error, RILL_ERR_IO);
    assert_int_equal(w->result.reason, RILL_REASON_SAVE);
    assert_int_equal(w->received, 250); /* two of eight steps */
    assert_int_equal(w->state.sent, 250);
    assert_int_equal(w->state.in_doubt, 0);
}

static void go_on(world *w)
{
    w->options.destination_account = NULL; /* the state has them */
    w->options.shared_secret = NULL;
    w->options.amount = 1;
    w->options.resume = (rill_bytes){w->text, w->len};
    start(w);
}

/* The same receiver, and a state as a crash leaves it. */
static void resume_here(world *w)
{
    rill_payment_state s = w->state;
    char text[RILL_PAYMENT_STATE_MAX];
    s.credentials = w->credentials;
    assert_int_equal(rill_payment_state_write(&s, text, &w->len), RILL_OK);
    memcpy(w->text, text, w->len);
    go_on(w);
}

/* The payer is gone after each of its states in turn, and another one goes on with the last of
 * them: here, with a receiver that has taken all that may have been sent by then. */
static void test_never_paid_twice(void **state)
{
    for (unsigned at = 1;; at++) {
        world *w = *state;
        w->begin = start;
        w->options.amount = 1000;
        w->connection.max_packet_amount = PACKET;
        w->crash_at = at;
        run(w);
        assert_true(w->crashed);
        rill_payment_state last = w->state;
        uint64_t may_have_arrived = last.sent + last.in_doubt;
        (void)tear_down(state);
        (void)set_up(state);
        w = *state;
        w->state = last;
        w->begin = resume_here;
        run(w);
        assert_true(w->done);
        assert_int_equal(w->received, 1000 - may_have_arrived);
        assert_int_equal(w->result.sent + w->result.in_doubt, 1000);
        assert_int_equal(w->result.in_doubt, last.in_doubt);
        if (at == 9)
            return;
        (void)tear_down(state);
        (void)set_up(state);
    }
}

static void test_what_is_in_doubt_is_not_sent_again(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){
        .amount = 1000, .sent = 300, .in_doubt = 125, .delivered = 300, .min_rate = {99, 100}};
    run(w);
    assert_int_equal(w->error, RILL_ERR_IN_DOUBT);
    assert_int_equal(w->result.reason, RILL_REASON_IN_DOUBT);
    assert_int_equal(w->received, 575);
    assert_int_equal(w->result.sent, 875);
    assert_int_equal(w->result.delivered, 875);
    assert_int_equal(w->result.in_doubt, 125);
    assert_true(w->state.sent == 875 && w->state.in_doubt == 125 && !w->state.complete);
}

static void test_what_is_left_is_sent(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state =
        (rill_payment_state){.amount = 1000, .sent = 300, .delivered = 300, .min_rate = {0, 1}};
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 700);
    assert_int_equal(w->result.sent, 1000);
    assert_true(w->state.complete);
}

static void test_a_delivery_goes_on(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){.amount = 1011,
                                    .deliver = 1000,
                                    .sent = 300,
                                    .in_doubt = 100,
                                    .delivered = 300,
                                    .min_rate = {99, 100}};
    run(w);
    /* What was in doubt may have arrived: no more than what is missing then. */
    assert_int_equal(w->received, 600);
    assert_int_equal(w->error, RILL_ERR_IN_DOUBT);
    assert_int_equal(w->result.delivered, 900);
}

/* What was sent before is not sent once more, and a receiver that waits for the rest gets that. */
static void test_a_delivery_goes_on_within_its_maximum(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->accepted.default_receive_max = 700;
    w->state = (rill_payment_state){
        .amount = 1011, .deliver = 1000, .sent = 303, .delivered = 300, .min_rate = {99, 100}};
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 700);
    assert_int_equal(w->result.sent, 1003);
    assert_true(w->result.max_source <= 1011);
    assert_true(w->state.complete);
}

/* The path was better when it was begun: what is left of the maximum does not bring the rest. */
static void test_a_delivery_that_cannot_be_any_more(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){
        .amount = 1000, .deliver = 1000, .sent = 200, .delivered = 100, .min_rate = {1, 2}};
    run(w);
    assert_int_equal(w->error, RILL_ERR_RANGE);
    assert_int_equal(w->result.reason, RILL_REASON_SOURCE_MAX);
    assert_int_equal(w->received, 0);
}

static void test_nothing_is_left(void **state)
{
    world *w = *state;
    w->begin = resume_here;
    w->state = (rill_payment_state){
        .amount = 1000, .sent = 1000, .delivered = 1000, .min_rate = {0, 1}, .complete = true};
    run(w);
    assert_int_equal(w->error, RILL_OK);
    assert_int_equal(w->received, 0);
    assert_int_equal(w->result.sent, 1000);
}

static void start_badly(world *w)
{
    const char *problem = NULL;
    w->options.resume = (rill_bytes){(const uint8_t *)"{}", 2};
    assert_int_equal(
        rill_payment_start(&w->payment, w->loop, &w->options, pay_handlers(w, true), &problem),
        RILL_ERR_MALFORMED);
    assert_non_null(problem);
    w->options.resume.len = 0;
    w->options.secret_len = 31;
    assert_int_equal(
        rill_payment_start(&w->payment, w->loop, &w->options, pay_handlers(w, true), &problem),
        RILL_ERR_INVALID);
    w->done = true;
    end_world(w);
}

static void test_states_that_are_none(void **state)
{
    world *w = *state;
    w->begin = start_badly;
    run(w);
    assert_int_equal(w->saves, 0);
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

/* Exit codes that no sanitizer has. */
enum { ONE_FAILED = 42, ALL_PASSED = 43 };

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
    bool all = asked < at;
    (void)tear_down(&state);
    return !good ? 2 : all ? ALL_PASSED : ONE_FAILED;
}

/* A process for each, so that what one leaves behind is found. Some wait for what never comes. */
static void test_without_memory(void **state)
{
    unsigned long at = 0, failed = 0;
    unsigned running = 0;
    bool all = false;
    (void)state;
    alarm(0);
    while (running > 0 || !all) {
        if (!all && running < AT_ONCE) {
            fflush(NULL);
            pid_t child = fork();
            assert_true(child >= 0);
            at++;
            if (child == 0)
                exit(play(at));
            running++;
            continue;
        }
        int status;
        assert_true(wait(&status) > 0);
        running--;
        int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        all = all || code == ALL_PASSED;
        failed += code == ONE_FAILED;
        if (code != ONE_FAILED && code != ALL_PASSED)
            fail_msg("of the first %lu allocations one fails badly: status %d", at, status);
        assert_true(at < 3000);
    }
    assert_true(failed > 30);
}

#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_nothing_is_paid),
        WORLD_TEST(test_closed_before_it_is_quoted),
        WORLD_TEST(test_paid_by_its_terms),
        WORLD_TEST(test_terms_that_are_none),
        WORLD_TEST(test_terms_that_no_path_keeps),
        WORLD_TEST(test_delivered_by_its_terms),
        WORLD_TEST(test_delivered_without_a_quote),
        WORLD_TEST(test_not_delivered_where_it_cannot_be),
        WORLD_TEST(test_the_receivers_own_words),
        WORLD_TEST(test_a_state_that_cannot_be_saved_stops_it),
        WORLD_TEST(test_nor_does_more_leave_later),
        WORLD_TEST(test_never_paid_twice),
        WORLD_TEST(test_what_is_in_doubt_is_not_sent_again),
        WORLD_TEST(test_what_is_left_is_sent),
        WORLD_TEST(test_a_delivery_goes_on),
        WORLD_TEST(test_a_delivery_goes_on_within_its_maximum),
        WORLD_TEST(test_a_delivery_that_cannot_be_any_more),
        WORLD_TEST(test_nothing_is_left),
        WORLD_TEST(test_states_that_are_none),
        cmocka_unit_test(test_blocking_without_a_node),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
