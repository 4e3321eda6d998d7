/* SPDX-License-Identifier: Apache-2.0 */
/* Whoever else calls at the port where the browser comes back, and what it says there. */
#define _POSIX_C_SOURCE 200809L
#include "op_sender_world.h"

/* ---- who else comes to the way back ---- */

static void come_in_many_ways(payer *p)
{
    static const char wrong_hash[] =
        "?hash=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA&interact_ref=ref";
    char query[300];
    good_query(p, "ref", query, sizeof query);
    p->visitors[0] = visit(p, "GET", NULL, wrong_hash, "");
    p->visitors[1] = visit(p, "GET", "/else", query, "");
    p->visitors[2] = visit(p, "GET", NULL, query, "Origin: https://evil.example\r\n");
    p->visitors[3] = visit(p, "GET", NULL, query, "");
}

static void test_others_at_the_way_back(void **state)
{
    (void)state;
    static const unsigned expected[] = {400, 404, 403, 200};
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = come_in_many_ways;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_int_equal(status_of(p.visitors[i]), expected[i]);
        p.visitors[i] = 0;
    }
    tear_down_payer(&p);
}

/* Who holds connections open, and says nothing, does not keep the browser out. */
#define MOST_HELD 40

typedef struct holder {
    pthread_t thread;
    payer *payer;
    char query[300];
    char uri[200];
    int held[MOST_HELD];
} holder;

static holder held;

static void *hold(void *user)
{
    holder *h = user;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    unsigned port = 0;
    (void)sscanf(h->uri, "http://127.0.0.1:%u/", &port);
    address.sin_port = htons((uint16_t)port);
    for (size_t i = 0; i < MOST_HELD; i++) {
        h->held[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        (void)connect(h->held[i], (struct sockaddr *)&address, sizeof address);
        (void)send(h->held[i], "GET ", 4, MSG_NOSIGNAL);
    }
    h->payer->visitors[0] = visit(h->payer, "GET", NULL, h->query, "");
    return NULL;
}

static void hold_the_port(payer *p)
{
    held.payer = p;
    good_query(p, "ref", held.query, sizeof held.query);
    member_of_grant(p, "uri", held.uri, sizeof held.uri);
    assert_int_equal(pthread_create(&held.thread, NULL, hold, &held), 0);
}

static void test_the_port_is_held(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = hold_the_port;
    run(&p);
    pthread_join(held.thread, NULL);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    for (size_t i = 0; i < MOST_HELD; i++)
        close(held.held[i]);
    tear_down_payer(&p);
}

static void come_twice(payer *p)
{
    char query[300];
    good_query(p, "ref", query, sizeof query);
    p->visitors[0] = visit(p, "GET", NULL, query, "");
    p->visitors[1] = visit(p, "GET", NULL, query, "");
    p->visitors[2] = visit(p, "GET", NULL, "?result=grant_rejected", "");
}

static void test_a_second_answer_changes_nothing(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = come_twice;
    p.comes_again = true;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_OK);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(status_of(p.visitors[i]), 200);
        p.visitors[i] = 0;
    }
    tear_down_payer(&p);
}

/* "It was refused" is asked of the wallet, whose word counts. */
static void test_a_refusal_is_asked_of_the_wallet(void **state)
{
    (void)state;
    static const struct {
        const char *first, *second;
        int error;
    } cases[] = {
        {ANSWER("401", "{\"error\":{\"code\":\"request_denied\"}}"), NULL, RILL_ERR_REFUSED},
        {ANSWER("404", "{}"), NULL, RILL_ERR_REFUSED},
        {ANSWER("400", "{\"error\":{\"code\":\"too_fast\"}}"), ANSWER("401", "{}"),
         RILL_ERR_REFUSED},
        {PENDING, NULL, RILL_ERR_TIMEOUT}, /* it was not, and nobody agrees */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        answers[AT_CONTINUE] = cases[i].first;
        answers[AT_CONTINUE + 1] = cases[i].second;
        start(&s, answers);
        set_up_payer(&p, &s);
        p.browse = say_refused;
        p.options.consent_timeout_ns = 3 * RILL_SECOND;
        run(&p);
        stop(&s);
        assert_int_equal(p.error, cases[i].error);
        assert_false(p.may_move);
        assert_false(s.made);
        assert_null(strstr(asked_with(&s, "POST /c "), "interact_ref"));
        (void)asked_with(&s, "DELETE /c ");
        tear_down_payer(&p);
    }
}

/* Nothing else that a visitor calls a result is. */
static void come_with_other_results(payer *p)
{
    p->visitors[0] = visit(p, "GET", NULL, "?result=done", "");
    p->visitors[1] = visit(p, "GET", NULL, "?result=grant_rejected2", "");
}

static void test_other_results_are_no_refusal(void **state)
{
    (void)state;
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.browse = come_with_other_results;
    p.options.consent_timeout_ns = RILL_SECOND / 2;
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_TIMEOUT);
    assert_int_equal(s.answered, AT_CONTINUE); /* the wallet was not asked */
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(status_of(p.visitors[i]), 400);
        p.visitors[i] = 0;
    }
    tear_down_payer(&p);
}

int main(void)
{
    /* A proxy of whoever runs the tests has nothing to do with them. */
    setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_at_the_way_back),
        cmocka_unit_test(test_the_port_is_held),
        cmocka_unit_test(test_a_second_answer_changes_nothing),
        cmocka_unit_test(test_a_refusal_is_asked_of_the_wallet),
        cmocka_unit_test(test_other_results_are_no_refusal),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
