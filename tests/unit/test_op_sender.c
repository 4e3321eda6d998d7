/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payments out of one's own account: the whole way, each step of it going wrong, and each
 * allocation failing. The linker puts the functions below before malloc's (--wrap), for the code of
 * this tree.
 */
#define _POSIX_C_SOURCE 200809L
#include "op_sender_world.h"

#define MOST_RUNS 2000

/* ---- malloc ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);

static _Thread_local unsigned long allocations;

static bool refused(void)
{
    return ++allocations == fail_at;
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

/* ---- the whole way ---- */

static void test_a_payment(void **state)
{
    (void)state;
    server s;
    payer p;
    char limits[400];
    start(&s, whole);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_string_equal(p.problem, "");
    assert_int_equal(p.error, RILL_OK);
    assert_int_equal(p.sent, 500);
    assert_int_equal(p.received, 490);
    assert_false(p.may_move);
    assert_non_null(strstr(p.outgoing, "/out/1"));
    assert_int_equal(p.quotes, 1);
    assert_int_equal(p.pages, 1);
    assert_int_equal(s.answered, AT_END);
    assert_int_equal(s.deleted, 3); /* the quote's grant, the payment's, the receiver's */
    (void)asked_with(&s, "POST /1/complete ");
    assert_non_null(strstr(asked_with(&s, "POST /c "), "{\"interact_ref\":\"ref\"}"));
    snprintf(limits, sizeof limits,
             "\"limits\":{\"receiver\":\"http://127.0.0.1:%u/1\",\"debitAmount\":" EUR("500") "}",
             s.port);
    bool limited = false;
    for (unsigned i = 0; i < s.count; i++)
        limited = limited || strstr(s.asked[i], limits) != NULL;
    assert_true(limited); /* a grant for that much, to that receiver alone */
    assert_int_equal(status_of(p.visitors[0]), 200);
    p.visitors[0] = 0;
    tear_down_payer(&p);
}

/* ---- what goes wrong, and whether money moves then ---- */

typedef struct wrong {
    const char *what;
    unsigned at;
    const char *answer;
    int error;
    const char *problem; /* a part of it */
    bool may_move;
} wrong;

static const wrong wrongs[] = {
    {"no such wallet", AT_WALLET, ANSWER("404", "{}"), RILL_ERR_NOT_FOUND, "wallet address", false},
    {"an incoming payment for a wallet", AT_WALLET,
     ANSWER("200", "{\"authServer\":\"" HERE "/auth\"}"), RILL_ERR_UNSUPPORTED,
     "not a wallet address", false},
    {"no such receiver", AT_RECEIVER, ANSWER("404", "{}"), RILL_ERR_NOT_FOUND, "receiver", false},
    {"a receiver that grants nothing", AT_INCOMING_GRANT, ANSWER("403", "{}"), RILL_ERR_REFUSED,
     "does not grant", false},
    {"a complete incoming payment", AT_INCOMING, INCOMING("201", "\"completed\":true,", "0"),
     RILL_ERR_CLOSED, "complete", false},
    {"an incoming payment that is over", AT_INCOMING,
     INCOMING("201", "\"expiresAt\":\"2020-01-01T00:00:00Z\",", "0"), RILL_ERR_EXPIRED, "over",
     false},
    {"an incoming payment in another asset", AT_INCOMING,
     INCOMING("201", "\"incomingAmount\":" EUR("9") ",", "0"), RILL_ERR_ASSET, "another asset",
     false},
    {"an incoming payment with all that it is for", AT_INCOMING,
     INCOMING("201", "\"incomingAmount\":" USD("9") ",", "9"), RILL_ERR_CLOSED,
     "all that it is for", false},
    {"a key that the wallet does not know", AT_QUOTE_GRANT,
     ANSWER("400", "{\"error\":{\"code\":\"invalid_client\"}}"), RILL_ERR_REFUSED,
     "does not take the key", false},
    {"a person to ask for a quote", AT_QUOTE_GRANT, CONSENT, RILL_ERR_UNSUPPORTED, "ask a person",
     false},
    {"no quote", AT_QUOTE, ANSWER("400", "{}"), RILL_ERR_REFUSED, "gives no quote", false},
    {"a quote that is none", AT_QUOTE, ANSWER("201", "{}"), RILL_ERR_MALFORMED, "\"id\"", false},
    {"a quote for another receiver", AT_QUOTE, QUOTE("/2", EUR("500"), USD("490"), ""),
     RILL_ERR_MALFORMED, "another incoming payment", false},
    {"a quote for more", AT_QUOTE, QUOTE("/1", EUR("501"), USD("490"), ""), RILL_ERR_RATE,
     "another amount", false},
    {"a quote that brings nothing", AT_QUOTE, QUOTE("/1", EUR("500"), USD("0"), ""), RILL_ERR_RATE,
     "nothing would be paid", false},
    {"a quote in another asset", AT_QUOTE, QUOTE("/1", USD("500"), USD("490"), ""), RILL_ERR_ASSET,
     "other assets", false},
    {"a quote that arrives in another asset", AT_QUOTE, QUOTE("/1", EUR("500"), EUR("490"), ""),
     RILL_ERR_ASSET, "other assets", false},
    {"a quote that is over", AT_QUOTE,
     QUOTE("/1", EUR("500"), USD("490"), ",\"expiresAt\":\"2020-01-01T00:00:00Z\""),
     RILL_ERR_EXPIRED, "quote's time is over", false},
    {"a grant that is refused", AT_GRANT, ANSWER("403", "{}"), RILL_ERR_REFUSED, "does not take",
     false},
    {"a page that is none", AT_GRANT, ANSWER("200", "{\"interact\":{}," CONTINUE "}"),
     RILL_ERR_UNSUPPORTED, "no page", false},
    {"no nonce of the wallet's", AT_GRANT,
     ANSWER("200", "{\"interact\":{\"redirect\":\"" HERE "/page\"}," CONTINUE "}"),
     RILL_ERR_UNSUPPORTED, "no page", false},
    {"a page by another scheme", AT_GRANT,
     ANSWER("200",
            "{\"interact\":{\"redirect\":\"file:///etc/passwd\",\"finish\":\"sn\"}," CONTINUE "}"),
     RILL_ERR_MALFORMED, "cannot be asked", false},
    {"a page for a shell", AT_GRANT,
     ANSWER("200",
            "{\"interact\":{\"redirect\":\"" HERE "/page x\",\"finish\":\"sn\"}," CONTINUE "}"),
     RILL_ERR_MALFORMED, "cannot be asked", false},
    {"consent that the wallet does not remember", AT_CONTINUE,
     ANSWER("401", "{\"error\":{\"code\":\"request_denied\"}}"), RILL_ERR_REFUSED, "does not grant",
     false},
    {"an incoming payment that became complete", AT_CHECK,
     INCOMING("200", "\"completed\":true,", "0"), RILL_ERR_CLOSED, "meanwhile", false},
    {"an incoming payment whose time ended", AT_CHECK,
     INCOMING("200", "\"expiresAt\":\"2020-01-01T00:00:00Z\",", "0"), RILL_ERR_EXPIRED, "meanwhile",
     false},
    {"an incoming payment of which less is missing by now", AT_CHECK,
     INCOMING("200", "\"incomingAmount\":" USD("700") ",", "211"), RILL_ERR_LIMIT, "meanwhile",
     false},
    {"an incoming payment that has more than it is for by now", AT_CHECK,
     INCOMING("200", "\"incomingAmount\":" USD("700") ",", "701"), RILL_ERR_LIMIT, "meanwhile",
     false},
    {"a receiver that went away", AT_CHECK, ANSWER("404", "{}"), RILL_ERR_NOT_FOUND, "incoming",
     false},
    {"a payment that is refused", AT_CREATE,
     ANSWER("400", "{\"error\":{\"code\":\"expired_quote\"}}"), RILL_ERR_REFUSED, "expired_quote",
     false},
    {"a wallet that breaks down", AT_CREATE, ANSWER("500", ""), RILL_ERR_IN_DOUBT, "not known",
     true},
    {"a wallet that leads on to another page", AT_CREATE,
     "HTTP/1.1 303 -\r\nLocation: /out/1\r\nConnection: close\r\n\r\n", RILL_ERR_IN_DOUBT,
     "not known", true},
    {"a wallet that leads on for good", AT_CREATE,
     "HTTP/1.1 308 -\r\nLocation: /out/1\r\nConnection: close\r\n\r\n", RILL_ERR_IN_DOUBT,
     "not known", true},
    {"a wallet that was too slow for itself", AT_CREATE, ANSWER("408", ""), RILL_ERR_IN_DOUBT,
     "not known", true},
    {"a wallet to which it is too early", AT_CREATE, ANSWER("425", ""), RILL_ERR_IN_DOUBT,
     "not known", true},
    {"a wallet that is asked too often", AT_CREATE, ANSWER("429", ""), RILL_ERR_REFUSED, "", false},
    {"a wallet that says nothing", AT_CREATE, "", RILL_ERR_IN_DOUBT, "not known", true},
    {"a payment that cannot be read", AT_CREATE, ANSWER("201", "{}"), RILL_ERR_IN_DOUBT,
     "cannot be read", true},
    {"a payment above the quote", AT_CREATE, OUTGOING("201", EUR("501"), EUR("0"), ""),
     RILL_ERR_PROTOCOL, "another payment", true},
    {"a payment that fails", AT_LOOK, OUTGOING("200", EUR("500"), EUR("70"), ",\"failed\":true"),
     RILL_ERR_REMOTE, "could not pay all", false},
};

static void test_each_step_goes_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        const wrong *w = &wrongs[i];
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        answers[w->at] = w->answer;
        start(&s, answers);
        set_up_payer(&p, &s);
        run(&p);
        stop(&s);
        if (p.error != w->error || !strstr(p.problem, w->problem) || p.may_move != w->may_move)
            fail_msg("%s: %s, %s", w->what, rill_error_name(p.error), p.problem);
        assert_int_equal(s.made, w->at >= AT_CREATE); /* no sooner than it may */
        assert_int_equal(p.pages, w->at >= AT_CONTINUE);
        for (const char *c = p.problem; *c; c++)
            assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        tear_down_payer(&p);
    }
}

/* A connection that was kept ends with the question: it is not sent over another one. */
static void test_a_payment_is_asked_for_once(void **state)
{
    (void)state;
    const char *answers[AT_END + 1];
    server s;
    payer p;
    memcpy(answers, whole, sizeof whole);
    answers[AT_CHECK] = KEPT(INCOMING_TEXT("\"completed\":false,", "0"));
    answers[AT_CREATE] = "";
    answers[AT_CREATE + 1] = OUTGOING("201", EUR("500"), EUR("0"), "");
    answers[AT_CREATE + 2] = NULL;
    start(&s, answers);
    set_up_payer(&p, &s);
    run(&p);
    stop(&s);
    assert_int_equal(p.error, RILL_ERR_IN_DOUBT);
    assert_true(p.may_move);
    assert_int_equal(s.times, 1);
    tear_down_payer(&p);
}

/* ---- amounts ---- */

typedef struct amounts {
    uint64_t amount;
    bool deliver;
    uint64_t max_debit;
    const char *incoming; /* NULL: the usual answer */
    const char *quote;
    int error;
    const char *asked; /* what the wallet is asked for */
} amounts;

static void test_amounts(void **state)
{
    (void)state;
    static const char limited[] =
        INCOMING("201", "\"incomingAmount\":" USD("700") ",\"completed\":false,", "210");
    static const amounts cases[] = {
        {500, false, 0, NULL, NULL, RILL_OK, "\"debitAmount\":" EUR("500")},
        {490, true, 0, NULL, NULL, RILL_OK, "\"receiveAmount\":" USD("490")},
        {490, true, 500, NULL, NULL, RILL_OK, NULL},
        {490, true, 499, NULL, NULL, RILL_ERR_RATE, NULL},
        {489, true, 0, NULL, NULL, RILL_ERR_RATE, NULL}, /* more arrives than was asked for */
        {491, true, 0, NULL, NULL, RILL_ERR_RATE, NULL}, /* or less */
        {499, false, 0, NULL, NULL, RILL_ERR_RATE, NULL},
        {0, false, 0, NULL, NULL, RILL_ERR_INVALID, NULL},
        {0, false, 0, limited, NULL, RILL_OK, "\"method\":\"ilp\"}"},
        {0, false, 0, limited, QUOTE("/1", EUR("500"), USD("700"), ""), RILL_ERR_RATE, NULL},
        {491, true, 0, limited, NULL, RILL_ERR_LIMIT, NULL},
        {490, true, 0, limited, NULL, RILL_OK, NULL},
        {500, false, 0, limited, NULL, RILL_OK, NULL},
        {500, false, 0, limited, QUOTE("/1", EUR("500"), USD("491"), ""), RILL_ERR_LIMIT, NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *answers[AT_END + 1];
        server s;
        payer p;
        memcpy(answers, whole, sizeof whole);
        if (cases[i].incoming)
            answers[AT_INCOMING] = cases[i].incoming;
        if (cases[i].quote)
            answers[AT_QUOTE] = cases[i].quote;
        start(&s, answers);
        set_up_payer(&p, &s);
        p.options.amount = cases[i].amount;
        p.options.deliver = cases[i].deliver;
        p.options.max_debit = cases[i].max_debit;
        run(&p);
        stop(&s);
        if (p.error != cases[i].error)
            fail_msg("%zu: %s, %s", i, rill_error_name(p.error), p.problem);
        if (cases[i].asked)
            assert_non_null(strstr(asked_with(&s, "POST /quotes "), cases[i].asked));
        tear_down_payer(&p);
    }
}

/* ---- arguments ---- */

static void test_arguments(void **state)
{
    (void)state;
    server s = {.port = 1};
    payer p;
    rill_op_sender_handlers handlers = {
        .size = sizeof handlers, .quoted = on_quoted, .interact = on_interact, .done = on_done};
    rill_signer signer;
    const char *problem = NULL;
    set_up_payer(&p, &s);
    rill_signer_of_key(&signer, key, "k");
    p.options.receiver = "https://a.example";
    p.options.wallet_address = "https://b.example";
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, NULL),
                     RILL_ERR_INVALID); /* nobody signs */
    p.options.signer = &signer;
    p.options.public_key = rill_key_public(key);
    p.options.receiver = "http://a.example";
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, &problem),
                     RILL_ERR_UNSUPPORTED);
    assert_non_null(strstr(problem, "http is not protected"));
    p.options.receiver = "https://a.example";
    p.options.metadata = "[]";
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, &problem),
                     RILL_ERR_MALFORMED);
    p.options.metadata = NULL;
    handlers.interact = NULL;
    assert_int_equal(rill_op_sender_start(&p.sender, p.loop, &p.options, &handlers, NULL),
                     RILL_ERR_INVALID);
    assert_int_equal(rill_loop_run(p.loop), RILL_OK);
    tear_down_payer(&p);
}

/* ---- allocations that fail ---- */

/* The number of allocations. */
static unsigned long run_with(unsigned long which)
{
    server s;
    payer p;
    start(&s, whole);
    set_up_payer(&p, &s);
    p.options.metadata = "{\"a\":1}";
    p.options.consent_timeout_ns = 2 * RILL_SECOND;
    if (which != NEVER_FAIL)
        p.options.payment_timeout_ns = RILL_SECOND / 5; /* where the payment cannot be looked at */
    allocations = 0;
    fail_at = which;
    int error = begin(&p, "/alice");
    if (error != RILL_OK)
        assert_int_equal(error, RILL_ERR_NOMEM);
    assert_int_equal(rill_loop_run(p.loop), RILL_OK);
    unsigned long made = allocations;
    fail_at = NEVER_FAIL;
    stop(&s);
    assert_int_equal(p.calls, error == RILL_OK);
    if (which == NEVER_FAIL)
        assert_int_equal(p.error, RILL_OK);
    if (s.made && p.error != RILL_OK)
        assert_true(p.may_move); /* never told as if nothing had been sent */
    if (p.may_move && !s.made)
        assert_int_equal(p.error, RILL_ERR_IN_DOUBT);
    tear_down_payer(&p);
    return made;
}

static void test_each_allocation_fails(void **state)
{
    (void)state;
    unsigned long made = run_with(NEVER_FAIL);
    assert_in_range(made, 50, MOST_RUNS);
    for (unsigned long i = 1; i <= made; i++)
        (void)run_with(i);
}

int main(void)
{
    /* A proxy of whoever runs the tests has nothing to do with them. */
    setenv("no_proxy", "*", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_payment),
        cmocka_unit_test(test_each_step_goes_wrong),
        cmocka_unit_test(test_a_payment_is_asked_for_once),
        cmocka_unit_test(test_amounts),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_each_allocation_fails),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
