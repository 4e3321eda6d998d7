/* SPDX-License-Identifier: Apache-2.0 */
/* Payments out of one's own account that take their time, or are stopped. */
#define _POSIX_C_SOURCE 200809L
#include "op_sender_world.h"

/* ---- waiting ---- */

static void do_nothing(payer *p)
{
    (void)p;
}

static void test_nobody_agrees(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = do_nothing;
    p.options.consent_timeout_ns = RILL_SECOND / 5;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_TIMEOUT);
    assert_non_null(strstr(p.problem, "have not agreed"));
    assert_false(s.made);
    (void)asked_with(&s, "DELETE /c "); /* the question is taken back */
    tear_down_payer(&p);
}

/* The wallet wants a moment, after the person has agreed too. */
static void test_a_wallet_takes_its_time(void **state)
{
    (void)state;
    const char *answers[AT_END + 4];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole[0] * AT_CONTINUE);
    answers[AT_CONTINUE] = ANSWER("400", "{\"error\":{\"code\":\"too_fast\"}}");
    answers[AT_CONTINUE + 1] = PENDING;
    memcpy(answers + AT_CONTINUE + 2, whole + AT_CONTINUE,
           sizeof whole[0] * (AT_END + 1 - AT_CONTINUE));
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(s.answered, AT_END + 2);
    tear_down_payer(&p);
}

/* The quote is over while the person thinks. */
static void test_a_quote_ends_meanwhile(void **state)
{
    (void)state;
    const char *answers[AT_END + 1];
    char quote[1024];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole);
    answers[AT_QUOTE] = quote;
    answers[AT_CONTINUE] =
        ANSWER("400", "{\"error\":{\"code\":\"too_fast\"}}"); /* a second passes */
    answers[AT_CONTINUE + 1] = whole[AT_CONTINUE];
    answers[AT_CONTINUE + 2] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    time_t then = (time_t)(rill_loop_now(p.loop).wall_ms / 1000) + 1;
    struct tm tm;
    char until[40];
    gmtime_r(&then, &tm);
    strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    snprintf(quote, sizeof quote, QUOTE("/1", EUR("500"), USD("490"), ",\"expiresAt\":\"%s\""),
             until);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_EXPIRED);
    assert_false(s.made);
    tear_down_payer(&p);
}

/* Neither a lost look nor one that says nonsense ends a payment. */
static void test_looks_may_come_to_nothing(void **state)
{
    (void)state;
    const char *answers[AT_END + 5];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole[0] * AT_LOOK);
    answers[AT_LOOK] = "";
    answers[AT_LOOK + 1] = ANSWER("500", "");
    answers[AT_LOOK + 2] = ANSWER("200", "{}");
    answers[AT_LOOK + 3] = PAYMENT("0");
    answers[AT_LOOK + 4] = whole[AT_LOOK];
    answers[AT_LOOK + 5] = whole[AT_RECEIVED];
    answers[AT_LOOK + 6] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(p.sent, 500);
    tear_down_payer(&p);
}

/* The wallet lets nobody look any more: what the receiver has got tells the end. */
static void test_a_token_that_is_not_renewed(void **state)
{
    (void)state;
    const char *answers[AT_END + 2];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole[0] * AT_LOOK);
    answers[AT_LOOK] = ANSWER("401", "{}");
    answers[AT_LOOK + 1] = ANSWER("403", "{}");
    answers[AT_LOOK + 2] = whole[AT_RECEIVED];
    answers[AT_LOOK + 3] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    (void)asked_with(&s, "POST /manage ");
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(p.received, 490);
    tear_down_payer(&p);
}

static void test_a_payment_that_does_not_end(void **state)
{
    (void)state;
    const char *answers[AT_END + 1];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole);
    answers[AT_LOOK] = OUTGOING("200", EUR("500"), EUR("20"), "");
    answers[AT_RECEIVED] = PAYMENT("19");
    start(&s, answers);
    set_up_payer(&p, &s);
    p.options.payment_timeout_ns = 1;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_TIMEOUT);
    assert_true(p.may_move);
    assert_int_equal(p.sent, 20);
    assert_int_equal(p.received, 19);
    tear_down_payer(&p);
}

/* What left and does not arrive is not paid; and the receiver is not told that this was all. */
static void test_all_was_sent_and_did_not_arrive(void **state)
{
    static const char *const received[] = {"0", "489", "490"};
    (void)state;
    for (size_t i = 0; i < COUNT(received); i++) {
        const bool arrives = i == 2;
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        answers[AT_RECEIVED] = i == 0 ? PAYMENT("0") : i == 1 ? PAYMENT("489") : PAYMENT("490");
        start(&s, answers);
        set_up_payer(&p, &s);
        p.options.payment_timeout_ns = 1;
        run(&p);
        stop(&s);
        assert_int_equal(p.error, arrives ? RILL_OK : RILL_ERR_IN_DOUBT);
        assert_true(p.may_move == !arrives);
        assert_int_equal(p.sent, 500);
        assert_int_equal(p.received, strtoul(received[i], NULL, 10));
        assert_true(arrives || strstr(p.problem, received[i]));
        assert_true(arrives || strstr(p.problem, "500"));
        bool completed = false;
        for (unsigned j = 0; j < s.count; j++)
            completed = completed || strstr(s.asked[j], "POST /1/complete ") == s.asked[j];
        assert_true(completed == arrives);
        tear_down_payer(&p);
    }
}

/* The receiver's wallet may be a little later than the payer's. */
static void test_it_arrives_a_little_later(void **state)
{
    (void)state;
    const char *answers[AT_END + 3];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole);
    answers[AT_RECEIVED] = PAYMENT("0");
    answers[AT_END] = whole[AT_LOOK];
    answers[AT_END + 1] = whole[AT_RECEIVED];
    answers[AT_END + 2] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(p.received, 490);
    tear_down_payer(&p);
}

/* ---- stopped ---- */

static void test_cancelled(void **state)
{
    (void)state;
    static const struct {
        bool no_agreement;
        rill_op_wait at;
        bool may_move;
        const char *asked; /* at the end */
    } cases[] = {
        {true, 0, false, "POST /1/complete "},
        {false, RILL_OP_WAIT_PERSON, false, "DELETE /c "},
        {false, RILL_OP_WAIT_PAYMENT, true, "DELETE /manage "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        server s;
        payer p;
        start(&s, whole);
        set_up_payer(&p, &s);
        p.no_agreement = cases[i].no_agreement;
        p.cancel_at = cases[i].at;
        if (cases[i].at == RILL_OP_WAIT_PERSON)
            p.browse = do_nothing;
        run(&p);
        stop(&s);
        assert_int_equal(p.error, RILL_ERR_CANCELLED);
        assert_int_equal(p.may_move, cases[i].may_move);
        assert_int_equal(s.made, cases[i].may_move);
        (void)asked_with(&s, cases[i].asked);
        tear_down_payer(&p);
    }
}

/* What is done while a question waits for its answer. */
typedef struct holdup {
    uv_poll_t poll;
    uv_timer_t timer;
    payer *payer;
    void (*act)(payer *p);
    uint64_t ms; /* until it is answered */
    int asked[2], go[2];
} holdup;

static void on_long_enough(uv_timer_t *timer)
{
    holdup *h = timer->data;
    (void)!write(h->go[1], (char[2]){0}, 2); /* one for a question that must not come again */
    uv_close((uv_handle_t *)timer, NULL);
}

static void on_asked_for_it(uv_poll_t *poll, int status, int events)
{
    holdup *h = poll->data;
    (void)status;
    (void)events;
    h->act(h->payer);
    assert_int_equal(uv_timer_start(&h->timer, on_long_enough, h->ms, 0), 0);
    uv_close((uv_handle_t *)poll, NULL);
}

/* Runs p, whose server was just started. */
static void run_with_holdup(payer *p, const char *question, void (*act)(payer *p), uint64_t ms)
{
    holdup h = {.payer = p, .act = act, .ms = ms};
    assert_int_equal(pipe(h.asked) | pipe(h.go), 0);
    p->server->held_up = question;
    p->server->go = h.go[0];
    p->server->asked_for_it = h.asked[1];
    assert_int_equal(uv_poll_init(rill_loop_uv(p->loop), &h.poll, h.asked[0]), 0);
    assert_int_equal(uv_timer_init(rill_loop_uv(p->loop), &h.timer), 0);
    h.poll.data = &h;
    h.timer.data = &h;
    assert_int_equal(uv_poll_start(&h.poll, UV_READABLE, on_asked_for_it), 0);
    run(p);
    stop(p->server);
    for (size_t end = 0; end < 2; end++) {
        close(h.asked[end]);
        close(h.go[end]);
    }
}

static void cancel_twice(payer *p)
{
    rill_op_sender_cancel(p->sender);
    rill_op_sender_cancel(p->sender);
}

/* The answer is waited for, since it tells whether money moves; but it is not asked for again. */
static void test_cancelled_while_it_is_made(void **state)
{
    (void)state;
    static const struct {
        const char *held_up, *answer;
        int error;
        bool may_move;
    } cases[] = {
        {"POST /outgoing-payments ", OUTGOING("201", EUR("500"), EUR("0"), ""), RILL_ERR_CANCELLED,
         true},
        {"POST /outgoing-payments ", ANSWER("400", "{}"), RILL_ERR_CANCELLED, false},
        {"POST /outgoing-payments ", ANSWER("401", "{}"), RILL_ERR_CANCELLED, false},
        {"POST /outgoing-payments ", ANSWER("403", "{}"), RILL_ERR_CANCELLED, false},
        {"POST /outgoing-payments ", "", RILL_ERR_IN_DOUBT, true},
        {"POST /manage ", ANSWER("401", "{}"), RILL_ERR_CANCELLED, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        answers[AT_CREATE] = cases[i].answer;
        answers[AT_CREATE + 1] = GRANT; /* a new token, for whoever asks */
        answers[AT_CREATE + 2] = whole[AT_CREATE];
        answers[AT_CREATE + 3] = NULL;
        start(&s, answers);
        set_up_payer(&p, &s);
        run_with_holdup(&p, cases[i].held_up, cancel_twice, 20);
        /* At once, and not as long as the answer takes. */
        assert_int_equal(p.waits[RILL_OP_WAIT_ANSWER], cases[i].held_up[6] == 'o');
        if (p.error != cases[i].error || p.may_move != cases[i].may_move)
            fail_msg("%zu: %s, %s", i, rill_error_name(p.error), p.problem);
        assert_int_equal(s.times, 1);
        tear_down_payer(&p);
    }
}

/* The time to agree is over once the wallet was asked, however long its answers take. */
static void test_no_time_ends_a_payment_that_is_made(void **state)
{
    (void)state;
    static const char *const held_up[] = {"POST /c ", "POST /outgoing-payments "};
    for (size_t i = 0; i < COUNT(held_up); i++) {
        server s;
        payer p;
        start(&s, whole);
        set_up_payer(&p, &s);
        p.browse = say_refused; /* which the wallet knows nothing of */
        p.options.consent_timeout_ns = RILL_SECOND;
        run_with_holdup(&p, held_up[i], do_nothing, 1500);
        if (p.error != RILL_OK)
            fail_msg("%s: %s, %s", held_up[i], rill_error_name(p.error), p.problem);
        assert_int_equal(p.sent, 500);
        tear_down_payer(&p);
    }
}

/* Whatever ends it then, nobody is told that nothing was sent. */
static void end_it(payer *p)
{
    rill_op_sender_finish(p->sender, RILL_ERR_TIMEOUT, "too late");
}

static void test_ended_while_it_is_made(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    run_with_holdup(&p, "POST /outgoing-payments ", end_it, 0);
    assert_int_equal(p.error, RILL_ERR_IN_DOUBT);
    assert_true(p.may_move);
    assert_non_null(strstr(p.problem, "not known (too late)"));
    tear_down_payer(&p);
}

static void test_freed_at_once(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    assert_int_equal(begin(&p, "/alice"), RILL_OK);
    rill_op_sender_free(p.sender);
    rill_op_sender_free(NULL);
    assert_int_equal(rill_loop_run(p.loop), RILL_OK);
    assert_int_equal(p.calls, 0);
    stop(&s);
    tear_down_payer(&p);
}

int main(void)
{
    /* A proxy of whoever runs the tests has nothing to do with them. */
    setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nobody_agrees),
        cmocka_unit_test(test_a_wallet_takes_its_time),
        cmocka_unit_test(test_a_quote_ends_meanwhile),
        cmocka_unit_test(test_looks_may_come_to_nothing),
        cmocka_unit_test(test_a_token_that_is_not_renewed),
        cmocka_unit_test(test_a_payment_that_does_not_end),
        cmocka_unit_test(test_all_was_sent_and_did_not_arrive),
        cmocka_unit_test(test_it_arrives_a_little_later),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_cancelled_while_it_is_made),
        cmocka_unit_test(test_no_time_ends_a_payment_that_is_made),
        cmocka_unit_test(test_ended_while_it_is_made),
        cmocka_unit_test(test_freed_at_once),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
